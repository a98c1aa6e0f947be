import math

import numpy as np
import pytest
from astropy import units
from astropy.coordinates import AltAz, EarthLocation, HADec, SkyCoord
from astropy.time import Time
from astropy.utils import iers

from coaddc.io.exposures.pointing import Pointing, airmass, pointing
from coaddc.model.survey import Site

SITES = [(-70.81489, -30.16606), (155.4761, 19.8253), (0.0, 51.0)]
POSITIONS = [(186.744, 25.4618, 57862.18), (36.896, -5.19, 55139.197), (359.9, -66.04, 60000.7)]


@pytest.mark.parametrize(("longitude", "latitude"), SITES)
@pytest.mark.parametrize(("ra", "dec", "mjd"), POSITIONS)
def test_angles_agree_with_astropy(
    longitude: float, latitude: float, ra: float, dec: float, mjd: float
) -> None:
    ours = pointing(Site(longitude=longitude, latitude=latitude), mjd=mjd, ra=ra, dec=dec)
    place = EarthLocation.from_geodetic(longitude * units.deg, latitude * units.deg)
    with iers.conf.set_temp("auto_download", False):
        time = Time(mjd, format="mjd", scale="utc")
        there = SkyCoord(ra * units.deg, dec * units.deg)
        seen = there.transform_to(HADec(obstime=time, location=place))
        altaz = there.transform_to(AltAz(obstime=time, location=place))
        zenith = SkyCoord(AltAz(alt=90 * units.deg, az=0 * units.deg, obstime=time, location=place))
    turn = (ours.hour_angle - seen.ha.deg + 180) % 360 - 180
    assert abs(turn) * math.cos(math.radians(dec)) < 0.02
    # The zenith lies along the parallactic angle, which refers to the pole of date, not of J2000.
    angle = there.position_angle(zenith.icrs).deg
    assert abs((ours.parallactic_angle - angle + 180) % 360 - 180) < 0.3
    if altaz.alt.deg > 10:
        assert ours.airmass == pytest.approx(1 / math.sin(altaz.alt.rad), rel=0.01)
    else:
        assert math.isnan(ours.airmass) or ours.airmass > 4


def test_the_angle_has_the_sign_of_the_hour_angle_north_of_the_zenith_and_south() -> None:
    site = Site(longitude=0.0, latitude=-30.0)
    hours = np.array([pointing(site, mjd=57000.0, ra=ra, dec=-60.0).hour_angle for ra in range(0, 360, 7)])
    angles = [pointing(site, mjd=57000.0, ra=ra, dec=-60.0).parallactic_angle for ra in range(0, 360, 7)]
    np.testing.assert_array_equal(np.sign(hours), np.sign(angles))


def test_without_a_site_nothing_is_known() -> None:
    assert repr(pointing(Site(), mjd=57000.0, ra=1.0, dec=2.0)) == repr(Pointing())


def test_airmass_is_1_at_the_zenith_and_unknown_below_the_horizon() -> None:
    assert airmass(90.0) == pytest.approx(1.0, abs=1e-4)
    assert math.isnan(airmass(-3.0))
