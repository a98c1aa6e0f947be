"""The prefilter that turns pixels into coefficients of the cubic o-MOMS."""

import numpy as np
from numba import njit
from numpy.typing import NDArray

#: Pole of the prefilter that makes the cubic o-MOMS interpolate: the root of z**2 + 13/4 z + 1 inside the
#: unit circle (Blu, Thevenaz & Unser 2001, IEEE Trans. Image Proc. 10, 1069).
OMOMS_POLE = float((np.sqrt(105.0) - 13.0) / 8.0)

#: Doublings of each one-sided filter: it then has 2**4 = 16 taps.
_DOUBLINGS = 4

#: Pixels on either side on which a coefficient depends; the next would weigh 4e-8.
REACH = 2**_DOUBLINGS - 1

#: Columns filtered at once down the rows: a strip stays in the processor's cache.
_STRIP = 64

_POLE = np.float32(OMOMS_POLE)
_GAIN = np.float32(((1.0 - OMOMS_POLE) / (1.0 - OMOMS_POLE ** (REACH + 1))) ** 2)


@njit(nogil=True, cache=True, fastmath={"contract"})
def prefilter(image: NDArray[np.float32]) -> None:
    """Replace pixels by their cubic o-MOMS coefficients, in place.

    The inverse of (4 a[-1] + 13 a[0] + 4 a[1]) / 21 on both axes. Instead of a recursion, the geometric
    series sum_k z**k a[n - k], k < 16, is built as (1 + z s)(1 + z**2 s**2)(1 + z**4 s**4)(1 + z**8 s**8)
    with s the shift by one pixel, and likewise to the other side: a coefficient depends on REACH
    neighbours and on nothing else, to the bit, and all columns go at once.

    Parameters
    ----------
    image : (ny, nx)
        Pixels in, coefficients out; the outermost REACH rows and columns come out meaningless.
    """
    ny, nx = image.shape
    row = np.empty(nx, np.float32)
    for y in range(ny):
        _filter_row(image[y], row)
    for x0 in range(0, nx, _STRIP):
        _filter_columns(image[:, x0 : min(nx, x0 + _STRIP)])


@njit(nogil=True, cache=True, fastmath={"contract"})
def _filter_row(a: NDArray[np.float32], b: NDArray[np.float32]) -> None:
    """Filter one row in place; b is scratch."""
    n = a.size
    z = _POLE
    shift = 1
    for _ in range(_DOUBLINGS):
        for x in range(min(shift, n)):
            b[x] = a[x]
        for x in range(shift, n):
            b[x] = a[x] + z * a[x - shift]
        for x in range(max(0, n - shift), n):
            a[x] = b[x]
        for x in range(n - shift):
            a[x] = b[x] + z * b[x + shift]
        z *= z
        shift *= 2
    for x in range(n):
        a[x] *= _GAIN


@njit(nogil=True, cache=True, fastmath={"contract"})
def _filter_columns(a: NDArray[np.float32]) -> None:
    """Filter a strip of columns in place."""
    ny, nx = a.shape
    z = _POLE
    shift = 1
    for _ in range(_DOUBLINGS):
        for y in range(ny - 1, shift - 1, -1):
            for x in range(nx):
                a[y, x] += z * a[y - shift, x]
        for y in range(ny - shift):
            for x in range(nx):
                a[y, x] += z * a[y + shift, x]
        z *= z
        shift *= 2
    for y in range(ny):
        for x in range(nx):
            a[y, x] *= _GAIN
