"""Proper coadds against the truth, beside direct and likelihood ones: noise, significance, fluxes, PSF.

python benchmarks/proper.py [--count N] [--side PIXELS] [--noises N] [--picture FILE] [--write FILE]
"""

from __future__ import annotations

import argparse
from collections.abc import Mapping
from itertools import pairwise
from pathlib import Path

import numpy as np
from likelihood import FLUX, KINDS, SEEING, How, Visits, coadds, depth_table, fluxes, places
from measure import inner_square, markdown, tell, undisturbed
from programs import machine
from scipy.ndimage import map_coordinates
from scipy.signal import fftconvolve

from coaddc.model.assembly import Matching, Statistic, Weighting
from coaddc.model.images import Coadd
from coaddc.model.psf import Floats

PROPER: How = (Matching.proper, Weighting.inverse_variance, Statistic.mean)
#: What is made; the first is what others are compared with.
MADE: dict[str, How] = {
    "direct, inverse variance": KINDS["direct, inverse variance"],
    "likelihood": KINDS["likelihood"],
    "proper": PROPER,
}
#: What has pixels whose noise is looked at.
IMAGES = ("direct, inverse variance", "proper")
#: Distances (dy, dx), pixels, at which pixels are compared, and edges of bands of frequencies, per pixel.
LAGS = ((0, 1), (1, 0), (1, 1), (0, 2), (2, 0), (0, 4))
BANDS = (0.0, 0.1, 0.2, 0.3, 0.4, 0.5, 0.72)
#: Distance, pixels, to which a star is compared with the PSF.
REACH = 12


def sigmas(coadd: Coadd) -> Floats:
    """Return image over noise in the largest square that all visits cover."""
    stacked = coadd.stacked
    square = inner_square(undisturbed(stacked.n_image, 2))
    return (stacked.image[square] / np.sqrt(stacked.variance[square])).astype(np.float64)


def power(values: Floats) -> Floats:
    """Return the mean power of noise in bands of frequency, 1 where it is white and of width 1."""
    spectrum = np.abs(np.fft.fft2(values)) ** 2 / values.size
    frequency = np.hypot(*np.meshgrid(*(np.fft.fftfreq(n) for n in values.shape), indexing="ij"))
    total = np.histogram(frequency, BANDS, weights=spectrum)[0]
    result: Floats = total / np.histogram(frequency, BANDS)[0]
    return result


def noise_table(visits: Visits, noises: int) -> str:
    """Return width, correlation and power of the noise of empty skies."""
    kinds = {name: MADE[name] for name in IMAGES}
    values: dict[str, list[Floats]] = {name: [] for name in kinds}
    for seed in range(101, 101 + noises):
        for name, coadd in coadds(visits, visits.expose(stars=False, seed=seed), kinds).items():
            values[name].append(sigmas(coadd))
    rows = []
    for name, skies in values.items():
        width = np.sqrt(np.mean([(s**2).mean() for s in skies]))
        pairs = [
            np.mean([(s * np.roll(s, lag, (0, 1))).mean() / (s**2).mean() for s in skies]) for lag in LAGS
        ]
        bands = np.mean([power(s) for s in skies], axis=0)
        rows.append([name, f"{width:.3f}", *(f"{p:+.3f}" for p in pairs), *(f"{b:.3f}" for b in bands)])
    head = ["coadd", "width", *(f"pixels {lag} apart" for lag in LAGS)]
    head += [f"power {low} to {high}" for low, high in pairwise(BANDS)]
    return f"{noises} empty skies.\n\n" + markdown(head, rows)


def matched(coadd: Coadd) -> Floats:
    """Return the significance of a point source at each pixel: the image through its own PSF."""
    psf = coadd.psf.stamps[0, 0].astype(np.float64)
    image, variance = (np.asarray(p, np.float64) for p in (coadd.stacked.image, coadd.stacked.variance))
    good = np.isfinite(image)
    weight = np.where(good, 1.0 / np.where(good, variance, 1.0), 0.0)
    found = fftconvolve(np.where(good, image, 0.0) * weight, psf[::-1, ::-1], "same")
    norm = fftconvolve(weight, psf[::-1, ::-1] ** 2, "same")
    result: Floats = found / np.sqrt(norm)
    return result


