"""What is rare: footprints that only few of the visits show where they are."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from functools import reduce
from operator import or_

import numpy as np
import scipy
from numpy.typing import NDArray

from coaddc.kernels.footprints import label
from coaddc.model.assembly import ArtifactsSection
from coaddc.model.geom import Box
from coaddc.ops.artifact_runs import RunMask

Plane = NDArray[np.float32]
Flags = NDArray[np.bool_]
Counts = NDArray[np.int16]


@dataclass(frozen=True)
class Thresholds:
    """What makes a footprint: pixels beyond high, so many, and all beyond low that are connected to them.

    Of one that was found, only what is beyond a part of its brightest place is taken.
    """

    high: float
    low: float
    smallest: int
    part: float = 0.0


@dataclass(frozen=True)
class Epochs:
    """The visits that cover each pixel of a box.

    Attributes
    ----------
    box
        Which, in pixels of the tract.
    count, limit : (ny, nx)
        How many cover a pixel, and how many of them may show a thing that is rejected.
    fraction
        Part of a footprint's pixels that no more show than that, at least.
    """

    box: Box
    count: Counts
    limit: Counts
    fraction: float

    @classmethod
    def of(cls, box: Box, count: Counts, options: ArtifactsSection) -> Epochs:
        """Return them with the limits that options set."""
        return cls(box, count, most_visits(count, options.max_fraction), options.rare_fraction)


def most_visits(count: Counts, fraction: float) -> Counts:
    """Return how many of n visits may show a thing that is rejected: min(0.4 n, 2 + fraction n).

    One at least where there are two visits to compare, and none where there is one.
    """
    n = np.arange(max(2, int(count.max(initial=0))) + 1)
    few = np.minimum(0.4 * n, 2.0 + fraction * n).astype(np.int16)
    few[2:] = np.maximum(few[2:], 1)
    few[:2] = 0
    result: Counts = few[count]
    return result


def rare(
    planes: Iterable[Plane],
    boxes: Sequence[Box],
    epochs: Epochs,
    thresholds: Thresholds,
    protected: Flags | None = None,
) -> list[RunMask]:
    """Return the footprints of each visit that only few visits show.

    At each pixel the visits with a footprint are counted, of either sign. A footprint is rare where enough of
    its pixels are shown by so few of the visits that cover them. Of two visits both differ from their mean,
    by as much: there only the brighter one counts, for nearly all that falls on a detector adds light.

    Parameters
    ----------
    planes
        Differences in standard deviations, one a visit, on its own box. They are gone through once, one at a
        time.
    boxes
        Where the planes lie.
    epochs
        How many visits there are where, over a box that holds all others.
    thresholds
        What makes a footprint.
    protected : (ny, nx)
        A footprint that lies wholly in there is not rare.
    """
    found = [_Footprints.of(plane, box, thresholds) for plane, box in zip(planes, boxes, strict=True)]
    shown = np.zeros(epochs.box.area, np.int16)
    for each in found:
        shown[each.at(epochs.box)] += each.counted(epochs)
    shown = shown.reshape(epochs.box.shape)
    few = (shown > 0) & (shown <= epochs.limit)
    return [each.chosen(few, protected, epochs, thresholds.part) for each in found]


@dataclass(frozen=True)
class _Footprints:
    """The footprints of one visit, of either sign.

    Attributes
    ----------
    box
        Where.
    number : int
        How many.
    pixels : (k,)
        Places of their pixels in the box, counted along its rows.
    labels, values : (k,)
        Of each pixel, the number of its footprint, with the sign, and the difference.
    """

    box: Box
    number: int
    pixels: NDArray[np.int32]
    labels: NDArray[np.int32]
    values: Plane

    @classmethod
    def of(cls, plane: Plane, box: Box, thresholds: Thresholds) -> _Footprints:
        labels = np.zeros(plane.shape, np.int32)
        number = label(plane, thresholds.high, thresholds.low, thresholds.smallest, labels)
        pixels = np.flatnonzero(labels).astype(np.int32)
        return cls(box, number, pixels, labels.ravel()[pixels], plane.ravel()[pixels])

    def at(self, whole: Box) -> NDArray[np.int64]:
        """Return the places of the pixels in a larger box."""
        y, x = np.divmod(self.pixels.astype(np.int64), max(1, self.box.shape[1]))
        places: NDArray[np.int64] = (y + self.box.y0 - whole.y0) * whole.shape[1] + (
            x + self.box.x0 - whole.x0
        )
        return places

    def counted(self, epochs: Epochs) -> Flags:
        """Return which pixels count as shown: of two visits, those of the brighter one."""
        shown: Flags = (self.labels > 0) | (epochs.count.ravel()[self.at(epochs.box)] > 2)
        return shown

    def chosen(self, few: Flags, protected: Flags | None, epochs: Epochs, part: float) -> RunMask:
        """Return the pixels of the rare footprints."""
        at, numbers = self.at(epochs.box), np.abs(self.labels)
        sizes = np.bincount(numbers, minlength=self.number + 1)
        hits = np.bincount(numbers, few.ravel()[at] & self.counted(epochs), self.number + 1)
        rare_ones = hits > epochs.fraction * sizes
        if protected is not None:
            rare_ones &= np.bincount(numbers, protected.ravel()[at], self.number + 1) < sizes
        plane = np.zeros(self.box.area, np.float32)
        taken = rare_ones[numbers]
        plane[self.pixels[taken]] = np.abs(self.values[taken])
        plane = plane.reshape(self.box.shape)
        return RunMask.of(_bright_part(plane, part) if part else plane > 0, self.box)


def _bright_part(plane: Plane, part: float) -> Flags:
    """Return what is beyond a part of the brightest pixel of its connected piece: smoothing has spread it."""
    bright: Flags = plane > 0
    labels, found = scipy.ndimage.label(bright)
    tops = np.atleast_1d(scipy.ndimage.maximum(plane, labels, np.arange(found + 1)))
    bright[bright] = plane[bright] > part * tops[labels[bright]]
    return bright


def rare_masks(found: Sequence[Sequence[RunMask]], boxes: Sequence[Box], epochs: Epochs) -> list[RunMask]:
    """Return, for each visit, those of its masks together that few visits have at one place."""
    shown = np.zeros(epochs.box.shape, np.int16)
    for masks, box in zip(found, boxes, strict=True):
        shown[box.within(epochs.box)] += _union(masks, box).flags
    few = shown <= epochs.limit
    return [
        _union([m for m in masks if few[box.within(epochs.box)][m.flags].mean() > epochs.fraction], box)
        for masks, box in zip(found, boxes, strict=True)
    ]


def _union(masks: Sequence[RunMask], box: Box) -> RunMask:
    return reduce(or_, masks, RunMask.of(np.zeros(box.shape, np.bool_), box))
