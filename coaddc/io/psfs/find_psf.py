"""The PSF model of an exposure, from the best source that has one."""

from __future__ import annotations

import math
from pathlib import Path

from coaddc.io.exposures.describe import Description
from coaddc.io.exposures.files import sibling
from coaddc.io.exposures.pixel_reader import PixelReader
from coaddc.io.psfs.psfex import read_psfex
from coaddc.model.errors import DataError
from coaddc.model.geom import Box
from coaddc.model.psf import Moffat, Psf
from coaddc.model.survey import PsfFrom, SeeingUnit


def find_psf(described: Description, reader: PixelReader, digest: str, cache: Path) -> tuple[Psf, str]:
    """Return the PSF model of an exposure, and where it comes from, in words.

    Parameters
    ----------
    described, reader
        The exposure.
    digest
        Of its content: what is measured is kept under it.
    cache
        Folder for what is measured.

    Raises
    ------
    DataError
        Where no source of the survey has one; the message says why, source by source.
    """
    failures = []
    for source in described.survey.psf.sources:
        try:
            return _from(source, described, reader, (digest, cache))
        except _NoPsfError as reason:
            failures.append(f"{source.value}: {reason}")
    raise DataError(f"{described.name}: no PSF model: {'; '.join(failures) or 'survey.psf.sources is empty'}")


class _NoPsfError(Exception):
    """A source that has none, with the reason."""


def _from(
    source: PsfFrom, described: Description, reader: PixelReader, kept: tuple[str, Path]
) -> tuple[Psf, str]:
    match source:
        case PsfFrom.model:
            return _model(described)
        case PsfFrom.stars:
            return _measured(described, reader, kept)
        case PsfFrom.seeing:
            return _moffat(described)


def _model(described: Description) -> tuple[Psf, str]:
    source = described.survey.psf
    if source.file is None and source.hdu is None:
        raise _NoPsfError("the survey has no file of models")
    file = sibling(source.file, described.file)
    psf = read_psfex(described.root / file, source.hdu, source.match, described.headers)
    if psf is None:
        raise _NoPsfError(f"{file} does not exist, or has no row for it")
    return psf, f"model of {file}" if source.file is not None else f"model of HDU {source.hdu}"


def _measured(described: Description, reader: PixelReader, kept: tuple[str, Path]) -> tuple[Psf, str]:
    from coaddc.io.psfs.measured_psf import keep_psf, kept_psf, measure_psf  # slow to import
    from coaddc.io.psfs.star_select import TooFewStarsError

    digest, cache = kept
    found = kept_psf(cache, digest)
    if found is None:
        source = described.survey.psf
        try:
            found = measure_psf(reader.read(reader.box), min_stars=source.min_stars, min_snr=source.min_snr)
        except TooFewStarsError as reason:
            raise _NoPsfError(str(reason)) from reason
        keep_psf(cache, digest, found)
    return found.psf, f"measured from {found.stars} stars"


def _moffat(described: Description) -> tuple[Psf, str]:
    survey = described.survey
    seeing, origin = described.headers.number(survey.cards.seeing) * survey.cards.seeing_factor, "header"
    unit = survey.cards.seeing_unit
    if not math.isfinite(seeing) and survey.psf.fwhm is not None:
        seeing, origin, unit = survey.psf.fwhm, "survey", SeeingUnit.arcsec
    if not (math.isfinite(seeing) and seeing > 0.0):
        raise _NoPsfError(f"no card says the seeing (survey.cards.seeing={survey.cards.seeing})")
    if unit is SeeingUnit.arcsec:
        y, x = Box.of_shape(described.image.shape).centre
        seeing /= described.wcs.pixel_scale(x=x, y=y)
    return Moffat(seeing, survey.psf.beta), f"Moffat of the {origin}'s seeing"
