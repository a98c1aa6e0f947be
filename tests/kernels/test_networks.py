"""Comparator networks against sorting."""

from itertools import product

import numpy as np
import pytest

from coaddc.kernels.networks import median_network, median_networks


def through(network: np.ndarray, values: np.ndarray) -> np.ndarray:
    """Send columns of values through a network."""
    values = values.copy()
    for a, b in network:
        values[a], values[b] = np.minimum(values[a], values[b]), np.maximum(values[a], values[b])
    return values


@pytest.mark.parametrize("n", range(1, 13))
def test_the_middle_of_any_zeros_and_ones_comes_to_its_place(n: int) -> None:
    """Which is enough for any values (Knuth, The Art of Computer Programming 3, theorem 5.3.4Z)."""
    values = np.array(list(product((0, 1), repeat=n))).T
    middle = slice(max(0, n // 2 - 1), n // 2 + 1)
    np.testing.assert_array_equal(through(median_network(n), values)[middle], np.sort(values, axis=0)[middle])


@pytest.mark.parametrize("n", [37, 64, 129])
def test_the_middle_of_many_values_with_ties_comes_to_its_place(n: int) -> None:
    values = np.random.default_rng(n).integers(0, n, (n, 200))
    middle = slice(n // 2 - 1, n // 2 + 1)
    np.testing.assert_array_equal(through(median_network(n), values)[middle], np.sort(values, axis=0)[middle])


def test_networks_of_all_sizes_lie_one_after_the_other() -> None:
    pairs, starts = median_networks(9)
    assert len(starts) == 11
    for n in range(10):
        np.testing.assert_array_equal(pairs[starts[n] : starts[n + 1]], median_network(n))
