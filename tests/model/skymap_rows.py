"""Exposure rows with made-up numbers, for tests of sky maps and selections."""

from typing import Any

import numpy as np

from coaddc.model.exposures import ExposureRow
from coaddc.model.wcs import Wcs


def row(*, ra: float = 10.0, dec: float = -5.0, angle: float = 0.0, **changes: Any) -> ExposureRow:
    """Make one exposure of 1200 x 900 pixels of 0.3 arcsec, turned by an angle in degrees."""
    values: dict[str, Any] = {
        "instrument": "cam", "visit": 1, "detector": "1", "band": "g", "physical_filter": "g DECam",
        "mjd": 57000.0, "survey_year": 0.5, "exptime": 30.0, "seeing": 0.9, "airmass": 1.2,
        "hour_angle": 10.0, "parallactic_angle": 5.0, "zero_point": 31.4, "sky_noise": 10.0, "depth": 24.0,
        "good_fraction": 0.98, "ra": ra, "dec": dec, "pixel_scale": 0.3, "nx": 1200, "ny": 900,
        "psf": "moffat", "file": "a.fits", "hdu": 0, "compressed": False, "digest": "0",
    }  # fmt: skip
    values.update(changes)
    corners = sky_corners(ra=ra, dec=dec, angle=angle, nx=values["nx"], ny=values["ny"])
    values = {"corner_ra": corners[0], "corner_dec": corners[1]} | values
    return ExposureRow(**values)


def sky_corners(
    *, ra: float, dec: float, angle: float, nx: int, ny: int, scale: float = 0.3
) -> tuple[tuple[float, ...], tuple[float, ...]]:
    """Return the outer corners, degrees, of a turned rectangle of pixels about a sky position."""
    u, v = np.array([-nx, nx, nx, -nx]) / 2, np.array([-ny, -ny, ny, ny]) / 2
    c, s = np.cos(np.radians(angle)), np.sin(np.radians(angle))
    wcs = Wcs.tan(ra=ra, dec=dec, scale=scale, x=0, y=0)
    corner_ra, corner_dec = wcs.to_sky(x=c * u - s * v, y=s * u + c * v)
    return tuple(map(float, corner_ra)), tuple(map(float, corner_dec))
