"""What a band's sub-bands are solved from: differential chromatic refraction (DCR) as a problem."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np

from coaddc.model.assembly import WavelengthSection
from coaddc.model.images import Image, Warp
from coaddc.model.refraction import Floats
from coaddc.model.wcs import Wcs

#: Side, pixels, of the squares of the tract that are solved one by one: over one, the air lifts alike.
SQUARE = 512


@dataclass(frozen=True, eq=False)
class DcrModel:
    """A problem to solve: which sky, in sub-bands, do visits show that were dispersed in various ways.

    Attributes
    ----------
    section
        How it is regularised, and when it counts as solved.
    bend : (sub-bands, nodes, 2)
        See `coaddc.model.refraction.bending`.
    zeniths : visit to (3,)
        See `coaddc.model.refraction.zenith`.
    tract
        WCS of the pixels.
    weight
        Of all visits together, nJy**-2: the unit of the regularisation.
    reject
        Bits of the mask of pixels that count nothing.
    uniform
        Whether visits count alike.
    """

    section: WavelengthSection
    bend: Floats
    zeniths: Mapping[int, Floats]
    tract: Wcs
    weight: float
    reject: int
    uniform: bool

    def counted(self, warp: Warp) -> Image:
        """Return the weight of every pixel of a warp, 0 where it is rejected or empty."""
        weight = np.where((warp.mask & self.reject) == 0, warp.weight, np.float32(0))
        return (weight > 0).astype(np.float32) if self.uniform else weight


@dataclass(frozen=True, eq=False)
class Observed:
    """One visit: its number, its warp, and the correlation of its noise, (n, n)."""

    visit: int
    warp: Warp
    correlation: Floats
