"""The sky map: tracts, each with a projection, cut into patches."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Protocol

from coaddc.model.geom import Box
from coaddc.model.wcs import Floats, Wcs


@dataclass(frozen=True)
class Patch:
    """A rectangle of pixels within a tract; the unit in which coadds are made.

    Attributes
    ----------
    skymap
        Name of the sky map.
    tract
        Number of the tract.
    x, y
        Column and row in the tract's grid of patches.
    sequence
        Number in the tract, row by row.
    box
        The pixels of the coadd, in the tract: the inner box with its border, clipped to the tract (in LSST's
        maps with cells it is not, and pixels of outer patches may be negative).
    inner
        The part that no other patch of the tract has inside its own inner box.
    wcs
        Of the tract.
    """

    skymap: str
    tract: int
    x: int
    y: int
    sequence: int
    box: Box
    inner: Box
    wcs: Wcs

    @property
    def name(self) -> str:
        """Its value in data IDs."""
        return f"{self.x},{self.y}"


class Skymap(Protocol):
    """Tracts and patches."""

    @property
    def name(self) -> str:
        """Its value in data IDs."""

    @property
    def definition(self) -> dict[str, object]:
        """All that its geometry follows from, as plain data: for digests, and to make it again.

        The name is no part of it.
        """

    def patches(self, tract: int) -> Sequence[Patch]:
        """Return the patches of a tract in sequence.

        Raises
        ------
        PlanError
            Where there is no such tract.
        """

    def tracts_near(self, *, ra: Floats, dec: Floats, radius: float | Floats = 0.0) -> tuple[int, ...]:
        """Return the numbers, ascending, of the tracts that any of these circles on the sky may reach.

        Parameters
        ----------
        ra, dec
            Their centres, degrees; any that is not a number is passed over.
        radius
            Degrees, one for all or one each.
        """
