"""Atmospheric refraction: by how much the air lifts light of a wavelength, and which way up is."""

from __future__ import annotations

import erfa
import numpy as np
from numpy.typing import ArrayLike, NDArray

from coaddc.model.air import Air

Floats = NDArray[np.float64]

#: Arcseconds in a radian.
RADIAN = 206264.80624709636
#: Wavelengths in a sub-band at which it is evaluated, and their parts of it: Gauss and Legendre's.
NODES, PARTS = np.polynomial.legendre.leggauss(3)
PARTS = PARTS / 2.0


def refraction(air: Air, wavelength: ArrayLike) -> Floats:
    """Return A and B of the refraction A tan z + B tan(z)**3, arcsec, of light of a wavelength, nm.

    As the SOFA library's ``refco`` has it: refractivity of air from its pressure, temperature, humidity
    (Hohenkerk & Sinclair 1985, NAO Technical Note 63), A and B from Stone 1996, PASP 108, 1051, and Green
    1987, Spherical Astronomy. Differences between wavelengths agree with Edlen's to 1 %, below 400 nm to 3 %.

    Returns
    -------
    coefficients : (2, ...)
        A, B in the shape of the wavelengths.
    """
    nanometres = np.asarray(wavelength, np.float64)
    return RADIAN * np.array(erfa.refco(air.pressure, air.temperature, air.humidity, nanometres / 1000.0))


def bending(
    air: Air, passband: tuple[float, float], count: int, reference: float | None = None
) -> NDArray[np.float64]:
    """Return the refraction of the parts of a band, less that of its reference.

    Parameters
    ----------
    air
        Above the telescope.
    passband
        First and last wavelength of the band, nm.
    count
        Number of sub-bands, each as wide as the others.
    reference
        Wavelength, nm, at which the exposures' WCS put a source; None: the mean refraction of the band.

    Returns
    -------
    bend : (count, nodes, 2)
        A and B of `refraction`, arcsec, at wavelengths within each sub-band, in the order of PARTS.
    """
    edges = np.linspace(*passband, count + 1)
    middle, half = (edges[1:] + edges[:-1]) / 2.0, (edges[1:] - edges[:-1]) / 2.0
    bend = np.moveaxis(refraction(air, middle[:, None] + half[:, None] * NODES), 0, -1)
    mean = np.tensordot(PARTS, bend.mean(axis=0), axes=1)
    return np.asarray(bend - (mean if reference is None else refraction(air, reference)))


def zenith(*, ra: float, dec: float, airmass: float, parallactic_angle: float) -> Floats:
    """Return the direction of the zenith, (3,), in which a place of the sky has an air mass and an angle.

    Parameters
    ----------
    ra, dec
        The place, degrees.
    airmass
        Secant of its zenith distance; below 1 counts as 1.
    parallactic_angle
        Position angle of the zenith there, degrees, east of north.
    """
    place, east, north = _axes(np.radians(ra), np.radians(dec))
    angle = np.radians(parallactic_angle)
    up = east * np.sin(angle) + north * np.cos(angle)
    cosine = 1.0 / max(airmass, 1.0)
    result: Floats = cosine * place + np.sqrt(1.0 - cosine**2) * up
    return result


def towards(zenith: Floats, *, ra: Floats, dec: Floats, arcsec: float) -> tuple[Floats, Floats]:
    """Return the places, degrees, to which refraction of ``arcsec`` times tan z lifts places of the sky."""
    place, _, _ = _axes(np.radians(ra), np.radians(dec))
    cosine = np.tensordot(zenith, place, axes=1)
    # The part of the zenith across the line of sight is sin z long: over cos z, tan z.
    across = zenith.reshape(3, *(1,) * cosine.ndim) - cosine * place
    x, y, z = place + arcsec / RADIAN * across / cosine
    return np.degrees(np.arctan2(y, x)) % 360.0, np.degrees(np.arctan2(z, np.hypot(x, y)))


def direction(*, ra: ArrayLike, dec: ArrayLike) -> Floats:
    """Return the unit vectors, (3, ...), to places of the sky, degrees."""
    return _axes(np.radians(ra), np.radians(dec))[0]


def _axes(alpha: ArrayLike, delta: ArrayLike) -> tuple[Floats, Floats, Floats]:
    """Return the unit vectors to places of the sky, to their east and to their north, (3, ...) each."""
    alpha, delta = np.asarray(alpha), np.asarray(delta)
    place = np.array([np.cos(delta) * np.cos(alpha), np.cos(delta) * np.sin(alpha), np.sin(delta)])
    east = np.array([-np.sin(alpha), np.cos(alpha), np.zeros_like(alpha)])
    north = np.array([-np.sin(delta) * np.cos(alpha), -np.sin(delta) * np.sin(alpha), np.cos(delta)])
    return place, east, north
