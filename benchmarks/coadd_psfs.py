"""The stated PSF of coadds against their stars: width, shape and encircled energy.

python benchmarks/coadd_psfs.py [--write FILE]
"""

from __future__ import annotations

import argparse
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from likelihood import How, coadds
from measure import markdown, tell
from scipy.ndimage import map_coordinates, maximum_filter, minimum_filter
from star_images import moffat_fwhm

from coaddc.model.assembly import Matching, Statistic, Weighting
from coaddc.model.geom import Box
from coaddc.model.images import Coadd
from coaddc.model.psf import Floats, Moffat
from coaddc.model.skymap import Patch
from coaddc.model.wcs import Wcs
from coaddc.sim.field import Stars, distorted_wcs, star_field
from coaddc.sim.memory import MemoryExposure

#: Tangent point, degrees, scale, arcsec, flux of a star, nJy, and distance of stars, pixels.
RA, DEC, SCALE, FLUX, SPACING = 62.4, -24.6, 0.2, 1e6, 46
#: Rows and columns of a detector; centres of a visit's two, degrees east: 26 pixels between them.
SHAPE, EAST = (1000, 640), (-0.0185, 0.0185)
#: Position angle, degrees, FWHM, arcsec, and noise, nJy, of each visit.
VISITS = ((0, 0.7, 4), (90, 1.3, 4), (33, 0.9, 5), (180, 1.1, 6), (-14, 0.75, 7), (71, 1.0, 4))
#: Apertures, and the one whose flux counts as all, in FWHM; half-width of what is measured, pixels.
APERTURES, WHOLE, HALF = (0.5, 1.0, 1.5), 2.25, 22
INVERSE = Weighting.inverse_variance
#: What is made.
MADE: dict[str, How] = {
    f"{name} {statistic.value}": (matching, INVERSE, statistic)
    for name, matching in (
        ("direct", Matching.none),
        ("psfMatched", Matching.psf_model),
        ("likelihood", Matching.likelihood),
        ("proper", Matching.proper),
    )
    for statistic in (Statistic.mean, Statistic.median)
    if matching is not Matching.proper or statistic is Statistic.mean
}


@dataclass(frozen=True)
class Squashed:
    """A Moffat, elongated along an angle that turns over the detector, and wider toward one corner."""

    fwhm: float
    shape: tuple[int, int]

    @property
    def radius(self) -> float:
        """That of the Moffat, and a bit."""
        return 1.2 * Moffat(self.fwhm).radius

    def evaluate(self, *, x: float, y: float, dx: Floats, dy: Floats) -> Floats:
        """Return the flux per pixel at offsets from a source at (x, y)."""
        u, v = x / self.shape[1], y / self.shape[0]
        angle, stretch = 0.5 + 0.3 * v, 1.06 + 0.02 * u
        along = dx * np.cos(angle) + dy * np.sin(angle)
        across = dy * np.cos(angle) - dx * np.sin(angle)
        round_one = Moffat(self.fwhm * (1.0 + 0.02 * (u + v)))
        return round_one.evaluate(x=x, y=y, dx=along / stretch, dy=across * stretch)


