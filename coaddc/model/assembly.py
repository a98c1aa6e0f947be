"""The typed mirror of conf/: what one composed config asks for.

The dataclasses of this module are the schema of the sections too: a field is declared here once, with its
type and its default, and checked while composing. ``doc`` of a field's metadata is its help.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from enum import Enum
from typing import Any

from coaddc.model.errors import ConfigError
from coaddc.model.options import option
from coaddc.model.skymap_options import SkymapOptions
from coaddc.model.survey import Survey


@dataclass(frozen=True, kw_only=True)
class Section:
    """What a value of any key may say; a key without a stage of its own has just these fields."""

    doc: str = option("", "one line that says what the value means")
    where: str | None = option(None, "predicate over the exposure table; those of all keys are AND-ed")
    order_by: str | None = option(None, "rank visits by this expression, smallest first")
    keep: Any = option(None, "how many ranked visits: a number, a fraction, or a mapping (see the reference)")


class Interpolant(Enum):
    """How values between pixels follow from pixels."""

    bilinear = "bilinear"
    lanczos3 = "lanczos3"
    lanczos5 = "lanczos5"
    omoms3 = "omoms3"


class Matching(Enum):
    """What a warp is convolved with."""

    none = "none"
    psf_model = "psf_model"


@dataclass(frozen=True, kw_only=True)
class WarpSection(Section):
    """How an exposure reaches the patch's pixels."""

    interpolant: Interpolant = option(Interpolant.omoms3, "bilinear, lanczos3, lanczos5 or omoms3")
    matching: Matching = option(Matching.none, "none, or psf_model: convolve to the PSF of the key psf_model")


class Profile(Enum):
    """Shape of a target PSF."""

    double_gaussian = "double_gaussian"
    moffat = "moffat"


class WiderInput(Enum):
    """What becomes of an exposure whose PSF is wider than the target."""

    refuse = "refuse"
    leave_out = "leave_out"


@dataclass(frozen=True, kw_only=True)
class PsfModelSection(Section):
    """The PSF that matched warps have."""

    profile: Profile = option(Profile.double_gaussian, "double_gaussian or moffat")
    fwhm: float | None = option(None, "arcsec; null: widen times the quantile of the inputs' seeing")
    quantile: float = option(1.0, "of the seeing of all exposures in the band that the predicates admit")
    widen: float = option(1.1, "factor on that seeing")
    wing_ratio: float = option(2.5, "double_gaussian: sigma of the wing over sigma of the core")
    wing_amplitude: float = option(0.1, "double_gaussian: peak of the wing over peak of the core")
    beta: float = option(3.5, "moffat: power of the wings")
    wider_input: WiderInput = option(WiderInput.leave_out, "refuse, or leave_out the exposure by name")
    cell: int = option(256, "distance, pixels, of the positions where matching kernels are solved")
    regularisation: float = option(1e-6, "of the solution, as a part of the largest power of the input PSF")

    def __post_init__(self) -> None:
        if self.fwhm is not None and self.fwhm <= 0:
            raise ConfigError(f"psf_model.fwhm={self.fwhm}: must be positive, or null to follow the inputs")
        if not 0 <= self.quantile <= 1:
            raise ConfigError(f"psf_model.quantile={self.quantile}: must lie between 0 and 1")
        if self.cell < 16:
            raise ConfigError(f"psf_model.cell={self.cell}: must be 16 pixels at least")


class Statistic(Enum):
    """How a stack becomes one image."""

    mean = "mean"
    clipped = "clipped"
    median = "median"


class Weighting(Enum):
    """How much an exposure counts."""

    inverse_variance = "inverse_variance"
    inverse_variance_seeing = "inverse_variance_seeing"
    uniform = "uniform"


@dataclass(frozen=True, kw_only=True)
class StackSection(Section):
    """How warps are combined."""

    statistic: Statistic = option(Statistic.mean, "mean, clipped or median")
    weighting: Weighting = option(
        Weighting.inverse_variance,
        "inverse_variance, inverse_variance_seeing (over FWHM squared: for point sources) or uniform",
    )
    nsigma: float = option(4.0, "clipped: reject what is further from the median, in standard deviations")
    flux_tolerance: float = option(0.3, "clipped: and further than this part of the median: seeing varies")
    reject: list[str] = option(["BAD", "SAT", "CR", "STREAK", "NO_DATA"], "mask planes that reject a pixel")
    propagate: dict[str, float] = option(
        {"SAT": 0.1}, "planes set in the coadd where rejected pixels with them exceed this part of the weight"
    )

    def __post_init__(self) -> None:
        if self.nsigma <= 0:
            raise ConfigError(f"stack.nsigma={self.nsigma}: must be positive")


class Rejection(Enum):
    """How artifacts are found."""

    none = "none"


@dataclass(frozen=True, kw_only=True)
class ArtifactsSection(Section):
    """What is found on single warps and kept out of the stack."""

    method: Rejection = option(Rejection.none, "none")


@dataclass(frozen=True)
class Assembly:
    """One fully resolved request: which coadd of what, made how.

    Attributes
    ----------
    keys
        Key to value: the part of the data ID that says which coadd. In the order of the primary config;
        ``variant`` comes last, where fields were overridden.
    sections
        Key to section, in the same order, of every key that is set.
    warp, psf_model, stack, artifacts
        The sections that own a stage.
    survey, skymap
        From what, and on which pixels.
    bands, tracts, patches
        What is made; None is all that the survey covers. A patch is a sequence number or "x,y".
    config
        The resolved config, plain data, as it is saved beside the product.
    overrides
        The words of the command line that led to it.
    """

    keys: Mapping[str, str]
    sections: Mapping[str, Section]
    warp: WarpSection
    psf_model: PsfModelSection
    stack: StackSection
    artifacts: ArtifactsSection
    survey: Survey
    skymap: SkymapOptions
    bands: tuple[str, ...] | None
    tracts: tuple[int, ...] | None
    patches: tuple[int | str, ...] | None
    config: Mapping[str, Any]
    overrides: tuple[str, ...] = ()
