"""Small FITS exposures, awkward on purpose: not square, rotated, negative declination."""

from pathlib import Path
from typing import Any

import numpy as np
from astropy.io import fits

SHAPE = (70, 110)
MJD = 59000.125
ZERO_POINT = 27.5


def wcs_cards(shape: tuple[int, int] = SHAPE, angle: float = 25.0) -> dict[str, Any]:
    """Cards of a rotated tangent plane, 0.5 arcsec a pixel, centred on (150.2, -30.4)."""
    scale, turn = 0.5 / 3600, np.radians(angle)
    return {
        "CTYPE1": "RA---TAN",
        "CTYPE2": "DEC--TAN",
        "CUNIT1": "deg",
        "CUNIT2": "deg",
        "CRVAL1": 150.2,
        "CRVAL2": -30.4,
        "CRPIX1": (shape[1] + 1) / 2,
        "CRPIX2": (shape[0] + 1) / 2,
        "CD1_1": -scale * np.cos(turn),
        "CD1_2": scale * np.sin(turn),
        "CD2_1": scale * np.sin(turn),
        "CD2_2": scale * np.cos(turn),
        "RADESYS": "ICRS",
    }


def primary_cards(**changes: Any) -> dict[str, Any]:
    """Cards that say what an exposure is."""
    return {
        "INSTRUME": "TESTCAM",
        "VISIT": 7,
        "DETECTOR": 3,
        "BAND": "r",
        "FILTER": "r broad",
        "MJD-OBS": MJD,
        "EXPTIME": 100.0,
        "AIRMASS": 1.2,
        "SEEING": 1.5,
        "MAGZERO": ZERO_POINT,
        **changes,
    }


def pixels(seed: int = 1, shape: tuple[int, int] = SHAPE) -> np.ndarray[Any, Any]:
    """Noise of standard deviation 4 about 0, with a ramp that tells rows from columns."""
    ramp = np.arange(shape[0])[:, None] * 0.01 + np.arange(shape[1]) * 0.0001
    return (np.random.default_rng(seed).normal(0.0, 4.0, shape) + ramp).astype(np.float32)


def header_of(cards: dict[str, Any]) -> fits.Header:
    header = fits.Header()
    for key, value in cards.items():
        header[key] = value
    return header


def write(path: Path, planes: dict[str, Any], **cards: Any) -> Path:
    """Write a file with the cards in its primary header and planes in named HDUs, WCS in the first."""
    hdus = [fits.PrimaryHDU(header=header_of(primary_cards(**cards)))]
    for name, plane in planes.items():
        header = header_of(wcs_cards(np.shape(plane))) if len(hdus) == 1 else None
        hdus.append(fits.ImageHDU(plane, header, name=name))
    path.parent.mkdir(parents=True, exist_ok=True)
    fits.HDUList(hdus).writeto(path, overwrite=True)
    return path


def psfex_table(sigma: float = 1.5, half: int = 12, **cards: Any) -> fits.BinTableHDU:
    """PSFEx table of degree 1 whose Gaussian widens along x: sigma at X_IMAGE 1, sigma + 0.5 at 101."""
    yy, xx = np.mgrid[-half : half + 1, -half : half + 1]

    def gauss(width: float) -> np.ndarray[Any, Any]:
        image = np.exp(-0.5 * (xx**2 + yy**2) / width**2)
        return np.asarray(image / image.sum())

    first, last = gauss(sigma), gauss(sigma + 0.5)
    stamps = np.stack([first, last - first, np.zeros_like(first)]).astype(np.float32)
    n = 2 * half + 1
    column = fits.Column("PSF_MASK", f"{stamps.size}E", dim=f"({n},{n},3)", array=stamps[np.newaxis])
    table = fits.BinTableHDU.from_columns([column], name="PSF")
    said = {"POLNAXIS": 2, "POLNAME1": "X_IMAGE", "POLNAME2": "Y_IMAGE", "POLDEG1": 1, "PSF_SAMP": 1.0}
    polynomial = {"POLZERO1": 1.0, "POLZERO2": 1.0, "POLSCAL1": 100.0, "POLSCAL2": 100.0}
    table.header.update({**said, **polynomial, **cards})
    return table
