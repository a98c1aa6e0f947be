"""Statistics that see all warps of a pixel together: the median, and the mean clipped about it.

A run of pixels of one row is worked on at a time. The values of its inputs, one row of a block each, are put
in order by a network of comparators: each orders two rows of the block, pixel by pixel, without a branch, so
that the loops become vector code. What does not count at a pixel is by turns higher and lower than all
that does, so that the median of the rest stays in the middle.

What counts, and what is kept of what does not, is as in `coaddc.kernels.stack`.
"""

from typing import Any

import numpy as np
from numba import carray, njit, types
from numba.core import cgutils
from numba.extending import intrinsic
from numpy.typing import NDArray

Floats = NDArray[np.float64]
Image = NDArray[np.float32]
Mask = NDArray[np.int32]
Count = NDArray[np.int16]
#: Of each warp: addresses of image, variance, mask and weight, and its box y0, y1, x0, x1. Addresses, since
#: warps lie anywhere, are of any size, and to copy them into one array would take as long as the median.
Table = NDArray[np.int64]
#: Comparators for any number of inputs, and where those of each number begin.
Networks = tuple[NDArray[np.int32], NDArray[np.int32]]
#: Image, variance, bits, count and norm, each (ny, nx), and lost (p + 1, ny, nx).
Outputs = tuple[Image, Image, Mask, Count, Floats, Image]
#: Of a run of pixels, (n,) each: the bits of the values, variance, mask and weight.
Planes = tuple[Mask, Image, Mask, Image]
jit: Any = njit(nogil=True, cache=True, error_model="numpy")

_HIGHEST = np.int32(2**31 - 1)

#: Pixels of a run: the block of so many and tens of inputs stays in the caches of one core.
_RUN = 512


@jit
def median(
    table: Table,
    networks: Networks,
    factors: Floats,
    select: tuple[int, Mask],
    window: tuple[int, int, int, int],
    outputs: Outputs,
) -> None:
    """Take the unweighted median of warps.

    Its variance is c(n) n / (sum of 1 / sigma)**2: for equal errors that of the median of n normal deviates,
    for unequal ones the asymptotic form 1 / (4 (sum of densities at the centre)**2) with the same factor.
    One or two inputs have a mean, and its variance.

    Parameters
    ----------
    table, networks
        The warps, nJy, nJy**2, bits, nJy**-2, and what orders as many as there are.
    factors : (n + 1,)
        c: variance of the median of n deviates over that of their mean.
    select
        Bits that reject a pixel, and, (p,), bits of which the rejected weight is kept.
    window
        First row and first column of the outputs, and which of their rows, from and to, are made.
    outputs
        Median, its variance, bits of the inputs that count, their number, their summed weight, which is 1
        each, and the weight of the rejected, by plane and in the last layer all together.
    """
    image, variance, bits, count, norm, lost = outputs
    y0, x0, first, last = window
    block = np.empty((table.shape[0], _RUN), np.int32)
    active, found = np.empty(table.shape[0], np.int64), np.empty(_RUN, np.int32)
    inverse, noise = np.empty(_RUN, np.float64), np.empty(_RUN, np.float64)
    for row in range(first, last):
        for x in range(0, image.shape[1], _RUN):
            n = min(_RUN, image.shape[1] - x)
            middle = _middle(table, networks, select[0], (y0 + row, x0 + x, n), block, active, found)
            inverse[:n] = 0.0
            noise[:n] = 0.0
            bits[row, x : x + n] = 0
            for i in active[: middle[2]]:
                a, b, planes = _pixels(table, i, y0 + row, x0 + x, n)
                _add_spread(planes, select[0], inverse[a:b], noise[a:b], bits[row, x + a : x + b])
                _add_lost(planes, select, True, lost[:, row, x + a : x + b])
            for k in range(n):
                m = found[k]
                count[row, x + k] = m
                norm[row, x + k] = m
                image[row, x + k] = np.float32(0.5) * _two(block, middle, k, m) if m > 0 else np.nan
                if m == 0:
                    variance[row, x + k] = np.inf
                elif m <= 2:
                    variance[row, x + k] = noise[k] / (m * m)
                else:
                    variance[row, x + k] = factors[m] * m / (inverse[k] * inverse[k])


