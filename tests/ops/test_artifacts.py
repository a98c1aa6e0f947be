"""Artifacts on synthetic matched warps, where what was added is known."""

import numpy as np
import pytest

from coaddc.model.assembly import Rejection
from coaddc.model.errors import ConfigError
from coaddc.model.geom import Box
from coaddc.model.images import Warp
from coaddc.model.mask import bit
from coaddc.ops.artifact_runs import mask_of, runs
from tests.ops.matched import WHOLE, empty_warp, found, gaussian, options


def visits(count: int, seed: int = 1, noise: float = 1.0) -> list[Warp]:
    rng = np.random.default_rng(seed)
    return [empty_warp(rng, noise=noise * (1.0 + 0.5 * (i % 2))) for i in range(count)]


def add(warp: Warp, light: np.ndarray) -> None:
    warp.image[...] += light.astype(np.float32)


@pytest.mark.parametrize("count", [2, 3, 5, 10])
def test_what_one_visit_shows_is_rejected_in_that_visit_alone(count: int) -> None:
    warps = visits(count)
    light = gaussian(WHOLE, y=100.3, x=650.7, peak=30.0)
    add(warps[1], light)
    masks = found(warps)
    assert masks[1][light > 3.0].all()
    assert not masks[1][gaussian(WHOLE, y=100.3, x=650.7, peak=1.0, sigma=6.0) < 0.05].any()  # 15 pixels off
    assert sum(int(mask.sum()) for i, mask in enumerate(masks) if i != 1) == 0


def test_an_empty_sky_has_hardly_any_artifacts() -> None:
    flagged = [np.mean(found(visits(count, seed=30 + count))) for count in (2, 3, 4, 5, 10, 20)]
    assert np.mean(flagged) < 2e-5  # peaks of smooth Gaussian noise above 5 sigma: some 1e-5


def test_one_visit_alone_has_no_artifacts() -> None:
    (warp,) = visits(1)
    add(warp, gaussian(WHOLE, y=100, x=650, peak=100.0))
    (mask,) = found([warp])
    assert not mask.any()


def test_where_one_visit_is_alone_nothing_is_rejected() -> None:
    rng = np.random.default_rng(2)
    left, right = Box(y0=-30, y1=270, x0=500, x1=720), Box(y0=0, y1=250, x0=680, x1=900)
    warps = [empty_warp(rng, left), empty_warp(rng, right)]
    add(warps[0], gaussian(left, y=100, x=600, peak=100.0) + gaussian(left, y=200, x=700, peak=100.0))
    masks = found(warps)
    assert [mask.shape for mask in masks] == [left.shape, right.shape]
    assert not masks[0][:, : 660 - left.x0].any()
    assert masks[0][200 - left.y0, 700 - left.x0]


def test_two_visits_take_the_brighter_one_for_the_spoilt_one_even_where_light_is_missing() -> None:
    warps = visits(2)
    add(warps[0], gaussian(WHOLE, y=100, x=650, peak=-30.0))
    masks = found(warps)
    assert masks[1][130, 150]
    assert not masks[0].any()
    warps = visits(3)
    add(warps[0], gaussian(WHOLE, y=100, x=650, peak=-30.0))
    masks = found(warps)
    assert masks[0][130, 150]
    assert not masks[1].any()


@pytest.mark.parametrize(("shown", "rejected"), [(1, True), (4, True), (5, False), (7, False)])
def test_of_ten_visits_four_at_most_may_show_an_artifact(shown: int, rejected: bool) -> None:
    warps = visits(10)
    for i, warp in enumerate(warps[:shown]):
        add(warp, gaussian(WHOLE, y=100, x=650, peak=30.0 * (1 if i % 2 else -1)))
    masks = found(warps)
    assert all(mask[130, 150] == (rejected and i < shown) for i, mask in enumerate(masks))


@pytest.mark.parametrize("count", [2, 3, 10])
def test_imperfectly_matched_stars_are_no_artifacts_but_a_cosmic_ray_beside_them_is(count: int) -> None:
    warps = visits(count)
    for i, warp in enumerate(warps):
        star = gaussian(WHOLE, y=100.0 + 0.05 * (i % 2), x=650.0, peak=2e4, sigma=3.0 * (1 + 0.01 * (i % 3)))
        add(warp, star)
    add(warps[1], gaussian(WHOLE, y=140.0, x=650.0, peak=50.0))
    masks = found(warps, options(protect=None))
    near = gaussian(WHOLE, y=140.0, x=650.0, peak=1.0)
    assert masks[1][near > 0.1].all()
    assert [int(mask[near < 1e-3].sum()) for mask in masks] == [0] * count


