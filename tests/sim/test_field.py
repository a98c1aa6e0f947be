"""Isolated stars whose places and fluxes are known."""

import numpy as np
import pytest

from coaddc.model.errors import DataError
from coaddc.model.geom import Box
from coaddc.model.images import Exposure
from coaddc.model.psf import GaussianMixture, Moffat
from coaddc.model.tangent import ARCSEC
from coaddc.sim.field import Stars, distorted_wcs, noise_field, scattered_stars, star_field
from coaddc.sim.psf import FieldMoffat, SkyPsf

SHAPE = (330, 410)


def test_a_corner_is_displaced_by_the_distortion():
    plain, bent = (distorted_wcs(SHAPE, rotation=31.0, distortion=d) for d in (0.0, 0.003))
    moved = bent.corners(Box.of_shape(SHAPE))
    x, y = plain.to_pixel(ra=moved[0], dec=moved[1])
    corner = np.array([[-0.5, 409.5, 409.5, -0.5], [-0.5, -0.5, 329.5, 329.5]])
    reach = np.hypot(410, 330) / 2
    displaced = np.hypot(*(np.array([x, y]) - corner)) / reach
    np.testing.assert_allclose(displaced, 0.003, rtol=0.1)
    assert np.ptp(displaced) > 2e-4  # lopsided


def test_rotation_is_the_position_angle_of_the_rows():
    wcs = distorted_wcs(SHAPE, rotation=31.0, distortion=0.0)
    east, north = wcs.jacobian(x=204.5, y=164.5)[:, 1]
    assert np.degrees(np.arctan2(east, north)) == pytest.approx(31.0, abs=1e-6)
    assert wcs.pixel_scale(x=204.5, y=164.5) == pytest.approx(0.2, rel=1e-9)


@pytest.mark.parametrize("rotation", [0.0, 90.0, 211.8])
def test_stars_have_their_fluxes_and_places_whatever_the_wcs(rotation: float):
    wcs = distorted_wcs(SHAPE, rotation=rotation, distortion=0.003)
    stars = scattered_stars(wcs, SHAPE, spacing=80.0, flux=3e4, seed=5)
    psf = GaussianMixture(sigmas=(1.7, 3.1), fluxes=(0.7, 0.3))
    exposure = star_field(stars, wcs, SHAPE, psf)
    assert len(stars.ra) == 12
    assert exposure.image.sum() == pytest.approx(stars.flux.sum(), rel=1e-6)
    x, y = wcs.to_pixel(ra=stars.ra, dec=stars.dec)
    for x1, y1 in zip(x, y, strict=True):
        box = Box(y0=int(y1) - 20, y1=int(y1) + 21, x0=int(x1) - 20, x1=int(x1) + 21)
        pixels = exposure.read(box).image.astype(float)
        yy, xx = np.mgrid[box.y0 : box.y1, box.x0 : box.x1]
        assert (pixels * xx).sum() / pixels.sum() == pytest.approx(x1, abs=1e-5)
        assert (pixels * yy).sum() / pixels.sum() == pytest.approx(y1, abs=1e-5)


def test_a_star_beyond_the_edge_lights_the_edge_only():
    wcs = distorted_wcs(SHAPE)
    ra, dec = wcs.to_sky(x=[-3.0], y=[100.25])
    image = star_field(Stars(ra, dec, np.array([1e4])), wcs, SHAPE, Moffat(fwhm=3.0)).image
    assert image[100, 0] == image.max() > 80.0
    assert image[:, 200:].max() == 0.0


def test_a_psf_that_is_one_on_the_sky_is_one_on_the_sky():
    """The moments in arcsec of two stars, far apart in a strong distortion, are those of the profile."""
    wcs = distorted_wcs(SHAPE, rotation=57.0, distortion=0.02)
    psf = SkyPsf(GaussianMixture(sigmas=(0.45,), fluxes=(1.0,)), wcs, 0.2)
    for x, y in ((40.3, 290.8), (371.6, 35.1)):
        dy, dx = np.mgrid[-16:17, -16:17].astype(float)
        image = psf.evaluate(x=x, y=y, dx=dx, dy=dy)
        ra, dec = wcs.to_sky(x=x + dx, y=y + dy)
        ra0, dec0 = wcs.to_sky(x=x, y=y)
        east = (ra - ra0) * np.cos(np.radians(dec)) * ARCSEC
        north = (dec - dec0) * ARCSEC
        assert image.sum() == pytest.approx(1.0, abs=2e-6)
        assert (image * east).sum() == pytest.approx(0.0, abs=1e-5)
        assert (image * north).sum() == pytest.approx(0.0, abs=1e-5)
        assert (image * east**2).sum() == pytest.approx(0.45**2, rel=1e-4)
        assert (image * north**2).sum() == pytest.approx(0.45**2, rel=1e-4)
        assert (image * east * north).sum() == pytest.approx(0.0, abs=2e-5)


