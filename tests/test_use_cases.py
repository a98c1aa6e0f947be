"""The page on a use case of one's own, done to the letter: its files written, its commands run."""

import os
import subprocess
import sys
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from coaddc import Butler
from coaddc.config.keys import load
from coaddc.model.assembly import Section
from coaddc.model.exposures import ExposureTable
from coaddc.plan.select import Selector
from tests.assemblies import small_survey
from tests.pages import ROOT, blocks, commands, write_files

PAGE = ROOT / "docs/how-to/your-use-case.md"
#: 24 visits of a tiny camera: in each band some in dark and some in bright time.
SMALL = [
    f"survey.simulation.{field}={value}"
    for field, value in {
        "visits": 24, "detectors": 1, "nx": 120, "ny": 100, "stars": 30, "galaxies": 10,
    }.items()
]  # fmt: skip


@pytest.fixture(scope="module")
def done(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, list[str]]:
    """A folder in which a reader has followed the page, and what each command said."""
    folder = tmp_path_factory.mktemp("use_case")
    assert len(write_files(PAGE, folder)) == 5
    said = []
    for words in commands(PAGE):
        small = SMALL if "=" in words[0] or words[0] == "plan" else []
        run = subprocess.run(
            [sys.executable, "-m", "coaddc", *words, *small],
            cwd=folder, capture_output=True, text=True, check=False, env=os.environ | {"COLUMNS": "200"},
        )  # fmt: skip
        assert run.returncode == 0, run.stdout + run.stderr
        said.append(run.stdout)
    return folder, said


def lit(mjd: float) -> float:
    """Return the cosine of the moon's mean elongation: 1 when new, -1 when full."""
    return float(np.cos(2 * np.pi * (mjd - 59581.77) / 29.530589))


def test_the_commands_of_the_page_do_what_it_says(done: tuple[Path, list[str]]) -> None:
    help_, plan, first, second, listed = done[1]
    for word in ("moon", "best5", "lanczos5", "darkTime", "less than half of the moon is lit"):
        assert word in help_
    assert "8 products asked: 8 to make" in plan
    assert "8 made" in first
    assert "2 made, 2 up to date" in second
    assert listed.count(" dark ") == 6
    assert " bright " not in listed


def test_the_python_of_the_page_finds_the_coadds(
    done: tuple[Path, list[str]], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(done[0])
    space: dict[str, Any] = {}
    for text, _ in blocks(PAGE, "python"):
        exec(text, space)
    assert space["dark"].data_id["moon"] == "dark"


def test_each_coadd_has_the_sharpest_five_visits_of_its_half_of_the_month(
    done: tuple[Path, list[str]],
) -> None:
    butler = Butler(done[0] / "coadds")
    everything = {}
    for band in "gr":
        for moon in ("dark", "bright"):
            data_id = {"band": band, "moon": moon, "selection": "best5"}
            made = [butler.get(**data_id, warp=warp) for warp in ("direct", "lanczos5")]
            rows, fine = ([item.row for item in coadd.inputs] for coadd in made)
            assert rows == fine
            assert 1 <= len(rows) <= 5
            assert all((lit(row.mjd) > 0) == (moon == "dark") for row in rows)
            everything[band, moon] = rows
        assert len(everything[band, "dark"]) == 5  # of more


def test_the_interpolant_is_that_of_the_value(done: tuple[Path, list[str]]) -> None:
    butler = Butler(done[0] / "coadds", band="g", moon="dark", selection="best5")
    assert butler.get("coadd.config", warp="lanczos5")["warp"]["interpolant"] == "lanczos5"
    assert butler.get("coadd.config")["warp"]["interpolant"] == "omoms3"
    one, other = butler.get("coadd.image", warp="lanczos5"), butler.get("coadd.image")
    assert np.nanmax(np.abs(one - other)) > 0


def test_the_moon_of_the_page_is_the_moon_of_the_almanac(tmp_path: Path) -> None:
    """New moons of 2025-01-29 and 2026-02-17; full moons of 2025-03-14 and 2026-01-03."""
    write_files(PAGE, tmp_path)
    row = small_survey(seed=None, visits=1)[0].table[0]
    times = {60704.525: "dark", 61088.501: "dark", 60748.288: "bright", 61043.419: "bright"}
    rows = ExposureTable([replace(row, visit=i, mjd=mjd) for i, mjd in enumerate(times)])
    for value in ("dark", "bright"):
        where = load(tmp_path / f"conf/moon/{value}.yaml")["where"]
        found = Selector(rows).admitted({"moon": Section(where=where)}, row.band)
        assert [times[row.mjd] for row in found] == [value, value]
        assert all(abs(lit(row.mjd)) > 0.97 for row in found)
