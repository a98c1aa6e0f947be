"""Combining warps: a running weighted mean, and medians and clipped means of a cube of them.

Everywhere, an input counts at a pixel where its weight is positive and its mask has none of the rejecting
bits; a mask's bits are or-ed over the inputs that count; ``planes`` lists bits of which the weight of the
rejected inputs is kept, one layer each.
"""

from typing import Any

import numpy as np
from numba import njit
from numpy.typing import NDArray

Float32 = NDArray[np.float32]
Float64 = NDArray[np.float64]
Int32 = NDArray[np.int32]
Int16 = NDArray[np.int16]
jit: Any = njit(nogil=True, cache=True, error_model="numpy")


@jit
def accumulate(
    image: Float32,
    variance: Float32,
    mask: Int32,
    weight: Float32,
    reject: int,
    uniform: bool,
    planes: Int32,
    y0: int,
    x0: int,
    total: Float64,
    norm: Float64,
    noise: Float64,
    bits: Int32,
    count: Int16,
    lost: Float32,
) -> None:
    """Add one warp to the sums of a weighted mean.

    Parameters
    ----------
    image, variance, mask, weight : (ny, nx)
        The warp: nJy, nJy**2, bits, nJy**-2.
    reject
        Bits that reject a pixel.
    uniform
        Count every input with weight 1.
    planes : (p,)
        Bits of which the rejected weight is kept.
    y0, x0
        Where the warp's first pixel lies in the sums.
    total, norm, noise : (my, mx)
        Sums of w x, of w and of w**2 v, added to.
    bits, count : (my, mx)
        Bits of the inputs that count, their number, added to.
    lost : (p + 1, my, mx)
        Weight of rejected inputs, by plane and in the last layer all together, added to.
    """
    ny, nx = image.shape
    last = planes.shape[0]
    for y in range(ny):
        for x in range(nx):
            w = float(weight[y, x])
            if w <= 0.0:
                continue
            if uniform:
                w = 1.0
            m = mask[y, x]
            if m & reject:
                for p in range(last):
                    if m & planes[p]:
                        lost[p, y + y0, x + x0] += np.float32(w)
                lost[last, y + y0, x + x0] += np.float32(w)
            else:
                total[y + y0, x + x0] += w * image[y, x]
                norm[y + y0, x + x0] += w
                noise[y + y0, x + x0] += w * w * variance[y, x]
                bits[y + y0, x + x0] |= m
                count[y + y0, x + x0] += np.int16(1)


@jit
def finish_mean(
    total: Float64, norm: Float64, noise: Float64, count: Int16, image: Float32, variance: Float32
) -> None:
    """Turn the sums of `accumulate` into mean and variance; NaN and infinity where nothing counts.

    All arrays have one shape (ny, nx); the last two are outputs, nJy and nJy**2.
    """
    ny, nx = total.shape
    for y in range(ny):
        for x in range(nx):
            if count[y, x] > 0:
                image[y, x] = total[y, x] / norm[y, x]
                variance[y, x] = noise[y, x] / (norm[y, x] * norm[y, x])
            else:
                image[y, x] = np.nan
                variance[y, x] = np.inf


@jit
def _gather(
    images: Float32,
    masks: Int32,
    weights: Float32,
    reject: int,
    y: int,
    x: int,
    values: Float32,
    which: Int32,
) -> int:
    """Sort the inputs that count at a pixel into ``values``, their numbers into ``which``; say how many."""
    found = 0
    for i in range(images.shape[0]):
        if weights[i, y, x] > 0.0 and not (masks[i, y, x] & reject):
            value = images[i, y, x]
            j = found
            while j > 0 and values[j - 1] > value:
                values[j] = values[j - 1]
                which[j] = which[j - 1]
                j -= 1
            values[j] = value
            which[j] = i
            found += 1
    return found