@pytest.mark.parametrize("count", [2, 3, 10])
def test_on_a_bright_star_only_light_that_outshines_a_tenth_of_it_is_rejected(count: int) -> None:
    warps = visits(count)
    for warp in warps:
        add(warp, gaussian(WHOLE, y=100.0, x=650.0, peak=2000.0))
    ray = gaussian(WHOLE, y=104.0, x=654.0, peak=400.0, sigma=1.5)
    add(warps[1], ray)
    mask, light = found(warps)[1], gaussian(WHOLE, y=100.0, x=650.0, peak=2000.0)
    assert mask[(ray > 0.15 * light) & (ray > 20.0)].all()
    assert not mask[(ray < 0.05 * light) & (light > 200.0)].any()


@pytest.mark.parametrize("count", [3, 4, 8])
def test_what_no_pixel_shows_is_found_on_smoothed_differences(count: int) -> None:
    rng = np.random.default_rng(8)
    places = [(y, x) for y in (20.0, 100.0, 180.0) for x in (560.0, 700.0)]
    lights = [gaussian(WHOLE, y=y, x=x, peak=3.0) for y, x in places]
    warps = visits(count)
    for warp in warps:  # sharp noise, as that of warps which need hardly any matching
        warp.image[...] = rng.standard_normal(warp.image.shape) * np.sqrt(warp.variance)
    add(warps[0], np.sum(lights, axis=0))
    smoothed, plain = found(warps)[0], found(warps, options(faint_nsigma=None))[0]
    assert [mask[light > 1.5].mean() > 0.8 for mask in (smoothed, plain) for light in lights] == [
        *[True] * 6,
        *[False] * 6,
    ]
    wide = np.max([gaussian(WHOLE, y=y, x=x, peak=1.0, sigma=6.0) for y, x in places], axis=0)
    assert not smoothed[wide < 0.05].any()  # 15 pixels off


def test_a_source_that_flared_in_one_visit_is_protected_if_it_is_bright_in_all() -> None:
    warps = visits(5)
    for i, warp in enumerate(warps):
        add(warp, gaussian(WHOLE, y=100.0, x=650.0, peak=4000.0 + 1000.0 * (i == 2)))
    assert found(warps, options(protect=None))[2].sum() > 50
    assert found(warps, options(protect=20.0))[2].sum() == 0


def test_pixels_of_rejected_planes_and_without_data_are_not_judged() -> None:
    warps = visits(4)
    warps[1].image[100:110, 200:210] = 1e5
    warps[1].mask[100:110, 200:210] |= bit("SAT")
    warps[2].image[150:160, 200:210] = np.nan
    warps[2].weight[150:160, 200:210] = 0
    assert not np.any(found(warps))


def test_the_method_none_rejects_nothing() -> None:
    warps = visits(3)
    add(warps[1], gaussian(WHOLE, y=100, x=650, peak=100.0))
    assert not np.any(found(warps, options().__class__(method=Rejection.none)))


def test_a_mean_cannot_be_the_template() -> None:
    section = options().template
    changed = type(section)(stack=type(section.stack)())
    with pytest.raises(ConfigError, match="median or clipped"):
        options(template=changed)


def test_runs_hold_a_mask_and_give_it_back() -> None:
    mask = np.random.default_rng(3).random((37, 53)) < 0.4
    box = Box(y0=-5, y1=32, x0=1000, x1=1053)
    made = runs(mask, box)
    assert made.dtype == np.int32
    assert made[0, 0] >= -5
    assert (made[:, 2] > made[:, 1]).all()
    np.testing.assert_array_equal(mask_of(made, box), mask)
    part = Box(y0=2, y1=20, x0=1010, x1=1100)
    wanted = np.zeros(part.shape, bool)
    wanted[:, :43] = mask[7:25, 10:]
    np.testing.assert_array_equal(mask_of(made, part), wanted)
    assert runs(np.zeros((3, 4), bool), Box.of_shape((3, 4))).shape == (0, 3)
