"""Tables with one row a detector: zero points, merged PSF models, merged skies."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path
from typing import Any

import numpy as np

from coaddc.io.exposures.fits_file import find_hdu, opened
from coaddc.io.exposures.headers import Headers
from coaddc.model.errors import DataError, near


@dataclass(frozen=True, slots=True)
class TableRow:
    """One row of a table, with the table's header behind it; names are not case sensitive."""

    name: str
    values: Mapping[str, Any]
    header: Mapping[str, Any]

    def get(self, name: str) -> Any:
        """Return a column's value, else the card's, else None."""
        value = self.values.get(name.lower())
        return self.header.get(name.upper()) if value is None else value

    def need(self, name: str) -> Any:
        """Return a column's value or the card's.

        Raises
        ------
        DataError
            Where there is neither.
        """
        value = self.get(name)
        if value is None:
            raise DataError(f"{self.name}: no column {name!r}{near(name, self.values)}")
        return value


def find_row(path: Path, hdu: Any, match: Mapping[str, str], headers: Headers) -> TableRow | None:
    """Return the row of a table that belongs to an exposure, None where there is none.

    Parameters
    ----------
    path, hdu
        The table; hdu None is the first that is a table.
    match
        Column to card: the row is the exposure's where they are equal. Empty: the table must have one row.
    headers
        Of the exposure.

    Raises
    ------
    DataError
        Where the file is broken, has no such column, or several rows match.
    """
    stat = path.stat() if path.exists() else None
    if stat is None:
        return None
    columns = tuple(match)
    index = _index(path, None if hdu is None else str(hdu), columns, (stat.st_mtime_ns, stat.st_size))
    found = index.get(tuple(_plain(headers.value(match[column])) for column in columns), ())
    if len(found) > 1:
        raise DataError(f"{path}: {len(found)} rows for {headers.name}, expected one; match more columns")
    return found[0] if found else None


@lru_cache(maxsize=64)
def _index(
    path: Path, hdu: str | None, columns: tuple[str, ...], _stat: tuple[int, int]
) -> dict[tuple[str, ...], tuple[TableRow, ...]]:
    """Index a table by columns, as text; read again when the file's time or size change."""
    index: dict[tuple[str, ...], tuple[TableRow, ...]] = {}
    for row in _rows(path, hdu):
        key = tuple(_plain(row.need(column)) for column in columns)
        index[key] = (*index.get(key, ()), row)
    return index


def _rows(path: Path, hdu: str | None) -> list[TableRow]:
    with opened(path) as hdus:
        number = _first_table(hdus, path) if hdu is None else find_hdu(hdus, hdu, path)
        data = hdus[number].data
        header = {key: hdus[number].header[key] for key in hdus[number].header if key}
        names = getattr(getattr(data, "dtype", None), "names", None)
        if not names:
            raise DataError(f"{path}[{number}]: expected a table")
        rows = [{name.lower(): _native(data[name][i]) for name in names} for i in range(len(data))]
    return [TableRow(f"{path}[{number}]", values, header) for values in rows]


def _first_table(hdus: Any, path: Path) -> int:
    for number, item in enumerate(hdus):
        if not item.is_image:
            return number
    raise DataError(f"{path}: expected a table, found images only")


def _native(value: Any) -> Any:
    if isinstance(value, np.ndarray):
        return np.array(value, value.dtype.newbyteorder("="))
    return value.item() if isinstance(value, np.generic) else value


def _plain(value: Any) -> str:
    """Write a value so that 25, 25.0 and '25 ' are equal, in tables and in headers."""
    if isinstance(value, float) and value.is_integer():
        return str(int(value))
    return (value.decode() if isinstance(value, bytes) else str(value)).strip()
