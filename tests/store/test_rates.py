"""What the store remembers of how fast ops were."""

import json
import threading
from pathlib import Path

import pytest

from coaddc.store.rates import FILE, RUNS, add_run, read_rates


def test_nothing_is_known_where_nothing_ran(tmp_path: Path) -> None:
    assert read_rates(tmp_path / "absent") == {}


def test_a_slow_first_run_does_not_count_for_long(tmp_path: Path) -> None:
    add_run(tmp_path, {"warp": (1000.0, 5000.0)})
    assert read_rates(tmp_path) == {"warp": 5.0}
    for seconds in (10.0, 12.0, 11.0):
        add_run(tmp_path, {"warp": (1000.0, seconds), "stack": (500.0, 1.0)})
    assert read_rates(tmp_path) == {"warp": 0.011, "stack": 0.002}


def test_large_runs_count_for_more(tmp_path: Path) -> None:
    for _ in range(3):
        add_run(tmp_path, {"warp": (10.0, 10.0)})
    add_run(tmp_path, {"warp": (1e6, 1e3)})
    assert read_rates(tmp_path) == {"warp": 1e-3}


def test_old_runs_are_forgotten(tmp_path: Path) -> None:
    for i in range(RUNS + 4):
        add_run(tmp_path, {"warp": (1.0, float(i))})
    assert len(json.loads((tmp_path / FILE).read_text())["runs"]) == RUNS


@pytest.mark.parametrize(
    "text", ["", "[1]", '{"format": 99}', '{"format": 1, "runs": [{"ops": {"warp": 1}}]}']
)
def test_a_broken_file_is_as_none_and_the_next_run_mends_it(tmp_path: Path, text: str) -> None:
    (tmp_path / FILE).write_text(text)
    assert read_rates(tmp_path) == {}
    add_run(tmp_path, {"warp": (2.0, 1.0)})
    assert read_rates(tmp_path) == {"warp": 0.5}


def test_what_is_not_a_number_is_not_kept(tmp_path: Path) -> None:
    add_run(tmp_path, {"warp": (2.0, float("nan")), "stack": (0.0, 1.0), "psf": (4.0, 1.0)})
    assert read_rates(tmp_path) == {"psf": 0.25}


def test_writers_at_once_lose_nothing(tmp_path: Path) -> None:
    threads = [threading.Thread(target=add_run, args=(tmp_path, {f"op{i}": (1.0, 1.0)})) for i in range(6)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(read_rates(tmp_path)) == 6


def test_a_store_that_cannot_be_written_is_no_failure(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    add_run(tmp_path / "file", {"warp": (1.0, 1.0)})
