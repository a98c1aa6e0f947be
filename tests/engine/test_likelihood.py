"""Likelihood coadds from exposures to product: significance, flux, PSF, noise, and what is refused."""

from dataclasses import replace

import numpy as np
import pytest
from scipy.ndimage import map_coordinates

from coaddc.engine.events import Figures
from coaddc.model.assembly import Matching, PsfModelSection, StackSection, Statistic, WarpSection, Weighting
from coaddc.model.errors import PlanError
from coaddc.model.images import Coadd
from coaddc.plan.task import walk
from tests.assemblies import assembly, dark, small_survey
from tests.engine.measured import inside, significance
from tests.engine.test_run import compiled, only, run

LIKELIHOOD = WarpSection(matching=Matching.likelihood)


def test_significance_on_an_empty_sky_is_a_unit_normal() -> None:
    survey, _ = small_survey(seed=3)
    found = np.concatenate(
        [significance(only(run(dark(survey, s), assembly(warp=LIKELIHOOD)))) for s in (1, 2)]
    )
    assert found.std() == pytest.approx(1.0, abs=0.025)  # some 4,000 independent values: 1.1 % of error
    assert abs(found.mean()) < 0.06
    assert np.mean(np.abs(found) > 2.0) == pytest.approx(0.0455, rel=0.15)


@pytest.mark.parametrize("statistic", [Statistic.mean, Statistic.median])
def test_stars_are_their_flux_at_their_place_whatever_the_statistic(statistic: Statistic) -> None:
    survey, stars = small_survey(seed=None)
    made = assembly(warp=LIKELIHOOD, stack=StackSection(statistic=statistic))
    coadd = only(run(survey, made))
    image = np.nan_to_num(coadd.stacked.image).astype(float)
    places = inside(coadd, stars)
    assert len(places) >= 9
    for y, x in places:
        assert map_coordinates(image, [[y], [x]], order=5)[0] == pytest.approx(2e4, rel=5e-3)


def test_the_psf_scaled_to_its_middle_is_what_a_star_looks_like() -> None:
    survey, stars = small_survey(seed=None)
    coadd = only(run(survey, assembly(warp=LIKELIHOOD)))
    stamp = coadd.psf.stamps[0, 0].astype(float)
    assert stamp.sum() == pytest.approx(1.0, abs=1e-5)
    half, image = stamp.shape[0] // 2, np.nan_to_num(coadd.stacked.image).astype(float)
    grid = np.arange(-8.0, 9.0)
    middle = stamp[half - 8 : half + 9, half - 8 : half + 9] / stamp[half, half]
    for y, x in inside(coadd, stars):
        seen = map_coordinates(image, np.meshgrid(y + grid, x + grid, indexing="ij"), order=5) / 2e4
        assert np.abs(seen - middle).max() < 0.03  # not every exposure sees every star


def test_noise_is_correlated_as_stated() -> None:
    survey, _ = small_survey(seed=3)
    coadd = only(run(dark(survey, 5), assembly(warp=LIKELIHOOD)))
    middle = coadd.correlation.shape[0] // 2
    sigmas = np.nan_to_num(coadd.stacked.image / np.sqrt(coadd.stacked.variance))
    part = sigmas[60:-60, 60:-60]
    for dy, dx in ((0, 1), (1, 0), (2, 0), (0, 4)):
        shifted = np.roll(sigmas, (dy, dx), (0, 1))[60:-60, 60:-60]
        found = float((part * shifted).mean() / (part**2).mean())
        assert found == pytest.approx(coadd.correlation[middle + dy, middle + dx], abs=0.05)


def test_direct_and_likelihood_share_their_warps_and_the_target_psf_is_idle() -> None:
    survey, _ = small_survey()
    other = assembly({"warp": "l"}, warp=LIKELIHOOD, psf_model=PsfModelSection(fwhm=2.0))
    plans = [compiled(survey, [assembly(), a]) for a in (assembly({"warp": "l"}, warp=LIKELIHOOD), other)]
    for plan in plans:
        ops = [t.op for t in plan.units[0].tasks]
        assert ops.count("warp") == ops.count("filter") == len(survey.exposures)
    ends = [next(t for t in walk([p.units[0].targets[-1].task]) if t.op == "stack") for p in plans]
    assert ends[0].digest == ends[1].digest


def test_uniform_weights_are_refused_and_a_median_takes_no_weights() -> None:
    survey, _ = small_survey()
    uniform = StackSection(weighting=Weighting.uniform)
    with pytest.raises(PlanError, match="its weights are its definition"):
        compiled(survey, [assembly(warp=LIKELIHOOD, stack=uniform)])
    assert compiled(
        survey, [assembly(warp=LIKELIHOOD, stack=replace(uniform, statistic=Statistic.median))]
    ).units


def test_the_summary_says_the_depth_of_fluxes_from_their_variance() -> None:
    survey, _ = small_survey()
    made = run(survey, assembly(), assembly({"warp": "l"}, warp=LIKELIHOOD))
    filtered = next(coadd for name, coadd in made.items() if "warp=l" in name)
    direct = next(coadd for name, coadd in made.items() if "warp=x" in name)
    assert isinstance(filtered, Coadd)
    assert isinstance(direct, Coadd)
    depth = Figures.of_coadd(filtered, filtered=True).depth
    assert depth == pytest.approx(
        Figures.of_coadd(direct).depth, abs=0.1
    )  # as deep as a fit of the direct PSF
