"""The tangent projection in closed form against wcslib's."""

import numpy as np
import pytest
from astropy.io.fits import Header
from astropy.wcs import WCS

from coaddc.model.wcs import Wcs

POINTS = [(60.0, -25.0), (0.003, 89.97), (359.99, 0.0), (123.0, 90.0), (20.0, -90.0), (180.0, 45.0)]


@pytest.mark.parametrize(("ra", "dec"), POINTS)
def test_positions_are_those_of_wcslib_from_pole_to_pole(ra, dec):
    wcs = Wcs.tan(ra=ra, dec=dec, scale=0.263, x=1500.5, y=-70.0)
    theirs = WCS(Header(wcs.cards))
    x, y = np.random.default_rng(5).uniform(-60_000, 60_000, (2, 11, 300))
    sky = wcs.to_sky(x=x, y=y)
    expected = np.reshape(theirs.all_pix2world(x.ravel(), y.ravel(), 0), (2, *x.shape))
    assert np.abs((sky[0] - expected[0] + 180) % 360 - 180).max() * np.cos(np.radians(sky[1])).max() < 1e-11
    np.testing.assert_allclose(sky[1], expected[1], atol=1e-12)
    np.testing.assert_allclose(wcs.to_pixel(ra=expected[0], dec=expected[1]), [x, y], atol=1e-8)


def test_what_is_a_right_angle_away_and_more_has_no_pixel():
    wcs = Wcs.tan(ra=60.0, dec=-25.0, scale=0.2, x=0.0, y=0.0)
    x, y = wcs.to_pixel(ra=[240.0, 60.0, 160.0, 60.0, np.nan], dec=[25.0, 66.0, 0.0, 60.0, 3.0])
    assert np.isnan(x).tolist() == np.isnan(y).tolist() == [True, True, True, False, True]


def test_its_header_is_read_as_the_same_projection_and_its_cards_tell_it_from_others():
    wcs = Wcs.tan(ra=123.456789, dec=-5.4, scale=0.2, x=20.0, y=30.5)
    read = Wcs(wcs.header())
    np.testing.assert_allclose(
        read.to_sky(x=[-9e3, 5e3], y=[7e3, 80.0]), wcs.to_sky(x=[-9e3, 5e3], y=[7e3, 80.0])
    )
    assert wcs.cards != Wcs.tan(ra=123.456789, dec=-5.4, scale=0.2, x=20.0, y=31.5).cards
