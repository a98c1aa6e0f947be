r"""How a survey's exposures are described: the typed mirror of conf/survey/.

A *card* below is the keyword of a FITS header, or a list of keywords of which the first that is there counts.
It is looked up among the named groups of ``image.pattern`` in the file's name, then in the header of the
image's HDU, then in the primary header; last, FILE is the image's path and HDU its number. A *file* is a
substitution in the path of the image, relative to the path of the survey: ``_ooi_ -> _oow_``, a regular
expression on the left, and on the right ``\1`` for its groups. An *hdu* is a name or a number.
"""

import re
from dataclasses import dataclass
from enum import Enum
from typing import Any

from coaddc.model.air import Air
from coaddc.model.errors import ConfigError
from coaddc.model.mask import bits
from coaddc.model.options import option
from coaddc.model.simulation import Simulation

#: Wavelengths, nm, between which a band of the common systems has more than half of its peak throughput.
PASSBANDS = {
    "u": [330.0, 395.0],
    "g": [400.0, 550.0],
    "r": [555.0, 690.0],
    "i": [695.0, 815.0],
    "z": [820.0, 925.0],
    "y": [930.0, 1060.0],
    "Y": [970.0, 1070.0],
    "J": [1170.0, 1335.0],
    "H": [1490.0, 1785.0],
    "Ks": [1990.0, 2310.0],
}


@dataclass(frozen=True, kw_only=True)
class ImageSource:
    """Which files and HDUs are exposures."""

    glob: str = option("**/*.fits*", "image files, relative to the path of the survey")
    exclude: list[str] = option([], "patterns of files, like the glob's, that are no images after all")
    hdu: Any = option(None, "null: the first image; all: every image; or the name or number of one")
    pattern: str | None = option(None, "regular expression on the path; its named groups are cards")


class VarianceKind(Enum):
    """What the numbers of a variance plane are."""

    variance = "variance"
    inverse_variance = "inverse_variance"
    standard_deviation = "standard_deviation"


@dataclass(frozen=True, kw_only=True)
class VarianceSource:
    """Where the noise is said; nowhere: it is measured, one number an exposure."""

    kind: VarianceKind = option(VarianceKind.variance, "variance, inverse_variance or standard_deviation")
    file: str | None = option(None, "file; null: the image's")
    hdu: Any = option(None, "HDU; null: the image's number in the other file")
    card: Any = option(None, "instead of a plane: a card with one number for all pixels")
    gain: Any = option(None, "card: electrons of a unit; its sources' photon noise is added to the plane")
    low: float = option(0.0, "times the median inverse variance: below it a pixel has no data")
    high: float | None = option(None, "times the median inverse variance: above it the median is put")


class MaskKind(Enum):
    """How a mask plane is coded."""

    bits = "bits"
    codes = "codes"
    cards = "cards"


@dataclass(frozen=True, kw_only=True)
class MaskSource:
    """Where bad pixels are said; no file and no hdu: nowhere."""

    kind: MaskKind = option(MaskKind.bits, "bits; codes (a pixel has one); cards (bits named by MP_ cards)")
    file: str | None = option(None, "file; null: the image's")
    hdu: Any = option(None, "HDU; null: the image's number in the other file")
    planes: dict[str, Any] = option({}, "plane: the bits (0 the lowest) or the codes that set it")
    saturation: Any = option(None, "card: the value of the image from which it is SAT")
    blank: float | None = option(None, "value of the image that says NO_DATA; NaN always does")


class PsfFrom(Enum):
    """Where a PSF model may come from."""

    model = "model"
    stars = "stars"
    seeing = "seeing"


@dataclass(frozen=True, kw_only=True)
class PsfSource:
    """Where the PSF model is."""

    sources: list[PsfFrom] = option(
        [PsfFrom.model, PsfFrom.stars, PsfFrom.seeing],
        "tried in this order: model (a PSFEx table), stars (of the exposure), seeing (Moffat of the card)",
    )
    file: str | None = option(None, "model: file; null: the image's")
    hdu: Any = option(None, "model: HDU; null: the first table of the other file")
    match: dict[str, str] = option({}, "model: column to card, where a table has one row a detector")
    min_stars: int = option(8, "stars: fewer are not enough")
    min_snr: float = option(40.0, "stars: signal to noise of the faintest")
    fwhm: float | None = option(None, "seeing: arcsec, where no card says it")
    beta: float = option(3.0, "seeing: power of the Moffat's wings")


class SkyKind(Enum):
    """What is left of the sky in the image."""

    subtracted = "subtracted"
    spline = "spline"
    mesh = "mesh"


@dataclass(frozen=True, kw_only=True)
class SkySource:
    """The sky to subtract."""

    kind: SkyKind = option(SkyKind.subtracted, "subtracted; spline (a file; else mesh); mesh (measured)")
    file: str | None = option(None, "spline: file")
    match: dict[str, str] = option({}, "spline: column to card, where a table has one row a detector")
    cell: int = option(128, "mesh: side of a cell, pixels")


@dataclass(frozen=True, kw_only=True)
class DetectorTable:
    """A table of the survey with one row a detector, whose columns other fields may name."""

    glob: str | None = option(None, "the table, relative to the path of the survey; several are joined")
    match: dict[str, str] = option({}, "column to card: what makes a row the exposure's")


@dataclass(frozen=True, kw_only=True)
class ZeroPoint:
    """AB magnitude of one unit of the pixels: the column, else the card, else the value."""

    column: str | None = option(None, "of the detector table")
    column_per_second: bool = option(False, "the column is for one unit per second of exposure")
    card: Any = option(["MAGZERO"], "of the header")
    card_per_second: bool = option(False, "the card is for one unit per second of exposure")
    value: float | None = option(None, "the same for all")
    to_ab: dict[str, float] = option({}, "band: AB minus the survey's magnitudes, where those are not AB")


