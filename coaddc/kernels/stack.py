"""Combining warps: a running weighted mean, the last bits of a coadd's mask, and the detectors of a visit.

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
