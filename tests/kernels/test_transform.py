"""Fourier transforms of eight columns, against numpy's in double precision."""

import numpy as np
import pytest
from numba import njit

from coaddc.kernels.lanes import LANES
from coaddc.kernels.transform import POINT, forward, inverse, roots

LENGTHS = [16, 48, 80, 128, 192, 256, 320, 1280]
RNG = np.random.default_rng(7)


@njit
def _there(strip: np.ndarray, at: int, n: int, table: np.ndarray) -> None:
    forward(strip, at, n, table)


@njit
def _back(strip: np.ndarray, at: int, n: int, table: np.ndarray) -> None:
    inverse(strip, at, n, table)


def _columns(strip: np.ndarray, at: int, n: int) -> np.ndarray:
    parts = strip[at : at + n * POINT].reshape(n, 2, LANES).astype(float)
    return parts[:, 0] + 1j * parts[:, 1]


@pytest.mark.parametrize("n", LENGTHS)
def test_frequencies_are_numpys_in_one_order_for_all_columns(n: int) -> None:
    strip = RNG.normal(0.0, 1.0, n * POINT + 10).astype(np.float32)
    expected = np.fft.fft(_columns(strip, 3, n), axis=0)
    around = strip[:3].copy(), strip[3 + n * POINT :].copy()
    _there(strip, 3, n, roots(n))
    found = _columns(strip, 3, n)
    order = np.abs(found[:, None, 0] - expected[None, :, 0]).argmin(axis=1)
    assert sorted(order) == list(range(n))
    assert np.abs(found - expected[order]).max() < 4e-7 * np.abs(expected).max()
    np.testing.assert_array_equal(strip[:3], around[0])
    np.testing.assert_array_equal(strip[3 + n * POINT :], around[1])


@pytest.mark.parametrize("n", LENGTHS)
def test_there_and_back_is_what_it_was_times_the_length(n: int) -> None:
    strip = RNG.normal(0.0, 1.0, n * POINT).astype(np.float32)
    before = strip.copy()
    _there(strip, 0, n, roots(n))
    _back(strip, 0, n, roots(n))
    assert np.abs(strip / n - before).max() < 1e-6


def test_a_column_does_not_depend_on_those_beside_it() -> None:
    n = 80
    one = RNG.normal(0.0, 1.0, (n, 2, LANES)).astype(np.float32)
    other = RNG.normal(0.0, 1e6, (n, 2, LANES)).astype(np.float32)
    other[:, :, 5] = one[:, :, 2]
    for strip in (one, other):
        _there(strip.reshape(-1), 0, n, roots(n))
    np.testing.assert_array_equal(other[:, :, 5], one[:, :, 2])
