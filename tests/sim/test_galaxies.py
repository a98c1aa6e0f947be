"""Galaxies drawn in Fourier space against sums over the sky."""

import numpy as np
import pytest

from coaddc.sim.field import distorted_wcs
from coaddc.sim.galaxies import Light, add_galaxy
from coaddc.sim.psf import FieldMoffat

PSF = FieldMoffat((3.4, 0.1, 0, 0, 0, 0), (0.1, 0, 0, 0, 0, 0), (0.05, 0, 0, 0, 0, 0))


def _jacobian(rotation: float) -> np.ndarray:
    return distorted_wcs((330, 410), rotation=rotation).jacobian(x=100.0, y=70.0)


@pytest.mark.parametrize("rotation", [0.0, 143.0])
def test_a_disc_is_the_sum_of_point_sources_along_its_profile(rotation: float):
    jacobian, (x0, y0) = _jacobian(rotation), (47.3, 61.8)
    image = np.zeros((110, 96))
    light = Light(0.8, 0.4, 30.0, False, jacobian)
    add_galaxy(image, PSF, x=x0, y=y0, flux=1000.0, light=light)
    # The disc, cut into cells in its own axes: along position angle 30 degrees, and across.
    scale = 0.8 / 1.67835
    cells = np.linspace(-14.0, 14.0, 281)
    s, t = (g.ravel() for g in np.meshgrid(cells, cells))
    weight = np.exp(-np.hypot(s, t)) / np.exp(-np.hypot(s, t)).sum()
    major, minor = s * scale / np.sqrt(0.4), t * scale * np.sqrt(0.4)
    east = major * np.sin(np.radians(30.0)) + minor * np.cos(np.radians(30.0))
    north = major * np.cos(np.radians(30.0)) - minor * np.sin(np.radians(30.0))
    dx, dy = np.linalg.inv(jacobian) @ np.stack([east, north])
    for row, column in ((62, 47), (62, 50), (66, 47), (58, 43), (70, 55)):
        psf = PSF.evaluate(x=x0, y=y0, dx=column - x0 - dx, dy=row - y0 - dy)
        assert image[row, column] == pytest.approx(1000.0 * (weight * psf).sum(), abs=2e-3 * image.max())


@pytest.mark.parametrize("spheroid", [False, True])
def test_half_the_light_is_inside_the_half_light_radius(spheroid: bool):
    image = np.zeros((301, 287))
    small = FieldMoffat((2.0, 0, 0, 0, 0, 0))
    light = Light(2.0, 1.0, 0.0, spheroid, _jacobian(10.0))
    add_galaxy(image, small, x=140.2, y=151.7, flux=50.0, light=light)
    y, x = np.mgrid[:301, :287]
    inside = np.hypot(x - 140.2, y - 151.7) < 2.0 / 0.2
    assert image.sum() == pytest.approx(50.0, rel=1e-6)
    assert image[inside].sum() == pytest.approx(25.0, rel=0.04)


def test_a_galaxy_at_the_edge_is_cut_and_one_beyond_it_leaves_no_trace():
    whole, part, none = np.zeros((200, 240)), np.zeros((200, 240)), np.zeros((200, 240))
    same = FieldMoffat((3.4, 0, 0, 0, 0, 0), (0.1, 0, 0, 0, 0, 0))
    light = Light(0.5, 0.7, 80.0, False, _jacobian(0.0))
    add_galaxy(whole, same, x=120.4, y=100.0, flux=9.0, light=light)
    add_galaxy(part, same, x=2.4, y=100.0, flux=9.0, light=light)
    add_galaxy(none, same, x=-200.0, y=100.0, flux=9.0, light=light)
    np.testing.assert_allclose(part[:, :20], whole[:, 118:138], atol=1e-9)
    assert not none.any()
