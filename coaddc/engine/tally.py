"""What a summary says of pixels that have gone by."""

from __future__ import annotations

from math import isqrt

import numpy as np
from numpy.typing import NDArray

from coaddc.model.geom import Box
from coaddc.model.images import Stacked

#: Pixels of which the variance is remembered: as good as all for a median.
SAMPLE = 1_000_000


class Tally:
    """Counts the pixels of a coadd, part by part.

    Parameters
    ----------
    box
        All that will come.
    """

    def __init__(self, box: Box) -> None:
        self._box = box
        self._step = isqrt(max(1, box.area // SAMPLE))
        self._variances: list[NDArray[np.float32]] = []
        #: Number of pixels with data.
        self.pixels = 0

    @classmethod
    def of(cls, stacked: Stacked) -> Tally:
        """Count all of a coadd at once."""
        tally = cls(stacked.box)
        tally.take(stacked)
        return tally

    def take(self, part: Stacked) -> None:
        """Count some rows."""
        good = np.isfinite(part.image)
        self.pixels += int(np.count_nonzero(good))
        first = -(part.box.y0 - self._box.y0) % self._step
        some = (slice(first, None, self._step), slice(None, None, self._step))
        self._variances.append(part.variance[some][good[some]])

    @property
    def variance(self) -> float:
        """Median variance of the pixels with data (of a million of them, evenly spread); NaN of none."""
        known = np.concatenate([np.empty(0, np.float32), *self._variances])
        return float(np.median(known)) if known.size else float("nan")
