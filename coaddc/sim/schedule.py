"""When and how the demo survey looks at its field."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from coaddc.model.simulation import Simulation
from coaddc.model.tangent import ARCSEC
from coaddc.sim.camera import SCALE

#: Centre of the field, degrees.
FIELD_RA, FIELD_DEC = 62.4, -17.3
#: Where the telescope stands, degrees, east positive.
LONGITUDE, LATITUDE = -70.75, -30.24
#: First night: the field is highest about midnight in the month that follows.
FIRST_NIGHT = 60974
#: Days from one season to the next, and of a season.
YEAR, SEASON = 365.25, 50.0
#: Bands, in the order of their visits.
BANDS = ("g", "r")
#: AB magnitude that gives 1 ADU in an exposure at the zenith, and of a square arcsecond of dark sky.
ZERO_POINTS = {"g": 30.2, "r": 30.0}
SKY = {"g": 22.0, "r": 21.1}
#: Magnitudes lost for each air mass.
EXTINCTION = {"g": 0.18, "r": 0.10}
EXPTIME = 60.0
#: Position angles: square ones, and some that are not.
ROTATIONS = (0.0, 90.0, 180.0, 33.7, 270.0, 211.8, 359.6, 125.3)


@dataclass(frozen=True, slots=True)
class Visit:
    """One opening of the shutter.

    Attributes
    ----------
    number, band
        What it is called.
    mjd
        Middle of the exposure, UTC.
    ra, dec, rotation
        Where the optical axis points and the position angle of the mosaic's y axis, degrees.
    seeing
        FWHM of the PSF at the optical axis, arcsec.
    zero_point
        AB magnitude of 1 ADU in the exposure.
    sky
        ADU in a pixel.
    fwhm, e1, e2
        Of `coaddc.sim.psf.FieldMoffat`, in the field of the camera.
    """

    number: int
    band: str
    mjd: float
    ra: float
    dec: float
    rotation: float
    seeing: float
    zero_point: float
    sky: float
    fwhm: tuple[float, ...]
    e1: tuple[float, ...]
    e2: tuple[float, ...]


def schedule(options: Simulation) -> Sequence[Visit]:
    """Plan the visits: bands by turns, seeing and air mass spread evenly over those of each band.

    The first season begins with the survey, the second and the third a year and two years after it and a few
    days, so that each of the first three years has its third of the visits.
    """
    rng = np.random.default_rng([options.seed, 1])
    count = options.visits
    seeing, airmass = _spread(rng, count, 0.6, 1.4), _spread(rng, count, 1.04, 1.78)
    side = rng.choice([-1.0, 1.0], count)
    nights = _nights(rng, count)
    mjd = [_time(nights[i], FIELD_RA + side[i] * _hour_angle(airmass[i])) for i in range(count)]
    # Two visits of one night can come out in the other order: numbers follow the time.
    numbers = 1001 + np.argsort(np.argsort(mjd))
    visits = [_visit(rng, int(numbers[i]), mjd[i], i, float(seeing[i])) for i in range(count)]
    return sorted(visits, key=lambda visit: visit.number)


def _visit(rng: np.random.Generator, number: int, mjd: float, index: int, seeing: float) -> Visit:
    """Draw what else there is to say of a visit."""
    band = BANDS[index % len(BANDS)]
    dither = rng.uniform(-12.0, 12.0, 2) / ARCSEC
    clouds, brighter = rng.uniform(0.0, 0.25), rng.uniform(-0.3, 0.4)
    _, _, airmass = horizon(mjd=mjd, ra=FIELD_RA, dec=FIELD_DEC)
    return Visit(
        number=number,
        band=band,
        mjd=mjd,
        ra=FIELD_RA + dither[0] / np.cos(np.radians(FIELD_DEC)),
        dec=FIELD_DEC + dither[1],
        rotation=ROTATIONS[index % len(ROTATIONS)],
        seeing=seeing,
        zero_point=float(ZERO_POINTS[band] - EXTINCTION[band] * (airmass - 1.0) - clouds),
        sky=float(10.0 ** (0.4 * (ZERO_POINTS[band] - SKY[band] + brighter)) * SCALE**2),
        fwhm=_widths(rng, seeing / SCALE),
        e1=_ellipticities(rng),
        e2=_ellipticities(rng),
    )


def horizon(*, mjd: float, ra: float, dec: float) -> tuple[float, float, float]:
    """Return hour angle and parallactic angle, degrees, and air mass of a sky position at a moment.

    Meeus 1998, Astronomical Algorithms, equations 13.6 and 14.1; the air mass is that of a flat atmosphere.
    """
    hour_angle = (_sidereal(mjd) - ra + 180.0) % 360.0 - 180.0
    h, delta, phi = np.radians([hour_angle, dec, LATITUDE])
    altitude = np.sin(phi) * np.sin(delta) + np.cos(phi) * np.cos(delta) * np.cos(h)
    angle = np.arctan2(np.sin(h), np.tan(phi) * np.cos(delta) - np.sin(delta) * np.cos(h))
    return float(hour_angle), float(np.degrees(angle)), float(1.0 / altitude)


def _sidereal(mjd: float) -> float:
    """Return the local sidereal time, degrees (Meeus 1998, equation 12.4, without its slow terms)."""
    return (280.46061837 + 360.98564736629 * (mjd - 51544.5) + LONGITUDE) % 360.0


def _time(night: float, sidereal: float) -> float:
    """Return when, after 0 h UTC of a night, it is this sidereal time."""
    return float(night + ((sidereal - _sidereal(night)) % 360.0) / 360.98564736629)


def _hour_angle(airmass: float) -> float:
    """Return how far from the meridian, degrees, the field has this air mass."""
    phi, delta = np.radians([LATITUDE, FIELD_DEC])
    cosine = (1.0 / airmass - np.sin(phi) * np.sin(delta)) / (np.cos(phi) * np.cos(delta))
    return float(np.degrees(np.arccos(np.clip(cosine, -1.0, 1.0))))


def _nights(rng: np.random.Generator, count: int) -> NDArray[np.float64]:
    """Return the night of each visit, an MJD, in order."""
    seasons = np.arange(count) * 3 // count
    days = []
    for season in range(3):
        inside = np.sort(rng.uniform(4.0, SEASON, int((seasons == season).sum())))
        days.append(season * YEAR + inside)
    nights = np.floor(np.concatenate(days))
    nights[0] = 0.0
    return FIRST_NIGHT + nights


def _spread(rng: np.random.Generator, count: int, low: float, high: float) -> NDArray[np.float64]:
    """Return numbers that for each band fill the range evenly, in random order."""
    values = np.empty(count)
    for first in range(len(BANDS)):
        places = np.arange(first, count, len(BANDS))
        ranks = rng.permutation(places.size) + rng.uniform(0.0, 1.0, places.size)
        values[places] = low + (high - low) * ranks / max(places.size, 1)
    return values


def _widths(rng: np.random.Generator, centre: float) -> tuple[float, ...]:
    """Return a width that varies by some per cent over the field, least near the optical axis."""
    slopes = rng.uniform(-0.03, 0.03, 2)
    bowl = rng.uniform(0.01, 0.05)
    return tuple(centre * float(c) for c in (1.0, *slopes, bowl, 0.0, bowl))


def _ellipticities(rng: np.random.Generator) -> tuple[float, ...]:
    """Return an ellipticity of some per cent that varies over the field."""
    return tuple(float(c) for c in rng.uniform(-1.0, 1.0, 6) * (0.05, 0.03, 0.03, 0.01, 0.01, 0.01))
