"""The running weighted mean: sums that do not depend on the order in which warps are added.

What is added is rounded to single precision first, and the sums are kept in double precision: 29 bits are
left for the range of the values in one pixel and their number. As long as those suffice, every addition is
exact: warps can be added in any order, and sums be added to sums, with the same result to the last bit.
"""

from typing import Any

import numpy as np
from numba import njit
from numpy.typing import NDArray

Float32 = NDArray[np.float32]
Float64 = NDArray[np.float64]
Int32 = NDArray[np.int32]
Int16 = NDArray[np.int16]
Flags = NDArray[np.bool_]
jit: Any = njit(nogil=True, cache=True, error_model="numpy")
NONE, ONE = np.float32(0.0), np.float32(1.0)


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
    lost: Float64,
    spoilt: Flags,
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
    lost : (my, p + 1, mx)
        Weight of rejected inputs, by plane and in the last layer all together, added to.
    spoilt : (my,)
        Set for the rows of that.
    """
    ny, nx = image.shape
    own = np.empty(nx, np.float32)
    to = slice(x0, x0 + nx)
    for y in range(ny):
        rejected = _weigh(weight[y], mask[y], np.int32(reject), uniform, own)
        # A short loop for each sum: the compiler makes vector instructions of it, and rows stay in the cache.
        _add_values(image[y], own, total[y + y0, to])
        _add_weights(own, norm[y + y0, to])
        _add_noise(variance[y], own, noise[y + y0, to])
        _add_bits(mask[y], own, bits[y + y0, to])
        _add_count(own, count[y + y0, to])
        if rejected:
            spoilt[y + y0] = True
            _add_lost(weight[y], mask[y], reject, uniform, planes, lost[y + y0, :, to])


@jit
def _weigh(weight: Float32, mask: Int32, reject: np.int32, uniform: bool, own: Float32) -> int:
    """Set the weight of each pixel of a row, 0 where it does not count; say whether any is rejected."""
    rejected = 0
    for x in range(own.size):
        hit = mask[x] & reject
        w = ONE if uniform else weight[x]
        own[x] = w if weight[x] > NONE and hit == 0 else NONE
        rejected |= hit if weight[x] > NONE else 0
    return rejected


@jit
def _add_values(image: Float32, own: Float32, total: Float64) -> None:
    for x in range(total.size):
        total[x] += np.float64(own[x] * image[x] if own[x] > NONE else NONE)


@jit
def _add_weights(own: Float32, norm: Float64) -> None:
    for x in range(norm.size):
        norm[x] += np.float64(own[x])


@jit
def _add_noise(variance: Float32, own: Float32, noise: Float64) -> None:
    for x in range(noise.size):
        noise[x] += np.float64(own[x] * (own[x] * variance[x]) if own[x] > NONE else NONE)


@jit
def _add_bits(mask: Int32, own: Float32, bits: Int32) -> None:
    for x in range(bits.size):
        bits[x] |= mask[x] if own[x] > NONE else np.int32(0)


@jit
def _add_count(own: Float32, count: Int16) -> None:
    for x in range(count.size):
        count[x] += np.int16(own[x] > NONE)


@jit
def _add_lost(weight: Float32, mask: Int32, reject: int, uniform: bool, planes: Int32, lost: Float64) -> None:
    last = planes.size
    for x in range(weight.size):
        if weight[x] > NONE and mask[x] & reject:
            w = 1.0 if uniform else np.float64(weight[x])
            for p in range(last):
                if mask[x] & planes[p]:
                    lost[p, x] += w
            lost[last, x] += w


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
            some = count[y, x] > 0
            inverse = 1.0 / norm[y, x]
            image[y, x] = total[y, x] * inverse if some else np.nan
            variance[y, x] = noise[y, x] * (inverse * inverse) if some else np.inf
