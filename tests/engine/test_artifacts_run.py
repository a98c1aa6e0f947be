"""Artifacts found within a plan: what is rejected, what stays, and how it is kept."""

from collections import Counter
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from coaddc.engine.chain import Failure
from coaddc.io.coadds.read import read_coadd
from coaddc.io.coadds.write import write_coadd
from coaddc.model.assembly import (
    ArtifactsSection,
    Matching,
    PsfModelSection,
    Rejection,
    Section,
    WarpSection,
)
from coaddc.model.images import Coadd
from coaddc.model.mask import bit
from coaddc.model.product import Product
from coaddc.ops.artifact_runs import mask_of
from coaddc.plan.phases import awaited
from coaddc.plan.work import work
from tests.assemblies import MemorySurvey, assembly, one_patch, small_survey
from tests.engine.test_run import compiled, only, run

COMPARE = ArtifactsSection(method=Rejection.compare_warp, keep_template=True)


def with_trail(survey: MemorySurvey) -> MemorySurvey:
    """Draw a bright line, 5 pixels wide, across one detector of visit 2."""
    exposures = []
    for exposure in survey.exposures:
        if exposure.row.visit == 2 and exposure.row.detector == "0":
            image = exposure.image.copy()
            yy, xx = np.mgrid[: image.shape[0], : image.shape[1]]
            image[np.abs(yy - 60 - 0.5 * xx) < 2.5] += 60.0
            exposure = replace(exposure, image=image)
        exposures.append(exposure)
    return MemorySurvey(exposures)


@pytest.fixture(scope="module")
def coadds() -> tuple[Coadd, Coadd, Coadd]:
    """Return the coadds of a clean survey, of one with a trail, and of that with artifacts rejected."""
    survey, _ = small_survey(visits=5)
    trailed = with_trail(survey)
    return (
        only(run(survey, assembly())),
        only(run(trailed, assembly())),
        only(run(trailed, assembly(artifacts=COMPARE))),
    )


def test_a_trail_is_gone_from_the_mean(coadds: tuple[Coadd, Coadd, Coadd]) -> None:
    clean, spoilt, mended = (coadd.stacked.image for coadd in coadds)
    sigma = np.sqrt(coadds[0].stacked.variance)
    trail = (spoilt - clean) > 3 * sigma
    assert trail.sum() > 500
    left = (mended - clean)[trail] / sigma[trail]
    assert np.nanmean(left) < 0.2 * np.nanmean(((spoilt - clean) / sigma)[trail])


def test_where_it_was_the_mask_says_clipped_and_the_runs_are_kept(coadds: tuple[Coadd, Coadd, Coadd]) -> None:
    mended = coadds[2]
    clipped = (mended.stacked.mask & bit("CLIPPED")) != 0
    assert 2 in mended.artifacts
    rejected = {visit: int((runs[:, 2] - runs[:, 1]).sum()) for visit, runs in mended.artifacts.items()}
    assert max(rejected, key=rejected.__getitem__) == 2
    box = mended.stacked.box
    for y, x0, x1 in mended.artifacts[2]:
        assert box.y0 <= y < box.y1
        assert box.x0 <= x0 < x1 <= box.x1
    assert clipped.sum() <= sum(rejected.values())
    assert mended.template is not None
    assert mended.template.shape == box.shape


def test_elsewhere_nothing_changes(coadds: tuple[Coadd, Coadd, Coadd]) -> None:
    spoilt, mended = coadds[1], coadds[2]
    same = (mended.stacked.mask & bit("CLIPPED")) == 0
    assert same.mean() > 0.9
    difference = np.abs(mended.stacked.image - spoilt.stacked.image)[same]
    assert np.nanmax(difference) < 1e-3 * np.sqrt(np.nanmedian(spoilt.stacked.variance))


def with_short_trails(survey: MemorySurvey) -> MemorySurvey:
    """Draw a bright line, 5 pixels wide and 40 to 90 long, somewhere on each exposure."""
    rng, exposures = np.random.default_rng(5), []
    for exposure in survey.exposures:
        image, angle = exposure.image.copy(), rng.uniform(0, np.pi)
        y, x = np.mgrid[: image.shape[0], : image.shape[1]] - rng.uniform(80, 210, 2)[:, None, None]
        along, across = x * np.cos(angle) + y * np.sin(angle), x * np.sin(angle) - y * np.cos(angle)
        image[(np.abs(across) < 2.5) & (np.abs(along) < rng.uniform(20, 45))] += 60.0
        exposures.append(replace(exposure, image=image))
    return MemorySurvey(exposures)


def test_what_is_found_does_not_depend_on_the_cut_into_tiles() -> None:
    survey, patch = with_short_trails(small_survey(visits=4)[0]), one_patch(ny=283, nx=302)
    made = assembly(artifacts=COMPARE)
    whole = only(run(survey, made, patch=patch))
    found = {visit: mask_of(runs, patch.box) for visit, runs in whole.artifacts.items()}
    flagged = sum(int(mask.sum()) for mask in found.values())
    assert len(found) == 4
    assert flagged > 10_000
    for tile in (64, 160):
        cut = only(run(survey, made, patch=patch, tile=tile))
        assert cut.artifacts.keys() == found.keys()
        differ = sum(int((mask_of(cut.artifacts[v], patch.box) ^ found[v]).sum()) for v in found)
        assert differ < 1e-4 * flagged  # only what lies at a threshold to rounding
        assert np.mean(whole.stacked.image != cut.stacked.image) < 1e-4


