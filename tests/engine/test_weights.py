"""Weights of exposures: what a point source gains where seeing is mixed, and that they are part of a task."""

import math
from dataclasses import replace

import numpy as np
import pytest

from coaddc.model.assembly import Matching, PsfModelSection, StackSection, Statistic, WarpSection, Weighting
from coaddc.model.errors import PlanError
from coaddc.model.images import Coadd
from coaddc.model.psf import Moffat
from coaddc.plan.task import walk
from coaddc.plan.weights import inverse_variance, weight
from coaddc.sim.field import Stars, distorted_wcs, star_field
from tests.assemblies import MemorySurvey, assembly
from tests.engine.test_run import compiled, only, run

FLUX = 3e3
#: FWHM, pixels of 0.2 arcsec, and noise, nJy, of each visit.
VISITS = ((3.0, 4.0), (7.0, 3.0), (4.0, 5.0), (8.0, 4.0))


def mixed_seeing(*, seed: int | None) -> MemorySurvey:
    """Expose one star in visits of which half are blurred, and those not the noisier ones."""
    stars = Stars(np.array([62.4011]), np.array([-24.5996]), np.array([FLUX]))
    exposures = []
    for visit, (fwhm, noise) in enumerate(VISITS):
        wcs = distorted_wcs((240, 290), ra=62.4, dec=-24.6, rotation=(0.0, 30.0, 75.0, 190.0)[visit])
        of_noise = None if seed is None else seed + visit
        made = star_field(stars, wcs, (240, 290), Moffat(fwhm), noise, of_noise)
        exposures.append(made.with_row(visit=visit, detector="0", band="r", file=f"v{visit}"))
    return MemorySurvey(exposures)


def weighted(weighting: Weighting, **fields: object) -> StackSection:
    return StackSection(weighting=weighting, **fields)  # type: ignore[arg-type]


def around_star(coadd: Coadd) -> tuple[np.ndarray, np.ndarray]:
    """Return image and variance around the star."""
    x, y = coadd.wcs.to_pixel(ra=62.4011, dec=-24.5996)
    row, column = round(float(y)) - coadd.stacked.box.y0, round(float(x)) - coadd.stacked.box.x0
    part = np.s_[row - 25 : row + 26, column - 25 : column + 26]
    return coadd.stacked.image[part].astype(float), coadd.stacked.variance[part].astype(float)


def significance(weighting: Weighting, *visits: int) -> float:
    """Return the signal to noise of the star by its own profile, from images without noise."""
    survey = mixed_seeing(seed=None)
    survey = replace(survey, exposures=[survey.exposures[visit] for visit in visits])
    image, variance = around_star(only(run(survey, assembly(stack=weighted(weighting)))))
    return math.sqrt(float(np.sum(image**2 / variance)))


def test_weights_with_seeing_make_a_point_source_more_significant_where_seeing_is_mixed() -> None:
    """Truth: all that the exposures know is the sum in quadrature of their own signals to noise."""
    every = range(len(VISITS))
    uniform, plain, seeing = (
        significance(weighting, *every)
        for weighting in (Weighting.uniform, Weighting.inverse_variance, Weighting.inverse_variance_seeing)
    )
    limit = math.sqrt(sum(significance(Weighting.uniform, visit) ** 2 for visit in every))
    assert seeing > 1.05 * plain
    assert seeing > 1.05 * uniform
    assert seeing < limit


def test_weights_with_seeing_leave_the_flux_and_say_the_noise_there_is() -> None:
    survey = mixed_seeing(seed=5)
    made = only(run(survey, assembly(stack=weighted(Weighting.inverse_variance_seeing))))
    image, variance = around_star(made)
    assert abs(image.sum() - FLUX) < 4.0 * math.sqrt(float(variance.sum()))
    noise = made.stacked.image / np.sqrt(made.stacked.variance)
    away = np.ones(noise.shape, bool)
    x, y = made.wcs.to_pixel(ra=62.4011, dec=-24.5996)
    row, column = round(float(y)) - made.stacked.box.y0, round(float(x)) - made.stacked.box.x0
    away[row - 40 : row + 41, column - 40 : column + 41] = False
    all_there = away & (made.stacked.n_image == len(VISITS))
    assert all_there.sum() > 10_000
    assert np.std(noise[all_there]) == pytest.approx(1.0, abs=0.03)


def test_the_weights_are_named_with_the_inputs_and_the_correlation_stays_that_of_the_noise() -> None:
    survey = mixed_seeing(seed=None)
    made = only(run(survey, assembly(stack=weighted(Weighting.inverse_variance_seeing))))
    for item in made.inputs:
        fwhm, noise = VISITS[item.row.visit]
        area = (0.2 / item.row.pixel_scale) ** 2
        assert item.weight == pytest.approx(1.0 / (noise * area * 0.2 * fwhm) ** 2, rel=0.02)
    plain = only(run(survey, assembly()))
    assert made.correlation[6, 6] == plain.correlation[6, 6] == pytest.approx(1.0)
    assert 0.0 < made.correlation[6, 7] < 1.0


def test_the_weighting_is_part_of_what_a_coadd_is_but_not_of_a_median() -> None:
    survey = mixed_seeing(seed=None)

    def digests(statistic: Statistic) -> list[str]:
        plans = (
            compiled(survey, [assembly(stack=weighted(w, statistic=statistic))])
            for w in (Weighting.inverse_variance, Weighting.inverse_variance_seeing)
        )
        return [plan.units[0].targets[0].task.inputs[0].digest for plan in plans]

    mean, other = digests(Statistic.mean)
    assert mean != other
    median, same = digests(Statistic.median)
    assert median == same


def test_weightings_share_the_exposures_but_not_the_warps_that_carry_the_weight() -> None:
    survey = mixed_seeing(seed=None)
    both = [
        assembly({"stack": w.name}, stack=weighted(w), warp=WarpSection(matching=Matching.psf_model),
                 psf_model=PsfModelSection(fwhm=1.9))
        for w in Weighting
    ]  # fmt: skip
    plan = compiled(survey, both)
    ops = [task.op for unit in plan.units for task in walk([target.task for target in unit.targets])]
    assert ops.count("exposure") == len(VISITS)
    assert ops.count("warp") == 2 * len(VISITS)


def test_unknown_seeing_cannot_be_weighed_by() -> None:
    row = mixed_seeing(seed=None).exposures[0].row
    assert weight(row, 0.2, Weighting.uniform) == inverse_variance(row, 0.2)
    with pytest.raises(PlanError, match="the seeing of visit 0 detector 0"):
        weight(replace(row, seeing=math.nan), 0.2, Weighting.inverse_variance_seeing)
