"""How far warps are from their own stack, in standard deviations."""

from typing import Any

import numpy as np
from numba import njit
from numpy.typing import NDArray

Float32 = NDArray[np.float32]
Int32 = NDArray[np.int32]
Int16 = NDArray[np.int16]
jit: Any = njit(nogil=True, cache=True, error_model="numpy")


@jit
def add_weights(mask: Int32, weight: Float32, reject: int, y0: int, x0: int, total: Float32) -> None:
    """Add up the weights of the inputs that count.

    Parameters
    ----------
    mask, weight : (ny, nx)
        A warp: bits, nJy**-2.
    reject
        Bits that reject a pixel.
    y0, x0
        Where the warp's first pixel lies in the total.
    total : (my, mx)
        Added to.
    """
    ny, nx = mask.shape
    for y in range(ny):
        for x in range(nx):
            if weight[y, x] > 0.0 and not (mask[y, x] & reject):
                total[y + y0, x + x0] += weight[y, x]


@jit
def significance(
    image: Float32,
    variance: Float32,
    mask: Int32,
    weight: Float32,
    reject: int,
    uniform: bool,
    y0: int,
    x0: int,
    stack: Float32,
    stack_variance: Float32,
    count: Int16,
    total: Float32,
    tolerance: Float32,
    out: Float32,
) -> None:
    """Return the difference of a warp and its own stack, in standard deviations of what lies far out.

    An input far from the others enters their median by its rank only, and their clipped mean not at all, so
    that the difference has the variance of the warp and that of the stack. Two inputs have a mean, and
    Var(x - t) = Var(x) + Var(t) - 2 Cov(x, t) with Cov = Var(x) w / (sum of w).

    Parameters
    ----------
    image, variance, mask, weight : (ny, nx)
        The warp: nJy, nJy**2, bits, nJy**-2.
    reject, y0, x0, total
        As in `add_weights`.
    uniform
        Whether the mean of two inputs is an unweighted one.
    stack, stack_variance, count : (my, mx)
        Of the warps: nJy, nJy**2, and how many there are.
    tolerance : (my, mx)
        By which the difference is made smaller, nJy.
    out : (ny, nx)
        Zeros; output, 0 where there is nothing to compare.
    """
    ny, nx = image.shape
    for y in range(ny):
        for x in range(nx):
            j, i = y + y0, x + x0
            v = variance[y, x]
            if weight[y, x] <= 0.0 or mask[y, x] & reject or count[j, i] < 2 or not v > 0.0:
                continue
            noise = v + stack_variance[j, i]
            if count[j, i] == 2:
                part = 0.5 if uniform else weight[y, x] / total[j, i]
                noise -= 2.0 * v * part
            difference = image[y, x] - stack[j, i]
            excess = abs(difference) - tolerance[j, i]
            if excess > 0.0 and noise > 0.0:
                out[y, x] = np.sign(difference) * excess / np.sqrt(noise)
