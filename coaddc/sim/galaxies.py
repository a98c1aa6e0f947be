"""Galaxies become pixels: drawn in Fourier space, so that the convolution with the PSF is exact."""

from __future__ import annotations

import numpy as np

from coaddc.model.geom import Box
from coaddc.model.psf import Floats
from coaddc.sim.psf import FieldMoffat
from coaddc.sim.render import around

#: Index of Spergel's profile, and its half-light radius in units of its scale: an exponential disc, and a
#: spheroid that is close to de Vaucouleurs' profile (Spergel 2010, ApJS 191, 58, figure 3).
DISC, SPHEROID = (0.5, 1.6783469900), (-0.6, 0.5477139298)
#: Sides of the squares that galaxies are drawn on, pixels.
SIDES = (48, 64, 96, 128, 192, 256)


def add_galaxy(image: Floats, psf: FieldMoffat, *, x: float, y: float, flux: float, light: Light) -> None:
    """Add a galaxy to an image.

    Parameters
    ----------
    image : (ny, nx)
        Added to.
    psf
        Pixel included.
    x, y, flux
        Centre, pixels, and total flux in the image's unit.
    light
        Its profile there.
    """
    reach = 3.5 * psf.fwhm[0] + (9.0 if light.index < 0 else 5.0) * light.extent
    side = next((s for s in SIDES if s >= 2 * reach), SIDES[-1])
    box = around(x=x, y=y, half=side // 2)
    box = Box(y0=box.y0, y1=box.y1 - 1, x0=box.x0, x1=box.x1 - 1)
    whole = Box.of_shape((image.shape[0], image.shape[1]))
    inside = box.clip(whole)
    if not inside.area:
        return
    kx: Floats = np.asarray(2.0 * np.pi * np.fft.rfftfreq(side)[None, :], np.float64)
    ky: Floats = np.asarray(2.0 * np.pi * np.fft.fftfreq(side)[:, None], np.float64)
    power = psf.transform(x=x, y=y, kx=kx, ky=ky) * light.transform(kx=kx, ky=ky)
    phase = np.exp(-1j * ky * (y - box.y0)) * np.exp(-1j * kx * (x - box.x0))
    image[inside.within(whole)] += flux * np.fft.irfft2(power * phase, (side, side))[inside.within(box)]


class Light:
    """The profile of one galaxy in the pixels of one exposure, before the PSF.

    Parameters
    ----------
    half_light
        Radius of the circle with the area of the ellipse that holds half the light, arcsec.
    axis_ratio, position_angle
        Of that ellipse on the sky; the angle in degrees, east of north.
    spheroid
        A spheroid, or a disc.
    jacobian : (2, 2)
        d(east, north)/d(x, y) there, arcsec per pixel.
    """

    def __init__(
        self, half_light: float, axis_ratio: float, position_angle: float, spheroid: bool, jacobian: Floats
    ) -> None:
        self.index, unit = SPHEROID if spheroid else DISC
        theta = np.radians(position_angle)
        major, minor = np.array([np.sin(theta), np.cos(theta)]), np.array([np.cos(theta), -np.sin(theta)])
        ellipse = np.outer(major, major) / axis_ratio + np.outer(minor, minor) * axis_ratio
        inverse = np.linalg.inv(jacobian)
        self._form = (half_light / unit) ** 2 * inverse @ ellipse @ inverse.T
        self.extent = half_light / np.sqrt(axis_ratio * abs(np.linalg.det(jacobian)))

    def transform(self, *, kx: Floats, ky: Floats) -> Floats:
        """Return the Fourier transform, 1 at the origin, at wave numbers in radians per pixel."""
        (a, b), (_, d) = self._form
        value: Floats = (1.0 + a * kx * kx + 2.0 * b * kx * ky + d * ky * ky) ** -(1.0 + self.index)
        return value
