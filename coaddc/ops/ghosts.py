"""Ghosts: wide faint light that single pixels do not show, on differences smoothed over it."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

import numpy as np
import scipy
from numpy.typing import NDArray

from coaddc.model.geom import Box
from coaddc.ops.artifact_epochs import Epochs, Thresholds, rare
from coaddc.ops.artifact_runs import RunMask

Plane = NDArray[np.float32]
Flags = NDArray[np.bool_]

#: Ghosts are looked for on means of so many pixels squared, each no more than CLIP standard deviations,
#: smoothed by a Gaussian of this sigma in bins.
BIN, CLIP, SMOOTH = 16, 3.0, 1.2
#: A ghost reaches to where it falls below this part of the threshold and of its own brightest bins, and has
#: so many bins above the threshold.
LOW, SMALLEST = 0.4, 6


def ghosts(
    planes: Iterable[Plane], boxes: Sequence[Box], masks: Sequence[RunMask], epochs: Epochs, nsigma: float
) -> list[RunMask]:
    """Return the pixels of wide faint light that only few visits show.

    Means over bins, counted from the first pixel of the tract so that all visits have the same, go through
    the same counting of epochs as footprints do. They are in units of their own robust scatter about their
    median: a sky that is off by a constant is no ghost, and one that is not flat raises the threshold.

    Parameters
    ----------
    planes
        Differences in standard deviations, one a visit, on its own box.
    boxes
        Where the planes lie.
    masks
        What is rejected already, and left out of the means.
    epochs
        How many visits there are where.
    nsigma
        Threshold.
    """
    coarse = [_bins(box) for box in boxes]
    whole = _bins(epochs.box)
    smooth = (
        _smoothed(plane, mask.flags, box, bins)
        for plane, mask, box, bins in zip(planes, masks, boxes, coarse, strict=True)
    )
    at = [
        np.clip(np.arange(a, b) * BIN + BIN // 2 - c, 0, n - 1)
        for a, b, c, n in (
            (whole.y0, whole.y1, epochs.box.y0, epochs.box.shape[0]),
            (whole.x0, whole.x1, epochs.box.x0, epochs.box.shape[1]),
        )
    ]
    middle = np.ix_(*at)
    few = Epochs(whole, epochs.count[middle], epochs.limit[middle], epochs.fraction)
    found = rare(smooth, coarse, few, Thresholds(nsigma, LOW * nsigma, SMALLEST, part=LOW))
    return [RunMask.of(_fine(wide.flags, wide.box, box), box) for wide, box in zip(found, boxes, strict=True)]


def _bins(box: Box) -> Box:
    """Return the box, in bins, that holds a box of pixels."""
    return Box(y0=box.y0 // BIN, y1=-(-box.y1 // BIN), x0=box.x0 // BIN, x1=-(-box.x1 // BIN))


def _smoothed(plane: Plane, mask: Flags, box: Box, bins: Box) -> Plane:
    """Return smoothed means over bins in units of their scatter; 0 where most pixels are not seen."""
    pixels = Box(y0=bins.y0 * BIN, y1=bins.y1 * BIN, x0=bins.x0 * BIN, x1=bins.x1 * BIN)
    padded, seen = np.zeros((2, *pixels.shape), np.float32)
    padded[box.within(pixels)] = np.where(mask, 0, np.clip(plane, -CLIP, CLIP))
    seen[box.within(pixels)] = ~mask & (plane != 0)
    blocks = (bins.shape[0], BIN, bins.shape[1], BIN)
    sums, counts = (part.reshape(blocks).sum(axis=(1, 3)) for part in (padded, seen))
    good = counts > 0.3 * BIN**2
    if good.sum() < 20:
        return np.zeros(bins.shape, np.float32)
    mean = np.where(good, sums / np.maximum(counts, 1.0), 0)
    weight = scipy.ndimage.gaussian_filter(good.astype(np.float64), SMOOTH, mode="constant")
    smooth = scipy.ndimage.gaussian_filter(mean, SMOOTH, mode="constant") / np.maximum(weight, 0.2)
    level, scatter = _quiet(smooth[good])
    result: Plane = (np.where(weight > 0.2, smooth - level, 0) / scatter).astype(np.float32)
    return result


def _quiet(values: NDArray[np.float64]) -> tuple[float, float]:
    """Return level and scatter of values without their outliers, which may be many: a ghost is large."""
    level, scatter = 0.0, 1.0
    for _ in range(8):
        level = float(np.median(values))
        scatter = 1.4826 * float(np.median(np.abs(values - level))) + 1e-6
        values = values[np.abs(values - level) < 2.5 * scatter]
    return level, scatter


def _fine(flags: Flags, bins: Box, box: Box) -> Flags:
    """Return flags of bins as flags of pixels, with edges half way between middles of bins."""
    if not flags.any():
        return np.zeros(box.shape, np.bool_)
    y = (np.arange(box.y0, box.y1) + 0.5) / BIN - 0.5 - bins.y0
    x = (np.arange(box.x0, box.x1) + 0.5) / BIN - 0.5 - bins.x0
    where = np.meshgrid(y, x, indexing="ij")
    fine: Flags = (
        scipy.ndimage.map_coordinates(flags.astype(np.float32), where, order=1, mode="nearest") > 0.4
    )
    return fine
