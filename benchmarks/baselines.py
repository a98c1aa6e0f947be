"""Coadds of the years of a survey: their depth, and the way of a star over eight years of WISE.

``python benchmarks/baselines.py [SHARED]`` prints a table, draws a picture. SHARED/data holds the WISE set;
else COADDC_SHARED, else the folder ``shared`` beside the repository.
"""

from __future__ import annotations

import argparse
import subprocess
import sys
import tempfile
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from astropy.table import Table
from astropy.wcs import WCS
from real_sets import ROOT, shared_folder, table
from scipy.optimize import least_squares

from coaddc.engine.events import Figures
from coaddc.store.butler import Butler

#: Folder of the WISE set, and of the chunk of Gaia's catalogue that covers it.
FOLDER, GAIA = "unwise_tr", "decam_ls_testcase4/gaia/chunk-03586.fits"
#: Words that make the series.
WORDS = ("baseline=glob(*)", "artifacts=none")
#: Pixels around a star that are fitted, and Julian days in a year.
REACH, YEAR = 3.0, 365.25


@dataclass(frozen=True)
class Epoch:
    """A coadd of a baseline.

    Attributes
    ----------
    baseline, inputs
        Its value, and number of exposures.
    mjd
        Mean time.
    depth
        AB.
    east, north
        Of a star from another one, less what Gaia has at its epoch, mas.
    """

    baseline: str
    inputs: int
    mjd: float
    depth: float
    east: float = float("nan")
    north: float = float("nan")

    @property
    def last(self) -> int:
        """Number of its last year; 0 for the whole survey."""
        return int("".join(filter(str.isdigit, self.baseline)) or 0)


@dataclass(frozen=True)
class Pair:
    """Two sources of Gaia's, the first of which moves against the second: (first, second) each.

    Attributes
    ----------
    ra, dec
        Degrees, at the epoch.
    epoch
        Year.
    motion
        Of the first against the second, mas a year, east and north.
    """

    ra: tuple[float, float]
    dec: tuple[float, float]
    epoch: float
    motion: tuple[float, float]


def series(words: Sequence[str], folder: Path, pair: Pair | None = None, **data_id: str) -> list[Epoch]:
    """Make all baselines, and return those that exposures meet, in order."""
    command = [sys.executable, "-m", "coaddc", *words, *WORDS, f"store.root={folder}", "-m"]
    subprocess.run(command, check=True, capture_output=True, cwd=folder.parent)
    butler = Butler(folder)
    names = sorted(set(butler.query(**data_id)["baseline"]), key=lambda name: (len(name), name))
    found = []
    for name in names:
        key = {**data_id, "tract": 0, "patch": "0,0", "baseline": str(name)}
        coadd = butler.get("coadd", **key)
        weights = [item.weight for item in coadd.inputs]
        mjd = float(np.average([item.row.mjd for item in coadd.inputs], weights=weights))
        place = () if pair is None else _apart(coadd.stacked.image, butler.get("coadd.header", **key), pair)
        found.append(Epoch(str(name), len(coadd.inputs), mjd, Figures.of_coadd(coadd).depth, *place))
    return found


def gaia_pair(shared: Path) -> Pair:
    """Return the brightest Gaia star of the WISE set, and the quasar beside it."""
    stars = Table.read(shared / "data" / GAIA)
    near = np.hypot((stars["ra"] - 186.744) * np.cos(np.radians(25.46)), stars["dec"] - 25.4618) < 0.009
    one, two = (stars[near][i] for i in np.argsort(stars[near]["phot_g_mean_mag"])[:2])
    motion = float(one["pmra"] - two["pmra"]), float(one["pmdec"] - two["pmdec"])
    places = ((float(one[name]), float(two[name])) for name in ("ra", "dec"))
    return Pair(*places, float(one["ref_epoch"]), motion)


def _apart(image: np.ndarray, header: object, pair: Pair) -> tuple[float, float]:
    """Return by how much the distance of a pair is not that of Gaia's epoch, mas east and north."""
    wcs = WCS(header)
    ra, dec = wcs.all_pix2world(*_fitted(image, *wcs.all_world2pix(pair.ra, pair.dec, 0)), 0)
    east, north = (ra - pair.ra) * np.cos(np.radians(pair.dec)), dec - pair.dec
    return 3.6e6 * float(east[0] - east[1]), 3.6e6 * float(north[0] - north[1])


