"""Masks in the compact form in which they are kept: runs of pixels along rows."""

import numpy as np
from numpy.typing import NDArray

from coaddc.kernels.footprints import find_runs
from coaddc.model.geom import Box

Flags = NDArray[np.bool_]
Runs = NDArray[np.int32]


def runs(mask: Flags, box: Box) -> Runs:
    """Return the runs of set pixels of a mask.

    Parameters
    ----------
    mask : (ny, nx)
        Flags of the pixels of a box.
    box
        Which, in pixels of the tract.

    Returns
    -------
    runs : (k, 3)
        Row, first column, and the column after the last, in pixels of the tract; by row, then by column.
    """
    count = find_runs(mask, box.y0, box.x0, np.empty((0, 3), np.int32))
    found = np.empty((count, 3), np.int32)
    find_runs(mask, box.y0, box.x0, found)
    return found


def mask_of(found: Runs, box: Box) -> Flags:
    """Return the mask (ny, nx) of a box from runs in pixels of the tract; what lies outside is cut."""
    steps = np.zeros((box.shape[0], box.shape[1] + 1), np.int32)
    inside = found[(found[:, 0] >= box.y0) & (found[:, 0] < box.y1)]
    rows = inside[:, 0] - box.y0
    np.add.at(steps, (rows, np.clip(inside[:, 1] - box.x0, 0, box.shape[1])), 1)
    np.add.at(steps, (rows, np.clip(inside[:, 2] - box.x0, 0, box.shape[1])), -1)
    flags: Flags = np.cumsum(steps[:, :-1], axis=1) > 0
    return flags


def join_runs(parts: list[Runs]) -> Runs:
    """Return the runs of several boxes together, by row, then by column; those that meet are one."""
    found = np.concatenate([*parts, np.empty((0, 3), np.int32)])
    found = found[np.lexsort((found[:, 1], found[:, 0]))]
    joined: list[tuple[int, int, int]] = []
    for y, x0, x1 in found.tolist():
        if joined and joined[-1][0] == y and x0 <= joined[-1][2]:
            joined[-1] = (y, joined[-1][1], max(x1, joined[-1][2]))
        else:
            joined.append((y, x0, x1))
    return np.array(joined, np.int32).reshape(-1, 3)
