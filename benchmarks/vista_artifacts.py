"""The satellite trail and the asteroid of the VISTA set: in the mean of all exposures, and kept out of it.

``python benchmarks/vista_artifacts.py [SHARED]``, where SHARED/data holds the set; else COADDC_SHARED, else
the folder ``shared`` beside the repository. ``--picture FILE`` says where the picture goes, ``--keep FOLDER``
keeps the coadds.
"""

from __future__ import annotations

import argparse
import tempfile
from dataclasses import dataclass
from io import BytesIO
from pathlib import Path

import numpy as np
from astropy.io import fits
from numpy.typing import NDArray
from real_sets import ROOT, build, shared_folder
from star_images import Floats, Picture, aperture_flux, isolated_stars, read_coadd
from vista_set import FOLDER, NJY, REFERENCE

WORDS = ("survey=vista", "artifacts=none,compareWarp")
VALUES = ("artifacts=none", "artifacts=compareWarp")
#: Where the asteroid is on image_4 and image_1 (ra, dec), degrees, and an aperture for it, arcsec.
APERTURE = 1.0
ASTEROID = ((36.913557, -5.241148), (36.908919, -5.243316))
#: Two points of the trail of image_6 (ra, dec), degrees.
TRAIL = ((36.980993, -5.232469), (36.81028, -5.245757))
#: How wide it is, and where the sky beside it is taken, pixels.
WIDTH, BESIDE = 12.0, (30.0, 60.0)
#: Aperture of stars, arcsec. A star within this distance of the trail, pixels, loses the trail's light too.
STAR, CLEAR = 2.0, 30.0
#: Sky pixels are those below this, standard deviations.
FAINT = 3.0
#: Shades of grey of the picture: few, so that noise packs well.
GREYS = 20


@dataclass(frozen=True)
class Found:
    """What is in one coadd.

    Attributes
    ----------
    asteroid
        Flux at its two places above that of SWarp's median, in standard deviations of the aperture.
    trail, trail_error
        Mean of the sky along the trail above that beside it, nJy a pixel.
    """

    asteroid: tuple[float, ...]
    trail: float
    trail_error: float


@dataclass(frozen=True)
class Compared:
    """The mean before and after, and the part by which fluxes of stars change, off the trail and on it."""

    before: Found
    after: Found
    stars: Floats
    on_trail: Floats


def paths(store: Path) -> tuple[Path, Path]:
    """Return the coadd of all that the exposures show, and the one without artifacts."""
    found = sorted((store / "coadd").rglob("coadd.fits"), key=lambda path: "compareWarp" in str(path))
    return found[0], found[1]


def compare(store: Path, shared: Path) -> Compared:
    """Measure both coadds, and their stars."""
    with fits.open(shared / "data" / FOLDER / REFERENCE) as hdus:
        swarp = Picture.of(hdus[1].data, hdus[1].header, NJY)
    before, after = (read_coadd(path) for path in paths(store))
    with fits.open(paths(store)[0]) as hdus:
        ra, dec = isolated_stars(before, hdus["NIMAGE"].data)
        noise = float(np.sqrt(np.nanmedian(hdus["VARIANCE"].data)))
    x, y = before.pixel(ra=ra, dec=dec)
    fluxes = [aperture_flux(picture, x=x, y=y, radius=STAR) for picture in (before, after)]
    change, far = fluxes[1] / fluxes[0] - 1.0, np.abs(_across(before, x=x, y=y)) > CLEAR
    return Compared(_found(before, swarp, noise), _found(after, swarp, noise), change[far], change[~far])


def _found(picture: Picture, swarp: Picture, noise: float) -> Found:
    ra, dec = np.array(ASTEROID).T
    fluxes = []
    for one in (picture, swarp):
        x, y = one.pixel(ra=ra, dec=dec)
        fluxes.append(aperture_flux(one, x=x, y=y, radius=APERTURE))
    excess = (fluxes[0] - fluxes[1]) / (noise * np.sqrt(np.pi) * APERTURE / picture.scale)
    yy, xx = np.indices(picture.image.shape)
    across = np.abs(_across(picture, x=xx, y=yy))
    sky = ~picture.bad & (np.abs(picture.image) < FAINT * noise)
    on, off = (picture.image[sky & near] for near in (across < WIDTH / 2, _within(across)))
    error = noise * np.sqrt(1.0 / on.size + 1.0 / off.size)
    return Found(tuple(map(float, excess)), float(on.mean() - off.mean()), float(error))


