"""The LSST ring map: the whole sky in rings of equal height and two polar caps.

The geometry is that of ``lsst.skymap.RingsSkyMap`` with the TAN projection, so tract numbers, tract centres,
patch numbers and patch boxes agree with it.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from functools import cached_property

import numpy as np
from numpy.typing import NDArray

from coaddc.model.errors import PlanError
from coaddc.model.skymap import Patch
from coaddc.model.skymap_options import SkymapOptions
from coaddc.model.skymaps.tract import Grid, whole_patches
from coaddc.model.tangent import ARCSEC
from coaddc.model.wcs import Floats

Ints = NDArray[np.int64]


@dataclass(frozen=True)
class RingSkymap:
    """Rings of tracts from south to north, numbered eastwards; the polar caps are the first and the last.

    Attributes
    ----------
    name
        In data IDs.
    rings
        Number of rings; with the two half rings of the caps they share the 180 degrees.
    ra_start
        Right ascension of the first tract of each ring, degrees.
    overlap
        How far a tract reaches beyond the half height of a ring, arcmin.
    numbering
        1; or 0 for the numbers of maps made before 2018, in which the first tract of every ring but the
        first counts as the last of that ring, tract 1 is there twice, and the first tract of the last ring
        is missing.
    grid
        Of every tract: all are the same square.
    """

    name: str
    rings: int
    ra_start: float
    overlap: float
    numbering: int
    grid: Grid

    @classmethod
    def make(cls, options: SkymapOptions) -> RingSkymap:
        """Make the map that the options describe."""
        assert options.pixel_scale is not None  # checked by the options
        half = math.pi / (options.rings + 1) / 2 + math.radians(options.tract_overlap / 60)
        reach = math.degrees(math.tan(half)) * ARCSEC / options.pixel_scale
        count, first = whole_patches(-reach, reach, options.patch_inner)
        grid = Grid(
            scale=options.pixel_scale,
            nx=count,
            ny=count,
            x=-first,
            y=-first,
            inner=options.patch_inner,
            border=options.patch_border,
            clip=options.clip_border,
        )
        overlap, numbering = options.tract_overlap, options.numbering
        return cls(options.name, options.rings, options.ra_start, overlap, numbering, grid)

    @property
    def definition(self) -> dict[str, object]:
        """All that the geometry follows from, as plain data; the name is no part of it."""
        return {
            "layout": "ring",
            "pixel_scale": self.grid.scale,
            "patch_inner": self.grid.inner,
            "patch_border": self.grid.border,
            "clip_border": self.grid.clip,
            "rings": self.rings,
            "ra_start": self.ra_start,
            "tract_overlap": self.overlap,
            "numbering": self.numbering,
        }

    def __len__(self) -> int:
        """Return the number of tracts, caps included."""
        return int(self._before[-1]) + 2

    def centre(self, tract: int) -> tuple[float, float]:
        """Return right ascension and declination, degrees, of a tract's centre.

        Raises
        ------
        PlanError
            Where there is no such tract.
        """
        if not 0 <= tract < len(self):
            raise PlanError(f"tract={tract}: the sky map {self.name} has tracts 0 to {len(self) - 1}")
        if tract in (0, len(self) - 1):
            return 0.0, -90.0 if tract == 0 else 90.0
        # old numbers: position 0 of a ring is what the new ones call position 0 of the next
        at = np.searchsorted(self._before, tract - 1, side="right" if self.numbering else "left")
        ring = max(0, int(at) - 1)
        place = tract - 1 - int(self._before[ring])
        return (360.0 * place / int(self._counts[ring]) + self.ra_start) % 360.0, math.degrees(
            self._height * (ring + 1) - math.pi / 2
        )

    def patches(self, tract: int) -> list[Patch]:
        """Return the patches of a tract in sequence; PlanError where there is no such tract."""
        ra, dec = self.centre(tract)
        return self.grid.patches(skymap=self.name, tract=tract, wcs=self.grid.wcs(ra=ra, dec=dec))

    def tracts_near(self, *, ra: Floats, dec: Floats, radius: float | Floats = 0.0) -> tuple[int, ...]:
        """Return the numbers of the tracts that circles of any of these radii, degrees, may reach."""
        ra, dec, reach = np.broadcast_arrays(*(np.asarray(v, np.float64).ravel() for v in (ra, dec, radius)))
        known = np.isfinite(ra) & np.isfinite(dec)
        ra, dec, reach = ra[known], dec[known], np.minimum(reach[known] + self.grid.radius, 180.0)
        found = set()
        if np.any(dec - reach <= -90):
            found.add(0)
        if np.any(dec + reach >= 90):
            found.add(len(self) - 1)
        for ring in range(self.rings):
            found.update(self._near_in_ring(ring, ra, dec, reach))
        return tuple(sorted(found))

    def _near_in_ring(self, ring: int, ra: Floats, dec: Floats, reach: Floats) -> set[int]:
        """Return the tracts of a ring whose centres lie within reach of positions; all in degrees."""
        height = math.degrees(self._height * (ring + 1)) - 90.0
        close = np.abs(dec - height) <= reach
        if not close.any():
            return set()
        ra, dec, reach = ra[close], np.radians(dec[close]), np.radians(reach[close])
        level = math.radians(height)
        # spherical law of cosines, solved for the difference in right ascension
        top = np.cos(reach) - math.sin(level) * np.sin(dec)
        below = math.cos(level) * np.cos(dec)
        ratio = np.divide(top, below, out=np.full_like(top, -1.0), where=below > 1e-12)
        half = np.degrees(np.arccos(np.clip(ratio, -1.0, 1.0)))
        count = int(self._counts[ring])
        first = np.ceil((ra - self.ra_start - half) * count / 360 - 1e-9).astype(np.int64)
        last = np.floor((ra - self.ra_start + half) * count / 360 + 1e-9).astype(np.int64)
        last = np.minimum(last, first + count - 1)
        spans = {(int(a), int(b)) for a, b in np.unique(np.stack([first, last], axis=1), axis=0)}
        places = {place % count for a, b in spans for place in range(a, b + 1)}
        return {number for place in places if (number := self._number(ring, place)) is not None}

    def _number(self, ring: int, place: int) -> int | None:
        """Return the number of a tract by its place in a ring; None where the old numbers leave it out."""
        if self.numbering == 0 and place == 0 and ring > 0:
            return None if ring == self.rings - 1 else 1 + int(self._before[ring + 1])
        return 1 + int(self._before[ring]) + place

    @cached_property
    def _height(self) -> float:
        """Height of a ring, radians: the caps are half as high."""
        return math.pi / (self.rings + 1)

    @cached_property
    def _counts(self) -> Ints:
        """Tracts in each ring: as many as cover its longer edge, the one nearer to the equator."""
        counts = []
        for ring in range(self.rings):
            south = self._height * (ring + 0.5) - math.pi / 2
            edge = min(abs(south), abs(south + self._height))
            counts.append(int(2 * math.pi * math.cos(edge) / self._height) + 1)
        return np.array(counts, np.int64)

    @cached_property
    def _before(self) -> Ints:
        """Tracts in the rings south of each ring, the cap not counted; the total at the end."""
        return np.concatenate([[0], np.cumsum(self._counts)])
