"""Which exposures go into a coadd."""

import time
from collections.abc import Mapping
from typing import Any

import numpy as np
import pytest

from coaddc.model.assembly import Section
from coaddc.model.errors import ConfigError
from coaddc.model.exposures import ExposureTable
from coaddc.model.skymap import Patch
from coaddc.model.skymap_options import SkymapOptions
from coaddc.model.skymaps.cover import covering
from coaddc.model.skymaps.discrete import discrete_for
from coaddc.plan.select import Selector, check_sections
from tests.model.skymap_rows import row

NAN = float("nan")


def survey() -> ExposureTable:
    """Six visits of two detectors side by side, and one far off, in two bands."""
    seeing = {11: 0.9, 12: 0.7, 13: NAN, 14: 0.7, 15: 1.4, 16: 0.8}
    rows = []
    for visit, value in seeing.items():
        for detector, dra in (("a", 0.0), ("b", 0.1)):
            rows.append(
                row(
                    ra=(359.98 + dra) % 360, dec=33.0, visit=visit, detector=detector,
                    band="r" if visit == 16 else "g", seeing=value + (0.3 if detector == "b" else 0.0),
                    mjd=57000.0 + visit, exptime=30.0 * (visit - 10),
                )
            )  # fmt: skip
    return ExposureTable([*rows, row(ra=0.7, dec=33.0, visit=99, detector="a", seeing=0.1)])


TABLE = survey()
SKYMAP = discrete_for(SkymapOptions(name="sky", patch_inner=2000, patch_border=20), TABLE)
SELECTOR = Selector(TABLE)


def patch_with(detectors: set[str]) -> Patch:
    """Return a patch on which these detectors of visit 11 lie, and no other."""
    for patch in covering(SKYMAP, TABLE):
        rows = SELECTOR.select({}, "g", patch).rows
        if {r.detector for r in rows if r.visit == 11} == detectors:
            return patch
    raise AssertionError


BOTH, ONLY_B = patch_with({"a", "b"}), patch_with({"b"})


def visits(sections: Mapping[str, Section], patch: Patch = BOTH, band: str = "g") -> list[int]:
    return sorted({r.visit for r in SELECTOR.select(sections, band, patch).rows})


def section(**fields: Any) -> dict[str, Section]:
    return {"selection": Section(**fields)}


def test_band_and_overlap_select_without_any_section() -> None:
    assert visits({}) == [11, 12, 13, 14, 15]
    assert visits({}, band="r") == [16]
    assert visits({}, band="z") == []
    assert [(r.visit, r.detector) for r in SELECTOR.select({}, "g", BOTH).rows] == [
        (v, d) for v in (11, 12, 13, 14, 15) for d in ("a", "b")
    ]


def test_predicates_of_all_keys_are_anded_each_by_itself() -> None:
    sections = {
        "selection": Section(where="visit = 11 OR visit = 12 OR visit = 15"),
        "warp": Section(),
        "baseline": Section(where="visit = 12 OR visit = 15"),
    }
    assert visits(sections) == [12, 15]


def test_an_exposure_of_unknown_seeing_passes_no_cut_on_it() -> None:
    assert visits(section(where="seeing < 9")) == [11, 12, 14, 15]
    assert visits(section(where="seeing >= 0")) == [11, 12, 14, 15]
    assert visits(section(where="seeing IS NULL")) == [13]


def test_predicates_act_on_exposures_and_ranks_on_visits() -> None:
    chosen = SELECTOR.select(section(where="seeing < 1"), "g", BOTH)
    assert [(r.visit, r.detector) for r in chosen.rows] == [(11, "a"), (12, "a"), (14, "a")]
    best = SELECTOR.select(section(order_by="seeing", keep=1), "g", BOTH)
    assert [(r.visit, r.detector) for r in best.rows] == [(12, "a"), (12, "b")]  # 14 is as good, but later


def test_a_rank_is_the_mean_over_what_lies_on_the_patch() -> None:
    # detector b of visit 11 is at 1.2; a of 11 at 0.9
    where = "(visit = 11) OR (visit = 15 AND detector = 'a') OR (visit = 12 AND detector = 'b')"
    assert visits(section(where=where, order_by="abs(seeing - 1.2)", keep=1), ONLY_B) == [11]
    assert visits(section(where=where, order_by="abs(seeing - 1.2)", keep=1), BOTH) == [11]
    assert visits(section(where=where, order_by="-seeing", keep=1), BOTH) == [15]


def test_one_unknown_detector_does_not_spoil_its_visit() -> None:
    table = ExposureTable(
        [
            row(visit=1, detector="a", seeing=NAN),
            row(visit=1, detector="b", seeing=0.5),
            row(visit=2, seeing=0.6),
        ]
    )
    patch = discrete_for(SkymapOptions(name="sky"), table).patches(0)[0]
    chosen = Selector(table).select(section(order_by="seeing", keep=1), "g", patch)
    assert [r.detector for r in chosen.rows] == ["a", "b"]


def test_visits_of_unknown_rank_come_last_and_in_no_fraction() -> None:
    assert visits(section(order_by="seeing", keep=4)) == [11, 12, 14, 15]
    assert visits(section(order_by="seeing", keep=5)) == [11, 12, 13, 14, 15]
    assert visits(section(order_by="seeing", keep={"fraction": 1})) == [11, 12, 14, 15]
    assert visits(section(order_by="seeing", keep=0.5)) == [12, 14]


