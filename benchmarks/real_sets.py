"""Make coadds of the real sets, measure them, print tables and write pictures.

``python benchmarks/real_sets.py [SHARED]``, where SHARED/data holds the sets; else COADDC_SHARED, else the
folder ``shared`` beside the repository. ``--pictures FOLDER`` says where pictures go, ``--keep FOLDER`` keeps
the coadds.
"""

from __future__ import annotations

import argparse
import os
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Sequence
from pathlib import Path

import decam_set
import numpy as np
import vista_set
from empty_sky import SkyLevel, measure_sky
from numpy.typing import NDArray

ROOT = Path(__file__).parents[1]


def shared_folder() -> Path:
    """Return the folder that holds ``data``, whether it is there or not."""
    return Path(os.environ.get("COADDC_SHARED", ROOT.parent / "shared"))


def build(words: Sequence[str], data: Path, folder: Path) -> Path:
    """Run the command on a set; return the store.

    The cache is new, so that PSFs are measured, not remembered.

    Raises
    ------
    RuntimeError
        Where its status is not 0; the message is what it wrote.
    """
    folder.mkdir(parents=True, exist_ok=True)
    command = [sys.executable, "-m", "coaddc", *words, f"survey.path={data}", "--multirun"]
    environment = {**os.environ, "COADDC_CACHE": str(folder / "cache")}
    run = subprocess.run(command, cwd=folder, env=environment, capture_output=True, text=True, check=False)
    if run.returncode:
        raise RuntimeError(f"{' '.join(command[2:])}: status {run.returncode}\n{run.stdout}{run.stderr}")
    return folder / "coadds"


def table(head: str, rows: Sequence[Sequence[object]]) -> str:
    """Return a table in Markdown; the head has its columns between bars."""
    names = [name.strip() for name in head.split("|")]
    lines = [names, ["---"] * len(names), *([str(cell) for cell in row] for row in rows)]
    return "\n".join("| " + " | ".join(line) + " |" for line in lines)


def vista_table(found: Sequence[vista_set.Measured]) -> str:
    """Return the table of the VISTA set."""
    return table(
        "coadd | stars | flux / SWarp - 1, % | distance, mas | mean offset, mas | FWHM of stars, ″ | "
        "of stated PSF, ″ | stars / PSF | scatter | residual / peak",
        [
            (
                m.name,
                m.count,
                f"{100 * m.flux:+.2f} ± {100 * m.flux_error:.2f}",
                f"{m.position:.1f}",
                f"{m.shift:.1f}",
                f"{m.stars:.3f}",
                f"{m.model:.3f}",
                f"{m.ratio:.4f}",
                f"{m.spread:.4f}",
                f"{m.residual:.4f}",
            )
            for m in found
        ],
    )


def star_table(found: Sequence[decam_set.Star]) -> str:
    """Return the table of Gaia stars of the DECam set."""
    return table(
        "coadd | G | BP-RP | from Gaia (E, N), mas | of which refraction | distance, mas | corrected, mas | "
        "from exposures, mas | AB | less that on exposures, mmag | exposures, AB",
        [
            (
                s.coadd,
                f"{s.gaia:.2f}",
                f"{s.colour:.2f}",
                f"{s.east:+.0f}, {s.north:+.0f}",
                f"{s.refraction[0]:+.0f}, {s.refraction[1]:+.0f}",
                f"{s.distance:.0f}",
                f"{s.corrected:.0f}",
                f"{s.moved:.1f}" if s.whole else ".",
                f"{s.magnitude:.3f}",
                f"{1000 * s.difference:+.1f}" if s.whole else ".",
                " ".join(f"{m:.3f}" for m in s.exposures),
            )
            for s in found
        ],
    )


def sky_table(found: Sequence[SkyLevel]) -> str:
    """Return the table of the sky of the DECam set."""
    return table(
        "coadd | visits | blocks | sky, nJy/pixel | noise of a pixel",
        [(s.coadd, s.visits, s.blocks, f"{s.level:+.2f} ± {s.error:.2f}", f"{s.noise:.1f}") for s in found],
    )


def write_pictures(stores: dict[str, Path], folder: Path) -> None:
    """Write one picture a VISTA coadd, and one a selection of DECam with g, r and z side by side."""
    folder.mkdir(parents=True, exist_ok=True)
    for name, path in vista_set.coadd_paths(stores["vista"]).items():
        _save(vista_set.thumbnail(path, side=380), folder / f"vista-{name.replace(' ', '-')}.png")
    paths = decam_set.coadd_paths(stores["decam"])
    for selection in ("deep", "bestSeeing"):
        bands = [vista_set.thumbnail(paths[f"{band} {selection}"], side=280) for band in "grz"]
        _save(np.hstack(bands), folder / f"decam-{selection}.png")


def _save(grey: NDArray[np.uint8], path: Path) -> None:
    from PIL import Image

    levels = 24  # shades of grey: few, so that noise packs well
    step = 256 // levels
    Image.fromarray(grey // step * step).quantize(levels).save(path, optimize=True)


def _timed(name: str, make: Callable[[], Path]) -> Path:
    started = time.perf_counter()
    store = make()
    print(f"{name}: made in {time.perf_counter() - started:.0f} s\n", flush=True)
    return store


def main() -> None:
    """Make, measure, print."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawTextHelpFormatter)
    parser.add_argument("shared", nargs="?", type=Path, default=shared_folder())
    parser.add_argument("--pictures", type=Path, default=ROOT / "docs" / "pictures")
    parser.add_argument("--keep", type=Path)
    arguments = parser.parse_args()
    shared = arguments.shared.resolve()
    with tempfile.TemporaryDirectory(prefix="coaddc-real-") as scratch:
        folder = (arguments.keep or Path(scratch)).resolve()
        stores = {
            name: _timed(module.FOLDER, lambda m=module, n=name: _build(m, shared, folder / n))
            for name, module in (("vista", vista_set), ("decam", decam_set))
        }
        print(vista_table(vista_set.measure(stores["vista"], shared)), end="\n\n")
        print(star_table(decam_set.measure_stars(stores["decam"], shared)), end="\n\n")
        print(sky_table(measure_sky(decam_set.coadd_paths(stores["decam"]))), end="\n\n", flush=True)
        write_pictures(stores, arguments.pictures)


def _build(module: object, shared: Path, folder: Path) -> Path:
    return build(module.WORDS, shared / "data" / module.FOLDER, folder)  # type: ignore[attr-defined]


if __name__ == "__main__":
    main()
