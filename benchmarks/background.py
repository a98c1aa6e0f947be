"""Match backgrounds on the demo survey with skies added, and on raw DECam skies; print tables, draw pictures.

``python benchmarks/background.py [SHARED]``, where SHARED/data holds the DECam set; else COADDC_SHARED, else
the folder ``shared`` beside the repository.
"""

from __future__ import annotations

import argparse
import subprocess
import sys
import tempfile
from dataclasses import dataclass
from pathlib import Path

import decam_set
import numpy as np
from astropy.io import fits
from astropy.table import Table
from astropy.wcs import WCS
from empty_sky import measure_sky
from numpy.typing import NDArray
from real_sets import ROOT, shared_folder, table

Image = NDArray[np.float64]

#: Names of what is compared, and the words that make it.
WAYS = {
    "none": ("background=none",),
    "match, order 0": ("background=match",),
    "match, order 1": ("background=match", "background.order=1"),
    "match, order 2": ("background=match", "background.order=2"),
}
#: Standard deviation of the visits' skies, and of their slopes over half the field, nJy per 0.2 arcsec pixel.
LEVEL, SLOPE = 20.0, 4.0
#: Radius, pixels, in which fluxes of stars are measured.
APERTURE = 12


@dataclass(frozen=True)
class Made:
    """A coadd of the demo survey: image, number of visits, WCS."""

    image: Image
    count: NDArray[np.int64]
    wcs: WCS


def make(words: tuple[str, ...], survey: Path, store: Path) -> Made:
    """Make a coadd in g of the demo survey at a place."""
    words = (
        "survey=demo",
        f"survey.path={survey}",
        "band=g",
        "artifacts=none",
        f"store.root={store}",
        *words,
    )
    subprocess.run(
        [sys.executable, "-m", "coaddc", *words], check=True, capture_output=True, cwd=survey.parent
    )
    (path,) = (p.parent / "coadd.fits" for p in store.glob("coadd/**/coadd.fits") if "band=g" in str(p))
    with fits.open(path) as hdus:
        return Made(
            hdus["IMAGE"].data.astype(float), hdus["NIMAGE"].data.astype(int), WCS(hdus["IMAGE"].header)
        )


def add_skies(survey: Path, seed: int = 3) -> None:
    """Add a plane over the whole field to each visit of a survey, another for each."""
    rng = np.random.default_rng(seed)
    planes: dict[int, NDArray[np.float64]] = {}
    for file in sorted((survey / "exposures").glob("*.fits")):
        with fits.open(file, mode="update") as hdus:
            head = hdus[0].header
            plane = planes.setdefault(head["VISIT"], rng.normal(size=3) * (LEVEL, SLOPE, SLOPE))
            image = hdus["IMAGE"].data
            y, x = np.indices(image.shape)
            ra, dec = WCS(hdus["IMAGE"].header).all_pix2world(x, y, 0)
            area = _area(ra, dec)
            u, v = (ra - 62.4) * np.cos(np.radians(dec)) / 0.03, (dec + 17.3) / 0.03
            sky = area * (plane[0] + plane[1] * u + plane[2] * v)
            hdus["IMAGE"].data = (image + sky * 10 ** (0.4 * (head["MAGZERO"] - 31.4))).astype(np.float32)


def _area(ra: Image, dec: Image) -> Image:
    """Return the area of each pixel in units of (0.2 arcsec)**2."""
    (ra_y, ra_x), (dec_y, dec_x) = np.gradient(ra), np.gradient(dec)
    return np.abs(ra_y * dec_x - ra_x * dec_y) * np.cos(np.radians(dec)) * (3600 / 0.2) ** 2


def star_errors(made: Made, flat: Made, stars: Table) -> Image:
    """Return by what part the fluxes of stars, above the sky around them, differ from those without skies."""
    errors = []
    x, y = made.wcs.all_world2pix(stars["ra"], stars["dec"], 0)
    for u, v in zip(np.round(x).astype(int), np.round(y).astype(int), strict=True):
        reach = 2 * APERTURE
        if not (reach < v < made.image.shape[0] - reach and reach < u < made.image.shape[1] - reach):
            continue
        at = slice(v - reach, v + reach + 1), slice(u - reach, u + reach + 1)
        one, other = flat.image[at], made.image[at]
        if np.isfinite(one).all():
            errors.append(_flux(other) / _flux(one) - 1.0)
    return np.array(errors)


def _flux(stamp: Image) -> float:
    y, x = np.indices(stamp.shape) - stamp.shape[0] // 2
    r = np.hypot(y, x)
    return float((stamp - np.median(stamp[r > 1.5 * APERTURE]))[r < APERTURE].sum())


