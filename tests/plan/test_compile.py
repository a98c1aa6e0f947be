"""The passes of the compiler, on the exposure table of a survey in memory."""

from collections.abc import Sequence
from dataclasses import replace

import pytest

from coaddc.model.assembly import (
    Assembly,
    Matching,
    PsfModelSection,
    Section,
    StackSection,
    Statistic,
    WarpSection,
    WiderInput,
)
from coaddc.model.errors import PlanError
from coaddc.model.run_options import EngineOptions
from coaddc.plan.compile import PASSES, compile_suite
from coaddc.plan.explain import explain
from coaddc.plan.memory import halo_of
from coaddc.plan.passes import dedupe, lower, order, reuse, tile
from coaddc.plan.plan import Plan, Request
from coaddc.plan.recipe import recipe
from coaddc.plan.select import Selector
from coaddc.plan.task import task, walk
from coaddc.plan.verify import verify
from tests.assemblies import assembly, one_patch, small_survey

SURVEY, _ = small_survey()
SELECTOR = Selector(SURVEY.table)
PATCH = one_patch()
DIRECT = assembly({"warp": "direct"})
MATCHED = assembly({"warp": "psfMatched"}, warp=WarpSection(matching=Matching.psf_model))
EARLY = assembly({"early": "yes"}, early=Section(where="visit < 2"))


def compiled(*assemblies: Assembly, held: Sequence[str] = (), **engine: object) -> Plan:
    options = EngineOptions(**engine)  # type: ignore[arg-type]
    return compile_suite(assemblies, SELECTOR, lambda _: [PATCH], lambda _: (set(held), set()), options)


def ops(plan: Plan) -> dict[str, int]:
    names = [t.op for unit in plan.units for t in unit.tasks]
    return {name: names.count(name) for name in sorted(set(names))}


def digest_of(plan: Plan) -> str:
    ((target,),) = [unit.targets for unit in plan.units]
    return target.product.digest


def test_what_two_products_share_is_done_once() -> None:
    plan = compiled(DIRECT, MATCHED, EARLY)
    assert ops(plan) == {
        "coadd": 3, "exposure": 10, "match": 10, "psf": 3, "stack": 3, "visit": 10, "warp": 10,
    }  # fmt: skip
    # Exposures, warps, visits and the last three; the same with matches; the same of two visits.
    assert plan.asked == 28 + 38 + 13
    assert plan.tasks == 49


def test_a_visits_tasks_come_together_and_inputs_come_first() -> None:
    (unit,) = compiled(DIRECT, MATCHED).units
    visits = [t.inputs[0].subject[1].visit for t in unit.tasks if t.op == "warp"]
    assert visits == sorted(visits)
    place = {t.digest: i for i, t in enumerate(unit.tasks)}
    assert all(place[i.digest] < place[t.digest] for t in unit.tasks for i in t.inputs)


def test_names_of_values_docs_and_the_cut_into_tiles_change_no_pixels_task() -> None:
    one = compiled(DIRECT)
    other = replace(
        DIRECT,
        keys={**DIRECT.keys, "warp": "another"},
        config={**DIRECT.config, "warp": {**DIRECT.config["warp"], "doc": "another text"}},
    )
    two = compiled(other, tile=64, workers=7)
    stacks = [next(t for t in plan.units[0].tasks if t.op == "stack") for plan in (one, two)]
    assert stacks[0].digest == stacks[1].digest
    assert digest_of(one) != digest_of(two)  # the data ID is written into the file
    assert recipe(DIRECT) == recipe(other)


def test_a_field_that_the_stage_does_not_use_changes_nothing() -> None:
    wide = assembly(psf_model=PsfModelSection(fwhm=9.0), stack=StackSection(nsigma=9.0))
    assert digest_of(compiled(assembly())) != digest_of(compiled(wide))  # the file has the recipe
    stacks = [
        next(t for t in compiled(a).units[0].tasks if t.op == "stack").digest for a in (assembly(), wide)
    ]
    assert stacks[0] == stacks[1]
    assert "psf_model" not in recipe(assembly())
    assert "psf_model" in recipe(MATCHED)


