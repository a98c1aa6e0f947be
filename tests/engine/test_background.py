"""Backgrounds matched within a plan: skies added to simulated visits, taken off again, whatever the cut."""

from collections.abc import Sequence
from dataclasses import replace

import numpy as np
import pytest

from coaddc.engine.chain import Failure
from coaddc.model.assembly import (
    ArtifactsSection,
    Assembly,
    BackgroundSection,
    Matching,
    Rejection,
    SkyMatching,
    SkyUnit,
    StackSection,
    Statistic,
    WarpSection,
)
from coaddc.model.images import Coadd
from coaddc.model.survey import SkyKind, SkySource, Survey
from coaddc.plan.memory import BIN
from coaddc.plan.recipe import recipe
from coaddc.plan.task import walk
from tests.assemblies import MemorySurvey, assembly, one_patch, small_survey
from tests.engine.test_artifacts_run import with_trail
from tests.engine.test_run import compiled, flux_at, only, run

MATCH, NONE = BackgroundSection(), BackgroundSection(method=SkyMatching.none)
#: What the skies of visits are off by, nJy in a pixel of the patch; their weighted mean is nearly 0.
SKIES = ((-25.6, 0.0), (40.0, 0.0), (-45.0, 0.0), (-10.0, 0.0), (80.0, 0.0))
#: With slopes, nJy in a pixel on 36 arcsec.
PLANES = ((-25.6, 3.0), (40.0, 9.0), (-45.0, -8.0), (-10.0, 0.0), (80.0, -6.0))


def matched(background: BackgroundSection | None = MATCH, **sections: object) -> Assembly:
    """Return an assembly that matches backgrounds, its key unset where there is no section."""
    if background is None:
        return assembly(**sections)  # type: ignore[arg-type]
    made = assembly(background=background, **sections)  # type: ignore[arg-type]
    return replace(made, background=background)


def with_skies(
    survey: MemorySurvey, skies: Sequence[Sequence[float]], *, shared: float = 0.0
) -> MemorySurvey:
    """Return the survey with a sky of its own left in each visit, one plane over both of its detectors."""
    made = []
    for exposure in survey.exposures:
        level, slope = skies[exposure.row.visit]
        ny, nx = exposure.image.shape
        y, x = np.mgrid[:ny, :nx]
        ra, dec = (v.reshape(ny, nx) for v in exposure.wcs.to_sky(x=x.ravel(), y=y.ravel()))
        sides = np.array([[axis * 3600 / 0.2 for axis in np.gradient(v)] for v in (ra, dec)])
        area = np.abs(np.linalg.det(np.moveaxis(sides, (0, 1), (2, 3)))) * np.cos(np.radians(-24.6))
        image = exposure.image + area * (shared + level + slope * (ra - 62.4) / 0.01)
        made.append(replace(exposure, image=image.astype(np.float32)))
    return replace(survey, exposures=made)


def regions(coadd: Coadd) -> np.ndarray:
    """Return the median pixel of each region of one number of visits: stars cover a small part of it."""
    image, count = coadd.stacked.image, coadd.stacked.n_image
    return np.array([np.median(image[count == n]) for n in range(1, 6) if (count == n).sum() > 800])


@pytest.mark.parametrize("statistic", [Statistic.mean, Statistic.median])
def test_skies_that_differ_leave_no_step_where_exposures_end(statistic: Statistic) -> None:
    survey = with_skies(small_survey()[0], SKIES)
    stack = StackSection(statistic=statistic)
    before, after = (regions(only(run(survey, matched(b, stack=stack)))) for b in (NONE, MATCH))
    assert len(before) >= 3
    assert np.ptp(before) > 20.0
    assert np.ptp(after) < 0.3  # noise 2 to 3.6 a pixel


