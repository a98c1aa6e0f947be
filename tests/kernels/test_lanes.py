"""Eight numbers at a time."""

import numpy as np
import pytest
from numba import njit

from coaddc.kernels.lanes import (
    LANES,
    add,
    count_equal,
    load,
    load_first,
    multiply,
    multiply_add,
    spread,
    store,
    subtract,
    total,
    turn,
)

RNG = np.random.default_rng(5)
NUMBERS = RNG.normal(0.0, 1.0, 3 * LANES + 5).astype(np.float32)


@njit
def _arithmetic(numbers: np.ndarray, at: int, result: np.ndarray) -> float:
    a, b = load(numbers, at), load(numbers, at + LANES)
    made = multiply_add(multiply(a, b), spread(np.float32(0.5)), add(a, b))
    store(made, result, 2)
    return total(made)


@njit
def _first(numbers: np.ndarray, at: int, count: int, result: np.ndarray) -> None:
    store(load_first(numbers, at, count), result, 0)


@njit
def _count(numbers: np.ndarray, at: int) -> int:
    return count_equal(numbers, at)


@njit
def _difference(numbers: np.ndarray, result: np.ndarray) -> None:
    store(subtract(load(numbers, 1), load(numbers, 9)), result, 0)


@njit
def _turn(numbers: np.ndarray, at: int, step: int, result: np.ndarray, to: int, stride: int) -> None:
    turn(numbers, at, step, result, to, stride)


def test_one_is_taken_from_the_other() -> None:
    result = np.zeros(LANES, np.float32)
    _difference(NUMBERS, result)
    np.testing.assert_array_equal(result, NUMBERS[1:9] - NUMBERS[9:17])


@pytest.mark.parametrize(("step", "stride"), [(LANES, LANES), (11, 9), (16, 8)])
def test_rows_become_columns_and_nothing_else_is_stored(step: int, stride: int) -> None:
    numbers = RNG.normal(0.0, 1.0, 150).astype(np.float32)
    result = np.full(150, np.float32(-7.0))
    _turn(numbers, 3, step, result, 2, stride)
    expected = np.full(150, np.float32(-7.0))
    for i in range(LANES):
        for j in range(LANES):
            expected[2 + i * stride + j] = numbers[3 + j * step + i]
    np.testing.assert_array_equal(result, expected)


def test_each_lane_is_worked_on_alike_and_nothing_else_is_stored() -> None:
    result = np.full(LANES + 5, np.float32(-7.0))
    _arithmetic(NUMBERS, 3, result)
    a, b = (NUMBERS[k : k + LANES].astype(np.float64) for k in (3, 3 + LANES))
    np.testing.assert_allclose(result[2 : 2 + LANES], 0.5 * a * b + a + b, rtol=3e-7)
    assert (np.delete(result, range(2, 2 + LANES)) == -7.0).all()


def test_lanes_are_added_up_half_by_half() -> None:
    result = np.zeros(LANES + 5, np.float32)
    got = _arithmetic(NUMBERS, 0, result)
    left = result[2 : 2 + LANES]
    while left.size > 1:
        left = left[: left.size // 2] + left[left.size // 2 :]
    assert np.float32(got) == left[0]


@pytest.mark.parametrize("count", [1, 2, 6, 8, 10])
def test_the_first_so_many_are_loaded_and_what_lies_behind_counts_as_0(count: int) -> None:
    held = np.full(NUMBERS.size, np.nan, np.float32)
    held[: 4 + count] = NUMBERS[: 4 + count]
    result = np.full(LANES, np.nan, np.float32)
    _first(held, 4, count, result)
    expected = np.zeros(LANES, np.float32)
    expected[: min(count, LANES)] = NUMBERS[4 : 4 + min(count, LANES)]
    np.testing.assert_array_equal(result, expected)


@pytest.mark.parametrize("count", range(1, LANES + 1))
def test_equal_numbers_are_counted_up_to_the_first_other(count: int) -> None:
    numbers = np.full(2 * LANES, -3, np.int32)
    numbers[2 + count] = 9
    assert _count(numbers, 2) == count
    numbers[3 + count :] = 4
    assert _count(numbers, 2) == count
