"""Stars of real images, measured alike on coadds, on what they are compared with, and on PSF models."""

from __future__ import annotations

import warnings
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import sep
from astropy.io import fits
from astropy.wcs import WCS, FITSFixedWarning
from numpy.typing import NDArray
from scipy.optimize import least_squares
from scipy.spatial import cKDTree

Floats = NDArray[np.float64]

#: An object counts as alone where all within this distance, arcsec, have less than this part of its flux.
ALONE, FAINT = 8.0, 0.02
#: Aperture, arcsec, in which objects are found to be stars, and annulus of the local sky.
FINDING, ANNULUS = 3.0, (6.0, 9.0)
#: Faintest star, signal to noise in that aperture; widest departure from the stars' half-light radius.
SNR, LOCUS = 60.0, 0.1


@dataclass(frozen=True)
class Picture:
    """An image on the sky.

    Attributes
    ----------
    image : (ny, nx)
        nJy per pixel, 0 where there is none.
    bad : (ny, nx)
        Where there is none.
    wcs
        Of its pixels.
    scale
        Side of a pixel, arcsec.
    """

    image: NDArray[np.float32]
    bad: NDArray[np.bool_]
    wcs: WCS
    scale: float

    @classmethod
    def of(cls, values: NDArray[np.floating], header: fits.Header, factor: float = 1.0) -> Picture:
        """Make one from an array and its header; ``factor`` turns its unit into nJy."""
        bad = ~np.isfinite(values)
        image = np.ascontiguousarray(np.where(bad, 0.0, values * factor), np.float32)
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", FITSFixedWarning)
            wcs = WCS(header)
        # Distorted projections have their local scale in the derivative of the map, not in the CD matrix.
        middle = [[(n - 1) / 2 for n in image.shape[::-1]]] * 3 + np.array([[0, 0], [1, 0], [0, 1]])
        ra, dec = wcs.all_pix2world(middle, 0).T
        dx, dy = (ra[1:] - ra[0]) * np.cos(np.radians(dec[0])), dec[1:] - dec[0]
        return cls(image, bad, wcs, float(np.sqrt(abs(dx[0] * dy[1] - dx[1] * dy[0])) * 3600.0))

    def pixel(self, *, ra: Floats, dec: Floats) -> tuple[Floats, Floats]:
        """Return (x, y), 0-based."""
        x, y = self.wcs.all_world2pix(np.stack([ra, dec], axis=1), 0).T
        return x, y

    def sky(self, *, x: Floats, y: Floats) -> tuple[Floats, Floats]:
        """Return (ra, dec), degrees."""
        ra, dec = self.wcs.all_pix2world(np.stack([x, y], axis=1), 0).T
        return ra, dec


def read_coadd(path: Path) -> Picture:
    """Read the image of a coadd, by its FITS file alone."""
    with fits.open(path) as hdus:
        return Picture.of(hdus["IMAGE"].data, hdus["IMAGE"].header)


