"""The exposure table, from the files of a survey."""

from __future__ import annotations

import math
import os
import threading
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import ThreadPoolExecutor, as_completed
from dataclasses import dataclass, replace
from fnmatch import fnmatch
from functools import partial
from pathlib import Path

from coaddc.io.cache_folder import cache_folder
from coaddc.io.exposures.content import files_of
from coaddc.io.exposures.describe import describe, hdus_of
from coaddc.io.exposures.exposure import survey_root
from coaddc.io.exposures.row import DigestOf, make_row
from coaddc.io.exposures.scan_cache import FileScan, Problem, ScanCache, signature
from coaddc.model.digest import digest_file
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
    files = tuple(_image_files(survey, root))
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


def _image_files(survey: Survey, root: Path) -> Iterator[str]:
    """Give the survey's image files, sorted, relative to its folder."""
    try:
        found = sorted(root.glob(survey.image.glob))
    except (ValueError, NotImplementedError) as error:
        raise DataError(f"survey.image.glob={survey.image.glob!r}: {error}") from error
    for path in found:
        file = path.relative_to(root).as_posix()
        if path.is_file() and not any(fnmatch(file, pattern) for pattern in survey.image.exclude):
            yield file


def _scan_files(
    survey: Survey, root: Path, files: tuple[str, ...], kept: ScanCache, report: Report | None
) -> dict[str, FileScan]:
    found, todo = {}, []
    for file in files:
        known = kept.get(file, signature(files_of(survey, root, file)))
        if known is None:
            todo.append(file)
        else:
            found[file] = known
    digest_of = _remembering(digest_file)
    with ThreadPoolExecutor(max_workers=os.cpu_count() or 1) as pool:
        work = {pool.submit(_scan_file, survey, root, file, (digest_of, kept.folder)): file for file in todo}
        try:
            for done in as_completed(work):
                file = work[done]
                found[file] = done.result()
                kept.put(file, found[file])
                if report is not None:
                    report(file, len(found), len(files))
        except BaseException:
            pool.shutdown(wait=False, cancel_futures=True)
            raise
    return found


def _scan_file(survey: Survey, root: Path, file: str, tools: tuple[DigestOf, Path]) -> FileScan:
    """Scan the exposures of one file; what is wrong with it becomes a problem, and the rest goes on."""
    # Taken before reading: a file that changes meanwhile is scanned again next time.
    before = signature(files_of(survey, root, file))
    try:
        hdus = hdus_of(survey, root, file)
    except DataError as error:
        return FileScan(before, (), (Problem(file, _reason(error, root)),))
    rows, problems = [], []
    for hdu in hdus:
        try:
            rows.append(make_row(describe(survey, root, file, hdu), *tools))
        except DataError as error:
            place = file if len(hdus) == 1 else f"{file}[{hdu}]"
            problems.append(Problem(place, _reason(error, root)))
    return FileScan(before, tuple(rows), tuple(problems))


def _reason(error: DataError, root: Path) -> str:
    return str(error).replace(f"{root}{os.sep}", "")


def _remembering(function: DigestOf) -> DigestOf:
    """Ask once for each path, whichever threads want it; a table belongs to many exposures."""
    known: dict[Path, str] = {}
    locks: dict[Path, threading.Lock] = {}
    guard = threading.Lock()

    def ask(path: Path) -> str:
        with guard:
            lock = locks.setdefault(path, threading.Lock())
        with lock:
            if path not in known:
                known[path] = function(path)
            return known[path]

    return ask


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
