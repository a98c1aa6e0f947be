"""Coadds of stars and of noise against the truth, by interpolant and statistic, beside SWarp's.

python benchmarks/accuracy.py [--count N] [--side PIXELS] [--folder FOLDER] [--write FILE]
"""

from __future__ import annotations

import argparse
import tempfile
from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from itertools import product
from pathlib import Path

import numpy as np
from exposures import INTERPOLANTS, SCALE, Field, level_weights, sky, truth, write
from measure import (
    HALF,
    NOISE_APERTURES,
    STAR_APERTURES,
    NoiseErrors,
    StarErrors,
    inner_square,
    markdown,
    noise_errors,
    star_errors,
    tell,
    undisturbed,
)
from numpy.typing import NDArray
from programs import SWARP, Image, machine, read_coaddc, read_swarp, run_coaddc, run_swarp

from coaddc.io.coadds.read import read_component
from coaddc.model.wcs import Wcs
from coaddc.store.butler import Butler

#: Sweeps of coaddc: statistics, and the interpolants that they are made with.
SWEEPS = ((("mean",), INTERPOLANTS), (("median", "clipped"), ("lanczos3", "omoms3")))
#: Resampling and combination of SWarp. Its CLIPPED takes a gain of 0 for boundless noise: nothing is clipped.
SWARPS = (
    ("LANCZOS3", "WEIGHTED"),
    ("BILINEAR", "WEIGHTED"),
    ("LANCZOS3", "MEDIAN"),
    ("LANCZOS3", "CLIPPED"),
)


@dataclass(frozen=True)
class Made:
    """One coadd, by whom, and the correlation of its noise where it states one."""

    name: str
    coadd: Image
    correlation: NDArray[np.float64] | None


def coadds(folder: Path, field: Field) -> tuple[list[Made], NDArray[np.integer]]:
    """Write exposures, make all coadds of them; also return the number of inputs of each pixel."""
    write(folder, field)
    for statistics, warps in SWEEPS:
        run_coaddc(folder, "store", [f"warp={','.join(warps)}", f"stack={','.join(statistics)}"])
    butler = Butler(folder / "store")
    result = []
    for statistic, warp in (pair for sweep in SWEEPS for pair in product(*sweep)):
        path = Path(butler.uri("coadd", warp=warp, stack=statistic))
        correlation = read_component(path, "correlation")
        result.append(Made(f"coaddc {warp} {statistic}", read_coaddc(path), correlation))
    grid = result[0].coadd.header
    level_weights(folder, Wcs(grid))
    for resampling, combination in SWARPS if SWARP else ():
        name = f"{resampling}-{combination}".lower()
        settings = {
            "RESAMPLING_TYPE": resampling,
            "COMBINE_TYPE": combination,
            "FSCALASTRO_TYPE": "VARIABLE",
            "GAIN_DEFAULT": "1e12",
        }
        run_swarp(folder, name, grid, settings)
        result.append(Made(f"SWarp {resampling} {combination}", read_swarp(folder, name), None))
    # Of a mean: the others reject inputs here and there.
    return result, butler.get("coadd.n_image", warp=INTERPOLANTS[0], stack="mean")


def stars(folder: Path, field: Field) -> Iterator[tuple[str, StarErrors]]:
    """Yield the errors of noise-free isolated stars."""
    made, n_image = coadds(folder, field)
    wcs, shape = Wcs(made[0].coadd.header), n_image.shape
    true = truth(field, wcs, (shape[0], shape[1]))
    x, y = wcs.to_pixel(ra=sky(field).ra, dec=sky(field).dec)
    clear = undisturbed(n_image, HALF + 4) & (n_image == field.count)
    rows, columns = np.rint(y).astype(int), np.rint(x).astype(int)
    inside = (rows >= 0) & (columns >= 0) & (rows < shape[0]) & (columns < shape[1])
    kept = [i for i in np.flatnonzero(inside) if clear[rows[i], columns[i]]]
    for one in made:
        yield one.name, star_errors(one.coadd.image, true, x=x[kept], y=y[kept])


def noise(folder: Path, field: Field) -> Iterator[tuple[str, NoiseErrors]]:
    """Yield the errors of what is said of the noise of an empty sky."""
    made, n_image = coadds(folder, field)
    square = inner_square(undisturbed(n_image, 8) & (n_image == field.count))
    for one in made:
        sigmas = one.coadd.image[square] * np.sqrt(one.coadd.inverse[square])
        yield one.name, noise_errors(sigmas, one.correlation)


def star_table(found: Iterator[tuple[str, StarErrors]]) -> str:
    """Return the errors of stars as a table."""
    head = ["", *(f"flux, {r} px (mmag)" for r in STAR_APERTURES), "centroid (mas)", "size dT/T"]
    rows, count = [], 0
    for name, e in found:
        flux = [f"{e.flux[r]:.3f}" for r in STAR_APERTURES]
        rows.append([name, *flux, f"{e.centroid * SCALE * 1e3:.3f}", f"{e.size:.1e}"])
        count = e.count
    return f"{count} stars.\n\n{markdown(head, rows)}"


def noise_table(found: Iterator[tuple[str, NoiseErrors]]) -> str:
    """Return the errors of noise as a table."""
    plain = [f"r = {r}" for r in NOISE_APERTURES]
    head = ["", "pixel chi2", "correlation, 1 and 2 px", *plain, *(f"{p}, stated" for p in plain)]
    rows = []
    for name, e in found:
        stated = [f"{e.stated[r]:.3f}" if e.stated else "" for r in NOISE_APERTURES]
        lags = ", ".join(f"{value:.3f}" for value in e.correlation)
        rows.append([name, f"{e.chi2:.3f}", lags, *(f"{e.plain[r]:.3f}" for r in NOISE_APERTURES), *stated])
    return markdown(head, rows)


def report(folder: Path, field: Field) -> str:
    """Make all, and return what was found."""
    parts: list[tuple[str, Callable[[], str]]] = [
        ("Stars", lambda: star_table(stars(folder / "stars", replace(field, noisy=False)))),
        ("Noise", lambda: noise_table(noise(folder / "noise", replace(field, stars=False)))),
    ]
    lines = [f"{field.count} exposures of {field.side} x {field.side} pixels. {machine()}."]
    for title, make in parts:
        (folder / title.lower()).mkdir(parents=True)
        lines += [f"## {title}", make()]
    return "\n\n".join(lines) + "\n"


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--count", type=int, default=20, help="number of exposures")
    parser.add_argument("--side", type=int, default=1200, help="rows and columns of each")
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--folder", type=Path, help="an empty one, kept; else a temporary one")
    parser.add_argument("--write", type=Path, help="file for the tables, Markdown")
    words = parser.parse_args()
    field = Field(count=words.count, side=words.side, bad=0, seed=words.seed)
    with tempfile.TemporaryDirectory() as temporary:
        text = report(words.folder.resolve() if words.folder else Path(temporary), field)
    tell(text, words.write)


if __name__ == "__main__":
    main()
