"""How much memory a patch of about 4096 x 4096 pixels takes, from 20 exposures to 200: planned, and measured.

python benchmarks/memory.py [--counts N ...] [--side PIXELS] [--patch PIXELS] [--write FILE]

Each line is a process of its own, from FITS to FITS, with two threads, of exposures that were scanned before
and lie anywhere on the patch. *Planned* is what ``coaddc plan`` says; Python, its libraries and compiled code
come on top of that, some 250 MiB.
"""

from __future__ import annotations

import argparse
import shutil
import tempfile
from collections.abc import Iterator, Sequence
from pathlib import Path

from exposures import Field, write
from measure import markdown, tell
from programs import machine, planned_by_coaddc, run_coaddc

#: What is made, by what the table calls it, and the memory that it may take, GiB.
MADE = (
    ("mean", "warp=direct", 4.0),
    ("median", "warp=direct stack=median", 4.0),
    ("median", "warp=direct stack=median", 1.0),
    ("PSF-matched mean", "warp=psfMatched", 4.0),
    ("mean without artifacts", "coadd_type=deep", 4.0),
    ("ten years and their union", "baseline=all,y1,y2,y3,y4,y5,y6,y7,y8,y9,y10", 4.0),
)
HEAD = ["exposures", "made", "may take (MiB)", "planned (MiB)", "peak (MB)", "wall (s)", "CPU (s)"]


def lines(folder: Path, field: Field) -> Iterator[list[str]]:
    """Give what each suite takes of some exposures."""
    write(folder, field)
    run_coaddc(folder, "first", ["warp=direct"])
    for name, asked, memory in MADE:
        words = [*asked.split(), f"engine.memory={memory}"]
        plan = planned_by_coaddc(folder, "store", words)
        cost = run_coaddc(folder, "store", words)
        shutil.rmtree(folder / "store")
        needed = plan["parts"][0]["totals"]["peak_memory"] / 2**20
        taken = [f"{cost.peak:.0f}", f"{cost.wall:.1f}", f"{cost.cpu:.1f}"]
        yield [str(field.count), name, f"{1024 * memory:.0f}", f"{needed:.0f}", *taken]


def report(folder: Path, side: int, patch: int, counts: Sequence[int]) -> str:
    """Measure all, and return it as Markdown."""
    rows: list[list[str]] = []
    for count in counts:
        place = folder / f"n{count}"
        place.mkdir()
        dither = (patch - 1.4 * side) / 2.0  # exposures are turned
        rows += lines(place, Field(count=count, side=side, years=10.0, dither=dither))
        shutil.rmtree(place)
    size = f"Exposures of {side} x {side} pixels on a patch of about {patch} x {patch}; two threads."
    return f"{size} {machine()}.\n\n{markdown(HEAD, rows)}"


def main() -> None:
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--side", type=int, default=1024, help="rows and columns of an exposure")
    parser.add_argument("--patch", type=int, default=4096, help="rows and columns of the patch, about")
    parser.add_argument("--counts", type=int, nargs="+", default=[20, 200], help="numbers of exposures")
    parser.add_argument("--write", type=Path, help="file for the table, Markdown")
    words = parser.parse_args()
    with tempfile.TemporaryDirectory() as temporary:
        text = report(Path(temporary), words.side, words.patch, words.counts) + "\n"
    tell(text, words.write)


if __name__ == "__main__":
    main()
