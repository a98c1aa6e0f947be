"""Stars with spectra seen through the air: where their light falls, and how much of it."""

import numpy as np
import pytest

from coaddc.model.air import Air
from coaddc.model.psf import Moffat
from coaddc.model.refraction import refraction
from coaddc.sim.chromatic import Sight, black_bodies, dispersed_field
from coaddc.sim.field import distorted_wcs

SHAPE = (91, 111)
BAND = (400.0, 550.0)


def centroid(temperature: float, sight: Sight, rotation: float) -> tuple[float, float, float]:
    """Return by how much, arcsec east and north, a star's light is off its place; and its flux."""
    wcs = distorted_wcs(SHAPE, rotation=rotation, distortion=0.0)
    ra, dec = wcs.to_sky(x=[54.3], y=[46.1])
    star = black_bodies(ra=ra, dec=dec, flux=np.array([1e4]), temperature=np.array([temperature]), band=BAND)
    image = dispersed_field(star, wcs, SHAPE, Moffat(3.5, beta=5.0), sight).image.astype(float)
    yy, xx = np.mgrid[: SHAPE[0], : SHAPE[1]]
    x, y = (image * xx).sum() / image.sum(), (image * yy).sum() / image.sum()
    east, north = wcs.jacobian(x=54.3, y=46.1) @ np.array([x - 54.3, y - 46.1])
    return float(east), float(north), float(image.sum())


@pytest.mark.parametrize("rotation", [0.0, 130.0])
def test_light_falls_towards_the_zenith_by_the_mean_refraction_of_its_spectrum(rotation: float) -> None:
    sight = Sight(1.6, -70.0, Air(), reference=475.0)
    for temperature in (3300.0, 10000.0):
        east, north, flux = centroid(temperature, sight, rotation)
        spectrum = black_bodies(
            ra=np.zeros(1), dec=np.zeros(1), flux=np.ones(1), temperature=np.array([temperature]), band=BAND
        )
        bent = refraction(Air(), spectrum.wavelength)[0] - refraction(Air(), 475.0)[0]
        up = float((spectrum.flux[0] * bent).sum()) * np.sqrt(1.6**2 - 1)
        angle = np.radians(-70.0)
        assert (east, north) == pytest.approx((up * np.sin(angle), up * np.cos(angle)), abs=2e-3)
        assert flux == pytest.approx(1e4, rel=2e-3)


def test_hot_stars_lie_higher_than_cool_ones_and_all_alike_at_the_zenith() -> None:
    low, high = Sight(1.8, 0.0, Air(), reference=475.0), Sight(1.0, 0.0, Air(), reference=475.0)
    assert centroid(12000.0, low, 0.0)[1] > centroid(3300.0, low, 0.0)[1] + 0.05
    assert centroid(12000.0, high, 0.0)[1] == pytest.approx(centroid(3300.0, high, 0.0)[1], abs=1e-6)
