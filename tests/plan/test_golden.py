"""Plans that a change of the compiler may not change unseen, and the text that they are kept as.

After a change that is meant to change plans: ``python -m tests.plan.suites``, and look at the difference.
"""

from dataclasses import replace

import pytest

from coaddc.plan.counts import Counts
from coaddc.plan.dump import dump
from coaddc.plan.plan import Plan
from tests.assemblies import assembly
from tests.plan.suites import GOLDEN, SUITES, compiled, text


@pytest.mark.parametrize("name", SUITES)
def test_the_plan_is_the_one_that_is_kept(name: str) -> None:
    kept = (GOLDEN / f"{name}.txt").read_text(encoding="utf-8")
    assert text(name) == kept, "if the new plan is meant: python -m tests.plan.suites"


def test_no_plan_is_kept_that_nothing_makes() -> None:
    assert {path.stem for path in GOLDEN.glob("*.txt")} == SUITES.keys()


def test_the_text_tells_plans_apart_but_not_by_their_digests() -> None:
    one, two = SUITES["direct-and-matched"]
    assert dump(compiled([one])) != dump(compiled([two]))
    renamed = replace(one, config={**one.config, "warp": {**one.config["warp"], "interpolant": "?"}})
    digests = [
        t.product.digest for plan in (compiled([one]), compiled([renamed])) for t in plan.units[0].targets
    ]
    assert digests[0] != digests[1]
    assert dump(compiled([one])) == dump(compiled([renamed]))


def test_what_the_store_holds_is_told_and_left_out() -> None:
    whole = compiled([assembly()])
    held = {whole.units[0].targets[0].product.digest}
    rest = compiled([assembly()], held=lambda _: (held, set()))
    assert f"up to date {whole.units[0].targets[0].product.name}" in dump(rest)
    assert len(rest.units) == len(whole.units) - 1


def test_the_size_is_counted_after_each_pass() -> None:
    seen: dict[str, Counts] = {}

    def watch(name: str, plan: Plan) -> None:
        seen[name] = Counts.of(plan)

    plan = compiled(SUITES["direct-and-matched"], watch=watch)
    assert seen["select"] == Counts(requests=8, products=0, units=0, tasks=0, tiles=0)
    assert seen["lower"].tasks == plan.asked > seen["dedupe"].tasks
    assert seen["order"] == Counts(requests=8, products=8, units=4, tasks=plan.tasks, tiles=4)
