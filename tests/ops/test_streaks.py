"""Trails and ghosts on synthetic matched warps: found where no single pixel shows them, over their width."""

import numpy as np
import pytest
from numpy.typing import NDArray

from coaddc.kernels.radon import double_lines
from coaddc.ops.line import Line
from coaddc.ops.streaks import find_streaks
from tests.ops.matched import WHOLE, empty_warp, found, gaussian, options

#: (y, x) of two points on a line, in pixels of the array: steep, flat, and at the diagonal, either way.
LINES = [((0, 30), (299, 80)), ((40, 0), (75, 399)), ((0, 20), (250, 290)), ((280, 10), (10, 300))]


def band(start: tuple[int, int], end: tuple[int, int], sigma: float = 3.0) -> NDArray[np.float64]:
    line = Line(np.array(start, float), np.array(end, float))
    yy, xx = np.indices(WHOLE.shape)
    across = (yy - start[0]) * line.across[0] + (xx - start[1]) * line.across[1]
    return np.exp(-0.5 * (across / sigma) ** 2)


def test_lines_are_summed_over_all_their_columns() -> None:
    rng = np.random.default_rng(1)
    image = rng.random((20, 8)).astype(np.float32)
    sums = np.zeros((8, 1, 20), np.float32)
    sums[:, 0] = image.T
    for _ in range(3):
        sums = double_lines(sums)
    assert sums.shape == (1, 8, 20)
    np.testing.assert_allclose(sums[0, 0], image.sum(axis=1), rtol=1e-6)
    np.testing.assert_allclose(sums[0, 7, :13], [np.trace(image[y : y + 8]) for y in range(13)], rtol=1e-6)


@pytest.mark.parametrize(("start", "end"), LINES)
@pytest.mark.parametrize("peak", [1.5, 4.0, 300.0])
def test_a_trail_is_masked_over_its_width_at_any_angle(start, end, peak: float) -> None:
    light = peak * band(start, end)
    plane = empty_warp(np.random.default_rng(5)).image + light.astype(np.float32)
    seen = np.ones(plane.shape, bool)
    masks = list(find_streaks(plane, seen, nsigma=7.0, length=160))
    assert len(masks) == 1
    assert masks[0][light > 0.6].mean() > 0.99
    assert masks[0][band(start, end) < 1e-5].mean() < 0.002 * np.log10(30 * peak)


def test_bright_spots_in_a_row_are_no_trail() -> None:
    plane = empty_warp(np.random.default_rng(6)).image
    for x in range(520, 900, 75):
        plane += gaussian(WHOLE, y=100.0, x=x, peak=500.0, sigma=2.0).astype(np.float32)
    seen = np.ones(plane.shape, bool)
    assert list(find_streaks(plane, seen, nsigma=7.0, length=160)) == []


@pytest.mark.parametrize("count", [2, 3, 5, 10])
def test_a_faint_trail_is_rejected_in_its_visit_alone(count: int) -> None:
    rng = np.random.default_rng(7)
    warps = [empty_warp(rng) for _ in range(count)]
    light = 3.0 * band(*LINES[2])
    warps[1].image[...] += light.astype(np.float32)
    masks = found(warps)
    assert masks[1][light > 1.5].mean() > 0.98
    assert sum(int(mask.sum()) for i, mask in enumerate(masks) if i != 1) < 100


def test_lines_that_more_visits_have_stay() -> None:
    rng = np.random.default_rng(8)
    warps = [empty_warp(rng) for _ in range(10)]
    for warp in warps[:5]:
        warp.image[...] += (3.0 * band(*LINES[2])).astype(np.float32)
    assert np.mean(found(warps)) < 1e-3


@pytest.mark.parametrize("count", [3, 10])
def test_a_ghost_that_no_pixel_shows_is_rejected(count: int) -> None:
    rng = np.random.default_rng(9)
    warps = [empty_warp(rng) for _ in range(count)]
    yy, xx = np.indices(WHOLE.shape)
    ghost = np.hypot(yy - 160, xx - 200) < 75
    warps[0].image[...] += 1.3 * ghost
    masks = found(warps)
    assert masks[0][ghost].mean() > 0.95
    assert masks[0][np.hypot(yy - 160, xx - 200) > 95].mean() < 0.01
    assert not np.any(found(warps, options(ghosts=False, streaks=False))[0][ghost].mean() > 0.2)


def test_a_sky_that_is_off_by_a_constant_is_no_ghost() -> None:
    rng = np.random.default_rng(10)
    warps = [empty_warp(rng) for _ in range(6)]
    warps[0].image[...] += 0.7
    assert np.mean(found(warps)) < 1e-3
