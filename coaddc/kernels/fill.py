"""Bad pixels replaced from good neighbours, so that interpolation does not ring around them."""

import numpy as np
from numba import njit
from numpy.typing import NDArray

#: Distance, pixels on an axis or diagonal, to which good neighbours are looked for.
REACH = 16

#: Neighbours that a value depends on: the nearest good pixel and the one behind it.
MARGIN = REACH + 1

#: Gaps to this length are bridged by the cubic through two good pixels on either side.
_CUBIC_GAP = 6

#: In longer gaps, and where one side has no good pixel, the slope at the border dies out over this distance.
_SLOPE_LENGTH = 8.0

_LARGEST, _NOTHING = np.finfo(np.float32).max, np.float32(0.0)

#: Pixels of a row that are looked at together, whether any of them is bad.
_RUN = 64

# The four lines through a pixel (dy, dx), and how much a diagonal loses by its longer steps, by the same
# power of the distance that weighs the lines.
_DY = (0, 1, 1, 1)
_DX = (1, 0, 1, -1)
_LINE_WEIGHT = (1.0, 1.0, 0.125, 0.125)


@njit(nogil=True, cache=True)
def find_bad(
    image: NDArray[np.float32],
    variance: NDArray[np.float32],
    mask: NDArray[np.int32],
    window: tuple[int, int, int, int],
    reject: int,
    flag: int,
    bad: NDArray[np.bool_],
) -> None:
    """Find pixels that cannot be used, and flag those of them that the mask does not tell.

    Parameters
    ----------
    image, variance : (ny, nx)
        A pixel is bad where either is not finite, or the variance is not positive.
    mask : (ny, nx)
        Bits; a pixel is bad where it shares one with ``reject``. Bad ones without get ``flag``, in place.
    window
        What is looked at: rows from and to, columns from and to.
    reject, flag
        Bits.
    bad : (ny, nx)
        Output: within the window, whether a pixel is.
    """
    y0, y1, x0, x1 = window
    for y in range(y0, y1):
        _find_in_row(image[y, x0:x1], variance[y, x0:x1], mask[y, x0:x1], reject, flag, bad[y, x0:x1])


@njit(nogil=True, cache=True)
def _find_in_row(
    image: NDArray[np.float32],
    variance: NDArray[np.float32],
    mask: NDArray[np.int32],
    reject: int,
    flag: int,
    bad: NDArray[np.bool_],
) -> None:
    """Find the bad pixels of a row, without a branch, in single precision: it becomes vector code."""
    rejected, flagged = np.int32(reject), np.int32(flag)
    for x in range(bad.size):
        told = (mask[x] & rejected) != 0
        usable = (abs(image[x]) <= _LARGEST) & (variance[x] > _NOTHING) & (variance[x] <= _LARGEST)
        bad[x] = told | (not usable)
        mask[x] |= flagged * np.int32((not told) & (not usable))


