"""How fast ops have been here: a file of the store that estimates are made from, and nothing else."""

from __future__ import annotations

import json
import logging
import math
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from coaddc.store.disk import locked, replace_text

FILE = "rates.json"
FORMAT = 1
#: Runs that are remembered.
RUNS = 9

#: Kind of task to the pixels that it went through and the seconds of one thread that it took.
Measured = Mapping[str, tuple[float, float]]
log = logging.getLogger(__name__)


def read_rates(root: Path) -> dict[str, float]:
    """Return the seconds of one thread that a pixel takes, by op; empty where nothing has run.

    Of the runs that are remembered the median, each counted by its pixels: a first run that compiled its
    kernels, or one on a busy machine, does not count for long.
    """
    seen: dict[str, list[tuple[float, float]]] = {}
    for run in _runs(root):
        for op, (pixels, seconds) in run["ops"].items():
            if pixels > 0:
                seen.setdefault(op, []).append((seconds / pixels, pixels))
    return {op: _median(rates) for op, rates in seen.items()}


def add_run(root: Path, measured: Measured) -> None:
    """Remember what a run measured; that it cannot be written is no failure of the run."""
    ops = {op: list(pair) for op, pair in measured.items() if all(map(math.isfinite, pair))}
    try:
        with locked(root):
            runs = [*_runs(root), {"ops": ops}][-RUNS:]
            replace_text(root, root / FILE, json.dumps({"format": FORMAT, "runs": runs}, indent=1) + "\n")
    except OSError as error:
        log.info("%s: not written: %s", root / FILE, error)


def _runs(root: Path) -> list[dict[str, Any]]:
    """Return what is remembered; a file that is broken, or of another format, is as none."""
    try:
        data = json.loads((root / FILE).read_text(encoding="utf-8"))
        if data["format"] != FORMAT:
            return []
        runs: list[dict[str, Any]] = data["runs"]
        for run in runs:
            for pixels, seconds in run["ops"].values():
                pixels + seconds
    except FileNotFoundError:
        return []
    except (OSError, ValueError, KeyError, TypeError, AttributeError) as error:
        log.info("%s: unusable: %s", root / FILE, error)
        return []
    return runs


def _median(rates: list[tuple[float, float]]) -> float:
    half, below = sum(pixels for _, pixels in rates) / 2, 0.0
    for rate, pixels in sorted(rates):
        below += pixels
        if below >= half:
            return rate
    return math.nan
