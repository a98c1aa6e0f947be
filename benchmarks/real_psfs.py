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
from coadd_psfs import APERTURES
from real_sets import ROOT, build, shared_folder, table
from star_images import Floats, isolated_stars, read_coadd
from star_pairs import Pair, compare, pairs

#: Name of a set, its folder, and the words that make its coadds.
VISTA = (
    ("survey=vista", "warp=direct,psfMatched", "stack=mean,median"),
    ("survey=vista", "warp=likelihood,proper"),
)
DECAM = (("survey=decam_cp",),)
#: Largest difference that the picture shows, as a part of the peak.
SHOWN = 0.02
#: Shades of grey of the picture.
GREYS = 64


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


def on_exposures(path: Path, root: Path, ra: Floats, dec: Floats) -> list[Pair]:
    """Measure stars on the exposures of a DECam coadd, and the survey's own models there, without coaddc."""
    with fits.open(path) as hdus:
        inputs = hdus["INPUTS"].data
    found = []
    for row in inputs:
        exposure = decam_set.Exposed.read(root, row["file"], row["visit"], row["seeing"])
        for a, d in zip(ra, dec, strict=True):
            place = exposure.locate(a, d)
            if place is not None:
                x, y = place
                fwhm = float(row["seeing"]) / exposure.picture.scale
                found.append(compare(exposure.picture, exposure.model(x=x, y=y), fwhm, y=y, x=x))
    return [pair for pair in found if pair is not None]


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
    """Compare the Gaia stars of the DECam set, those of three bands together; on the exposures too."""
    root = shared / "data" / decam_set.FOLDER
    gaia = decam_set.gaia_table(root)
    ra, dec = (np.asarray(gaia[name], np.float64) for name in ("ra", "dec"))
    found: dict[str, list[Pair]] = {"exposures": []}
    for name, path in decam_set.coadd_paths(store).items():
        if not name.endswith("deep"):
            continue
        found["exposures"] += on_exposures(path, root, ra, dec)
        found.setdefault("direct mean", []).extend(pairs(path, ra, dec))
    return [departures(f"DECam {kind}", each) for kind, each in found.items()]


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
        found = vista(made[vista_set.FOLDER])
        print(rows([*found, *decam(made[decam_set.FOLDER][0], shared)]))
        draw(found, arguments.picture)


if __name__ == "__main__":
    main()
