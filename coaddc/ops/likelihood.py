"""The likelihood of a point source at each pixel: a warp filtered with its own PSF (Kaiser 2001).

With z the image, phi the PSF at a pixel and sigma**2 the variance of the noise, Psi = sum(phi z) / sigma**2
and Phi = sum(phi**2) / sigma**2, over the good pixels around it. Psi / Phi is the flux of a point source
there as a fit finds it, and 1 / Phi its variance (LSST DMTN-015, section 3). Psi and Phi of several exposures
add; so the mean of the images Psi / Phi with weights Phi is the fit to all exposures at once.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import cache

import numpy as np
from numpy.typing import NDArray

from coaddc.kernels.finish import find_good, finish_filtered
from coaddc.kernels.phase_gain import divide_by_phase_gain
from coaddc.model.assembly import Interpolant
from coaddc.model.geom import Box
from coaddc.model.images import Image, Warp
from coaddc.model.mask import bit
from coaddc.model.psf import Floats
from coaddc.ops.convolver import Convolver, Pieces, by_pieces, placed, start
from coaddc.ops.fourier import convolve
from coaddc.ops.growing import Grower
from coaddc.ops.interpolant import interpolant_1d
from coaddc.ops.kernel_field import KernelField, field_of, nodes
from coaddc.ops.match import noise_gain
from coaddc.ops.pixel_map import PixelMap
from coaddc.ops.warped_psf import WarpedPsf

#: Part of sum(phi**2) that must fall on good pixels for a flux to be given.
ENOUGH = 0.5
#: Where less of it does, the pixel says that something was left out.
WHOLE = 0.99
#: PSFs are followed over the image up to this part of their norm: the error of a flux is of this size.
SHARP = 2e-4
#: Phases at which the gain of an interpolant is tabulated.
_PHASES = 257


@dataclass(frozen=True)
class PointSources:
    """How point sources look on one exposure's warp, and how its noise is correlated.

    Attributes
    ----------
    shape
        PSFs, turned by 180 degrees, so that convolution correlates with them. Its gain is the variance of
        sum(phi n), for noise n of the warp, over sum(phi**2) and over the variance that
        `even_variance` gives.
    energy
        Their squares, scaled to sum 1.
    """

    shape: KernelField
    energy: KernelField

    @property
    def half(self) -> int:
        """Half-width of the stamps."""
        return self.shape.half

    @property
    def gain(self) -> float:
        """Mean of the gain over the grid."""
        return float(self.shape.gain.mean())

    @property
    def sharpness(self) -> float:
        """Phi over 1 / sigma**2 of a pixel, for the mean PSF."""
        return float((self.shape.mean**2).sum()) / self.gain

    @property
    def varying(self) -> Floats:
        """Amplitudes of the components of the shape, and its gain, on the grid: (m + 1, r, c)."""
        return np.concatenate([np.moveaxis(self.shape.amplitudes, -1, 0), self.shape.gain[None]])

    @property
    def squares(self) -> NDArray[np.float32]:
        """What makes sum(phi**2) of amplitudes a: sum(a**2 + squares[:-1] a) + squares[-1]."""
        mean = self.shape.mean
        mixed = 2.0 * np.tensordot(self.shape.components, mean, axes=2)  # components are orthonormal
        return np.append(mixed, (mean**2).sum()).astype(np.float32)


def point_sources(source: WarpedPsf, box: Box, covariance: Floats, *, half: int, cell: int) -> PointSources:
    """Work out the PSFs of one exposure over a box.

    Parameters
    ----------
    source
        PSF of the exposure on the tract.
    box
        Where.
    covariance : (k, k)
        Of the noise of the warp, from `even_covariance` (k odd).
    half
        Stamps are (2 half + 1) square.
    cell
        They are made at multiples of this many tract pixels.
    """
    ys, xs = nodes(box.y0, box.y1, cell), nodes(box.x0, box.x1, cell)
    y, x = (places.ravel() for places in np.meshgrid(ys, xs, indexing="ij"))
    stamps = source.parts(y=y, x=x, half=half)
    power = (stamps**2).sum(axis=(1, 2), keepdims=True)
    gain = np.array([noise_gain(s, covariance) for s in stamps]) / power[:, 0, 0]
    kernels = stamps[:, ::-1, ::-1]
    shape = field_of(kernels, gain, ys, xs, tolerance=SHARP)
    return PointSources(shape, field_of(kernels**2 / power, gain, ys, xs))


def even_covariance(correlation: Floats, interpolant: Interpolant) -> Floats:
    """Return the covariance of the noise of a warp over the variance that `even_variance` gives.

    Parameters
    ----------
    correlation : (k, k)
        Of the noise, from `coaddc.ops.noise.correlation`.
    interpolant
        That of the warp.
    """
    return correlation * float(gain_table(interpolant)[:-1].mean()) ** 2


@cache
def gain_table(interpolant: Interpolant) -> NDArray[np.float32]:
    """Return the variance of interpolated white noise on one axis, by phase from 0 to 1."""
    phases = np.linspace(0.0, 1.0, _PHASES)
    table: NDArray[np.float32] = (interpolant_1d(interpolant).cardinal(phases) ** 2).sum(1).astype(np.float32)
    return table


def even_variance(warp: Warp, pixel_map: PixelMap, interpolant: Interpolant) -> Image:
    """Return a warp's variance without what depends on where its pixels fall between the exposure's.

    Interpolation smooths noise most in the middle between pixels. A sum over many pixels does not feel that:
    neighbours are the more correlated.
    """
    variance = np.ascontiguousarray(warp.variance).copy()
    divide_by_phase_gain(
        gain_table(interpolant),
        pixel_map.nodes,
        pixel_map.active,
        (pixel_map.step, *pixel_map.origin),
        (warp.box.y0, warp.box.x0),
        pixel_map.shape,
        variance,
    )
    return variance


def likelihood(warp: Warp, variance: Image, sources: PointSources, box: Box, reject: int) -> Warp | None:
    """Return the fluxes that point sources have at each pixel, as one exposure alone sees them.

    Parameters
    ----------
    warp
        On a box larger than the result by the half-width of the stamps, where the exposure reaches.
    variance
        Of the warp, from `even_variance`.
    sources
        From `point_sources`.
    box
        Where the result is wanted.
    reject
        Bits of the mask whose pixels are left out of the sums.

    Returns
    -------
    Warp
        On the part of the box that the warp reaches; None where that is nothing. Image Psi / Phi, nJy; its
        variance; weight Phi, nJy**-2, with one sigma for the whole exposure, so that a source's own photon
        noise does not weigh. Pixels with less than `ENOUGH` of sum(phi**2) on good pixels have the bits
        that reject them, or NO_DATA and weight 0.
    """
    box = box.clip(warp.box)
    there = warp.weight > 0
    if not box.area or not there.any():
        return None
    convolver = Convolver.of(sources.shape, box, 4)
    good, whole = np.empty(there.shape, np.bool_), np.empty(there.shape, np.float32)
    find_good(warp.weight, warp.mask, reject, good.view(np.uint8), whole)
    shapes, energies = convolver.kernels(sources.shape), convolver.kernels(sources.energy)
    most, squares = float(warp.weight.max()), sources.squares
    bits = Grower.of(warp.mask, warp.box, sources.energy.core, convolver.side)
    varying, flags = sources.varying, (reject, bit("NO_DATA"), bit("REJECTED"))

    def make(pieces: Pieces, made: Warp) -> None:
        convolver.transform(warp.image, good, warp.box, pieces)
        flux = convolver.mean(shapes, pieces, 0)
        convolver.vary(shapes, pieces, 0)
        convolver.transform(variance, good, warp.box, pieces)
        noise = convolver.mean(energies, pieces, 1)
        convolver.transform(whole, good, warp.box, pieces)
        seen = convolver.mean(energies, pieces, 2)
        left = convolver.copied(pieces, 2, 3)
        convolver.vary(energies, pieces, 3)
        weights = convolver.weights(varying, pieces)
        for piece, shape, *sums in zip(pieces, weights, flux, noise, seen, left, strict=True):
            finish_filtered(
                start(piece, made.box),
                (sums[0], sums[1], sums[2], sums[3]),
                (*shape, squares, most),
                bits.grown(piece),
                flags,
                (ENOUGH, WHOLE),
                (made.image, made.variance, made.mask, made.weight),
            )

    return by_pieces(there, warp.box, box, sources.half, make)


@dataclass(frozen=True)
class FilteredInput:
    """One exposure of a likelihood coadd: what a point source makes of its filtered warp.

    Attributes
    ----------
    psf
        Of the exposure, on the tract.
    weight
        1 / sigma**2 of the exposure, nJy**-2; 1 where all count alike.
    half
        PSFs are (2 half + 1) square.
    equal
        Whether filtered warps count alike, and not by sum(phi**2).
    """

    psf: WarpedPsf
    weight: float
    half: int
    equal: bool = False

    def stamps(self, *, y: Floats, x: Floats, half: int) -> Floats:
        """Return the PSF correlated with itself, (k, n, n), n = 2 half + 1; its peak is sum(phi**2), or 1."""
        parts = self.psf.parts(y=y, x=x, half=self.half)
        responses = np.array([fitted(convolve(phi, phi[::-1, ::-1]), half) for phi in parts])
        return responses / responses[:, half, half, None, None] if self.equal else responses


def fitted(image: Floats, half: int) -> Floats:
    """Return a centred stamp cut, or padded with zeros, to (2 half + 1) square."""
    own = image.shape[0] // 2
    box, wide = (
        Box(y0=-own, y1=own + 1, x0=-own, x1=own + 1),
        Box(y0=-half, y1=half + 1, x0=-half, x1=half + 1),
    )
    result: Floats = placed(image, box, wide)
    return result
