"""Skies of visits against offsets that are known: chip gaps, chains of overlaps, objects, outliers."""

import numpy as np
import pytest

from coaddc.model.geom import Box
from coaddc.model.images import Warp
from coaddc.ops.sky_bins import SkyBins
from coaddc.ops.sky_match import SkyModel, SkyOffset, level, match_skies, objects, terms

BOX = Box(y0=-37, y1=443, x0=1001, x1=1641)
SIDE = 16
MODEL = SkyModel(BOX, SIDE, 0, 4.0)
ROWS, COLUMNS = 30, 40


def middles() -> tuple[np.ndarray, np.ndarray]:
    y, x = np.arange(ROWS) * SIDE + BOX.y0 + 7.5, np.arange(COLUMNS) * SIDE + BOX.x0 + 7.5
    return np.meshgrid(y, x, indexing="ij")


def bins(sky: np.ndarray, seen: np.ndarray, seed: int, noise: float = 3.0) -> SkyBins:
    """Return a sky in bins as an exposure of this noise a pixel sees it, where it sees it."""
    rng = np.random.default_rng(seed)
    count = np.where(seen, SIDE**2, 0).astype(np.float32)
    mean = np.where(seen, sky + rng.normal(0, noise / SIDE, sky.shape), 0).astype(np.float32)
    scatter = np.where(seen, rng.chisquare(SIDE**2 - 1, sky.shape), 0).astype(np.float32)
    return SkyBins(mean, count, scatter)


def common() -> np.ndarray:
    """What all see: a nebula that fills the patch, steep against any offset."""
    y, x = middles()
    return 200.0 + 50.0 * np.sin(y / 90.0) * np.cos(x / 70.0)


def constants(offsets: list[SkyOffset]) -> np.ndarray:
    return np.array([offset.coefficients[0] for offset in offsets])


def test_differences_come_off_and_the_weighted_mean_stays() -> None:
    added, weights = np.array([40.0, -3.0, 11.0]), [0.1, 0.2, 0.05]
    whole = np.ones((ROWS, COLUMNS), bool)
    found = constants(
        match_skies([bins(common() + a, whole, i) for i, a in enumerate(added)], weights, [0, 1, 2], MODEL)
    )
    assert found == pytest.approx(added - np.average(added, weights=weights), abs=0.03)
    assert np.average(found, weights=weights) == pytest.approx(0.0, abs=1e-9)


def test_visits_that_never_meet_are_compared_through_others() -> None:
    y, x = middles()
    left, right = x < BOX.x0 + 200, x > BOX.x0 + 440
    bridge = (x > BOX.x0 + 100) & (x < BOX.x0 + 500) & (np.abs(y - 200) > 24)  # with a gap between chips
    added = np.array([25.0, -60.0, 5.0])
    made = [
        bins(common() + a, seen, i)
        for i, (a, seen) in enumerate(zip(added, (left, right, bridge), strict=True))
    ]
    found = constants(match_skies(made, [1.0, 1.0, 1.0], [0, 1, 2], MODEL))
    assert found - found.mean() == pytest.approx(added - added.mean(), abs=0.15)
    assert found.mean() == pytest.approx(0.0, abs=1e-9)


def test_a_visit_that_meets_no_other_keeps_its_sky() -> None:
    _, x = middles()
    left, right = x < BOX.x0 + 200, x > BOX.x0 + 440
    made = [bins(common() + a, s, i) for i, (a, s) in enumerate([(9.0, left), (1.0, left), (500.0, right)])]
    assert constants(match_skies(made, [1.0] * 3, [0, 1, 2], MODEL)) == pytest.approx(
        [4.0, -4.0, 0.0], abs=0.05
    )


