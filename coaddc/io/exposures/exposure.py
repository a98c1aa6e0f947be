"""Exposures as they are opened for coadds."""

from __future__ import annotations

from functools import cached_property
from pathlib import Path

from coaddc.io.cache_folder import cache_folder
from coaddc.io.exposures.describe import Description, describe
from coaddc.io.exposures.files import survey_root
from coaddc.io.exposures.pixel_reader import PixelReader
from coaddc.io.psfs.find_psf import find_psf
from coaddc.model.errors import DataError
from coaddc.model.exposures import ExposureRow
from coaddc.model.geom import Box
from coaddc.model.images import Exposure, Pixels
from coaddc.model.psf import Psf
from coaddc.model.survey import Survey
from coaddc.model.wcs import Wcs


def open_exposure(survey: Survey, row: ExposureRow, *, cache: Path | None = None) -> Exposure:
    """Open an exposure of the table: headers at once, pixels and PSF when asked for.

    Parameters
    ----------
    survey
        Its description.
    row
        What the scan says of it.
    cache
        Folder where measured PSF models are kept; None: that of the scan.

    Raises
    ------
    DataError
        Where a file of it is gone or broken.
    """
    described = describe(survey, survey_root(survey), row.file, row.hdu)
    if described.image.shape != (row.ny, row.nx):
        raise DataError(
            f"{described.name}: {described.image.shape} pixels, the scan found {(row.ny, row.nx)}: scan again"
        )
    return FitsExposure(row, described, cache_folder(cache))


class FitsExposure:
    """An exposure in FITS files."""

    def __init__(self, row: ExposureRow, described: Description, cache: Path) -> None:
        self._row = row
        self._described = described
        self._cache = cache
        self._reader = PixelReader(described, noise=row.sky_noise / described.nanojansky)

    @property
    def row(self) -> ExposureRow:
        """What the exposure table says of it."""
        return self._row

    @property
    def shape(self) -> tuple[int, int]:
        """Rows and columns (ny, nx)."""
        return self._described.image.shape

    @property
    def wcs(self) -> Wcs:
        """Pixels to sky, astrometric corrections included."""
        return self._described.wcs

    @cached_property
    def psf(self) -> Psf:
        """The PSF model, in the exposure's own pixels."""
        return find_psf(self._described, self._reader, self._row.digest, self._cache)[0]

    def read(self, box: Box) -> Pixels:
        """Read a box that lies inside the image, calibrated; safe to call from several threads."""
        return self._reader.read(box)
