"""Likelihood coadds against the truth, beside direct ones: significance, fluxes, and depth in mixed seeing.

python benchmarks/likelihood.py [--count N] [--side PIXELS] [--noises N] [--write FILE]
"""

from __future__ import annotations

import argparse
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, field
from enum import Enum
from pathlib import Path
from typing import Any

import numpy as np
from exposures import NOISE, SCALE, SEEING
from in_memory import made_of
from measure import inner_square, markdown, tell, undisturbed
from programs import machine
from scipy.ndimage import map_coordinates

from coaddc.model.assembly import (
    ArtifactsSection,
    Assembly,
    Matching,
    PsfModelSection,
    StackSection,
    Statistic,
    WarpSection,
    Weighting,
)
from coaddc.model.exposures import ExposureRow, ExposureTable
from coaddc.model.geom import Box
from coaddc.model.images import Coadd
from coaddc.model.psf import Floats, Moffat
from coaddc.model.run_options import EngineOptions
from coaddc.model.skymap import Patch
from coaddc.model.skymap_options import SkymapOptions
from coaddc.model.survey import Survey
from coaddc.model.tangent import ARCSEC
from coaddc.model.wcs import Wcs
from coaddc.plan.compile import compile_suite
from coaddc.plan.select import Selector
from coaddc.sim.field import Stars, distorted_wcs, noise_field, scattered_stars, star_field
from coaddc.sim.memory import MemoryExposure

#: Tangent point, degrees; half the range of dithers, arcsec; distance of stars, pixels; half-width of fits.
RA, DEC, DITHER, SPACING, HALF = 62.4, -24.6, 8.0, 40.0, 14
#: Position angles, degrees, by turns.
ANGLES = (0.0, 90.0, 180.0, 12.0)
#: Flux of a star, nJy: some 7 sigma in 12 visits.
FLUX = 100.0
#: How a coadd is made: warps, weights, statistic.
How = tuple[Matching, Weighting, Statistic]
#: What is made.
KINDS: dict[str, How] = {
    "direct, inverse variance": (Matching.none, Weighting.inverse_variance, Statistic.mean),
    "direct, inverse variance and seeing": (Matching.none, Weighting.inverse_variance_seeing, Statistic.mean),
    "likelihood": (Matching.likelihood, Weighting.inverse_variance, Statistic.mean),
    "likelihood, median": (Matching.likelihood, Weighting.inverse_variance, Statistic.median),
}
LIKELIHOOD = {"likelihood": KINDS["likelihood"]}


@dataclass(frozen=True)
class Visits:
    """Simulated visits of one field: wide and sharp, noisy and quiet by chance.

    Attributes
    ----------
    count, side
        Number, and rows and columns of each.
    """

    count: int
    side: int
    stars: Stars = field(init=False)

    def __post_init__(self) -> None:
        grid = Wcs.tan(ra=RA, dec=DEC, scale=SCALE, x=self.side / 2, y=self.side / 2)
        stars = scattered_stars(grid, (self.side, self.side), spacing=SPACING, flux=FLUX, seed=4)
        object.__setattr__(self, "stars", stars)

    def expose(self, *, stars: bool, seed: int | None) -> list[MemoryExposure]:
        """Return the exposures, with or without stars and noise."""
        rng = np.random.default_rng(2)
        seeing = rng.permutation(np.linspace(*SEEING, self.count))
        noise = rng.permutation(np.linspace(*NOISE, self.count))
        shift = rng.uniform(-DITHER, DITHER, (self.count, 2)) / ARCSEC
        shape, made = (self.side, self.side), []
        for k in range(self.count):
            wcs = distorted_wcs(
                shape,
                ra=RA + shift[k, 0],
                dec=DEC + shift[k, 1],
                scale=SCALE,
                rotation=ANGLES[k % len(ANGLES)],
            )
            psf = Moffat(seeing[k] / SCALE)
            own = None if seed is None else 1000 * seed + k
            found = (
                star_field(self.stars, wcs, shape, psf, noise[k], own)
                if stars
                else noise_field(wcs, shape, psf, noise[k], own or 0)
            )
            made.append(found.with_row(visit=k, file=f"visit {k}"))
        return made

    @property
    def patch(self) -> Patch:
        """A patch that all visits cover."""
        n = int(0.72 * self.side)
        box = Box(y0=300, y1=300 + n, x0=-200, x1=-200 + n)
        wcs = Wcs.tan(ra=RA, dec=DEC, scale=SCALE, x=-200 + n / 2, y=300 + n / 2)
        return Patch("field", 0, 0, 0, 0, box, box, wcs)


