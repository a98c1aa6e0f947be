"""Convolution with kernels that change over a warp, piece by piece.

Fourier transforms of pieces that stay in the processor's caches take half the time, pixel by pixel, of those
of the whole, although pieces overlap by the width of the kernels (overlap-save); and kernels are
transformed once, not again for each piece.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np
import scipy
from numpy.typing import NDArray

from coaddc.model.geom import Box, blocks
from coaddc.model.images import Image, Warp
from coaddc.model.mask import bit
from coaddc.model.psf import Floats
from coaddc.ops.kernel_field import KernelField

Spectrum = NDArray[np.complex64]
#: Rows and columns of a piece at most, without what surrounds it.
PIECE = 320


@dataclass(frozen=True)
class Convolver:
    """Convolves pieces of a box with a field of kernels.

    In single precision, as the planes are: errors are some 1e-7 of the brightest pixels of a piece.

    Attributes
    ----------
    field
        The kernels.
    size
        Rows and columns of the Fourier transforms.
    spectra : (m + 1, rows, columns // 2 + 1)
        Transforms of the mean kernel and of the components.
    """

    field: KernelField
    size: tuple[int, int]
    spectra: Spectrum

    @classmethod
    def of(cls, field: KernelField, box: Box) -> Convolver:
        """Make ready to convolve the pieces of a box."""
        y, x = _side(box.shape[0]), _side(box.shape[1])
        rows, columns = (scipy.fft.next_fast_len(n + 2 * field.half, real=True) for n in (y, x))
        spectra = np.array([_spectrum(k, (rows, columns)) for k in (field.mean, *field.components)])
        return cls(field, (rows, columns), spectra)

    def spectrum(self, kernel: Floats) -> Spectrum:
        """Return the transform of another kernel of the same shape."""
        return _spectrum(kernel, self.size)

    def transform(self, plane: NDArray[Any]) -> Spectrum:
        """Return the transform of a plane of a piece and what surrounds it."""
        return np.asarray(scipy.fft.rfft2(plane.astype(np.float32, copy=False), self.size), np.complex64)

    def convolved(self, transform: Spectrum, spectrum: Spectrum, block: Box) -> Image:
        """Return the piece, convolved with one kernel."""
        ny, nx = block.shape
        result: Image = scipy.fft.irfft2(transform * spectrum, self.size)[:ny, :nx]
        return result

    def terms(self, transform: Spectrum, block: Box) -> list[Image]:
        """Return the piece, convolved with the mean kernel and with each component."""
        return [self.convolved(transform, spectrum, block) for spectrum in self.spectra]


def local(terms: list[Image], amplitudes: list[Image]) -> Image:
    """Return what kernels of each place give, from `Convolver.terms` and `KernelField.local`."""
    result = terms[0].copy()
    for term, amplitude in zip(terms[1:], amplitudes, strict=True):
        result += amplitude * term
    return result


def _spectrum(kernel: Floats, size: tuple[int, int]) -> Spectrum:
    """Return the transform of a kernel whose first pixel lies on the first one.

    What it convolves begins half a kernel before the piece: so the piece comes out at the first pixel, when
    the kernel's own first half is taken off, and what wraps around lies behind it.
    """
    padded = np.zeros(size, np.float32)
    ny, nx = kernel.shape
    padded[:ny, :nx] = kernel
    return np.asarray(scipy.fft.rfft2(np.roll(padded, (1 - ny, 1 - nx), (0, 1))), np.complex64)


def by_pieces(warp: Warp, box: Box, half: int, make: Callable[[Warp, Box], Warp]) -> Warp:
    """Make a warp piece by piece.

    Parameters
    ----------
    warp
        What it is made from.
    box
        Where it is wanted.
    half
        By how much what a piece is made from is larger than the piece, on every side.
    make
        Makes a piece from the warp around it, all planes 0 where that does not reach. It is not called for
        a piece that has no data around it.
    """
    made = Warp(
        box,
        np.zeros(box.shape, np.float32),
        np.zeros(box.shape, np.float32),
        np.full(box.shape, bit("NO_DATA"), np.int32),
        np.zeros(box.shape, np.float32),
    )
    for block in blocks(box, (_side(box.shape[0]), _side(box.shape[1]))):
        wide = block.grow(half)
        around = Warp(
            wide,
            placed(warp.image, warp.box, wide),
            placed(warp.variance, warp.box, wide),
            placed(warp.mask, warp.box, wide),
            placed(warp.weight, warp.box, wide),
        )
        if (around.weight > 0).any():
            piece, at = make(around, block), block.within(box)
            made.image[at], made.variance[at] = piece.image, piece.variance
            made.mask[at], made.weight[at] = piece.mask, piece.weight
    return made


def _side(n: int) -> int:
    """Return the length of the pieces, all alike, that n pixels are cut into."""
    return -(-n // -(-n // PIECE))


def placed(plane: NDArray[Any], box: Box, wide: Box) -> NDArray[Any]:
    """Put a plane into a larger box, 0 around it."""
    out = np.zeros(wide.shape, plane.dtype)
    part = box.clip(wide)
    out[part.within(wide)] = plane[part.within(box)]
    return out