def test_what_was_taken_off_each_exposure_is_told() -> None:
    survey = small_survey()[0]
    flat, uneven = (only(run(found, matched())) for found in (survey, with_skies(survey, SKIES)))
    more = [np.subtract(b.background, a.background) for a, b in zip(flat.inputs, uneven.inputs, strict=True)]
    levels = np.array([SKIES[item.row.visit][0] for item in uneven.inputs])
    assert more - np.mean(more) == pytest.approx(levels - levels.mean(), abs=0.3)
    assert {item.background for item in only(run(survey, matched(NONE))).inputs} == {0.0}


def test_stars_keep_their_flux() -> None:
    quiet, stars = small_survey(seed=None)
    flat = only(run(quiet, matched(NONE)))
    uneven = only(run(with_skies(quiet, SKIES, shared=12.0), matched()))
    sky = np.nanmedian(uneven.stacked.image - flat.stacked.image)
    assert sky == pytest.approx(12.0, abs=0.3)  # what the weighted mean of SKIES leaves
    dark = replace(uneven, stacked=replace(uneven.stacked, image=uneven.stacked.image - sky))
    x, y = flat.wcs.to_pixel(ra=stars.ra, dec=stars.dec)
    inner = flat.stacked.box.grow(-25)
    whole = [at for at in range(len(x)) if inner.contains(y=float(y[at]), x=float(x[at]))]
    assert len(whole) >= 9
    for star in whole:
        one, other = (flux_at(c, stars.ra[star], stars.dec[star], 20.0) for c in (flat, dark))
        assert other == pytest.approx(one, abs=5.0)  # of 2e4


def test_a_sky_that_all_share_stays() -> None:
    lifted = with_skies(small_survey(seed=None)[0], [(0.0, 0.0)] * 5, shared=300.0)
    one, other = (only(run(lifted, matched(b))).stacked.image for b in (NONE, MATCH))
    seen = np.isfinite(one)
    assert np.median(other[seen]) == pytest.approx(300.0, abs=0.1)
    assert np.abs(one - other)[seen].max() < 0.01


def test_planes_come_off_where_the_order_says_so() -> None:
    survey = with_skies(small_survey()[0], PLANES)
    constant, plane = (only(run(survey, matched(replace(MATCH, order=n)))) for n in (0, 1))
    assert np.ptp(tiles(plane)) < 0.8 < 2.0 < np.ptp(tiles(constant))


