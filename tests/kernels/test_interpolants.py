import numpy as np
import pytest

from coaddc.kernels.interpolants import bilinear, lanczos, omoms3, omoms_cardinal, omoms_weights

PHASES = np.linspace(0.0, 1.0, 1001)


def polynomial(coefficients: np.ndarray, phase: np.ndarray) -> np.ndarray:
    return np.polynomial.polynomial.polyval(phase - 0.5, coefficients.astype(np.float64).T).T


@pytest.mark.parametrize("order", [3, 5])
def test_lanczos_weights_are_the_normalised_windowed_sinc_to_a_millionth(order: int) -> None:
    distance = PHASES[:, None] - np.arange(1 - order, order + 1)
    exact = np.sinc(distance) * np.sinc(distance / order)
    exact /= exact.sum(axis=1, keepdims=True)
    np.testing.assert_allclose(polynomial(lanczos(order).weights, PHASES), exact, rtol=0, atol=1e-6)


def test_omoms_weights_follow_from_the_b_spline_and_its_second_derivative() -> None:
    def spline(d: np.ndarray) -> np.ndarray:
        d = np.abs(d)
        return np.where(d < 1, 2 / 3 - d**2 + d**3 / 2, np.where(d < 2, (2 - d) ** 3 / 6, 0.0))

    def curvature(d: np.ndarray) -> np.ndarray:
        d = np.abs(d)
        return np.where(d < 1, 3 * d - 2, np.where(d < 2, 2 - d, 0.0))

    distance = PHASES[1:-1, None] - np.arange(-1, 3)
    exact = spline(distance) + curvature(distance) / 42.0
    np.testing.assert_allclose(omoms_weights(PHASES[1:-1]), exact, atol=1e-14)
    np.testing.assert_allclose(polynomial(omoms3().weights, PHASES[1:-1]), exact, rtol=0, atol=1e-6)


@pytest.mark.parametrize("scheme", [bilinear(), lanczos(3), lanczos(5), omoms3()], ids=lambda s: f"{s.taps}")
def test_weights_sum_to_one_and_variances_to_the_squared_gain(scheme) -> None:
    np.testing.assert_allclose(polynomial(scheme.weights, PHASES).sum(axis=1), 1.0, atol=1e-6)
    gain = (scheme.cardinal(PHASES) ** 2).sum(axis=1)
    weights = scheme.variances if scheme.variances.size else None
    spread = polynomial(scheme.weights, PHASES) ** 2 if weights is None else polynomial(weights, PHASES)
    np.testing.assert_allclose(spread.sum(axis=1), gain, atol=2e-6)


@pytest.mark.parametrize("scheme", [bilinear(), lanczos(3), lanczos(5), omoms3()], ids=lambda s: f"{s.taps}")
def test_mirrored_taps_have_mirrored_polynomials_to_the_bit(scheme) -> None:
    for coefficients in (scheme.weights, scheme.variances):
        sign = (-1.0) ** np.arange(coefficients.shape[1])
        np.testing.assert_array_equal(coefficients[::-1] * sign, coefficients)


def test_a_cardinal_function_is_one_at_its_own_pixel_and_zero_at_all_others() -> None:
    at_pixels = omoms_cardinal(np.array([0.0, 1.0]))
    expected = np.zeros_like(at_pixels)
    middle = at_pixels.shape[1] // 2
    expected[0, middle - 1] = expected[1, middle] = 1.0
    np.testing.assert_allclose(at_pixels, expected, atol=1e-14)
