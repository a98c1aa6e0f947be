"""An exposure in coarse bins of a patch: enough to compare its sky with that of others."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from coaddc.model.assembly import Interpolant
from coaddc.model.geom import Box
from coaddc.model.images import Exposure, Warp
from coaddc.ops.pixel_map import PixelMap
from coaddc.ops.warp import warp

Plane = NDArray[np.float32]

#: Rows of bins that are made at a time: bounds the memory.
STRIPE = 16
#: Part of its pixels that a bin needs.
LEAST = 0.5


@dataclass(frozen=True, slots=True, eq=False)
class SkyBins:
    """An exposure in square bins of the pixels of a patch, those of its last row and column perhaps narrower.

    Attributes
    ----------
    mean : (rows, columns)
        Mean of the good pixels, nJy per pixel of the patch; 0 where there are too few.
    count : (rows, columns)
        Their number; 0 where there are too few.
    scatter : (rows, columns)
        Sum of their squared deviations from the mean, each over its variance.
    """

    mean: Plane
    count: Plane
    scatter: Plane


def sky_bins(exposure: Exposure, pixel_map: PixelMap | None, box: Box, *, side: int, reject: int) -> SkyBins:
    """Bin an exposure.

    It is resampled bilinearly: of a sky that is smooth over two pixels nothing better can be had.

    Parameters
    ----------
    exposure, pixel_map
        As `coaddc.ops.warp.warp` takes them.
    box
        All pixels of the patch; the first bin begins at its corner.
    side
        Of a bin, pixels.
    reject
        Bits of the pixels that do not count.

    Raises
    ------
    DataError
        Where the exposure cannot be read.
    """
    rows, columns = (-(-n // side) for n in box.shape)
    mean, count, scatter = np.zeros((3, rows, columns), np.float32)
    for first in range(0, rows, STRIPE):
        last = min(first + STRIPE, rows)
        stripe = Box(y0=box.y0 + first * side, y1=box.y0 + last * side, x0=box.x0, x1=box.x1).clip(box)
        found = warp(exposure, pixel_map, stripe, interpolant=Interpolant.bilinear, weight=1.0)
        if found is not None:
            planes = _binned(found, stripe, side, reject)
            mean[first:last], count[first:last], scatter[first:last] = planes
    return SkyBins(mean, count, scatter)


def _binned(found: Warp, stripe: Box, side: int, reject: int) -> tuple[Plane, Plane, Plane]:
    good = (found.weight > 0) & (found.mask & reject == 0)
    value = np.where(good, found.image, 0.0)
    inverse = np.where(good, 1.0 / found.variance, 0.0)
    count, total = (_sums(plane, found.box, stripe, side) for plane in (good, value))
    weight, first, second = (
        _sums(plane, found.box, stripe, side) for plane in (inverse, inverse * value, inverse * value**2)
    )
    enough = count >= LEAST * _sums(np.ones(stripe.shape), stripe, stripe, side)
    mean = np.where(enough, total / np.maximum(count, 1.0), 0.0)
    scatter = second - 2.0 * mean * first + mean**2 * weight
    kept = (mean, np.where(enough, count, 0.0), np.where(enough, np.maximum(scatter, 0.0), 0.0))
    return tuple(plane.astype(np.float32) for plane in kept)  # type: ignore[return-value]


def _sums(plane: NDArray[Any], box: Box, stripe: Box, side: int) -> NDArray[np.float64]:
    """Return the sums over the bins of a stripe of a plane that covers a box in it."""
    rows, columns = (-(-n // side) for n in stripe.shape)
    padded = np.zeros((rows * side, columns * side))
    padded[box.within(stripe)] = plane
    sums: NDArray[np.float64] = padded.reshape(rows, side, columns, side).sum(axis=(1, 3))
    return sums
