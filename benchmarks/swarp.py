"""coaddc and SWarp on the same exposures and grid, with Lanczos-3: time, memory and pixels.

Weighted, clipped means and medians take turns in each round; two threads. With ``--reproject`` (the extra
``bench``) that too, once, with the bicubic interpolation that it has.

python benchmarks/swarp.py [--count N] [--side PIXELS] [--rounds N] [--statistics NAME ...] [--folder FOLDER]
    [--write FILE] [--reproject]
"""

from __future__ import annotations

import argparse
import shutil
import tempfile
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from statistics import median

import numpy as np
from astropy.io import fits
from exposures import Field, level_weights, write
from measure import Agreement, agreement, markdown, tell, undisturbed
from programs import (
    Cost,
    coadd_path,
    machine,
    read_coaddc,
    read_swarp,
    run_coaddc,
    run_reproject,
    run_swarp,
)

from coaddc.model.wcs import Wcs

#: What makes the two programs do the same: values times the area of the new pixel, wherever it is.
SAME = {"RESAMPLING_TYPE": "LANCZOS3", "COMBINE_TYPE": "WEIGHTED", "FSCALASTRO_TYPE": "VARIABLE"}
#: What SWarp calls a statistic.
COMBINE = {"mean": "WEIGHTED", "clipped": "CLIPPED", "median": "MEDIAN"}
#: Settings that leave less and less of what the programs do differently, and the weights that go with them.
STEPS = (
    ("SWarp's defaults: one area of a pixel per exposure", {"FSCALASTRO_TYPE": "FIXED"}, "weight"),
    ("the area of each pixel; weights follow it", {}, "weight"),
    ("one weight per exposure", {}, "level"),
    ("exact projection (PROJECTION_ERR 0)", {"PROJECTION_ERR": "0"}, "level"),
)
OVERRIDES = ("warp=lanczos3", "stack=mean")
FIRST, WARM = "the very first run", "exposures scanned before"
#: Distance, pixels, to edges and bad pixels.
MARGIN = 8
#: Sigma of a pixel below which it is called faint.
FAINT = 5.0
#: Costs by statistic, program, and how it ran.
Found = dict[tuple[str, str, str], list[Cost]]


def timed(folder: Path, field: Field, words: argparse.Namespace) -> Found:
    """Run both programs by turns; return what each run took."""
    write(folder, field)
    found: Found = {}
    kept = {"NUMBA_CACHE_DIR": str(folder / "numba")}

    def ours(statistic: str, store: str, how: str = "") -> None:
        asked = (OVERRIDES[0], f"stack={statistic}")
        found.setdefault((statistic, "coaddc", how), []).append(run_coaddc(folder, store, asked, **kept))

    ours("mean", "first", FIRST)
    grid = read_coaddc(coadd_path(folder, "first")).header
    level_weights(folder, Wcs(grid))
    for statistic in words.statistics:  # what it needs beside the mean is compiled, uncounted
        run_coaddc(folder, f"compiled-{statistic}", (OVERRIDES[0], f"stack={statistic}"), **kept)
    for turn in range(words.rounds):
        for statistic in words.statistics:
            settings = {**SAME, "COMBINE_TYPE": COMBINE[statistic]}
            theirs = found.setdefault((statistic, "SWarp", ""), [])
            theirs.append(run_swarp(folder, f"swarp-{statistic}", grid, settings))
            shutil.rmtree(folder / "cache")
            ours(statistic, f"cold-{statistic}-{turn}")
            ours(statistic, f"warm-{statistic}-{turn}", WARM)
    if words.reproject:
        found["mean", "reproject, bicubic", ""] = [run_reproject(folder, "reproject", grid)]
    return found


def compared(folder: Path, store: str, output: str, faint: float = np.inf) -> Agreement:
    """Compare a coadd of coaddc with one of SWarp, where pixels are fainter than this many sigma."""
    path = coadd_path(folder, store)
    ours = read_coaddc(path)
    clear = undisturbed(fits.getdata(path, "NIMAGE"), MARGIN)
    clear &= np.abs(ours.image) * np.sqrt(ours.inverse) < faint
    return agreement(ours, read_swarp(folder, output), clear)


