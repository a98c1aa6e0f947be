"""Plans run on exposures in memory: pixels against truth, tilings and threads against each other."""

import io
import threading
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from time import perf_counter

import numpy as np
import pytest
from numba import njit
from rich.console import Console
from scipy.ndimage import map_coordinates

from coaddc.engine.chain import Failure
from coaddc.engine.events import Event, Failed, Figures, StepDone, UnitDone, UnitStarted
from coaddc.engine.keeper import Keeper, Kept
from coaddc.engine.report import Follower
from coaddc.engine.run import run_plan
from coaddc.kernels.compile_time import compile_time
from coaddc.model.assembly import (
    Assembly,
    Matching,
    PsfModelSection,
    Section,
    StackSection,
    Statistic,
    WarpSection,
)
from coaddc.model.images import Coadd, Stacked, Surroundings
from coaddc.model.mask import bit
from coaddc.model.psf import fwhm
from coaddc.model.run_options import EngineOptions
from coaddc.model.skymap import Patch
from coaddc.plan.compile import compile_suite
from coaddc.plan.plan import Plan, Target
from coaddc.plan.select import Selector
from coaddc.plan.work import kind, work
from tests.assemblies import MemorySurvey, assembly, dark, one_patch, small_survey

MATCHED = WarpSection(matching=Matching.psf_model)


def compiled(
    survey: MemorySurvey, assemblies: Sequence[Assembly], patch: Patch | None = None, **engine: object
) -> Plan:
    options = EngineOptions(**engine)  # type: ignore[arg-type]
    patch = patch or one_patch()
    return compile_suite(
        assemblies, Selector(survey.table), lambda _: [patch], lambda _: (set(), set()), options
    )


def run(
    survey: MemorySurvey,
    *assemblies: Assembly,
    workers: int = 2,
    patch: Patch | None = None,
    **engine: object,
) -> dict[str, Coadd | Failure]:
    plan = compiled(survey, assemblies, patch, workers=workers, **engine)
    keeper, failed, steps = Keeper(), dict[str, Failure](), list[int]()

    def report(event: Event) -> None:
        match event:
            case UnitStarted():
                steps.append(event.steps)
            case StepDone():
                steps[-1] -= 1
            case Failed():
                failed[event.target.product.name] = Failure(event.error)

    run_plan(plan, EngineOptions(workers=workers), survey.open, keeper.begin, report)
    assert steps == [0] * len(plan.units)
    made = failed | {target.product.name: coadd for target, coadd in keeper.made}
    return {target.product.name: made[target.product.name] for unit in plan.units for target in unit.targets}


def only(made: dict[str, Coadd | Failure]) -> Coadd:
    (coadd,) = made.values()
    assert isinstance(coadd, Coadd)
    return coadd


def flux_at(coadd: Coadd, ra: float, dec: float, radius: float) -> float:
    x, y = coadd.wcs.to_pixel(ra=ra, dec=dec)
    box = coadd.stacked.box
    yy, xx = np.mgrid[box.y0 : box.y1, box.x0 : box.x1]
    inside = (yy - y) ** 2 + (xx - x) ** 2 < radius**2
    return float(coadd.stacked.image[inside].sum())


def around(coadd: Coadd, *, y: float, x: float) -> np.ndarray:
    """Cut a star out, moved to the middle of a pixel by a cubic spline."""
    box = coadd.stacked.box
    grid = np.arange(-15.0, 16.0)
    at = np.meshgrid(y - box.y0 + grid, x - box.x0 + grid, indexing="ij")
    return map_coordinates(np.nan_to_num(coadd.stacked.image).astype(float), at, order=3)


def test_stars_of_a_direct_mean_have_their_flux_and_the_psf_that_it_says() -> None:
    survey, stars = small_survey(seed=None)
    coadd = only(run(survey, assembly()))
    x, y = coadd.wcs.to_pixel(ra=stars.ra, dec=stars.dec)
    box = coadd.stacked.box
    inside = [i for i in range(x.size) if box.grow(-40).contains(y=y[i], x=x[i])]
    assert len(inside) >= 9
    for i in inside:
        assert flux_at(coadd, stars.ra[i], stars.dec[i], 25.0) == pytest.approx(2e4, rel=5e-3)
        cut = around(coadd, y=y[i], x=x[i])
        assert fwhm(cut) * 0.2 == pytest.approx(float(np.nanmedian(coadd.psf.fwhm)), rel=0.05)


