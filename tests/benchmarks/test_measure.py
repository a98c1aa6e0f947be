from dataclasses import dataclass

import numpy as np
import pytest
from measure import (
    HALF,
    agreement,
    aperture,
    inner_square,
    noise_errors,
    star_errors,
    undisturbed,
)
from scipy.signal import fftconvolve

SHAPE = (140, 170)
X, Y = np.array([50.3, 120.8]), np.array([61.6, 77.1])


def stars(*, sigma: float = 2.2, shift: float = 0.0, scale: float = 1.0) -> np.ndarray:
    y, x = np.mgrid[: SHAPE[0], : SHAPE[1]]
    image = np.zeros(SHAPE)
    for x1, y1 in zip(X + shift, Y, strict=True):
        image += scale * np.exp(-0.5 * ((x - x1) ** 2 + (y - y1) ** 2) / sigma**2) / (2 * np.pi * sigma**2)
    return image


def test_true_stars_have_no_errors() -> None:
    found = star_errors(stars(), stars(), x=X, y=Y)
    assert found.flux == {4: 0.0, 10: 0.0, 25: 0.0}
    assert (found.centroid, found.size, found.count) == (0.0, 0.0, 2)


def test_lost_flux_is_positive_in_millimagnitudes() -> None:
    found = star_errors(stars(scale=0.99), stars(), x=X, y=Y)
    for loss in found.flux.values():
        assert loss == pytest.approx(-2500.0 * np.log10(0.99))


@pytest.mark.parametrize("sigma", [1.3, 2.2, 3.0])
def test_a_shift_is_measured_in_full_whatever_the_size_of_the_star(sigma: float) -> None:
    found = star_errors(stars(sigma=sigma, shift=0.01), stars(sigma=sigma), x=X, y=Y)
    assert found.centroid == pytest.approx(0.01, rel=1e-4)


def test_a_wider_star_is_larger_by_the_square() -> None:
    found = star_errors(stars(sigma=2.2 * 1.005), stars(), x=X, y=Y)
    assert found.size == pytest.approx(1.005**2 - 1.0, rel=1e-3)


def test_white_noise_is_as_stated_in_pixels_and_apertures() -> None:
    sigmas = np.random.default_rng(2).normal(0.0, 1.0, (700, 900))
    white = np.zeros((5, 5))
    white[2, 2] = 1.0
    found = noise_errors(sigmas, white)
    assert found.chi2 == pytest.approx(1.0, abs=0.01)
    assert found.correlation == pytest.approx((0.0, 0.0), abs=0.005)
    for radius in (2, 5, 10):
        assert found.plain[radius] == pytest.approx(1.0, abs=0.04)
        assert found.stated[radius] == pytest.approx(found.plain[radius])


def test_smoothed_noise_is_right_only_with_its_correlation() -> None:
    kernel = np.array([[0.0, 1.0, 0.0], [1.0, 4.0, 1.0], [0.0, 1.0, 0.0]]) / np.sqrt(20.0)
    sigmas = fftconvolve(np.random.default_rng(3).normal(0.0, 1.0, (800, 1000)), kernel, mode="valid")
    found = noise_errors(sigmas, fftconvolve(kernel, kernel))
    assert found.chi2 == pytest.approx(1.0, abs=0.01)
    assert found.correlation[0] == pytest.approx(8.0 / 20.0, abs=0.01)
    assert found.plain[5] > 1.5
    assert found.stated[5] == pytest.approx(1.0, abs=0.05)


def test_a_coadd_that_states_no_correlation_has_no_such_errors() -> None:
    assert noise_errors(np.ones((40, 40)), None).stated == {}


def test_apertures_take_pixels_whose_centre_is_within() -> None:
    assert aperture(2).sum() == 13


def test_pixels_near_a_change_of_the_number_of_inputs_are_disturbed() -> None:
    n_image = np.full((30, 40), 5)
    n_image[:, 25:] = 4
    n_image[:, 35:] = 0
    n_image[10, 5] = 4
    clear = undisturbed(n_image, 3)
    assert not clear[:, 22:28].any()
    assert not clear[:, 32:].any()
    assert not clear[7:14, 2:9].any()
    assert clear[0:7, 2:22].all()
    assert clear[:, 28:32].all()


def test_the_inner_square_holds_good_pixels_alone() -> None:
    good = np.zeros((90, 120), bool)
    good[20:60, 30:90] = True
    square = inner_square(good)
    assert good[square].all()
    assert good[square].shape[0] >= 37


def test_coadds_differ_in_units_of_the_noise_where_both_have_data() -> None:
    one = Flat(np.zeros((4, 5)), np.full((4, 5), 0.25))
    other = Flat(np.full((4, 5), 0.5), np.full((4, 5), 1.0))
    other.image[0], other.inverse[0] = 100.0, 0.0
    other.image[1, 1] = 2.0
    found = agreement(one, other, np.ones((4, 5), bool))
    assert found.median == 0.25
    assert found.largest == 1.0
    assert found.rms == pytest.approx(np.sqrt((14 * 0.0625 + 1.0) / 15))


@dataclass
class Flat:
    image: np.ndarray
    inverse: np.ndarray


def test_stamps_fit_around_the_stars_of_these_tests() -> None:
    assert min(X.min(), Y.min(), SHAPE[1] - X.max(), SHAPE[0] - Y.max()) > HALF