def costs_table(found: Found) -> str:
    """Return medians, ranges, and ratios to SWarp's of the same statistic as a table."""
    rows = []
    for (statistic, program, how), costs in sorted(found.items(), key=lambda item: item[0][0], reverse=True):
        reference = _medians(found[statistic, "SWarp", ""])
        wall, cpu, peak = _medians(costs)
        span = f"{wall:.1f} ({min(c.wall for c in costs):.1f}-{max(c.wall for c in costs):.1f})"
        ratios = [f"{a / b:.3f}" for a, b in zip((wall, cpu, peak), reference, strict=True)]
        name = f"{program}, {how}" if how else program
        rows.append([statistic, name, str(len(costs)), span, f"{cpu:.1f}", f"{peak:.0f}", *ratios])
    head = [
        "",
        "",
        "runs",
        "wall (s)",
        "CPU (s)",
        "peak (MB)",
        *(f"{of} / SWarp" for of in ("wall", "CPU", "peak")),
    ]
    return markdown(head, rows)


def _medians(costs: Sequence[Cost]) -> tuple[float, float, float]:
    return median(c.wall for c in costs), median(c.cpu for c in costs), median(c.peak for c in costs)


def steps_table(folder: Path, field: Field) -> str:
    """Return how the pixels agree as one difference after the other is taken away."""
    found: dict[str, list[str]] = {name: [name] for name, _, _ in STEPS}
    for stars in (False, True):
        place = folder / ("stars" if stars else "empty")
        place.mkdir(parents=True)
        write(place, replace(field, stars=stars))
        run_coaddc(place, "store", OVERRIDES)
        grid = read_coaddc(coadd_path(place, "store")).header
        level_weights(place, Wcs(grid))
        for name, settings, weights in STEPS:
            run_swarp(place, "swarp", grid, {**SAME, **settings}, weights)
            found[name] += cells(compared(place, "store", "swarp"))
    head = ["SWarp with", *(f"{what}{where}" for where in (", empty sky", ", stars") for what in CELLS)]
    return markdown(head, list(found.values()))


CELLS = ("rms", "median", "largest")


def cells(found: Agreement) -> list[str]:
    return [f"{value:.1e}" for value in (found.rms, found.median, found.largest)]


def report(folder: Path, field: Field, small: Field, words: argparse.Namespace) -> str:
    """Make all, and return what was found."""
    (folder / "timed").mkdir(parents=True)
    place = folder / "timed"
    costs = timed(place, field, words)
    agree = [
        [name, *cells(compared(place, "first", "swarp-mean", faint))]
        for name, faint in (("all pixels", np.inf), (f"pixels below {FAINT:g} sigma", FAINT))
    ]
    return "\n\n".join(
        [
            f"{machine()}. Two threads.",
            f"## Time\n\n{field.count} exposures of {field.side} x {field.side} pixels, with stars.",
            costs_table(costs),
            "Differences of their pixels over the noise:",
            markdown(["", *CELLS], agree) if "mean" in words.statistics else "",
            "## Pixels\n\nDifferences of coaddc from SWarp over the noise, with no edge or bad pixel within "
            f"{MARGIN} pixels; {small.count} exposures of {small.side} x {small.side} pixels.",
            steps_table(folder / "steps", small),
        ]
    )


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--count", type=int, default=20, help="number of exposures that are timed")
    parser.add_argument("--side", type=int, default=2048, help="rows and columns of each")
    parser.add_argument("--rounds", type=int, default=2)
    parser.add_argument("--statistics", nargs="+", choices=tuple(COMBINE), default=list(COMBINE))
    parser.add_argument(
        "--small", type=int, default=900, help="rows and columns of the five that are compared"
    )
    parser.add_argument("--folder", type=Path, help="an empty one, kept; else a temporary one")
    parser.add_argument("--reproject", action="store_true", help="time reproject too: it takes minutes")
    parser.add_argument("--write", type=Path, help="file for the tables, Markdown")
    words = parser.parse_args()
    field = Field(count=words.count, side=words.side)
    small = Field(count=5, side=words.small, seed=3)
    with tempfile.TemporaryDirectory() as temporary:
        folder = words.folder.resolve() if words.folder else Path(temporary)
        text = report(folder, field, small, words) + "\n"
    tell(text, words.write)


if __name__ == "__main__":
    main()