@dataclass(frozen=True)
class Stated:
    """The PSF that a coadd states.

    Attributes
    ----------
    stamps : (rows, columns, n, n)
        One a cell.
    cell
        Side of a cell, pixels.
    fwhm : (rows, columns)
        In arcsec.
    """

    stamps: Floats
    cell: int
    fwhm: Floats

    @classmethod
    def read(cls, path: Path) -> Stated:
        """Read it from the FITS file of a coadd."""
        with fits.open(path) as hdus:
            stamps, cell = hdus["PSF"].data.astype(np.float64), int(hdus["PSF"].header["CELLSIZE"])
            return cls(stamps, cell, hdus["PSF_FWHM"].data.astype(np.float64))

    def index(self, *, y: float, x: float) -> tuple[int, int]:
        """Return the row and column of the cell at a place, or of the one nearest to it."""
        row, column = (
            min(max(round(c) // self.cell, 0), n - 1) for c, n in zip((y, x), self.fwhm.shape, strict=True)
        )
        return row, column


def isolated_stars(picture: Picture, n_image: NDArray[np.integer]) -> tuple[Floats, Floats]:
    """Return the places (ra, dec) of stars that are alone, round, and where all visits contribute.

    Parameters
    ----------
    picture
        Where to find them.
    n_image
        Number of visits at each pixel.
    """
    image, noise = picture.image - _sky(picture), sep.Background(picture.image, mask=picture.bad).globalrms
    sep.set_extract_pixstack(2_000_000)
    found = sep.extract(image, 3.0, err=noise, mask=picture.bad, minarea=5)
    x, y, radius = found["x"], found["y"], FINDING / picture.scale
    flux = sep.sum_circle(image, x, y, radius)[0]
    half_light = sep.flux_radius(image, x, y, np.full(len(x), radius), 0.5, normflux=flux, subpix=5)[0]
    snr = flux / (noise * np.sqrt(np.pi) * radius)
    good = (snr > SNR) & (found["b"] > 0.8 * found["a"]) & np.isfinite(half_light)
    good[good] &= _alone(found[good], found, flux[good], flux, ALONE / picture.scale)
    good[good] &= [_whole(n_image, star) for star in found[good]]
    # Stars are the smallest objects: their locus lies at the low end of the half-light radii.
    usual = np.quantile(half_light[good], 0.3)
    usual = np.median(half_light[good & (abs(half_light / usual - 1.0) < 2 * LOCUS)])
    good &= abs(half_light / usual - 1.0) < LOCUS
    return picture.sky(x=x[good], y=y[good])


def _sky(picture: Picture) -> NDArray[np.float32]:
    values: NDArray[np.float32] = sep.Background(picture.image, mask=picture.bad, bw=64, bh=64).back()
    return values


def _alone(
    stars: NDArray[np.void], others: NDArray[np.void], own: Floats, flux: Floats, reach: float
) -> NDArray[np.bool_]:
    tree = cKDTree(np.stack([others["x"], others["y"]], axis=1))
    near = tree.query_ball_point(np.stack([stars["x"], stars["y"]], axis=1), reach)
    return np.array([np.sum(flux[i] > FAINT * f) == 1 for i, f in zip(near, own, strict=True)], bool)


def _whole(n_image: NDArray[np.integer], star: np.void) -> bool:
    x, y, margin = round(float(star["x"])), round(float(star["y"])), 25
    part = n_image[max(0, y - margin) : y + margin + 1, max(0, x - margin) : x + margin + 1]
    return part.shape == (2 * margin + 1, 2 * margin + 1) and part.min() == n_image.max()


def aperture_flux(picture: Picture, *, x: Floats, y: Floats, radius: float) -> Floats:
    """Return flux, nJy, within a radius, arcsec, above the sky of an annulus around it."""
    inner, outer = (edge / picture.scale for edge in ANNULUS)
    flux, _, _ = sep.sum_circle(
        picture.image, x, y, radius / picture.scale, mask=picture.bad, bkgann=(inner, outer), subpix=0
    )
    return np.asarray(flux, np.float64)


def centroids(picture: Picture, *, x: Floats, y: Floats, fwhm: float) -> tuple[Floats, Floats]:
    """Return (x, y) of centroids under a Gaussian window of this FWHM, arcsec: XWIN_IMAGE of SExtractor."""
    sigma = np.full(len(x), fwhm / 2.3548 / picture.scale)
    x_win, y_win, _ = sep.winpos(picture.image - _sky(picture), x, y, sigma)
    return x_win, y_win


def offsets(a: tuple[Floats, Floats], b: tuple[Floats, Floats]) -> tuple[Floats, Floats]:
    """Return how far (ra, dec) of the first lie east and north of those of the second, mas."""
    (ra, dec), (ra0, dec0) = a, b
    return (ra - ra0) * np.cos(np.radians(dec0)) * 3.6e6, (dec - dec0) * 3.6e6


def moffat_fwhm(image: NDArray[np.floating], *, x: float, y: float, radius: float) -> float:
    """Return the FWHM, pixels, of the elliptical Moffat profile that fits the pixels within a radius best.

    The same for stars wherever they lie between pixels and for stamps of PSF models: nothing is resampled.
    The FWHM is that of the circle with the area of the ellipse; NaN where the edge of the image is near.
    """
    half, column, row = int(np.ceil(radius)) + 1, round(x), round(y)
    ny, nx = image.shape
    if not (half <= column < nx - half and half <= row < ny - half):
        return float("nan")
    cut = image[row - half : row + half + 1, column - half : column + half + 1].astype(np.float64)
    dy, dx = np.mgrid[-half : half + 1, -half : half + 1].astype(np.float64)
    inside = np.hypot(dx, dy) <= radius
    dx, dy, values = dx[inside], dy[inside], cut[inside] / cut[inside].max()

    def residuals(p: Floats) -> Floats:
        u, v = dx - p[0], dy - p[1]
        square = (1.0 + p[6]) * u**2 + (1.0 - p[6]) * v**2 + 2.0 * p[7] * u * v
        shape = (1.0 + (2.0 ** (1.0 / p[4]) - 1.0) * 4.0 * square / p[3] ** 2) ** -p[4]
        difference: Floats = p[2] * shape + p[5] - values
        return difference

    low = [-2.0, -2.0, 0.1, 0.5, 1.1, -1.0, -0.8, -0.8]
    high = [2.0, 2.0, 4.0, 30.0, 20.0, 1.0, 0.8, 0.8]
    start = [x - column, y - row, 1.0, 0.7 * radius, 3.0, 0.0, 0.0, 0.0]
    p = least_squares(residuals, start, bounds=(low, high)).x
    return float(p[3] / (1.0 - p[6] ** 2 - p[7] ** 2) ** 0.25)
