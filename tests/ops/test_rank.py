"""Medians and clipped means of warps, pixel by pixel, against numpy on data of every awkward kind."""

from collections.abc import Callable, Iterable
from concurrent.futures import ThreadPoolExecutor

import numpy as np
import pytest

from coaddc.model.assembly import StackSection, Statistic, Weighting
from coaddc.model.geom import Box
from coaddc.model.images import Stacked, Warp
from coaddc.model.mask import bit, bits
from coaddc.ops.stack import STACKS, median_factor

#: Wider than the runs of pixels that are worked on together, and not a multiple of them.
BOX = Box(y0=-3, y1=38, x0=-40, x1=1061)
REJECT = bits(StackSection().reject)


def awkward_warps(n: int) -> list[Warp]:
    """Return warps on boxes of their own, with ties, infinities, NaN where rejected, holes and bits."""
    rng = np.random.default_rng(n)
    return [_awkward_warp(rng, whole=k % 3 == 0) for k in range(n)]


def _awkward_warp(rng: np.random.Generator, *, whole: bool) -> Warp:
    shrink = (0, 0, 0, 0) if whole else rng.integers(0, (20, 20, 500, 500))
    box = Box(y0=BOX.y0 + shrink[0], y1=BOX.y1 - shrink[1], x0=BOX.x0 + shrink[2], x1=BOX.x1 - shrink[3])
    variance = rng.uniform(0.5, 4.0, box.shape).astype(np.float32)
    image = np.round(np.sqrt(variance) * rng.standard_normal(box.shape), 1).astype(np.float32)
    image[rng.random(box.shape) < 0.02] += 40.0
    image[rng.random(box.shape) < 0.01] = -np.inf
    weight = np.where(rng.random(box.shape) < 0.1, 0.0, rng.uniform(0.3, 2.0)).astype(np.float32)
    mask = np.zeros(box.shape, np.int32)
    for name in ("SAT", "CR", "EDGE"):
        mask[rng.random(box.shape) < 0.05] |= bit(name)
    image[(mask & bit("CR")) != 0] = np.nan
    image[weight == 0] = np.nan
    return Warp(box, image, variance, mask, weight)


def stacked(
    warps: list[Warp],
    run: Callable[[Callable[[int], None], Iterable[int]], Iterable[None]] = map,
    box: Box = BOX,
    **options: object,
) -> Stacked:
    section = StackSection(**options)  # type: ignore[arg-type]
    stack = STACKS[section.statistic](section, box)
    for warp in warps:
        stack.add(warp)
    return stack.finish(run)


def cube(warps: list[Warp]) -> tuple[np.ndarray, ...]:
    """Return image, NaN where it does not count, sigma, weight and mask, each (n, ny, nx)."""
    shape = (len(warps), *BOX.shape)
    image, sigma, weight, mask = np.full(shape, np.nan), np.ones(shape), np.zeros(shape), np.zeros(shape, int)
    for k, warp in enumerate(warps):
        at = (k, *warp.box.within(BOX))
        counts = (warp.weight > 0) & ((warp.mask & REJECT) == 0)
        image[at] = np.where(counts, warp.image, np.nan)
        sigma[at], weight[at], mask[at] = np.sqrt(warp.variance), warp.weight, np.where(counts, warp.mask, 0)
    return image, sigma, weight, mask


@pytest.mark.filterwarnings("ignore:All-NaN slice:RuntimeWarning")
@pytest.mark.filterwarnings("ignore:invalid value:RuntimeWarning")
@pytest.mark.parametrize("n", [1, 2, 3, 6, 11])
def test_the_median_of_what_counts_is_numpys_with_its_variance_bits_and_number(n: int) -> None:
    warps = awkward_warps(n)
    made = stacked(warps, statistic=Statistic.median)
    image, sigma, _, mask = cube(warps)
    found = np.isfinite(image) | np.isneginf(image)
    count = found.sum(axis=0)
    np.testing.assert_array_equal(made.n_image, count)
    np.testing.assert_array_equal(made.image, np.nanmedian(image, axis=0).astype(np.float32))
    factors = np.array([median_factor(k) if k else np.nan for k in range(n + 1)])
    with np.errstate(divide="ignore"):
        many = factors[count] * count / np.where(found, 1 / sigma, 0).sum(axis=0) ** 2
        few = np.where(found, sigma**2, 0).sum(axis=0) / count**2
    truth = np.where(count > 2, many, np.where(count > 0, few, np.inf))
    np.testing.assert_allclose(made.variance, truth, rtol=1e-6)
    seen = np.bitwise_or.reduce(np.where(found, mask, 0), axis=0)
    np.testing.assert_array_equal((made.mask & bit("SENSOR_EDGE")) != 0, (seen & bit("EDGE")) != 0)


@pytest.mark.filterwarnings("ignore:All-NaN slice:RuntimeWarning")
@pytest.mark.filterwarnings("ignore:invalid value:RuntimeWarning")
@pytest.mark.parametrize("weighting", list(Weighting))
@pytest.mark.parametrize("n", [2, 7, 10])
def test_the_clipped_mean_leaves_out_what_is_far_from_the_median(n: int, weighting: Weighting) -> None:
    warps = awkward_warps(n)
    made = stacked(warps, statistic=Statistic.clipped, weighting=weighting, nsigma=3.0, flux_tolerance=0.1)
    image, sigma, weight, _ = cube(warps)
    middle = np.nanmedian(image, axis=0)
    found = ~np.isnan(image)
    far = found & (found.sum(axis=0) > 2) & (np.abs(image - middle) > 3.0 * sigma + 0.1 * np.abs(middle))
    kept = found & ~far
    w = np.where(kept, 1.0 if weighting is Weighting.uniform else weight, 0.0)
    with np.errstate(divide="ignore"):
        truth = np.where(kept, w * image, 0).sum(axis=0) / w.sum(axis=0)
        noise = (w**2 * sigma**2).sum(axis=0) / w.sum(axis=0) ** 2
    np.testing.assert_array_equal(made.n_image, kept.sum(axis=0))
    np.testing.assert_array_equal((made.mask & bit("CLIPPED")) != 0, far.any(axis=0))
    np.testing.assert_allclose(made.image, truth, rtol=1e-6, atol=1e-6)
    np.testing.assert_allclose(made.variance, np.where(w.sum(axis=0) > 0, noise, np.inf), rtol=1e-6)


@pytest.mark.parametrize("statistic", [Statistic.median, Statistic.clipped])
def test_any_cut_and_any_threads_give_the_same_bytes(statistic: Statistic) -> None:
    warps = awkward_warps(8)
    whole = stacked(warps, statistic=statistic)
    part = Box(y0=5, y1=31, x0=83, x1=700)
    at = part.within(BOX)
    with ThreadPoolExecutor(2) as pool:
        threaded = stacked(warps, pool.map, statistic=statistic)
        cut = stacked(warps, pool.map, part, statistic=statistic)
    for name in ("image", "variance", "mask", "n_image"):
        plane = getattr(whole, name)
        assert getattr(threaded, name).tobytes() == plane.tobytes()
        assert getattr(cut, name).tobytes() == np.ascontiguousarray(plane[at]).tobytes()