@jit
def clipped_mean(
    table: Table,
    networks: Networks,
    limits: tuple[float, float, bool, int],
    select: tuple[int, Mask],
    window: tuple[int, int, int, int],
    outputs: Outputs,
) -> None:
    """Take the weighted mean of warps without those far from their median.

    Rejected is what is further from the median of the inputs that count than ``nsigma`` of its own standard
    deviations and than ``tolerance`` times the median, both added: in mixed seeing the peaks of one star
    differ, and are not outliers (the same two terms as SWarp's CLIPPED, Gruen et al. 2014).

    Parameters
    ----------
    table, networks, select, window
        As in `median`.
    limits
        ``nsigma``, ``tolerance``, whether all inputs weigh the same, and the bit to set in a pixel where one
        was clipped.
    outputs
        Mean, its variance, bits, number of inputs that count, their summed weight, and, as in `median`, the
        weight of the rejected; the clipped do not enter there.
    """
    image, variance, bits, count, norm, lost = outputs
    y0, x0, first, last = window
    block = np.empty((table.shape[0], _RUN), np.int32)
    active, found = np.empty(table.shape[0], np.int64), np.empty(_RUN, np.int32)
    centre, sums = np.empty(_RUN, np.float64), np.empty((2, _RUN), np.float64)
    for row in range(first, last):
        for x in range(0, image.shape[1], _RUN):
            n = min(_RUN, image.shape[1] - x)
            middle = _middle(table, networks, select[0], (y0 + row, x0 + x, n), block, active, found)
            for k in range(n):
                centre[k] = 0.5 * _two(block, middle, k, found[k]) if found[k] > 0 else 0.0
            sums[:] = 0.0
            bits[row, x : x + n] = 0
            count[row, x : x + n] = 0
            norm[row, x : x + n] = 0.0
            for i in active[: middle[2]]:
                a, b, planes = _pixels(table, i, y0 + row, x0 + x, n)
                at = slice(x + a, x + b)
                _add_near(
                    planes,
                    select[0],
                    limits,
                    (found[a:b], centre[a:b]),
                    (sums[0, a:b], sums[1, a:b], norm[row, at], count[row, at], bits[row, at]),
                )
                _add_lost(planes, select, limits[2], lost[:, row, at])
            for k in range(n):
                weight = norm[row, x + k]
                kept = count[row, x + k] > 0
                image[row, x + k] = sums[0, k] / weight if kept else np.nan
                variance[row, x + k] = sums[1, k] / (weight * weight) if kept else np.inf


@intrinsic
def _pointer(context: Any, address: Any) -> Any:
    """Return an address as a pointer."""

    def generate(context: Any, builder: Any, signature: Any, arguments: Any) -> Any:
        return builder.inttoptr(arguments[0], cgutils.voidptr_t)

    return types.voidptr(types.int64), generate


@jit
def _float_of(bits: np.int32) -> np.float32:
    """Return the float that 32 bits are."""
    value: np.float32 = np.int32(bits).view(np.float32)
    return value


@jit
def _ordered(bits: np.int32) -> np.int32:
    """Return the bits of a float as an integer in the order of floats, and such an integer as bits again."""
    result: np.int32 = np.int32(bits ^ ((bits >> 31) & _HIGHEST))
    return result


@jit
def _pixels(table: Table, i: int, y: int, x: int, n: int) -> tuple[int, int, Planes]:
    """Return which of the n pixels from (y, x) on warp i has, from and to, and its planes there."""
    left, right = table[i, 6], table[i, 7]
    a, b = max(0, left - x), min(n, right - x)
    if y < table[i, 4] or y >= table[i, 5] or b < a:
        a = b = 0
    skip = 4 * ((y - table[i, 4]) * (right - left) + x + a - left)
    return (
        a,
        b,
        (
            carray(_pointer(table[i, 0] + skip), (b - a,), np.int32),
            carray(_pointer(table[i, 1] + skip), (b - a,), np.float32),
            carray(_pointer(table[i, 2] + skip), (b - a,), np.int32),
            carray(_pointer(table[i, 3] + skip), (b - a,), np.float32),
        ),
    )


