"""What scans have found, kept between runs."""

from __future__ import annotations

import json
from collections.abc import Iterable
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from coaddc.io.cache_folder import write_whole
from coaddc.io.exposures.content import READER_VERSION, mapping
from coaddc.model.digest import digest
from coaddc.model.exposures import ExposureRow
from coaddc.model.survey import Survey

#: Path, size and time, ns, of each file of an exposure; None where it does not exist.
Signature = tuple[tuple[str, int, int] | None, ...]


@dataclass(frozen=True, slots=True)
class Problem:
    """A file, or ``file[hdu]``, that cannot be used."""

    file: str
    reason: str


@dataclass(frozen=True, slots=True)
class FileScan:
    """What one image file holds."""

    signature: Signature
    rows: tuple[ExposureRow, ...]
    problems: tuple[Problem, ...]


class ScanCache:
    """What is known of the files of one survey; written whole, read without a lock.

    Parameters
    ----------
    folder
        The cache.
    survey, root
        Its description and its folder: another of either is another cache.
    """

    def __init__(self, folder: Path, survey: Survey, root: Path) -> None:
        self.folder = folder
        fields = asdict(survey)
        # Beyond what decides pixels: what decides columns, and which HDUs there are.
        more = [fields["site"], str(survey.image.hdu), survey.image.pattern, survey.name]
        key = digest(READER_VERSION, mapping(survey), str(root), more)
        self._path = folder / "scan" / f"{key}.json"
        self._known = _load(self._path)
        self._changed = False

    def get(self, file: str, now: Signature) -> FileScan | None:
        """Return what is known of a file, None where nothing is, or where any file has changed."""
        known = self._known.get(file)
        return known if known is not None and known.signature == now else None

    def put(self, file: str, found: FileScan) -> None:
        """Remember what a file holds."""
        self._known[file] = found
        self._changed = True

    def save(self) -> None:
        """Write what has changed."""
        if self._changed:
            text = json.dumps({file: asdict(found) for file, found in sorted(self._known.items())})
            write_whole(self._path, text.encode())


def signature(files: Iterable[Path]) -> Signature:
    """Return what tells that none of some files has changed."""
    return tuple(_stat(path) for path in files)


def _stat(path: Path) -> tuple[str, int, int] | None:
    try:
        stat = path.stat()
    except OSError:
        return None
    return str(path), stat.st_size, stat.st_mtime_ns


def _load(path: Path) -> dict[str, FileScan]:
    """Read a cache; one that is missing, broken or of another version is empty."""
    try:
        return {file: _file_scan(found) for file, found in json.loads(path.read_text()).items()}
    except (OSError, ValueError, TypeError, KeyError, AttributeError):
        return {}


def _file_scan(found: dict[str, Any]) -> FileScan:
    return FileScan(
        tuple(None if stat is None else (stat[0], stat[1], stat[2]) for stat in found["signature"]),
        tuple(_row(row) for row in found["rows"]),
        tuple(Problem(**problem) for problem in found["problems"]),
    )


def _row(fields: dict[str, Any]) -> ExposureRow:
    corners = {name: tuple(fields[name]) for name in ("corner_ra", "corner_dec")}
    return ExposureRow(**{**fields, **corners})