def coadds(
    visits: Visits, exposures: Sequence[MemoryExposure], kinds: Mapping[str, How] = KINDS
) -> Mapping[str, Coadd]:
    """Make coadds of some kinds in one run."""
    opened = {e.row.digest: e for e in exposures}

    def open_exposure(survey: Survey, row: ExposureRow) -> MemoryExposure:
        return opened[row.digest]

    assemblies = [_assembly(name, *how) for name, how in kinds.items()]
    table, patch = ExposureTable(e.row for e in exposures), visits.patch
    plan = compile_suite(
        assemblies,
        Selector(table, [patch]),
        lambda _: [patch],
        lambda _: (set(), set()),
        EngineOptions(),
    )
    found = {product.data_id["kind"]: coadd for product, coadd in made_of(plan, open_exposure)}
    return {name: found[name] for name in kinds}


def _assembly(name: str, matching: Matching, weighting: Weighting, statistic: Statistic) -> Assembly:
    stages: dict[str, Any] = {
        "warp": WarpSection(matching=matching),
        "psf_model": PsfModelSection(widen=1.05),
        "stack": StackSection(weighting=weighting, statistic=statistic),
        "artifacts": ArtifactsSection(),
    }
    survey = Survey(name="memory")
    config = {k: _plain(asdict(v)) for k, v in {**stages, "survey": survey}.items()}
    return Assembly(
        keys={"kind": name},
        sections=stages,
        survey=survey,
        skymap=SkymapOptions(name="field"),
        bands=None,
        tracts=None,
        patches=None,
        config=config,
        **stages,
    )


def _plain(value: Any) -> Any:
    if isinstance(value, Enum):
        return value.value
    if isinstance(value, dict):
        return {k: _plain(v) for k, v in value.items()}
    return [_plain(v) for v in value] if isinstance(value, list | tuple) else value


def places(visits: Visits, coadd: Coadd) -> tuple[Floats, Floats]:
    """Return the stars' places (y, x) in the arrays, away from the edges."""
    box = coadd.stacked.box
    x, y = coadd.wcs.to_pixel(ra=visits.stars.ra, dec=visits.stars.dec)
    y, x = y - box.y0, x - box.x0
    ny, nx = box.shape
    kept = (y > 2 * HALF) & (y < ny - 2 * HALF) & (x > 2 * HALF) & (x < nx - 2 * HALF)
    return y[kept], x[kept]


def fluxes(coadd: Coadd, matching: Matching, y: Floats, x: Floats) -> Floats:
    """Return the fluxes of point sources at known places.

    Of a likelihood coadd the value there, by a spline of fifth order; of any other the fit of the PSF that it
    states, all pixels with one weight.
    """
    image = coadd.stacked.image.astype(np.float64)
    if matching is Matching.likelihood:
        return map_coordinates(image, [y, x], order=5)
    stamp = coadd.psf.stamps[0, 0].astype(np.float64)
    middle = stamp.shape[0] // 2
    grid = np.arange(-HALF, HALF + 1)
    result = []
    for v, u in zip(y, x, strict=True):
        row, column = round(v), round(u)
        at = np.meshgrid(middle + grid + row - v, middle + grid + column - u, indexing="ij")
        psf = map_coordinates(stamp, at, order=5)
        part = image[row - HALF : row + HALF + 1, column - HALF : column + HALF + 1]
        result.append((psf * part).sum() / (psf**2).sum())
    return np.array(result)


def peak_fluxes(coadd: Coadd, y: Floats, x: Floats) -> Mapping[str, Floats]:
    """Return fluxes of a likelihood coadd by ways to read it."""
    image = coadd.stacked.image.astype(np.float64)
    rows, columns = np.rint(y).astype(int), np.rint(x).astype(int)
    nearest = image[rows, columns]
    three = {d: image[rows + d[0], columns + d[1]] for d in ((0, -1), (0, 1), (-1, 0), (1, 0))}
    top = nearest.copy()
    for low, high in (((0, -1), (0, 1)), ((-1, 0), (1, 0))):
        a, b = three[low], three[high]
        top += (b - a) ** 2 / (8.0 * (2.0 * nearest - a - b))
    return {
        "spline, true place": map_coordinates(image, [y, x], order=5),
        "parabolas through the nearest pixel and its four neighbours": top,
        "nearest pixel": nearest,
    }


def reading_table(visits: Visits) -> str:
    """Return how fluxes of noise-free stars come out."""
    coadd = coadds(visits, visits.expose(stars=True, seed=None), LIKELIHOOD)["likelihood"]
    y, x = places(visits, coadd)
    rows = []
    for name, found in peak_fluxes(coadd, y, x).items():
        error = found / FLUX - 1.0
        rows.append(
            [name, f"{100 * error.mean():+.2f}", f"{100 * error.std():.2f}", f"{100 * error.min():+.2f}"]
        )
    return f"{len(y)} stars.\n\n" + markdown(["read by", "mean error (%)", "scatter (%)", "lowest (%)"], rows)