def test_the_field_moffat_varies_and_turns_with_its_detector():
    fwhm, e1, e2 = (4.0, 0.3, -0.2, 0.1, 0.0, 0.2), (0.05, 0.02, 0, 0, 0, 0), (-0.03, 0, 0.04, 0, 0, 0)
    up = FieldMoffat(fwhm, e1, e2, x0=300.0, y0=-50.0)
    down = FieldMoffat(fwhm, e1, e2, x0=10.0, y0=20.0, sign=-1)
    dx, dy = np.array([1.5, -2.0, 0.3]), np.array([0.4, 2.2, -1.0])
    here = up.evaluate(x=350.0, y=80.0, dx=dx, dy=dy)
    np.testing.assert_allclose(here, down.evaluate(x=-40.0, y=-110.0, dx=dx, dy=dy), rtol=1e-12)
    assert abs(up.evaluate(x=0.0, y=0.0, dx=dx, dy=dy) / here - 1.0).max() > 0.03
    circle = FieldMoffat((4.0, 0, 0, 0, 0, 0))
    expected = Moffat(fwhm=4.0, beta=3.5).evaluate(x=0, y=0, dx=dx, dy=dy)
    np.testing.assert_allclose(circle.evaluate(x=9.0, y=9.0, dx=dx, dy=dy), expected, rtol=1e-12)


def test_the_transform_of_the_field_moffat_is_that_of_its_pixels():
    psf = FieldMoffat((4.5, 0.3, 0, 0, 0, 0), (0.2, 0, 0, 0, 0, 0), (-0.1, 0, 0, 0, 0, 0))
    n = 256
    offsets = (np.arange(n) + n // 2) % n - n // 2
    dx, dy = np.meshgrid(offsets.astype(float), offsets.astype(float))
    found = np.fft.fft2(psf.evaluate(x=50.0, y=70.0, dx=dx, dy=dy)).real
    k = 2 * np.pi * np.fft.fftfreq(n)
    kx, ky = np.meshgrid(k, k)
    np.testing.assert_allclose(psf.transform(x=50.0, y=70.0, kx=kx, ky=ky), found, atol=3e-4)


def test_noise_has_the_variance_it_states_and_follows_its_seed():
    wcs, psf = distorted_wcs(SHAPE), Moffat(fwhm=4.0)
    first, again, other = (noise_field(wcs, SHAPE, psf, noise=7.0, seed=s) for s in (3, 3, 4))
    np.testing.assert_array_equal(first.image, again.image)
    assert first.row.digest == again.row.digest != other.row.digest
    assert (first.image**2 / first.variance).mean() == pytest.approx(1.0, abs=0.015)
    assert first.row.sky_noise == pytest.approx(7.0)


def test_the_row_follows_from_pixels_wcs_and_psf():
    wcs, psf = distorted_wcs(SHAPE, rotation=200.0), Moffat(fwhm=4.0)
    exposure: Exposure = noise_field(wcs, SHAPE, psf, noise=2.0).with_row(visit=17, band="g")
    row = exposure.row
    assert (row.visit, row.band, row.nx, row.ny) == (17, "g", 410, 330)
    assert row.seeing == pytest.approx(0.8, rel=0.01)
    assert (row.ra, row.dec) == pytest.approx((62.4, -24.6), abs=1e-9)
    core2 = 4.0**2 / (4.0 * (2.0 ** (1 / 3.5) - 1.0))
    noise_area = np.pi * core2 * 6.0 / 2.5**2  # 1 / integral of psf**2
    assert row.depth == pytest.approx(31.4 - 2.5 * np.log10(5 * 2.0 * np.sqrt(noise_area)), abs=1e-3)


def test_a_box_outside_the_image_is_refused_and_pixels_are_copies():
    exposure = noise_field(distorted_wcs(SHAPE), SHAPE, Moffat(fwhm=4.0))
    with pytest.raises(DataError, match="visit 1 detector 0"):
        exposure.read(Box(y0=-1, y1=5, x0=0, x1=5))
    pixels = exposure.read(Box(y0=300, y1=330, x0=10, x1=17))
    assert pixels.image.shape == (30, 7)
    pixels.image[:] = 0.0
    assert exposure.image[300:330, 10:17].std() > 0.5
