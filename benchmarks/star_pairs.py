"""Stars of an image and the PSF stated for their places, measured alike."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import numpy as np
from coadd_psfs import WHOLE, Shape, measure
from scipy.ndimage import map_coordinates
from star_images import ANNULUS, Floats, Picture, Stated, read_coadd

#: Half-width of what is measured, in FWHM of the stated PSF.
REACH = 2.6


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


def pairs(path: Path, ra: Floats, dec: Floats) -> tuple[Pair, ...]:
    """Measure stars at some places (ra, dec) of a coadd, and the PSF that it states for their cells."""
    picture, psf = read_coadd(path), Stated.read(path)
    fwhm, places = float(np.nanmedian(psf.fwhm)) / picture.scale, picture.pixel(ra=ra, dec=dec)
    stamps = ((u, v, psf.stamps[psf.index(y=v, x=u)]) for u, v in zip(*places, strict=True))
    found = (compare(picture, stamp, fwhm, y=v, x=u) for u, v, stamp in stamps)
    return tuple(pair for pair in found if pair is not None)


def _sky(picture: Picture, row: int, column: int) -> float:
    """Return the median of the annulus about a pixel, of what the image has of it."""
    ny, nx = picture.image.shape
    radius = picture.scale * np.hypot(*np.ogrid[-row : ny - row, -column : nx - column])
    around = (radius > ANNULUS[0]) & (radius < ANNULUS[1]) & ~picture.bad
    return float(np.median(picture.image[around]))


def compare(picture: Picture, stamp: Floats, fwhm: float, *, y: float, x: float) -> Pair | None:
    """Compare a star with a stamp moved to where the star lies between pixels, by their windowed centres.

    None where the star is not whole.
    """
    half, row, column = int(np.ceil(REACH * fwhm)), round(y), round(x)
    at = np.s_[max(0, row - half) : row + half + 1, max(0, column - half) : column + half + 1]
    if picture.image[at].shape != (2 * half + 1, 2 * half + 1) or picture.bad[at].any():
        return None
    star = picture.image[at].astype(np.float64) - _sky(picture, row, column)
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
