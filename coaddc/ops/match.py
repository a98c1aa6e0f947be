"""PSF matching: convolve a warp so that its point sources look like the target PSF, wherever they are."""

from __future__ import annotations

import math
from dataclasses import dataclass
from functools import cached_property

import numpy as np
import scipy
from numpy.typing import NDArray

from coaddc.kernels.finish import finish_matched
from coaddc.model.geom import Box
from coaddc.model.images import Warp
from coaddc.model.mask import bit
from coaddc.model.psf import Floats, Psf, stamp
from coaddc.model.wcs import Wcs
from coaddc.ops.convolver import Convolver, Pieces, by_pieces, start
from coaddc.ops.growing import Grower
from coaddc.ops.kernel_field import KernelField, field_of, hats, nodes

#: Pixels between places at which it is asked exactly what an exposure covers.
NET = 64


@dataclass(frozen=True)
class WarpedPsf:
    """The PSF of one exposure as it looks on the pixels of a tract.

    Attributes
    ----------
    psf, wcs, shape
        PSF model, WCS and size (ny, nx) of the exposure.
    tract
        WCS of the tract.
    """

    psf: Psf
    wcs: Wcs
    shape: tuple[int, int]
    tract: Wcs

    def locate(self, *, y: float, x: float) -> tuple[float, float, bool]:
        """Return the exposure's (y, x) at a tract pixel, moved into the image, and if it was inside."""
        ra, dec = self.tract.to_sky(x=x, y=y)
        u, v = self.wcs.to_pixel(ra=ra, dec=dec)
        inside = Box.of_shape(self.shape).contains(y=float(v), x=float(u))
        ny, nx = self.shape
        return float(np.clip(v, 0, ny - 1)), float(np.clip(u, 0, nx - 1)), inside

    def covers(self, rows: Floats, columns: Floats) -> NDArray[np.bool_]:
        """Say of a grid of tract pixels whether they lie within the centres of the outermost pixels.

        Positions are exact on a net of `NET` pixels, and linear within it: for areas, that is near enough.
        """
        net_y, net_x = _net(rows), _net(columns)
        x, y = np.meshgrid(net_x, net_y)
        ra, dec = self.tract.to_sky(x=x, y=y)
        places = np.nan_to_num(self.wcs.to_pixel(ra=ra, dec=dec), nan=-1e9)  # where the WCS runs away
        u, v = hats(net_y, rows) @ places @ hats(net_x, columns).T
        ny, nx = self.shape
        inside: NDArray[np.bool_] = (u >= 0) & (u <= nx - 1) & (v >= 0) & (v <= ny - 1)
        return inside

    def jacobian(self, *, y: float, x: float) -> Floats:
        """Return d(x, y of the exposure)/d(x, y of the tract), (2, 2), at or near a tract pixel."""
        return self._jacobian(*self._nearest(y, x))

    def stamp(self, *, y: float, x: float, half: int) -> Floats:
        """Return the image of a point source at a tract pixel, (2 half + 1) square, sum 1.

        Outside the exposure it is that of the nearest place inside. The map of the pixels is taken as linear
        over the stamp.
        """
        near = self._nearest(y, x)
        return stamp(self.psf, x=near[1], y=near[0], half=half, jacobian=self._jacobian(*near))

    def part(self, *, y: float, x: float, half: int) -> Floats:
        """Return the middle (2 half + 1) square of the image of a point source of flux 1: less than that."""
        near = self._nearest(y, x)
        jacobian = self._jacobian(*near)
        scale = float(np.sqrt(abs(np.linalg.det(jacobian))))
        more = min(max(0, int(np.ceil(self.psf.radius / scale)) - half), 4 * half)
        whole = stamp(self.psf, x=near[1], y=near[0], half=half + more, jacobian=jacobian)
        return whole[more : whole.shape[0] - more, more : whole.shape[1] - more]

    def _jacobian(self, v: float, u: float, y: float, x: float) -> Floats:
        return np.linalg.inv(self.wcs.jacobian(x=u, y=v)) @ self.tract.jacobian(x=x, y=y)

    def _nearest(self, y: float, x: float) -> tuple[float, float, float, float]:
        """Return the nearest place inside the exposure: its (y, x) there, and its (y, x) in the tract."""
        v, u, inside = self.locate(y=y, x=x)
        if not inside:
            ra, dec = self.wcs.to_sky(x=u, y=v)
            x_near, y_near = self.tract.to_pixel(ra=ra, dec=dec)
            y, x = float(y_near), float(x_near)
        return v, u, y, x


