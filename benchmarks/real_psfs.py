"""The stated PSF of coadds of real exposures against their stars: width, shape and encircled energy.

``python benchmarks/real_psfs.py [SHARED]``, where SHARED/data holds the sets; else COADDC_SHARED, else the
folder ``shared`` beside the repository. ``--picture FILE`` says where the picture goes, ``--keep FOLDER``
keeps the coadds, and measures those that it has.
"""

from __future__ import annotations

import argparse
import tempfile
from collections.abc import Sequence
from dataclasses import dataclass
from io import BytesIO
from pathlib import Path

import decam_set
import numpy as np
import vista_set
from astropy.io import fits
from coadd_psfs import APERTURES, WHOLE, Shape, measure
from real_sets import ROOT, build, shared_folder, table
from scipy.ndimage import map_coordinates
from star_images import ANNULUS, Floats, Stated, isolated_stars, read_coadd

#: Name of a set, its folder, and the words that make its coadds.
VISTA = (
    ("survey=vista", "warp=direct,psfMatched", "stack=mean,median"),
    ("survey=vista", "warp=likelihood,proper"),
)
DECAM = (("survey=decam_cp", "warp=direct,psfMatched"),)
#: Half-width of what is measured, in FWHM of the stated PSF.
REACH = 2.6
#: Largest difference that the picture shows, as a part of the peak.
SHOWN = 0.02
#: Shades of grey of the picture.
GREYS = 32


@dataclass(frozen=True)
class Pair:
    """A star and the PSF of its cell, moved to the star's place, measured alike.

    Attributes
    ----------
    star, psf
        Their shapes.
    image, model : (n, n)
        Their pixels, moved to the middle of one, the flux in the largest aperture being 1.
    """

    star: Shape
    psf: Shape
    image: Floats
    model: Floats


@dataclass(frozen=True)
class Found:
    """Stars less PSF of one coadd: medians and their errors, parts of 1.

    Attributes
    ----------
    name
        The coadd.
    count
        Number of stars.
    fwhm
        Of the elliptical Moffat that fits best.
    ellipticity
        Of the two components under a Gaussian window.
    energy
        Of the flux in three apertures, as a part of that in 2.25 FWHM.
    pairs
        What it was taken from.
    """

    name: str
    count: int
    fwhm: tuple[float, float]
    ellipticity: tuple[tuple[float, float], tuple[float, float]]
    energy: tuple[tuple[float, float], ...]
    pairs: tuple[Pair, ...]


def median(values: Sequence[float]) -> tuple[float, float]:
    """Return the median and its standard error."""
    array = np.asarray(values)
    middle = float(np.median(array))
    return middle, float(1.25 * 1.4826 * np.median(abs(array - middle)) / np.sqrt(array.size))


def pairs(path: Path, ra: Floats, dec: Floats) -> tuple[Pair, ...]:
    """Measure stars at some places (ra, dec) of a coadd, and the PSF that it states for their cells."""
    picture = read_coadd(path)
    psf = Stated.read(path)
    width = float(np.nanmedian(psf.fwhm)) / picture.scale
    half, rim = int(np.ceil(REACH * width)), int(np.ceil(ANNULUS[1] / picture.scale))
    far = np.hypot(*np.mgrid[-rim : rim + 1, -rim : rim + 1]) * picture.scale
    found = []
    for u, v in zip(*picture.pixel(ra=ra, dec=dec), strict=True):
        row, column = round(v), round(u)
        at = np.s_[max(0, row - rim) : row + rim + 1, max(0, column - rim) : column + rim + 1]
        around = picture.image[at].astype(np.float64)
        if around.shape != far.shape or picture.bad[at].any():
            continue
        sky = np.median(around[(far > ANNULUS[0]) & (far < ANNULUS[1])])
        star = (around - sky)[rim - half : rim + half + 1, rim - half : rim + half + 1]
        found.append(_pair(star, psf.stamps[psf.index(y=v, x=u)], width))
    return tuple(found)


def _pair(star: Floats, stamp: Floats, fwhm: float) -> Pair:
    """Compare a star with a stamp moved to where the star lies between pixels, by their windowed centres."""
    y, x = _centre(star, fwhm)
    y0, x0 = _centre(stamp, fwhm)
    grid = np.arange(star.shape[0], dtype=np.float64)
    model = map_coordinates(stamp, np.meshgrid(grid - y + y0, grid - x + x0, indexing="ij"), order=5)
    shapes = (measure(image, y=y, x=x, fwhm=fwhm) for image in (star, model))
    radius = np.hypot(*np.meshgrid(grid - y, grid - x, indexing="ij"))
    whole = radius < WHOLE * fwhm
    middle = grid - star.shape[0] // 2
    still = (
        map_coordinates(
            image / image[inside].sum(), np.meshgrid(v + middle, u + middle, indexing="ij"), order=5
        )
        for image, inside, v, u in ((star, whole, y, x), (model, whole, y, x))
    )
    return Pair(*shapes, *still)