def simulated(folder: Path, pictures: Path) -> None:
    """Compare the coadds of skies added, matched or not, with those of none."""
    survey = folder / "demo"
    flat = make(WAYS["none"], survey, folder / "flat")
    add_skies(survey)
    stars = Table.read(survey / "truth" / "stars.fits")
    stars = stars[(stars["mag_g"] > 17.5) & (stars["mag_g"] < 20.0)]
    rows, shown = [], {}
    for number, (name, words) in enumerate(WAYS.items()):
        made = make(words, survey, folder / f"skies{number}")
        left = made.image - flat.image
        shown[name] = left
        less = _plane_off(left)
        levels = [np.nanmedian(less[flat.count == n]) for n in np.unique(flat.count) if n]
        error = star_errors(made, flat, stars)
        row = (np.nanstd(left), np.ptp(levels), np.nanstd(less), 1e3 * np.median(error))
        scatter = 1e3 * 1.4826 * np.median(np.abs(error))
        rows.append((name, *(f"{v:.3f}" for v in row[:3]), f"{row[3]:+.2f} ± {scatter:.2f} ({len(error)})"))
    head = "background | rms | less a plane: steps | rms | flux of stars, 1e-3"
    print(table(head, rows), end="\n\n", flush=True)
    draw(shown, pictures / "background.png")


def _plane_off(left: Image) -> Image:
    """Take off the plane that fits: what all visits share is no fault of the matching."""
    seen = np.isfinite(left)
    y, x = np.nonzero(seen)
    terms = np.stack([np.ones(len(y)), y, x], axis=1)
    out = left.copy()
    out[seen] -= terms @ np.linalg.lstsq(terms, left[seen], rcond=None)[0]
    return out


def draw(shown: dict[str, Image], path: Path) -> None:
    """Draw what the skies leave in each coadd, each less its median."""
    import matplotlib as mpl

    mpl.use("Agg")
    from matplotlib import pyplot as plt

    figure, axes = plt.subplots(1, 3, figsize=(9.6, 3.3), layout="constrained")
    for axis, (name, left) in zip(axes, list(shown.items())[:3], strict=True):
        drawn = axis.imshow(
            (left - np.nanmedian(left))[::3, ::3], origin="lower", vmin=-10, vmax=10, cmap="RdBu_r"
        )
        axis.set(title=name, xticks=[], yticks=[])
    figure.colorbar(drawn, ax=axes, label="nJy / pixel")
    figure.savefig(path, dpi=80)


def decam(data: Path, folder: Path) -> None:
    """Compare coadds of the DECam set, its sky splined off as the survey says, or raw."""
    ways = {
        "splines, none": ("background=none",),
        "splines, match": ("background=match",),
        "raw, none": ("survey.sky.kind=subtracted", "background=none"),
        "raw, match": ("survey.sky.kind=subtracted", "background=match"),
        "raw, match, order 1": ("survey.sky.kind=subtracted", "background=match", "background.order=1"),
    }
    rows: list[tuple[str, ...]] = []
    splined: dict[str, Path] = {}
    for number, (name, words) in enumerate(ways.items()):
        store = folder / f"decam{number}"
        command = ("survey=decam_cp", f"survey.path={data}", "artifacts=none", f"store.root={store}", *words)
        subprocess.run(
            [sys.executable, "-m", "coaddc", *command], check=True, capture_output=True, cwd=folder
        )
        paths = {f"{p.parts[p.parts.index('coadd') + 2][5:]}": p for p in store.glob("coadd/**/coadd.fits")}
        splined = splined or paths
        for band in "grz":
            found = measure_sky({band: paths[band]}, splined)
            step = found[-1].level - found[0].level
            error = np.hypot(found[-1].error, found[0].error)
            rows.append((name, band, f"{step:+.2f} ± {error:.2f}", f"{found[-1].noise:.1f}"))
    print(table("sky, background | band | step, nJy/pixel | noise of a pixel", rows), flush=True)


def main() -> None:
    """Make, measure, print."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawTextHelpFormatter)
    parser.add_argument("shared", nargs="?", type=Path, default=shared_folder())
    parser.add_argument("--pictures", type=Path, default=ROOT / "docs" / "pictures")
    arguments = parser.parse_args()
    with tempfile.TemporaryDirectory(prefix="coaddc-background-") as scratch:
        simulated(Path(scratch), arguments.pictures)
        data = arguments.shared.resolve() / "data" / decam_set.FOLDER
        if data.is_dir():
            decam(data, Path(scratch))
        else:
            print(f"{data} is absent")


if __name__ == "__main__":
    main()
