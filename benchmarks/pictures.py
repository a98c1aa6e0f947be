"""Make every kind of coadd of the demo survey, measure it against the truth, and draw a piece of each.

``python benchmarks/pictures.py`` prints the table of docs/coadds.md and writes its picture.
"""

from __future__ import annotations

import argparse
import subprocess
import sys
import tempfile
from pathlib import Path

import numpy as np
from astropy.table import Table
from numpy.typing import NDArray
from real_sets import ROOT, table
from scipy.ndimage import map_coordinates
from scipy.spatial import cKDTree

from coaddc.engine.events import Figures
from coaddc.io.cache_folder import cache_folder
from coaddc.model.images import Coadd
from coaddc.store.butler import Butler

#: Name of a coadd, the words that make it, and the keys by which it is found.
KINDS: dict[str, tuple[str, dict[str, str]]] = {
    "deep": ("coadd_type=deep", {}),
    "bestSeeing": ("coadd_type=bestSeeing", {"selection": "bestSeeing"}),
    "constantPsf": ("coadd_type=constantPsf", {"warp": "psfMatched"}),
    "likelihood": ("coadd_type=likelihood", {"warp": "likelihood"}),
    "proper": ("warp=proper", {"warp": "proper"}),
    "shortPeriod, y1": ("coadd_type=shortPeriod", {"baseline": "y1"}),
    "template, east": ("coadd_type=template parallactic_angle=east", {"parallactic_angle": "east"}),
    "template, west": ("coadd_type=template parallactic_angle=west", {"parallactic_angle": "west"}),
    "template, low airmass": ("coadd_type=template airmass=low", {"airmass": "low"}),
}
#: Aperture, pixels; half the side of the pieces drawn.
APERTURE, HALF = 12, 70


def make(store: Path) -> dict[str, Coadd]:
    """Make all kinds in g, artifacts left as the kind has them; return them by name."""
    for words, _ in KINDS.values():
        command = [sys.executable, "-m", "coaddc", "survey=demo", "band=g", f"store.root={store}"]
        subprocess.run([*command, *words.split()], check=True, capture_output=True, cwd=store.parent)
    rows = Butler(store).query()
    found = {}
    for name, (_, keys) in KINDS.items():
        unset = {key for _, other in KINDS.values() for key in other} - set(keys)
        (row,) = [r for r in rows if _matches(r, keys, unset)]
        data_id = {key: row[key] for key in row.colnames if key in KEYS and _is_set(row[key])}
        found[name] = Butler(store).get("coadd", **data_id)
    return found


#: All keys of their data IDs.
KEYS = (
    *("skymap", "tract", "patch", "band", "selection", "baseline", "background", "warp", "psf_model"),
    *("artifacts", "stack", "parallactic_angle", "airmass"),
)
#: What a key has that a kind does not set.
IMPLIED = {"selection": ("deep", "goodSeeing"), "baseline": ("all",), "warp": ("direct",)}


def _is_set(value: object) -> bool:
    return value is not None and not np.ma.is_masked(value) and str(value) not in ("", "None", "--")


def _matches(row: Table.Row, keys: dict[str, str], unset: set[str]) -> bool:
    template = "parallactic_angle" in keys or "airmass" in keys
    for key in unset:
        value = row[key] if key in row.colnames and _is_set(row[key]) else None
        allowed = IMPLIED.get(key, (None,))
        if key == "selection":
            allowed = ("goodSeeing",) if template else ("deep",)
        if value not in allowed:
            return False
    return all(str(row[key]) == value for key, value in keys.items())


def stars() -> Table:
    """Return the demo survey's stars of g = 17.5 to 20 that are alone within 6 arcsec."""
    folder = max((cache_folder()).glob("demo-*/truth"), key=lambda path: path.stat().st_mtime)
    all_stars, galaxies = Table.read(folder / "stars.fits"), Table.read(folder / "galaxies.fits")
    names = ("ra", "dec", "mag_g")
    ra, dec, mag = (np.concatenate([all_stars[n], galaxies[n]]) for n in names)
    place = np.stack([ra * np.cos(np.radians(-17.3)), dec], axis=1) * 3600.0
    bright = mag < 23.0
    near = cKDTree(place[bright]).query_ball_point(place[: len(all_stars)], 6.0, return_length=True)
    return all_stars[(near == 1) & (all_stars["mag_g"] > 17.5) & (all_stars["mag_g"] < 20.0)]


