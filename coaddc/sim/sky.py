"""What there is in the sky of the demo survey: the truth."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import zip_longest

import numpy as np
from numpy.typing import NDArray

from coaddc.model.psf import Floats
from coaddc.model.simulation import Simulation
from coaddc.model.tangent import ARCSEC
from coaddc.sim.camera import SCALE, mosaic
from coaddc.sim.schedule import BANDS, FIELD_DEC, FIELD_RA, Visit

#: Period of the variable star, days, and half its range, magnitudes.
PERIOD, AMPLITUDE = 0.613, 0.45


@dataclass(frozen=True, slots=True)
class StarList:
    """Stars: positions, degrees, shape (n,), and AB magnitudes, shape (n, bands)."""

    ra: Floats
    dec: Floats
    mag: Floats


@dataclass(frozen=True, slots=True)
class GalaxyList:
    """Galaxies.

    Attributes
    ----------
    ra, dec : (n,)
        Degrees.
    mag : (n, bands)
        AB magnitudes, total.
    half_light : (n,)
        Radius of the circle with the area of the ellipse that holds half the flux, arcsec.
    axis_ratio : (n,)
        Minor over major axis.
    position_angle : (n,)
        Of the major axis, degrees, east of north.
    spheroid : (n,)
        True: a cusp and long wings, like de Vaucouleurs' profile; False: exponential.
    """

    ra: Floats
    dec: Floats
    mag: Floats
    half_light: Floats
    axis_ratio: Floats
    position_angle: Floats
    spheroid: NDArray[np.bool_]


@dataclass(frozen=True, slots=True)
class Transients:
    """Point sources that are not the same in every visit: one row a source and visit it is seen in."""

    kind: tuple[str, ...]
    visit: NDArray[np.int64]
    ra: Floats
    dec: Floats
    mag: Floats


@dataclass(frozen=True, slots=True)
class Trails:
    """Satellite trails: straight lines across the field, one visit each.

    Attributes
    ----------
    visit : (n,)
        In which visit.
    ra, dec : (n, 2)
        End points, degrees, outside the field.
    mag : (n,)
        AB magnitude of an arcsecond of its length.
    """

    visit: NDArray[np.int64]
    ra: Floats
    dec: Floats
    mag: Floats


@dataclass(frozen=True, slots=True)
class Sky:
    """All that shines."""

    stars: StarList
    galaxies: GalaxyList
    transients: Transients
    trails: Trails


def make_sky(options: Simulation, visits: Sequence[Visit]) -> Sky:
    """Draw the sky of a survey."""
    rng = np.random.default_rng([options.seed, 2])
    # Whatever its rotation and dither, no corner of the mosaic looks beyond this, arcsec.
    reach = mosaic(options)[0].reach * SCALE * 1.005 + 20.0
    stars, galaxies = _stars(rng, options.stars, reach), _galaxies(rng, options.galaxies, reach)
    return Sky(stars, galaxies, _transients(rng, visits, reach), _trails(rng, visits, reach))


def offset(*, east: Floats, north: Floats) -> tuple[Floats, Floats]:
    """Return right ascension and declination, degrees, of offsets from the field's centre, arcsec."""
    dec = FIELD_DEC + north / ARCSEC
    return FIELD_RA + east / ARCSEC / np.cos(np.radians(dec)), dec


def _scatter(rng: np.random.Generator, count: int, reach: float) -> tuple[Floats, Floats]:
    """Return random positions in a square around the field."""
    return offset(east=rng.uniform(-reach, reach, count), north=rng.uniform(-reach, reach, count))


def _magnitudes(rng: np.random.Generator, count: int, low: float, high: float, slope: float) -> Floats:
    """Return magnitudes whose number grows as 10**(slope m)."""
    ends = 10.0 ** (slope * np.array([low, high]))
    return np.asarray(np.log10(rng.uniform(ends[0], ends[1], count)) / slope)


def _coloured(rng: np.random.Generator, red: Floats, low: float, high: float) -> Floats:
    """Return magnitudes in g and r from those in r and a colour drawn evenly."""
    return np.stack([red + rng.uniform(low, high, red.size), red], axis=1)


def _stars(rng: np.random.Generator, count: int, reach: float) -> StarList:
    red = _magnitudes(rng, count, 12.6, 24.0, 0.15)
    return StarList(*_scatter(rng, count, reach), _coloured(rng, red, 0.2, 1.4))


def _galaxies(rng: np.random.Generator, count: int, reach: float) -> GalaxyList:
    red = _magnitudes(rng, count, 18.5, 24.5, 0.3)
    size = 0.9 * 10.0 ** (-0.13 * (red - 20.0)) * 10.0 ** rng.normal(0.0, 0.12, count)
    return GalaxyList(
        *_scatter(rng, count, reach),
        mag=_coloured(rng, red, 0.0, 1.2),
        half_light=np.clip(size, 0.15, 2.0),
        axis_ratio=rng.uniform(0.25, 1.0, count),
        position_angle=rng.uniform(0.0, 180.0, count),
        spheroid=rng.uniform(0.0, 1.0, count) < 0.3,
    )


def _transients(rng: np.random.Generator, visits: Sequence[Visit], reach: float) -> Transients:
    """Return a variable star, and a source that moves by equal steps from visit to visit."""
    count, half = len(visits), reach / 3.0
    phase, angle = rng.uniform(0.0, 2.0 * np.pi, 2)
    mjd = np.array([v.mjd for v in visits])
    light = 18.2 + AMPLITUDE * np.sin(2.0 * np.pi * mjd / PERIOD + phase)
    ra0, dec0 = offset(east=np.full(count, -0.31 * half), north=np.full(count, 0.42 * half))
    steps = np.linspace(-half, half, count) if count > 1 else np.zeros(1)
    ra1, dec1 = offset(east=steps * np.cos(angle) + 9.0, north=steps * np.sin(angle) - 14.0)
    return Transients(
        kind=("variable",) * count + ("moving",) * count,
        visit=np.array([v.number for v in visits] * 2),
        ra=np.concatenate([ra0, ra1]),
        dec=np.concatenate([dec0, dec1]),
        mag=np.concatenate([light, np.full(count, 19.7)]),
    )


def _trails(rng: np.random.Generator, visits: Sequence[Visit], reach: float) -> Trails:
    """Return trails in a third of the visits, one at least, as many in each band as can be."""
    count = -(-len(visits) // 3)
    by_band = [rng.permutation([v.number for v in visits if v.band == band]).tolist() for band in BANDS]
    turns = [number for turn in zip_longest(*by_band) for number in turn if number is not None]
    angle = rng.uniform(0.0, np.pi, count)
    miss = rng.uniform(-0.45, 0.45, count) * reach
    # The line with this direction that passes the centre at this distance, well beyond the corners.
    ends = np.array([-2.0, 2.0]) * reach
    east = miss[:, None] * np.cos(angle)[:, None] - ends * np.sin(angle)[:, None]
    north = miss[:, None] * np.sin(angle)[:, None] + ends * np.cos(angle)[:, None]
    ra, dec = offset(east=east, north=north)
    return Trails(np.sort(turns[:count]), ra, dec, rng.uniform(19.3, 21.8, count))


#: Column of a band in the arrays of magnitudes.
BAND_INDEX = {band: i for i, band in enumerate(BANDS)}
