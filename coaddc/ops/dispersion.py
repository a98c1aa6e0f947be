"""What the air of one visit does to the sub-bands of a band, on the pixels of a tract; and its adjoint."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import scipy
from numpy.typing import NDArray

from coaddc.model.geom import Box
from coaddc.model.refraction import PARTS, Floats, direction, towards
from coaddc.model.wcs import Wcs

Transform = NDArray[np.complex128]

#: Arcsec by which a place is lifted to see which way that is.
LIFTED = 10.0


@dataclass(frozen=True)
class Lift:
    """The pixels by which a visit's air lifts a source, for each arcsec of refraction times tan z.

    Attributes
    ----------
    dy, dx
        It points to the zenith and is tan z long.
    tangent
        tan z.
    """

    dy: float
    dx: float
    tangent: float

    @classmethod
    def at(cls, tract: Wcs, zenith: Floats, *, y: float, x: float) -> Lift:
        """Work it out for a pixel of a tract, and a zenith from `coaddc.model.refraction.zenith`."""
        ra, dec = tract.to_sky(y=y, x=x)
        ra_up, dec_up = towards(zenith, ra=ra, dec=dec, arcsec=LIFTED)
        x_up, y_up = tract.to_pixel(ra=ra_up, dec=dec_up)
        cosine = float(zenith @ direction(ra=ra, dec=dec))
        tangent = float(np.sqrt(max(1.0 / cosine**2 - 1.0, 0.0)))
        return cls(float(y_up - y) / LIFTED, float(x_up - x) / LIFTED, tangent)

    def shifts(self, bend: Floats) -> Floats:
        """Return the pixels, (..., 2) in y and in x, of coefficients A, B of refraction, (..., 2)."""
        arcsec = bend[..., 0] + bend[..., 1] * self.tangent**2
        moved: Floats = arcsec[..., None] * np.array([self.dy, self.dx])
        return moved

    def kernels(self, bend: Floats, ky: Floats, kx: Floats) -> Transform:
        """Return what the air multiplies the transforms of sub-bands with, (sub-bands, ky, kx).

        Each sub-band is moved as light at a few wavelengths within it is; the moves are exact for what is
        sampled well. Where there is no dispersion, the mean of the sub-bands comes out.

        Parameters
        ----------
        bend : (sub-bands, nodes, 2)
            From `coaddc.model.refraction.bending`.
        ky, kx
            Frequencies along the axes, radians a pixel.
        """
        moved = self.shifts(bend)
        ys = np.exp(-1j * moved[..., 0, None] * ky) * (PARTS / len(bend))[:, None]
        xs = np.exp(-1j * moved[..., 1, None] * kx)
        kernels: Transform = np.moveaxis(ys, 1, 2) @ xs
        return kernels


class Dispersion:
    """The linear map from the sub-bands of the sky to the image of one visit, on a box, and its adjoint.

    The box is periodic; its sides are odd, so that every frequency but zero has its negative.

    Parameters
    ----------
    bend
        Refraction of the sub-bands.
    lift
        Of the visit, in the middle of the box.
    box
        See `fourier_box`.
    """

    def __init__(self, bend: Floats, lift: Lift, box: Box) -> None:
        ny, nx = box.shape
        frequencies = 2.0 * np.pi * scipy.fft.fftfreq(ny), 2.0 * np.pi * scipy.fft.rfftfreq(nx)
        self._shape = box.shape
        self.kernels = lift.kernels(bend, *frequencies).astype(np.complex64)  # half the memory, as good

    def forward(self, sky: Transform) -> Floats:
        """Return the image, (ny, nx), of the transforms of the sub-bands, (sub-bands, ny, nx // 2 + 1)."""
        image: Floats = scipy.fft.irfft2((self.kernels * sky).sum(axis=0), self._shape)
        return image

    def adjoint(self, image: Floats) -> Transform:
        """Return the transforms, (sub-bands, ny, nx // 2 + 1), of the adjoint applied to an image."""
        sky: Transform = np.conj(self.kernels) * scipy.fft.rfft2(image)
        return sky


def fourier_box(box: Box, pad: int) -> Box:
    """Return a box with ``pad`` pixels more behind each side, or some more: odd, fast to transform."""
    ny, nx = (_odd_fast(n + pad) for n in box.shape)
    return Box(y0=box.y0, y1=box.y0 + ny, x0=box.x0, x1=box.x0 + nx)


def _odd_fast(n: int) -> int:
    while n % 2 == 0 or scipy.fft.next_fast_len(n) != n:
        n += 1
    return n


def reach(lifts: Sequence[Lift], bend: Floats) -> int:
    """Return how far, pixels, any light is moved at most."""
    return int(np.ceil(max(np.abs(lift.shifts(bend)).max() for lift in lifts)))
