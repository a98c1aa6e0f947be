"""Artifacts: what few visits show of a sky that all of them should show alike."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from coaddc.model.assembly import ArtifactsSection, Rejection
from coaddc.model.geom import Box
from coaddc.model.images import Stacked, Warp
from coaddc.ops.artifact_difference import differences, tolerance
from coaddc.ops.artifact_epochs import Epochs, Thresholds, rare, rare_masks
from coaddc.ops.artifact_faint import faint_sources
from coaddc.ops.ghosts import ghosts
from coaddc.ops.match import grow_bits
from coaddc.ops.stack import STACKS
from coaddc.ops.streaks import find_streaks

Flags = NDArray[np.bool_]
Plane = NDArray[np.float32]

#: A hole matters where the template exceeds this, standard deviations.
BRIGHT = 20.0


def find_artifacts(
    warps: Sequence[Warp], template: Stacked, options: ArtifactsSection, fwhm: float
) -> list[Flags]:
    """Find on PSF-matched warps what is not of the static sky.

    Parameters
    ----------
    warps
        PSF-matched, one a visit, each on its own part of the template's box; weight 0 where there is no data.
    template
        The median or clipped mean of the same warps, as ``options.template.stack`` says (see
        `make_template`).
    options
        Thresholds.
    fwhm
        Of the PSF of the warps, pixels.

    Returns
    -------
    masks
        One a warp, (ny, nx) on the warp's own box: the pixels to leave out of that visit. Pixels that only
        one visit covers, and those of rejected mask planes, are not judged.
    """
    if options.method is Rejection.none or len(warps) < 2:
        return [np.zeros(warp.box.shape, np.bool_) for warp in warps]
    allowed = tolerance(template, options)
    planes = differences(warps, template, options, allowed)
    boxes = [warp.box for warp in warps]
    epochs = Epochs.of(template.box, template.n_image, options)
    thresholds = Thresholds(options.nsigma, options.grow_nsigma, options.min_pixels)
    protected = _protected(template, options)
    masks = rare(planes, boxes, epochs, thresholds, protected)
    if options.streaks:
        lines = [_streaks(*item, epochs, options) for item in zip(planes, warps, strict=True)]
        masks = [mask | line for mask, line in zip(masks, rare_masks(lines, boxes, epochs), strict=True)]
    if options.ghosts:
        wide = ghosts(planes, boxes, masks, epochs, options.ghost_nsigma)
        masks = [mask | ghost for mask, ghost in zip(masks, wide, strict=True)]
    if options.faint_nsigma is not None:
        limits = options.faint_nsigma, options.min_pixels
        known = [m | protected[box.within(epochs.box)] for m, box in zip(masks, boxes, strict=True)]
        faint = faint_sources(planes, boxes, known, epochs, limits, fwhm)
        masks = [mask | more for mask, more in zip(masks, faint, strict=True)]
    masks = [_grown(mask, options.grow) for mask in masks]
    bright = template.image > BRIGHT * np.sqrt(template.variance)
    return [_spared(*item, template, bright, options) for item in zip(masks, warps, strict=True)]


def _streaks(plane: Plane, warp: Warp, epochs: Epochs, options: ArtifactsSection) -> list[Flags]:
    """Return the masks of one visit's streaks."""
    seen = (warp.weight > 0) & (epochs.count[warp.box.within(epochs.box)] > 1)
    return list(find_streaks(plane, seen, nsigma=options.streak_nsigma, length=options.streak_length))


def make_template(warps: Sequence[Warp], box: Box, options: ArtifactsSection) -> Stacked:
    """Combine matched warps into the static sky over a box, as ``options.template.stack`` says."""
    section = options.template.stack
    stack = STACKS[section.statistic](section, box)
    for warp in warps:
        stack.add(warp)
    return stack.finish()


def _protected(template: Stacked, options: ArtifactsSection) -> Flags:
    """Return where the template is so bright that what differs there is a variable or saturated source."""
    if options.protect is None:
        return np.zeros(template.box.shape, np.bool_)
    bright: Flags = template.image > options.protect * np.sqrt(template.variance)
    return bright


def _spared(mask: Flags, warp: Warp, template: Stacked, bright: Flags, options: ArtifactsSection) -> Flags:
    """Return a mask without the pixels where a hole in a bright source would cost more than what it removes.

    A hole takes one visit's profile out of a few pixels of a source, and so changes its flux by the
    difference from the profiles of the others, easily half of the light there; what is left in, by itself.
    """
    at = warp.box.within(template.box)
    difference = warp.image - template.image[at]
    pair = template.n_image[at] == 2  # whose mean has half of what one of them adds
    added = np.where(pair, 2.0 * difference, difference)
    slight = np.abs(added) < options.hole_tolerance * (warp.image - added)
    spared: Flags = mask & ~(bright[at] & slight)
    return spared


def _grown(mask: Flags, radius: int) -> Flags:
    grown: Flags = grow_bits(mask.astype(np.int32), radius) > 0
    return grown
