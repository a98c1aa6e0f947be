"""The last bits of a coadd's mask, and the detectors of a visit.

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
