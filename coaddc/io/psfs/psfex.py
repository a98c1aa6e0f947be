"""PSF models as PSFEx writes them: one table a detector, or merged tables with one row a detector."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np

from coaddc.io.exposures.headers import Headers
from coaddc.io.exposures.tables import TableRow, find_row
from coaddc.model.errors import DataError
from coaddc.model.pixel_psf import PixelPsf


def read_psfex(path: Path, hdu: Any, match: Mapping[str, str], headers: Headers) -> PixelPsf | None:
    """Read the PSF model of an exposure; None where the file, or its row in the table, does not exist.

    Parameters
    ----------
    path, hdu
        The table; hdu None is the file's first.
    match
        Column to card, where a merged table has one row a detector.
    headers
        Of the exposure.

    Raises
    ------
    DataError
        Where the table is no PSFEx model of position alone.
    """
    row = find_row(path, hdu, match, headers)
    return None if row is None else _model(row)


def _model(row: TableRow) -> PixelPsf:
    stamps = np.asarray(row.need("psf_mask"), np.float64)
    if stamps.ndim == 2:
        stamps = stamps[np.newaxis]
    if stamps.ndim != 3 or not np.isfinite(stamps).all():
        raise DataError(f"{row.name}: psf_mask: expected finite stamps (terms, ny, nx), found {stamps.shape}")
    degree = int(row.get("poldeg1") or 0) if len(stamps) > 1 else 0
    names = [str(row.get(f"polname{axis}") or "").strip() for axis in (1, 2, 3)]
    if degree and (names[2] or not (names[0].startswith("X") and names[1].startswith("Y"))):
        raise DataError(f"{row.name}: expected a polynomial of X_IMAGE and Y_IMAGE, found {names}")
    # X_IMAGE of the first pixel is 1.
    zero = (float(row.get("polzero1") or 1.0) - 1.0, float(row.get("polzero2") or 1.0) - 1.0)
    scale = (float(row.get("polscal1") or 1.0), float(row.get("polscal2") or 1.0))
    step = float(row.get("psf_samp") or 1.0)
    psf = PixelPsf(stamps, step, degree, zero, scale)
    if not stamps[0].sum() > 0:
        raise DataError(f"{row.name}: psf_mask: expected a positive flux, found {stamps[0].sum()}")
    return psf
