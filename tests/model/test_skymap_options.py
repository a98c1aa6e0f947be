"""Options of sky maps are checked when they are read."""

import pytest

from coaddc.model.errors import ConfigError
from coaddc.model.skymap_options import Layout, SkymapOptions


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"pixel_scale": 0.0}, "skymap.pixel_scale=0.0: must be positive"),
        ({"pixel_scale": float("nan")}, "skymap.pixel_scale=nan"),
        ({"patch_inner": 0}, "skymap.patch_inner=0: must be 1 at least"),
        ({"patch_border": -1}, "skymap.patch_border=-1: must be 0 at least"),
        ({"layout": Layout.ring}, "skymap.pixel_scale=null: the ring map does not follow the survey"),
        ({"rings": 0}, "skymap.rings=0"),
        ({"ra_start": 360.0}, "skymap.ra_start=360.0"),
        ({"tract_overlap": -1.0}, "skymap.tract_overlap=-1.0"),
        ({"numbering": 2}, "skymap.numbering=2"),
    ],
)
def test_numbers_that_make_no_sense_are_refused_by_field(changes: dict[str, object], message: str) -> None:
    with pytest.raises(ConfigError, match=message.replace(".", r"\.")):
        SkymapOptions(name="sky", **changes)  # type: ignore[arg-type]
