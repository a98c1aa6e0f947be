import numpy as np
import pytest

from coaddc.io.exposures.pixel_reader import translate
from coaddc.model.mask import bit
from coaddc.model.survey import MaskKind

PLANES = {"BAD": (0, 3), "SAT": (1,), "CR": (20,), "NOT_OURS": (2,)}


@pytest.mark.parametrize("high", [0, 1 << 20, -(1 << 31)], ids=["low", "high", "sign"])
def test_bits_mean_the_same_in_any_company(high: int) -> None:
    raw = np.array([[0, 1, 2, 4], [8, 9, 12, 3]], np.int64)
    raw[1, 3] |= high
    mask = np.zeros(raw.shape, np.int32)
    mask[0, 1] = bit("SUSPECT")
    translate(raw.astype(np.int32), PLANES, MaskKind.cards, mask)
    expected = np.zeros(raw.shape, np.int32)
    expected[(raw & 0b1001) != 0] |= bit("BAD")
    expected[(raw & 0b10) != 0] |= bit("SAT")
    expected[(raw & (1 << 20)) != 0] |= bit("CR")
    expected[0, 1] |= bit("SUSPECT")
    np.testing.assert_array_equal(mask, expected)


def test_codes_may_be_negative_or_large_and_zero_may_mean_something() -> None:
    raw = np.array([[0, 7, -3], [70000, 1, 2]], np.int32)
    for shown in (raw, raw[:, :2], raw[:1, :2]):
        mask = np.zeros(shown.shape, np.int32)
        translate(shown, {"NO_DATA": (0, -3), "SAT": (7, 70000)}, MaskKind.codes, mask)
        np.testing.assert_array_equal((mask & bit("NO_DATA")) > 0, np.isin(shown, [0, -3]))
        np.testing.assert_array_equal((mask & bit("SAT")) > 0, np.isin(shown, [7, 70000]))
