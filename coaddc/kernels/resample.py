"""Image, variance and mask of an exposure on another pixel grid, in one pass."""

import numpy as np
from numba import njit
from numpy.typing import NDArray

Image = NDArray[np.float32]
Mask = NDArray[np.int32]
Floats = NDArray[np.float64]

#: Pixels of a row taken at a time: the buffers of so many stay in the processor's nearest cache.
_RUN = 64
_STRIDE = np.uint64(_RUN)

#: Shorter runs of positions that step from pixel to pixel are not worth the vector code.
_SHORTEST = 8

#: Positions this far outside the outermost pixel centres, pixels, still count as on them: rounding.
SLACK = 1e-4


@njit(nogil=True, cache=True, error_model="numpy", fastmath={"contract"})
def resample(
    weights: NDArray[np.float32],
    variances: NDArray[np.float32],
    sizes: tuple[tuple[int, ...], tuple[int, ...], tuple[int, ...]],
    source: tuple[Image, Image, Mask],
    source_corner: tuple[int, int],
    limits: tuple[int, int],
    nodes: Floats,
    active: NDArray[np.bool_],
    grid: tuple[int, int, int],
    corner: tuple[int, int],
    window: tuple[int, int, int, int],
    weight: float,
    no_data: int,
    outputs: tuple[Image, Image, Mask, Image],
) -> None:
    """Interpolate an exposure at the positions that a grid of nodes gives.

    Positions follow from the nodes by the cubic through four of them on either axis. Flux per pixel is
    multiplied by the area of the new pixel, its variance by the square of that.

    Where positions step from pixel to pixel along a row of the exposure, as they do between grids of
    nearly the same scale and orientation, loops run over positions, and become vector code; elsewhere over
    taps. Both do the same operations in the same order.

    Parameters
    ----------
    weights, variances : (taps, degree + 1)
        Of the interpolant, see `coaddc.kernels.interpolants`.
    sizes
        Tuples as long as there are taps, powers in ``weights`` and powers in ``variances``: the compiler
        takes these lengths from the type and unrolls its loops.
    source : image, variance, mask, each (sy, sx)
        Section of the exposure: finite values (prefiltered where the interpolant wants it), the variance
        not prefiltered, and the mask as `coaddc.kernels.spread.spread_mask` leaves it.
    source_corner
        Exposure pixel (y, x) of the section's first one; all taps of valid positions lie in the section.
    limits
        Shape (ny, nx) of the whole exposure: positions within its outermost pixel centres are valid.
    nodes : (3, my, mx)
        Position (x, y) in the exposure, pixels, and exposure pixels in a pixel of the output, at the nodes.
    active : (my - 3, mx - 3)
        Whether cells, each between four nodes of the inner grid, may hold valid positions.
    grid
        Pixels from node to node, and the output's pixel (y, x) of the first node.
    corner
        Pixel (y, x) of the outputs' first one.
    window
        What of the outputs is made: their rows from and to, their columns from and to.
    weight
        What valid positions get as weight.
    no_data
        Bit that marks those without data, in mask and output.
    outputs : image, variance, mask, weight, each (ny, nx)
        Written where there is data; elsewhere only the mask, where it has ``no_data`` among other bits.
    """
    step, grid_y, grid_x = grid
    out_image, out_variance, out_mask, out_weight = outputs
    image, variance, mask = source
    source_y, source_x = source_corner
    taps = len(sizes[0])
    y0, y1, x0, x1 = window
    rows = np.empty((3, nodes.shape[2]))
    place = np.empty((2, _RUN), np.int64)  # pixel at or below the position, in the section: y, x
    phase = np.empty((2, _RUN), np.float32)
    area = np.empty(_RUN, np.float32)
    valid = np.empty(_RUN, np.bool_)
    wy, wx = np.empty(2 * taps * _RUN, np.float32), np.empty(2 * taps * _RUN, np.float32)
    value, noise = np.empty(_RUN, np.float32), np.empty(_RUN, np.float32)
    for row in range(y0, y1):
        cell_y = (corner[0] + row - grid_y) // step - 1
        if not active[cell_y].any():
            continue
        _row_of_nodes(nodes, cell_y, (corner[0] + row - grid_y) / step - 1 - cell_y, rows)
        column = x0
        while column < x1:
            cell = (corner[1] + column - grid_x) // step - 1
            node = grid_x + (cell + 1) * step - corner[1]
            n = min(min(x1, node + step) - column, _RUN)
            if active[cell_y, cell]:
                _place(rows, cell, column - node, step, limits, n, place, phase, area, valid)
                for k in range(n):
                    place[0, k] -= source_y
                    place[1, k] -= source_x
                _weigh(sizes, weights, variances, phase[0], n, wy)
                _weigh(sizes, weights, variances, phase[1], n, wx)
                _interpolate(sizes[0], image, variance, place, valid, n, wy, wx, value, noise)
                for k in range(n):
                    if valid[k]:
                        bits = mask[place[0, k], place[1, k]]
                        x = column + k
                        out_mask[row, x] = bits
                        if not bits & no_data:
                            out_image[row, x] = value[k] * area[k]
                            out_variance[row, x] = noise[k] * (area[k] * area[k])
                            out_weight[row, x] = weight
            column += n


