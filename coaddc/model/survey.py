"""How a survey's exposures are described: the typed mirror of conf/survey/."""

from dataclasses import dataclass

from coaddc.model.options import option


@dataclass(frozen=True, kw_only=True)
class Survey:
    """Where exposures are, and where in them image, variance, mask, PSF, WCS and numbers are."""

    doc: str = option("", "one line that says what the value means")
    name: str = option("???", "name of the survey")
    path: str | None = option(None, "folder of the exposures")
    strict: bool = option(False, "a file that cannot be used stops everything, instead of being left out")
    start: float | None = option(None, "MJD of the start of the survey; null: its first exposure")
