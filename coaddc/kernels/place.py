"""Where the pixels of a row of the output lie in an exposure."""

import numpy as np
from numba import njit
from numpy.typing import NDArray

from coaddc.kernels.lanes import INNER, LANES

Floats = NDArray[np.float64]

#: Of each position: shift, phases y and x, area; see `find_places`.
Places = tuple[NDArray[np.int32], NDArray[np.float32], NDArray[np.float32], NDArray[np.float32]]

#: Pixels of a row taken at a time: the buffers of so many stay in the processor's nearest cache.
RUN = 128

#: Shift where there is no valid position.
NOWHERE = -(2**30)

#: Positions this far outside the outermost pixel centres, pixels, still count as on them: rounding.
SLACK = 1e-4


@njit(**INNER)
def make_places() -> Places:
    """Return room for the places of RUN pixels, and of those that fill up the lanes."""
    size = RUN + LANES
    return (
        np.empty(size, np.int32),
        np.empty(size, np.float32),
        np.empty(size, np.float32),
        np.empty(size, np.float32),
    )


@njit(**INNER)
def find_places(
    nodes: Floats,
    active: NDArray[np.bool_],
    grid: tuple[int, int, int],
    limits: tuple[int, int],
    section: tuple[int, int],
    pixel: tuple[int, int],
    n: int,
    places: Places,
) -> bool:
    """Find where n pixels of a row lie, by the cubic through four nodes on either axis; say if any does.

    Parameters
    ----------
    nodes, active, grid, limits
        As for `coaddc.kernels.resample.resample`.
    section
        Pixels from row to row of a section of the exposure, and the number, counted in such rows from the
        exposure's pixel (0, 0), of what counts as the section's first.
    pixel
        The first one (y, x).
    n
        At most RUN.
    places
        What is found. The shift is the number, in the section, of the exposure's pixel at or below the
        position, less the pixel's own number among the n: it is the same along a run of positions that step
        from pixel to pixel along a row. It is NOWHERE if the position is not valid. Phases are the position
        less that pixel, less 1/2. The area is that of the pixel in those of the exposure.
    """
    step, grid_y, grid_x = grid
    row, column = pixel[0] - grid_y, pixel[1] - grid_x
    cell_y = row // step - 1
    weights = _lagrange(row / step - 1.0 - cell_y)
    found = False
    k = np.int64(0)  # a plain 0 would be a type of its own: what takes it would be compiled twice
    while k < n:
        cell = (column + k) // step - 1
        first = column + k - (cell + 1) * step
        count = min(n - k, step - first)
        if active[cell_y, cell]:
            found = True
            _place(nodes, (cell_y, cell), weights, (first, step), limits, section, k, count, places)
        else:
            for other in range(k, k + count):
                places[0][other] = NOWHERE
        k += count
    return found


@njit(**INNER)
def _lagrange(t: float) -> tuple[float, float, float, float]:
    """Return the weights at t, 0 to 1, of nodes at -1, 0, 1, 2."""
    a, b, c = t + 1.0, t - 1.0, t - 2.0
    sixth = 1.0 / 6.0
    return -sixth * t * b * c, 0.5 * a * b * c, -0.5 * a * t * c, sixth * a * t * b


@njit(**INNER)
def _cubic(
    nodes: Floats, cell: tuple[int, int], weights: tuple[float, float, float, float]
) -> tuple[float, float, float, float]:
    """Return the coefficients, lowest first, of the cubic along a row of a cell, in units of it."""
    y, x = cell
    p0, p1 = _across(nodes, y, x, weights), _across(nodes, y, x + 1, weights)
    p2, p3 = _across(nodes, y, x + 2, weights), _across(nodes, y, x + 3, weights)
    third, sixth = 1.0 / 3.0, 1.0 / 6.0
    return (
        p1,
        p2 - 0.5 * p1 - third * p0 - sixth * p3,
        0.5 * (p0 + p2) - p1,
        sixth * (p3 - p0) + 0.5 * (p1 - p2),
    )


@njit(**INNER)
def _across(nodes: Floats, y: int, x: int, weights: tuple[float, float, float, float]) -> float:
    """Interpolate across the rows of a cell, in one column of nodes."""
    total = 0.0
    for j in range(4):
        total += weights[j] * nodes[np.uint64(y + j), np.uint64(x)]  # unsigned: no test for negative indices
    return total


@njit(**INNER)
def _place(
    nodes: Floats,
    cell: tuple[int, int],
    weights: tuple[float, float, float, float],
    columns: tuple[int, int],
    limits: tuple[int, int],
    section: tuple[int, int],
    start: int,
    count: int,
    places: Places,
) -> None:
    """Find the places of some pixels of one cell, and of those that fill up the lanes."""
    x0, x1, x2, x3 = _cubic(nodes[0], cell, weights)
    y0, y1, y2, y3 = _cubic(nodes[1], cell, weights)
    a0, a1, a2, a3 = _cubic(nodes[2], cell, weights)
    first, scale = float(columns[0]), 1.0 / columns[1]
    top, right = limits[0] - 1.0, limits[1] - 1.0
    stride, origin = float(section[0]), float(section[1] + start)
    shift, phase_y, phase_x, area = places[0][start:], places[1][start:], places[2][start:], places[3][start:]
    for k in range(np.uint64(-(-count // LANES) * LANES)):
        number = float(np.int32(k))
        t = (first + number) * scale
        x = x0 + t * (x1 + t * (x2 + t * x3))
        y = y0 + t * (y1 + t * (y2 + t * y3))
        near_x = min(max(x, 0.0), right)
        near_y = min(max(y, 0.0), top)
        valid = max(abs(x - near_x), abs(y - near_y)) <= SLACK
        pixel_x = np.floor(min(near_x, right - 1.0))
        pixel_y = np.floor(min(near_y, top - 1.0))
        offset = pixel_y * stride + pixel_x - origin - number
        shift[k] = np.int32(offset if valid else float(NOWHERE))
        phase_y[k] = np.float32(near_y - pixel_y - 0.5)
        phase_x[k] = np.float32(near_x - pixel_x - 0.5)
        area[k] = np.float32(a0 + t * (a1 + t * (a2 + t * a3)))