def test_the_template_is_shared_with_the_coadd_that_is_the_same() -> None:
    survey, _ = small_survey(visits=5)
    template = COMPARE.template
    same = assembly(
        {"warp": "matched"}, warp=template.warp, psf_model=template.psf_model, stack=template.stack
    )
    both = compiled(survey, [assembly(artifacts=COMPARE), same])
    stacks = [t for t in both.units[0].tasks if t.op == "stack"]
    assert len(stacks) == 2


def test_the_pixels_and_the_template_have_a_psf_each() -> None:
    survey, _ = small_survey(visits=5)  # seeing of 0.68 to 1.08 arcsec
    sharp = {
        "warp": WarpSection(matching=Matching.psf_model),
        "psf_model": PsfModelSection(quantile=0.5, wing_amplitude=0.01),
    }
    plan = compiled(survey, [assembly(artifacts=COMPARE, **sharp)])
    widths = {t.params["fwhm"] * 0.2 for t in plan.units[0].tasks if t.op == "match"}
    assert sorted(widths) == [pytest.approx(0.97, abs=0.02), pytest.approx(1.19, abs=0.02)]
    both = only(run(with_trail(survey), assembly(artifacts=COMPARE, **sharp)))
    assert np.median(both.psf.fwhm) == pytest.approx(0.97, abs=0.03)
    assert 2 in both.artifacts


@pytest.fixture(scope="module")
def filtered() -> list[Coadd]:
    """Return likelihood coadds of a clean survey, of one with a trail, and with it rejected, in tiles too."""
    survey, _ = small_survey(visits=5)
    trailed, sections = with_trail(survey), {"warp": WarpSection(matching=Matching.likelihood)}
    return [
        only(run(survey, assembly(**sections))),
        only(run(trailed, assembly(**sections))),
        only(run(trailed, assembly(artifacts=COMPARE, **sections))),
        only(run(trailed, assembly(artifacts=COMPARE, **sections), tile=160)),
    ]


def test_a_trail_is_taken_out_before_a_filter_spreads_it(filtered: list[Coadd]) -> None:
    clean, spoilt, mended = (coadd.stacked.image for coadd in filtered[:3])
    sigma = np.sqrt(filtered[0].stacked.variance)
    trail = (spoilt - clean > 3.0 * sigma) & (clean < 10.0 * sigma)  # stars change with their profile
    assert trail.sum() > 3000
    left = np.abs(mended - clean) / sigma
    assert np.nanmean(left[trail]) < 0.4
    assert np.nanmax(left[trail]) < 2.0
    assert filtered[2].artifacts[2].size > 1000


def test_filtering_after_the_search_does_not_depend_on_the_cut(filtered: list[Coadd]) -> None:
    whole, cut = (coadd.stacked for coadd in filtered[2:])
    assert np.nanmax(np.abs(whole.image - cut.image)) < 1e-6 * np.nanmax(np.abs(whole.image))
    np.testing.assert_array_equal(whole.mask, cut.mask)


@pytest.mark.parametrize("tile", [None, 100])
def test_an_exposure_that_cannot_be_read_fails_what_is_searched_with_it_and_nothing_else(
    tile: int | None,
) -> None:
    survey, _ = small_survey(visits=3)
    broken, patch = replace(survey, broken=frozenset({"v1-0"})), one_patch(ny=151, nx=202)
    others = {"others": Section(where="visit <> 1")}
    filtered = {"warp": WarpSection(matching=Matching.likelihood)}
    asked = [
        assembly(artifacts=COMPARE),
        assembly({"warp": "filtered"}, artifacts=COMPARE, **filtered),
        assembly({"others": "yes"}, artifacts=COMPARE, **others),
        assembly({"others": "yes", "warp": "filtered"}, artifacts=COMPARE, **filtered, **others),
    ]
    made = run(broken, *asked, patch=patch, tile=tile)
    assert len(made) == 4
    for name, coadd in made.items():
        if "others=yes" in name:
            assert isinstance(coadd, Coadd)
            assert coadd.artifacts.keys() <= {0, 2}
        else:
            assert isinstance(coadd, Failure)
            assert "v1-0: truncated" in coadd.reason


def test_memory_counts_the_warps_that_wait_for_the_search() -> None:
    survey, _ = small_survey(visits=5)
    sections = {"warp": WarpSection(matching=Matching.likelihood)}
    plain, waiting = (
        compiled(survey, [assembly(artifacts=options, **sections)]).units[0]
        for options in (ArtifactsSection(), COMPARE)
    )
    assert awaited(plain.tasks) == frozenset()
    ops = Counter(t.op for t in waiting.tasks if t.digest in awaited(waiting.tasks))
    assert ops == {"warp": 10}
    assert waiting.memory > plain.memory
    gib = 0.95 * waiting.memory / 2**30
    tight = compiled(survey, [assembly(artifacts=COMPARE, **sections)], memory=gib).units[0]
    assert waiting.tiles == 1 < tight.tiles  # none wait there: they are made again
    assert tight.memory < 0.95 * waiting.memory
    assert work(tight)["warp.omoms3"] > 2 * work(waiting)["warp.omoms3"]


def test_a_file_keeps_and_gives_back_what_was_rejected(
    tmp_path: Path, coadds: tuple[Coadd, Coadd, Coadd]
) -> None:
    mended = coadds[2]
    product = Product(mended.data_id, "d" * 32, "r" * 32, {"artifacts": {"method": "compare_warp"}})
    write_coadd(tmp_path / "coadd.fits", mended, product)
    again = read_coadd(tmp_path / "coadd.fits")
    assert set(again.artifacts) == set(mended.artifacts)
    for visit, runs in mended.artifacts.items():
        np.testing.assert_array_equal(again.artifacts[visit], runs)
    np.testing.assert_array_equal(again.template, mended.template)
