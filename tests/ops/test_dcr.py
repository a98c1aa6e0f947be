"""Sub-bands solved from dispersed visits: the operator and its adjoint, a known sky, noise, frames, cuts."""

from dataclasses import replace

import numpy as np
import pytest
from scipy import fft

from coaddc.model.geom import Box
from coaddc.model.images import Stacked
from coaddc.model.refraction import PARTS
from coaddc.ops import dcr
from coaddc.ops.dcr import NormalEquations, solve_subbands
from coaddc.ops.dispersion import Dispersion, Lift, fourier_box, reach
from tests.ops import dispersed
from tests.ops.dispersed import BEND, BOX, MARGIN, STARS, drawn, mean_of, model, observe

INNER = BOX.grow(-MARGIN)
#: Stars that lie inside however the box is turned.
CENTRAL = tuple(replace(star, east=star.east / 2, north=star.north / 2) for star in STARS)


def lifts(problem: dcr.DcrModel) -> list[Lift]:
    y, x = BOX.centre
    return [Lift.at(problem.tract, up, y=y, x=x) for up in problem.zeniths.values()]


def solved(problem: dcr.DcrModel, **kinds: object) -> tuple[Stacked, ...]:
    seen = observe(problem, **kinds)  # type: ignore[arg-type]
    return solve_subbands(seen, mean_of(seen), problem, MARGIN)


def test_the_adjoint_is_the_adjoint() -> None:
    rng = np.random.default_rng(2)
    box = fourier_box(Box(y0=3, y1=40, x0=-9, x1=21), 5)
    for lift in lifts(model(37.0)):
        visit = Dispersion(BEND, lift, box)
        sky, image = rng.normal(size=(3, *box.shape)), rng.normal(size=box.shape)
        forward = float((visit.forward(fft.rfft2(sky)) * image).sum())
        back = float((sky * fft.irfft2(visit.adjoint(image), box.shape)).sum())
        assert forward == pytest.approx(back, rel=1e-12, abs=1e-10)


def test_the_normal_matrix_is_symmetric_and_positive() -> None:
    rng = np.random.default_rng(3)
    box = fourier_box(Box(y0=0, y1=31, x0=0, x1=44), 6)
    problem = model()
    weights = [rng.uniform(0, 1, box.shape).astype(np.float32) for _ in problem.zeniths]
    equations = NormalEquations(problem, lifts(problem), weights, box)
    one, other = rng.normal(size=(2, 3, *box.shape))
    there, back = (equations.apply(one) * other).sum(), (one * equations.apply(other)).sum()
    assert there == pytest.approx(back, rel=1e-10)
    assert (equations.apply(one) * one).sum() > 0
    even = NormalEquations(problem, lifts(problem), [np.ones(box.shape, np.float32)] * 6, box)
    np.testing.assert_allclose(even.precondition(even.apply(one)), one, atol=1e-9)


def test_the_operator_moves_stars_to_where_they_are_drawn() -> None:
    problem = model(-20.0)
    y, x = BOX.centre
    box = fourier_box(BOX, 2 * reach(lifts(problem), BEND))
    still = np.zeros((3, *box.shape))
    for b in range(3):
        still[(b, *BOX.within(box))] = drawn(STARS, problem.tract, b, (np.zeros(2),), np.ones(1))
    for up in problem.zeniths.values():
        lift = Lift.at(problem.tract, up, y=y, x=x)
        shifts = lift.shifts(BEND)
        moved = sum(drawn(STARS, problem.tract, b, tuple(shifts[b]), PARTS / 3.0) for b in range(3))
        made = Dispersion(BEND, lift, box).forward(fft.rfft2(still))[BOX.within(box)]
        np.testing.assert_allclose(made, moved, atol=1e-3 * moved.max())
    assert np.abs(lift.shifts(BEND)).max() > 0.2