@njit(nogil=True, cache=True)
def fill(
    image: NDArray[np.float32],
    variance: NDArray[np.float32],
    bad: NDArray[np.bool_],
    window: tuple[int, int, int, int],
) -> None:
    """Replace bad pixels in place, smoothly at the border of a hole.

    Along each of the four lines through a bad pixel, the nearest good pixels and those behind them give a
    value and a slope on either side: gaps up to _CUBIC_GAP long get the cubic through the four, longer ones
    a straight line to which the slopes at its ends are added, dying out. The lines are averaged by the
    inverse sixth power of the distances. The variance is averaged likewise, without slopes. A pixel without
    any good one within REACH gets 0, and no variance: it is out of the reach of what surrounds the hole.

    Parameters
    ----------
    image, variance : (ny, nx)
        Only bad pixels are written, only good ones are read.
    bad : (ny, nx)
        Where to fill.
    window
        Rows from and to, columns from and to: nothing is filled around it.
    """
    y0, y1, x0, x1 = window
    near = _near_good(bad)
    columns = np.empty(x1 - x0, np.int64)
    for y in range(y0, y1):
        for x in columns[: _find(bad[y], x0, x1, columns)]:
            total, spread, norm = 0.0, 0.0, 0.0
            if near[y // REACH, x // REACH]:
                for line in range(4):
                    value, noise, weight = _along(image, variance, bad, y, x, _DY[line], _DX[line])
                    weight *= _LINE_WEIGHT[line]
                    total += weight * value
                    spread += weight * noise
                    norm += weight
            image[y, x] = total / norm if norm > 0.0 else 0.0
            variance[y, x] = spread / norm if norm > 0.0 else 0.0


@njit(nogil=True, cache=True)
def _find(bad: NDArray[np.bool_], x0: int, x1: int, columns: NDArray[np.int64]) -> int:
    """List the bad pixels of a row, from x0 to x1; return their number. Good runs are passed quickly."""
    count = 0
    for start in range(x0, x1, _RUN):
        run = bad[start : min(start + _RUN, x1)]
        some = False
        for x in range(run.size):
            some |= run[x]
        if some:
            for x in range(run.size):
                if run[x]:
                    columns[count] = start + x
                    count += 1
    return count


@njit(nogil=True, cache=True)
def _near_good(bad: NDArray[np.bool_]) -> NDArray[np.bool_]:
    """Say of each block of REACH squared whether it or a neighbour has a good pixel: the rest is skipped."""
    ny, nx = bad.shape
    my, mx = (ny + REACH - 1) // REACH, (nx + REACH - 1) // REACH
    near = np.zeros((my, mx), np.bool_)
    for by in range(my):
        for bx in range(mx):
            y0, x0 = by * REACH, bx * REACH
            if not bad[y0 : y0 + REACH, x0 : x0 + REACH].all():
                near[max(0, by - 1) : by + 2, max(0, bx - 1) : bx + 2] = True
    return near


@njit(nogil=True, cache=True)
def _along(
    image: NDArray[np.float32],
    variance: NDArray[np.float32],
    bad: NDArray[np.bool_],
    y: int,
    x: int,
    dy: int,
    dx: int,
) -> tuple[float, float, float]:
    """Return value, variance and weight of a bad pixel from the good ones on one line through it."""
    a = _nearest(bad, y, x, -dy, -dx)
    b = _nearest(bad, y, x, dy, dx)
    if a == 0 and b == 0:
        return 0.0, 0.0, 0.0
    if a == 0 or b == 0:
        d = a + b
        side = 1 if b else -1
        value, slope = _border(image, bad, y + side * d * dy, x + side * d * dx, side * dy, side * dx)
        carried = 0.0 if np.isnan(slope) else slope * _damped(d)
        return value + carried, variance[y + side * d * dy, x + side * d * dx], float(d) ** -6
    value_a, slope_a = _border(image, bad, y - a * dy, x - a * dx, -dy, -dx)
    value_b, slope_b = _border(image, bad, y + b * dy, x + b * dx, dy, dx)
    gap = float(a + b)
    wa, wb = b / gap, a / gap
    noise = wa * variance[y - a * dy, x - a * dx] + wb * variance[y + b * dy, x + b * dx]
    line = (value_b - value_a) / gap
    slope_a = line if np.isnan(slope_a) else slope_a
    slope_b = -line if np.isnan(slope_b) else slope_b
    if a + b <= _CUBIC_GAP:
        value = _cubic(value_a, slope_a, value_b, slope_b, a, b)
    else:
        value = wa * value_a + wb * value_b + (slope_a - line) * _damped(a) + (slope_b + line) * _damped(b)
    return value, noise, float(a) ** -6 + float(b) ** -6


@njit(nogil=True, cache=True)
def _nearest(bad: NDArray[np.bool_], y: int, x: int, dy: int, dx: int) -> int:
    """Return the steps to the nearest good pixel in one direction; 0 where there is none within REACH."""
    ny, nx = bad.shape
    for d in range(1, REACH + 1):
        yy, xx = y + d * dy, x + d * dx
        if yy < 0 or xx < 0 or yy >= ny or xx >= nx:
            return 0
        if not bad[yy, xx]:
            return d
    return 0


@njit(nogil=True, cache=True)
def _border(
    image: NDArray[np.float32], bad: NDArray[np.bool_], y: int, x: int, dy: int, dx: int
) -> tuple[float, float]:
    """Return the value at a hole's border and its slope, per step into the hole; (dy, dx) leads away.

    The slope is NaN where the pixel behind is bad too.
    """
    ny, nx = image.shape
    yy, xx = y + dy, x + dx
    value = float(image[y, x])
    if yy < 0 or xx < 0 or yy >= ny or xx >= nx or bad[yy, xx]:
        return value, np.nan
    return value, value - float(image[yy, xx])


@njit(nogil=True, cache=True)
def _damped(d: float) -> float:
    """Return the distance over which a border's slope still carries, d steps into a hole."""
    rest = 1.0 - (d / _SLOPE_LENGTH) ** 2
    return d * rest * rest if rest > 0.0 else 0.0


@njit(nogil=True, cache=True)
def _cubic(value_a: float, slope_a: float, value_b: float, slope_b: float, a: int, b: int) -> float:
    """Interpolate at 0 the cubic through -a - 1, -a, b and b + 1, whose outer values the slopes give."""
    x0, x1, x2, x3 = -a - 1.0, -float(a), float(b), b + 1.0
    outer_a, outer_b = value_a - slope_a, value_b - slope_b
    return (
        outer_a * (x1 * x2 * x3) / ((x1 - x0) * (x2 - x0) * (x3 - x0))
        + value_a * (x0 * x2 * x3) / ((x0 - x1) * (x2 - x1) * (x3 - x1))
        + value_b * (x0 * x1 * x3) / ((x0 - x2) * (x1 - x2) * (x3 - x2))
        + outer_b * (x0 * x1 * x2) / ((x0 - x3) * (x1 - x3) * (x2 - x3))
    )