@njit(nogil=True, cache=True, error_model="numpy", fastmath={"contract"})
def _row_of_nodes(nodes: Floats, cell_y: int, t: float, rows: Floats) -> None:
    """Interpolate the nodes to one row: t is its place in the cell, 0 to 1."""
    w0 = -t * (t - 1.0) * (t - 2.0) / 6.0
    w1 = (t + 1.0) * (t - 1.0) * (t - 2.0) / 2.0
    w2 = -(t + 1.0) * t * (t - 2.0) / 2.0
    w3 = (t + 1.0) * t * (t - 1.0) / 6.0
    for k in range(3):
        n = nodes[k, cell_y : cell_y + 4]
        for j in range(n.shape[1]):
            rows[k, j] = w0 * n[0, j] + w1 * n[1, j] + w2 * n[2, j] + w3 * n[3, j]


@njit(nogil=True, cache=True, error_model="numpy", inline="always")
def _cubic(row: Floats, cell: int) -> tuple[float, float, float, float]:
    """Return the coefficients, lowest first, of the cubic through -1, 0, 1, 2 in units of a cell."""
    p0, p1, p2, p3 = row[cell], row[cell + 1], row[cell + 2], row[cell + 3]
    return (
        p1,
        p2 - p1 / 2.0 - p0 / 3.0 - p3 / 6.0,
        (p0 + p2) / 2.0 - p1,
        (p3 - p0) / 6.0 + (p1 - p2) / 2.0,
    )


@njit(nogil=True, cache=True, error_model="numpy", fastmath={"contract"})
def _place(
    rows: Floats,
    cell: int,
    first: int,
    step: int,
    limits: tuple[int, int],
    n: int,
    place: NDArray[np.int64],
    phase: NDArray[np.float32],
    area: NDArray[np.float32],
    valid: NDArray[np.bool_],
) -> None:
    """Find where n positions of one cell lie, from its column ``first`` on: pixel, phase - 1/2, area."""
    x0, x1, x2, x3 = _cubic(rows[0], cell)
    y0, y1, y2, y3 = _cubic(rows[1], cell)
    a0, a1, a2, a3 = _cubic(rows[2], cell)
    top, right = limits[0] - 1.0, limits[1] - 1.0
    for k in range(n):
        t = (first + k) / step
        x = x0 + t * (x1 + t * (x2 + t * x3))
        y = y0 + t * (y1 + t * (y2 + t * y3))
        area[k] = np.float32(a0 + t * (a1 + t * (a2 + t * a3)))
        valid[k] = (x >= -SLACK) & (x <= right + SLACK) & (y >= -SLACK) & (y <= top + SLACK)
        x = min(max(x, 0.0), right)
        y = min(max(y, 0.0), top)
        ix = min(np.int64(x), np.int64(right) - 1)
        iy = min(np.int64(y), np.int64(top) - 1)
        place[1, k] = ix
        place[0, k] = iy
        phase[1, k] = np.float32(x - ix - 0.5)
        phase[0, k] = np.float32(y - iy - 0.5)


@njit(nogil=True, cache=True, fastmath={"contract"})
def _weigh(
    sizes: tuple[tuple[int, ...], tuple[int, ...], tuple[int, ...]],
    weights: NDArray[np.float32],
    variances: NDArray[np.float32],
    phase: NDArray[np.float32],
    n: int,
    result: NDArray[np.float32],
) -> None:
    """Evaluate the weights of n positions: tap i at ``result[i * _RUN :]``, then those of the variances."""
    taps, m = np.uint64(len(sizes[0])), np.uint64(n)
    for i in range(taps):
        _polynomial(sizes[1], weights, i, phase, m, result, i * _STRIDE)
        if len(sizes[2]) > 0:
            _polynomial(sizes[2], variances, i, phase, m, result, (taps + i) * _STRIDE)
        else:
            for k in range(m):
                w = result[i * _STRIDE + k]
                result[(taps + i) * _STRIDE + k] = w * w


