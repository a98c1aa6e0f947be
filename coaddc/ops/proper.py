"""The proper coadd: white noise, one PSF, and all that the exposures know of point sources.

Zackay & Ofek 2017, ApJ 836, 188, equation 7: with M the Fourier transform of an image, P that of its PSF and
N the power of its noise, sum(conj(P) M / N) / sqrt(sum(|P|**2 / N)). That is the mean by inverse variance w
of warps that were convolved first, each with a kernel of its own,

    conj(P) / S / sqrt(sum(w |P|**2 / S) / sum(w)),

scaled to sum 1. S is the power of the noise of a warp, 1 at frequency 0: interpolation leaves it correlated.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import scipy
from numpy.typing import NDArray

from coaddc.model.assembly import Interpolant
from coaddc.model.geom import Box
from coaddc.model.psf import Floats
from coaddc.ops.kernel_field import KernelField, field_of, nodes
from coaddc.ops.match import centred, noise_gain
from coaddc.ops.noise import convolved_correlation, covariance_by_phase
from coaddc.ops.pixel_map import PixelMap
from coaddc.ops.warped_psf import WarpedPsf

#: Added to the transforms of PSFs, 1 at frequency 0: where PSFs tell nothing, exposures count by their noise.
FAINT = 3e-3
#: The power of a warp's noise counts as this at least: what an exposure does not resolve is not made up.
QUIET = 0.02
#: Half-width of the stamps that kernels are solved from, over that of the kernels.
REACH = 1.5
#: Half the places on either axis of a cell that are looked at, and bins of phases that they fall into.
PLACES, PHASES = 8, 12
#: Half-width, pixels, of the stamps in which the covariance of the noise is worked out.
LAGS = 6


@dataclass(frozen=True)
class Source:
    """One exposure of a proper coadd.

    Attributes
    ----------
    psf
        Its PSF on the tract.
    pixel_map
        Where the patch lies in it.
    interpolant
        That of its warp.
    weight
        Inverse variance, nJy**-2.
    """

    psf: WarpedPsf
    pixel_map: PixelMap
    interpolant: Interpolant
    weight: float


@dataclass(frozen=True)
class Information:
    """What all exposures together know of point sources, by place and frequency.

    Attributes
    ----------
    ys, xs
        Tract pixels of the rows (r) and columns (c) of a grid.
    half
        Kernels are (2 half + 1) square.
    power : (r, c, n, n // 2 + 1)
        sum(w |P|**2 / S) / sum(w) over the exposures that cover a place; 0 where none does.
    """

    ys: Floats
    xs: Floats
    half: int
    power: NDArray[np.float32]

    @property
    def size(self) -> int:
        """Rows and columns of the Fourier transforms."""
        return int(self.power.shape[2])


def information(sources: Sequence[Source], box: Box, *, half: int, cell: int) -> Information:
    """Gather what the exposures of a coadd know.

    Parameters
    ----------
    sources
        The exposures.
    box
        Where.
    half
        Kernels are (2 half + 1) square.
    cell
        It is gathered at multiples of this many tract pixels.
    """
    ys, xs = nodes(box.y0, box.y1, cell), nodes(box.x0, box.x1, cell)
    n = scipy.fft.next_fast_len(2 * int(REACH * half) + 2 * half + 2, real=True)
    power = np.zeros((ys.size, xs.size, n, n // 2 + 1), np.float32)
    total = np.zeros((ys.size, xs.size))
    for source in sources:
        part, covariance = local_noise(source, ys, xs, cell)
        weight = source.weight * part
        total += weight
        for i, j in np.argwhere(weight > 0):
            psf = _transform(source, n, half, y=ys[i], x=xs[j])
            power[i, j] += weight[i, j] * np.abs(psf) ** 2 / _power(covariance[i, j], n)
    power /= np.where(total > 0, total, 1.0)[:, :, None, None]
    return Information(ys, xs, half, power)


def local_noise(source: Source, ys: Floats, xs: Floats, cell: int) -> tuple[Floats, Floats]:
    """Return what there is of an exposure around the places of a grid.

    Pixels around a place count by what they take from it where values are interpolated between places.

    Returns
    -------
    part : (r, c)
        How much of them it covers.
    covariance : (r, c, k, k)
        Of the noise of its warp there, by where pixels fall between those of the exposure, over the variance
        that `coaddc.ops.likelihood.even_variance` gives; 0 where it covers nothing.
    """
    offsets = (np.arange(2 * PLACES) + 0.5) / PLACES - 1.0
    hat = 1.0 - np.abs(offsets)
    y, x = ((places[:, None] + cell * offsets).ravel() for places in (ys, xs))
    u, v = source.pixel_map.position(x=x[None], y=y[:, None])
    ny, nx = source.pixel_map.shape
    inside = (u >= 0) & (u <= nx - 1) & (v >= 0) & (v <= ny - 1)
    weight = inside * (np.tile(hat, ys.size)[:, None] * np.tile(hat, xs.size))
    row, column = np.arange(y.size) // hat.size, np.arange(x.size) // hat.size
    place = row[:, None] * xs.size + column
    bins = [np.where(inside, np.mod(c, 1.0) * PHASES, 0.0).astype(int) for c in (v, u)]
    count = np.bincount(
        ((place * PHASES + bins[0]) * PHASES + bins[1]).ravel(),
        weight.ravel(),
        ys.size * xs.size * PHASES**2,
    )
    found = count.astype(np.float64).reshape(ys.size, xs.size, PHASES, PHASES)
    part = found.sum(axis=(2, 3))
    found /= np.where(part > 0, part, 1.0)[:, :, None, None]
    covariance = np.einsum("rcpq,pl,ql->rcl", found, *_by_phase(source, ys.mean(), xs.mean()), optimize=True)
    side = 2 * LAGS + 1
    return part / hat.sum() ** 2, covariance.reshape(ys.size, xs.size, side, side)


def noise_correlation(source: Source, kernels: KernelField, cell: int) -> Floats:
    """Return the correlation of the noise of an exposure's convolved warp, in the mean over places."""
    part, covariance = local_noise(source, kernels.ys, kernels.xs, cell)
    mean = np.tensordot(part, covariance, axes=2) / part.sum()
    return convolved_correlation(mean, kernels.mean)


def _by_phase(source: Source, y: float, x: float) -> tuple[Floats, Floats]:
    """Return the covariance on the exposure's own y and x, (PHASES, lags), by lags in the tract."""
    dy, dx = np.mgrid[-LAGS : LAGS + 1, -LAGS : LAGS + 1].reshape(2, -1)
    jacobian = source.psf.jacobian(y=y, x=x)
    phases = (np.arange(PHASES) + 0.5) / PHASES
    along = (jacobian[axis, 0] * dx + jacobian[axis, 1] * dy for axis in (1, 0))
    on_y, on_x = (covariance_by_phase(source.interpolant, phases, lags) for lags in along)
    return on_y, on_x


def proper_kernels(source: Source, known: Information, cell: int) -> KernelField:
    """Solve the kernels of one exposure.

    Parameters
    ----------
    source
        The exposure, one of those that the information is of.
    known
        From `information`.
    cell
        That of the information.

    Returns
    -------
    KernelField
        Over all that the exposure reaches. Its gain is the variance of a pixel over that which
        `coaddc.ops.likelihood.even_variance` gives.
    """
    box = source.pixel_map.box
    ys, xs = nodes(box.y0, box.y1, cell), nodes(box.x0, box.x1, cell)
    rows, columns = (
        np.rint((own - whole[0]) / cell).astype(int) for own, whole in ((ys, known.ys), (xs, known.xs))
    )
    part, covariance = local_noise(source, ys, xs, cell)
    side = 2 * known.half + 1
    kernels, gain = np.zeros((ys.size, xs.size, side, side)), np.ones((ys.size, xs.size))
    seen = part > 0
    for i, j in np.argwhere(seen):
        psf = _transform(source, known.size, known.half, y=ys[i], x=xs[j])
        power = known.power[rows[i], columns[j]]
        kernels[i, j] = _kernel(np.conj(psf) / _power(covariance[i, j], known.size) / np.sqrt(power), known)
        gain[i, j] = noise_gain(kernels[i, j], covariance[i, j])
    kernels[~seen] = kernels[seen].mean(axis=0)  # no pixel takes from there
    return field_of(kernels.reshape(-1, side, side), gain.ravel(), ys, xs)


def _kernel(transform: NDArray[np.complex128], known: Information) -> Floats:
    """Return a kernel, cut to its size and scaled to sum 1, from its Fourier transform."""
    half = known.half
    whole = np.roll(scipy.fft.irfft2(transform, (known.size, known.size)), (half, half), (0, 1))
    cut = whole[: 2 * half + 1, : 2 * half + 1]
    result: Floats = cut / cut.sum()
    return result


def _transform(source: Source, n: int, half: int, *, y: float, x: float) -> NDArray[np.complex128]:
    """Return the Fourier transform of an exposure's PSF at a place."""
    stamp = source.psf.stamp(y=y, x=x, half=int(REACH * half))
    result: NDArray[np.complex128] = scipy.fft.rfft2(centred(stamp, n)) + FAINT
    return result


def _power(covariance: Floats, n: int) -> Floats:
    """Return the power of noise by frequency, (n, n // 2 + 1)."""
    power: Floats = np.maximum(scipy.fft.rfft2(centred(covariance, n)).real, QUIET)
    return power
