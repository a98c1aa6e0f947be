"""A cubic spline at many points: stamps of a PSF model that varies over its image."""

import numpy as np
from numba import njit
from numpy.typing import NDArray

Floats = NDArray[np.float64]


@njit(nogil=True, cache=True, error_model="numpy", fastmath={"contract"})
def spline_stamps(
    coefficients: Floats, terms: Floats, steps: Floats, centre: tuple[float, float], stamps: Floats
) -> None:
    """Evaluate sums of splines on the pixels of stamps, each on a grid of its own.

    As `scipy.ndimage.map_coordinates` of order 3 with mode "constant" does: 0 at points beyond the outermost
    samples, and the samples mirrored there.

    Parameters
    ----------
    coefficients : (t, my, mx)
        Of the splines.
    terms : (k, t)
        What each stamp has of each of them.
    steps : (k, 2, 2)
        d(y, x of the samples)/d(y, x of the stamp).
    centre
        Sample (y, x) of the middle of a stamp.
    stamps : (k, n, n)
        Output, n odd.
    """
    half = stamps.shape[1] // 2
    own = np.empty(coefficients.shape[1:], np.float64)
    wy, wx = np.empty(4, np.float64), np.empty(4, np.float64)
    for k in range(stamps.shape[0]):
        _sum(coefficients, terms[k], own)
        for j in range(stamps.shape[1]):
            for i in range(stamps.shape[2]):
                dy, dx = j - half, i - half
                y = centre[0] + steps[k, 0, 0] * dy + steps[k, 0, 1] * dx
                x = centre[1] + steps[k, 1, 0] * dy + steps[k, 1, 1] * dx
                stamps[k, j, i] = _value(own, y, x, wy, wx)


@njit(nogil=True, cache=True, error_model="numpy", fastmath={"contract"})
def _sum(coefficients: Floats, terms: Floats, total: Floats) -> None:
    """Add up splines."""
    for j in range(total.shape[0]):
        for i in range(total.shape[1]):
            total[j, i] = 0.0
        for t in range(terms.size):
            for i in range(total.shape[1]):
                total[j, i] += terms[t] * coefficients[t, j, i]


@njit(nogil=True, cache=True, error_model="numpy", fastmath={"contract"})
def _value(own: Floats, y: float, x: float, wy: Floats, wx: Floats) -> float:
    """Evaluate a spline at a point; the weights are scratch."""
    ny, nx = own.shape
    if not (0.0 <= y <= ny - 1.0 and 0.0 <= x <= nx - 1.0):
        return 0.0
    first_y, first_x = int(np.floor(y)) - 1, int(np.floor(x)) - 1
    _weights(y - first_y - 1.0, wy)
    _weights(x - first_x - 1.0, wx)
    total = 0.0
    if first_y >= 0 and first_x >= 0 and first_y + 3 < ny and first_x + 3 < nx:
        for j in range(4):
            row = own[first_y + j]
            total += wy[j] * (
                wx[0] * row[first_x]
                + wx[1] * row[first_x + 1]
                + wx[2] * row[first_x + 2]
                + wx[3] * row[first_x + 3]
            )
        return total
    for j in range(4):
        for i in range(4):
            total += wy[j] * wx[i] * own[_mirrored(first_y + j, ny), _mirrored(first_x + i, nx)]
    return total


@njit(nogil=True, cache=True, error_model="numpy", fastmath={"contract"})
def _weights(t: float, weights: Floats) -> None:
    """Set the weights of the samples at -1, 0, 1 and 2 for a place t, 0 to 1: those of the B-spline."""
    u = 1.0 - t
    weights[0] = u * u * u / 6.0
    weights[1] = 2.0 / 3.0 - t * t * (1.0 - 0.5 * t)
    weights[2] = 2.0 / 3.0 - u * u * (1.0 - 0.5 * u)
    weights[3] = t * t * t / 6.0


@njit(nogil=True, cache=True, error_model="numpy")
def _mirrored(place: int, n: int) -> int:
    """Return the sample that stands for one which may lie two beyond the outermost; n is 2 at least."""
    place = abs(place)
    return 2 * (n - 1) - place if place >= n else place