def test_another_content_of_one_file_changes_the_product_but_not_its_recipe() -> None:
    rows = list(SURVEY.table)
    changed = [replace(row, digest="0" * 32) if i == 3 else row for i, row in enumerate(rows)]
    selector = Selector(type(SURVEY.table)(changed))
    plan = compile_suite([DIRECT], selector, lambda _: [PATCH], lambda _: (set(), set()), EngineOptions())
    (before,), (after,) = compiled(DIRECT).units[0].targets, plan.units[0].targets
    assert before.product.digest != after.product.digest
    assert before.product.recipe == after.product.recipe


def test_what_the_store_holds_is_not_made_again() -> None:
    first = compiled(DIRECT, MATCHED)
    direct = next(t for t in first.units[0].targets if t.request.assembly is DIRECT)
    plan = compiled(DIRECT, MATCHED, held=[direct.product.digest])
    assert [p.digest for p in plan.current] == [direct.product.digest]
    assert ops(plan)["stack"] == 1
    assert compiled(DIRECT, held=[direct.product.digest]).units == ()


def test_the_target_follows_the_inputs_that_the_predicates_admit() -> None:
    seeing = {row.visit: row.seeing for row in SURVEY.table}
    (request,) = compiled(MATCHED).requests
    assert request.target == pytest.approx(1.1 * max(seeing.values()), abs=0.011)
    both = assembly(warp=MATCHED.warp, early=Section(where="visit < 2"))
    (early,) = compiled(both).requests
    assert early.target == pytest.approx(1.1 * seeing[1], abs=0.011)


def narrow(**options: object) -> Assembly:
    middle = sorted({row.seeing for row in SURVEY.table})[4]
    return assembly(warp=MATCHED.warp, psf_model=PsfModelSection(fwhm=middle, **options))  # type: ignore[arg-type]


def test_an_exposure_wider_than_the_target_is_left_out_by_name() -> None:
    (request,) = compiled(narrow()).requests
    assert 0 < len(request.rows) < 10
    left_out = [note for note in request.notes if note.startswith("left out")]
    assert len(left_out) == 10 - len(request.rows)
    assert "visit 4 detector 1 (v4-1)" in left_out[-1]


def test_or_refused_by_name() -> None:
    with pytest.raises(PlanError, match=r"narrower than the PSF of .*visit 4 detector 1 \(v4-1\)"):
        compiled(narrow(wider_input=WiderInput.refuse))


def test_memory_cuts_the_patch_into_tiles() -> None:
    median = assembly(stack=StackSection(statistic=Statistic.median))
    (roomy,), (tight,) = compiled(median).units, compiled(median, memory=0.02, workers=1).units
    assert roomy.tile_rows == PATCH.box.shape[0]
    assert 64 <= tight.tile_rows < roomy.tile_rows
    assert tight.memory < roomy.memory
    assert tight.memory < 0.04 * 2**30


def test_matched_warps_need_a_halo() -> None:
    (unit,) = compiled(DIRECT, MATCHED).units
    half = next(t.params["half"] for t in unit.tasks if t.op == "match")
    assert halo_of(unit.tasks) == half > 10
    assert halo_of(compiled(DIRECT).units[0].tasks) == 0


def test_two_configs_under_one_data_id_are_refused() -> None:
    other = assembly({"warp": "direct"}, stack=StackSection(statistic=Statistic.median))
    with pytest.raises(PlanError, match="asked for twice"):
        compiled(DIRECT, other)


def test_an_unknown_band_is_refused_with_the_near_one() -> None:
    with pytest.raises(PlanError, match=r"band=R: .*no such band.*there are: r"):
        compiled(replace(DIRECT, bands=("R",)))


def test_no_exposures_make_an_empty_request_that_says_why() -> None:
    plan = compiled(assembly(never=Section(where="mjd < 0")))
    assert plan.units == ()
    (request,) = plan.empty
    assert request.notes[-1] == "0 left by never.where: mjd < 0"


def test_a_pass_that_loses_a_task_is_caught() -> None:
    plan = compiled(DIRECT)
    (unit,) = plan.units
    for wrong, message in (
        (unit.tasks[1:], "comes before"),
        (unit.tasks[:-1], "lost its task"),
        ((*unit.tasks, unit.tasks[0]), "twice"),
    ):
        with pytest.raises(PlanError, match=message):
            verify(replace(plan, units=(replace(unit, tasks=wrong),)))


