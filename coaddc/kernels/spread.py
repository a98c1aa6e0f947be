"""Mask bits spread over the positions that their pixels have a part in."""

import numpy as np
from numba import njit
from numpy.typing import NDArray

Mask = NDArray[np.int32]

#: Columns that are worked on together: nearly everywhere there is no bit in so few, and nothing to do.
_WIDTH = 256


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
    column = np.empty(_WIDTH + 2 * half, np.int32)  # of all rows, with nothing on either side of the mask
    for x0 in range(0, nx, _WIDTH):
        x1 = min(nx, x0 + _WIDTH)
        low, high = max(0, x0 - half), min(nx, x1 + half)
        first, last = low - x0 + half, high - x0 + half
        seen = -half - 1  # the last row with a bit
        for y in range(-half, ny):
            if y + half < ny and _any(mask[y + half, low:high]):
                seen = y + half
            if y >= 0:
                spread[y, x0:x1] = 0
            if y < 0 or seen <= y - half:
                continue
            column[:] = 0
            for yy in range(max(0, y - half + 1), min(ny, y + half + 1)):
                _add(mask[yy, low:high], -1 if yy == y or yy == y + 1 else reject, column[first:last])
            for shift in range(1 - half, half + 1):
                _add(column[half + shift :], -1 if shift == 0 or shift == 1 else reject, spread[y, x0:x1])


@njit(nogil=True, cache=True)
def _any(bits: NDArray[np.int32]) -> bool:
    """Say whether there is any bit."""
    seen = np.int32(0)
    for x in range(bits.size):
        seen |= bits[x]
    return bool(seen != 0)


@njit(nogil=True, cache=True)
def _add(bits: NDArray[np.int32], keep: int, total: NDArray[np.int32]) -> None:
    """Add bits, of those that are kept, to a total."""
    kept = np.int32(keep)
    for x in range(total.size):
        total[x] |= bits[x] & kept
