"""The truth of a simulated survey as FITS tables."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from astropy.io import fits
from numpy.typing import NDArray

from coaddc.sim.defects import CosmicRays
from coaddc.sim.schedule import BANDS
from coaddc.sim.sky import Sky

#: FITS format of a column, by the kind of its numbers.
_FORMATS = {"f": "D", "i": "J", "b": "L"}


@dataclass(frozen=True, slots=True)
class RayPixels:
    """The cosmic rays of one exposure."""

    visit: int
    detector: str
    rays: CosmicRays


def write_truth(folder: Path, sky: Sky, rays: Sequence[RayPixels]) -> None:
    """Write stars, galaxies, transients, trails and cosmic rays, one table each."""
    stars, galaxies, transients, trails = sky.stars, sky.galaxies, sky.transients, sky.trails
    _write(folder / "stars.fits", {"ra": stars.ra, "dec": stars.dec, **_magnitudes(stars.mag)})
    _write(
        folder / "galaxies.fits",
        {
            "ra": galaxies.ra,
            "dec": galaxies.dec,
            **_magnitudes(galaxies.mag),
            "half_light": galaxies.half_light,
            "axis_ratio": galaxies.axis_ratio,
            "position_angle": galaxies.position_angle,
            "spheroid": galaxies.spheroid,
        },
    )
    _write(
        folder / "transients.fits",
        {
            "kind": np.array(transients.kind),
            "visit": transients.visit,
            "ra": transients.ra,
            "dec": transients.dec,
            "mag": transients.mag,
        },
    )
    ends = {f"{c}{i + 1}": getattr(trails, c)[:, i] for i in (0, 1) for c in ("ra", "dec")}
    _write(folder / "trails.fits", {"visit": trails.visit, **ends, "mag": trails.mag})
    _write(folder / "cosmic_rays.fits", _ray_columns(rays))


def _magnitudes(mag: NDArray[np.float64]) -> dict[str, NDArray[Any]]:
    return {f"mag_{band}": mag[:, i] for i, band in enumerate(BANDS)}


def _ray_columns(rays: Sequence[RayPixels]) -> dict[str, NDArray[Any]]:
    """Return one row a pixel; x and y are 0-based."""
    return {
        "visit": np.concatenate([np.full(r.rays.x.size, r.visit) for r in rays]),
        "detector": np.concatenate([np.full(r.rays.x.size, r.detector) for r in rays]),
        "x": np.concatenate([r.rays.x for r in rays]),
        "y": np.concatenate([r.rays.y for r in rays]),
        "charge": np.concatenate([r.rays.charge for r in rays]),
        "flagged": np.concatenate([r.rays.flagged for r in rays]),
    }


_UNITS = {
    "ra": "deg",
    "dec": "deg",
    "half_light": "arcsec",
    "position_angle": "deg",
    "charge": "adu",
    "x": "pix",
    "y": "pix",
}


def _write(path: Path, columns: Mapping[str, NDArray[Any]]) -> None:
    """Write one table."""
    made = []
    for name, values in columns.items():
        kind = values.dtype.kind
        code = f"{values.dtype.itemsize // 4}A" if kind == "U" else _FORMATS[kind]
        unit = "mag" if name.startswith("mag") else _UNITS.get(name.rstrip("12"))
        made.append(fits.Column(name, code, unit, array=values))
    fits.BinTableHDU.from_columns(made, name=path.stem.upper()).writeto(path)
