"""How coaddc's time and memory grow: with exposures (SWarp beside it), products, patches, and recipes.

python benchmarks/growth.py [--side PIXELS] [--counts N ...] [--write FILE]
"""

from __future__ import annotations

import argparse
import shutil
import tempfile
from collections.abc import Iterator, Sequence
from pathlib import Path

from compiling import several
from exposures import Field, level_weights, write
from measure import markdown, tell
from programs import SWARP, Cost, coadd_path, machine, read_coaddc, run_coaddc, run_swarp

from coaddc.model.wcs import Wcs

#: The same work for both programs.
MEAN = ("warp=lanczos3", "stack=mean")
SAME = {"RESAMPLING_TYPE": "LANCZOS3", "COMBINE_TYPE": "WEIGHTED", "FSCALASTRO_TYPE": "VARIABLE"}
#: Statistics whose memory is shown.
STATISTICS = ("mean", "median", "clipped")
#: One product more each: values of keys of which every combination is made.
SUITES = (
    ("warp=direct",),
    ("warp=direct,lanczos3",),
    ("warp=direct,lanczos3", "stack=mean,clipped"),
    ("warp=direct,lanczos3", "stack=mean,clipped,median"),
    ("warp=direct,lanczos3,bilinear,lanczos5", "stack=mean,clipped,median"),
)
#: Recipes and patches that are compiled.
RECIPES = ((10, 100), (100, 100), (10, 1000), (100, 1000))
#: Columns of every table of runs.
HEAD = ["wall (s)", "CPU (s)", "peak (MB)"]


def cells(cost: Cost) -> list[str]:
    """Return what a run took, as cells of a table."""
    return [f"{cost.wall:.1f}", f"{cost.cpu:.1f}", f"{cost.peak:.0f}"]


def scanned(folder: Path, field: Field) -> Path:
    """Write exposures into a new folder, and let coaddc see them once."""
    folder.mkdir()
    write(folder, field)
    run_coaddc(folder, "first", MEAN)
    return folder


def with_exposures(folder: Path, side: int, counts: Sequence[int]) -> Iterator[list[str]]:
    """Give the cost of one coadd of so many exposures, by statistic, and SWarp's of the mean."""
    for count in counts:
        place = scanned(folder / f"n{count}", Field(count=count, side=side))
        for statistic in STATISTICS:
            cost = run_coaddc(place, statistic, ("warp=lanczos3", f"stack={statistic}"))
            yield [str(count), f"coaddc, {statistic}", *cells(cost)]
        if SWARP is not None:
            grid = read_coaddc(coadd_path(place, "first")).header
            level_weights(place, Wcs(grid))
            yield [str(count), "SWarp, mean", *cells(run_swarp(place, "swarp", grid, SAME))]
        shutil.rmtree(place)


def with_products(place: Path) -> Iterator[list[str]]:
    """Give the cost of suites of more and more products from the same exposures."""
    for k, suite in enumerate(SUITES):
        count = 1
        for word in suite:
            count *= len(word.split(","))
        yield [str(count), " ".join(suite), *cells(run_coaddc(place, f"suite{k}", suite))]


def with_patches(place: Path, side: int) -> Iterator[list[str]]:
    """Give the cost of the same coadd cut into more and more patches."""
    for k, parts in enumerate((1, 2, 4, 8)):
        cut = () if parts == 1 else (f"skymap.patch_inner={side * 3 // 2 // parts}",)
        name = f"patches{k}"
        cost = run_coaddc(place, name, (*MEAN, *cut))
        made = len(list((place / name / "objects").glob("*/*/coadd.fits")))
        yield [str(made), *cells(cost)]


def with_recipes() -> Iterator[list[str]]:
    """Give what compiling more and more recipes on more and more patches takes."""
    for recipes, patches, clock, plan in several(RECIPES, 4.0):
        yield [str(recipes), str(patches), str(len(plan.products)), str(plan.tasks), f"{clock.total:.2f}"]


def report(folder: Path, side: int, counts: Sequence[int]) -> str:
    """Measure all, and return it as Markdown."""
    exposures = list(with_exposures(folder, side, counts))
    place = scanned(folder / "one", Field(count=10, side=side))
    return "\n\n".join(
        [
            f"Exposures of {side} x {side} pixels, scanned before; two threads. {machine()}.",
            markdown(["exposures", "one coadd", *HEAD], exposures),
            "Suites of 10 exposures:",
            markdown(["products", "suite", *HEAD], list(with_products(place))),
            "One coadd of 10 exposures, in patches:",
            markdown(["patches", *HEAD], list(with_patches(place, side))),
            "Recipes on patches of a wide survey, compiled:",
            markdown(["recipes", "patches", "products", "tasks", "CPU (s)"], list(with_recipes())),
        ]
    )


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--side", type=int, default=1024, help="rows and columns of an exposure")
    parser.add_argument(
        "--counts", type=int, nargs="+", default=[5, 20, 80, 200], help="numbers of exposures"
    )
    parser.add_argument("--write", type=Path, help="file for the tables, Markdown")
    words = parser.parse_args()
    with tempfile.TemporaryDirectory() as temporary:
        text = report(Path(temporary), words.side, words.counts) + "\n"
    tell(text, words.write)


if __name__ == "__main__":
    main()
