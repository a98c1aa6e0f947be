"""Image, variance and mask of an exposure on another pixel grid, in one pass."""

import numpy as np
from numba import njit
from numpy.typing import NDArray

from coaddc.kernels.lanes import INNER, LANES, count_equal, multiply, multiply_add, spread, store, total
from coaddc.kernels.place import NOWHERE, RUN, Places, find_places, make_places
from coaddc.kernels.taps import (
    Size,
    columns_of_one,
    make_weights,
    sums,
    table,
    weigh,
    weights_of_one,
)

Image = NDArray[np.float32]
Mask = NDArray[np.int32]
Integers = NDArray[np.int32]
Nodes = NDArray[np.float64]
Floats = NDArray[np.float32]

#: Shorter runs of positions that step from pixel to pixel are taken one by one: that is as quick.
_SHORTEST = 4


@njit(nogil=True, cache=True, error_model="numpy", fastmath={"contract"})
def resample(
    weights: Floats,
    variances: Floats,
    sizes: tuple[Size, Size, Size],
    source: tuple[Image, Image, Mask],
    source_corner: tuple[int, int],
    limits: tuple[int, int],
    nodes: Nodes,
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
    nearly the same scale and orientation, eight go at a time; elsewhere eight taps of one position. Both do
    the same operations in the same order.

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
    y0, y1, x0, x1 = window
    stride = source[0].shape[1]
    half = (len(sizes[0]) // 2 - 1) * (stride + 1)  # from the first pixel of the taps to that of the place
    section = stride, source_corner[0] * stride + source_corner[1] + half
    planes = source[0].reshape(-1), source[1].reshape(-1)
    mask = source[2].reshape(-1)[half:]
    tables = table(weights), table(variances)
    places = make_places()
    wy, wx = make_weights(sizes[0]), make_weights(sizes[0])
    values = np.empty(RUN + LANES, np.float32), np.empty(RUN + LANES, np.float32)
    left, bits = np.empty(RUN, np.int32), np.empty(RUN, np.int32)
    column = x0
    while column < x1:  # a strip after the other: the pixels that its rows need stay in the nearest cache
        n = min(x1 - column, RUN - (corner[1] + column - grid[2]) % RUN)
        for row in range(y0, y1):
            pixel = corner[0] + row, corner[1] + column
            if find_places(nodes, active, grid, limits, section, pixel, n, places):
                weigh(sizes, (weights, variances), places, n, wy, wx)
                found = _interpolate_runs(sizes[0], planes, stride, places[0], n, wy, wx, values, left)
                for k in left[:found]:
                    _interpolate_one(sizes, planes, stride, places, k, wy, tables, values)
                if _gather(mask, places[0], n, no_data, bits):
                    _write_all(places[3], n, bits, values, (row, column), weight, outputs)
                else:
                    _write_some(places, n, bits, values, (row, column), weight, no_data, outputs)
        column += n


@njit(**INNER)
def _interpolate_runs(
    taps: Size,
    planes: tuple[Floats, Floats],
    stride: int,
    shift: Integers,
    n: int,
    wy: tuple[Floats, Floats],
    wx: tuple[Floats, Floats],
    values: tuple[Floats, Floats],
    left: Integers,
) -> int:
    """Interpolate image and variance in runs; list the other valid positions, and say how many."""
    reach = (len(taps) - 1) * (stride + 1) + LANES  # what eight positions may touch; only some may count
    found = 0
    k = int(np.int64(0))  # a plain 0 would be a type of its own: what takes it would be compiled twice
    while k < n:
        at = k + shift[k]
        count = min(int(count_equal(shift, k)), n - k)
        if count >= _SHORTEST and at + reach <= planes[0].size:
            if at >= 0:
                store(sums(taps, planes[0], at, stride, wy[0], wx[0], k), values[0], k)
                store(sums(taps, planes[1], at, stride, wy[1], wx[1], k), values[1], k)
        else:
            count = min(_SHORTEST, n - k)
            for one in range(k, k + count):
                if shift[one] != NOWHERE:
                    left[found] = one
                    found += 1
        k += count
    return found


@njit(**INNER)
def _interpolate_one(
    sizes: tuple[Size, Size, Size],
    planes: tuple[Floats, Floats],
    stride: int,
    places: Places,
    k: int,
    wy: tuple[Floats, Floats],
    tables: tuple[Floats, Floats],
    values: tuple[Floats, Floats],
) -> None:
    """Interpolate image and variance at position k."""
    at, phase = k + places[0][k], places[2][k]
    value = noise = spread(np.float32(0.0))
    for first in range(0, len(sizes[0]), LANES):
        wx = weights_of_one(sizes[1], tables[0], phase, first)
        vx = weights_of_one(sizes[2], tables[1], phase, first) if len(sizes[2]) > 0 else multiply(wx, wx)
        value = multiply_add(columns_of_one(sizes[0], planes[0], at, stride, wy[0], k, first), wx, value)
        noise = multiply_add(columns_of_one(sizes[0], planes[1], at, stride, wy[1], k, first), vx, noise)
    values[0][k] = total(value)
    values[1][k] = total(noise)


@njit(**INNER)
def _gather(mask: Integers, shift: Integers, n: int, no_data: int, bits: Integers) -> bool:
    """Find the bits of n pixels, ``no_data`` where no position is valid; say whether all have data."""
    seen = 0
    for k in range(np.uint64(n)):
        bits[k] = mask[np.uint64(np.int64(k) + shift[k])] if shift[k] != NOWHERE else no_data
        seen |= bits[k]
    return seen & no_data == 0


@njit(**INNER)
def _write_all(
    area: Floats,
    n: int,
    bits: Integers,
    values: tuple[Floats, Floats],
    pixel: tuple[int, int],
    weight: float,
    outputs: tuple[Image, Image, Mask, Image],
) -> None:
    """Write n pixels of a row, from the output's pixel (y, x) on, that all have data."""
    out_image, out_variance, out_mask, out_weight = outputs
    row, column = np.uint64(pixel[0]), np.uint64(pixel[1])  # unsigned: no test for negative indices
    for k in range(np.uint64(n)):
        out_mask[row, column + k] = bits[k]
    for k in range(np.uint64(n)):
        out_image[row, column + k] = values[0][k] * area[k]
    for k in range(np.uint64(n)):
        out_variance[row, column + k] = values[1][k] * (area[k] * area[k])
    for k in range(np.uint64(n)):
        out_weight[row, column + k] = weight


@njit(**INNER)
def _write_some(
    places: Places,
    n: int,
    bits: Integers,
    values: tuple[Floats, Floats],
    pixel: tuple[int, int],
    weight: float,
    no_data: int,
    outputs: tuple[Image, Image, Mask, Image],
) -> None:
    """Write those of n pixels of a row, from the output's pixel (y, x) on, that have data."""
    out_image, out_variance, out_mask, out_weight = outputs
    shift, area = places[0], places[3]
    row, column = np.uint64(pixel[0]), np.uint64(pixel[1])
    for k in range(np.uint64(n)):
        if shift[k] != NOWHERE:
            out_mask[row, column + k] = bits[k]
            if not bits[k] & no_data:
                out_image[row, column + k] = values[0][k] * area[k]
                out_variance[row, column + k] = values[1][k] * (area[k] * area[k])
                out_weight[row, column + k] = weight
