"""What `keep` may say, and how many visits that is."""

from typing import Any

import numpy as np
import pytest

from coaddc.model.errors import ConfigError
from coaddc.plan.rank import Fraction, Keep, Number, Ranked, Sum, read_keep


def count(keep: Keep, known: int, column: np.ndarray) -> int:
    """Return how many visits are kept of one patch, between two others that must not matter."""
    n = len(column)
    ranked = Ranked(
        patch=np.repeat([2, 5, 6], [3, n, 2]),
        known=np.concatenate([np.ones(3, bool), np.arange(n) < known, np.zeros(2, bool)]),
        column=np.concatenate([[1e3, 1e3, 1e3], column, [7.0, 8.0]]),
    )
    kept = keep.keeps(ranked)[3 : 3 + n]
    assert np.all(kept[:-1] >= kept[1:])  # the first ones
    return int(kept.sum())


@pytest.mark.parametrize(
    ("value", "keep"),
    [
        (1, Number(1)),
        (12, Number(12)),
        (12.0, Number(12)),
        (0.33, Fraction(0.33)),
        ({"number": 1}, Number(1)),
        ({"number": 3.0}, Number(3)),
        ({"fraction": 1}, Fraction(1.0)),
        ({"fraction": 0.25, "at_least": 6, "at_most": 50}, Fraction(0.25, 6, 50)),
        ({"column": "exptime", "sum": 3000}, Sum("exptime", 3000.0)),
    ],
)
def test_what_is_understood(value: Any, keep: object) -> None:
    assert read_keep(value, "selection.keep") == keep


@pytest.mark.parametrize(
    ("value", "message"),
    [
        (1.0, r"selection\.keep=1\.0: one visit, or all of them\? Write \{number: 1\} or \{fraction: 1\}"),
        (True, r"selection\.keep=True is not understood; understood are"),
        (0, "keep=0 is not understood"),
        (-3, "keep=-3 is not understood"),
        (0.0, "is not understood"),
        (2.5, "keep=2.5 is not understood"),
        (float("nan"), "keep=nan is not understood"),
        (float("inf"), "keep=inf is not understood"),
        ("12", "keep='12' is not understood"),
        ([3], "is not understood"),
        ({}, "is not understood"),
        ({"fracton": 0.3}, r"no field 'fracton'; did you mean 'fraction'\?"),
        ({"number": 0}, r"selection\.keep\.number=0: expected a whole number, 1 at least"),
        ({"number": 2.5}, "expected a whole number"),
        ({"number": 3, "fraction": 0.2}, "is not understood"),
        ({"at_least": 3}, "is not understood"),
        ({"fraction": 1.2}, r"keep\.fraction=1\.2: expected a number above 0 and 1 at most"),
        ({"fraction": 0.2, "at_least": True}, r"at_least=True"),
        ({"fraction": 0.2, "at_least": 9, "at_most": 3}, "at_most=3 is less than at_least=9"),
        ({"column": "exptime"}, "is not understood"),
        ({"column": 3, "sum": 10}, r"keep\.column=3"),
        ({"column": "exptime", "sum": 0}, r"keep\.sum=0: expected a number above 0"),
        ({"column": "exptime", "sum": "much"}, r"keep\.sum='much'"),
    ],
)
def test_what_is_not_understood_is_refused_with_what_is(value: Any, message: str) -> None:
    with pytest.raises(ConfigError, match=message):
        read_keep(value, "selection.keep")


@pytest.mark.parametrize(
    ("keep", "known", "total", "expected"),
    [
        (Number(3), 5, 9, 3),
        (Number(7), 5, 9, 7),  # those of unknown rank come last, but come
        (Number(12), 5, 9, 9),
        (Fraction(1.0), 5, 9, 5),
        (Fraction(0.33), 9, 9, 3),
        (Fraction(0.5), 5, 9, 2),  # 2.5, half to even as lsst.pipe.tasks
        (Fraction(0.5), 7, 9, 4),
        (Fraction(0.01), 9, 9, 1),  # never nothing
        (Fraction(0.01, at_least=0), 9, 9, 0),
        (Fraction(0.33, at_least=6), 9, 9, 6),
        (Fraction(0.33, at_least=6), 4, 9, 4),
        (Fraction(0.9, at_most=2), 9, 9, 2),
        (Fraction(0.5), 0, 9, 0),
    ],
)
def test_numbers_of_visits_kept(keep: Number | Fraction, known: int, total: int, expected: int) -> None:
    assert count(keep, known, np.zeros(total)) == expected


def test_a_sum_keeps_the_fewest_first_visits_that_reach_it() -> None:
    exptime = np.array([30.0, 100.0, np.nan, 30.0, 40.0])
    assert count(Sum("exptime", 30), 5, exptime) == 1
    assert count(Sum("exptime", 31), 5, exptime) == 2
    assert count(Sum("exptime", 160), 5, exptime) == 4  # the unknown one counts as nothing
    assert count(Sum("exptime", 1e4), 5, exptime) == 5
    assert count(Sum("exptime", 3.0), 30, np.full(40, 0.1)) == 30
    assert count(Sum("exptime", 3.0), 0, np.empty(0)) == 0