def _centre(image: Floats, fwhm: float) -> tuple[float, float]:
    """Return the centroid (y, x) under a Gaussian window that follows it, from the middle on."""
    yy, xx = np.indices(image.shape)
    y, x = (n // 2 for n in image.shape)
    for _ in range(50):
        weight = image * np.exp(-4.0 * np.log(2.0) * ((yy - y) ** 2 + (xx - x) ** 2) / fwhm**2)
        dy, dx = (2.0 * (weight * c).sum() / weight.sum() for c in (yy - y, xx - x))
        y, x = y + dy, x + dx
        if np.hypot(dy, dx) < 1e-5:
            break
    return float(y), float(x)


def departures(name: str, found: Sequence[Pair]) -> Found:
    """Return by what stars are off the PSF, and by what they may be."""
    energies = zip(*[np.divide(p.star.energy, p.psf.energy) - 1.0 for p in found], strict=True)
    shapes = zip(*[np.subtract(p.star.ellipticity, p.psf.ellipticity) for p in found], strict=True)
    first, second = (median(values) for values in shapes)
    return Found(
        name=name,
        count=len(found),
        fwhm=median([p.star.fwhm / p.psf.fwhm - 1.0 for p in found]),
        ellipticity=(first, second),
        energy=tuple(median(values) for values in energies),
        pairs=tuple(found),
    )


def vista(stores: Sequence[Path]) -> list[Found]:
    """Compare the stars of the VISTA set: those of the direct mean that are alone, whole and unsaturated."""
    paths = {name: path for store in stores for name, path in vista_set.coadd_paths(store).items()}
    with fits.open(paths["direct mean"]) as hdus:
        ra, dec = isolated_stars(read_coadd(paths["direct mean"]), hdus["NIMAGE"].data)
    return [departures(f"VISTA {name}", pairs(path, ra, dec)) for name, path in paths.items()]


def decam(store: Path, shared: Path) -> list[Found]:
    """Compare the Gaia stars of the DECam set, those of three bands together."""
    table = decam_set.gaia_table(shared / "data" / decam_set.FOLDER)
    ra, dec = (np.asarray(table[name], np.float64) for name in ("ra", "dec"))
    found: dict[str, list[Pair]] = {}
    for path in sorted((store / "coadd").rglob("coadd.fits")):
        warp = next(part.split("=")[1] for part in path.parts if part.startswith("warp="))
        found.setdefault(warp, []).extend(pairs(path, ra, dec))
    return [departures(f"DECam {warp}", each) for warp, each in found.items()]


def rows(found: Sequence[Found]) -> str:
    """Return the table, per cent."""

    def cell(value: tuple[float, float]) -> str:
        return f"{100 * value[0]:+.2f} ± {100 * value[1]:.2f}"

    energies = " | ".join(f"energy, {radius:g} FWHM" for radius in APERTURES)
    return table(
        f"coadd | stars | FWHM | e1 | e2 | {energies}",
        [(f.name, f.count, *map(cell, (f.fwhm, *f.ellipticity, *f.energy))) for f in found],
    )


def draw(found: Sequence[Found], file: Path) -> None:
    """Draw the median star of some coadds, the PSFs stated for them, and the difference."""
    import matplotlib.pyplot as plt
    from PIL import Image

    figure, axes = plt.subplots(3, len(found), figsize=(1.7 * len(found), 5.3), layout="constrained")
    for column, one in zip(axes.T, found, strict=True):
        star, psf = (np.median([getattr(p, part) for p in one.pairs], axis=0) for part in ("image", "model"))
        peak = psf.max()
        for axis, image, limit in zip(column, (star, psf, star - psf), (1.0, 1.0, SHOWN), strict=True):
            axis.imshow(
                image / peak,
                vmin=-limit / 5 if limit == 1 else -limit,
                vmax=limit,
                cmap="gray",
                origin="lower",
            )
            axis.set(xticks=[], yticks=[])
        column[0].set_title(one.name.replace(" ", "\n", 1), fontsize=8)
    for axis, label in zip(axes[:, 0], ("stars", "stated PSF", f"difference, ± {SHOWN:.0%}"), strict=True):
        axis.set_ylabel(label, fontsize=8)
    drawn = BytesIO()
    figure.savefig(drawn, dpi=80)
    plt.close(figure)
    Image.open(drawn).convert("L").quantize(GREYS).save(file, optimize=True)


def stores(shared: Path, folder: Path) -> dict[str, list[Path]]:
    """Make the coadds, where the folder does not have them; return their stores by set."""
    made: dict[str, list[Path]] = {}
    for data, runs in ((vista_set.FOLDER, VISTA), (decam_set.FOLDER, DECAM)):
        for number, words in enumerate(runs):
            place = folder / f"{data}-{number}"
            there = (place / "coadds").is_dir()
            made.setdefault(data, []).append(
                place / "coadds" if there else build(words, shared / "data" / data, place)
            )
    return made


def main() -> None:
    """Make, measure, print, draw."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawTextHelpFormatter)
    parser.add_argument("shared", nargs="?", type=Path, default=shared_folder())
    parser.add_argument("--picture", type=Path, default=ROOT / "docs" / "pictures" / "real-psfs.png")
    parser.add_argument("--keep", type=Path)
    arguments = parser.parse_args()
    shared = arguments.shared.resolve()
    with tempfile.TemporaryDirectory(prefix="coaddc-psfs-") as scratch:
        made = stores(shared, (arguments.keep or Path(scratch)).resolve())
        found = [*vista(made[vista_set.FOLDER]), *decam(made[decam_set.FOLDER][0], shared)]
        print(rows(found))
        draw(found, arguments.picture)


if __name__ == "__main__":
    main()
