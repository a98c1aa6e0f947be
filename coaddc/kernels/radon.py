"""Sums along lines: the fast discrete Radon transform.

Lines of 2**k columns are made of two lines of half as many (Brady 1998, SIAM J. Comput. 27, 107; for trails
of satellites: Nir, Zackay & Ofek 2018, AJ 156, 229), so that n columns of n rows cost n**2 log n additions.
"""

from typing import Any

import numpy as np
from numba import njit
from numpy.typing import NDArray

Float32 = NDArray[np.float32]
jit: Any = njit(nogil=True, cache=True, error_model="numpy")


@jit
def double_lines(half: Float32) -> Float32:
    """Join sums along neighbouring lines into sums along lines twice as long.

    Parameters
    ----------
    half : (blocks, w, rows)
        [b, s, y]: along the line over the w columns of block b that begins in row y and ends s rows on.

    Returns
    -------
    whole : (blocks // 2, 2 w, rows)
        The same for blocks of twice the width; rows beyond the last are 0.
    """
    blocks, width, rows = half.shape
    whole = np.empty((blocks // 2, 2 * width, rows), np.float32)
    for b in range(blocks // 2):
        for s in range(2 * width):
            step = (s + 1) // 2
            left, right = half[2 * b, s // 2], half[2 * b + 1, s // 2]
            out = whole[b, s]
            for y in range(rows - step):
                out[y] = left[y] + right[y + step]
            for y in range(max(rows - step, 0), rows):
                out[y] = left[y]
    return whole


@jit
def brightest_line(sums: Float32, counts: Float32, fewest: float) -> tuple[float, int, int, int]:
    """Return the largest sum over the root of its count, and the block, shift and row of its line.

    Parameters
    ----------
    sums, counts : (blocks, w, rows)
        From `double_lines`, of values and of how many pixels there are.
    fewest
        Lines with fewer pixels do not count.
    """
    best, block, shift, row = 0.0, -1, 0, 0
    for b in range(sums.shape[0]):
        for s in range(sums.shape[1]):
            for y in range(sums.shape[2]):
                n = counts[b, s, y]
                if n >= fewest and sums[b, s, y] > 0.0 and sums[b, s, y] * sums[b, s, y] > best * best * n:
                    best, block, shift, row = sums[b, s, y] / np.sqrt(n), b, s, y
    return best, block, shift, row