def test_a_sum_counts_a_visit_once_however_many_detectors_lie_on_the_patch() -> None:
    # in order of seeing: 12 (60 s), 14 (120 s), 11 (30 s), 15 (150 s), 13 (90 s)
    keep = {"column": "exptime", "sum": 180}
    assert visits(section(order_by="seeing", keep=keep)) == [12, 14]
    assert visits(section(order_by="seeing", keep=keep | {"sum": 181})) == [11, 12, 14]
    assert visits(section(order_by="seeing", keep=keep | {"sum": 1e6})) == [11, 12, 13, 14, 15]


def test_ranks_apply_after_all_predicates_and_in_the_order_of_the_keys() -> None:
    latest, sharpest = Section(order_by="-mjd", keep=3), Section(order_by="seeing", keep=1)
    cut = Section(where="visit < 15")
    assert visits({"late": latest, "sharp": sharpest}) == [14]
    assert visits({"sharp": sharpest, "late": latest}) == [12]
    assert visits({"late": latest, "cut": cut}) == [12, 13, 14]


def test_ranks_are_apart_for_each_patch_and_band() -> None:
    sections = section(order_by="-visit", keep=1)
    assert visits(sections) == [15]
    assert visits(sections, band="r") == [16]


def test_two_cameras_may_use_one_visit_number() -> None:
    table = ExposureTable([row(visit=1, instrument="one"), row(visit=1, instrument="two", seeing=0.5)])
    patch = discrete_for(SkymapOptions(name="sky"), table).patches(0)[0]
    chosen = Selector(table).select(section(order_by="seeing", keep=1), "g", patch)
    assert [r.instrument for r in chosen.rows] == ["two"]


def test_admitted_are_all_in_the_band_that_the_predicates_let_pass_anywhere() -> None:
    admitted = SELECTOR.admitted(section(where="seeing < 0.8", order_by="seeing", keep=1), "g")
    assert [r.visit for r in admitted] == [12, 14, 99]
    assert SELECTOR.admitted({}, "z") == []


def test_notes_say_how_many_each_step_left() -> None:
    sections = {
        "selection": Section(where="seeing < 1.5"),
        "best": Section(order_by="seeing", keep=2),
        "night": Section(where="mjd > 60000"),
    }
    assert SELECTOR.select(sections, "g", BOTH).notes == (
        "11 of 13 exposures in band g",
        f"10 on tract 0 patch {BOTH.name}",
        "7 left by selection.where: seeing < 1.5",
        "0 left by night.where: mjd > 60000",
        "0 (0 visits) left by best.keep=2 by seeing",
    )


@pytest.mark.parametrize(
    ("fields", "message"),
    [
        ({"where": "seing < 1"}, r"selection\.where: no column 'seing'.*'seeing'"),
        ({"order_by": "airmas", "keep": 3}, r"selection\.order_by: no column 'airmas'"),
        ({"order_by": "airmas"}, r"selection\.order_by: no column 'airmas'"),
        ({"order_by": "airmass", "keep": "few"}, r"selection\.keep='few' is not understood"),
        ({"keep": 3}, r"selection\.keep=3: say what visits are ranked by, selection\.order_by"),
        (
            {"order_by": "airmass", "keep": {"column": "exptme", "sum": 3}},
            r"selection\.keep\.column: no column 'exptme'.*'exptime'",
        ),
    ],
)
def test_mistakes_are_refused_before_any_exposure_is_read(fields: dict[str, Any], message: str) -> None:
    with pytest.raises(ConfigError, match=message):
        check_sections(section(**fields))


def test_an_empty_table_selects_nothing() -> None:
    chosen = Selector(ExposureTable([])).select(section(order_by="seeing", keep=0.5), "g", BOTH)
    assert chosen.rows == ()
    assert chosen.notes[0] == "0 of 0 exposures in band g"


def test_ten_thousand_selections_take_seconds() -> None:
    rng = np.random.default_rng(4)
    table = ExposureTable(
        row(ra=10 + 2.4 * ra, dec=-5 + 2.4 * dec, visit=v, seeing=s, survey_year=y, nx=700, ny=700)
        for v, (ra, dec, s, y) in enumerate(rng.uniform([0, 0, 0.6, 0], [1, 1, 1.6, 10], (300, 4)))
    )
    options = SkymapOptions(name="sky", patch_inner=900, patch_border=50)
    patches = discrete_for(options, table).patches(0)[:500]
    recipes = [
        section(where=f"survey_year < {year}", order_by="seeing", keep=keep)
        for year in range(1, 11)
        for keep in (3, 0.4)
    ]
    selector = Selector(table, patches)
    start = time.process_time()
    rows = [len(selector.select(s, "g", patch).rows) for s in recipes for patch in patches]
    assert len(rows) == 10_000
    assert max(rows) == 3
    assert time.process_time() - start < 5  # some 0.3 s; the limit is for busy machines


def test_a_patch_not_announced_is_selected_as_one_that_was() -> None:
    sections = section(where="seeing < 2", order_by="seeing", keep=0.6)
    patches = SKYMAP.patches(0)
    together, apart = Selector(TABLE, patches), Selector(TABLE)
    for patch in reversed(patches):
        found = [selector.select(sections, "g", patch) for selector in (together, apart)]
        assert found[0].rows == found[1].rows
        assert found[0].notes == found[1].notes
