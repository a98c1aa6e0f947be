"""PSFs on the tract at many places at once: the same as at each alone, and as the model itself says."""

import numpy as np
import pytest

from coaddc.model.pixel_psf import PixelPsf
from coaddc.model.psf import GaussianMixture, Moffat, Psf, stamp
from coaddc.model.wcs import Wcs
from coaddc.ops.warped_psf import WarpedPsf
from coaddc.sim.field import tangent_header

TRACT = Wcs.tan(ra=150.0, dec=-31.0, scale=0.2, x=700.0, y=1900.0)
SHAPE = (300, 410)
#: Some in the exposure, some beyond each of its edges.
Y, X = np.array([1900.0, 1980.5, 1700.0, 2300.0, 1905.0]), np.array([700.0, 610.0, 1200.0, 705.5, 90.0])


def varying() -> PixelPsf:
    """Return stamps that change over the image, with two samples in a pixel."""
    y, x = np.mgrid[-20:21, -24:25]
    core = np.exp(-0.5 * (x**2 + 1.3 * y**2 + 0.5 * x * y) / 16.0)
    terms = [core, 1e-3 * x * core, 1e-3 * core * x**2, 2e-2 * y * core, 1e-3 * core, 5e-4 * y**2 * core]
    return PixelPsf(np.array(terms), 0.5, 2, (200.0, 150.0), (100.0, 120.0))


def warped(psf: Psf) -> WarpedPsf:
    header = tangent_header(ra=150.0, dec=-31.0, scale=0.27, rotation=33.0)
    header["CTYPE1"], header["CTYPE2"], header["CRPIX1"], header["CRPIX2"] = (
        "RA---TAN",
        "DEC--TAN",
        205.0,
        150.0,
    )
    return WarpedPsf(psf, Wcs(header), SHAPE, TRACT)


@pytest.mark.parametrize("psf", [varying(), Moffat(3.1), GaussianMixture((1.2, 3.0), (0.9, 0.1))])
def test_stamps_at_many_places_are_those_that_the_model_gives_at_each(psf: Psf) -> None:
    source = warped(psf)
    places = source.places(y=Y, x=X)
    assert places.inside.tolist() == [True, True, False, False, False]
    stamps, parts = source.stamps(y=Y, x=X, half=9), source.parts(y=Y, x=X, half=4)
    for k in range(Y.size):
        near = {"x": float(places.x[k]), "y": float(places.y[k])}
        expected = stamp(psf, **near, half=9, jacobian=places.jacobian[k])
        np.testing.assert_allclose(stamps[k], expected, rtol=0, atol=1e-13)
        np.testing.assert_array_equal(stamps[k], source.stamp(y=Y[k], x=X[k], half=9))
        np.testing.assert_array_equal(parts[k], source.part(y=Y[k], x=X[k], half=4))
        assert parts[k].sum() < 1.0 == pytest.approx(stamps[k].sum())


def test_jacobians_of_many_positions_are_those_of_each() -> None:
    wcs, x, y = (
        warped(Moffat(3.0)).wcs,
        np.array([[10.0, 400.5], [3.0, 77.0]]),
        np.array([[5.0, 290.0], [8.0, 1.0]]),
    )
    found = wcs.jacobian(x=x, y=y)
    assert found.shape == (2, 2, 2, 2)
    for at in np.ndindex(2, 2):
        np.testing.assert_allclose(found[at], wcs.jacobian(x=x[at], y=y[at]), rtol=1e-12)
        assert np.sqrt(abs(np.linalg.det(found[at]))) == pytest.approx(0.27, rel=1e-5)