def test_bad_pixels_leave_no_trace() -> None:
    survey, _ = small_survey(seed=None)
    coadd = only(run(survey, assembly()))
    finite = np.isfinite(coadd.stacked.image)
    assert finite.mean() > 0.8
    assert coadd.stacked.image[finite].max() < 2e4
    assert coadd.stacked.image[finite].min() > -20
    assert (coadd.stacked.mask & bit("REJECTED")).any()


def test_matched_stars_have_the_model_psf() -> None:
    survey, stars = small_survey(seed=None)
    model = PsfModelSection(fwhm=1.3)
    coadd = only(run(survey, assembly(warp=MATCHED, psf_model=model)))
    assert float(np.nanmedian(coadd.psf.fwhm)) == pytest.approx(1.3, rel=0.01)
    assert coadd.stacked.n_image.max() == 5
    x, y = coadd.wcs.to_pixel(ra=stars.ra, dec=stars.dec)
    box = coadd.stacked.box
    inside = [i for i in range(x.size) if box.grow(-40).contains(y=y[i], x=x[i])]
    assert len(inside) >= 9
    for i in inside:
        assert fwhm(around(coadd, y=y[i], x=x[i])) * 0.2 == pytest.approx(1.3, rel=0.02)


def test_noise_is_what_the_variance_says_where_and_in_apertures() -> None:
    survey, _ = small_survey(seed=3)
    coadd = only(run(dark(survey, 4), assembly()))
    good = np.isfinite(coadd.stacked.image)
    chi2 = np.mean(coadd.stacked.image[good] ** 2 / coadd.stacked.variance[good])
    assert chi2 == pytest.approx(1.0, abs=0.03)
    assert coadd.correlation.max() == coadd.correlation[6, 6] == pytest.approx(1.0)


@pytest.mark.parametrize("statistic", [Statistic.clipped, Statistic.median])
def test_neither_tiles_nor_threads_change_what_ranks_matched_warps(statistic: Statistic) -> None:
    survey, _ = small_survey()
    made = assembly(warp=MATCHED, stack=StackSection(statistic=statistic))
    whole, cut = only(run(survey, made, workers=1)), only(run(survey, made, workers=2, tile=90))
    scale = np.sqrt(np.nanmedian(whole.stacked.variance))
    assert np.nanmax(np.abs(whole.stacked.image - cut.stacked.image)) < 1e-2 * scale
    np.testing.assert_array_equal(whole.stacked.n_image, cut.stacked.n_image)


def test_products_of_one_pass_equal_those_made_alone() -> None:
    survey, _ = small_survey()
    direct = assembly({"warp": "direct"})
    matched = assembly({"warp": "matched"}, warp=MATCHED)
    early = assembly({"early": "yes"}, early=Section(where="visit < 2"))
    together = run(survey, direct, matched, early)
    assert len(together) == 3
    for single in (direct, matched, early):
        ((name, alone),) = run(survey, single).items()
        both = together[name]
        assert isinstance(both, Coadd)
        assert isinstance(alone, Coadd)
        difference = np.nanmax(np.abs(both.stacked.image - alone.stacked.image))
        assert difference < 1e-3 * np.sqrt(np.nanmedian(alone.stacked.variance))


def test_a_broken_exposure_fails_only_what_needs_it() -> None:
    survey, _ = small_survey()
    broken = replace(survey, broken=frozenset({"v3-1"}))
    early = assembly({"early": "yes"}, early=Section(where="visit < 3"))
    made = run(broken, assembly(), early)
    kinds = {name: type(coadd) for name, coadd in made.items()}
    assert sorted(kind.__name__ for kind in kinds.values()) == ["Coadd", "Failure"]
    failure = next(coadd for coadd in made.values() if isinstance(coadd, Failure))
    assert "visit 3 detector 1 (v3-1): v3-1: truncated" in failure.reason


def test_the_depth_is_where_a_star_has_five_sigma() -> None:
    survey, _ = small_survey(seed=3)
    coadd = only(run(survey, assembly()))
    figures = Figures.of_coadd(coadd)
    assert figures.inputs == 10
    assert figures.fwhm == pytest.approx(float(np.nanmedian(coadd.psf.fwhm)))
    # One exposure of the best visit reaches less deep, by less than the square root of all.
    best = max(row.depth for row in survey.table)
    assert best < figures.depth < best + 2.5 * np.log10(np.sqrt(5.0))


