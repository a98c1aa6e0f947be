"""The exposure table, from the files of a survey."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path

from coaddc.io.cache_folder import cache_folder
from coaddc.io.exposures.files import files_of, image_files, survey_root
from coaddc.io.exposures.scan_cache import FileScan, Problem, ScanCache, signature
from coaddc.model.errors import DataError
from coaddc.model.exposures import ExposureRow, ExposureTable
from coaddc.model.survey import Survey

#: Called with the file done last, the number of files done, and of all files.
Report = Callable[[str, int, int], None]

#: Days in a Julian year.
YEAR = 365.25


@dataclass(frozen=True, slots=True)
class Scan:
    """What a survey holds: the exposures that can be used, and the files that cannot."""

    table: ExposureTable
    problems: tuple[Problem, ...]


def scan(survey: Survey, *, cache: Path | None = None, report: Report | None = None) -> Scan:
    """Find the exposures of a survey and measure what the exposure table says of them.

    What is known of a file is kept, and found anew when the size or the time of any file of its exposures
    changes.

    Parameters
    ----------
    survey
        Its description.
    cache
        Folder for what is known; None: $COADDC_CACHE, $XDG_CACHE_HOME/coaddc or ~/.cache/coaddc.
    report
        Told of progress, from one thread at a time.

    Raises
    ------
    DataError
        Where the survey's folder does not exist or holds no image; with ``survey.strict``, where any file
        cannot be used.
    """
    root = survey_root(survey)
    files = tuple(image_files(survey, root))
    if not files:
        raise DataError(f"survey.path={survey.path}: no file matches survey.image.glob={survey.image.glob!r}")
    kept = ScanCache(cache_folder(cache), survey, root)
    try:
        found = _scan_files(survey, root, files, kept, report)
    finally:
        kept.save()
    rows = [row for file in files for row in found[file].rows]
    problems = [problem for file in files for problem in found[file].problems]
    problems.extend(_twice(rows))
    if survey.strict and problems:
        lines = "\n".join(f"  {problem.file}: {problem.reason}" for problem in problems)
        raise DataError(f"survey {survey.name} is strict, and {len(problems)} files cannot be used:\n{lines}")
    twice = {problem.file for problem in problems}
    return Scan(
        ExposureTable(_with_years(survey, [row for row in rows if _place(row) not in twice])), tuple(problems)
    )


def _scan_files(
    survey: Survey, root: Path, files: tuple[str, ...], kept: ScanCache, report: Report | None
) -> dict[str, FileScan]:
    known = {file: kept.get(file, signature(files_of(survey, root, file))) for file in files}
    found = {file: scanned for file, scanned in known.items() if scanned is not None}
    todo = [file for file in files if file not in found]
    if todo:
        from coaddc.io.exposures.scan_file import scan_each  # with astropy slow to import

        for file, scanned in scan_each(survey, root, todo, kept.folder):
            found[file] = scanned
            kept.put(file, scanned)
            if report is not None:
                report(file, len(found), len(files))
    return found


def _place(row: ExposureRow) -> str:
    return f"{row.file}[{row.hdu}]"


def _twice(rows: Iterable[ExposureRow]) -> Iterator[Problem]:
    """Find exposures that bear the visit and detector of one before; a visit sees each detector once."""
    first: dict[tuple[str, int, str], ExposureRow] = {}
    for row in rows:
        known = first.setdefault((row.instrument, row.visit, row.detector), row)
        if known is not row:
            reason = f"visit {row.visit} detector {row.detector} is in {_place(known)} already"
            yield Problem(_place(row), reason)


def _with_years(survey: Survey, rows: list[ExposureRow]) -> Iterator[ExposureRow]:
    start = survey.start
    if start is None:
        start = min((row.mjd for row in rows if math.isfinite(row.mjd)), default=math.nan)
    return map(partial(_with_year, start=start), rows)


def _with_year(row: ExposureRow, start: float) -> ExposureRow:
    return replace(row, survey_year=(row.mjd - start) / YEAR)
