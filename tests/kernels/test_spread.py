import numpy as np
import pytest

from coaddc.kernels.spread import spread_mask

REJECT = 0b1001


def spread(mask: np.ndarray, half: int) -> np.ndarray:
    found = np.full(mask.shape, -1, np.int32)
    spread_mask(mask, REJECT, half, found)
    return found


def expected(mask: np.ndarray, half: int) -> np.ndarray:
    around = np.pad(mask, half)
    ny, nx = mask.shape
    found = np.zeros_like(mask)
    for dy in range(1 - half, half + 1):
        for dx in range(1 - half, half + 1):
            seen = around[half + dy : half + dy + ny, half + dx : half + dx + nx]
            found |= seen & (-1 if dy in (0, 1) and dx in (0, 1) else REJECT)
    return found


@pytest.mark.parametrize("half", [1, 2])
@pytest.mark.parametrize("shape", [(1, 1), (2, 5), (61, 255), (40, 256), (33, 257), (9, 700)])
@pytest.mark.parametrize("fraction", [0.0, 1e-3, 0.3])
def test_positions_get_the_bits_around_them(shape: tuple[int, int], fraction: float, half: int) -> None:
    rng = np.random.default_rng(shape)
    mask = np.where(rng.random(shape) < fraction, rng.integers(1, 512, shape), 0).astype(np.int32)
    np.testing.assert_array_equal(spread(mask, half), expected(mask, half))


@pytest.mark.parametrize("column", [0, 254, 255, 256, 257, 511, 512, 599])
def test_a_bad_column_is_spread_to_either_side_wherever_it_lies(column: int) -> None:
    mask = np.zeros((21, 600), np.int32)
    mask[:, column] = 0b11
    np.testing.assert_array_equal(spread(mask, 2), expected(mask, 2))
    assert sorted(set(np.nonzero(spread(mask, 2) & 1)[1])) == [
        x for x in range(column - 2, column + 2) if 0 <= x < 600
    ]


@pytest.mark.parametrize("row", [0, 1, 19, 20])
def test_one_pixel_is_spread_to_the_rows_around_it_only(row: int) -> None:
    mask = np.zeros((21, 300), np.int32)
    mask[row, 255] = 1
    np.testing.assert_array_equal(spread(mask, 2), expected(mask, 2))
