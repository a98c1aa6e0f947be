"""Where a telescope points, from when and whence: hour angle, parallactic angle, airmass."""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np
from astropy import units
from astropy.coordinates import FK5, SkyCoord
from astropy.time import Time

from coaddc.io.fits_file import quiet
from coaddc.model.survey import Site


@dataclass(frozen=True, slots=True)
class Pointing:
    """Angles, degrees, and airmass of one position at one time; NaN where unknown."""

    hour_angle: float = math.nan
    parallactic_angle: float = math.nan
    airmass: float = math.nan


def pointing(site: Site, *, mjd: float, ra: float, dec: float) -> Pointing:
    """Compute hour angle (west positive, -180 to 180), parallactic angle and airmass.

    Good to 0.02 degrees: precession is taken into account; nutation, aberration, refraction and UT1 - UTC are
    not. Airmass is that of Pickering 2002, DIO 12, 20.

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
    with quiet():
        time = Time(mjd, format="mjd", scale="utc")
        time.delta_ut1_utc = 0.0  # keeps astropy from asking the network for Earth orientation
        sidereal = float(time.sidereal_time("mean", longitude=site.longitude * units.deg).deg)
        now = SkyCoord(ra * units.deg, dec * units.deg, frame="icrs").transform_to(FK5(equinox=time))
    hour_angle = (sidereal - float(now.ra.deg) + 180.0) % 360.0 - 180.0
    h, delta, phi = np.radians([hour_angle, float(now.dec.deg), site.latitude])
    parallactic = math.atan2(math.sin(h), math.tan(phi) * math.cos(delta) - math.sin(delta) * math.cos(h))
    sine = math.sin(phi) * math.sin(delta) + math.cos(phi) * math.cos(delta) * math.cos(h)
    altitude = math.degrees(math.asin(sine))
    airmass = (
        1.0 / math.sin(math.radians(altitude + 244.0 / (165.0 + 47.0 * altitude**1.1)))
        if altitude > 0.0
        else math.nan
    )
    return Pointing(hour_angle, math.degrees(parallactic), airmass)