def _fitted(image: np.ndarray, x: np.ndarray, y: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Return the places of the Gaussians that fit the pixels around places best."""
    rows, columns = np.indices(image.shape)
    found = []
    for u, v in zip(x, y, strict=True):
        near = (np.hypot(rows - v, columns - u) < REACH) & np.isfinite(image)

        def residual(p: np.ndarray, near: np.ndarray = near) -> np.ndarray:
            star = p[0] * np.exp(-((columns - p[1]) ** 2 + (rows - p[2]) ** 2) / (2 * p[3] ** 2)) + p[4]
            return (star - image)[near] / image[near].max()

        found.append(least_squares(residual, [image[near].max(), u, v, 1.0, 0.0]).x[1:3])
    u, v = np.transpose(found)
    return u, v


def places(bands: Sequence[Sequence[Epoch]]) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Return the years of single years' coadds, and east and north there, the mean over bands, mas."""
    each = [[(e.mjd, e.east, e.north) for e in yearly(epochs)] for epochs in bands]
    mjd, east, north = np.mean(each, axis=0).T
    return (mjd - 51544.5) / YEAR + 2000.0, east, north


def motion(bands: Sequence[Sequence[Epoch]]) -> list[tuple[float, float]]:
    """Return the motion over the years, mas a year, with its error; east, then north."""
    years, *both = places(bands)
    fits = [np.polyfit(years, place, 1, cov=True) for place in both]
    return [(float(fit[0][0]), float(np.sqrt(fit[1][0, 0]))) for fit in fits]


def yearly(epochs: Sequence[Epoch]) -> list[Epoch]:
    """Return the coadds of single years."""
    return [e for e in epochs if e.baseline.startswith("y")]


def cumulative(epochs: Sequence[Epoch]) -> list[Epoch]:
    """Return the coadds of all years up to one."""
    return [e for e in epochs if e.baseline.startswith("through")]


def draw(demo: Sequence[Epoch], wise: Sequence[Sequence[Epoch]], pair: Pair, path: Path) -> None:
    """Draw depths, and the star's way."""
    import matplotlib as mpl

    mpl.use("Agg")
    from matplotlib import pyplot as plt

    figure, axes = plt.subplots(1, 3, figsize=(10.5, 3.2), layout="constrained")
    for axis, epochs, name in zip(axes, (demo, wise[0]), ("demo survey, g", "WISE, W1"), strict=False):
        last = max(e.last for e in yearly(epochs))
        for part, mark in ((yearly(epochs), "o"), ([e for e in cumulative(epochs) if e.last <= last], "s-")):
            label = "single years" if mark == "o" else "through the year"
            axis.plot([e.last for e in part], [e.depth for e in part], mark, label=label)
        axis.set(title=name, xlabel="year", ylabel="5 sigma depth, AB")
        axis.legend()
    years, *both = places(wise)
    for place, rate, name, colour in zip(both, pair.motion, ("east", "north"), ("C0", "C1"), strict=True):
        axes[2].plot(years, place - place.mean(), "o", color=colour, label=name)
        axes[2].plot(years, rate * (years - years.mean()), "-", color=colour, lw=1)
    axes[2].set(title="a star against a quasar", xlabel="year", ylabel="mas", ylim=(-420, 320))
    axes[2].legend(title="points: coadds; lines: Gaia", fontsize=8, title_fontsize=8, loc="lower left")
    figure.savefig(path, dpi=80)


def rows(name: str, epochs: Sequence[Epoch]) -> list[tuple[str, ...]]:
    """Return the rows of the table: single years, then cumulative ones, then all."""
    last = max(e.last for e in yearly(epochs))
    part = [*yearly(epochs), *(e for e in epochs if e not in yearly(epochs) and e.last <= last)]
    return [(name, e.baseline, str(e.inputs), f"{e.mjd:.0f}", f"{e.depth:.2f}") for e in part]


def main() -> None:
    """Make, measure, print, draw."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawTextHelpFormatter)
    parser.add_argument("shared", nargs="?", type=Path, default=shared_folder())
    parser.add_argument("--pictures", type=Path, default=ROOT / "docs" / "pictures")
    arguments = parser.parse_args()
    shared = arguments.shared.resolve()
    with tempfile.TemporaryDirectory(prefix="coaddc-baselines-") as scratch:
        demo = series(("survey=demo", "band=g"), Path(scratch, "demo"), band="g")
        pair = gaia_pair(shared)
        words = ("survey=unwise_tr", f"survey.path={shared / 'data' / FOLDER}")
        wise = [series(words, Path(scratch, "wise"), pair, band=band) for band in ("w1", "w2")]
        found = rows("demo, g", demo) + rows("WISE, W1", wise[0]) + rows("WISE, W2", wise[1])
        print(table("survey | baseline | exposures | MJD | depth", found))
        for axis, (rate, error), gaia in zip(("east", "north"), motion(wise), pair.motion, strict=True):
            print(f"\n{axis}: {rate:+.1f} ± {error:.1f} mas a year; Gaia {gaia:+.1f}")
        draw(demo, wise, pair, arguments.pictures / "baselines.png")


if __name__ == "__main__":
    main()
