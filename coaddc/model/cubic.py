"""The cubic spline through the pixels of a stamp, as matrices: stamps are small, and alike in size."""

from functools import lru_cache

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.float64]


@lru_cache(maxsize=64)
def spline_filter(size: int) -> Floats:
    """Return what makes of a line of pixels the coefficients of its cubic spline, mirrored at its ends.

    The inverse, (size, size), of what the B-spline, 2/3 at its middle and 1/6 at its neighbours, makes of
    them.
    """
    values = np.diag(np.full(size, 2.0 / 3.0))
    for neighbour in (-1, 1):
        at = np.abs(np.arange(size) + neighbour)
        at = np.minimum(at, 2 * (size - 1) - at) if size > 1 else 0 * at
        np.add.at(values, (np.arange(size), at), 1.0 / 6.0)
    return _fixed(np.linalg.inv(values))


@lru_cache(maxsize=64)
def spline_finer(half: int, reach: int) -> Floats:
    """Return what interpolates a line of 2 half + 1 pixels by its spline at steps of 0.1 pixels.

    (places, pixels), for the places at most ``reach`` pixels from the middle one.
    """
    fine = np.arange(-reach, reach + 0.05, 0.1)
    distance = np.abs(fine[:, None] + half - np.arange(2 * half + 1))
    near, far = 2.0 / 3.0 - distance**2 * (1.0 - distance / 2.0), np.maximum(2.0 - distance, 0.0) ** 3 / 6.0
    return _fixed(np.where(distance < 1.0, near, far) @ spline_filter(2 * half + 1))


def _fixed(matrix: Floats) -> Floats:
    matrix.flags.writeable = False
    return matrix