def _within(across: Floats) -> NDArray[np.bool_]:
    return (across > BESIDE[0]) & (across < BESIDE[1])


def _across(picture: Picture, *, x: NDArray[np.number], y: NDArray[np.number]) -> Floats:
    """Return the distance of places from the trail, pixels."""
    ra, dec = np.array(TRAIL).T
    (x0, x1), (y0, y1) = picture.pixel(ra=ra, dec=dec)
    length = np.hypot(x1 - x0, y1 - y0)
    return np.asarray(((y - y0) * (x1 - x0) - (x - x0) * (y1 - y0)) / length)


def draw(store: Path, file: Path) -> None:
    """Draw the trail, and the asteroid, before and after."""
    import matplotlib.pyplot as plt
    from PIL import Image

    pictures = [read_coadd(path) for path in paths(store)]
    with fits.open(paths(store)[0]) as hdus:
        noise = float(np.sqrt(np.nanmedian(hdus["VARIANCE"].data)))
    ra, dec = np.array(ASTEROID).T
    x, y = (int(value.mean()) for value in pictures[0].pixel(ra=ra, dec=dec))
    around = slice(y - 60, y + 60), slice(x - 110, x + 110)
    places = {"trail": (slice(300, 580), slice(0, 1880), 3), "asteroid": (*around, 1)}
    figure = plt.figure(figsize=(10, 7.6), layout="constrained")
    axes = figure.subplot_mosaic([["a", "a"], ["b", "b"], ["c", "d"]], height_ratios=[1, 1, 1.6])
    shown = [(number, name) for name in places for number in (0, 1)]
    for panel, (number, name) in zip("abcd", shown, strict=True):
        rows, columns, step = places[name]
        image = _binned(np.where(pictures[number].bad, 0, pictures[number].image)[rows, columns], step)
        level = np.arcsinh(image / noise * step / 2)
        axes[panel].imshow(level, vmin=-1, vmax=3, cmap="gray", origin="lower", aspect="auto")
        axes[panel].set(xticks=[], yticks=[], title=f"{name}: {VALUES[number]}")
    drawn = BytesIO()
    figure.savefig(drawn, dpi=75)
    plt.close(figure)
    Image.open(drawn).convert("L").quantize(GREYS).save(file, optimize=True)


def _binned(image: NDArray[np.floating], step: int) -> NDArray[np.floating]:
    ny, nx = (n // step for n in image.shape)
    return image[: ny * step, : nx * step].reshape(ny, step, nx, step).mean(axis=(1, 3))


def report(found: Compared) -> str:
    """Return what was found, as text."""
    rows = ["| mean coadd | asteroid, sigma | trail, nJy a pixel |", "|---|---|---|"]
    for name, one in ((VALUES[0], found.before), (VALUES[1], found.after)):
        asteroid = ", ".join(f"{value:.1f}" for value in one.asteroid)
        rows.append(f"| {name} | {asteroid} | {one.trail:+.1f} ± {one.trail_error:.1f} |")
    stars, on = np.abs(found.stars), ", ".join(f"{change:+.1e}" for change in found.on_trail)
    changed = f"{np.sum(stars > 1e-6)} changed, by {stars.max():.1e} at most"
    rows.append(f"\nStars: {stars.size} off the trail, {changed}; on it: {on}")
    return "\n".join(rows)


def main() -> None:
    """Make, measure, print, draw."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawTextHelpFormatter)
    parser.add_argument("shared", nargs="?", type=Path, default=shared_folder())
    parser.add_argument("--picture", type=Path, default=ROOT / "docs" / "pictures" / "vista-artifacts.png")
    parser.add_argument("--keep", type=Path)
    arguments = parser.parse_args()
    shared = arguments.shared.resolve()
    with tempfile.TemporaryDirectory(prefix="coaddc-vista-") as scratch:
        folder = (arguments.keep or Path(scratch)).resolve()
        store = folder / "coadds"
        if not store.is_dir():
            build(WORDS, shared / "data" / FOLDER, folder)
        print(report(compare(store, shared)))
        draw(store, arguments.picture)


if __name__ == "__main__":
    main()
