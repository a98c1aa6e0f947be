"""The exposure table: one row an exposure, the columns that predicates and ranks may name."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, field, fields
from typing import Any

import numpy as np


def _column(doc: str, unit: str = "") -> Any:
    return field(metadata={"doc": doc, "unit": unit})


@dataclass(frozen=True, slots=True, kw_only=True)
class ExposureRow:
    """One exposure: one detector's calibrated image from one visit. A number that is not known is NaN."""

    instrument: str = _column("camera")
    visit: int = _column("number of the visit; all detectors of one shutter opening share it")
    detector: str = _column("name or number of the detector")
    band: str = _column("short name of the optical filter")
    physical_filter: str = _column("full name of the optical filter")
    mjd: float = _column("middle of the exposure, UTC", "d")
    survey_year: float = _column("time since the start of the survey", "a")
    exptime: float = _column("exposure time", "s")
    seeing: float = _column("FWHM of the PSF at the centre of the detector", "arcsec")
    airmass: float = _column("airmass at the middle of the exposure")
    hour_angle: float = _column("hour angle of the detector's centre, west positive", "deg")
    parallactic_angle: float = _column("position angle of the zenith, east of north", "deg")
    zero_point: float = _column("AB magnitude of one unit of the file's pixels")
    sky_noise: float = _column("median standard deviation of a good pixel", "nJy")
    depth: float = _column("AB magnitude of a point source at 5 sigma")
    good_fraction: float = _column("part of the pixels without a bad mask plane")
    ra: float = _column("centre of the detector, ICRS", "deg")
    dec: float = _column("centre of the detector, ICRS", "deg")
    pixel_scale: float = _column("side of a pixel at the centre", "arcsec")
    nx: int = _column("columns", "px")
    ny: int = _column("rows", "px")
    corner_ra: tuple[float, float, float, float] = _column("corners, in order around the detector", "deg")
    corner_dec: tuple[float, float, float, float] = _column("corners, in order around the detector", "deg")
    psf: str = _column("where the PSF model comes from")
    file: str = _column("image file, relative to the path of the survey")
    hdu: int = _column("HDU of the image in that file")
    compressed: bool = _column("whether a section of it can only be read with what lies around it")
    digest: str = _column("digest of the content of all files of the exposure")

    @property
    def name(self) -> str:
        """How messages call it."""
        return f"visit {self.visit} detector {self.detector} ({self.file})"


#: Columns that a predicate may name, with unit and meaning; the corners are for geometry only.
COLUMNS: dict[str, tuple[str, str]] = {
    f.name: (f.metadata["unit"], f.metadata["doc"])
    for f in fields(ExposureRow)
    if not f.name.startswith("corner_")
}


class ExposureTable(Sequence[ExposureRow]):
    """Exposures in order of visit and detector, so that equal surveys are equal tables."""

    def __init__(self, rows: Iterable[ExposureRow]) -> None:
        self._rows = tuple(sorted(rows, key=lambda row: (row.visit, row.detector, row.file, row.hdu)))

    def __len__(self) -> int:
        return len(self._rows)

    def __getitem__(self, index: Any) -> Any:
        return self._rows[index]

    def __iter__(self) -> Iterator[ExposureRow]:
        return iter(self._rows)

    def column(self, name: str) -> np.ndarray[Any, Any]:
        """Return one column as an array, in the order of the table; text is an array of objects."""
        values = [getattr(row, name) for row in self._rows]
        return np.array(values, dtype=object if values and isinstance(values[0], str) else None)
