"""Simulated exposures as FITS files."""

from __future__ import annotations

from pathlib import Path

import numpy as np
from astropy.io import fits
from numpy.typing import NDArray

from coaddc.model.exposures import ExposureRow
from coaddc.model.mask import PLANES
from coaddc.model.psf import Floats, Psf
from coaddc.model.wcs import Wcs
from coaddc.sim.memory import ZERO_POINT_NJY, MemoryExposure

#: Bit of each plane in the files: not those of `coaddc.model.mask`, as no survey's are.
FILE_BITS = {"BAD": 0, "SAT": 2, "CR": 3, "NO_DATA": 5}
#: Degree of the polynomial that the PSF tables have in either coordinate together.
DEGREE = 2
#: Samples across a FWHM, where pixels are too coarse for that: a spline between six is good to 1e-3.
SAMPLES = 6.0


def write_exposure(path: Path, exposure: MemoryExposure, *, psf_half: float | None = None) -> None:
    """Write an exposure as a FITS file of the demo survey's layout; equal exposures make equal bytes.

    Parameters
    ----------
    path
        It must not exist.
    exposure
        Its row says what the cards say: the zero point is that of the file's ADU.
    psf_half
        How far the PSF table reaches, pixels; as far as the model's radius where it is not said.
    """
    row = exposure.row
    unit = np.float64(10.0 ** ((ZERO_POINT_NJY - row.zero_point) / 2.5))
    wcs = _wcs_cards(exposure.wcs)
    half = exposure.psf.radius if psf_half is None else psf_half
    image = fits.ImageHDU((exposure.image / unit).astype(np.float32), wcs, "IMAGE")
    image.header["BUNIT"] = "adu"
    mask = fits.ImageHDU(_file_mask(exposure.mask), wcs, "MASK")
    for plane, number in FILE_BITS.items():
        mask.header[f"BIT{number}"] = (plane, PLANES[plane][1])
    variance = fits.ImageHDU((exposure.variance / unit**2).astype(np.float32), wcs, "VARIANCE")
    variance.header["BUNIT"] = "adu2"
    step = min(1.0, row.seeing / row.pixel_scale / SAMPLES)
    psf = psf_table(exposure.psf, exposure.shape, half, step)
    fits.HDUList([fits.PrimaryHDU(header=_cards(row)), image, mask, variance, psf]).writeto(path)


def _wcs_cards(wcs: Wcs) -> fits.Header:
    """Return the WCS with a CD matrix, which SWarp and SCAMP need, in place of PC and CDELT."""
    header = wcs.header()
    for i in (1, 2):
        step = header.pop(f"CDELT{i}", 1.0)
        for j in (1, 2):
            header[f"CD{i}_{j}"] = step * header.pop(f"PC{i}_{j}", float(i == j))
    return header


def _cards(row: ExposureRow) -> fits.Header:
    """Return the primary header."""
    start = row.mjd - row.exptime / 2.0 / 86400.0
    cards = [
        ("INSTRUME", row.instrument, "camera"),
        ("VISIT", row.visit, "number of the visit"),
        ("DETECTOR", row.detector, "detector"),
        ("BAND", row.band, "short name of the filter"),
        ("FILTER", row.physical_filter, "full name of the filter"),
        ("MJD-OBS", start, "[d] start of the exposure, UTC"),
        ("EXPTIME", row.exptime, "[s] exposure time"),
        ("AIRMASS", row.airmass, "air mass at the middle"),
        ("HA", row.hour_angle, "[deg] hour angle at the middle, west positive"),
        ("PARANGLE", row.parallactic_angle, "[deg] position angle of the zenith"),
        ("SEEING", row.seeing, "[arcsec] FWHM of the PSF at the centre"),
        ("MAGZERO", row.zero_point, "[mag] AB magnitude of 1 ADU in the exposure"),
    ]
    # FITS has no card for not-a-number: what is not known has none.
    return fits.Header([card for card in cards if card[1] == card[1]])


def _file_mask(mask: NDArray[np.int32]) -> NDArray[np.int16]:
    """Return the mask in the file's own bits."""
    result = np.zeros(mask.shape, np.int16)
    for plane, number in FILE_BITS.items():
        result |= np.where(mask & (1 << PLANES[plane][0]), np.int16(1 << number), np.int16(0))
    return result


def psf_table(psf: Psf, shape: tuple[int, int], reach: float, step: float) -> fits.BinTableHDU:
    """Return a PSF model as PSFEx writes it: stamps whose pixels are polynomials in the position.

    The stamps reach this far, pixels, and are sampled at this step, which is their PSF_SAMP.

    The stamps are in order of 1, x, x**2, y, x y, y**2, with x = (X - POLZERO1) / POLSCAL1 and X the FITS
    (1-based) position (PSFEx manual, appendix "The .psf file format"). The polynomials are fitted to the
    model at 25 places.
    """
    ny, nx = shape
    zero, scale = ((nx + 1) / 2.0, (ny + 1) / 2.0), (nx / 2.0, ny / 2.0)
    v, u = (g.ravel() for g in np.meshgrid(*[np.linspace(-1.0, 1.0, 5)] * 2, indexing="ij"))
    half = int(np.ceil(reach / step))
    dy, dx = np.mgrid[-half : half + 1, -half : half + 1] * step
    places = zip(u * scale[0] + zero[0] - 1.0, v * scale[1] + zero[1] - 1.0, strict=True)
    stamps: Floats = np.array([psf.evaluate(x=x, y=y, dx=dx, dy=dy) for x, y in places]) * step**2
    terms = np.stack([u**i * v**j for j in range(DEGREE + 1) for i in range(DEGREE + 1 - j)], axis=1)
    fit = np.linalg.pinv(terms) @ stamps.reshape(u.size, -1)
    cube = fit.reshape(1, -1, *dx.shape).astype(np.float32)
    side, count = dx.shape[0], terms.shape[1]
    column = fits.Column("PSF_MASK", f"{cube.size}E", dim=f"({side},{side},{count})", array=cube)
    table = fits.BinTableHDU.from_columns([column], name="PSF")
    cards: list[tuple[str, str | int | float]] = [("POLNAXIS", 2)]
    for axis, name in enumerate(("X_IMAGE", "Y_IMAGE")):
        cards += [(f"POLGRP{axis + 1}", 1), (f"POLNAME{axis + 1}", name)]
        cards += [(f"POLZERO{axis + 1}", zero[axis]), (f"POLSCAL{axis + 1}", scale[axis])]
    cards += [("POLNGRP", 1), ("POLDEG1", DEGREE), ("PSF_SAMP", step), ("PSFNAXIS", 3)]
    cards += [("PSFAXIS1", side), ("PSFAXIS2", side), ("PSFAXIS3", count)]
    table.header.extend(cards)
    return table