def _net(places: Floats) -> Floats:
    """Return the places of a net that encloses some."""
    cells = max(1, math.ceil((places[-1] - places[0]) / NET))
    return np.linspace(places[0], places[-1], cells + 1)


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
        r of `kernel`.
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
        """Return the kernel that turns a PSF, a centred stamp of half-width `reach`, into the target.

        The regularised quotient of their Fourier transforms, T P* / (|P|**2 + r max |P|**2), cut to its
        size and scaled to sum 1.
        """
        half, n = self.half, self._size
        p = scipy.fft.rfft2(centred(source, n))
        power = p.real**2 + p.imag**2
        kernel = scipy.fft.irfft2(
            self._wanted * np.conj(p) / (power + self.regularisation * power.max()), (n, n)
        )
        cut = np.roll(kernel, (half, half), (0, 1))[: 2 * half + 1, : 2 * half + 1]
        result: Floats = cut / cut.sum()
        return result

    @property
    def _size(self) -> int:
        """Rows and columns of the Fourier transforms."""
        return scipy.fft.next_fast_len(2 * self.reach + 2 * self.half + 2, real=True)

    @cached_property
    def _wanted(self) -> NDArray[np.complex128]:
        """Transform of the target, the same for all sources."""
        wanted = stamp(self.target, x=0.0, y=0.0, half=self.reach)
        result: NDArray[np.complex128] = scipy.fft.rfft2(centred(wanted, self._size))
        return result


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
    """Return the variance of a pixel after convolution over that before, for noise of this correlation.

    The kernel correlated with itself, times the correlation, summed over all lags; that is, by Parseval, the
    mean over frequencies of the product of their powers.

    Parameters
    ----------
    kernel : (n, n)
        Any.
    correlation : (k, k)
        The same if turned by 180 degrees, k odd; 0 beyond.
    """
    side = correlation.shape[0]
    n = scipy.fft.next_fast_len(max(kernel.shape[0] + side // 2, side), real=True)  # no lag wraps around
    spectrum, noise = scipy.fft.rfft2(kernel, (n, n)), scipy.fft.rfft2(centred(correlation, n)).real
    power = (spectrum.real**2 + spectrum.imag**2) * noise
    power[:, 1 : (n + 1) // 2] *= 2.0  # they stand for their mirrors too
    return float(power.sum()) / n**2


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
    there, convolver = warp.weight > 0, Convolver.of(kernels, box, 2)
    own, square = convolver.kernels(kernels), kernels.mean**2
    spread = convolver.spectrum(square / square.sum())
    bits = Grower.of(warp.mask, warp.box, kernels.core, convolver.side)
    gone = Grower.of(~there, warp.box, kernels.edge, convolver.side, outside=1)

    def make(pieces: Pieces, made: Warp) -> None:
        convolver.transform(warp.image, there, warp.box, pieces)
        image = convolver.mean(own, pieces, 0)
        convolver.vary(own, pieces, 0)
        convolver.transform(warp.variance, there, warp.box, pieces)
        variance = convolver.convolved(spread, convolver.weights(kernels.gain, pieces), 1)
        for piece, *planes in zip(pieces, image, variance, strict=True):
            finish_matched(
                start(piece, made.box),
                (planes[0], planes[1]),
                (bits.grown(piece), gone.grown(piece).view(np.uint8)),
                (warp.weight, *start(piece, warp.box)),
                bit("NO_DATA"),
                (made.image, made.variance, made.mask, made.weight),
            )

    return by_pieces(there, warp.box, box, kernels.half, make)
