"""The years of a survey that spans eight of them: WISE, in the series of baselines.

Whoever wants the numbers: ``python benchmarks/baselines.py`` prints what is asserted here.
"""

import sys
from math import log10
from pathlib import Path

import pytest

sys.path.append(str(Path(__file__).parents[2] / "benchmarks"))

import baselines
import real_sets


@pytest.fixture(scope="module")
def wise(tmp_path_factory: pytest.TempPathFactory) -> list[list[baselines.Epoch]]:
    shared = real_sets.shared_folder().resolve()
    data = shared / "data" / baselines.FOLDER
    if not data.is_dir():
        pytest.skip(f"{data} is absent: real data are not part of the repository (see COADDC_SHARED)")
    words = ("survey=unwise_tr", f"survey.path={data}")
    store, pair = tmp_path_factory.mktemp("wise") / "coadds", baselines.gaia_pair(shared)
    return [baselines.series(words, store, pair, band=band) for band in ("w1", "w2")]


def test_each_year_has_its_visits_and_the_years_add_up(wise: list[list[baselines.Epoch]]) -> None:
    for epochs in wise:
        single = {e.baseline: e.inputs for e in baselines.yearly(epochs)}
        assert single == {"y1": 2, "y4": 1, "y5": 3, "y6": 2, "y7": 2, "y8": 2}
        total = {e.last: e.inputs for e in baselines.cumulative(epochs)}
        assert total == {n: sum(v for k, v in single.items() if int(k[1:]) <= n) for n in range(1, 11)}
        assert [e.inputs for e in epochs if e.baseline == "all"] == [12]


def test_depth_adds_up_over_the_years(wise: list[list[baselines.Epoch]]) -> None:
    for epochs in wise:
        single = [e.depth for e in baselines.yearly(epochs)]
        last = max(baselines.cumulative(epochs), key=lambda e: e.last)
        assert last.depth == pytest.approx(1.25 * log10(sum(10 ** (0.8 * d) for d in single)), abs=0.1)


def test_a_star_moves_from_year_to_year_as_gaia_has_it(wise: list[list[baselines.Epoch]]) -> None:
    pair = baselines.gaia_pair(real_sets.shared_folder())
    assert pair.motion[0] < -40.0
    for (rate, error), gaia in zip(baselines.motion(wise), pair.motion, strict=True):
        assert error < 40.0
        assert abs(rate - gaia) < 2.0 * error
    assert baselines.motion(wise)[0][0] < -10.0
