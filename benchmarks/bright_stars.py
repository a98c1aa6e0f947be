"""What rejecting outliers costs bright stars in mixed seeing, with nothing to reject: coaddc and SWarp.

python benchmarks/bright_stars.py [--count N] [--side PIXELS] [--folder FOLDER]
"""

from __future__ import annotations

import argparse
import tempfile
from pathlib import Path

import numpy as np
import sep
from astropy.io import fits
from exposures import Field, level_weights, sky, write
from measure import markdown
from numpy.typing import NDArray
from programs import read_coaddc, read_swarp, run_coaddc, run_swarp

from coaddc.model.wcs import Wcs

Floats = NDArray[np.float64]

#: Values of stack and artifacts, and what SWarp has; the first of each is what the others are compared with.
OURS = tuple((stack, found) for stack in ("mean", "clipped", "median") for found in ("none", "compareWarp"))
SETTINGS = {"FSCALASTRO_TYPE": "VARIABLE", "GAIN_DEFAULT": "1e12"}  # of 0, CLIPPED would clip nothing
THEIRS = ("WEIGHTED", "CLIPPED", "MEDIAN")
#: The radius of the aperture of stars, of 1e5 nJy each, and their distance from edges, pixels.
APERTURE, MARGIN = 25.0, 30


def images(folder: Path, field: Field) -> dict[str, tuple[Floats, fits.Header]]:
    """Make all coadds of one set of exposures."""
    write(folder, field)
    run_coaddc(folder, "store", ("stack=mean,clipped,median", "artifacts=none,compareWarp"))
    made = {}
    for stack, found in OURS:
        (path,) = (p for p in (folder / "store" / "coadd").rglob("coadd.fits") if _is(p, stack, found))
        image = read_coaddc(path)
        made[f"coaddc stack={stack} artifacts={found}"] = image.image, image.header
    grid = next(iter(made.values()))[1]
    level_weights(folder, Wcs(grid))
    for kind in THEIRS:
        run_swarp(folder, "swarp", grid, {**SETTINGS, "COMBINE_TYPE": kind})
        made[f"SWarp {kind}"] = read_swarp(folder, "swarp").image, grid
    return made


def _is(path: Path, stack: str, found: str) -> bool:
    """Tell whether the data ID in a path has these values; the implied ones are left off."""
    keys = dict(part.split("=", 1) for part in path.parts if "=" in part)
    return (keys.get("stack", "mean"), keys.get("artifacts", "none")) == (stack, found)


def errors(image: Floats, reference: Floats, places: tuple[Floats, Floats]) -> Floats:
    """Return by how much stars are fainter than in a reference, mmag."""
    x, y = places
    fluxes = [sep.sum_circle(np.ascontiguousarray(i), x, y, APERTURE)[0] for i in (image, reference)]
    return -2500.0 * np.log10(fluxes[0] / fluxes[1])


def report(folder: Path, field: Field) -> str:
    """Make all, and return the errors as a table."""
    made = images(folder, field)
    header = next(iter(made.values()))[1]
    stars = sky(field)
    x, y = Wcs(header).to_pixel(ra=stars.ra, dec=stars.dec)
    seen = fits.getdata(next((folder / "store" / "coadd").rglob("coadd.fits")), "NIMAGE")
    keep = _whole(np.asarray(seen), x, y)
    places = x[keep], y[keep]
    rows = []
    for name, (other, _) in made.items():
        reference = made["SWarp WEIGHTED" if name.startswith("SWarp") else next(iter(made))][0]
        found = errors(other, reference, places)
        cells = f"{np.median(found):+.2f}", f"{np.abs(found).max():.2f}", f"{np.sqrt((found**2).mean()):.2f}"
        rows.append([name, *cells])
    head = ["", "median, mmag", "largest", "rms"]
    return f"{field.count} exposures, {keep.sum()} stars\n\n" + markdown(head, rows)


def _whole(seen: NDArray[np.integer], x: Floats, y: Floats) -> NDArray[np.bool_]:
    """Tell around which places all exposures contribute."""
    most, inside = seen.max(), np.zeros(x.size, bool)
    for k, (u, v) in enumerate(zip(x, y, strict=True)):
        if MARGIN < u < seen.shape[1] - MARGIN and MARGIN < v < seen.shape[0] - MARGIN:
            row, column = round(v), round(u)
            part = seen[row - MARGIN : row + MARGIN + 1, column - MARGIN : column + MARGIN + 1]
            inside[k] = part.min() == most
    return inside


def main() -> None:
    """Make, measure, print."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawTextHelpFormatter)
    parser.add_argument("--count", type=int, nargs="+", default=[3, 10])
    parser.add_argument("--side", type=int, default=1000)
    parser.add_argument("--folder", type=Path)
    words = parser.parse_args()
    for count in words.count:
        with tempfile.TemporaryDirectory() as scratch:
            folder = (words.folder / str(count) if words.folder else Path(scratch)).resolve()
            folder.mkdir(parents=True, exist_ok=True)
            print(report(folder, Field(count=count, side=words.side, bad=0)), flush=True)


if __name__ == "__main__":
    main()
