"""From a survey's description and an image to all that must be known before its pixels are read."""

from __future__ import annotations

import math
import re
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from coaddc.io.exposures.files import sibling, table_files
from coaddc.io.exposures.fits_file import Plane, find_hdu, image_hdus, opened, opened_all, plane, quiet
from coaddc.io.exposures.headers import Headers, headers_of
from coaddc.io.exposures.tables import TableRow, find_row
from coaddc.model.errors import DataError
from coaddc.model.survey import MaskKind, Survey
from coaddc.model.wcs import Wcs

#: Opens a FITS file.
Open = Callable[[Path], Any]

#: AB magnitude of 1 nJy (Oke & Gunn 1983, ApJ 266, 713).
NANOJANSKY = 31.4


@dataclass(frozen=True, slots=True)
class Description:
    """One exposure, pixels unread.

    Attributes
    ----------
    survey, root
        The description of all its exposures, and the folder where they are.
    file, hdu
        The image: path relative to the root, number of the HDU.
    headers
        Its cards.
    image, variance, mask
        Where the pixels are; None where there is no such plane.
    mask_bits
        Plane of coaddc to bits or codes of the file.
    wcs
        Corrections of the survey included.
    band
        Short name.
    zero_point
        AB magnitude of one unit of the pixels.
    table_row
        The exposure's row in the detector table.
    """

    survey: Survey
    root: Path
    file: str
    hdu: int
    headers: Headers
    image: Plane
    variance: Plane | None
    mask: Plane | None
    mask_bits: dict[str, tuple[int, ...]]
    wcs: Wcs
    band: str
    zero_point: float
    table_row: TableRow | None

    @property
    def name(self) -> str:
        """How messages call it."""
        return self.headers.name

    @property
    def nanojansky(self) -> float:
        """One unit of the pixels, nJy."""
        return float(10.0 ** (0.4 * (NANOJANSKY - self.zero_point)))


def describe(survey: Survey, root: Path, file: str, hdu: int) -> Description:
    """Read what the headers say of one exposure.

    Raises
    ------
    DataError
        Where a file is broken, or lacks what the survey's description says it has.
    """
    path = root / file
    with opened_all() as open_:
        hdus = open_(path)
        image = plane(hdus, find_hdu(hdus, hdu, path), path)
        name = f"{path}[{hdus[hdu].name or hdu}]"
        headers = headers_of(name, _groups(survey, file), hdus[hdu].header, hdus[0].header)
        headers = headers.with_last({"FILE": file, "HDU": hdu})
        table_row = _table_row(survey, root, headers)
        wcs = _wcs(survey, name, hdus[hdu].header, table_row)
        variance = _variance(survey, root, image, open_)
        mask, bits = _mask(survey, root, image, open_)
    band = band_of(survey, headers)
    return Description(
        survey=survey,
        root=root,
        file=file,
        hdu=hdu,
        headers=headers,
        image=image,
        variance=variance,
        mask=mask,
        mask_bits=bits,
        wcs=wcs,
        band=band,
        zero_point=_zero_point(survey, headers, table_row, band),
        table_row=table_row,
    )


def hdus_of(survey: Survey, root: Path, file: str) -> tuple[int, ...]:
    """Return the HDUs of a file that are exposures."""
    with opened(root / file) as hdus:
        return image_hdus(hdus, survey.image.hdu, root / file)


def band_of(survey: Survey, headers: Headers) -> str:
    """Return the short name of the optical filter.

    Raises
    ------
    DataError
        Where no card says it.
    """
    text = headers.text(survey.cards.band)
    if not text:
        raise DataError(
            f"{headers.name}: no card says the band; expected survey.cards.band={survey.cards.band}"
        )
    word = text.split()[0]
    return survey.bands.get(text, survey.bands.get(word, word))


def exptime_of(survey: Survey, headers: Headers) -> float:
    """Return the exposure time, seconds; NaN where no card says it."""
    factors = [headers.number(card) for card in survey.cards.exptime_factors]
    return headers.number(survey.cards.exptime) * math.prod(factors)


def _groups(survey: Survey, file: str) -> dict[str, str]:
    if survey.image.pattern is None:
        return {}
    found = re.search(survey.image.pattern, file)
    if found is None:
        raise DataError(f"{file}: survey.image.pattern {survey.image.pattern!r} does not match its path")
    return {key: text for key, text in found.groupdict().items() if text is not None}


def _table_row(survey: Survey, root: Path, headers: Headers) -> TableRow | None:
    for path in table_files(survey, root):
        row = find_row(path, None, survey.table.match, headers)
        if row is not None:
            return row
    return None


def _variance(survey: Survey, root: Path, image: Plane, open_: Open) -> Plane | None:
    source = survey.variance
    if source.card is not None or (source.file is None and source.hdu is None):
        return None
    path = root / sibling(source.file, image.path.relative_to(root).as_posix())
    return _plane_beside(open_(path), path, source.hdu, image)


def _mask(
    survey: Survey, root: Path, image: Plane, open_: Open
) -> tuple[Plane | None, dict[str, tuple[int, ...]]]:
    source = survey.mask
    if source.file is None and source.hdu is None:
        return None, {}
    path = root / sibling(source.file, image.path.relative_to(root).as_posix())
    found = _plane_beside(open_(path), path, source.hdu, image)
    if source.kind is MaskKind.cards:
        header = open_(path)[found.hdu].header
        return found, {key[3:]: (int(header[key]),) for key in header if key.startswith("MP_")}
    return found, {name: _numbers(value) for name, value in source.planes.items()}


def _plane_beside(hdus: Any, path: Path, hdu: Any, image: Plane) -> Plane:
    found = plane(hdus, find_hdu(hdus, image.hdu if hdu is None else hdu, path), path)
    if found.shape != image.shape:
        raise DataError(
            f"{path}[{found.hdu}]: {found.shape} pixels, expected {image.shape} as in {image.path}"
        )
    return found


def _numbers(value: Any) -> tuple[int, ...]:
    return tuple(value) if isinstance(value, list | tuple) else (int(value),)


def _wcs(survey: Survey, name: str, header: Any, row: TableRow | None) -> Wcs:
    dra = _column(survey.astrometry.dra_column, row)
    ddec = _column(survey.astrometry.ddec_column, row)
    with quiet():
        try:
            return Wcs(header, dra=dra, ddec=ddec)
        except DataError as error:
            raise DataError(f"{name}: {error}") from error


def _column(name: str | None, row: TableRow | None) -> float:
    return 0.0 if name is None or row is None else float(row.need(name))


def _zero_point(survey: Survey, headers: Headers, row: TableRow | None, band: str) -> float:
    source = survey.zero_point
    to_ab = source.to_ab.get(band, 0.0)
    if source.column is not None and row is not None:
        zero_point = float(row.need(source.column))
        return to_ab + zero_point + _seconds(survey, headers, source.column_per_second)
    zero_point = headers.number(source.card)
    if math.isfinite(zero_point):
        return to_ab + zero_point + _seconds(survey, headers, source.card_per_second)
    if source.value is not None:
        return to_ab + source.value
    raise DataError(
        f"{headers.name}: no zero point: expected survey.zero_point.card={source.card}, "
        f"column={source.column} of the detector table, or a value"
    )


def _seconds(survey: Survey, headers: Headers, per_second: bool) -> float:
    if not per_second:
        return 0.0
    exptime = exptime_of(survey, headers)
    if not exptime > 0:
        raise DataError(f"{headers.name}: exposure time {exptime}: its zero point needs a positive one")
    return 2.5 * math.log10(exptime)