def test_many_visits_are_solved_as_the_least_squares_over_all_their_pairs_would_be() -> None:
    rng = np.random.default_rng(5)
    n, weights = 6, rng.uniform(0.5, 2.0, 6)
    seen = rng.uniform(size=(n, ROWS, COLUMNS)) < 0.7
    made = [bins(common() + 10 * i, s, i, noise=2.0) for i, s in enumerate(seen)]
    found = constants(match_skies(made, list(weights), list(range(n)), SkyModel(BOX, SIDE, 0, 1e6)))
    empty = ~objects(made)
    each = np.stack([w * b.count for w, b in zip(weights, made, strict=True)]).astype(float)[:, empty]
    value = np.stack([b.mean for b in made]).astype(float)[:, empty]
    rows, right = [np.sqrt(weights)], [0.0]  # the gauge
    for a in range(n):
        for b in range(a):
            root = np.sqrt(np.sum(pair := each[a] * each[b] / each.sum(axis=0).clip(1e-9)))
            row = np.zeros(n)
            row[a], row[b] = root, -root
            rows.append(row)
            right.append(root * np.average(value[a] - value[b], weights=pair))
    rows[0] = weights
    wanted = np.linalg.lstsq(np.array(rows), np.array(right), rcond=None)[0]
    assert found == pytest.approx(wanted, abs=1e-6)


@pytest.mark.parametrize("order", [1, 2])
def test_gradients_come_off_too_where_they_are_asked_for(order: int) -> None:
    y, x = middles()
    u, v = (x - BOX.centre[1]) / 320, (y - BOX.centre[0]) / 240
    slopes = [6 * u - 2 * v, 3 + 9 * v + (4 * u * v if order == 2 else 0), -5 * u]
    holes = [np.hypot(u - 0.3 * i, v) > 0.2 for i in range(3)]
    made = [bins(common() + s, seen, i) for i, (s, seen) in enumerate(zip(slopes, holes, strict=True))]
    found = match_skies(made, [1.0] * 3, [0, 1, 2], SkyModel(BOX, SIDE, order, 4.0))
    mean = sum(slopes) / 3
    for offset, slope in zip(found, slopes, strict=True):
        surface = offset.on(BOX)[8::SIDE, 8::SIDE]
        assert surface.shape == slope.shape
        assert np.abs(surface - (slope - mean)).max() < 0.25  # half a pixel beside the middle of a bin: 0.02


def test_detectors_of_one_visit_share_a_surface() -> None:
    _, x = middles()
    left, right = x < BOX.x0 + 300, x > BOX.x0 + 330
    made = [bins(common() + 8, left, 1), bins(common() + 8, right, 2), bins(common(), x > 0, 3)]
    found = match_skies(made, [1.0] * 3, [0, 0, 1], MODEL)
    assert constants(found) == pytest.approx([4.0, 4.0, -4.0], abs=0.05)


def test_stars_and_what_only_one_visit_shows_do_not_bend_the_sky() -> None:
    rng = np.random.default_rng(8)
    whole = np.ones((ROWS, COLUMNS), bool)
    made = []
    for i, added in enumerate((12.0, -12.0)):
        item = bins(common() + added, whole, i)
        at = rng.integers(0, ROWS, 60), rng.integers(0, COLUMNS, 60)
        item.mean[at] += rng.uniform(50, 5000, 60)  # of one visit alone, with no scatter that would tell
        made.append(item)
    star = 14, 21
    for i, item in enumerate(made):
        item.mean[star] += 1e5 * (1 + 0.03 * i)  # zero points that disagree
        item.scatter[star] *= 1e4
    assert objects(made)[13:16, 20:23].all()
    assert objects(made).mean() < 0.03
    assert constants(match_skies(made, [1.0] * 2, [0, 1], MODEL)) == pytest.approx([12.0, -12.0], abs=0.05)


def test_a_level_changes_pixels_with_data_and_leaves_the_warp_that_it_took() -> None:
    box = Box(y0=10, y1=17, x0=1100, x1=1112)
    rng = np.random.default_rng(2)
    image = rng.normal(size=box.shape).astype(np.float32)
    weight = np.ones(box.shape, np.float32)
    weight[0], image[0] = 0.0, 0.0
    warp = Warp(box, image, np.ones_like(image), np.zeros(box.shape, np.int32), weight)
    offset = SkyOffset(BOX, 1, np.array([2.0, 0.5, -1.0]))
    assert terms(1) == [(0, 0), (0, 1), (1, 0)]
    y, x = np.mgrid[box.y0 : box.y1, box.x0 : box.x1]
    wanted = 2.0 + 0.5 * (x - BOX.centre[1]) / 320 - (y - BOX.centre[0]) / 240
    before = image.copy()
    made = level(warp, offset)
    assert (made.image[0] == 0).all()
    assert made.image[1:] == pytest.approx((before - wanted)[1:], abs=1e-6)
    assert (warp.image == before).all()
    assert made.variance is warp.variance
