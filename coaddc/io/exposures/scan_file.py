"""What files of a survey hold: their exposures, measured."""

from __future__ import annotations

import os
import threading
from collections.abc import Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor, as_completed
from pathlib import Path

from coaddc.io.exposures.describe import describe, hdus_of
from coaddc.io.exposures.files import files_of
from coaddc.io.exposures.row import DigestOf, make_row
from coaddc.io.exposures.scan_cache import FileScan, Problem, signature
from coaddc.model.digest import digest_file
from coaddc.model.errors import DataError
from coaddc.model.survey import Survey


def scan_each(
    survey: Survey, root: Path, files: Sequence[str], cache: Path
) -> Iterator[tuple[str, FileScan]]:
    """Scan files, several at a time; yield each with what it holds, as they are done.

    Parameters
    ----------
    survey, root
        Its description and its folder.
    files
        Images, relative to the root.
    cache
        Folder where measured PSF models are kept.
    """
    digest_of = _remembering(digest_file)
    with ThreadPoolExecutor(max_workers=os.cpu_count() or 1) as pool:
        work = {pool.submit(_scan_file, survey, root, file, (digest_of, cache)): file for file in files}
        try:
            for done in as_completed(work):
                yield work[done], done.result()
        except BaseException:
            pool.shutdown(wait=False, cancel_futures=True)
            raise


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
