"""PSF matching: convolve a warp so that its point sources look like the target PSF, wherever they are."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TypeVar

import numpy as np
import scipy
from numpy.typing import NDArray

from coaddc.model.geom import Box
from coaddc.model.images import Warp
from coaddc.model.mask import bit
from coaddc.model.psf import Floats, Psf, stamp
from coaddc.ops.convolver import Convolver, by_pieces, local
from coaddc.ops.fourier import convolve
from coaddc.ops.kernel_field import KernelField, field_of, nodes
from coaddc.ops.warped_psf import WarpedPsf

#: Whole numbers, or whether or not.
Bits = TypeVar("Bits", np.int32, np.bool_)


def matching_kernel(source: Floats, target: Floats, *, half: int, regularisation: float) -> Floats:
    """Return the kernel that turns one PSF into another.

    The regularised quotient of their Fourier transforms, T P* / (|P|**2 + r max |P|**2), cut to its size and
    scaled to sum 1.

    Parameters
    ----------
    source, target : (n, n)
        Centred stamps, n odd.
    half
        The kernel is (2 half + 1) square.
    regularisation
        r.
    """
    n = scipy.fft.next_fast_len(source.shape[0] + 2 * half + 1, real=True)
    p, t = (scipy.fft.rfft2(centred(image, n)) for image in (source, target))
    power = np.abs(p) ** 2
    kernel = scipy.fft.irfft2(t * np.conj(p) / (power + regularisation * power.max()), (n, n))
    cut = np.roll(kernel, (half, half), (0, 1))[: 2 * half + 1, : 2 * half + 1]
    result: Floats = cut / cut.sum()
    return result


def centred(image: Floats, n: int) -> Floats:
    """Put a centred stamp into an (n, n) array with its middle on the first pixel."""
    half = image.shape[0] // 2
    out = np.zeros((n, n))
    out[: image.shape[0], : image.shape[1]] = image
    return np.roll(out, (-half, -half), (0, 1))


@dataclass(frozen=True)
class Matching:
    """What warps are matched to, and how.

    Attributes
    ----------
    target
        PSF wanted, in pixels of the tract.
    half
        Kernels are (2 half + 1) square.
    cell
        They are solved at multiples of this many tract pixels, whatever the box.
    regularisation
        See `matching_kernel`.
    """

    target: Psf
    half: int
    cell: int
    regularisation: float

    @property
    def reach(self) -> int:
        """Half-width of the stamps that kernels are solved from."""
        return self.half + int(np.ceil(self.target.radius / 2.0))

    def kernel(self, source: Floats) -> Floats:
        """Return the kernel for a PSF stamp of half-width `reach`."""
        wanted = stamp(self.target, x=0.0, y=0.0, half=self.reach)
        return matching_kernel(source, wanted, half=self.half, regularisation=self.regularisation)


def kernel_field(source: WarpedPsf, matching: Matching, box: Box, correlation: Floats) -> KernelField:
    """Solve the matching kernels of one exposure over a box.

    Parameters
    ----------
    source
        PSF of the exposure on the tract.
    matching
        What to match to, and how.
    box
        Where.
    correlation : (k, k)
        Correlation of the noise of the warp (k odd).
    """
    ys, xs = nodes(box.y0, box.y1, matching.cell), nodes(box.x0, box.x1, matching.cell)
    half = matching.reach
    kernels = np.array([matching.kernel(source.stamp(y=y, x=x, half=half)) for y in ys for x in xs])
    gain = np.array([noise_gain(kernel, correlation) for kernel in kernels])
    return field_of(kernels, gain, ys, xs)


def noise_gain(kernel: Floats, correlation: Floats) -> float:
    """Return the variance of a pixel after convolution over that before, for noise of this correlation."""
    both = convolve(correlation, convolve(kernel, kernel[::-1, ::-1]))
    return float(both.flat[both.size // 2])


def match(warp: Warp, kernels: KernelField, box: Box) -> Warp | None:
    """Convolve a warp with the kernels of its place.

    Parameters
    ----------
    warp
        On a box larger than the result by the half-width of the kernels, where the exposure reaches.
    kernels
        From `kernel_field`.
    box
        Where the result is wanted.

    Returns
    -------
    Warp
        On the part of the box that the warp reaches; None where that is nothing. Weight 0 within
        `KernelField.edge` pixels of missing data; each bit of the mask grown by `KernelField.core` pixels.
    """
    box = box.clip(warp.box)
    if not box.area:
        return None
    convolver = Convolver.of(kernels, box)
    square = kernels.mean**2
    spread = convolver.spectrum(square / square.sum())

    def piece(around: Warp, block: Box) -> Warp:
        there = around.weight > 0
        image, variance = (
            convolver.transform(np.where(there, plane, 0)) for plane in (around.image, around.variance)
        )
        matched = local(convolver.terms(image, block), kernels.local(block))
        noise = np.maximum(convolver.convolved(variance, spread, block), 0) * kernels.on(kernels.gain, block)
        at = block.within(around.box)
        bits = grow_bits(around.mask, kernels.core)[at] & ~bit("NO_DATA")
        gone = grow_bits(~there, kernels.edge)[at]
        return Warp(
            block,
            np.where(gone, 0, matched).astype(np.float32),
            np.where(gone, 0, noise).astype(np.float32),
            np.where(gone, bit("NO_DATA"), bits).astype(np.int32),
            np.where(gone, 0, around.weight[at]).astype(np.float32),
        )

    return by_pieces(warp, box, kernels.half, piece)


def grow_bits(mask: NDArray[Bits], radius: int) -> NDArray[Bits]:
    """Return the bits of a mask, or-ed over squares of side 2 radius + 1.

    Rows first, then columns; windows of doubling width are or-ed with themselves, shifted.
    """
    if not mask.any():
        return mask
    for axis in (0, 1):
        grown = np.moveaxis(
            np.pad(mask, [(radius, radius) if a == axis else (0, 0) for a in (0, 1)]), axis, 0
        )
        span, width = 1, 2 * radius + 1
        while span < width:
            step = min(span, width - span)
            grown = grown[:-step] | grown[step:]
            span += step
        mask = np.moveaxis(grown, 0, axis)
    return mask
