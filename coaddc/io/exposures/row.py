"""One row of the exposure table, measured."""

from __future__ import annotations

import math
from collections.abc import Callable
from pathlib import Path

import numpy as np

from coaddc.io.exposures.content import content_digest
from coaddc.io.exposures.describe import NANOJANSKY, Description, exptime_of
from coaddc.io.exposures.pixel_reader import PixelReader
from coaddc.io.exposures.pointing import Pointing, pointing
from coaddc.io.psfs.find_psf import find_psf
from coaddc.model.errors import DataError
from coaddc.model.exposures import ExposureRow
from coaddc.model.mask import bits
from coaddc.model.psf import Floats, Psf, fwhm, stamp
from coaddc.model.survey import AngleUnit, TimeAt

#: Digest of a file.
DigestOf = Callable[[Path], str]

#: Planes that make a pixel count as bad in ``good_fraction``.
NOT_GOOD = bits(["BAD", "SAT", "CR", "STREAK", "NO_DATA"])

#: Signal to noise at the depth.
DEPTH_SIGMA = 5.0

SECONDS_PER_DAY = 86400.0


def make_row(described: Description, digest_of: DigestOf, cache: Path) -> ExposureRow:
    """Measure an exposure.

    Parameters
    ----------
    described
        The exposure.
    digest_of
        Digest of a file.
    cache
        Folder where measured PSF models are kept.

    Raises
    ------
    DataError
        Where it cannot be used.
    """
    reader = PixelReader(described)
    if not reader.seekable:
        reader.hold()
    noise = reader.noise * described.nanojansky
    good = 1.0 - reader.count(NOT_GOOD) / reader.box.area
    if good == 0.0:
        raise DataError(f"{described.name}: no pixel is good")
    digest = content_digest(described, digest_of)
    psf, origin = find_psf(described, reader, digest, cache)
    box, wcs = reader.box, described.wcs
    y, x = box.centre
    (ra, dec), (corner_ra, corner_dec) = wcs.to_sky(x=x, y=y), wcs.corners(box)
    _check_sky(described, [*corner_ra, *corner_dec, float(ra), float(dec)])
    scale = wcs.pixel_scale(x=x, y=y)
    seeing, area = _size(psf, x=x, y=y)
    mjd = _mjd(described)
    angles = _pointing(described, mjd=mjd, ra=float(ra), dec=float(dec))
    cards = described.survey.cards
    return ExposureRow(
        instrument=described.headers.text(cards.instrument) or described.survey.name,
        visit=_visit(described),
        detector=described.headers.text(cards.detector) or str(described.hdu),
        band=described.band,
        physical_filter=described.headers.text(cards.physical_filter) or described.band,
        mjd=mjd,
        survey_year=math.nan,
        exptime=exptime_of(described.survey, described.headers),
        seeing=seeing * scale,
        airmass=angles.airmass,
        hour_angle=angles.hour_angle,
        parallactic_angle=angles.parallactic_angle,
        zero_point=described.zero_point,
        sky_noise=noise,
        depth=NANOJANSKY - 2.5 * math.log10(DEPTH_SIGMA * noise * math.sqrt(area)),
        good_fraction=good,
        ra=float(ra),
        dec=float(dec),
        pixel_scale=scale,
        nx=box.x1,
        ny=box.y1,
        corner_ra=_four(corner_ra),
        corner_dec=_four(corner_dec),
        psf=origin,
        file=described.file,
        hdu=described.hdu,
        compressed=not reader.seekable,
        digest=digest,
    )


def _size(psf: Psf, *, x: float, y: float) -> tuple[float, float]:
    """Return the FWHM, pixels, and the effective area 1 / sum(psf**2), pixels, at a position."""
    image = stamp(psf, x=x, y=y, half=math.ceil(psf.radius))
    return fwhm(image), 1.0 / float((image**2).sum())


def _visit(described: Description) -> int:
    cards = described.survey.cards
    number = described.headers.number(cards.visit)
    if math.isfinite(number):
        if not number.is_integer():
            raise DataError(f"{described.name}: visit {number}: expected a whole number")
        return int(number)
    start = described.headers.mjd(cards.time)
    if not math.isfinite(start):
        raise DataError(
            f"{described.name}: no card of survey.cards.visit={cards.visit} nor of time={cards.time}"
        )
    # All detectors of one shutter opening share its time; 1e-5 d is 0.9 s, less than any readout.
    return math.floor(start * 1e5)


def _mjd(described: Description) -> float:
    """Return the middle of the exposure."""
    cards = described.survey.cards
    mjd = described.headers.mjd(cards.time)
    exptime = exptime_of(described.survey, described.headers)
    half = 0.5 * exptime / SECONDS_PER_DAY if math.isfinite(exptime) else 0.0
    match cards.time_at:
        case TimeAt.start:
            return mjd + half
        case TimeAt.middle:
            return mjd
        case TimeAt.end:
            return mjd - half


def _pointing(described: Description, *, mjd: float, ra: float, dec: float) -> Pointing:
    """Return what the cards say, and what the site says where they do not."""
    headers, cards = described.headers, described.survey.cards
    said = Pointing(
        headers.angle(cards.hour_angle, cards.hour_angle_unit),
        headers.angle(cards.parallactic_angle, AngleUnit.degrees),
        headers.number(cards.airmass),
    )
    computed = pointing(described.survey.site, mjd=mjd, ra=ra, dec=dec)
    pairs = (
        (said.hour_angle, computed.hour_angle),
        (said.parallactic_angle, computed.parallactic_angle),
        (said.airmass, computed.airmass),
    )
    return Pointing(*(card if math.isfinite(card) else site for card, site in pairs))


def _check_sky(described: Description, values: list[float]) -> None:
    if not np.isfinite(values).all():
        raise DataError(f"{described.name}: its WCS does not reach the sky at its centre and corners")


def _four(values: Floats) -> tuple[float, float, float, float]:
    a, b, c, d = (float(value) for value in values)
    return a, b, c, d
