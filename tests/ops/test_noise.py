import numpy as np
import pytest
from scipy.signal import fftconvolve

from coaddc.model.assembly import Interpolant
from coaddc.model.geom import Box
from coaddc.model.psf import Moffat
from coaddc.model.wcs import Wcs
from coaddc.ops.noise import (
    aperture_variance_factor,
    combined_correlation,
    convolved_correlation,
    correlation,
)
from coaddc.ops.pixel_map import pixel_map
from coaddc.ops.warp import warp
from coaddc.sim.field import distorted_wcs, noise_field

TRACT = Wcs.tan(ra=62.4, dec=-24.6, scale=0.19, x=1000.0, y=900.0)
BOX = Box(y0=620, y1=1180, x0=600, x1=1400)
SHAPE = (720, 910)
every_interpolant = pytest.mark.parametrize("interpolant", Interpolant, ids=lambda i: i.name)


def aperture(radius: int) -> np.ndarray:
    y, x = np.mgrid[-radius : radius + 1, -radius : radius + 1]
    return (np.hypot(y, x) <= radius).astype(float)


@every_interpolant
@pytest.mark.parametrize("rotation", [1.3, 37.0])
def test_aperture_errors_follow_from_pixel_variance_and_correlation(
    interpolant: Interpolant, rotation: float
) -> None:
    wcs = distorted_wcs(SHAPE, ra=62.4001, dec=-24.6002, rotation=rotation)
    found = pixel_map(wcs, TRACT, BOX, SHAPE)
    assert found is not None
    stamp = correlation(interpolant, found.jacobian(x=1000.0, y=900.0), 12)
    measured: dict[int, list[float]] = {1: [], 2: [], 5: [], 10: []}
    for seed in range(2):
        exposure = noise_field(wcs, SHAPE, Moffat(fwhm=5.0), noise=3.0, seed=seed)
        made = warp(exposure, found, BOX, interpolant=interpolant, weight=1.0)
        assert made is not None
        inner = BOX.grow(-100).within(made.box)
        assert (made.mask[inner] == 0).all()
        sigma = (made.image / np.sqrt(made.variance))[inner].astype(float)
        measured[1].append(sigma.std())
        for radius in (2, 5, 10):
            sums = fftconvolve(sigma, aperture(radius), mode="valid")
            measured[radius].append(sums.std() / np.sqrt(aperture(radius).sum()))
    assert np.mean(measured[1]) == pytest.approx(1.0, abs=0.01)
    for radius in (2, 5, 10):
        expected = np.sqrt(aperture_variance_factor(stamp, aperture(radius)))
        assert np.sqrt(np.mean(np.square(measured[radius]))) == pytest.approx(expected, rel=0.05)


@every_interpolant
def test_correlation_is_symmetric_and_one_in_the_middle(interpolant: Interpolant) -> None:
    stamp = correlation(interpolant, np.array([[0.8, -0.6], [0.6, 0.8]]), 9)
    assert stamp.shape == (19, 19)
    assert stamp[9, 9] == 1.0
    np.testing.assert_allclose(stamp, stamp[::-1, ::-1], atol=1e-14)
    assert np.abs(stamp).max() == 1.0


def test_bilinear_correlation_is_the_autocorrelation_of_a_triangle() -> None:
    # The cubic B-spline, at 0, 1/2 and 1: 2/3, 23/48, 1/6.
    stamp = correlation(Interpolant.bilinear, 0.5 * np.eye(2), 2)
    np.testing.assert_allclose(stamp[2], [0.25, 23 / 32, 1.0, 23 / 32, 0.25], atol=1e-3)


def test_a_larger_pixel_has_less_correlated_noise() -> None:
    fine, coarse = (correlation(Interpolant.lanczos3, s * np.eye(2), 4) for s in (0.7, 1.5))
    assert abs(coarse[4, 5]) < abs(fine[4, 5])


def test_the_noise_of_a_sum_is_correlated_as_its_parts_by_their_variance() -> None:
    a = correlation(Interpolant.lanczos3, np.eye(2), 3)
    b = correlation(Interpolant.bilinear, np.eye(2), 3)
    np.testing.assert_allclose(combined_correlation([a, b], [3.0, 1.0]), 0.75 * a + 0.25 * b)


def test_convolved_noise_is_correlated_as_stated() -> None:
    rng = np.random.default_rng(8)
    kernel = np.exp(-0.5 * ((np.mgrid[-4:5, -4:5] - np.array([0.3, -0.4])[:, None, None]) ** 2).sum(0) / 2.0)
    kernel[0, 7] = -0.05
    white = np.zeros((5, 5))
    white[2, 2] = 1.0
    stamp = convolved_correlation(white, kernel)
    noise = fftconvolve(rng.normal(0.0, 1.0, (1500, 1400)), kernel, mode="valid")
    half = stamp.shape[0] // 2
    for dy, dx in ((0, 1), (2, 1), (-2, 3), (5, 0)):
        a = noise[20:-20, 20:-20]
        b = noise[20 + dy : noise.shape[0] - 20 + dy, 20 + dx : noise.shape[1] - 20 + dx]
        assert stamp[half + dy, half + dx] == pytest.approx((a * b).mean() / (noise**2).mean(), abs=0.02)
