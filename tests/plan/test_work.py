"""Pixels that a plan goes through, and the time that they are expected to take."""

from dataclasses import replace

import pytest

from coaddc.model.geom import Box
from coaddc.plan.cost import Estimate, estimate
from coaddc.plan.plan import Sum
from coaddc.plan.work import SUMS, area, clip, kind, resampled, work
from tests.assemblies import assembly
from tests.plan.suites import MATCHED, SUITES, compiled

BOX = Box(y0=-3, y1=7, x0=10, x1=30)


def test_what_a_box_leaves_of_a_turned_square_is_its_half() -> None:
    # Centred on the left edge of the box (pixel 10 begins at 9.5), corners on the axes.
    diamond = [(9.5 + 4.0, 2.0), (9.5, 6.0), (9.5 - 4.0, 2.0), (9.5, -2.0)]
    assert area(diamond) == pytest.approx(32.0)
    assert area(clip(diamond, BOX)) == pytest.approx(16.0)
    assert area(clip(diamond[::-1], BOX)) == pytest.approx(16.0)


def test_a_polygon_around_the_box_leaves_the_box_and_one_beyond_leaves_nothing() -> None:
    around = [(-100.0, -90.0), (120.0, -95.0), (110.0, 130.0), (-99.0, 120.0)]
    assert area(clip(around, BOX)) == pytest.approx(BOX.area)
    assert area(clip([(x + 500.0, y) for x, y in around], BOX)) == 0.0


def test_warps_cost_what_exposures_cover_of_the_patch() -> None:
    (unit, *_) = compiled([assembly()]).units
    amounts = work(unit)
    # Detector 0 begins 65 - 200 pixels before the middle of the tract, where the patch ends; detector 1 has
    # all 320 columns. The third visit, moved north by 14 pixels, lacks 5 rows.
    assert (
        amounts["warp.omoms3"]
        == amounts["exposure"]
        == pytest.approx((135 + 320) * (281 + 281 + 276), rel=0.01)
    )
    assert amounts["visit"] == amounts["stack.mean"] == pytest.approx(resampled(amounts))
    assert amounts["coadd"] == unit.patch.box.area


def test_halos_are_resampled_again_in_each_tile() -> None:
    (unit, *_) = compiled([assembly(warp=MATCHED)]).units
    half = next(t.params["half"] for t in unit.tasks if t.op == "match")
    whole, cut = resampled(work(unit)), resampled(work(replace(unit, tile_rows=100)))
    assert cut / whole == pytest.approx((281 + 6 * half) / (281 + 2 * half))


@pytest.mark.parametrize("name", SUITES)
def test_every_op_has_its_work(name: str) -> None:
    for unit in compiled(SUITES[name]).units:
        amounts = work(unit)
        assert amounts.keys() == {kind(task) for task in unit.tasks}
        assert all(pixels > 0 for pixels in amounts.values())


def test_the_estimate_is_pixels_by_rates_over_the_threads() -> None:
    amounts = [{"warp": 100.0, "stack": 50.0}, {"warp": 20.0}]
    assert estimate(amounts, {"warp": 0.5, "stack": 2.0}, 4) == Estimate(40.0, ())
    assert estimate(amounts, {"warp": 0.5}, 2) == Estimate(30.0, ("stack",))
    assert estimate(amounts, {"match": 1.0}, 2) == Estimate(None, ("warp", "stack"))
    assert estimate([], {}, 2) == Estimate(0.0, ())


def test_sums_that_means_share_are_counted_once() -> None:
    (unit,) = compiled(SUITES["years-and-their-union"]).units
    first, second, union = (task for task in unit.tasks if task.op == "stack")
    options = first.subject
    one, two = (Sum(year.digest, options, year.inputs) for year in (first, second))
    rest = tuple(visit for visit in union.inputs if visit not in (*first.inputs, *second.inputs))
    both = Sum(union.digest, options, rest, (one.name, two.name))
    apart, shared = (work(replace(unit, sums=sums)) for sums in ((), (one, two, both)))
    assert {name for name in shared if shared[name] != apart[name]} == {SUMS}
    # Every visit is added twice, or once; and two sums of the whole patch are.
    assert len(rest) == 1
    assert shared[SUMS] == pytest.approx(resampled(apart) + 2 * unit.patch.box.area)
    assert apart[SUMS] > 1.6 * resampled(apart)
