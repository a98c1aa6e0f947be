"""The files of a survey: which there are, and which of them an exposure comes from."""

from __future__ import annotations

import re
from collections.abc import Iterator
from fnmatch import fnmatch
from pathlib import Path, PurePosixPath

from coaddc.model.errors import ConfigError, DataError
from coaddc.model.survey import Survey


def survey_root(survey: Survey) -> Path:
    """Return the folder of a survey.

    Raises
    ------
    DataError
        Where it has none, or it does not exist.
    """
    if survey.path is None:
        raise DataError(f"survey {survey.name}: expected survey.path, the folder of its exposures")
    root = Path(survey.path).expanduser()
    if not root.is_dir():
        raise DataError(f"survey.path={survey.path}: no such folder (looked for {survey.image.glob} in it)")
    return root.absolute()


def image_files(survey: Survey, root: Path) -> Iterator[str]:
    """Give the survey's image files, sorted, relative to its folder."""
    try:
        found = sorted(root.glob(survey.image.glob))
    except (ValueError, NotImplementedError) as error:
        raise DataError(f"survey.image.glob={survey.image.glob!r}: {error}") from error
    for path in found:
        file = path.relative_to(root).as_posix()
        if path.is_file() and not any(fnmatch(file, pattern) for pattern in survey.image.exclude):
            yield file


def files_of(survey: Survey, root: Path, file: str) -> tuple[Path, ...]:
    """Return the files that an exposure may come from, its own first; some may not exist."""
    found = [root / file]
    for source in (survey.variance.file, survey.mask.file, survey.psf.file, survey.sky.file):
        if source is None:
            continue
        try:
            found.append(root / sibling(source, file))
        except DataError:  # said again, with more, when the exposure is described
            continue
    return (*dict.fromkeys(found), *table_files(survey, root))


def sibling(substitution: str | None, file: str) -> str:
    """Return the path of another file of an exposure, relative to the root; the image's own for None.

    Raises
    ------
    DataError
        Where the substitution does not apply to the image's path.
    """
    if substitution is None:
        return file
    old, new = (part.strip() for part in substitution.split("->"))
    try:
        result, count = re.subn(old, new, file)
    except (re.error, IndexError) as error:
        raise ConfigError(f"survey: substitution {substitution!r}: {error}") from error
    if not count:
        raise DataError(f"{file}: the substitution {substitution!r} does not apply to its path")
    return str(PurePosixPath(result))


def table_files(survey: Survey, root: Path) -> tuple[Path, ...]:
    """Return the files of the detector table, in order; none where the survey has none here."""
    return () if survey.table.glob is None else tuple(sorted(root.glob(survey.table.glob)))
