"""Which sky map: the typed mirror of conf/skymap/."""

from dataclasses import dataclass
from enum import Enum

from coaddc.model.errors import ConfigError
from coaddc.model.options import option


class Layout(Enum):
    """How tracts cover the sky."""

    discrete = "discrete"
    ring = "ring"


@dataclass(frozen=True, kw_only=True)
class SkymapOptions:
    """Which sky map.

    Raises
    ------
    ConfigError
        Where a number makes no sense.
    """

    doc: str = option("", "one line that says what the value means")
    name: str = option("???", "name of the sky map in data IDs")
    layout: Layout = option(Layout.discrete, "discrete: one tract around the survey; ring: the whole sky")
    pixel_scale: float | None = option(
        None, "arcsec at the centre of a tract; null: discrete takes the survey's median, rounded"
    )
    patch_inner: int = option(2000, "side, pixels, of the part of a patch that is its own")
    patch_border: int = option(100, "pixels around it that a patch shares with its neighbours")
    clip_border: bool = option(True, "the border ends at the edge of the tract (LSST cells: it does not)")
    rings: int = option(120, "ring: number of rings between the polar caps")
    ra_start: float = option(0.0, "ring: right ascension, degrees, of the first tract of each ring")
    tract_overlap: float = option(1.0, "ring: arcmin by which each tract reaches beyond its own part")
    numbering: int = option(
        1, "ring: 1, or 0 for tract numbers of LSST software before 2018 (near RA 0 only)"
    )

    def __post_init__(self) -> None:
        for name, least in (("patch_inner", 1), ("patch_border", 0), ("rings", 1)):
            _at_least(name, getattr(self, name), least)
        if self.pixel_scale is not None and not 0 < self.pixel_scale < 3600:
            raise ConfigError(f"skymap.pixel_scale={self.pixel_scale}: must be positive, arcsec")
        if self.layout is Layout.ring and self.pixel_scale is None:
            raise ConfigError("skymap.pixel_scale=null: the ring map does not follow the survey; give arcsec")
        if not 0 <= self.ra_start < 360:
            raise ConfigError(f"skymap.ra_start={self.ra_start}: must lie in 0 to 360 degrees")
        if not 0 <= self.tract_overlap <= 600:
            raise ConfigError(f"skymap.tract_overlap={self.tract_overlap}: must lie in 0 to 600 arcmin")
        if self.numbering not in (0, 1):
            raise ConfigError(f"skymap.numbering={self.numbering}: must be 1, or 0 for the old numbers")


def _at_least(name: str, value: int, least: int) -> None:
    if value < least:
        raise ConfigError(f"skymap.{name}={value}: must be {least} at least")
