"""Coadds of the VISTA set against the SWarp coadd that comes with it, and their stars against their PSF."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import numpy as np
from astropy.io import fits
from numpy.typing import NDArray
from scipy.ndimage import shift
from star_images import (
    Floats,
    Picture,
    Stated,
    aperture_flux,
    centroids,
    isolated_stars,
    moffat_fwhm,
    offsets,
    read_coadd,
)

#: Folder of the set, and the words that make its coadds.
FOLDER = "vista_video_H"
WORDS = ("survey=vista", "warp=direct,psfMatched", "stack=mean,median")
#: The SWarp coadd: pixels in microjansky, AB 23.9, as ProPane writes by default; its header does not say so.
REFERENCE, NJY = "swarp_med.fits", 1000.0
#: Aperture for fluxes and radius within which profiles are fitted, arcsec.
APERTURE, FIT = 4.0, 1.5


@dataclass(frozen=True)
class Measured:
    """Stars of one coadd.

    Attributes
    ----------
    name
        The coadd.
    count
        Number of stars.
    flux, flux_error
        Median of the flux over SWarp's, less 1, and its standard error.
    position, shift
        Median distance from SWarp's positions, and of the median offset (east, north), mas.
    stars, model
        Median FWHM of the stars, and of the PSF stated for their cells, arcsec, by the same fit.
    ratio, spread
        Median and scatter of the one over the other, star by star.
    residual
        Largest difference of the mean star from the stated PSF, as a part of the peak.
    """

    name: str
    count: int
    flux: float
    flux_error: float
    position: float
    shift: float
    stars: float
    model: float
    ratio: float
    spread: float
    residual: float


def coadd_paths(store: Path) -> dict[str, Path]:
    """Return the four coadds of a store, direct mean first."""
    found = {}
    for path in (store / "coadd").rglob("coadd.fits"):
        keys = dict(part.split("=", 1) for part in path.parts if "=" in part)
        found[f"{keys['warp']} {keys.get('stack', 'mean')}"] = path
    return dict(sorted(found.items()))


def measure(store: Path, shared: Path) -> list[Measured]:
    """Measure the stars of all coadds of the set.

    Parameters
    ----------
    store
        Where they are.
    shared
        Folder that holds ``data``.
    """
    paths = coadd_paths(store)
    with fits.open(shared / "data" / FOLDER / REFERENCE) as hdus:
        swarp = Picture.of(hdus[1].data, hdus[1].header, NJY)
    with fits.open(paths["direct mean"]) as hdus:
        ra, dec = isolated_stars(read_coadd(paths["direct mean"]), hdus["NIMAGE"].data)
    there = _found(swarp, ra, dec)
    return [_measured(name, path, there, (ra, dec)) for name, path in paths.items()]


def _found(picture: Picture, ra: Floats, dec: Floats) -> tuple[Floats, tuple[Floats, Floats]]:
    """Return fluxes and centroids (ra, dec) of stars."""
    x, y = picture.pixel(ra=ra, dec=dec)
    flux = aperture_flux(picture, x=x, y=y, radius=APERTURE)
    x, y = centroids(picture, x=x, y=y, fwhm=1.0)
    return flux, picture.sky(x=x, y=y)


def _measured(
    name: str, path: Path, swarp: tuple[Floats, tuple[Floats, Floats]], places: tuple[Floats, Floats]
) -> Measured:
    picture = read_coadd(path)
    flux, own = _found(picture, *places)
    east, north = offsets(own, swarp[1])
    ratio = flux / swarp[0] - 1.0
    x, y = picture.pixel(ra=own[0], dec=own[1])
    stars, model, residual = widths(path, picture, x=x, y=y)
    each = stars / model
    return Measured(
        name=name,
        count=len(ratio),
        flux=float(np.median(ratio)),
        flux_error=float(1.25 * _scatter(ratio) / np.sqrt(len(ratio))),
        position=float(np.median(np.hypot(east, north))),
        shift=float(np.hypot(np.median(east), np.median(north))),
        stars=float(np.median(stars)),
        model=float(np.median(model)),
        ratio=float(np.median(each)),
        spread=_scatter(each),
        residual=residual,
    )


def _scatter(values: Floats) -> float:
    return float(1.4826 * np.median(abs(values - np.median(values))))


def widths(path: Path, picture: Picture, *, x: Floats, y: Floats) -> tuple[Floats, Floats, float]:
    """Return the FWHM of stars and of the stated PSF of their cells, arcsec, and `Measured.residual`."""
    psf = Stated.read(path)
    radius, middle = FIT / picture.scale, float(psf.stamps.shape[2] // 2)
    own = [psf.stamps[psf.index(y=v, x=u)] for v, u in zip(y, x, strict=True)]
    model = np.array([moffat_fwhm(stamp, x=middle, y=middle, radius=radius) for stamp in own])
    stars = np.array([moffat_fwhm(picture.image, x=u, y=v, radius=radius) for u, v in zip(x, y, strict=True)])
    residual = _residual(picture, np.array(own), x, y)
    return stars * picture.scale, model * picture.scale, residual


def _residual(picture: Picture, stamps: Floats, x: Floats, y: Floats) -> float:
    """Return the largest difference, median over stars, from the stated PSF moved to each star's place."""
    half = stamps.shape[1] // 2
    differences = []
    for stamp, u, v in zip(stamps, x, y, strict=True):
        column, row = round(u), round(v)
        cut = picture.image[row - half : row + half + 1, column - half : column + half + 1]
        there = shift(stamp, (v - row, u - column), order=5)
        design = np.stack([there.ravel(), np.ones(there.size)], axis=1)
        flux, sky = np.linalg.lstsq(design, cut.ravel().astype(np.float64), rcond=None)[0]
        differences.append((cut - sky - flux * there) / (flux * there.max()))
    return float(abs(np.median(differences, axis=0)).max())


def thumbnail(path: Path, *, side: int = 500) -> NDArray[np.uint8]:
    """Return a small grey picture of a coadd: mean of blocks of pixels, arsinh of its noise."""
    image = read_coadd(path).image
    step = max(1, image.shape[0] // side)
    ny, nx = (n // step for n in image.shape)
    small = image[: ny * step, : nx * step].reshape(ny, step, nx, step).mean(axis=(1, 3))
    seen = small[small != 0]
    noise = _scatter(seen.astype(np.float64))
    level = (np.arcsinh((small - np.median(seen)) / (1.5 * noise)) + 1.2) / 5.2
    grey: NDArray[np.uint8] = (np.clip(np.where(small == 0, 0, level), 0, 1) * 255).astype(np.uint8)
    return grey[::-1]
