"""Identity of an exposure: the content of its files, and how its survey reads them."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import asdict
from enum import Enum
from pathlib import Path
from typing import TYPE_CHECKING, Any

from coaddc.io.exposures.files import files_of, table_files
from coaddc.model.digest import digest
from coaddc.model.survey import Survey

if TYPE_CHECKING:
    from coaddc.io.exposures.describe import Description

#: Raised whenever the same files give other pixels or another PSF than before.
READER_VERSION = 2

#: Fields of a survey that say which exposures there are, not what they hold.
_NOT_CONTENT = ("doc", "name", "path", "strict", "start", "image", "site", "simulation")


def content_digest(described: Description, digest_of: Callable[[Path], str]) -> str:
    """Return the digest of an exposure's content: the bytes of its files and the numbers of its table row.

    Parameters
    ----------
    described
        The exposure.
    digest_of
        Digest of a file.
    """
    tables = set(table_files(described.survey, described.root))
    files = [
        path for path in files_of(described.survey, described.root, described.file) if path not in tables
    ]
    row = described.table_row
    columns = (
        {} if row is None else {name: repr(row.get(name)) for name in _columns(described.survey) if name}
    )
    return digest(
        READER_VERSION,
        mapping(described.survey),
        [digest_of(path) if path.exists() else None for path in files],
        described.hdu,
        columns,
        described.zero_point,
    )


def mapping(survey: Survey) -> dict[str, Any]:
    """Return the part of a survey's description that decides what is read from a file, as plain data."""
    fields = {key: value for key, value in asdict(survey).items() if key not in _NOT_CONTENT}
    plain: dict[str, Any] = _plain(fields)
    return plain


def _columns(survey: Survey) -> tuple[str | None, ...]:
    return survey.zero_point.column, survey.astrometry.dra_column, survey.astrometry.ddec_column


def _plain(value: Any) -> Any:
    if isinstance(value, Enum):
        return value.value
    if isinstance(value, dict):
        return {key: _plain(item) for key, item in value.items()}
    if isinstance(value, list | tuple):
        return [_plain(item) for item in value]
    return value
