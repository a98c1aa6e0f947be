"""Stacks of simulated warps against what numpy and the normal distribution say."""

import numpy as np
import pytest

from coaddc.model.assembly import StackSection, Statistic, Weighting
from coaddc.model.geom import Box
from coaddc.model.images import Stacked, Warp
from coaddc.model.mask import bit
from coaddc.ops.stack import STACKS, median_factor, merge_visit

BOX = Box(y0=-7, y1=34, x0=100, x1=153)


def noise_warp(rng: np.random.Generator, sigma: float, box: Box = BOX, level: float = 0.0) -> Warp:
    image = (level + sigma * rng.standard_normal(box.shape)).astype(np.float32)
    variance = np.full(box.shape, sigma**2, np.float32)
    return Warp(box, image, variance, np.zeros(box.shape, np.int32), (1.0 / variance).astype(np.float32))


def combine(warps: list[Warp], box: Box = BOX, **options: object) -> Stacked:
    section = StackSection(**options)  # type: ignore[arg-type]
    stack = STACKS[section.statistic](section, box)
    for warp in warps:
        stack.add(warp)
    return stack.finish()


@pytest.mark.parametrize("statistic", list(Statistic))
def test_a_constant_sky_stays_that_sky_where_a_pixel_is_rejected_and_nan(statistic: Statistic) -> None:
    rng = np.random.default_rng(1)
    warps = [noise_warp(rng, 1e-6, level=42.0) for _ in range(5)]
    warps[1].image[2, 6] = np.nan
    warps[1].mask[2, 6] = bit("BAD")
    warps[2].image[3, 4] = 1e6
    warps[2].weight[3, 4] = 0.0
    made = combine(warps, statistic=statistic)
    np.testing.assert_allclose(made.image, 42.0, rtol=1e-6)
    assert made.n_image[2, 6] == made.n_image[3, 4] == 4
    assert made.mask[2, 6] == bit("REJECTED") | bit("INEXACT_PSF")
    assert made.mask[3, 4] == 0


def test_the_mean_weighs_by_inverse_variance_and_says_its_variance() -> None:
    rng = np.random.default_rng(2)
    warps = [noise_warp(rng, sigma) for sigma in (1.0, 2.0, 5.0)]
    made = combine(warps)
    expected = np.average([w.image for w in warps], axis=0, weights=[1.0, 1 / 4, 1 / 25])
    np.testing.assert_allclose(made.image, expected, atol=1e-6)
    np.testing.assert_allclose(made.variance, 1.0 / (1.0 + 1 / 4 + 1 / 25), rtol=1e-6)


def test_uniform_weights_are_equal_weights() -> None:
    rng = np.random.default_rng(3)
    warps = [noise_warp(rng, sigma) for sigma in (1.0, 3.0)]
    made = combine(warps, weighting=Weighting.uniform)
    np.testing.assert_allclose(made.image, (warps[0].image + warps[1].image) / 2, atol=1e-6)
    np.testing.assert_allclose(made.variance, (1.0 + 9.0) / 4, rtol=1e-6)


@pytest.mark.parametrize("n", [1, 2, 3, 4, 9, 10])
def test_the_median_is_numpys_and_its_variance_is_that_of_the_scatter(n: int) -> None:
    rng = np.random.default_rng(n)
    box = Box(y0=5, y1=205, x0=-20, x1=230)
    warps = [noise_warp(rng, 2.0, box) for _ in range(n)]
    made = combine(warps, box, statistic=Statistic.median)
    np.testing.assert_allclose(made.image, np.median([w.image for w in warps], axis=0), atol=1e-6)
    assert np.mean(made.image**2 / made.variance) == pytest.approx(1.0, abs=5 * np.sqrt(2 / made.image.size))


def test_the_factor_of_the_median_tends_to_half_pi() -> None:
    assert median_factor(3) == pytest.approx(1.3463, abs=1e-3)  # David & Nagaraja 2003: 0.4487 * 3
    assert median_factor(301) == pytest.approx(np.pi / 2, rel=5e-3)