@njit(nogil=True, cache=True, fastmath={"contract"})
def _polynomial(
    size: tuple[int, ...],
    coefficients: NDArray[np.float32],
    i: np.uint64,
    phase: NDArray[np.float32],
    n: np.uint64,
    result: NDArray[np.float32],
    start: np.uint64,
) -> None:
    """Evaluate one tap's polynomial at n phases."""
    for k in range(n):
        w = coefficients[i, np.uint64(len(size) - 1)]
        for power in range(np.uint64(len(size) - 1)):
            w = w * phase[k] + coefficients[i, np.uint64(len(size) - 2) - power]
        result[start + k] = w


@njit(nogil=True, cache=True, fastmath={"contract"})
def _interpolate(
    taps: tuple[int, ...],
    image: Image,
    variance: Image,
    place: NDArray[np.int64],
    valid: NDArray[np.bool_],
    n: int,
    wy: NDArray[np.float32],
    wx: NDArray[np.float32],
    value: NDArray[np.float32],
    noise: NDArray[np.float32],
) -> None:
    """Interpolate at n positions, run by run."""
    half, variances = len(taps) // 2 - 1, np.uint64(len(taps)) * _STRIDE
    k = np.int64(0)  # a plain 0 would be a type of its own: what takes it would be compiled twice
    while k < n:
        end = _end_of_run(place, valid, k, n)
        if end - k >= _SHORTEST:
            first, m = np.uint64(k), np.uint64(end - k)
            y, x = np.uint64(place[0, k] - half), np.uint64(place[1, k] - half)
            value[k:end] = 0.0
            noise[k:end] = 0.0
            for j in range(np.uint64(len(taps))):
                at = first + j * _STRIDE
                _add_row(taps, image, y + j, x, wx, first, wy, at, m, value, first)
                _add_row(taps, variance, y + j, x, wx, first + variances, wy, at + variances, m, noise, first)
        else:
            end = min(n, max(end, k + _SHORTEST))
            _gather(taps, image, place, valid, k, end, wy, wx, np.uint64(0), value)
            _gather(taps, variance, place, valid, k, end, wy, wx, variances, noise)
        k = end


@njit(nogil=True, cache=True)
def _end_of_run(place: NDArray[np.int64], valid: NDArray[np.bool_], k: int, n: int) -> int:
    """Return where the run of positions from k on ends that step from pixel to pixel along a row."""
    far = k + _SHORTEST - 1
    if far >= n or place[0, far] != place[0, k] or place[1, far] - place[1, k] != _SHORTEST - 1:
        return k
    end = k
    shift = place[1, k] - k
    while end < n and valid[end] and place[0, end] == place[0, k] and place[1, end] - end == shift:
        end += 1
    return end


@njit(nogil=True, cache=True, fastmath={"contract"})
def _add_row(
    taps: tuple[int, ...],
    plane: Image,
    y: np.uint64,
    x: np.uint64,
    wx: NDArray[np.float32],
    start_x: np.uint64,
    wy: NDArray[np.float32],
    start_y: np.uint64,
    n: np.uint64,
    result: NDArray[np.float32],
    first: np.uint64,
) -> None:
    """Add what one row of pixels, from (y, x) on, gives to a run of n positions.

    Unsigned indices spare the test for negative ones, which would keep the loop from becoming vector code.
    """
    for k in range(n):
        total = np.float32(0.0)
        for i in range(np.uint64(len(taps))):
            total += wx[start_x + i * _STRIDE + k] * plane[y, x + i + k]
        result[first + k] += wy[start_y + k] * total


@njit(nogil=True, cache=True, fastmath={"contract"})
def _gather(
    taps: tuple[int, ...],
    plane: Image,
    place: NDArray[np.int64],
    valid: NDArray[np.bool_],
    start: int,
    end: int,
    wy: NDArray[np.float32],
    wx: NDArray[np.float32],
    offset: np.uint64,
    result: NDArray[np.float32],
) -> None:
    """Sum over the taps of each position by itself; offset is 0, or where the variances' weights begin."""
    half = len(taps) // 2 - 1
    for k in range(start, end):
        if valid[k]:
            at = np.uint64(k) + offset
            y, x = np.uint64(place[0, k] - half), np.uint64(place[1, k] - half)
            value = np.float32(0.0)
            for j in range(np.uint64(len(taps))):
                total = np.float32(0.0)
                for i in range(np.uint64(len(taps))):
                    total += wx[at + i * _STRIDE] * plane[y + j, x + i]
                value += wy[at + j * _STRIDE] * total
            result[k] = value
