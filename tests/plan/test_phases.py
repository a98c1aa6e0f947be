"""How many sums there are at a time: years come one after the other, growing baselines and unions stay."""

import pytest

from coaddc.model.assembly import StackSection
from coaddc.plan.phases import most_sums
from coaddc.plan.plan import Sum
from coaddc.plan.task import task

WARPS = [task("warp", content=str(number)) for number in range(12)]
VISITS = {warp.digest: number for number, warp in enumerate(WARPS)}


def adding(name: str, numbers: list[int], *parts: str) -> Sum:
    return Sum(name, StackSection(), tuple(WARPS[number] for number in numbers), parts)


YEARS = [adding(f"y{k}", [3 * k, 3 * k + 1, 3 * k + 2]) for k in range(4)]


@pytest.mark.parametrize(("together", "most"), [(1, 1), (2, 2), (4, 2), (5, 3)])
def test_years_are_there_one_by_one_but_for_what_is_added_together(together: int, most: int) -> None:
    assert most_sums(YEARS, VISITS, together) == most


def test_a_union_is_there_from_its_first_part_on() -> None:
    union = adding("all", [], "y0", "y1", "y2", "y3")
    assert most_sums([*YEARS, union], VISITS, 1) == 2
    direct = adding("all", list(range(12)))
    assert most_sums([*YEARS, direct], VISITS, 1) == 2


def test_selections_that_each_take_the_first_and_last_visit_are_all_there_together() -> None:
    wide = [adding(f"s{k}", [0, k, 11]) for k in range(1, 6)]
    assert most_sums(wide, VISITS, 1) == 5


def test_of_no_sums_there_are_none() -> None:
    assert most_sums([], VISITS, 4) == 0
