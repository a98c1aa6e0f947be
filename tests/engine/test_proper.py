"""Proper coadds from exposures to product: white noise, the likelihood's significance, fluxes, PSF."""

from dataclasses import replace

import numpy as np
import pytest
from scipy.ndimage import map_coordinates
from scipy.signal import fftconvolve

from coaddc.model.assembly import Matching, PsfModelSection, StackSection, Statistic, WarpSection, Weighting
from coaddc.model.errors import PlanError
from coaddc.model.images import Coadd
from coaddc.model.psf import Moffat
from coaddc.plan.task import walk
from coaddc.sim.field import Stars, distorted_wcs, star_field
from tests.assemblies import MemorySurvey, assembly, dark, one_patch, small_survey
from tests.engine.measured import inside, significance
from tests.engine.test_run import compiled, only, run

PROPER = WarpSection(matching=Matching.proper)
REACH, SHAPE, PATCH = 10, (440, 480), one_patch(271, 302)


def whole_survey(seed: int | None, *, empty: bool = False) -> tuple[MemorySurvey, Stars]:
    """Expose six visits of mixed seeing, distorted and turned, each of which covers the whole patch."""
    box = PATCH.box.grow(-30)
    y, x = np.meshgrid(np.linspace(box.y0, box.y1, 4) + 0.3, np.linspace(box.x0, box.x1, 4) - 0.4)
    ra, dec = PATCH.wcs.to_sky(x=x.ravel(), y=y.ravel())
    stars = Stars(ra, dec, np.full(ra.shape, 0.0 if empty else 2e4))
    exposures = []
    for visit, (width, noise) in enumerate(((3.1, 3), (7, 2), (4, 4), (6, 3), (3.6, 3), (5, 2))):
        place = {"ra": 62.4 + 4.1e-4 * (visit + 0.37), "dec": -24.6 - 2.3e-4 * (visit + 0.37)}
        angle = (0.0, 90.0, 37.0, 180.0, -12.0, 66.0)[visit]
        wcs = distorted_wcs(SHAPE, **place, rotation=angle, distortion=0.004)
        own = None if seed is None else seed + visit
        made = star_field(stars, wcs, SHAPE, Moffat(width), float(noise), own)
        exposures.append(made.with_row(visit=visit, file=f"v{visit}"))
    return MemorySurvey(exposures), stars


def coadds(survey: MemorySurvey, *matchings: Matching) -> list[Coadd]:
    assemblies = [assembly({"warp": m.value}, warp=WarpSection(matching=m)) for m in matchings]
    made = run(survey, *assemblies, patch=PATCH)
    found = [next(c for name, c in made.items() if f"warp={m.value}" in name) for m in matchings]
    assert all(isinstance(c, Coadd) for c in found)
    return found  # type: ignore[return-value]


@pytest.fixture(scope="module")
def clean() -> tuple[list[Coadd], Stars]:
    survey, stars = whole_survey(None)
    return coadds(survey, Matching.proper, Matching.likelihood, Matching.none), stars


@pytest.fixture(scope="module")
def empty() -> list[Coadd]:
    return coadds(whole_survey(11, empty=True)[0], Matching.proper, Matching.none)


def sigmas(coadd: Coadd) -> np.ndarray:
    values: np.ndarray = coadd.stacked.image / np.sqrt(coadd.stacked.variance)
    return values


def test_the_noise_of_a_pixel_is_as_stated_and_that_of_neighbours_is_not_correlated(
    empty: list[Coadd],
) -> None:
    values, stated = sigmas(empty[0]).astype(float), empty[0].correlation
    assert (values**2).mean() == pytest.approx(1.0, abs=0.02)
    middle = stated.shape[0] // 2
    for dy, dx in ((0, 1), (1, 0), (1, 1), (2, 0), (0, 2), (0, 4)):
        found = (values * np.roll(values, (dy, dx), (0, 1))).mean() / (values**2).mean()
        assert abs(found) < 0.03, (dy, dx)
        assert abs(stated[middle + dy, middle + dx]) < 0.02


