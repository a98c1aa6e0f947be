"""What a suite of products takes beside one of them: ten years and their union, and twelve kinds of coadds.

python benchmarks/suites.py [--count N] [--side PIXELS] [--rounds N] [--swarp] [--write FILE]

Each line of the table is a process of its own, from FITS to FITS, two threads, on exposures that were scanned
before; lines take turns. With ``--swarp`` the twelve are also made by SWarp, one after the other.
"""

from __future__ import annotations

import argparse
import shutil
import tempfile
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from statistics import median

from astropy.io import fits
from exposures import Field, level_weights, visits, write
from measure import markdown, tell
from programs import Cost, coadd_path, machine, read_coaddc, run_coaddc, run_swarp

from coaddc.model.wcs import Wcs

YEARS = ",".join(f"y{year}" for year in range(1, 11))
KINDS = ("direct", "psfMatched", "likelihood")


@dataclass(frozen=True)
class Comparison:
    """Suites, and the single products that they are held against.

    Attributes
    ----------
    title
        Of the table.
    years
        Over which the exposures are spread.
    singles, suites
        Words of the command, by what the table calls them.
    limit
        What the first suite may take, over the dearest single product.
    """

    title: str
    years: float
    singles: Mapping[str, str]
    suites: Mapping[str, str]
    limit: float


DECADE = Comparison(
    "Ten years and their union",
    10.0,
    {"the union alone": "baseline=all"},
    {
        "y1 ... y10 and their union": f"baseline={YEARS},all",
        "through_y1 ... through_y10": "baseline=" + ",".join(f"through_y{year}" for year in range(1, 11)),
    },
    1.3,
)
TWELVE = Comparison(
    "Twelve kinds",
    2.0,
    {f"{kind}, through y2": f"warp={kind} baseline=through_y2" for kind in KINDS},
    {
        "three warps, deep and bestSeeing, through y1 and y2": f"warp={','.join(KINDS)} "
        "selection=deep,bestSeeing baseline=through_y1,through_y2",
        "the same, of y1 and y2 by themselves": f"warp={','.join(KINDS)} "
        "selection=deep,bestSeeing baseline=y1,y2",
    },
    2.5,
)


def taken(folder: Path, compared: Comparison, rounds: int) -> dict[str, list[Cost]]:
    """Run singles and suites by turns; return what each run took."""
    every = {**compared.singles, **compared.suites}
    run_coaddc(folder, "scanned", ["baseline=all"])  # and kernels compiled
    found: dict[str, list[Cost]] = {name: [] for name in every}
    for _ in range(rounds):
        for name, words in every.items():
            found[name].append(run_coaddc(folder, "store", words.split()))
            shutil.rmtree(folder / "store")
    return found


def table(compared: Comparison, found: Mapping[str, list[Cost]]) -> str:
    """Return medians, and ratios to the dearest single product."""

    def middle(name: str, of: Callable[[Cost], float]) -> float:
        return median(of(cost) for cost in found[name])

    dearest = max(compared.singles, key=lambda name: middle(name, lambda c: c.cpu))
    head = ["", "runs", "wall (s)", "CPU (s)", "peak (MB)", "wall / dearest single", "CPU / dearest single"]
    rows = []
    for name, costs in found.items():
        wall, cpu, peak = (middle(name, of) for of in (lambda c: c.wall, lambda c: c.cpu, lambda c: c.peak))
        ratios = wall / middle(dearest, lambda c: c.wall), cpu / middle(dearest, lambda c: c.cpu)
        rows.append(
            [name, str(len(costs)), f"{wall:.1f}", f"{cpu:.1f}", f"{peak:.0f}", *(f"{r:.2f}" for r in ratios)]
        )
    return f"## {compared.title}\n\n{markdown(head, rows)}\n\nThe first suite may take {compared.limit:g}."


def swarp_runs(folder: Path, field: Field) -> str:
    """Return what SWarp takes for the exposures of each of the first twelve, one run for each."""
    grid = read_coaddc(coadd_path(folder, "scanned")).header
    level_weights(folder, Wcs(grid))
    total = [0.0, 0.0]
    for _ in KINDS:
        for year in (1.0, 2.0):
            for part in (1.0, 0.25):
                cost = _swarp(folder, field, grid, year, part)
                total = [total[0] + cost.wall, total[1] + cost.cpu]
    return f"SWarp, one run for each of the first twelve: {total[0]:.1f} s wall, {total[1]:.1f} s CPU."


def _swarp(folder: Path, field: Field, grid: fits.Header, year: float, part: float) -> Cost:
    """Run SWarp on the sharpest part of the exposures before a year."""
    made = sorted((v for v in visits(field) if v.year < year), key=lambda v: v.seeing)
    chosen = {v.number for v in made[: max(2, round(part * len(made)))]}
    place = folder / "chosen"
    for kind in ("image", "level"):
        (place / kind).mkdir(parents=True)
        for number in chosen:
            name = f"visit-{number:04d}.fits"
            (place / kind / name).symlink_to(folder / kind / name)
    cost = run_swarp(place, "swarp", grid, {"RESAMPLING_TYPE": "LANCZOS3", "COMBINE_TYPE": "WEIGHTED"})
    shutil.rmtree(place)
    return cost


def report(folder: Path, words: argparse.Namespace) -> str:
    """Make all, and return what was found."""
    parts = [f"{words.count} exposures of {words.side} x {words.side} pixels. {machine()}."]
    for compared in (DECADE, TWELVE):
        if words.only and compared.title != words.only:
            continue
        place = folder / compared.title.split()[0]
        place.mkdir(parents=True)
        field = Field(count=words.count, side=words.side, years=compared.years)
        write(place, field)
        parts.append(table(compared, taken(place, compared, words.rounds)))
        if words.swarp and compared is TWELVE:
            parts.append(swarp_runs(place, field))
        shutil.rmtree(place)
    return "\n\n".join(parts)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--count", type=int, default=20, help="number of exposures")
    parser.add_argument("--side", type=int, default=2048, help="rows and columns of each")
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--only", choices=[DECADE.title, TWELVE.title], help="only this comparison")
    parser.add_argument("--swarp", action="store_true", help="time SWarp too, once")
    parser.add_argument("--write", type=Path, help="file for the tables, Markdown")
    words = parser.parse_args()
    with tempfile.TemporaryDirectory() as temporary:
        text = report(Path(temporary), words) + "\n"
    tell(text, words.write)


if __name__ == "__main__":
    main()