def significance_text(visits: Visits) -> str:
    """Return how the significance from the proper coadd compares with the likelihood's."""
    made = coadds(visits, visits.expose(stars=True, seed=7), {k: MADE[k] for k in ("likelihood", "proper")})
    other = made["likelihood"].stacked
    square = inner_square(undisturbed(other.n_image, 2))
    theirs, own = (other.image / np.sqrt(other.variance))[square], matched(made["proper"])[square]
    slope = float((own * theirs).sum() / (theirs**2).sum())
    clean = coadds(visits, visits.expose(stars=True, seed=None), {k: MADE[k] for k in made})
    y, x = places(visits, clean["proper"])
    peaks = [
        map_coordinates(np.nan_to_num(plane), [y, x], order=5)
        for plane in (
            matched(clean["proper"]),
            clean["likelihood"].stacked.image / np.sqrt(clean["likelihood"].stacked.variance),
        )
    ]
    ratio = peaks[0] / peaks[1]
    return (
        f"Significance on {theirs.size} pixels with stars and noise: {slope:.4f} times the likelihood's, "
        f"from which it departs by {(own - theirs).std():.4f}. Of {ratio.size} stars without noise: "
        f"{ratio.mean():.4f} ± {ratio.std():.4f} times."
    )


def star_table(visits: Visits) -> str:
    """Return how stars without noise look beside the PSF that is stated, and what fits find of their flux."""
    exposures = visits.expose(stars=True, seed=None)
    made = coadds(visits, exposures, {name: MADE[name] for name in IMAGES})
    rows = []
    for name, coadd in made.items():
        y, x = places(visits, coadd)
        star, psf = mean_star(coadd, y, x)
        fitted = fluxes(coadd, MADE[name][0], y, x) / FLUX - 1.0
        rows.append([
            name, f"{coadd.psf.fwhm[0, 0]:.3f}", f"{100 * np.abs(star - psf).max() / psf.max():.2f}",
            f"{100 * fitted.mean():+.2f}", f"{100 * fitted.std():.2f}",
        ])  # fmt: skip
    head = ["coadd", "FWHM (arcsec)", "star - PSF (% of the peak)", "flux error (%)", "scatter (%)"]
    return markdown(head, rows)


def mean_star(coadd: Coadd, y: Floats, x: Floats) -> tuple[Floats, Floats]:
    """Return the mean image of stars of flux 1, moved to the middle of a pixel, and the stated PSF."""
    grid = np.arange(-REACH, REACH + 1.0)
    image = np.nan_to_num(coadd.stacked.image).astype(np.float64)
    seen = [
        map_coordinates(image, np.meshgrid(v + grid, u + grid, indexing="ij"), order=5)
        for v, u in zip(y, x, strict=True)
    ]
    psf = coadd.psf.stamps[0, 0].astype(np.float64)
    middle = psf.shape[0] // 2
    part = slice(middle - REACH, middle + REACH + 1)
    return np.mean(seen, axis=0) / FLUX, psf[part, part]


def draw(made: Mapping[str, Coadd], skies: Mapping[str, Coadd], path: Path) -> None:
    """Draw a part of coadds, in units of the noise, and the power of their noise."""
    from matplotlib import pyplot

    figure, axes = pyplot.subplots(1, 3, figsize=(9.6, 3.3), constrained_layout=True)
    for axis, name in zip(axes, IMAGES, strict=False):
        stacked = made[name].stacked
        part = (stacked.image / np.sqrt(stacked.variance))[200:330, 150:280]
        axis.imshow(part, vmin=-3, vmax=9, cmap="gray_r", origin="lower", interpolation="nearest")
        axis.set(title=f"{name},\nover its noise", xticks=[], yticks=[])
    for name, style in zip(IMAGES, ("0.6", "k"), strict=True):
        centres = 0.5 * (np.array(BANDS[:-1]) + np.array(BANDS[1:]))
        axes[2].plot(centres, power(sigmas(skies[name])), "o-", color=style, label=name)
    axes[2].set(xlabel="frequency, per pixel", title="power of the noise\nby frequency", ylim=(0, 1.4))
    axes[2].legend(frameon=False, loc="lower left")
    path.parent.mkdir(parents=True, exist_ok=True)
    figure.savefig(path, dpi=90, pil_kwargs={"optimize": True})
    pyplot.close(figure)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--count", type=int, default=12, help="number of visits")
    parser.add_argument("--side", type=int, default=900, help="rows and columns of each")
    parser.add_argument("--noises", type=int, default=4, help="number of skies")
    parser.add_argument("--picture", type=Path, help="file for the picture, PNG")
    parser.add_argument("--write", type=Path, help="file for the tables, Markdown")
    words = parser.parse_args()
    visits = Visits(words.count, words.side)
    if words.picture:
        kinds = {name: MADE[name] for name in IMAGES}
        pair = [coadds(visits, visits.expose(stars=s, seed=5), kinds) for s in (True, False)]
        draw(pair[0], pair[1], words.picture)
    text = "\n\n".join([
        f"{words.count} visits, {words.side} pixels square, seeing {SEEING[0]} to {SEEING[1]} arcsec.",
        f"{machine()}.",
        "## Noise", noise_table(visits, words.noises),
        "## Significance", significance_text(visits),
        "## Stars", star_table(visits),
        "## Depth", depth_table(visits, words.noises, MADE),
    ])  # fmt: skip
    tell(text, words.write)


if __name__ == "__main__":
    main()
