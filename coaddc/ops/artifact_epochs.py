"""What is rare: footprints that only few of the visits show where they are."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from coaddc.kernels.footprints import label, tally
from coaddc.model.assembly import ArtifactsSection
from coaddc.model.geom import Box

Plane = NDArray[np.float32]
Flags = NDArray[np.bool_]
Counts = NDArray[np.int16]


@dataclass(frozen=True)
class Thresholds:
    """What makes a footprint: pixels beyond high, so many, and all beyond low that are connected to them."""

    high: float
    low: float
    smallest: int


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
    planes: Sequence[Plane],
    boxes: Sequence[Box],
    epochs: Epochs,
    thresholds: Thresholds,
    protected: Flags | None = None,
) -> list[Flags]:
    """Return the footprints of each visit that only few visits show.

    At each pixel the visits with a footprint are counted, of either sign. A footprint is rare where enough of
    its pixels are shown by so few of the visits that cover them. Of two visits both differ from their mean,
    by as much: there only the brighter one counts, for nearly all that falls on a detector adds light.

    Parameters
    ----------
    planes
        Differences in standard deviations, one a visit, on its own box.
    boxes
        Where the planes lie.
    epochs
        How many visits there are where, over a box that holds all others.
    thresholds
        What makes a footprint.
    protected : (ny, nx)
        A footprint that lies wholly in there is not rare.
    """
    shown = np.zeros(epochs.box.shape, np.int16)
    for plane, box in zip(planes, boxes, strict=True):
        labels, _ = _labels(plane, thresholds)
        at = box.within(epochs.box)
        shown[at] += (labels > 0) | ((labels < 0) & (epochs.count[at] > 2))
    few = (shown > 0) & (shown <= epochs.limit)
    return [
        _select(plane, box.within(epochs.box), (few, protected), epochs, thresholds)
        for plane, box in zip(planes, boxes, strict=True)
    ]


def rare_masks(found: Sequence[Sequence[Flags]], boxes: Sequence[Box], epochs: Epochs) -> list[Flags]:
    """Return, for each visit, those of its masks together that few visits have at one place."""
    shown = np.zeros(epochs.box.shape, np.int16)
    for masks, box in zip(found, boxes, strict=True):
        shown[box.within(epochs.box)] += _union(masks, box)
    few = shown <= epochs.limit
    return [
        _union([m for m in masks if few[box.within(epochs.box)][m].mean() > epochs.fraction], box)
        for masks, box in zip(found, boxes, strict=True)
    ]


def _union(masks: Sequence[Flags], box: Box) -> Flags:
    both = np.zeros(box.shape, np.bool_)
    for mask in masks:
        both |= mask
    return both


def _labels(plane: Plane, thresholds: Thresholds) -> tuple[NDArray[np.int32], int]:
    labels = np.zeros(plane.shape, np.int32)
    return labels, label(plane, thresholds.high, thresholds.low, thresholds.smallest, labels)


def _select(
    plane: Plane,
    at: tuple[slice, slice],
    over: tuple[Flags, Flags | None],
    epochs: Epochs,
    thresholds: Thresholds,
) -> Flags:
    """Return the pixels of the rare footprints of one visit."""
    few, protected = over
    labels, found = _labels(plane, thresholds)
    if not found:
        return np.zeros(plane.shape, np.bool_)
    sizes, hits = _tally(labels, few[at] & ((labels > 0) | (epochs.count[at] > 2)), found)
    chosen = hits > epochs.fraction * sizes
    if protected is not None:
        sizes, hits = _tally(labels, np.ascontiguousarray(protected[at]), found)
        chosen &= hits < sizes
    result: Flags = chosen[np.abs(labels)]
    return result


def _tally(labels: NDArray[np.int32], flags: Flags, found: int) -> NDArray[np.int32]:
    """Return the sizes of footprints, and how many of their pixels are flagged."""
    sizes, hits = np.zeros((2, found + 1), np.int32)
    tally(labels, flags, found, sizes, hits)
    return np.stack([sizes, hits])
