"""The pixels of an exposure that a part of a warp is made of, ready to be interpolated."""

from __future__ import annotations

import threading
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

#: Pixels that are read at once: they stay in the processor's caches, and Python's part is small.
TOGETHER = 2**17

# Memory that each thread prepares sections in: touching new memory takes longer than all that is done there.
# What has more pixels is not kept.
_MEMORY = threading.local()
_KEPT = 2**22
_KINDS = (np.float32, np.float32, np.int32, np.int32, np.bool_)


@dataclass(frozen=True, slots=True)
class Section:
    """A piece of a turned exposure with what interpolation near its border needs.

    Its planes are the thread's that reads it, and hold until that reads another one.

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
    image, variance, raw, mask, bad = _memory(box.shape)
    _surround(raw, inside.within(box), 0)
    _surround(bad, inside.within(box), True)
    source = needed.grow(scheme.margin + MARGIN).clip(Box.of_shape(turn.shape))
    for strip in blocks(source, (max(1, TOGETHER // source.shape[1]), source.shape[1])):
        pixels = read(strip)
        here = turn.box(strip).within(box)
        for made, plane in ((image, pixels.image), (variance, pixels.variance), (raw, pixels.mask)):
            made[here] = turn.plane(_apart(plane) if turn.swap else plane)
    window = _window(inside.within(box))
    find_bad(image, variance, raw, window, bits(REJECT), bit("BAD"), bad)
    fill(image, variance, bad, window)
    _mirror(image, box, inside)
    _mirror(variance, box, inside)
    if scheme.prefiltered:
        prefilter(image)
    spread_mask(raw, bits(REJECT), min(2, scheme.taps // 2), mask)
    _mark_edges(mask, box, whole, scheme.taps // 2)
    return Section(box, image, variance, mask)


def _memory(shape: tuple[int, int]) -> tuple[AnyPlane, ...]:
    """Return planes that the thread may use until it asks for some again, holding anything."""
    size = shape[0] * shape[1]
    planes: tuple[AnyPlane, ...] | None = getattr(_MEMORY, "planes", None)
    if planes is None or planes[0].size < size:
        planes = tuple(np.empty(size, kind) for kind in _KINDS)
        if size <= _KEPT:
            _MEMORY.planes = planes
    return tuple(plane[:size].reshape(shape) for plane in planes)


def _window(at: tuple[slice, slice]) -> tuple[int, int, int, int]:
    """Return rows from and to, columns from and to."""
    rows, columns = at
    return rows.start, rows.stop, columns.start, columns.stop


def _surround(plane: AnyPlane, at: tuple[slice, slice], value: int) -> None:
    """Set all that lies around a part of a plane."""
    rows, columns = at
    plane[: rows.start] = plane[rows.stop :] = value
    plane[rows, : columns.start] = plane[rows, columns.stop :] = value


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
    ny, nx = mask.shape
    flag, far = bit("EDGE"), whole.grow(-reach)  # (y, x) to (y + 1, x + 1) within it see no edge
    top, right = (min(max(0, edge), n) for edge, n in ((far.y1 - box.y0, ny), (far.x1 - box.x0, nx)))
    low, left = (min(max(0, edge), n) for edge, n in ((far.y0 - 1 - box.y0, ny), (far.x0 - 1 - box.x0, nx)))
    for rows in (slice(0, low), slice(max(low, top), ny)):
        mask[rows] |= flag
    for columns in (slice(0, left), slice(max(left, right), nx)):
        mask[:, columns] |= flag
