"""One tract: a grid of patches on a tangent plane."""

from __future__ import annotations

import math
from dataclasses import dataclass

from coaddc.model.geom import Box
from coaddc.model.skymap import Patch
from coaddc.model.tangent import ARCSEC
from coaddc.model.wcs import Wcs


@dataclass(frozen=True, slots=True, kw_only=True)
class Grid:
    """How a tract is cut into patches; its first pixel is (0, 0).

    Attributes
    ----------
    scale
        Arcsec per pixel at the tangent point.
    nx, ny
        Number of patches.
    x, y
        Pixel of the tangent point.
    inner
        Side of a patch's own part, pixels.
    border
        What a patch adds to it on every side.
    clip
        Whether borders end at the edge of the tract.
    """

    scale: float
    nx: int
    ny: int
    x: int
    y: int
    inner: int
    border: int
    clip: bool

    @property
    def box(self) -> Box:
        """All pixels that the inner boxes cover."""
        return Box(y0=0, y1=self.ny * self.inner, x0=0, x1=self.nx * self.inner)

    @property
    def radius(self) -> float:
        """Angle, degrees, from the tangent point to the furthest corner of any patch."""
        box = self.box if self.clip else self.box.grow(self.border)
        dx = max(self.x - box.x0, box.x1 - 1 - self.x) + 0.5
        dy = max(self.y - box.y0, box.y1 - 1 - self.y) + 0.5
        return math.degrees(math.atan(math.radians(math.hypot(dx, dy) * self.scale / ARCSEC)))

    def wcs(self, *, ra: float, dec: float) -> Wcs:
        """Return the north-up tangent projection about a point of the sky, degrees."""
        return Wcs.tan(ra=ra, dec=dec, scale=self.scale, x=self.x, y=self.y)

    def patches(self, *, skymap: str, tract: int, wcs: Wcs) -> list[Patch]:
        """Return the patches in sequence: row by row, x first."""
        whole = self.box
        patches = []
        for y in range(self.ny):
            for x in range(self.nx):
                y0, x0 = y * self.inner, x * self.inner
                inner = Box(y0=y0, y1=y0 + self.inner, x0=x0, x1=x0 + self.inner)
                box = inner.grow(self.border)
                patches.append(
                    Patch(
                        skymap=skymap,
                        tract=tract,
                        x=x,
                        y=y,
                        sequence=y * self.nx + x,
                        box=box.clip(whole) if self.clip else box,
                        inner=inner,
                        wcs=wcs,
                    )
                )
        return patches


def whole_patches(low: float, high: float, inner: int) -> tuple[int, int]:
    """Return how many patches cover an interval of pixels, and the first pixel that they cover.

    The interval, in 0-based pixels, is rounded out to whole pixels and grown to whole patches on both
    sides alike, the odd pixel at its end: as the LSST sky maps do.
    """
    first, last = math.floor(low + 0.5), math.ceil(high - 0.5)
    size = last - first + 1
    count = -(-size // inner)
    return count, first - (count * inner - size) // 2