def test_clipping_drops_an_outlier_and_flags_it() -> None:
    rng = np.random.default_rng(5)
    warps = [noise_warp(rng, 1.0) for _ in range(6)]
    warps[4].image[10, 20] += 50.0
    made = combine(warps, statistic=Statistic.clipped)
    others = [w.image[10, 20] for i, w in enumerate(warps) if i != 4]
    assert made.image[10, 20] == pytest.approx(np.mean(others), abs=1e-5)
    assert made.mask[10, 20] == bit("CLIPPED") | bit("INEXACT_PSF")
    assert made.n_image[10, 20] == 5
    assert np.mean(made.mask != 0) < 0.01  # 4 sigma of noise alone is rare


def test_clipping_spares_a_bright_star_in_mixed_seeing() -> None:
    rng = np.random.default_rng(6)
    warps = [noise_warp(rng, 1.0, level=1000.0 * peak) for peak in (0.8, 0.9, 1.0, 1.1, 1.2)]
    made = combine(warps, statistic=Statistic.clipped)
    assert not (made.mask & bit("CLIPPED")).any()


def test_saturation_reaches_the_coadd_where_it_takes_a_tenth_of_the_weight() -> None:
    rng = np.random.default_rng(7)
    warps = [noise_warp(rng, sigma) for sigma in (1.0, 1.0, 10.0)]
    warps[0].mask[1, 1] = bit("SAT")
    warps[2].mask[2, 2] = bit("SAT")
    made = combine(warps)
    assert made.mask[1, 1] & bit("SAT")
    assert not made.mask[2, 2] & bit("SAT")
    assert made.mask[2, 2] & bit("REJECTED")


@pytest.mark.parametrize("statistic", list(Statistic))
def test_where_nothing_reaches_there_is_no_data(statistic: Statistic) -> None:
    rng = np.random.default_rng(8)
    part = Box(y0=-20, y1=10, x0=90, x1=120)
    made = combine([noise_warp(rng, 1.0, part) for _ in range(3)], statistic=statistic)
    empty = np.ones(BOX.shape, bool)
    empty[:17, :20] = False
    assert np.isnan(made.image[empty]).all()
    assert np.isfinite(made.image[~empty]).all()
    assert np.isinf(made.variance[empty]).all()
    assert (made.mask[empty] == bit("NO_DATA")).all()
    assert not made.n_image[empty].any()


def test_an_edge_of_a_detector_becomes_a_sensor_edge_of_the_coadd() -> None:
    rng = np.random.default_rng(9)
    warps = [noise_warp(rng, 1.0) for _ in range(2)]
    warps[0].mask[:, 0] = bit("EDGE")
    made = combine(warps)
    assert (made.mask[:, 0] == bit("SENSOR_EDGE") | bit("INEXACT_PSF")).all()
    assert not made.mask[:, 1:].any()


def test_detectors_of_a_visit_combine_by_weight_in_their_overlap() -> None:
    rng = np.random.default_rng(10)
    left = noise_warp(rng, 1.0, Box(y0=0, y1=30, x0=0, x1=40))
    right = noise_warp(rng, 2.0, Box(y0=10, y1=35, x0=25, x1=60))
    right.mask[3, 2] = bit("CR")
    left.mask[20, 30] = bit("BAD")
    visit = merge_visit([left, right], bit("CR") | bit("BAD"))
    assert visit.box == Box(y0=0, y1=35, x0=0, x1=60)
    expected = 0.8 * left.image[15, 30] + 0.2 * right.image[5, 5]
    assert visit.image[15, 30] == pytest.approx(expected, abs=1e-6)
    assert visit.variance[15, 30] == pytest.approx(0.64 * 1 + 0.04 * 4, rel=1e-6)
    assert visit.image[13, 27] == left.image[13, 27]  # the right one is bad there
    assert visit.mask[13, 27] == 0
    assert visit.image[20, 30] == right.image[10, 5]  # the left one is
    assert visit.weight[0, 50] == 0
    assert visit.mask[0, 50] == bit("NO_DATA")
