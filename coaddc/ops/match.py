"""PSF matching: convolve a warp so that its point sources look like the target PSF, wherever they are."""

from __future__ import annotations

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
from coaddc.ops.convolver import Convolver, Pieces, by_pieces, start
from coaddc.ops.growing import Grower
from coaddc.ops.kernel_field import KernelField, field_of, nodes
from coaddc.ops.warped_psf import WarpedPsf


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
    y, x = (places.ravel() for places in np.meshgrid(ys, xs, indexing="ij"))
    kernels = np.array([matching.kernel(stamp) for stamp in source.stamps(y=y, x=x, half=half)])
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
