"""PSF models of simulated exposures, analytic throughout: pixel included, flux per pixel at any offset."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from coaddc.model.psf import Floats, Psf
from coaddc.model.tangent import ARCSEC
from coaddc.model.wcs import Wcs

#: Power of the wings of `FieldMoffat`; with this one the Fourier transform is elementary.
BETA = 3.5
#: Core radius of a Moffat profile of that power over its FWHM.
CORE = 1.0 / (2.0 * np.sqrt(2.0 ** (1.0 / BETA) - 1.0))
#: Distance, FWHM, that holds 0.9995 of its flux.
REACH = CORE * np.sqrt(0.0005 ** (1.0 / (1.0 - BETA)) - 1.0)


@dataclass(frozen=True, slots=True)
class FieldMoffat:
    """An elliptical Moffat profile, beta 3.5, whose width and shape vary over the field.

    Width and shape are polynomials of degree 2, coefficients of 1, u, v, u**2, u v, v**2, in the position
    (u, v) = sign (x - x0, y - y0) / 1000: the field of the camera, whichever way up the detector is.

    Attributes
    ----------
    fwhm
        Full width at half maximum, pixels: that of the circle with the area of the ellipse.
    e1, e2
        Ellipticity along the axes of the pixels and the diagonals: (a**2 - b**2) / (a**2 + b**2).
    x0, y0
        Where the optical axis is, pixels.
    sign
        1, or -1 for a detector mounted upside down.
    """

    fwhm: tuple[float, ...]
    e1: tuple[float, ...] = (0.0,) * 6
    e2: tuple[float, ...] = (0.0,) * 6
    x0: float = 0.0
    y0: float = 0.0
    sign: int = 1

    @property
    def radius(self) -> float:
        """Distance that holds 0.9995 of the flux at the optical axis."""
        return float(REACH * self.fwhm[0])

    def shape(self, *, x: float, y: float) -> tuple[float, Floats]:
        """Return core radius, pixels, and the (2, 2) matrix of the ellipse, determinant 1."""
        u, v = self.sign * (x - self.x0) / 1000.0, self.sign * (y - self.y0) / 1000.0
        terms = np.array([1.0, u, v, u * u, u * v, v * v])
        width, e1, e2 = (float(np.dot(c, terms)) for c in (self.fwhm, self.e1, self.e2))
        ellipse = np.array([[1.0 + e1, e2], [e2, 1.0 - e1]]) / np.sqrt(1.0 - e1**2 - e2**2)
        return float(CORE * width), ellipse

    def evaluate(self, *, x: float, y: float, dx: Floats, dy: Floats) -> Floats:
        """Return the flux per pixel, total 1, at offsets, pixels, from a source at (x, y)."""
        core, ellipse = self.shape(x=x, y=y)
        (a, b), (_, d) = ellipse
        # The inverse of a symmetric 2 x 2 matrix with determinant 1 swaps its diagonal.
        r2 = (d * dx * dx - 2.0 * b * dx * dy + a * dy * dy) / core**2
        base = 1.0 + r2
        value: Floats = (BETA - 1.0) / (np.pi * core**2) / (base**3 * np.sqrt(base))
        return value

    def transform(self, *, x: float, y: float, kx: Floats, ky: Floats) -> Floats:
        """Return the Fourier transform, 1 at the origin, at wave numbers in radians per pixel.

        The transform of a Moffat profile is 2 (z / 2)**(beta - 1) K(z) / Gamma(beta - 1), with K the modified
        Bessel function of order beta - 1 and z = core k; for beta = 3.5 it is exp(-z) (1 + z + z**2 / 3).
        """
        core, ellipse = self.shape(x=x, y=y)
        (a, b), (_, d) = ellipse
        z = core * np.sqrt(a * kx * kx + 2.0 * b * kx * ky + d * ky * ky)
        value: Floats = np.exp(-z) * (1.0 + z + z * z / 3.0)
        return value


@dataclass(frozen=True, slots=True)
class SkyPsf:
    """A PSF that is the same everywhere on the sky; in pixels it follows the WCS and its distortion.

    Pixel positions are expanded to second order around the source, so that over a stamp both the shape and
    the area of the pixels vary as they should: for distortions below 1 % the rest is below 1e-5 pixels.

    Attributes
    ----------
    profile
        The profile in arcsec; dx is to the east, dy to the north.
    wcs
        Of the exposure.
    scale
        Its typical pixel scale, arcsec.
    """

    profile: Psf
    wcs: Wcs
    scale: float

    @property
    def radius(self) -> float:
        """Beyond this distance, pixels, the profile is negligible."""
        return self.profile.radius / self.scale

    def evaluate(self, *, x: float, y: float, dx: Floats, dy: Floats) -> Floats:
        """Return the flux per pixel, total 1, at offsets, pixels, from a source at (x, y)."""
        first, second = _expand(self.wcs, x=x, y=y)
        # Slopes of east and north with x and y at each offset, then the offsets themselves.
        slopes = [
            [first[s, 0] + second[s, 0] * dx + second[s, 1] * dy for s in (0, 1)],
            [first[s, 1] + second[s, 1] * dx + second[s, 2] * dy for s in (0, 1)],
        ]
        sky = [0.5 * ((first[s, 0] + slopes[0][s]) * dx + (first[s, 1] + slopes[1][s]) * dy) for s in (0, 1)]
        area = np.abs(slopes[0][0] * slopes[1][1] - slopes[0][1] * slopes[1][0])
        value: Floats = area * self.profile.evaluate(x=x, y=y, dx=sky[0], dy=sky[1])
        return value


def _expand(wcs: Wcs, *, x: float, y: float, step: float = 4.0) -> tuple[Floats, Floats]:
    """Return first (east, north by x, y) and second (by xx, xy, yy) derivatives of sky offsets, arcsec."""
    shifts = step * np.array([-1.0, 0.0, 1.0])
    ra, dec = wcs.to_sky(x=x + shifts[None, :] + np.zeros((3, 1)), y=y + shifts[:, None] + np.zeros((1, 3)))
    alpha, delta, delta0 = np.radians(ra - ra[1, 1]), np.radians(dec), np.radians(dec[1, 1])
    # Gnomonic projection about the source (Calabretta & Greisen 2002, A&A 395, 1077, section 5.1.3).
    below = np.sin(delta) * np.sin(delta0) + np.cos(delta) * np.cos(delta0) * np.cos(alpha)
    east = np.cos(delta) * np.sin(alpha) / below
    north = (np.sin(delta) * np.cos(delta0) - np.cos(delta) * np.sin(delta0) * np.cos(alpha)) / below
    z = np.degrees(np.stack([east, north])) * ARCSEC
    first = np.stack([z[:, 1, 2] - z[:, 1, 0], z[:, 2, 1] - z[:, 0, 1]], axis=1) / (2.0 * step)
    xx = z[:, 1, 2] - 2.0 * z[:, 1, 1] + z[:, 1, 0]
    yy = z[:, 2, 1] - 2.0 * z[:, 1, 1] + z[:, 0, 1]
    xy = (z[:, 2, 2] - z[:, 2, 0] - z[:, 0, 2] + z[:, 0, 0]) / 4.0
    return first, np.stack([xx, xy, yy], axis=1) / step**2
