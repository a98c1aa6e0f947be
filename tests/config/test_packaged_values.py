"""What coaddc's own values of keys select, on exposures made for it."""

import math
from collections.abc import Sequence
from dataclasses import replace

import numpy as np
import pytest

from coaddc.config import keys
from coaddc.config.read import read
from coaddc.model.assembly import Section
from coaddc.model.exposures import ExposureRow, ExposureTable
from coaddc.plan.select import Selector
from tests.assemblies import one_patch, small_survey

GROUPS = keys.find([keys.packaged_conf()]).groups
ROW = small_survey(seed=None, visits=1)[0].table[0]


def table(column: str, values: Sequence[float]) -> ExposureTable:
    rows = [replace(ROW, visit=number, **{column: float(v)}) for number, v in enumerate(values)]
    return ExposureTable(rows)


def section(key: str, value: str) -> Section:
    return read(Section, GROUPS[key][value].content, key)


def admitted(rows: ExposureTable, key: str, value: str) -> list[ExposureRow]:
    return Selector(rows).admitted({key: section(key, value)}, ROW.band)


@pytest.mark.parametrize("key", ["parallactic_angle", "airmass"])
def test_bins_have_every_known_number_once_and_an_unknown_one_never(key: str) -> None:
    numbers = [*np.arange(-405.0, 720.0, 7.5), 1.0, 1.12, 1.41, math.nextafter(1.12, 2), 3.7]
    rows = table(key, [*numbers, math.nan])
    found = [row.visit for value in GROUPS[key] for row in admitted(rows, key, value)]
    assert sorted(found) == list(range(len(numbers)))


@pytest.mark.parametrize(
    ("angles", "value"),
    [
        ([-45.0, 0.0, 44.9, 315.0, 360.0, -360.0], "north"),
        ([45.0, 90.0, 115.2, 134.9, -315.0], "east"),
        ([135.0, 180.0, -180.0, -135.1, 224.9], "south"),
        ([-135.0, -90.0, -45.1, 225.0, 270.0, 314.9], "west"),
    ],
)
def test_angles_wrap_by_either_convention(angles: list[float], value: str) -> None:
    assert len(admitted(table("parallactic_angle", angles), "parallactic_angle", value)) == len(angles)


def test_cumulative_years_are_the_years_up_to_then() -> None:
    rows = table("survey_year", [-0.3, 0.0, 0.99, 1.0, 2.5, 3.0, 5.2, 7.7, 9.1, 9.99, 10.0, math.nan])
    single: list[ExposureRow] = []
    for year in range(1, 11):
        single += admitted(rows, "baseline", f"y{year}")
        assert admitted(rows, "baseline", f"through_y{year}") == single
    assert len(single) == 9


def test_depth24_takes_the_fewest_visits_that_reach_24() -> None:
    """Truth: fluxes of equal signal to noise add as inverse variances do, 1.25 log10 of them in depth."""
    depths = [22.9, 23.8, 23.1, 23.4, 23.3, 23.0]
    rows = table("depth", depths)
    chosen = Selector(rows).select({"selection": section("selection", "depth24")}, ROW.band, one_patch())
    kept = sorted((row.depth for row in chosen.rows), reverse=True)

    def together(these: Sequence[float]) -> float:
        return 1.25 * math.log10(sum(10 ** (0.8 * depth) for depth in these))

    assert kept == sorted(depths, reverse=True)[: len(kept)]
    assert together(kept) >= 24 > together(kept[:-1])


def test_good_seeing_is_a_third_but_six_at_least_and_best_seeing_a_quarter_but_two() -> None:
    for visits, good, best in ((5, 5, 2), (12, 6, 3), (40, 13, 10)):
        rows = table("seeing", np.linspace(0.6, 1.4, visits))
        for value, number in (("goodSeeing", good), ("bestSeeing", best)):
            sections = {"selection": section("selection", value)}
            chosen = Selector(rows).select(sections, ROW.band, one_patch()).rows
            assert [row.visit for row in chosen] == list(range(number))