@dataclass(frozen=True, kw_only=True)
class Astrometry:
    """Corrections of the header's WCS."""

    dra_column: str | None = option(None, "of the detector table: east, arcsec on the sky, added")
    ddec_column: str | None = option(None, "of the detector table: north, arcsec, added")


class TimeAt(Enum):
    """Which moment of the exposure a time is."""

    start = "start"
    middle = "middle"
    end = "end"


class AngleUnit(Enum):
    """Unit of an angle."""

    hours = "hours"
    degrees = "degrees"


class SeeingUnit(Enum):
    """Unit of the header's seeing."""

    arcsec = "arcsec"
    pixels = "pixels"


@dataclass(frozen=True, kw_only=True)
class Cards:
    """Which cards of the header say what an exposure is; null: none does."""

    instrument: Any = option(["INSTRUME"], "camera; none: the name of the survey")
    visit: Any = option(["VISIT", "EXPNUM", "EXPID"], "whole number; none: the start, units of 1e-5 d")
    detector: Any = option(["DETECTOR", "CCDNUM", "CCDNAME", "EXTNAME"], "name; none: number of the HDU")
    band: Any = option(["BAND", "FILTER"], "its first word, or what `bands` makes of it")
    physical_filter: Any = option(["FILTER", "BAND"], "full name of the filter")
    time: Any = option(["MJD-OBS", "DATE-OBS"], "MJD, JD or ISO 8601, UTC")
    time_at: TimeAt = option(TimeAt.start, "start, middle or end of the exposure")
    exptime: Any = option(["EXPTIME"], "seconds")
    exptime_factors: list[str] = option([], "cards that multiply it: numbers of co-added exposures")
    airmass: Any = option(["AIRMASS"], "none: from the site")
    hour_angle: Any = option(None, "west positive; none: from the site")
    hour_angle_unit: AngleUnit = option(AngleUnit.hours, "hours or degrees; 12:34:56.7 is read too")
    parallactic_angle: Any = option(None, "degrees; none: from the site")
    seeing: Any = option(["SEEING", "FWHM"], "FWHM, used where the PSF can be had from nothing better")
    seeing_unit: SeeingUnit = option(SeeingUnit.arcsec, "arcsec or pixels")
    seeing_factor: float = option(1.0, "on the card's number, where its definition runs small")


@dataclass(frozen=True, kw_only=True)
class Site:
    """Where the telescope stands: for hour angle, parallactic angle and airmass that no card says."""

    longitude: float | None = option(None, "degrees, east positive")
    latitude: float | None = option(None, "degrees")


@dataclass(frozen=True, kw_only=True)
class Survey:
    """Where exposures are, and where in them image, variance, mask, PSF, WCS and numbers are."""

    doc: str = option("", "one line that says what the value means")
    name: str = option("???", "name of the survey")
    path: str | None = option(None, "folder of the exposures")
    strict: bool = option(False, "a file that cannot be used stops everything, instead of being left out")
    start: float | None = option(None, "MJD of the start of the survey; null: its first exposure")
    image: ImageSource = option(ImageSource(), "which files and HDUs are exposures")
    variance: VarianceSource = option(VarianceSource(), "where the noise is said")
    mask: MaskSource = option(MaskSource(), "where bad pixels are said")
    psf: PsfSource = option(PsfSource(), "where the PSF model is")
    sky: SkySource = option(SkySource(), "the sky to subtract")
    table: DetectorTable = option(DetectorTable(), "a table with one row a detector")
    zero_point: ZeroPoint = option(ZeroPoint(), "AB magnitude of one unit of the pixels")
    astrometry: Astrometry = option(Astrometry(), "corrections of the WCS")
    cards: Cards = option(Cards(), "which cards of the header say what an exposure is")
    bands: dict[str, str] = option({}, "band of a filter, by its full name or its first word")
    site: Site = option(Site(), "where the telescope stands")
    air: Air = option(Air(), "the air above it, for sub-bands of a band")
    passbands: dict[str, list[float]] = option(
        PASSBANDS, "band: first and last wavelength, nm, for sub-bands"
    )
    simulation: Simulation | None = option(None, "what to simulate where the path holds nothing yet")

    def __post_init__(self) -> None:
        bits(self.mask.planes)
        for band, edges in self.passbands.items():
            if len(edges) != 2 or not 0 < edges[0] < edges[1]:
                raise ConfigError(f"survey.passbands.{band}={edges}: expected first and last wavelength, nm")
        for field, value in self._substitutions().items():
            if value.count("->") != 1:
                raise ConfigError(f"survey.{field}={value!r}: expected 'old -> new', a substitution")
            _check_pattern(field, value.split("->")[0].strip())
        _check_pattern("image.pattern", self.image.pattern or "")
        if self.sky.kind is SkyKind.spline and self.sky.file is None:
            raise ConfigError("survey.sky.kind=spline needs survey.sky.file")

    def _substitutions(self) -> dict[str, str]:
        files = {
            "variance.file": self.variance.file,
            "mask.file": self.mask.file,
            "psf.file": self.psf.file,
            "sky.file": self.sky.file,
        }
        return {field: value for field, value in files.items() if value is not None}


def _check_pattern(field: str, pattern: str) -> None:
    try:
        re.compile(pattern)
    except re.error as error:
        raise ConfigError(f"survey.{field}: {pattern!r} is no regular expression: {error}") from error
