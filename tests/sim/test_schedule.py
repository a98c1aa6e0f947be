"""When and how the demo survey looks at its field."""

import numpy as np
import pytest

from coaddc.model.errors import ConfigError
from coaddc.model.simulation import Simulation
from coaddc.sim.camera import mosaic
from coaddc.sim.schedule import FIELD_DEC, FIELD_RA, LATITUDE, LONGITUDE, horizon, schedule

VISITS = schedule(Simulation())


def test_each_of_three_years_has_visits_in_both_bands():
    first = VISITS[0].mjd
    years = {(int((v.mjd - first) // 365.25) + 1, v.band) for v in VISITS}
    assert years == {(year, band) for year in (1, 2, 3) for band in "gr"}
    assert [v.number for v in VISITS] == list(range(1001, 1013))
    assert (np.diff([v.mjd for v in VISITS]) > 0).all()
    assert VISITS[-1].mjd - first < 2.3 * 365.25


@pytest.mark.parametrize("band", ["g", "r"])
def test_seeing_and_airmass_fill_their_ranges_in_each_band(band: str):
    seeing = [v.seeing for v in VISITS if v.band == band]
    airmass = [horizon(mjd=v.mjd, ra=FIELD_RA, dec=FIELD_DEC)[2] for v in VISITS if v.band == band]
    assert len(seeing) == 6
    assert 0.6 <= min(seeing) < 0.74
    assert 1.26 < max(seeing) <= 1.4
    assert 1.0 < min(airmass) < 1.2
    assert 1.6 < max(airmass) < 1.8


def test_square_and_odd_rotations_and_dithers():
    rotations = {v.rotation for v in VISITS}
    assert {0.0, 90.0, 180.0} < rotations
    assert any(r % 90.0 > 5.0 for r in rotations)
    assert np.ptp([v.dec for v in VISITS]) * 3600.0 > 10.0


def test_the_angles_are_those_of_the_sphere():
    """Hour angle, parallactic angle and air mass against vectors to the zenith, the pole and the star."""
    for visit in VISITS:
        hour_angle, angle, airmass = horizon(mjd=visit.mjd, ra=visit.ra, dec=visit.dec)
        days = visit.mjd - 51544.5
        sidereal = 280.46061837 + 360.98564736629 * days + LONGITUDE
        zenith, star = _vector(sidereal, LATITUDE), _vector(visit.ra, visit.dec)
        east = np.cross([0.0, 0.0, 1.0], star)
        east /= np.linalg.norm(east)
        north = np.cross(star, east)
        assert airmass == pytest.approx(1.0 / (zenith @ star), rel=1e-9)
        assert angle == pytest.approx(np.degrees(np.arctan2(zenith @ east, zenith @ north)), abs=1e-6)
        assert hour_angle == pytest.approx((sidereal - visit.ra + 180) % 360 - 180, abs=1e-6)


def _vector(ra: float, dec: float) -> np.ndarray:
    alpha, delta = np.radians([ra, dec])
    return np.array([np.cos(delta) * np.cos(alpha), np.cos(delta) * np.sin(alpha), np.sin(delta)])


def test_detectors_are_apart_and_look_at_one_mosaic():
    """Whichever way up, detectors have gaps between them, and the corners are displaced by the distortion."""
    detectors = mosaic(Simulation(detectors=4, nx=300, ny=200))
    centres = []
    for detector in detectors:
        wcs = detector.wcs(ra=62.4, dec=-17.3, rotation=33.7)
        ra, dec = wcs.to_sky(x=149.5, y=99.5)
        centres.append([(ra - 62.4) * np.cos(np.radians(17.3)) * 3600.0, (dec + 17.3) * 3600.0])
    gaps = np.hypot(*(np.array(centres)[:, None] - np.array(centres)[None]).T)
    np.testing.assert_allclose(gaps[0, 1], 0.2 * 324, rtol=0.003)
    np.testing.assert_allclose(gaps[0, 2], 0.2 * 224, rtol=0.003)
    np.testing.assert_allclose(gaps[1, 2], 0.2 * np.hypot(324, 224), rtol=0.003)
    scales = [detectors[0].wcs(ra=62.4, dec=-17.3, rotation=0.0).pixel_scale(x=x, y=x) for x in (0, 150)]
    assert 5e-4 < abs(scales[0] / scales[1] - 1.0) < 1e-2


def test_sizes_that_make_no_sense_are_refused():
    with pytest.raises(ConfigError, match=r"survey\.simulation\.nx=10"):
        Simulation(nx=10)
