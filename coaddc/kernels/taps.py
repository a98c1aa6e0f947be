"""Weights of an interpolant's taps, and sums over the taps, of eight positions at once or of one alone.

Whichever way a position is taken, its value comes from the same operations in the same order, and is the same
to the bit: the sums down the columns of taps; these times their weights, the ninth column's added to the
first's, and so on; and what is then in the eight lanes, as `coaddc.kernels.lanes.total` adds them up.
"""

import numpy as np
from numba import njit
from numpy.typing import NDArray

from coaddc.kernels.lanes import (
    INNER,
    LANES,
    Lanes,
    add,
    load,
    load_first,
    multiply,
    multiply_add,
    spread,
    store,
)
from coaddc.kernels.place import RUN, Places

Floats = NDArray[np.float32]

#: As long as there are taps, or powers: the compiler takes the length from the type and unrolls its loops.
Size = tuple[int, ...]


@njit(**INNER)
def make_weights(taps: Size) -> tuple[Floats, Floats]:
    """Return room for the weights, and those of variances, of RUN positions and what fills up the lanes."""
    count = len(taps) * RUN + LANES
    return np.empty(count, np.float32), np.empty(count, np.float32)


@njit(**INNER)
def weigh(
    sizes: tuple[Size, Size, Size],
    coefficients: tuple[Floats, Floats],
    places: Places,
    n: int,
    wy: tuple[Floats, Floats],
    wx: tuple[Floats, Floats],
) -> None:
    """Evaluate the weights at the phases of n positions, and at those that fill up the lanes.

    Parameters
    ----------
    sizes
        Of taps, and of powers of either kind of weights; the weights of variances are squares if of none.
    coefficients : (taps, powers) each
        Lowest power first; the mirrored tap's are the same but for the sign of odd powers.
    places, n
        As `coaddc.kernels.place.find_places` gives them.
    wy, wx
        Tap i's weights from ``i * RUN`` on, then likewise those of variances.
    """
    for k in range(0, n, LANES):
        y, x = load(places[1], k), load(places[2], k)
        for i in range(len(sizes[0]) // 2):
            at, mirrored = i * RUN + k, (len(sizes[0]) - 1 - i) * RUN + k
            # Both axes together: what is loaded of the coefficients serves twice.
            low_y, high_y = _mirrored(sizes[1], coefficients[0], i, y)
            low_x, high_x = _mirrored(sizes[1], coefficients[0], i, x)
            _store(low_y, high_y, wy[0], at, mirrored)
            _store(low_x, high_x, wx[0], at, mirrored)
            if len(sizes[2]) > 0:
                low_y, high_y = _mirrored(sizes[2], coefficients[1], i, y)
                low_x, high_x = _mirrored(sizes[2], coefficients[1], i, x)
                _store(low_y, high_y, wy[1], at, mirrored)
                _store(low_x, high_x, wx[1], at, mirrored)
            else:
                _store(multiply(low_y, low_y), multiply(high_y, high_y), wy[1], at, mirrored)
                _store(multiply(low_x, low_x), multiply(high_x, high_x), wx[1], at, mirrored)


@njit(**INNER)
def _store(low: Lanes, high: Lanes, result: Floats, at: int, mirrored: int) -> None:
    """Store a tap's weights and the mirrored tap's."""
    store(low, result, at)
    store(high, result, mirrored)


@njit(**INNER)
def _mirrored(powers: Size, coefficients: Floats, i: int, u: Lanes) -> tuple[Lanes, Lanes]:
    """Return tap i's polynomial, the sum of even and odd powers, and the mirrored tap's, the difference."""
    last_even, last_odd = (len(powers) - 1) // 2 * 2, len(powers) // 2 * 2 - 1
    minus, square = multiply(u, spread(np.float32(-1.0))), multiply(u, u)
    even, odd = spread(coefficients[i, last_even]), spread(coefficients[i, last_odd])
    for power in range(last_even - 2, -1, -2):
        even = multiply_add(even, square, spread(coefficients[i, power]))
    for power in range(last_odd - 2, 0, -2):
        odd = multiply_add(odd, square, spread(coefficients[i, power]))
    return multiply_add(odd, u, even), multiply_add(odd, minus, even)


@njit(**INNER)
def sums(taps: Size, plane: Floats, at: int, stride: int, wy: Floats, wx: Floats, k: int) -> Lanes:
    """Return the sums of eight positions that step from pixel to pixel along a row.

    Parameters
    ----------
    taps
        Their size.
    plane, at, stride
        Pixels, flat; the first that the first position takes; and pixels from row to row.
    wy, wx, k
        What `weigh` has found, and the number of the first position.
    """
    first = np.int64(0)  # a plain 0 would be a type of its own: what takes it would be compiled once more
    return add(
        add(
            _columns(taps, plane, at, stride, wy, wx, k, first),
            _columns(taps, plane, at, stride, wy, wx, k, first + 2),
        ),
        add(
            _columns(taps, plane, at, stride, wy, wx, k, first + 1),
            _columns(taps, plane, at, stride, wy, wx, k, first + 3),
        ),
    )


@njit(**INNER)
def _columns(
    taps: Size, plane: Floats, at: int, stride: int, wy: Floats, wx: Floats, k: int, first: int
) -> Lanes:
    """Return the sum of what `_column` gives for a column and the fourth from it."""
    a = _column(taps, plane, at, stride, wy, wx, k, first)
    b = _column(taps, plane, at, stride, wy, wx, k, first + LANES // 2)
    return add(a, b)


@njit(**INNER)
def _column(
    taps: Size, plane: Floats, at: int, stride: int, wy: Floats, wx: Floats, k: int, first: int
) -> Lanes:
    """Return what columns ``first``, ``first + LANES``, ... of the taps add to eight positions, if any."""
    result = spread(np.float32(0.0))
    for i in range(first, len(taps), LANES):
        column = spread(np.float32(0.0))
        for j in range(len(taps)):
            column = multiply_add(load(wy, j * RUN + k), load(plane, at + j * stride + i), column)
        result = multiply_add(column, load(wx, i * RUN + k), result)
    return result


@njit(**INNER)
def table(coefficients: Floats) -> Floats:
    """Return coefficients with the taps along the lanes, which zeros fill up: (powers, multiple of LANES)."""
    taps, powers = coefficients.shape
    result = np.zeros((powers, -(-taps // LANES) * LANES), np.float32)
    for i in range(taps):
        for power in range(powers):
            result[power, i] = coefficients[i, power]
    return result


@njit(**INNER)
def weights_of_one(powers: Size, coefficients: Floats, phase: np.float32, first: int) -> Lanes:
    """Evaluate the weights of taps ``first`` to ``first + LANES`` at one phase, from a `table`."""
    last_even, last_odd = (len(powers) - 1) // 2 * 2, len(powers) // 2 * 2 - 1
    u = spread(phase)
    square = multiply(u, u)
    even, odd = load(coefficients[last_even], first), load(coefficients[last_odd], first)
    for power in range(last_even - 2, -1, -2):
        even = multiply_add(even, square, load(coefficients[power], first))
    for power in range(last_odd - 2, 0, -2):
        odd = multiply_add(odd, square, load(coefficients[power], first))
    return multiply_add(odd, u, even)


@njit(**INNER)
def columns_of_one(taps: Size, plane: Floats, at: int, stride: int, wy: Floats, k: int, first: int) -> Lanes:
    """Return the sums down the columns ``first`` to ``first + LANES`` of the taps of one position."""
    result = spread(np.float32(0.0))
    for j in range(len(taps)):
        pixels = load_first(plane, at + j * stride + first, len(taps) - first)
        result = multiply_add(spread(wy[j * RUN + k]), pixels, result)
    return result
