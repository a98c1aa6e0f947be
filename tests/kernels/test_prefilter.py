import numpy as np
import pytest

from coaddc.kernels.prefilter import REACH, prefilter


def image(ny: int = 83, nx: int = 131) -> np.ndarray:
    return np.random.default_rng(3).normal(0.0, 1.0, (ny, nx)).astype(np.float32)


def test_coefficients_give_the_pixels_back() -> None:
    before = image()
    after = before.copy()
    prefilter(after)
    rebuilt = after.astype(np.float64)
    for axis in (0, 1):
        rebuilt = (4.0 * np.roll(rebuilt, 1, axis) + 13.0 * rebuilt + 4.0 * np.roll(rebuilt, -1, axis)) / 21.0
    inner = (slice(REACH + 1, -REACH - 1),) * 2
    np.testing.assert_allclose(rebuilt[inner], before[inner], rtol=0, atol=3e-6)


def test_a_constant_is_its_own_coefficients() -> None:
    flat = np.full((71, 53), 1234.5, np.float32)
    prefilter(flat)
    np.testing.assert_allclose(flat[REACH:-REACH, REACH:-REACH], 1234.5, rtol=1e-6)


@pytest.mark.parametrize("cut", [(7, 60, 0, 131), (20, 83, 11, 90), (0, 83, 64, 131)])
def test_a_coefficient_does_not_depend_on_where_its_section_ends_to_the_bit(cut) -> None:
    y0, y1, x0, x1 = cut
    whole, part = image(), image()[y0:y1, x0:x1].copy()
    prefilter(whole)
    prefilter(part)
    inner = (slice(y0 + REACH, y1 - REACH), slice(x0 + REACH, x1 - REACH))
    np.testing.assert_array_equal(part[REACH:-REACH, REACH:-REACH], whole[inner])


def test_an_impulse_rings_out_within_the_reach() -> None:
    impulse = np.zeros((101, 61), np.float32)
    impulse[50, 30] = 1.0
    prefilter(impulse)
    far = np.abs(impulse.copy())
    far[50 - REACH : 51 + REACH, 30 - REACH : 31 + REACH] = 0.0
    assert far.max() == 0.0
    assert np.abs(impulse[50 - REACH, 30]) < 1e-6
