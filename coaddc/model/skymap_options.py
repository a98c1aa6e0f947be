"""Which sky map: the typed mirror of conf/skymap/."""

from dataclasses import dataclass
from enum import Enum

from coaddc.model.options import option


class Layout(Enum):
    """How tracts cover the sky."""

    discrete = "discrete"
    ring = "ring"


@dataclass(frozen=True, kw_only=True)
class SkymapOptions:
    """Which sky map."""

    doc: str = option("", "one line that says what the value means")
    name: str = option("???", "name of the sky map in data IDs")
    layout: Layout = option(Layout.discrete, "discrete: one tract around the survey; ring: the whole sky")
