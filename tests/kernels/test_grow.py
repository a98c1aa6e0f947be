"""Bits spread over squares, against windows taken one by one."""

import numpy as np
import pytest

from coaddc.kernels.grow import grow

RNG = np.random.default_rng(8)
MASK = np.where(RNG.random((41, 67)) < 0.02, 1 << RNG.integers(0, 20, (41, 67)), 0).astype(np.int32)
FLAGS = (MASK > 0).astype(np.uint8)
FAR = 90


def _expected(mask: np.ndarray, first: tuple[int, int], shape: tuple[int, int], radius: int, outside: int):
    wide = np.pad(mask, FAR + radius, constant_values=outside)
    windows = np.lib.stride_tricks.sliding_window_view(wide, (2 * radius + 1, 2 * radius + 1))
    whole = np.bitwise_or.reduce(np.bitwise_or.reduce(windows, axis=-1), axis=-1)
    return whole[FAR + first[0] : FAR + first[0] + shape[0], FAR + first[1] : FAR + first[1] + shape[1]]


def _grown(mask: np.ndarray, first: tuple[int, int], shape: tuple[int, int], radius: int, outside: int):
    result = np.full(shape, 99, mask.dtype)
    rows = np.full((shape[0] + 2 * radius, shape[1]), 77, mask.dtype)
    grow(mask, first, radius, outside, rows, result)
    return result


@pytest.mark.parametrize("radius", [0, 1, 2, 5, 13])
@pytest.mark.parametrize("mask", [MASK, FLAGS])
def test_each_pixel_has_the_bits_of_the_square_around_it(mask: np.ndarray, radius: int) -> None:
    found = _grown(mask, (0, 0), mask.shape, radius, 0)
    np.testing.assert_array_equal(found, _expected(mask, (0, 0), mask.shape, radius, 0))


@pytest.mark.parametrize("first", [(-7, -9), (3, 4), (30, 50), (-80, 0), (0, -80), (60, 3), (0, 75)])
def test_a_part_may_reach_beyond_the_mask_where_all_pixels_have_the_bits_of_the_outside(first) -> None:
    for mask, outside in ((MASK, 0), (FLAGS, 1)):
        found = _grown(mask, first, (23, 38), 4, outside)
        np.testing.assert_array_equal(found, _expected(mask, first, (23, 38), 4, outside))