@dataclass(frozen=True)
class Field:
    """Six visits of two detectors with a gap, and a patch in which the set of inputs changes often."""

    side: tuple[int, int] = (640, 768)

    @property
    def patch(self) -> Patch:
        """The patch, off the origin of its tract."""
        ny, nx = self.side
        box = Box(y0=-90, y1=ny - 90, x0=411, x1=411 + nx)
        y, x = box.centre
        return Patch(
            "field", 0, 0, 0, 0, box, box, Wcs.tan(ra=RA, dec=DEC, scale=SCALE, x=x + 0.3, y=y - 0.2)
        )

    @property
    def stars(self) -> Stars:
        """Stars on a grid, at all places between pixels."""
        box, rng = self.patch.box, np.random.default_rng(3)
        y, x = np.mgrid[box.y0 + 30 : box.y1 - 25 : SPACING, box.x0 + 30 : box.x1 - 25 : SPACING].astype(
            float
        )
        y, x = y + rng.uniform(-2, 2, y.shape), x + rng.uniform(-2, 2, y.shape)
        ra, dec = self.patch.wcs.to_sky(x=x.ravel(), y=y.ravel())
        return Stars(ra, dec, np.full(ra.shape, FLUX))

    def expose(self) -> list[MemoryExposure]:
        """Return the exposures, without noise in the image."""
        made = []
        for visit, (angle, fwhm, noise) in enumerate(VISITS):
            for detector, east in enumerate(EAST):
                turn, step = np.radians(angle), np.array([3.1e-4, -2.3e-4]) * (visit - 2.5)
                ra = RA + (east * np.cos(turn) + step[0]) / np.cos(np.radians(DEC))
                dec = DEC - east * np.sin(turn) + step[1]
                wcs = distorted_wcs(SHAPE, ra=ra, dec=dec, scale=SCALE, rotation=angle, distortion=0.003)
                found = star_field(self.stars, wcs, SHAPE, Squashed(fwhm / SCALE, SHAPE), noise)
                row = {"visit": visit, "detector": str(detector), "file": f"{visit}-{detector}"}
                made.append(found.with_row(**row))
        return made


@dataclass(frozen=True)
class Shape:
    """What an image of a star looks like.

    Attributes
    ----------
    fwhm
        Of the elliptical Moffat that fits best, pixels.
    ellipticity
        (Ixx - Iyy, 2 Ixy) / (Ixx + Iyy) of the second moments under a round Gaussian window of that FWHM.
    energy
        Flux within the apertures over that within the whole.
    """

    fwhm: float
    ellipticity: tuple[float, float]
    energy: tuple[float, ...]


@dataclass(frozen=True)
class Departure:
    """A star less the PSF: of the FWHM and of the energies as parts of it, of the ellipticity as it is."""

    fwhm: float
    ellipticity: float
    energy: float


def measure(image: Floats, *, y: float, x: float, fwhm: float) -> Shape:
    """Measure a star at a place in an image; ``fwhm`` is the size, pixels, of window and apertures."""
    yy, xx = np.mgrid[: image.shape[0], : image.shape[1]]
    dy, dx = yy - y, xx - x
    weight = image * np.exp(-4.0 * np.log(2.0) * (dx**2 + dy**2) / fwhm**2)
    mx, my = (weight * dx).sum() / weight.sum(), (weight * dy).sum() / weight.sum()
    ixx, iyy = (weight * (dx - mx) ** 2).sum(), (weight * (dy - my) ** 2).sum()
    ixy = (weight * (dx - mx) * (dy - my)).sum()
    radius = np.hypot(dy, dx)
    inside = [(image * np.clip(r * fwhm - radius + 0.5, 0.0, 1.0)).sum() for r in (*APERTURES, WHOLE)]
    return Shape(
        moffat_fwhm(image, x=x, y=y, radius=1.5 * fwhm),
        (float((ixx - iyy) / (ixx + iyy)), float(2.0 * ixy / (ixx + iyy))),
        tuple(float(part / inside[-1]) for part in inside[:-1]),
    )


def departure(star: Shape, psf: Shape) -> Departure:
    """Return what a star's shape is off that of the PSF."""
    energies = [a / b - 1.0 for a, b in zip(star.energy, psf.energy, strict=True)]
    return Departure(
        star.fwhm / psf.fwhm - 1.0,
        float(np.hypot(*np.subtract(star.ellipticity, psf.ellipticity))),
        max(energies, key=abs),
    )


