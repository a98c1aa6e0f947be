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
from coaddc.model.survey import SkyKind, Survey


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
    likelihood = "likelihood"
    proper = "proper"


@dataclass(frozen=True, kw_only=True)
class WarpSection(Section):
    """How an exposure reaches the patch's pixels."""

    interpolant: Interpolant = option(Interpolant.omoms3, "bilinear, lanczos3, lanczos5 or omoms3")
    matching: Matching = option(
        Matching.none,
        "none; psf_model: convolve to the PSF of the key psf_model; likelihood: filter with the own PSF; "
        "proper: convolve so that the weighted mean has white noise and loses nothing",
    )


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


class SkyMatching(Enum):
    """How the skies of visits are made alike."""

    none = "none"
    match = "match"


class SkyUnit(Enum):
    """What has one sky."""

    visit = "visit"
    exposure = "exposure"


@dataclass(frozen=True, kw_only=True)
class BackgroundSection(Section):
    """What is done to the sky that visits are left with; unset: match where the survey leaves its sky in."""

    method: SkyMatching = option(SkyMatching.match, "none; match: take off what visits differ by")
    of: SkyUnit = option(SkyUnit.visit, "visit; exposure: each detector has a sky of its own")
    order: int = option(0, "of the surface by which skies differ: 0 a constant, 1 a plane, up to 3")
    bin: int = option(16, "side, pixels, of the bins in which skies are compared")
    nsigma: float = option(4.0, "bins further from the fit, in standard deviations, do not count")

    def __post_init__(self) -> None:
        if not 0 <= self.order <= 3:
            raise ConfigError(f"background.order={self.order}: must lie between 0 and 3")
        if not 4 <= self.bin <= 256:
            raise ConfigError(f"background.bin={self.bin}: must lie between 4 and 256 pixels")
        if self.nsigma <= 0:
            raise ConfigError(f"background.nsigma={self.nsigma}: must be positive")


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
    flux_tolerance: float = option(
        3.0, "clipped: and further than so many medians: the peaks of a star vary with seeing"
    )
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
    compare_warp = "compare_warp"


@dataclass(frozen=True, kw_only=True)
class TemplateSection:
    """The static sky that single warps are compared with: the same keys, placed a second time."""

    warp: WarpSection = option(WarpSection(matching=Matching.psf_model), "how an exposure reaches the pixels")
    psf_model: PsfModelSection = option(PsfModelSection(), "the PSF in which warps are compared")
    stack: StackSection = option(StackSection(statistic=Statistic.median), "median or clipped")


@dataclass(frozen=True, kw_only=True)
class ArtifactsSection(Section):
    """What is found on single warps and kept out of the stack."""

    method: Rejection = option(Rejection.none, "none, or compare_warp: what few visits show at a place")
    template: TemplateSection = option(TemplateSection(), "the static sky that warps are compared with")
    keep_template: bool = option(False, "make the template a product too")
    nsigma: float = option(5.0, "a footprint has pixels that differ by more, in standard deviations")
    grow_nsigma: float = option(2.5, "and reaches as far as they differ by this")
    min_pixels: int = option(4, "above nsigma, that a footprint has at least")
    grow: int = option(2, "pixels by which footprints grow at the end")
    flux_tolerance: float = option(0.05, "part of the template's flux that is no difference")
    shift_tolerance: float = option(0.1, "pixels; what such a shift of the template makes is no difference")
    max_fraction: float = option(0.2, "f: of n visits min(0.4 n, 2 + f n) may show a thing (one at least)")
    rare_fraction: float = option(0.5, "of a footprint's pixels that so few visits show, at least")
    hole_tolerance: float = option(
        0.1, "part of a bright source's light at a pixel: what adds less stays, as a hole would cost more"
    )
    protect: float | None = option(
        300.0, "keep what lies wholly where the template exceeds these standard deviations; null: nothing"
    )
    faint_nsigma: float | None = option(
        6.0, "of differences smoothed by the PSF, in their own standard deviations; null: not looked for"
    )
    streaks: bool = option(True, "find trails as lines, and reject them over their width")
    streak_nsigma: float = option(7.0, "of the light summed along a line, in standard deviations")
    streak_length: int = option(160, "pixels, of the shortest line that counts as a trail")
    ghosts: bool = option(True, "find wide faint patches of light on smoothed differences")
    ghost_nsigma: float = option(6.0, "of a smoothed difference, in its own standard deviations")

    def __post_init__(self) -> None:
        if not 0 < self.grow_nsigma <= self.nsigma:
            raise ConfigError(
                f"artifacts.grow_nsigma={self.grow_nsigma}: must be positive, and no more than nsigma"
            )
        for name in ("flux_tolerance", "shift_tolerance", "hole_tolerance", "grow", "min_pixels"):
            if getattr(self, name) < 0:
                raise ConfigError(f"artifacts.{name}={getattr(self, name)}: must not be negative")
        if self.method is Rejection.none:
            return
        if self.template.warp.matching is Matching.none:
            raise ConfigError("artifacts.template.warp.matching=none: must be psf_model, or stars differ")
        if self.template.stack.statistic is Statistic.mean:
            raise ConfigError("artifacts.template.stack.statistic=mean: must be median or clipped")


@dataclass(frozen=True, kw_only=True)
class WavelengthSection(Section):
    """One part of the band, from a model of how the air disperses each visit (DCR)."""

    subbands: int = option(3, "number of equal parts of survey.passbands that are solved for, together")
    subband: int = option(0, "which of them the coadd is: 0 is the bluest")
    reference: float | None = option(
        None, "nm, at which exposures' WCS put a source; null: mean refraction of the band"
    )
    smoothness: float = option(
        0.001, "weight of the differences of neighbouring sub-bands, in that of all visits"
    )
    amplitude: float = option(0.0001, "weight of what differs from the mean of all visits, likewise")
    iterations: int = option(30, "of conjugate gradients, at most")
    tolerance: float = option(0.003, "part of the first residual at which they end")

    def __post_init__(self) -> None:
        if self.subbands < 2 or not 0 <= self.subband < self.subbands:
            raise ConfigError(
                f"wavelength.subband={self.subband} of wavelength.subbands={self.subbands}: two at least, "
                "of which the first is number 0"
            )
        for name in ("smoothness", "amplitude", "iterations", "tolerance"):
            if getattr(self, name) <= 0:
                raise ConfigError(f"wavelength.{name}={getattr(self, name)}: must be positive")


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
    background
        The section of the key `background`; None where it is not set.
    wavelength
        The section of the key `wavelength`; None where it is not set.
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
    background: BackgroundSection | None = None
    wavelength: WavelengthSection | None = None

    @property
    def sky_matching(self) -> BackgroundSection | None:
        """How skies are matched; None where they are not.

        Where the key is not set the survey decides: a sky that it leaves in, to be subtracted exposure by
        exposure, is never subtracted alike.
        """
        left_in = self.survey.sky.kind is not SkyKind.subtracted
        chosen = self.background or (BackgroundSection() if left_in else None)
        return chosen if chosen and chosen.method is SkyMatching.match else None
