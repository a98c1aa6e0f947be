"""Which exposures lie on which patches."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from coaddc.model.exposures import ExposureRow
from coaddc.model.skymap import Patch, Skymap
from coaddc.model.skymaps.sphere import Footprints, separation, to_sky, vectors
from coaddc.model.wcs import Floats

Index = NDArray[np.intp]

#: Pairs of exposure and patch tested at a time: bounds the memory.
CHUNK = 1 << 18


def covering(skymap: Skymap, table: Sequence[ExposureRow]) -> list[Patch]:
    """Return the patches that any exposure overlaps, in order of tract and sequence."""
    footprints = Footprints.of(table)
    ra, dec = to_sky(footprints.centre)
    found: list[Patch] = []
    for tract in skymap.tracts_near(ra=ra, dec=dec, radius=footprints.radius):
        patches = skymap.patches(tract)
        on = overlapping(patches, footprints)
        found += [patch for patch, exposures in zip(patches, on, strict=True) if len(exposures)]
    return found


def overlapping(patches: Sequence[Patch], footprints: Footprints) -> list[Index]:
    """Return, for each patch, the indices of the exposures that overlap it, ascending.

    An exposure is the quadrilateral of its corners on the tangent plane of the tract. Sharing an edge is no
    overlap.
    """
    groups: dict[tuple[str, int], list[int]] = {}
    for index, patch in enumerate(patches):
        groups.setdefault((patch.skymap, patch.tract), []).append(index)
    on: list[Index] = [np.empty(0, np.intp)] * len(patches)
    for members in groups.values():
        found = _on_one_plane([patches[index] for index in members], footprints)
        for index, exposures in zip(members, found, strict=True):
            on[index] = exposures
    return on


def _on_one_plane(patches: list[Patch], footprints: Footprints) -> list[Index]:
    """Do the same for patches of one tract."""
    wcs = patches[0].wcs
    boxes = np.array([(p.box.x0, p.box.x1, p.box.y0, p.box.y1) for p in patches], np.float64) - 0.5
    near = np.flatnonzero(footprints.near(*_circle(patches)))
    x, y = wcs.to_pixel(ra=footprints.ra[near], dec=footprints.dec[near])
    exposure, patch = _candidates(boxes, x, y)
    keep = np.empty(len(exposure), bool)
    for start in range(0, len(exposure), CHUNK):
        part = slice(start, start + CHUNK)
        keep[part] = quad_meets_box(x[exposure[part]], y[exposure[part]], boxes[patch[part]])
    exposure, patch = near[exposure[keep]], patch[keep]
    order = np.lexsort((exposure, patch))
    ends = np.cumsum(np.bincount(patch, minlength=len(patches)))[:-1]
    return np.split(exposure[order], ends)


def _circle(patches: list[Patch]) -> tuple[Floats, float]:
    """Return the unit vector and the radius, degrees, of a circle around all patches of a tract."""
    y0, x0 = min(p.box.y0 for p in patches), min(p.box.x0 for p in patches)
    y1, x1 = max(p.box.y1 for p in patches), max(p.box.x1 for p in patches)
    middle = (x0 + x1) / 2
    # a great circle is a straight line on the plane: nothing in the rectangle is further than a corner
    x = np.array([middle, x0, x1, x1, x0]) - 0.5
    y = np.array([(y0 + y1) / 2, y0, y0, y1, y1]) - 0.5
    ra, dec = patches[0].wcs.to_sky(x=x, y=y)
    corners = vectors(ra=ra, dec=dec)
    return corners[0], float(separation(corners[1:], corners[0]).max())


def _candidates(boxes: Floats, x: Floats, y: Floats) -> tuple[Index, Index]:
    """Return pairs (exposure, patch), all that overlap among them, by rows and columns of the grid."""
    columns, column = np.unique(boxes[:, :2], axis=0, return_inverse=True)
    rows, row = np.unique(boxes[:, 2:], axis=0, return_inverse=True)
    at = np.full((len(rows), len(columns)), -1, np.intp)
    at[row.ravel(), column.ravel()] = np.arange(len(boxes))
    left, right = _span(columns, x)
    low, high = _span(rows, y)
    width, height = np.maximum(right - left, 0), np.maximum(high - low, 0)
    count = width * height
    exposure = np.repeat(np.arange(len(x)), count)
    step = np.arange(len(exposure)) - np.repeat(np.cumsum(count) - count, count)
    dy, dx = np.divmod(step, width[exposure])
    patch = at[low[exposure] + dy, left[exposure] + dx]
    return exposure[patch >= 0], patch[patch >= 0]


def _span(intervals: Floats, positions: Floats) -> tuple[Index, Index]:
    """Return the range of sorted intervals (m, 2) that each set of positions (n, k) may reach."""
    # intervals of a grid end in the order in which they start; the maximum holds for any others
    first = np.searchsorted(np.maximum.accumulate(intervals[:, 1]), positions.min(axis=1), "right")
    return first, np.searchsorted(intervals[:, 0], positions.max(axis=1), "left")


def quad_meets_box(x: Floats, y: Floats, boxes: Floats) -> NDArray[np.bool_]:
    """Say which convex quadrilaterals overlap which boxes, by the separating axis theorem.

    Parameters
    ----------
    x, y : (n, 4)
        Corners, in order around, either way.
    boxes : (n, 4)
        Edges x0, x1, y0, y1.

    Returns
    -------
    (n,)
        Whether the two share an area; a quadrilateral without area shares none.
    """
    x0, x1, y0, y1 = boxes.T
    meets = (x.min(axis=1) < x1) & (x.max(axis=1) > x0) & (y.min(axis=1) < y1) & (y.max(axis=1) > y0)
    ex, ey = np.roll(x, -1, axis=1) - x, np.roll(y, -1, axis=1) - y
    area = np.sum(x * np.roll(y, -1, axis=1) - y * np.roll(x, -1, axis=1), axis=1)
    turn = np.sign(area)[:, None]
    # the inward normal of an edge is (-ey, ex) where corners run counterclockwise; the furthest corner of the
    # box along it is the middle plus half a side in each direction
    nx, ny = -ey * turn, ex * turn
    cx, cy = ((x0 + x1) / 2)[:, None], ((y0 + y1) / 2)[:, None]
    reach = (cx - x) * nx + (cy - y) * ny
    reach += np.abs(nx) * ((x1 - x0) / 2)[:, None] + np.abs(ny) * ((y1 - y0) / 2)[:, None]
    return np.asarray(meets & (area != 0) & np.all(reach > 0, axis=1))