def flux_errors(coadd: Coadd, truth: Table, *, filtered: bool) -> NDArray[np.float64]:
    """Return measured over true flux, less 1, of the stars that are whole on a coadd.

    The survey's sky is subtracted, and none is measured here: an annulus holds wings and faint galaxies, 1e-3
    to 1e-2 of these stars' light when scaled to the aperture.
    """
    image, box = coadd.stacked.image.astype(float), coadd.stacked.box
    x, y = coadd.wcs.to_pixel(ra=np.array(truth["ra"]), dec=np.array(truth["dec"]))
    errors = []
    for u, v, mag in zip(x - box.x0, y - box.y0, truth["mag_g"], strict=True):
        at = np.s_[round(v) - 25 : round(v) + 26, round(u) - 25 : round(u) + 26]
        stamp = image[at] if min(u, v) > 26 else image[:0, :0]
        if stamp.shape != (51, 51) or not np.isfinite(stamp).all():
            continue
        dy, dx = v - round(v), u - round(u)
        if filtered:
            flux = map_coordinates(stamp, [[25 + dy], [25 + dx]], order=5)[0]
        else:
            r = np.hypot(*(np.indices(stamp.shape) - 25 - np.array([dy, dx])[:, None, None]))
            flux = stamp[r < APERTURE].sum() / _inside(coadd, v, u)
        errors.append(flux / 10 ** (0.4 * (31.4 - mag)) - 1.0)
    return np.array(errors)


def _inside(coadd: Coadd, y: float, x: float) -> float:
    """Return the part of a star in the aperture, of what is in its PSF's stamp."""
    cell = coadd.psf.stamps[int(y) // coadd.psf.size, int(x) // coadd.psf.size]
    r = np.hypot(*(np.indices(cell.shape) - cell.shape[0] // 2))
    return float(cell[r < APERTURE].sum() / cell.sum())


def draw(coadds: dict[str, Coadd], path: Path) -> None:
    """Draw the middle of each, over its noise."""
    import matplotlib as mpl

    mpl.use("Agg")
    from matplotlib import pyplot as plt
    from PIL import Image

    grey = mpl.colormaps["gray"].with_extremes(bad="navy")
    figure, axes = plt.subplots(3, 3, figsize=(7.2, 7.6), layout="constrained")
    for axis, (name, coadd) in zip(axes.flat, coadds.items(), strict=True):
        box = coadd.stacked.box
        x, y = coadd.wcs.to_pixel(ra=62.416, dec=-17.285)
        row, column = int(y) - box.y0, int(x) - box.x0
        at = np.s_[row - HALF : row + HALF, column - HALF : column + HALF]
        value = coadd.stacked.image[at] / np.sqrt(np.nanmedian(coadd.stacked.variance[at]))
        axis.imshow(value, origin="lower", vmin=-3, vmax=12, cmap=grey)
        axis.set(xticks=[], yticks=[])
        axis.set_title(name, fontsize=9)
    figure.savefig(path, dpi=80)
    with Image.open(path) as drawn:
        drawn.convert("RGB").quantize(24).save(path, optimize=True)  # few greys: noise packs well


def main() -> None:
    """Make, measure, print, draw."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawTextHelpFormatter)
    parser.add_argument("--pictures", type=Path, default=ROOT / "docs" / "pictures")
    arguments = parser.parse_args()
    with tempfile.TemporaryDirectory(prefix="coaddc-pictures-") as scratch:
        coadds, truth, rows = make(Path(scratch, "coadds")), stars(), []
        for name, coadd in coadds.items():
            figures = Figures.of_coadd(coadd, filtered=name == "likelihood")
            error = flux_errors(coadd, truth, filtered=name == "likelihood")
            scatter = 1.4826 * 1.25 * np.median(np.abs(error - np.median(error))) / np.sqrt(len(error))
            visits = len({item.row.visit for item in coadd.inputs})
            measured = f"{1e3 * np.median(error):+.1f} ± {1e3 * scatter:.1f} ({len(error)})"
            rows.append((name, visits, f"{figures.fwhm:.2f}", f"{figures.depth:.2f}", measured))
        print(table("coadd | visits | FWHM, ″ | depth | flux of stars, 1e-3", rows))
        draw(coadds, arguments.pictures / "coadds.png")


if __name__ == "__main__":
    main()
