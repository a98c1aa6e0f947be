"""Exposures of isolated stars, or of nothing but noise, with known truth: for tests and benchmarks."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from astropy.io.fits import Header

from coaddc.model.psf import Floats, Psf
from coaddc.model.tangent import ARCSEC
from coaddc.model.wcs import Wcs
from coaddc.sim.memory import MemoryExposure, make_exposure
from coaddc.sim.render import add_stars


@dataclass(frozen=True, slots=True)
class Stars:
    """Point sources: right ascension and declination, degrees, and flux, nJy; each of shape (n,)."""

    ra: Floats
    dec: Floats
    flux: Floats


def distorted_wcs(
    shape: tuple[int, int],
    *,
    ra: float = 62.4,
    dec: float = -24.6,
    scale: float = 0.2,
    rotation: float = 0.0,
    distortion: float = 0.002,
) -> Wcs:
    """Make a TAN-SIP WCS, tangent at the centre of the image.

    Parameters
    ----------
    shape
        Rows and columns (ny, nx) of the image.
    ra, dec
        Tangent point, degrees: shift it to dither.
    scale
        Pixel scale there, arcsec.
    rotation
        Position angle of the y axis, degrees, east of north.
    distortion
        By which part of its distance from the centre a corner is displaced. Most of it is radial and cubic;
        a third as much is quadratic and lopsided, so that no symmetry hides an error.
    """
    ny, nx = shape
    reach = float(np.hypot(nx, ny)) / 2.0
    header = tangent_header(ra=ra, dec=dec, scale=scale, rotation=rotation)
    header["CTYPE1"], header["CTYPE2"] = "RA---TAN-SIP", "DEC--TAN-SIP"
    header["CRPIX1"], header["CRPIX2"] = (nx + 1) / 2.0, (ny + 1) / 2.0
    header["A_ORDER"], header["B_ORDER"] = 3, 3
    cubic, square = distortion / reach**2, distortion / reach / 3.0
    header["A_3_0"], header["A_1_2"], header["A_2_0"] = cubic, cubic, square
    header["B_0_3"], header["B_2_1"], header["B_1_1"] = cubic, cubic, -square
    return Wcs(header)


def tangent_header(*, ra: float, dec: float, scale: float, rotation: float) -> Header:
    """Return the cards of a tangent projection, but for the type and the reference pixel."""
    theta, side = np.radians(rotation), scale / ARCSEC
    header = Header()
    header["CUNIT1"], header["CUNIT2"] = "deg", "deg"
    header["CRVAL1"], header["CRVAL2"] = ra, dec
    header["CD1_1"], header["CD1_2"] = -side * np.cos(theta), side * np.sin(theta)
    header["CD2_1"], header["CD2_2"] = side * np.sin(theta), side * np.cos(theta)
    header["RADESYS"] = "ICRS"
    return header


def scattered_stars(
    wcs: Wcs, shape: tuple[int, int], *, spacing: float = 60.0, flux: float = 1e5, seed: int = 1
) -> Stars:
    """Scatter stars over an image, each at a random place in its own cell of a grid, all of one flux.

    Parameters
    ----------
    wcs, shape
        Of the image.
    spacing
        Side of the cells, pixels. A star keeps a quarter of it to every side of its cell, so that stars are
        half of it apart at least, and as far from the edges of the image.
    flux
        nJy.
    seed
        Of the places.
    """
    rng = np.random.default_rng(seed)
    cells = [np.arange(int((n - spacing / 2.0) // spacing)) for n in shape]
    rows, columns = np.meshgrid(*cells, indexing="ij")
    y = (rows + 0.5 + rng.uniform(0.0, 0.5, rows.shape)) * spacing
    x = (columns + 0.5 + rng.uniform(0.0, 0.5, rows.shape)) * spacing
    ra, dec = wcs.to_sky(x=x.ravel(), y=y.ravel())
    return Stars(ra, dec, np.full(ra.shape, flux))


def star_field(
    stars: Stars,
    wcs: Wcs,
    shape: tuple[int, int],
    psf: Psf,
    noise: float = 1.0,
    seed: int | None = None,
) -> MemoryExposure:
    """Expose stars: each is the PSF model at its exact place, summing to its flux.

    Parameters
    ----------
    stars
        May lie outside the image.
    wcs, shape, psf
        Of the exposure. The PSF includes the pixel, so that it is evaluated, not integrated.
    noise
        Standard deviation that the variance plane says, nJy.
    seed
        Of the noise, white and Gaussian; None leaves the image free of noise.

    Returns
    -------
    exposure
        Its row has made-up entries where none follows; ``with_row(visit=3, band="g")`` changes them.
    """
    image = np.zeros(shape)
    x, y = wcs.to_pixel(ra=stars.ra, dec=stars.dec)
    add_stars(image, psf, x=x, y=y, flux=stars.flux)
    return exposed(image, wcs, psf, noise, seed)


def exposed(image: Floats, wcs: Wcs, psf: Psf, noise: float, seed: int | None) -> MemoryExposure:
    """Return an exposure of an image without noise, nJy (ny, nx); see `star_field`."""
    if seed is not None:
        image = image + np.random.default_rng(seed).normal(0.0, noise, image.shape)
    variance = np.full(image.shape, noise**2, np.float32)
    return make_exposure(wcs, psf, image.astype(np.float32), variance)


def noise_field(
    wcs: Wcs, shape: tuple[int, int], psf: Psf, noise: float = 1.0, seed: int = 1
) -> MemoryExposure:
    """Expose an empty sky: white Gaussian noise of this standard deviation, nJy."""
    nothing = Stars(np.empty(0), np.empty(0), np.empty(0))
    return star_field(nothing, wcs, shape, psf, noise, seed)
