"""Sums that means share: each warp once, as few additions as may be, and no product that knows of it."""

from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from coaddc.model.assembly import Assembly, Section, StackSection, Statistic
from coaddc.model.errors import PlanError
from coaddc.model.run_options import EngineOptions
from coaddc.plan.atoms import share
from coaddc.plan.compile import compile_suite
from coaddc.plan.plan import Plan, Sum, Unit
from coaddc.plan.select import Selector
from coaddc.plan.task import Task, task
from coaddc.plan.verify import verify
from tests.assemblies import assembly, one_patch, small_survey

SURVEY, _ = small_survey()
SELECTOR = Selector(SURVEY.table)
WARPS = [task("warp", content=str(number)) for number in range(40)]


def stack(*numbers: int) -> Task:
    return task(
        "stack", *(WARPS[number] for number in sorted(numbers)), statistic="mean", subject=StackSection()
    )


def warps(sums: list[Sum]) -> dict[str, list[str]]:
    """Return the warps that each sum holds, those of its parts too."""
    held: dict[str, list[str]] = {}
    for made in sums:
        held[made.name] = [w for part in made.parts for w in held[part]] + [i.digest for i in made.inputs]
    return held


def additions(sums: list[Sum]) -> int:
    return sum(len(made.inputs) + len(made.parts) for made in sums)


def baseline(name: str, where: str) -> Assembly:
    return assembly({"baseline": name}, baseline=Section(where=where))


EARLY, LATE, ALL = (
    baseline(name, where) for name, where in (("y1", "visit < 3"), ("y2", "visit >= 3"), ("all", "visit < 9"))
)


def compiled(*assemblies: Assembly, held: frozenset[str] = frozenset(), **engine: object) -> Plan:
    options = EngineOptions(**engine)  # type: ignore[arg-type]
    return compile_suite(assemblies, SELECTOR, lambda _: [one_patch()], lambda _: (held, set()), options)


def only(plan: Plan) -> Unit:
    (unit,) = plan.units
    return unit


@given(st.lists(st.sets(st.integers(0, 39), min_size=1), min_size=1, max_size=9), st.integers(0, 3))
def test_each_stack_has_each_of_its_warps_once_and_no_more_is_added_than_without_sharing(
    sets: list[set[int]], spare: int
) -> None:
    stacks = list({made.digest: made for made in (stack(*numbers) for numbers in sets)}.values())
    sums = share(stacks, spare)
    held = warps(sums)
    for made in stacks:
        assert sorted(held[made.digest]) == sorted(i.digest for i in made.inputs)
    assert additions(sums) <= sum(len(made.inputs) for made in stacks)
    assert sorted(s.name for s in sums if s.whole) == sorted(s.digest for s in stacks)
    own = [made for made in sums if not made.whole]
    assert len(own) <= spare
    assert all(sum(atom.name in other.parts for other in sums) >= 2 for atom in own)


def test_ten_years_and_their_union_take_one_addition_a_warp_and_ten_of_sums() -> None:
    years = [stack(*range(4 * year, 4 * year + 4)) for year in range(10)]
    union = stack(*range(40))
    sums = share([union, *years], spare=0)
    assert additions(sums) == 40 + 10
    (last,) = (made for made in sums if made.name == union.digest)
    assert last.inputs == ()
    assert set(last.parts) == {year.digest for year in years}


def test_growing_baselines_are_sums_of_the_former_one() -> None:
    grown = [stack(*range(4 * year + 4)) for year in range(10)]
    sums = share(grown, spare=9)
    assert additions(sums) == 40 + 9
    assert [len(made.parts) for made in sums] == [0] + [1] * 9


def test_what_overlapping_stacks_share_has_sums_of_its_own_only_where_there_is_memory() -> None:
    left, right = stack(*range(30)), stack(*range(10, 40))
    shared, apart = share([left, right], spare=1), share([left, right], spare=0)
    assert [len(made.inputs) for made in shared] == [20, 10, 10]
    assert [made.whole for made in shared] == [False, True, True]
    assert [len(made.inputs) for made in apart] == [30, 30]


def test_a_single_product_has_the_sum_of_its_warps() -> None:
    (made,) = only(compiled(ALL)).sums
    assert made.whole
    assert made.parts == ()
    assert len(made.inputs) == 5


def test_a_product_is_the_same_whatever_else_is_asked_for() -> None:
    alone = {only(compiled(a)).targets[0].product.digest for a in (EARLY, LATE, ALL)}
    together = only(compiled(EARLY, LATE, ALL))
    assert {target.product.digest for target in together.targets} == alone
    assert sorted(len(made.parts) for made in together.sums) == [0, 0, 2]


def test_what_the_store_holds_is_no_part() -> None:
    early = only(compiled(EARLY)).targets[0].product.digest
    unit = only(compiled(EARLY, LATE, ALL, held=frozenset({early})))
    assert sorted((len(made.inputs), len(made.parts)) for made in unit.sums) == [(2, 0), (3, 1)]


def test_medians_and_means_that_add_otherwise_share_no_sums() -> None:
    median = assembly({"stack": "median"}, stack=StackSection(statistic=Statistic.median))
    strict = assembly({"stack": "strict"}, stack=StackSection(reject=["BAD"]))
    unit = only(compiled(ALL, median, strict))
    assert [len(made.parts) for made in unit.sums] == [0, 0]


def test_sums_of_atoms_are_counted_and_kept_within_the_memory() -> None:
    left, right = baseline("left", "visit < 4"), baseline("right", "visit > 0")
    roomy, tight = only(compiled(left, right)), only(compiled(left, right, memory=0.02, workers=1))
    assert sum(not made.whole for made in roomy.sums) == 1
    assert all(made.whole for made in tight.sums)
    assert tight.memory < 0.02 * 2**30
    assert roomy.memory > only(compiled(left, right, memory=0.03, workers=2)).memory


@pytest.mark.parametrize("change", ["lost", "twice", "missing"])
def test_sums_that_are_not_those_of_their_stack_are_caught(change: str) -> None:
    plan = compiled(EARLY, ALL)
    unit = only(plan)
    first, *rest = unit.sums
    wrong = {
        "lost": (replace(first, inputs=first.inputs[1:]), *rest),
        "twice": (replace(first, inputs=(*first.inputs, first.inputs[0])), *rest),
        "missing": tuple(rest),
    }[change]
    with pytest.raises(PlanError, match="sums"):
        verify(replace(plan, units=(replace(unit, sums=wrong),)))