def test_a_known_sky_comes_back_in_its_sub_bands() -> None:
    problem = model(smoothness=1e-6, amplitude=1e-7, iterations=60, tolerance=1e-5)
    found = solved(problem)
    at = INNER.within(BOX)
    for b, part in enumerate(found):
        truth = drawn(STARS, problem.tract, b, (np.zeros(2),), np.ones(1))
        error = np.abs(part.image - truth)[at].max() / truth.max()
        assert error < 0.05
    assert not np.isnan(found[0].image).any()
    np.testing.assert_array_equal(found[0].mask, mean_of(observe(problem)).mask)


def test_their_mean_fits_the_visits_where_a_plain_mean_does_not() -> None:
    problem = model(smoothness=3e-4, amplitude=3e-5)
    found = solved(problem)
    box = fourier_box(BOX, 40)
    sky = np.zeros((3, *box.shape))
    for b, part in enumerate(found):
        sky[(b, *BOX.within(box))] = part.image
    seen = observe(problem)
    at = INNER.within(BOX)
    for one, lift in zip(seen, lifts(problem), strict=True):
        if one.warp.box != BOX:
            continue
        good = one.warp.mask[at] == 0
        made = Dispersion(BEND, lift, box).forward(fft.rfft2(sky))[at]
        plain = mean_of(seen).image[at]
        left, before = (np.abs(m - one.warp.image[at])[good].max() for m in (made, plain))
        assert left < 0.03 * before


def test_a_rotated_tract_gives_the_same_sky() -> None:
    """Of every star, the flux under a Gaussian in each sub-band, over that of a lone star of flux 1."""
    found = np.array([fluxes(model(rotation, smoothness=3e-4)) for rotation in (0.0, 90.0, 33.0)])
    truth = np.array([star.flux for star in CENTRAL])
    np.testing.assert_allclose(found[0], truth, atol=0.05 * truth.max())
    np.testing.assert_allclose(found[1], found[0], atol=1e-3 * truth.max())
    np.testing.assert_allclose(found[2], found[0], atol=3e-3 * truth.max())


def fluxes(problem: dcr.DcrModel) -> list[list[float]]:
    parts = solved(problem, gaps=False, stars=CENTRAL)
    yy, xx = np.mgrid[BOX.y0 : BOX.y1, BOX.x0 : BOX.x1]
    measured = []
    for star in CENTRAL:
        alone = drawn((replace(star, flux=(1.0, 1.0, 1.0)),), problem.tract, 0, (np.zeros(2),), np.ones(1))
        ra = dispersed.RA + star.east / 3600 / np.cos(np.radians(dispersed.DEC))
        x, y = problem.tract.to_pixel(ra=ra, dec=dispersed.DEC + star.north / 3600)
        near = np.exp(-((yy - y) ** 2 + (xx - x) ** 2) / (2 * 2.5**2))
        measured.append([float((near * part.image).sum() / (near * alone).sum()) for part in parts])
    return measured


def test_the_noise_is_what_the_fit_says() -> None:
    problem = model()
    at = INNER.within(BOX)
    for part in solved(problem, noise=2.0, stars=()):
        chi2 = np.mean(part.image[at] ** 2 / part.variance[at])
        assert chi2 == pytest.approx(1.0, abs=0.05)


def test_where_it_is_cut_hardly_matters(monkeypatch: pytest.MonkeyPatch) -> None:
    problem = model()
    whole = solved(problem, noise=2.0)
    monkeypatch.setattr(dcr, "SQUARE", 64)
    cut = solved(problem, noise=2.0)
    at = INNER.within(BOX)
    for one, other in zip(whole, cut, strict=True):
        difference = (one.image - other.image)[at] / np.sqrt(one.variance[at])
        assert np.abs(difference).std() < 0.1


def test_without_dispersion_all_sub_bands_are_the_mean() -> None:
    problem = model()
    still = replace(problem, bend=0.0 * problem.bend)
    seen = observe(problem)
    mean = mean_of(seen)
    at = INNER.within(BOX)
    for part in solve_subbands(seen, mean, still, MARGIN):
        np.testing.assert_allclose(part.image[at], mean.image[at], atol=2e-3 * mean.image.max())


def test_nothing_observed_stays_nothing() -> None:
    problem = model()
    empty = mean_of([])
    found = solve_subbands([], empty, problem, MARGIN)
    assert all(np.isnan(part.image).all() for part in found)
