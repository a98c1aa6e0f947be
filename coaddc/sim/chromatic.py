"""Stars with spectra, dispersed by the air: exposures of which the truth at every wavelength is known."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from coaddc.model.air import Air
from coaddc.model.psf import Floats, Psf
from coaddc.model.refraction import refraction, towards, zenith
from coaddc.model.wcs import Wcs
from coaddc.sim.field import exposed
from coaddc.sim.memory import MemoryExposure
from coaddc.sim.render import add_stars

#: Second radiation constant, nm K.
PLANCK = 1.438777e7


@dataclass(frozen=True, slots=True)
class Spectra:
    """Stars, and what they send at each wavelength.

    Attributes
    ----------
    ra, dec : (n,)
        Where they are without air, degrees.
    wavelength : (m,)
        nm.
    flux : (n, m)
        Part of their flux in the band, nJy, about each wavelength.
    """

    ra: Floats
    dec: Floats
    wavelength: Floats
    flux: Floats


def black_bodies(
    *, ra: Floats, dec: Floats, flux: Floats, temperature: Floats, band: tuple[float, float], steps: int = 24
) -> Spectra:
    """Make stars that shine like black bodies of these temperatures, K, and have these fluxes in a band, nm.

    Its throughput rises over the first tenth of it and falls over the last, as that of a filter does; photons
    are counted.
    """
    first, last = band
    wavelength = first + (np.arange(steps) + 0.5) / steps * (last - first)
    edge = 0.1 * (last - first)
    throughput = np.clip((wavelength - first) / edge, 0, 1) * np.clip((last - wavelength) / edge, 0, 1)
    photons = wavelength**-4 / np.expm1(PLANCK / (wavelength * np.asarray(temperature)[:, None]))
    counted = throughput * photons
    return Spectra(ra, dec, wavelength, flux[:, None] * counted / counted.sum(axis=1, keepdims=True))


@dataclass(frozen=True, slots=True)
class Sight:
    """How an exposure looks through the air.

    Attributes
    ----------
    airmass, parallactic_angle
        In the middle of the exposure; the angle in degrees.
    air
        Above the telescope.
    reference
        Wavelength, nm, of light that arrives where the WCS says.
    noise
        Standard deviation of a pixel, nJy, white and Gaussian.
    """

    airmass: float
    parallactic_angle: float
    air: Air
    reference: float
    noise: float = 1.0


def dispersed_field(
    stars: Spectra, wcs: Wcs, shape: tuple[int, int], psf: Psf, sight: Sight, seed: int | None = None
) -> MemoryExposure:
    """Expose stars through the air: each wavelength where refraction puts it at the star's own place.

    Parameters
    ----------
    stars
        May lie outside the image.
    wcs, shape, psf
        Of the exposure; the PSF is the same at all wavelengths.
    sight
        Through which air.
    seed
        Of the noise; None leaves the image free of it.
    """
    ny, nx = shape
    ra, dec = (float(a) for a in wcs.to_sky(x=(nx - 1) / 2.0, y=(ny - 1) / 2.0))
    up = zenith(ra=ra, dec=dec, airmass=sight.airmass, parallactic_angle=sight.parallactic_angle)
    tangent2 = sight.airmass**2 - 1.0
    bent = refraction(sight.air, stars.wavelength) - refraction(sight.air, sight.reference)[:, None]
    image = np.zeros(shape)
    for arcsec, flux in zip(bent[0] + bent[1] * tangent2, stars.flux.T, strict=True):
        lifted = towards(up, ra=stars.ra, dec=stars.dec, arcsec=float(arcsec))
        x, y = wcs.to_pixel(ra=lifted[0], dec=lifted[1])
        add_stars(image, psf, x=x, y=y, flux=flux)
    made = exposed(image, wcs, psf, sight.noise, seed)
    return made.with_row(airmass=sight.airmass, parallactic_angle=sight.parallactic_angle)
