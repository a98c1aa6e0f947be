"""Artifacts: what few visits show of a sky that all of them should show alike."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

import numpy as np
from numpy.typing import NDArray

from coaddc.model.assembly import ArtifactsSection, Rejection
from coaddc.model.geom import Box
from coaddc.model.images import Stacked, Warp
from coaddc.ops.artifact_difference import Compared, Difference, excess
from coaddc.ops.artifact_epochs import Epochs, Thresholds, rare, rare_masks
from coaddc.ops.artifact_faint import faint_sources
from coaddc.ops.artifact_runs import RunMask, mask_of
from coaddc.ops.ghosts import ghosts
from coaddc.ops.growing import grow_bits
from coaddc.ops.stack import STACKS
from coaddc.ops.streaks import find_streaks

Plane = NDArray[np.float32]


def find_artifacts(compared: Compared, options: ArtifactsSection, fwhm: float) -> dict[int, RunMask]:
    """Find on PSF-matched warps what is not of the static sky.

    Parameters
    ----------
    compared
        The warps beside the static sky, from `coaddc.ops.artifact_difference.compare`.
    options
        Thresholds.
    fwhm
        Of the PSF of the warps, pixels.

    Returns
    -------
    masks
        By visit, on its own box: the pixels to leave out of it. Pixels that only one visit covers, and those
        of rejected mask planes, are not judged.
    """
    visits = list(compared.visits.values())
    boxes = [visit.box for visit in visits]
    if options.method is Rejection.none or len(visits) < 2:
        return {number: _none(box) for number, box in zip(compared.visits, boxes, strict=True)}
    scales = [excess(visit, compared) for visit in visits]

    def planes() -> Iterator[Plane]:
        return (visit.plane(scale) for visit, scale in zip(visits, scales, strict=True))

    epochs = Epochs.of(compared.box, compared.count, options)
    thresholds = Thresholds(options.nsigma, options.grow_nsigma, options.min_pixels)
    masks = rare(planes(), boxes, epochs, thresholds, compared.protected)
    if options.streaks:
        lines = [_streaks(*item, epochs, options) for item in zip(visits, scales, strict=True)]
        masks = _both(masks, rare_masks(lines, boxes, epochs))
    if options.ghosts:
        masks = _both(masks, ghosts(planes(), boxes, masks, epochs, options.ghost_nsigma))
    if options.faint_nsigma is not None:
        limits = options.faint_nsigma, options.min_pixels
        known = (mask.flags | compared.protected[mask.box.within(compared.box)] for mask in masks)
        masks = _both(masks, faint_sources(planes(), boxes, known, epochs, limits, fwhm))
    grown = [_spared(_grown(mask, options.grow), visit) for mask, visit in zip(masks, visits, strict=True)]
    return dict(zip(compared.visits, grown, strict=True))


def _none(box: Box) -> RunMask:
    return RunMask.of(np.zeros(box.shape, np.bool_), box)


def _both(masks: Sequence[RunMask], more: Sequence[RunMask]) -> list[RunMask]:
    return [one | other for one, other in zip(masks, more, strict=True)]


def _streaks(visit: Difference, scale: float, epochs: Epochs, options: ArtifactsSection) -> list[RunMask]:
    """Return the masks of one visit's streaks."""
    seen = visit.seen & (epochs.count[visit.box.within(epochs.box)] > 1)
    found = find_streaks(visit.plane(scale), seen, nsigma=options.streak_nsigma, length=options.streak_length)
    return [RunMask.of(streak, visit.box) for streak in found]


def make_template(warps: Sequence[Warp], box: Box, options: ArtifactsSection) -> Stacked:
    """Combine matched warps into the static sky over a box, as ``options.template.stack`` says."""
    section = options.template.stack
    stack = STACKS[section.statistic](section, box)
    for warp in warps:
        stack.add(warp)
    return stack.finish()


def _grown(mask: RunMask, radius: int) -> RunMask:
    if not len(mask.runs):
        return mask
    return RunMask.of(grow_bits(mask.flags.astype(np.int32), radius) > 0, mask.box)


def _spared(mask: RunMask, visit: Difference) -> RunMask:
    """Return a mask without the pixels where a hole would cost more than what it removes."""
    if not len(mask.runs) or not len(visit.slight):
        return mask
    return RunMask.of(mask.flags & ~mask_of(visit.slight, visit.box), visit.box)
