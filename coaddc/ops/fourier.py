"""Convolution of small images. `scipy.signal` does the same; importing it takes longer than many a run."""

from __future__ import annotations

import numpy as np
import scipy
from numpy.typing import NDArray

Floats = NDArray[np.float64]


def convolve(a: Floats, b: Floats) -> Floats:
    """Return the full convolution of two images: shape (ny + my - 1, nx + mx - 1)."""
    shape = [n + m - 1 for n, m in zip(a.shape, b.shape, strict=True)]
    size = [scipy.fft.next_fast_len(n, real=True) for n in shape]
    product = scipy.fft.rfft2(a, size) * scipy.fft.rfft2(b, size)
    result: Floats = scipy.fft.irfft2(product, size)[: shape[0], : shape[1]]
    return result


def convolve_same(a: Floats, b: Floats) -> Floats:
    """Return the convolution of an image with a centred kernel (odd sides), in the shape of the image."""
    both = convolve(a, b)
    y, x = b.shape[0] // 2, b.shape[1] // 2
    return both[y : y + a.shape[0], x : x + a.shape[1]]