@jit
def _add_lost(
    masks: Int32, weights: Float32, reject: int, uniform: bool, planes: Int32, y: int, x: int, lost: Float32
) -> None:
    """Add up the weight of the inputs that a pixel's masks reject, by plane and all together."""
    last = planes.shape[0]
    for i in range(masks.shape[0]):
        m = masks[i, y, x]
        if weights[i, y, x] > 0.0 and m & reject:
            w = np.float32(1.0) if uniform else weights[i, y, x]
            for p in range(last):
                if m & planes[p]:
                    lost[p, y, x] += w
            lost[last, y, x] += w


@jit
def median(
    images: Float32,
    variances: Float32,
    masks: Int32,
    weights: Float32,
    reject: int,
    planes: Int32,
    factors: Float64,
    image: Float32,
    variance: Float32,
    bits: Int32,
    count: Int16,
    norm: Float64,
    lost: Float32,
) -> None:
    """Take the unweighted median of a cube of warps.

    Its variance is c(n) n / (sum of 1 / sigma)**2: for equal errors that of the median of n normal deviates,
    for unequal ones the asymptotic form 1 / (4 (sum of densities at the centre)**2) with the same factor.
    One or two inputs have a mean, and its variance.

    Parameters
    ----------
    images, variances, masks, weights : (n, ny, nx)
        The warps: nJy, nJy**2, bits, nJy**-2.
    reject, planes
        As in `accumulate`.
    factors : (n + 1,)
        c: variance of the median of n deviates over that of their mean.
    image, variance, bits, count, norm : (ny, nx)
        Outputs: median, its variance, bits of the inputs that count, their number, and their summed weight.
    lost : (p + 1, ny, nx)
        As in `accumulate`, added to.
    """
    n, ny, nx = images.shape
    values = np.empty(n, np.float32)
    which = np.empty(n, np.int32)
    for y in range(ny):
        for x in range(nx):
            found = _gather(images, masks, weights, reject, y, x, values, which)
            _add_lost(masks, weights, reject, True, planes, y, x, lost)
            count[y, x] = found
            norm[y, x] = found
            bits[y, x] = 0
            if found == 0:
                image[y, x] = np.nan
                variance[y, x] = np.inf
                continue
            image[y, x] = np.float32(0.5) * (values[(found - 1) // 2] + values[found // 2])
            inverse = 0.0
            noise = 0.0
            for j in range(found):
                v = float(variances[which[j], y, x])
                inverse += 1.0 / np.sqrt(v)
                noise += v
                bits[y, x] |= masks[which[j], y, x]
            if found <= 2:
                variance[y, x] = noise / (found * found)
            else:
                variance[y, x] = factors[found] * found / (inverse * inverse)


@jit
def clipped_mean(
    images: Float32,
    variances: Float32,
    masks: Int32,
    weights: Float32,
    reject: int,
    uniform: bool,
    planes: Int32,
    nsigma: float,
    tolerance: float,
    clipped: int,
    image: Float32,
    variance: Float32,
    bits: Int32,
    count: Int16,
    norm: Float64,
    lost: Float32,
) -> None:
    """Take the weighted mean of a cube of warps without those far from their median.

    Rejected is what is further from the median of the inputs that count than ``nsigma`` of its own standard
    deviations and than ``tolerance`` times the median, both added: in mixed seeing the peaks of one star
    differ, and are not outliers (the same two terms as SWarp's CLIPPED, Gruen et al. 2014).

    Parameters
    ----------
    images, variances, masks, weights : (n, ny, nx)
        The warps: nJy, nJy**2, bits, nJy**-2.
    reject, uniform, planes
        As in `accumulate`.
    nsigma, tolerance
        See above.
    clipped
        Bit to set in a pixel where an input was clipped.
    image, variance, bits, count, norm : (ny, nx)
        Outputs: mean, its variance, bits, number of inputs that count, and their summed weight.
    lost : (p + 1, ny, nx)
        As in `accumulate`, added to; the clipped do not enter.
    """
    n, ny, nx = images.shape
    values = np.empty(n, np.float32)
    which = np.empty(n, np.int32)
    for y in range(ny):
        for x in range(nx):
            found = _gather(images, masks, weights, reject, y, x, values, which)
            _add_lost(masks, weights, reject, uniform, planes, y, x, lost)
            middle = 0.5 * (values[(found - 1) // 2] + values[found // 2]) if found > 0 else 0.0
            total = 0.0
            weight = 0.0
            noise = 0.0
            kept = 0
            bits[y, x] = 0
            for j in range(found):
                i = which[j]
                limit = nsigma * np.sqrt(float(variances[i, y, x])) + tolerance * abs(middle)
                if found > 2 and abs(values[j] - middle) > limit:
                    bits[y, x] |= clipped
                    continue
                w = 1.0 if uniform else float(weights[i, y, x])
                total += w * values[j]
                weight += w
                noise += w * w * variances[i, y, x]
                bits[y, x] |= masks[i, y, x]
                kept += 1
            count[y, x] = kept
            norm[y, x] = weight
            image[y, x] = total / weight if kept > 0 else np.nan
            variance[y, x] = noise / (weight * weight) if kept > 0 else np.inf


@jit
def settle_bits(
    bits: Int32, count: Int16, norm: Float64, lost: Float32, planes: Int32, thresholds: Float64, codes: Int32
) -> None:
    """Give a coadd's mask its last bits.

    Parameters
    ----------
    bits : (ny, nx)
        Bits of the inputs that count, changed in place.
    count, norm : (ny, nx)
        Number of those inputs, and their summed weight.
    lost : (p + 1, ny, nx)
        Weight of rejected inputs, by plane and all together.
    planes, thresholds : (p,)
        A plane is set where its rejected weight exceeds this part of all weight.
    codes : (6,)
        Bits of EDGE, SENSOR_EDGE, CLIPPED, REJECTED, INEXACT_PSF and NO_DATA. EDGE becomes SENSOR_EDGE; any
        of the second to fourth also sets INEXACT_PSF.
    """
    edge, sensor_edge, clipped, rejected, inexact, no_data = codes
    ny, nx = bits.shape
    last = planes.shape[0]
    for y in range(ny):
        for x in range(nx):
            m = bits[y, x]
            gone = lost[last, y, x]
            if m & edge:
                m = (m & ~edge) | sensor_edge
            if gone > 0.0:
                m |= rejected
                for p in range(last):
                    if lost[p, y, x] > thresholds[p] * (norm[y, x] + gone):
                        m |= planes[p]
            if m & (sensor_edge | clipped | rejected):
                m |= inexact
            if count[y, x] == 0:
                m |= no_data
            bits[y, x] = m


@jit
def merge(
    image: Float32,
    variance: Float32,
    mask: Int32,
    weight: Float32,
    reject: int,
    y0: int,
    x0: int,
    images: Float32,
    variances: Float32,
    masks: Int32,
    weights: Float32,
) -> None:
    """Put one exposure's warp into the warp of its visit; where two overlap, they combine by weight.

    A pixel that one of them rejects is taken from the other alone; where both reject it, from the first.

    Parameters
    ----------
    image, variance, mask, weight : (ny, nx)
        The exposure's warp.
    reject
        Bits that reject a pixel.
    y0, x0
        Where its first pixel lies in the visit's.
    images, variances, masks, weights : (my, mx)
        The visit's warp, changed in place; its weight is 0 where nothing has been put yet.
    """
    ny, nx = image.shape
    for y in range(ny):
        for x in range(nx):
            w = weight[y, x]
            if w <= 0.0:
                continue
            v, u = y + y0, x + x0
            old = weights[v, u]
            if old > 0.0 and mask[y, x] & reject:
                continue
            if old > 0.0 and not (masks[v, u] & reject):
                a = old / (old + w)
                b = w / (old + w)
                images[v, u] = a * images[v, u] + b * image[y, x]
                variances[v, u] = a * a * variances[v, u] + b * b * variance[y, x]
                masks[v, u] |= mask[y, x]
                weights[v, u] = old + w
            else:
                images[v, u] = image[y, x]
                variances[v, u] = variance[y, x]
                masks[v, u] = mask[y, x]
                weights[v, u] = w
