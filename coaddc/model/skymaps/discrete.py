"""One tract around the exposures of a survey."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from coaddc.model.errors import PlanError
from coaddc.model.exposures import ExposureRow
from coaddc.model.skymap import Patch
from coaddc.model.skymap_options import SkymapOptions
from coaddc.model.skymaps.sphere import Footprints, separation, to_sky, vectors
from coaddc.model.skymaps.tract import Grid, whole_patches
from coaddc.model.wcs import Floats, Wcs

#: How far, degrees, a tangent plane may reach from its tangent point: at 10 degrees pixels are 3 % smaller.
REACH = 10.0

#: The tangent point lies on whole multiples of this, degrees, so that a few more exposures do not move it.
STEP = 0.01


@dataclass(frozen=True)
class DiscreteSkymap:
    """A sky map of the one tract 0.

    Attributes
    ----------
    name
        In data IDs.
    ra, dec
        Tangent point, degrees.
    grid
        Of the tract.
    largest
        Side, pixels, that patches were allowed to have; they are smaller where the survey fits in less.
    """

    name: str
    ra: float
    dec: float
    grid: Grid
    largest: int

    @property
    def definition(self) -> dict[str, object]:
        """All that the geometry follows from, as plain data; the name is no part of it."""
        return {
            "layout": "discrete",
            "ra": self.ra,
            "dec": self.dec,
            "pixel_scale": self.grid.scale,
            "nx": self.grid.nx,
            "ny": self.grid.ny,
            "x": self.grid.x,
            "y": self.grid.y,
            "patch_inner": self.largest,
            "patch_side": self.grid.inner,
            "patch_border": self.grid.border,
            "clip_border": self.grid.clip,
        }

    def patches(self, tract: int) -> list[Patch]:
        """Return the patches of tract 0 in sequence; PlanError for any other tract."""
        if tract != 0:
            raise PlanError(f"tract={tract}: the sky map {self.name} has one tract, 0")
        return self.grid.patches(skymap=self.name, tract=0, wcs=self.grid.wcs(ra=self.ra, dec=self.dec))

    def tracts_near(self, *, ra: Floats, dec: Floats, radius: float | Floats = 0.0) -> tuple[int, ...]:
        """Return (0,) where a circle of any of these radii, degrees, may reach the tract; else ()."""
        distance = separation(vectors(ra=ra, dec=dec), vectors(ra=self.ra, dec=self.dec))
        return (0,) if np.any(distance <= self.grid.radius + np.asarray(radius)) else ()


def discrete_from(name: str, definition: Mapping[str, Any]) -> DiscreteSkymap:
    """Make a map again from its definition."""
    grid = Grid(
        scale=float(definition["pixel_scale"]),
        nx=int(definition["nx"]),
        ny=int(definition["ny"]),
        x=int(definition["x"]),
        y=int(definition["y"]),
        inner=int(definition["patch_side"]),
        border=int(definition["patch_border"]),
        clip=bool(definition["clip_border"]),
    )
    ra, dec, largest = float(definition["ra"]), float(definition["dec"]), int(definition["patch_inner"])
    return DiscreteSkymap(name, ra, dec, grid, largest)


def discrete_for(options: SkymapOptions, rows: Sequence[ExposureRow]) -> DiscreteSkymap:
    """Fit one tract to the footprints of exposures: all their corners lie in it.

    Raises
    ------
    PlanError
        Where there are no exposures with known corners, or they do not fit on one tangent plane.
    """
    known = [row for row in rows if np.isfinite(row.corner_ra + row.corner_dec).all()]
    if not known:
        raise PlanError(
            f"skymap {options.name}: layout discrete follows the exposures, and there are none; "
            "check survey.path, or choose skymap=ring"
        )
    scale = options.pixel_scale or _usual_scale(options.name, known)
    footprints = Footprints.of(known)
    ra, dec = _middle(footprints)
    _check_reach(options.name, known, footprints, vectors(ra=ra, dec=dec))
    x, y = Wcs.tan(ra=ra, dec=dec, scale=scale, x=0, y=0).to_pixel(ra=footprints.ra, dec=footprints.dec)
    side = _side(max(float(np.ptp(x)), float(np.ptp(y))), options.patch_inner)
    nx, x0 = whole_patches(float(x.min()), float(x.max()), side)
    ny, y0 = whole_patches(float(y.min()), float(y.max()), side)
    grid = Grid(
        scale=scale,
        nx=nx,
        ny=ny,
        x=-x0,
        y=-y0,
        inner=side,
        border=options.patch_border,
        clip=options.clip_border,
    )
    return DiscreteSkymap(options.name, ra, dec, grid, options.patch_inner)


def _side(extent: float, largest: int) -> int:
    """Return the side of patches that cover an extent, pixels, with as few as the largest side allows.

    A multiple of 50, unless that is too large: small changes of the survey leave it as it is.
    """
    count = math.ceil((extent + 2) / largest)
    return min(largest, 50 * math.ceil((extent + 2) / count / 50))


def _usual_scale(name: str, rows: Sequence[ExposureRow]) -> float:
    """Return the median pixel scale in two significant digits."""
    scales = np.array([row.pixel_scale for row in rows])
    if not np.isfinite(scales).any():
        raise PlanError(f"skymap {name}: no exposure says its pixel scale; set skymap.pixel_scale, arcsec")
    median = float(np.nanmedian(scales))
    return round(median, 1 - math.floor(math.log10(median)))


def _middle(footprints: Footprints) -> tuple[float, float]:
    """Return the middle of the smallest north-up rectangle around all corners, rounded to whole steps."""
    ra, dec = to_sky(footprints.centre.sum(axis=0))
    corners = vectors(ra=footprints.ra, dec=footprints.dec)
    if (
        separation(corners, vectors(ra=ra, dec=dec)).max() < 80
    ):  # else there is no tangent plane; refused later
        wcs = Wcs.tan(ra=float(ra), dec=float(dec), scale=1.0, x=0, y=0)
        x, y = wcs.to_pixel(ra=footprints.ra, dec=footprints.dec)
        ra, dec = wcs.to_sky(x=(x.min() + x.max()) / 2, y=(y.min() + y.max()) / 2)
    return _to_step(float(ra)) % 360.0, _to_step(float(dec))


def _to_step(degrees: float) -> float:
    # the outer rounding makes 0.57 of 57 * 0.01, which is 0.5700000000000001
    return round(round(degrees / STEP) * STEP, 6)


def _check_reach(name: str, rows: Sequence[ExposureRow], footprints: Footprints, centre: Floats) -> None:
    reach = float((separation(footprints.centre, centre) + footprints.radius).max())
    if reach > REACH:
        # an outlier is furthest from most of them, not from the middle of the rectangle around all
        worst = int(np.argmax(separation(footprints.centre, footprints.centre.sum(axis=0))))
        raise PlanError(
            f"skymap {name}: the exposures reach {reach:.1f} degrees from their middle ({rows[worst].name} "
            f"outermost), which is too far for one tangent plane ({REACH:g} degrees): "
            "choose skymap=ring, or leave outlying exposures out"
        )