@jit
def _middle(
    table: Table,
    networks: Networks,
    reject: int,
    run: tuple[int, int, int],
    block: Mask,
    active: NDArray[np.int64],
    found: Mask,
) -> tuple[int, int, int]:
    """Order the inputs of a run of pixels as far as their medians.

    Parameters
    ----------
    table, networks
        See `median`.
    reject
        Bits that reject a pixel.
    run
        Row, first column and number of pixels.
    block : (n, _RUN)
        Gets the values, as integers in the same order: comparators of these are exact for any of them.
    active : (n,)
        Gets the numbers of the warps that have any of these pixels.
    found : (_RUN,)
        Gets the number of inputs that count.

    Returns
    -------
    The rows of the block where medians lie, the lower and the upper, and the number of active warps.
    """
    y, x, n = run
    empty = np.full(_RUN, _HIGHEST, np.int32)
    found[:] = 0
    m = 0
    for i in range(table.shape[0]):
        a, b, planes = _pixels(table, i, y, x, n)
        if b > a:
            active[m] = i
            values = block[m]
            for k in range(a):
                values[k] = empty[k]
                empty[k] = ~empty[k]
            _take(planes, reject, values[a:b], empty[a:b], found[a:b])
            for k in range(b, n):
                values[k] = empty[k]
                empty[k] = ~empty[k]
            m += 1
    pairs, starts = networks
    for c in range(starts[m], starts[m + 1]):
        _order(block[pairs[c, 0]], block[pairs[c, 1]], n)
    return max(0, m // 2 - 1), m // 2, m


@jit
def _take(planes: Planes, reject: int, values: Mask, empty: Mask, found: Mask) -> None:
    """Take the values that count, and count them; others are the lowest or the highest number."""
    image, _, mask, weight = planes
    for k in range(image.size):
        bad = _bad(mask[k], weight[k], reject)
        value = _ordered(image[k])
        values[k] = value ^ ((value ^ empty[k]) & bad)
        empty[k] ^= bad
        found[k] += np.int32(1) + bad


@jit
def _bad(mask: np.int32, weight: np.float32, reject: int) -> np.int32:
    """Return all bits where a pixel does not count, none where it does.

    Bits are stored, and not what is chosen by a condition: the compiler would make of that a store under a
    mask, which takes many times as long on some processors.
    """
    counts = np.int32((weight > 0.0) & ((mask & reject) == 0))
    return np.int32(counts - np.int32(1))


@jit
def _order(low: Mask, high: Mask, n: int) -> None:
    """Put the lower of two values into one row, the higher into the other."""
    for k in range(n):
        a, b = low[k], high[k]
        low[k] = min(a, b)
        high[k] = max(a, b)


@jit
def _two(block: Mask, middle: tuple[int, int, int], k: int, found: int) -> np.float32:
    """Return the sum of the two middle values of a pixel, which are one where their number is odd."""
    lower, upper, rows = middle
    if found % 2:
        lower = upper = upper if rows % 2 else lower
    total: np.float32 = _float_of(_ordered(block[lower, k])) + _float_of(_ordered(block[upper, k]))
    return total


@jit
def _add_spread(planes: Planes, reject: int, inverse: Floats, noise: Floats, bits: Mask) -> None:
    """Add 1 / sigma, the variance and the bits of what counts."""
    _, variance, mask, weight = planes
    for k in range(variance.size):
        bad = _bad(mask[k], weight[k], reject)
        v = variance[k] if bad == 0 else np.float32(np.inf)
        inverse[k] += 1.0 / np.sqrt(v)
        noise[k] += v if bad == 0 else np.float32(0.0)
        bits[k] |= mask[k] & ~bad


@jit
def _add_near(
    planes: Planes,
    reject: int,
    limits: tuple[float, float, bool, int],
    median: tuple[Mask, Floats],
    sums: tuple[Floats, Floats, Floats, Count, Mask],
) -> None:
    """Add what counts and is near the median to the sums of a weighted mean."""
    image, variance, mask, weight = planes
    nsigma, tolerance, uniform, clipped = limits
    found, centre = median
    total, noise, norm, count, bits = sums
    for k in range(image.size):
        bad = _bad(mask[k], weight[k], reject)
        value = _float_of(image[k])
        limit = nsigma * np.sqrt(variance[k]) + tolerance * abs(centre[k])
        far = ~bad & -np.int32((found[k] > 2) & (abs(value - centre[k]) > limit))
        near = ~bad & ~far
        w = 1.0 if uniform else float(weight[k])
        w = w if near else 0.0
        total[k] += w * value if near else 0.0
        noise[k] += w * w * variance[k] if near else 0.0
        norm[k] += w
        count[k] -= np.int16(near)
        bits[k] |= (mask[k] & near) | (np.int32(clipped) & far)


@jit
def _add_lost(planes: Planes, select: tuple[int, Mask], uniform: bool, lost: Image) -> None:
    """Add up the weight of what the mask rejects, by plane and all together."""
    _, _, mask, weight = planes
    reject, kinds = select
    last = kinds.size
    any_bits = np.int32(0)
    for k in range(mask.size):
        any_bits |= mask[k] if weight[k] > 0.0 else np.int32(0)
    if not any_bits & reject:
        return
    for k in range(mask.size):
        if weight[k] > 0.0 and mask[k] & reject:
            w = np.float32(1.0) if uniform else weight[k]
            for p in range(last):
                if mask[k] & kinds[p]:
                    lost[p, k] += w
            lost[last, k] += w