def depth_table(visits: Visits, noises: int, kinds: Mapping[str, How] = KINDS) -> str:
    """Return bias and scatter of the fluxes of faint stars, by kind of coadd; the first is compared with."""
    found: dict[str, list[Floats]] = {name: [] for name in kinds}
    for seed in range(1, noises + 1):
        made = coadds(visits, visits.expose(stars=True, seed=seed), kinds)
        for name, coadd in made.items():
            found[name].append(fluxes(coadd, kinds[name][0], *places(visits, coadd)))
    all_fluxes = {name: np.concatenate(parts) for name, parts in found.items()}
    first = next(iter(all_fluxes.values()))
    rows = []
    for name, values in all_fluxes.items():
        deeper = 2.5 * np.log10(first.std() / values.std())
        error = 2.5 / np.log(10) * np.std([np.log(f.std() / v.std()) for f, v in _resampled(first, values)])
        bias, of_bias = values.mean() / FLUX - 1.0, values.std() / FLUX / np.sqrt(values.size)
        depth = 31.4 - 2.5 * np.log10(5.0 * values.std())
        rows.append([
            name, f"{100 * bias:+.2f} ± {100 * of_bias:.2f}", f"{values.std():.2f}", f"{depth:.3f}",
            f"{deeper:+.3f} ± {error:.3f}",
        ])  # fmt: skip
    head = ["coadd", "flux bias (%)", "scatter (nJy)", "5 sigma depth (mag)", "deeper by (mag)"]
    return f"{first.size} stars of {FLUX:.0f} nJy in {noises} skies.\n\n" + markdown(head, rows)


def _resampled(a: Floats, b: Floats) -> list[tuple[Floats, Floats]]:
    rng = np.random.default_rng(0)
    draws = [rng.integers(0, a.size, a.size) for _ in range(200)]
    return [(a[draw], b[draw]) for draw in draws]


def significance_table(visits: Visits, noises: int) -> str:
    """Return width and tails of image / sqrt(variance) on an empty sky."""
    kinds = {name: how for name, how in KINDS.items() if how[0] is Matching.likelihood}
    values: dict[str, list[Floats]] = {name: [] for name in kinds}
    for seed in range(101, 101 + noises):
        made = coadds(visits, visits.expose(stars=False, seed=seed), kinds)
        for name in values:
            stacked = made[name].stacked
            square = inner_square(undisturbed(stacked.n_image, 2))
            values[name].append((stacked.image[square] / np.sqrt(stacked.variance[square])).ravel())
    rows = []
    for name, parts in values.items():
        nu = np.concatenate(parts)
        tails = [f"{np.mean(np.abs(nu) > t) / normal:.2f}" for t, normal in ((2, 0.0455), (3, 0.0027))]
        rows.append([name, f"{nu.mean():+.3f}", f"{nu.std():.4f}", *tails])
    head = ["coadd", "mean", "width", "beyond 2 sigma, of a normal's", "beyond 3 sigma"]
    return f"{noises} empty skies, {nu.size} pixels.\n\n" + markdown(head, rows)


def expected(visits: Visits) -> str:
    """Return what theory gives: the sum of all signals to noise against that of the mean."""
    exposures = visits.expose(stars=False, seed=1)
    dy, dx = np.mgrid[-60:61, -60:61].astype(float)
    psfs = [e.psf.evaluate(x=0.0, y=0.0, dx=dx, dy=dy) for e in exposures]
    inverse = [e.row.sky_noise**-2 for e in exposures]
    best = sum(w * (p**2).sum() for w, p in zip(inverse, psfs, strict=True))
    lines = []
    for name, power in (("inverse variance", 0), ("inverse variance and seeing", 2)):
        weights = [w / e.row.seeing**power for w, e in zip(inverse, exposures, strict=True)]
        mean = sum(w * p for w, p in zip(weights, psfs, strict=True))
        noise = sum(w**2 / i for w, i in zip(weights, inverse, strict=True))
        lines.append(f"{1.25 * np.log10(best / ((mean**2).sum() / noise)):.3f} mag over {name}")
    return "By theory the likelihood is deeper by " + ", ".join(lines) + "."


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--count", type=int, default=12, help="number of visits")
    parser.add_argument("--side", type=int, default=1000, help="rows and columns of each")
    parser.add_argument("--noises", type=int, default=5, help="number of skies")
    parser.add_argument("--write", type=Path, help="file for the tables, Markdown")
    words = parser.parse_args()
    visits = Visits(words.count, words.side)
    low, high = SEEING
    text = "\n\n".join([
        f"{words.count} visits of {words.side} x {words.side} pixels, seeing {low} to {high} arcsec.",
        f"{machine()}.",
        "## Significance on an empty sky", significance_table(visits, words.noises),
        "## How to read a flux", reading_table(visits),
        "## Depth", depth_table(visits, words.noises), expected(visits),
    ])  # fmt: skip
    tell(text, words.write)


if __name__ == "__main__":
    main()