def test_its_power_is_flat_where_that_of_a_direct_mean_falls(empty: list[Coadd]) -> None:
    frequency = np.hypot(*np.meshgrid(*map(np.fft.fftfreq, PATCH.box.shape), indexing="ij"))
    bands = [(frequency >= low) & (frequency < low + 0.1) for low in (0.05, 0.15, 0.25, 0.35, 0.45)]
    spectra = [np.abs(np.fft.fft2(sigmas(coadd))) ** 2 / frequency.size for coadd in empty]
    proper, direct = (np.array([spectrum[band].mean() for band in bands]) for spectrum in spectra)
    assert np.abs(proper - 1.0).max() < 0.06
    assert direct[-1] < 0.85 * direct[0]


def test_its_own_matched_filter_gives_the_significance_of_the_likelihood(
    clean: tuple[list[Coadd], Stars],
) -> None:
    (proper, likelihood, _), stars = clean
    psf = proper.psf.stamps[0, 0].astype(float)
    own = fftconvolve(sigmas(proper), psf[::-1, ::-1], "same") / np.sqrt((psf**2).sum())
    for y, x in inside(proper, stars):
        both = [map_coordinates(plane, [[y], [x]], order=5)[0] for plane in (own, sigmas(likelihood))]
        assert both[0] == pytest.approx(both[1], rel=0.01)


def test_stars_have_their_flux_and_the_stated_profile(clean: tuple[list[Coadd], Stars]) -> None:
    (coadd, *_), stars = clean
    psf = coadd.psf.stamps[0, 0].astype(float)
    assert psf.sum() == pytest.approx(1.0, abs=1e-5)
    half, image = psf.shape[0] // 2, coadd.stacked.image.astype(float)
    grid = np.arange(-REACH, REACH + 1.0)
    model = psf[half - REACH : half + REACH + 1, half - REACH : half + REACH + 1]
    places = [(y, x) for y, x in inside(coadd, stars)]
    assert len(places) >= 4
    for y, x in places:
        seen = map_coordinates(image, np.meshgrid(y + grid, x + grid, indexing="ij"), order=5)
        assert (seen * model).sum() / (model**2).sum() == pytest.approx(2e4, rel=3e-3)
        assert np.abs(seen / 2e4 - model).max() < 0.01 * model.max()


def test_its_stars_are_sharper_than_those_of_the_mean(clean: tuple[list[Coadd], Stars]) -> None:
    (proper, _, direct), _ = clean
    assert proper.psf.fwhm[0, 0] < 0.93 * direct.psf.fwhm[0, 0]


def test_where_detectors_end_within_the_patch_the_noise_is_still_nearly_as_stated() -> None:
    survey, _ = small_survey(seed=3)
    coadd = only(run(dark(survey, 5), assembly(warp=PROPER)))
    assert significance(coadd).std() == pytest.approx(1.0, abs=0.04)


def test_it_shares_its_warps_with_others_and_depends_on_all_of_its_exposures() -> None:
    survey, _ = small_survey()
    less = MemorySurvey([e for e in survey.exposures if e.row.visit])
    many, few = (
        compiled(s, [assembly(), assembly({"warp": "p"}, warp=PROPER)]).units[0].tasks for s in (survey, less)
    )
    ops = [t.op for t in many]
    assert ops.count("warp") == ops.count("proper") == len(survey.exposures)
    common = {t.digest for t in many} & {t.digest for t in few}
    assert {t.op for t in many if t.digest in common} == {"exposure", "warp", "visit"}  # direct ones


def test_what_is_no_mean_by_inverse_variance_is_refused_and_the_target_psf_is_idle() -> None:
    survey, _ = small_survey()
    for stack in (
        StackSection(statistic=Statistic.median),
        StackSection(statistic=Statistic.clipped),
        StackSection(weighting=Weighting.uniform),
    ):
        with pytest.raises(PlanError, match=r"matching=proper with .* take stack.statistic=mean"):
            compiled(survey, [assembly(warp=PROPER, stack=stack)])
    plans = [compiled(survey, [assembly(warp=PROPER, psf_model=PsfModelSection(fwhm=w))]) for w in (1.5, 2.0)]
    ends = [next(t for t in walk([p.units[0].targets[0].task]) if t.op == "stack") for p in plans]
    assert ends[0].digest == ends[1].digest


def test_a_broken_exposure_fails_it_by_name_and_leaves_others() -> None:
    survey, _ = small_survey()
    broken = replace(survey, broken=frozenset({"v1-0"}))
    made = run(broken, assembly(warp=PROPER))
    assert [c.reason for c in made.values() if not isinstance(c, Coadd)]
