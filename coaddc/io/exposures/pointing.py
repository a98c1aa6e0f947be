"""Where a telescope points, from when and whence: hour angle, parallactic angle, airmass."""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from coaddc.model.survey import Site

#: MJD of the epoch J2000, and days in a Julian century.
J2000 = 51544.5
CENTURY = 36525.0


@dataclass(frozen=True, slots=True)
class Pointing:
    """Angles, degrees, and airmass of one position at one time; NaN where unknown."""

    hour_angle: float = math.nan
    parallactic_angle: float = math.nan
    airmass: float = math.nan


def pointing(site: Site, *, mjd: float, ra: float, dec: float) -> Pointing:
    """Compute hour angle (west positive, -180 to 180), parallactic angle and airmass.

    Good to 0.02 degrees: precession is taken into account; nutation, aberration, refraction and UT1 - UTC,
    for which astropy would load tables of the Earth's rotation, are not. Airmass is that of Pickering 2002,
    DIO 12, 20.

    Parameters
    ----------
    site
        Longitude and latitude of the telescope.
    mjd
        UTC.
    ra, dec
        ICRS, degrees.
    """
    if site.longitude is None or site.latitude is None or not math.isfinite(mjd):
        return Pointing()
    x, y, z = _precession(mjd) @ _direction(math.radians(ra), math.radians(dec))
    hour_angle = (
        sidereal_time(mjd) + site.longitude - math.degrees(math.atan2(y, x)) + 180.0
    ) % 360.0 - 180.0
    h, delta, phi = math.radians(hour_angle), math.asin(z), math.radians(site.latitude)
    parallactic = math.atan2(math.sin(h), math.tan(phi) * math.cos(delta) - math.sin(delta) * math.cos(h))
    sine = math.sin(phi) * math.sin(delta) + math.cos(phi) * math.cos(delta) * math.cos(h)
    return Pointing(hour_angle, math.degrees(parallactic), airmass(math.degrees(math.asin(sine))))


def sidereal_time(mjd: float) -> float:
    """Return the mean sidereal time of Greenwich, degrees: Meeus 1998, Astronomical Algorithms, eq. 12.4."""
    days = mjd - J2000
    century = days / CENTURY
    return (280.46061837 + 360.98564736629 * days + 0.000387933 * century**2) % 360.0


def airmass(altitude: float) -> float:
    """Return the airmass at an altitude, degrees; NaN below the horizon."""
    if altitude <= 0.0:
        return math.nan
    return 1.0 / math.sin(math.radians(altitude + 244.0 / (165.0 + 47.0 * altitude**1.1)))


def _precession(mjd: float) -> NDArray[np.float64]:
    """Rotate from J2000 to the mean equator of date: Meeus 1998, eq. 21.3 and 21.4."""
    t = (mjd - J2000) / CENTURY
    zeta, z, theta = np.radians(
        np.array(
            [
                2306.2181 * t + 0.30188 * t**2 + 0.017998 * t**3,
                2306.2181 * t + 1.09468 * t**2 + 0.018203 * t**3,
                2004.3109 * t - 0.42665 * t**2 - 0.041833 * t**3,
            ]
        )
        / 3600.0
    )
    tilt = np.array([[np.cos(theta), 0, -np.sin(theta)], [0, 1, 0], [np.sin(theta), 0, np.cos(theta)]])
    return np.asarray(_about_pole(z) @ tilt @ _about_pole(zeta))


def _about_pole(angle: float) -> NDArray[np.float64]:
    return np.array([[np.cos(angle), -np.sin(angle), 0], [np.sin(angle), np.cos(angle), 0], [0, 0, 1]])


def _direction(ra: float, dec: float) -> NDArray[np.float64]:
    return np.array([math.cos(dec) * math.cos(ra), math.cos(dec) * math.sin(ra), math.sin(dec)])