def tiles(coadd: Coadd) -> np.ndarray:
    """Return the median pixel of pieces of the patch, less the slope that all visits share."""
    image, side = coadd.stacked.image, 55
    ny, nx = (n // side for n in image.shape)
    pieces = image[: ny * side, : nx * side].reshape(ny, side, nx, side).swapaxes(1, 2).reshape(ny, nx, -1)
    level = np.nanmedian(pieces, axis=2)
    y, x = np.indices(level.shape)
    plane = np.stack([np.ones(level.size), y.ravel(), x.ravel()], axis=1)
    return level.ravel() - plane @ np.linalg.lstsq(plane, level.ravel(), rcond=None)[0]


def test_results_do_not_depend_on_tiles_or_threads() -> None:
    survey = with_skies(small_survey()[0], SKIES)
    whole, cut, alone = (
        only(run(survey, matched(), workers=w, tile=t)).stacked.image
        for w, t in ((2, 1000), (2, 71), (1, 71))
    )
    assert (np.nan_to_num(cut) == np.nan_to_num(alone)).all()
    assert np.nan_to_num(whole) == pytest.approx(np.nan_to_num(cut), abs=1e-3)


def test_matched_warps_are_levelled() -> None:
    survey = with_skies(small_survey()[0], SKIES)
    matching = WarpSection(matching=Matching.psf_model)
    before, after = (regions(only(run(survey, matched(b, warp=matching)))) for b in (NONE, MATCH))
    assert np.ptp(before) > 15.0
    assert np.ptp(after) < 0.5


def test_warps_are_levelled_before_they_are_filtered() -> None:
    survey, _ = small_survey()
    likelihood = WarpSection(matching=Matching.likelihood)
    flat = regions(only(run(survey, matched(NONE, warp=likelihood))))
    before, after = (
        regions(only(run(with_skies(survey, SKIES), matched(b, warp=likelihood)))) for b in (NONE, MATCH)
    )
    assert np.abs(before - flat).max() > 500.0
    assert np.abs(after - flat).max() < 1.0


@pytest.mark.parametrize(
    "skies", [SKIES, [*[(0.0, 0.0)] * 4, (80.0, 0.0)]], ids=["all differ", "one differs"]
)
def test_where_skies_differ_artifacts_are_only_found_once_they_are_matched(
    skies: Sequence[Sequence[float]],
) -> None:
    survey = with_skies(with_trail(small_survey()[0]), skies)
    none, match = (
        only(run(survey, matched(b, artifacts=ArtifactsSection(method=Rejection.compare_warp)))).artifacts
        for b in (NONE, MATCH)
    )
    trail, others = (sum(pixels(r) for v, r in match.items() if (v == 2) is own) for own in (True, False))
    assert trail > 5000
    assert others == 0
    blind = pixels(none.get(2, np.zeros((0, 3)))) == 0
    assert blind or sum(pixels(r) for v, r in none.items() if v != 2) > 10_000


def pixels(runs: np.ndarray) -> int:
    return int((runs[:, 2] - runs[:, 1]).sum())


def test_the_plan_names_what_compares_skies_and_what_takes_them_off() -> None:
    survey, _ = small_survey()
    plan = compiled(survey, [matched()])
    (unit,) = plan.units
    ops = [task.op for task in unit.tasks]
    assert ops[:11] == ["exposure"] * 10 + ["background"]
    assert ops.count("level") == 10
    direct = matched(warp=WarpSection())
    both = compiled(survey, [replace(direct, keys={**direct.keys, "stack": "y"}), matched()])
    assert [t.op for u in both.units for t in u.tasks].count("background") == 1


def test_the_survey_decides_where_the_key_is_not_set() -> None:
    left_in = Survey(name="memory", sky=SkySource(kind=SkyKind.mesh))
    unset = replace(matched(None), survey=left_in)
    assert matched(None).sky_matching is None
    assert unset.sky_matching == MATCH
    assert replace(matched(NONE), survey=left_in).sky_matching is None
    assert recipe(matched(None)) == recipe(matched(NONE))
    assert recipe(unset)["background"] == recipe(matched())["background"]
    survey, _ = small_survey()
    digests = [t.digest for a in (matched(None), matched(NONE)) for t in walk([_stack(survey, a)])]
    assert len(set(digests)) == len(digests) / 2


def _stack(survey: MemorySurvey, made: Assembly) -> object:
    (unit,) = compiled(survey, [made]).units
    return unit.targets[0].task.inputs[0]


def test_one_visit_has_nothing_to_be_compared_with() -> None:
    survey, _ = small_survey(visits=1)
    (unit,) = compiled(survey, [matched()]).units
    assert "background" not in [task.op for task in unit.tasks]
    (unit,) = compiled(survey, [matched(BackgroundSection(of=SkyUnit.exposure))]).units
    assert "background" in [task.op for task in unit.tasks]


def test_an_exposure_that_cannot_be_read_fails_the_coadd_by_its_name() -> None:
    survey, _ = small_survey(visits=3)
    survey = replace(survey, broken=frozenset({"v1-0"}))
    (failure,) = run(survey, matched()).values()
    assert isinstance(failure, Failure)
    assert "v1-0" in failure.reason


def test_memory_counts_the_bins() -> None:
    survey, _ = small_survey()
    with_bins, without = (compiled(survey, [matched(b)]).units[0].memory for b in (MATCH, NONE))
    assert with_bins - without == BIN * len(survey.exposures) * one_patch().box.area // MATCH.bin**2
