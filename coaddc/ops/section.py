"""The pixels of an exposure that a part of a warp is made of, ready to be interpolated."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from coaddc.kernels.fill import MARGIN, fill, find_bad
from coaddc.kernels.interpolants import Interpolant1d
from coaddc.kernels.prefilter import prefilter
from coaddc.kernels.spread import spread_mask
from coaddc.model.geom import Box, blocks
from coaddc.model.images import Image, Mask, Pixels
from coaddc.model.mask import bit, bits
from coaddc.ops.orientation import Orientation

AnyPlane = NDArray[Any]

#: Planes whose pixels are replaced before they are interpolated, and spread over all that they touch.
REJECT = ("BAD", "SAT", "CR", "NO_DATA")

#: Pixels that are read at once: what is done to them stays in the processor's caches.
TOGETHER = 2**16


@dataclass(frozen=True, slots=True)
class Section:
    """A piece of a turned exposure with what interpolation near its border needs.

    Attributes
    ----------
    box
        Which piece; it may reach beyond the exposure.
    image : (ny, nx)
        Finite values: bad pixels replaced, the exposure mirrored at its edges, prefiltered if need be.
    variance : (ny, nx)
        Likewise, not prefiltered.
    mask : (ny, nx)
        Bits of `coaddc.model.mask` for positions from (y, x) to (y + 1, x + 1).
    """

    box: Box
    image: Image
    variance: Image
    mask: Mask


def read_section(
    read: Callable[[Box], Pixels], turn: Orientation, needed: Box, scheme: Interpolant1d
) -> Section:
    """Read what positions in a box of an exposure are interpolated from.

    What is found for a pixel does not depend on the box.

    Parameters
    ----------
    read
        Reads a box of the exposure.
    turn
        How to turn it.
    needed
        Pixels of the exposure, not turned, that enclose the positions.
    scheme
        The interpolant.

    Raises
    ------
    DataError
        Where the exposure cannot be read.
    """
    whole = Box.of_shape(turn.limits)
    box = turn.box(needed).grow(scheme.margin + MARGIN)
    inside = box.clip(whole)
    window = (inside.y0 - box.y0, inside.y1 - box.y0, inside.x0 - box.x0, inside.x1 - box.x0)
    image, variance = np.empty(box.shape, np.float32), np.empty(box.shape, np.float32)
    raw = np.zeros(box.shape, np.int32)
    source = needed.grow(scheme.margin + MARGIN).clip(Box.of_shape(turn.shape))
    for strip in blocks(source, (max(1, TOGETHER // source.shape[1]), source.shape[1])):
        pixels = read(strip)
        here = turn.box(strip).within(box)
        for made, plane in ((image, pixels.image), (variance, pixels.variance), (raw, pixels.mask)):
            made[here] = turn.plane(_apart(plane) if turn.swap else plane)
    bad = find_bad(image, variance, raw, window, bits(REJECT), bit("BAD"))
    fill(image, variance, bad, window)
    for plane in (image, variance):
        _mirror(plane, box, inside)
    if scheme.prefiltered:
        prefilter(image)
    mask = np.empty(box.shape, np.int32)
    spread_mask(raw, bits(REJECT), min(2, scheme.taps // 2), mask)
    _mark_edges(mask, box, whole, scheme.taps // 2)
    return Section(box, image, variance, mask)


def _apart(plane: AnyPlane) -> AnyPlane:
    """Copy a plane whose columns are to be read one by one.

    The pixels of a column that are a power of two apart in memory would push one another out of the cache.
    """
    copy: AnyPlane = np.empty((plane.shape[0], plane.shape[1] | 31), plane.dtype)[:, : plane.shape[1]]
    copy[:] = plane
    return copy


def _mirror(plane: Image, box: Box, inside: Box) -> None:
    """Mirror what is inside the exposure at its outermost pixels, over all of the box."""
    rows, columns = inside.within(box)
    _mirror_rows(plane[rows].T, columns)
    _mirror_rows(plane, rows)


def _mirror_rows(plane: Image, inside: slice) -> None:
    outside = np.r_[0 : inside.start, inside.stop : len(plane)]
    if outside.size:
        period = max(1, 2 * (inside.stop - inside.start - 1))
        distance = (outside - inside.start) % period
        plane[outside] = plane[inside.start + np.minimum(distance, period - distance)]


def _mark_edges(mask: Mask, box: Box, whole: Box, reach: int) -> None:
    """Set EDGE for positions whose taps reach beyond the exposure."""
    rows, columns = np.arange(box.y0, box.y1), np.arange(box.x0, box.x1)
    mask[(rows < reach - 1) | (rows + reach >= whole.y1)] |= bit("EDGE")
    mask[:, (columns < reach - 1) | (columns + reach >= whole.x1)] |= bit("EDGE")
