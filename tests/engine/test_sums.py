"""Means of one suite against the same means made one by one, and the sums behind them."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from coaddc.model.assembly import (
    ArtifactsSection,
    Assembly,
    Matching,
    Rejection,
    Section,
    StackSection,
    WarpSection,
    Weighting,
)
from coaddc.model.geom import Box
from coaddc.model.images import Coadd, Stacked, Warp
from coaddc.model.mask import bit
from coaddc.ops.mean import MeanStack
from coaddc.plan.memory import TOGETHER
from tests.assemblies import MemorySurvey, assembly, small_survey
from tests.engine.test_run import only, run

BOX = Box(y0=-9, y1=62, x0=300, x1=383)


def wild_warp(rng: np.random.Generator) -> Warp:
    """Make a warp over part of the box, of noise and bright pixels, with rejected ones that hold NaN."""
    y0, x0 = BOX.y0 - 3 + int(rng.integers(0, 20)), BOX.x0 - 5 + int(rng.integers(0, 20))
    box = Box(y0=y0, y1=y0 + int(rng.integers(20, 70)), x0=x0, x1=x0 + int(rng.integers(20, 80)))
    sigma = rng.uniform(2.0, 9.0)
    image = (
        sigma * rng.standard_normal(box.shape) * 10.0 ** rng.choice([0, 1, 5], box.shape, p=[0.8, 0.1, 0.1])
    )
    variance = sigma**2 * rng.uniform(0.3, 900.0, box.shape)
    weight = np.where(rng.random(box.shape) < 0.1, 0.0, rng.uniform(0.5, 2.0, box.shape) / sigma**2)
    mask = rng.choice([0, bit("BAD"), bit("SAT"), bit("EDGE")], box.shape, p=[0.7, 0.1, 0.1, 0.1])
    image[mask == bit("BAD")] = np.nan
    return Warp(
        box,
        image.astype(np.float32),
        variance.astype(np.float32),
        mask.astype(np.int32),
        weight.astype(np.float32),
    )


def same(one: Stacked, other: Stacked) -> bool:
    names = ("image", "variance", "mask", "n_image")
    return all(np.array_equal(getattr(one, n), getattr(other, n), equal_nan=True) for n in names)


@given(
    st.integers(0, 10**6), st.lists(st.integers(0, 3), min_size=1, max_size=14), st.sampled_from(Weighting)
)
def test_sums_of_sums_are_the_sum_of_all_to_the_last_bit(seed: int, atoms: list[int], how: Weighting) -> None:
    rng = np.random.default_rng(seed)
    options = StackSection(weighting=how)
    whole, merged = (MeanStack.empty(options, BOX) for _ in range(2))
    parts = [MeanStack.empty(options, BOX) for _ in range(4)]
    for atom in atoms:
        warp = wild_warp(rng)
        whole.add(warp)
        parts[atom].add(warp)
    for part in reversed(parts):
        merged.merge(part)
    assert same(whole.finish(), merged.finish())


def test_the_mean_of_wild_warps_is_that_of_exact_arithmetic_to_single_precision() -> None:
    rng = np.random.default_rng(4)
    options, warps = StackSection(), [wild_warp(rng) for _ in range(9)]
    stack = MeanStack.empty(options, BOX)
    total, norm, noise = np.zeros((3, *BOX.shape), np.longdouble)
    size = np.zeros(BOX.shape)
    for warp in warps:
        stack.add(warp)
        part = warp.crop(BOX)
        at = part.box.within(BOX)
        good = (part.weight > 0) & (part.mask & (bit("BAD") | bit("SAT")) == 0)
        w = np.where(good, part.weight, 0).astype(np.longdouble)
        value = np.where(good, part.image, 0)
        total[at] += w * value
        norm[at] += w
        noise[at] += w**2 * part.variance
        size[at] += (w * np.abs(value)).astype(float)
    made = stack.finish()
    some = norm > 0
    error = np.abs(made.image - total / np.where(some, norm, 1))[some]
    assert (error <= 1.2e-7 * (size / np.where(some, norm, 1))[some]).all()
    np.testing.assert_allclose(made.variance[some], (noise[some] / norm[some] ** 2).astype(float), rtol=3e-7)
    assert np.isnan(made.image[~some]).all()


def test_a_part_of_sums_is_a_window_on_them_and_empties_alone() -> None:
    rng = np.random.default_rng(6)
    warps = [wild_warp(rng) for _ in range(5)]
    whole, parted = (MeanStack.empty(StackSection(), BOX) for _ in range(2))
    rows = [Box(y0=y, y1=min(y + 20, BOX.y1), x0=BOX.x0, x1=BOX.x1) for y in range(BOX.y0, BOX.y1, 20)]
    for warp in warps:
        whole.add(warp)
        for part in reversed(rows):
            parted.part(part).add(warp.crop(part))
    assert same(whole.finish(), parted.finish())
    parted.part(rows[1]).clear()
    left = parted.finish()
    assert same(left.part(rows[0]), whole.finish().part(rows[0]))
    assert (left.part(rows[1]).n_image == 0).all()
    assert (left.part(rows[1]).mask == bit("NO_DATA")).all()


def baseline(name: str, where: str) -> Assembly:
    return assembly({"baseline": name}, baseline=Section(where=where))


SUITE = [
    baseline(name, where)
    for name, where in (
        ("early", "visit < 2"), ("late", "visit >= 2"), ("all", "visit < 9"), ("not the last", "visit < 4"),
        ("not the first", "visit > 0"),
    )
]  # fmt: skip


def by_name(made: dict[str, Coadd]) -> dict[str, Stacked]:
    return {name.split("baseline=")[1]: coadd.stacked for name, coadd in made.items()}


@pytest.mark.parametrize("how", [{"workers": 3, "tile": 64}, {"workers": 1, "memory": 0.03}])
def test_a_suite_has_the_bytes_of_its_products_made_alone(how: dict[str, float]) -> None:
    survey, _ = small_survey()
    together = by_name(run(survey, *SUITE, **how))
    for asked in SUITE:
        alone = only(run(survey, asked, workers=2))
        assert same(together[asked.keys["baseline"]], alone.stacked), asked.keys


def test_years_that_follow_each_other_take_the_memory_of_a_few_sums(monkeypatch: pytest.MonkeyPatch) -> None:
    survey, _ = small_survey(visits=8)
    years = [baseline(f"y{k}", f"visit = {k}") for k in range(8)]
    made: list[Box] = []
    real = MeanStack.empty

    def counted(options: StackSection, box: Box) -> MeanStack:
        made.append(box)
        return real(options, box)

    monkeypatch.setattr(MeanStack, "empty", counted)
    coadds = by_name(run(survey, *years, baseline("all", "visit < 9"), tile=64))
    assert len(coadds) == 9
    assert len(made) <= TOGETHER + 2  # for all tiles; not 9 for each


def test_a_broken_exposure_takes_the_stacks_that_have_it_and_no_others() -> None:
    survey, _ = small_survey()
    broken = MemorySurvey(survey.exposures, frozenset({"v0-1"}))
    made = {name.split("baseline=")[1]: coadd for name, coadd in run(broken, *SUITE).items()}
    whole = by_name(run(survey, *SUITE))
    for name, coadd in made.items():
        if name in ("late", "not the first"):
            assert same(coadd.stacked, whole[name])
        else:
            assert "v0-1: truncated" in coadd.reason


def test_sums_are_made_where_stacks_wait_for_artifacts_too() -> None:
    survey, _ = small_survey(visits=3)
    found = ArtifactsSection(method=Rejection.compare_warp)
    likelihood = WarpSection(matching=Matching.likelihood)
    asked = [assembly({"baseline": a.keys["baseline"]}, baseline=a.sections["baseline"], warp=likelihood,
                      artifacts=found) for a in SUITE[0:3:2]]  # fmt: skip
    together = by_name(run(survey, *asked))
    alone = only(run(survey, asked[1]))
    assert same(together["all"], alone.stacked)
