"""Convolution of two pieces at once: the real and the imaginary part of what is transformed.

Kernels are real, so that the two do not mix. Points lie in strips (`coaddc.kernels.transform`) as wide as
there are lanes: strips of columns first, and strips of rows once these are transformed.
"""

import numpy as np
from numba import njit
from numpy.typing import NDArray

from coaddc.kernels.lanes import (
    INNER,
    LANES,
    add,
    load,
    multiply,
    multiply_add,
    spread,
    store,
    subtract,
    turn,
)
from coaddc.kernels.transform import POINT, forward, inverse

Floats = NDArray[np.float32]
Flags = NDArray[np.uint8]


@njit(nogil=True, cache=True)
def place(
    plane: Floats,
    there: Flags,
    first: tuple[int, int],
    second: tuple[int, int],
    reach: tuple[int, int],
    size: tuple[int, int],
    points: Floats,
) -> None:
    """Put two parts of a plane into strips of columns, and 0 where it has no data or ends.

    Parameters
    ----------
    plane, there : (ny, nx)
        Pixels, and whether they are to be taken.
    first, second
        The (y, x) of the plane, inside or not, where the two parts begin.
    reach
        Their rows and columns; what lies beyond counts as 0.
    size
        Rows and columns of the points.
    points : (2 rows columns,)
        Output: the first part is the real one.
    """
    rows, columns = size
    real, imaginary = np.zeros(columns, np.float32), np.zeros(columns, np.float32)
    for y in range(rows):
        _take(plane, there, first[0] + y if y < reach[0] else -1, first[1], real[: reach[1]])
        _take(plane, there, second[0] + y if y < reach[0] else -1, second[1], imaginary[: reach[1]])
        for strip in range(columns // LANES):
            at = (strip * rows + y) * POINT
            store(load(real, strip * LANES), points, at)
            store(load(imaginary, strip * LANES), points, at + LANES)


@njit(**INNER)
def _take(plane: Floats, there: Flags, y: int, x: int, line: Floats) -> None:
    """Take a row, or part of one."""
    low, high = max(0, x), max(0, min(plane.shape[1], x + line.size))
    if y < 0 or y >= plane.shape[0] or low >= high:
        for k in range(line.size):
            line[k] = 0
    else:
        _select(plane[y, low:high], there[y, low:high], line[low - x : high - x])


@njit(**INNER)
def _select(pixels: Floats, flags: Flags, line: Floats) -> None:
    for x in range(line.size):
        value = pixels[x]
        line[x] = value if flags[x] else np.float32(0.0)


@njit(nogil=True, cache=True)
def analyse(points: Floats, size: tuple[int, int], tables: tuple[Floats, Floats], spectrum: Floats) -> None:
    """Transform points; they are used up.

    Parameters
    ----------
    points : (2 rows columns,)
        In strips of columns.
    size
        Rows and columns.
    tables
        The `coaddc.kernels.transform.roots` of both.
    spectrum : (2 rows columns,)
        Output, in strips of rows.
    """
    rows, columns = size
    for strip in range(columns // LANES):
        start = strip * rows * POINT
        forward(points, start, rows, tables[0])
        _turn(points, start, POINT * LANES, spectrum, strip * LANES * POINT, columns * POINT, rows // LANES)
    for strip in range(rows // LANES):
        forward(spectrum, strip * columns * POINT, columns, tables[1])


@njit(nogil=True, cache=True)
def convolve(
    spectra: tuple[Floats, Floats],
    size: tuple[int, int],
    tables: tuple[Floats, Floats],
    work: Floats,
    results: tuple[Floats, Floats],
    weights: tuple[Floats, Floats, Floats, Floats],
    *,
    more: bool,
) -> None:
    """Convolve two pieces with a kernel, times weights that are products along and across the rows.

    Parameters
    ----------
    spectra : (2 rows columns,) each
        Of the pieces, and of the kernel over the number of points, from `analyse`.
    size, tables
        As there.
    work : (2 rows columns,)
        Room to work in.
    results : (ny, nx) each
        Output: the first pixels of either; nx is a multiple of `LANES`.
    weights : (ny, c), (c, nx), and again
        Of either. A pixel's is the sum over c of their products.
    more
        Whether to add to what the results hold.
    """
    rows, columns = size
    for strip in range(rows // LANES):
        start = strip * columns * POINT
        _multiply(spectra[0], spectra[1], start, columns, work)
        inverse(work, start, columns, tables[1])
    line, begin = np.empty(rows * POINT, np.float32), np.int64(0)  # a plain 0 would be a type of its own
    wide = max(results[0].shape[1], results[1].shape[1])
    for strip in range(wide // LANES):
        _turn(work, strip * LANES * POINT, columns * POINT, line, begin, POINT * LANES, rows // LANES)
        inverse(line, begin, rows, tables[0])
        _collect(line, begin, strip * LANES, results[0], weights[0], weights[1], more)
        _collect(line, begin + LANES, strip * LANES, results[1], weights[2], weights[3], more)


@njit(**INNER)
def _turn(source: Floats, at: int, step: int, target: Floats, to: int, stride: int, count: int) -> None:
    """Turn so many squares of eight points by eight."""
    for k in range(count):
        for part in (0, LANES):
            turn(source, at + k * step + part, POINT, target, to + k * stride + part, POINT)


@njit(**INNER)
def _multiply(a: Floats, b: Floats, start: int, n: int, product: Floats) -> None:
    """Multiply the points of two strips."""
    for at in range(start, start + n * POINT, POINT):
        x, y, c, s = load(a, at), load(a, at + LANES), load(b, at), load(b, at + LANES)
        store(subtract(multiply(x, c), multiply(y, s)), product, at)
        store(multiply_add(x, s, multiply(y, c)), product, at + LANES)


@njit(**INNER)
def _collect(
    line: Floats, part: int, x: int, result: Floats, along: Floats, across: Floats, more: bool
) -> None:
    """Set or add to eight columns of a result from a strip."""
    ny, nx = result.shape
    if x >= nx:
        return
    flat, weights = result.reshape(ny * nx), across.reshape(across.size)
    for y in range(ny):
        weight = multiply(spread(along[y, 0]), load(weights, x))
        for c in range(1, along.shape[1]):
            weight = multiply_add(spread(along[y, c]), load(weights, c * nx + x), weight)
        value = multiply(load(line, y * POINT + part), weight)
        if more:
            value = add(value, load(flat, y * nx + x))
        store(value, flat, y * nx + x)
