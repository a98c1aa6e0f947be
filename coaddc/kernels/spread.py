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
    column = np.zeros(nx + 2 * half, np.int32)  # of all rows, with nothing on either side
    for y in range(ny):
        column[half : half + nx] = 0
        for yy in range(max(0, y - half + 1), min(ny, y + half + 1)):
            _add(mask[yy], -1 if yy == y or yy == y + 1 else reject, column[half : half + nx])
        spread[y] = 0
        for shift in range(1 - half, half + 1):
            _add(column[half + shift :], -1 if shift == 0 or shift == 1 else reject, spread[y])


@njit(nogil=True, cache=True)
def _add(bits: NDArray[np.int32], keep: int, total: NDArray[np.int32]) -> None:
    """Add bits, of those that are kept, to a total."""
    kept = np.int32(keep)
    for x in range(total.size):
        total[x] |= bits[x] & kept