def test_the_time_of_a_unit_is_shared_out_to_its_ops() -> None:
    survey, _ = small_survey(seed=None, visits=2)
    plan = compiled(survey, [assembly(), assembly({"warp": "matched"}, warp=MATCHED)])
    events: list[Event] = []
    start = perf_counter()
    run_plan(plan, EngineOptions(workers=2), survey.open, Keeper().begin, events.append)
    wall = perf_counter() - start
    done = events[-1]
    assert isinstance(done, UnitDone)
    assert done.seconds.keys() == {kind(task) for task in done.unit.tasks}
    assert 0 < sum(done.seconds.values()) <= 2 * wall
    assert done.seconds["warp.omoms3"] > done.seconds["exposure"]


def test_a_unit_begins_while_the_one_before_is_published() -> None:
    survey, _ = small_survey(seed=None, visits=2)
    patches = [replace(one_patch(), x=k, sequence=k) for k in range(2)]
    plan = compile_suite(
        [assembly()], Selector(survey.table), lambda _: patches, lambda _: (set(), set()), EngineOptions()
    )
    told: list[str] = []
    begun = threading.Event()

    class Patient(Kept):
        def publish(self, around: Surroundings) -> Path:
            if "Made" not in told:
                assert begun.wait(60)  # the first product stands only once the second unit has begun
            return super().publish(around)

    def report(event: Event) -> None:
        told.append(type(event).__name__)
        if told.count("UnitStarted") == 2 and told[-1] == "StepDone":
            begun.set()

    run_plan(
        plan, EngineOptions(workers=2), survey.open, lambda target: Patient(target, lambda _: None), report
    )
    assert [told.count(name) for name in ("Made", "UnitDone", "Failed")] == [2, 2, 0]
    second = len(told) - 1 - told[::-1].index("UnitStarted")
    assert told.index("Made") > second


def test_the_time_of_compiling_is_told_once_and_is_none_where_nothing_is_compiled() -> None:
    @njit
    def inner(value: float) -> float:
        return value + 1.0

    @njit
    def outer(value: float) -> float:
        return 2.0 * inner(value)

    begun: list[int] = []
    with compile_time(lambda: begun.append(1)) as spent:
        start = perf_counter()
        assert outer(1.0) == 4.0
        wall = perf_counter() - start
        once = spent()
        assert outer(2.0) == 6.0
    assert begun == [1]
    assert 0 < once == spent() <= wall
    with compile_time(lambda: begun.append(2)) as spent:
        assert outer(3.0) == 8.0
    assert (begun, spent()) == ([1], 0.0)


class Refusing(Kept):
    """A place for products that takes no more pixels after the first rows."""

    left = 0

    def __init__(self, target: Target) -> None:
        super().__init__(target, lambda _: None)
        Refusing.left += 1

    def put(self, part: Stacked) -> None:
        if part.box.y0 > self._planes.box.y0:
            raise OSError(28, "No space left on device")

    def discard(self) -> None:
        Refusing.left -= 1


def test_a_product_that_cannot_be_written_fails_alone_and_leaves_nothing() -> None:
    survey, _ = small_survey(seed=None, visits=2)
    plan = compiled(survey, [assembly(), assembly({"warp": "matched"}, warp=MATCHED)], tile=64)
    keeper, told = Keeper(), list[Event]()

    def begin(target: Target) -> Kept:
        matched = target.request.assembly.keys["warp"] == "matched"
        return Refusing(target) if matched else keeper.begin(target)

    run_plan(plan, EngineOptions(workers=2), survey.open, begin, told.append)
    (failed,) = (event for event in told if isinstance(event, Failed))
    assert "No space left on device" in failed.error
    assert [target.product.name for target, _ in keeper.made] != [failed.target.product.name]
    assert len(keeper.made) == 1
    assert Refusing.left == 0


def followed(*events: Event) -> Follower:
    follower = Follower(Console(file=io.StringIO()), 3, show=False)
    for event in events:
        follower(event)
    return follower


def test_what_a_run_measured_leaves_out_the_first_unit_and_what_failed() -> None:
    survey, _ = small_survey(seed=None, visits=2)
    (unit,) = compiled(survey, [assembly()]).units
    done = [UnitDone(unit, {"warp.omoms3": seconds}) for seconds in (9.0, 1.0, 2.0)]
    pixels = work(unit)["warp.omoms3"]
    assert followed(done[0]).measured["warp.omoms3"] == (pixels, 9.0)
    assert followed(*done).measured["warp.omoms3"] == (2 * pixels, 3.0)
    assert followed(*done, Failed(unit.targets[0], "truncated")).measured == {}
