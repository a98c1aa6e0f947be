"""Sub-bands in the plan: one solution for all, what is refused, and that nothing else changes."""

from collections import Counter
from collections.abc import Sequence
from dataclasses import replace

import numpy as np
import pytest

from coaddc.model.assembly import (
    ArtifactsSection,
    Assembly,
    Matching,
    Rejection,
    StackSection,
    Statistic,
    WarpSection,
    WavelengthSection,
    Weighting,
)
from coaddc.model.errors import ConfigError, PlanError
from coaddc.model.exposures import ExposureTable
from coaddc.model.run_options import EngineOptions
from coaddc.plan.compile import compile_suite
from coaddc.plan.plan import Plan
from coaddc.plan.recipe import recipe
from coaddc.plan.select import Selector
from tests.assemblies import assembly, one_patch, small_survey

MATCHED = WarpSection(matching=Matching.psf_model)


def table() -> ExposureTable:
    rows = small_survey(seed=None, visits=4)[0].table
    return ExposureTable(
        replace(row, airmass=1.0 + 0.2 * row.visit, parallactic_angle=40.0 * row.visit) for row in rows
    )


def subband(number: int, **sections: object) -> Assembly:
    section = WavelengthSection(subband=number)
    stages = {"warp": MATCHED, **sections}
    made = assembly({"wavelength": f"b{number}"}, wavelength=section, **stages)  # type: ignore[arg-type]
    return replace(made, wavelength=section)


def plan(rows: ExposureTable, assemblies: Sequence[Assembly]) -> Plan:
    patch = one_patch()
    held = lambda _: (set(), set())  # noqa: E731
    return compile_suite(assemblies, Selector(rows), lambda _: [patch], held, EngineOptions())


def test_all_sub_bands_of_a_sweep_share_one_solution_and_its_mean() -> None:
    mean = assembly({"warp": "matched"}, warp=MATCHED)
    made = plan(table(), [subband(0), subband(1), subband(2), mean])
    counts = Counter(task.op for task in made.units[0].tasks)
    assert (counts["dcr"], counts["subband"], counts["stack"], counts["coadd"]) == (1, 3, 1, 4)


def test_artifacts_are_kept_out_of_the_model_as_of_the_mean() -> None:
    found = ArtifactsSection(method=Rejection.compare_warp)
    made = plan(table(), [subband(1, artifacts=found)])
    solution = next(task for task in made.units[0].tasks if task.op == "dcr")
    assert [task.op for task in solution.inputs].count("artifacts") == 1


@pytest.mark.parametrize(
    ("sections", "reason"),
    [
        ({"warp": WarpSection()}, "wavelength=b0 with warp.matching=none"),
        ({"warp": WarpSection(matching=Matching.likelihood)}, "warp.matching=likelihood"),
        ({"stack": StackSection(statistic=Statistic.median)}, "stack.statistic=median"),
        ({"stack": StackSection(statistic=Statistic.clipped)}, "stack.statistic=clipped"),
    ],
)
def test_what_has_no_model_is_refused(sections: dict[str, object], reason: str) -> None:
    with pytest.raises(PlanError, match=reason):
        plan(table(), [subband(0, **sections)])


def test_a_band_of_unknown_wavelengths_is_refused() -> None:
    rows = ExposureTable(replace(row, band="VR") for row in table())
    with pytest.raises(PlanError, match=r"survey.passbands has no wavelengths of band VR.*there are"):
        plan(rows, [subband(0)])


def test_an_exposure_of_unknown_zenith_is_left_out_by_name() -> None:
    rows = ExposureTable(replace(r, airmass=np.nan) if r.visit == 2 else r for r in table())
    (request,) = plan(rows, [subband(0)]).requests
    assert {row.visit for row in request.rows} == {0, 1, 3}
    assert any("left out visit 2 detector 0" in note and "airmass" in note for note in request.notes)


def test_what_tells_visits_apart_is_part_of_the_solution() -> None:
    def solution(rows: ExposureTable, made: Assembly) -> str:
        return next(t.digest for t in plan(rows, [made]).units[0].tasks if t.op == "dcr")

    first = solution(table(), subband(0))
    assert solution(table(), subband(2)) == first
    turned = ExposureTable(replace(row, parallactic_angle=-row.parallactic_angle) for row in table())
    assert solution(turned, subband(0)) != first
    uniform = StackSection(weighting=Weighting.uniform)
    assert solution(table(), subband(0, stack=uniform)) != first


def test_without_the_key_no_recipe_knows_of_air_or_passbands() -> None:
    assert not {"air", "passbands"} & recipe(assembly())["survey"].keys()
    assert {"air", "passbands"} <= recipe(subband(0))["survey"].keys()


def test_a_sub_band_that_is_none_is_refused() -> None:
    with pytest.raises(ConfigError, match=r"wavelength\.subband=3 of wavelength\.subbands=3"):
        WavelengthSection(subband=3)