def compare(
    image: Floats, stamps: Floats, cell: int, fwhm: float, places: Sequence[tuple[float, float]]
) -> list[Departure]:
    """Compare stars at places (y, x) of an image with the stamps of their cells, moved there.

    Parameters
    ----------
    image : (ny, nx)
        A coadd.
    stamps : (rows, columns, n, n)
        Its PSF, every ``cell`` pixels.
    fwhm
        Of window and apertures, pixels.
    places
        `HALF` pixels at least from the edges.
    """
    found = []
    grid = np.arange(-HALF, HALF + 1)
    for y, x in places:
        row, column = round(y), round(x)
        i, j = (min(int(c // cell), n - 1) for c, n in zip((row, column), stamps.shape, strict=False))
        stamp = stamps[i, j].astype(np.float64)
        middle = stamp.shape[0] // 2
        at = np.meshgrid(middle + grid + row - y, middle + grid + column - x, indexing="ij")
        model = map_coordinates(stamp, at, order=5)
        star = image[row - HALF : row + HALF + 1, column - HALF : column + HALF + 1].astype(np.float64)
        where = {"y": HALF + y - row, "x": HALF + x - column, "fwhm": fwhm}
        found.append(departure(measure(star, **where), measure(model, **where)))
    return found


def star_places(coadd: Coadd, stars: Stars) -> tuple[list[tuple[float, float]], list[bool]]:
    """Return the places (y, x) of stars in the arrays, and in whose cells all pixels have as many visits."""
    box = coadd.stacked.box
    x, y = coadd.wcs.to_pixel(ra=stars.ra, dec=stars.dec)
    inside = [(v - box.y0, u - box.x0) for v, u in zip(y, x, strict=True)]
    n = coadd.stacked.n_image
    low, high = minimum_filter(n, 2 * HALF + 1), maximum_filter(n, 2 * HALF + 1)
    cell, settled = coadd.psf.size, np.zeros(n.shape, bool)
    for row in range(0, n.shape[0], cell):
        for column in range(0, n.shape[1], cell):
            part = slice(row, row + cell), slice(column, column + cell)
            settled[part] = n[part].min() == n[part].max()
    kept = [p for p in inside if all(HALF < c < m - HALF - 1 for c, m in zip(p, n.shape, strict=True))]
    kept = [(y, x) for y, x in kept if low[round(y), round(x)] > 0]
    return kept, [
        bool(settled[round(y), round(x)] and low[round(y), round(x)] == high[round(y), round(x)])
        for y, x in kept
    ]


def simulated(kinds: Mapping[str, How] = MADE) -> dict[str, tuple[list[Departure], list[bool]]]:
    """Compare the stars of simulated coadds; of each, say whether the same visits show all of it."""
    field = Field()
    found = {}
    for name, coadd in coadds(field, field.expose(), kinds).items():
        places, whole = star_places(coadd, field.stars)
        fwhm = float(np.nanmedian(coadd.psf.fwhm)) / SCALE
        image = np.nan_to_num(coadd.stacked.image)
        found[name] = (compare(image, coadd.psf.stamps, coadd.psf.size, fwhm, places), whole)
    return found


def row_of(name: str, found: Sequence[Departure]) -> list[str]:
    """Return a row of a table: median and 90 % of each departure, in per cent."""
    cells = [name, str(len(found))]
    for quantity in ("fwhm", "ellipticity", "energy"):
        values = 100.0 * np.array([getattr(d, quantity) for d in found])
        cells.append(f"{np.median(values):+.2f}, {np.quantile(np.abs(values), 0.9):.2f}")
    return cells


HEAD = ["coadd", "stars", "FWHM", "ellipticity", "encircled energy"]


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--write", type=Path, help="file for the tables, Markdown")
    words = parser.parse_args()
    made = simulated()
    rows = [row_of(name, [d for d, w in zip(*found, strict=True) if w]) for name, found in made.items()]
    every = [row_of(name, found) for name, (found, _) in made.items()]
    text = "\n\n".join([
        "Median, and what 9 of 10 do not exceed, of stars less PSF, per cent.",
        "## Stars in cells that no visit covers in part", markdown(HEAD, rows),
        "## All stars", markdown(HEAD, every),
    ])  # fmt: skip
    tell(text, words.write)


if __name__ == "__main__":
    main()