def test_walking_goes_through_deep_chains_inputs_first() -> None:
    last = task("exposure", content="a")
    for i in range(5000):
        last = task("warp", last, step=i)
    order = list(walk([last, last]))
    assert len(order) == 5001
    assert order[0].op == "exposure"
    assert order[-1] is last


def test_a_plan_explains_itself_the_same_each_time() -> None:
    text = explain(compiled(DIRECT, EARLY, workers=2))
    assert text == explain(compiled(DIRECT, EARLY, workers=2))
    assert "2 products asked: 2 to make on 1 patches" in text
    assert "warp=direct psf_model=x stack=x artifacts=x: 10 exposures of 5 visits" in text
    assert "shared by 2: 4 exposure, 4 warp, 2 visit" in text


def test_the_data_id_names_place_band_and_keys_in_order() -> None:
    request = Request(DIRECT, PATCH, "r", ())
    assert list(request.data_id)[:4] == ["skymap", "tract", "patch", "band"]
    assert request.name == "skymap=sky tract=0 patch=1,2 band=r warp=direct psf_model=x stack=x artifacts=x"


def test_passes_run_in_their_order_and_each_plan_is_shown() -> None:
    seen: list[tuple[str, int, int]] = []

    def watch(name: str, plan: Plan) -> None:
        seen.append((name, len(plan.requests), plan.tasks))

    given = SELECTOR, lambda _: [PATCH], lambda _: (set(), set()), EngineOptions()
    plan = compile_suite([DIRECT, MATCHED], *given, watch)
    assert [name for name, *_ in seen] == [step.name for step in PASSES]
    assert seen[0] == ("select", 2, 0)
    assert seen[-1] == ("order", 2, plan.tasks)


def test_a_unit_that_a_pass_left_alone_is_not_gone_through_again() -> None:
    plan = compiled(DIRECT)
    (unit,) = plan.units
    broken = replace(plan, units=(replace(unit, tasks=unit.tasks[1:]),))
    verify(broken, broken)
    with pytest.raises(PlanError, match="comes before"):
        verify(broken, plan)


def before(name: str, *assemblies: Assembly) -> Plan:
    """Return the plan that a pass takes."""
    names = [step.name for step in PASSES]
    plans: dict[str, Plan] = {}
    given = SELECTOR, lambda _: [PATCH], lambda _: (set(), set()), EngineOptions(workers=1)
    compile_suite(assemblies, *given, plans.__setitem__)
    return plans[names[names.index(name) - 1]]


def test_lowering_gives_each_product_tasks_of_its_own() -> None:
    plan = lower(before("lower", DIRECT, EARLY))
    (unit,) = plan.units
    assert unit.tasks == ()
    assert [len(walk([target.task])) for target in unit.targets] == [28, 13]
    assert plan.asked == 28 + 13


def test_after_deduping_equal_tasks_are_one_object() -> None:
    (unit,) = dedupe(before("dedupe", DIRECT, EARLY)).units
    reached = {id(task) for task in walk([target.task for target in unit.targets])}
    assert reached == {id(task) for task in unit.tasks}
    assert len({task.digest for task in unit.tasks}) == len(unit.tasks) == 31


def test_reusing_keeps_what_the_rest_needs() -> None:
    plan = before("reuse", DIRECT, EARLY)
    (unit,) = plan.units
    early = unit.targets[1].product
    (left,) = reuse(plan, {early.digest}, {unit.targets[0].product.digest}).units
    assert [target.product.name for target in left.targets] == [unit.targets[0].product.name]
    assert len(left.tasks) == 28
    assert reuse(plan, set(), {early.digest}).outdated == {early.name}


def test_tiling_changes_no_task() -> None:
    plan = before("tile", DIRECT, MATCHED)
    (unit,) = tile(plan, EngineOptions(tile=100)).units
    assert unit.tasks is plan.units[0].tasks
    assert (unit.tile_rows, unit.tiles) == (83, 4)
    assert plan.units[0].tiles == 0


def test_ordering_keeps_all_tasks_and_the_order_of_visits() -> None:
    plan = before("order", MATCHED, DIRECT)
    (unit,) = order(plan).units
    assert set(unit.tasks) == set(plan.units[0].tasks)
    places = [t.op in ("stack", "psf", "coadd") for t in unit.tasks]
    assert places == sorted(places)
