"""Exposures that live in memory: what a file would give, without the file."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass, replace
from typing import Any

import numpy as np

from coaddc.model.errors import DataError
from coaddc.model.exposures import ExposureRow
from coaddc.model.geom import Box
from coaddc.model.images import Image, Mask, Pixels
from coaddc.model.psf import Psf, fwhm, stamp
from coaddc.model.wcs import Wcs

#: AB magnitude of 1 nJy.
ZERO_POINT_NJY = 31.4


@dataclass(frozen=True, slots=True)
class MemoryExposure:
    """One exposure whose pixels are at hand; it can stand wherever an exposure read from a file can.

    Attributes
    ----------
    row
        What the exposure table says of it.
    wcs, psf
        Its geometry and its PSF model, in its own pixels.
    image : (ny, nx)
        Flux, nJy per pixel, sky subtracted.
    variance : (ny, nx)
        nJy**2.
    mask : (ny, nx)
        Bits of `coaddc.model.mask`.
    """

    row: ExposureRow
    wcs: Wcs
    psf: Psf
    image: Image
    variance: Image
    mask: Mask

    @property
    def shape(self) -> tuple[int, int]:
        """Rows and columns (ny, nx)."""
        ny, nx = self.image.shape
        return ny, nx

    def read(self, box: Box) -> Pixels:
        """Return copies of the pixels of a box that lies inside the image.

        Raises
        ------
        DataError
            Where the box does not lie inside.
        """
        whole = Box.of_shape(self.shape)
        if box.clip(whole) != box:
            raise DataError(f"{self.row.name}: {box} does not lie inside the image, {whole}")
        part = box.within(whole)
        return Pixels(box, self.image[part].copy(), self.variance[part].copy(), self.mask[part].copy())

    def with_row(self, **changes: Any) -> MemoryExposure:
        """Return the same exposure with other entries in the exposure table."""
        return replace(self, row=replace(self.row, **changes))


def make_exposure(
    wcs: Wcs, psf: Psf, image: Image, variance: Image, mask: Mask | None = None, **known: Any
) -> MemoryExposure:
    """Make an exposure, with a row whose entries follow from its pixels, WCS and PSF.

    Parameters
    ----------
    wcs, psf, image, variance, mask
        As in `MemoryExposure`; without a mask no pixel is bad.
    known
        Entries of the row that do not follow (visit, detector, band, mjd, airmass, ...), or that are to be
        other than what follows.
    """
    mask = np.zeros(image.shape, np.int32) if mask is None else mask
    row = ExposureRow(**{**_UNKNOWN, **_derived(wcs, psf, variance, mask), **known})
    if not row.digest:
        row = replace(row, digest=_digest(wcs, psf, (image, variance, mask), row))
    return MemoryExposure(row, wcs, psf, image, variance, mask)


_UNKNOWN: dict[str, Any] = {
    "instrument": "memory",
    "visit": 1,
    "detector": "0",
    "band": "r",
    "physical_filter": "r",
    "mjd": 60000.0,
    "survey_year": 0.0,
    "exptime": 1.0,
    "airmass": np.nan,
    "hour_angle": np.nan,
    "parallactic_angle": np.nan,
    "zero_point": ZERO_POINT_NJY,
    "psf": "simulation",
    "file": "memory",
    "hdu": 0,
    "compressed": False,
    "digest": "",
}


def _derived(wcs: Wcs, psf: Psf, variance: Image, mask: Mask) -> dict[str, Any]:
    """Return the entries of the row that follow from pixels and geometry."""
    ny, nx = variance.shape
    y, x = Box.of_shape((ny, nx)).centre
    ra, dec = wcs.to_sky(x=x, y=y)
    corners = wcs.corners(Box.of_shape((ny, nx)))
    scale = wcs.pixel_scale(x=x, y=y)
    star = stamp(psf, x=x, y=y, half=int(np.ceil(psf.radius)))
    good = (mask == 0) & np.isfinite(variance)
    noise = float(np.sqrt(np.median(variance[good]))) if good.any() else np.nan
    # A point source fitted with its PSF has the noise of 1 / sum(psf**2) pixels (King 1983, PASP 95, 163).
    limit = 5.0 * noise / np.sqrt((star**2).sum())
    return {
        "seeing": fwhm(star) * scale,
        "sky_noise": noise,
        "depth": ZERO_POINT_NJY - 2.5 * float(np.log10(limit)),
        "good_fraction": float(good.mean()),
        "ra": float(ra),
        "dec": float(dec),
        "pixel_scale": scale,
        "nx": nx,
        "ny": ny,
        "corner_ra": tuple(map(float, corners[0])),
        "corner_dec": tuple(map(float, corners[1])),
    }


def _digest(wcs: Wcs, psf: Psf, planes: tuple[Image | Mask, ...], row: ExposureRow) -> str:
    """Return the digest of all that an exposure gives."""
    state = hashlib.blake2b(digest_size=16)
    for plane in planes:
        state.update(np.ascontiguousarray(plane).tobytes())
    for x, y in ((0.0, 0.0), (row.nx - 1.0, 0.0), (0.0, row.ny - 1.0)):
        state.update(stamp(psf, x=x, y=y, half=5).astype(np.float32).tobytes())
    state.update(repr((wcs.cards, row.zero_point)).encode())
    return state.hexdigest()
