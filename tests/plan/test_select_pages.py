"""The selections of the page on visits: each does what it says, on a table of which the answer is known."""

import re
from pathlib import Path

import numpy as np
import pytest
import yaml

from coaddc.model.assembly import Section
from coaddc.model.exposures import ExposureRow, ExposureTable
from coaddc.plan.select import Selector
from tests.assemblies import one_patch, small_survey

PAGE = Path(__file__).parents[2] / "docs" / "how-to" / "select-visits.md"
BLOCKS = {
    (found := yaml.safe_load(text))["doc"]: found
    for text in re.findall(r"```yaml\n(.*?)```", PAGE.read_text(), re.DOTALL)
}
VISITS = 30


def rows() -> list[ExposureRow]:
    """Return 30 visits of two detectors, of seeing 0.6 + n / 20 in an order that is not theirs."""
    base = [e.row for e in small_survey(visits=1)[0].exposures]
    order = np.random.default_rng(4).permutation(VISITS)
    made = []
    for visit, n in enumerate(order):
        for row in base:
            fields = {name: getattr(row, name) for name in ExposureRow.__dataclass_fields__}
            fields |= {"visit": 100 + visit, "seeing": 0.6 + n / 20, "depth": 24.0 - n / 50, "exptime": 30.0}
            fields |= {"mjd": 58995.0 + n, "zero_point": 28.7 - (1.0 if n == 7 else 0.0)}
            fields |= {"good_fraction": 0.5 if (n, row.detector) == (3, "1") else 0.99}
            fields |= {"digest": f"{visit}-{row.detector}", "file": f"{visit}-{row.detector}"}
            made.append(ExposureRow(**fields))
    return made


def chosen(doc: str) -> list[tuple[int, str]]:
    """Return the ranks in seeing, and the detectors, of what the block with this doc keeps."""
    selector = Selector(ExposureTable(rows()))
    found = selector.select({"selection": Section(**BLOCKS[doc])}, "r", one_patch()).rows
    return sorted((round((row.seeing - 0.6) * 20), row.detector) for row in found)


def both(ranks: range) -> list[tuple[int, str]]:
    return [(n, detector) for n in ranks for detector in "01"]


def test_a_quantile_of_seeing() -> None:
    assert chosen("the sharper third of the visits, six at least") == both(range(10))


def test_a_number_of_the_sharpest_within_limits() -> None:
    assert chosen("the twelve sharpest visits") == both(range(5, 17))


@pytest.mark.parametrize(
    ("doc", "unit", "wanted"),
    [
        ("the deepest visits that together reach 24.5 mag", 10 ** (0.8 * -0.5), 1.0),
        ("five minutes of effective exposure", 30.0, 300.0),
    ],
)
def test_depth_and_effective_time_add_up(doc: str, unit: float, wanted: float) -> None:
    worth = np.cumsum([unit * 10 ** (0.8 * -n / 50) for n in range(VISITS)])
    count = int(np.searchsorted(worth, wanted)) + 1
    assert 2 < count < VISITS
    assert chosen(doc) == both(range(count))


def test_clouds_take_a_visit_and_a_bad_detector_goes_alone() -> None:
    left = chosen("clear nights, whole detectors")
    assert set(both(range(VISITS))) - set(left) == {(7, "0"), (7, "1"), (3, "1")}


def test_a_place_is_chosen_by_where_detectors_lie() -> None:
    doc = "detectors that lie within half a degree of the field's middle"
    assert chosen(doc) == []  # the small survey lies 7 degrees away
    near = Section(where=BLOCKS[doc]["where"].replace("17.3", "24.6"))
    assert len(Selector(ExposureTable(rows())).select({"s": near}, "r", one_patch()).rows) == 2 * VISITS


def test_the_page_has_no_block_that_is_not_tested() -> None:
    text = Path(__file__).read_text()
    assert len(BLOCKS) == 6
    assert all(doc in text for doc in BLOCKS)
