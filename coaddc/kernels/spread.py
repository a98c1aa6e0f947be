"""Mask bits spread over the positions that their pixels have a part in."""

import numpy as np
from numba import njit
from numpy.typing import NDArray

Mask = NDArray[np.int32]


@njit(nogil=True, cache=True)
def spread_mask(mask: Mask, reject: int, half: int, spread: Mask) -> None:
    """Find the mask that every position between four pixels gets.

    Parameters
    ----------
    mask : (ny, nx)
        Bits.
    reject
        Bits that forbid a pixel's use: they are taken from the 2 half by 2 half pixels around a position,
        all others from the two by two that enclose it.
    half
        1 or more.
    spread : (ny, nx)
        Output: the bits for positions from (y, x) to (y + 1, x + 1).
    """
    ny, nx = mask.shape
    for y in range(ny):
        spread[y] = 0
        for yy in range(max(0, y - half + 1), min(ny, y + half + 1)):
            keep = -1 if yy == y or yy == y + 1 else reject
            for x in range(nx):
                spread[y, x] |= mask[yy, x] & keep
    column = np.empty(nx, np.int32)
    for y in range(ny):
        row = spread[y]
        column[:] = row
        row[: nx - 1] |= column[1:]
        for shift in range(2, half + 1):
            for x in range(nx - shift):
                row[x] |= column[x + shift] & reject
        for shift in range(1, half):
            for x in range(shift, nx):
                row[x] |= column[x - shift] & reject
