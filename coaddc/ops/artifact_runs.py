"""Masks in the compact form in which they are kept: runs of pixels along rows."""

from __future__ import annotations

from dataclasses import dataclass

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


@dataclass(frozen=True, slots=True)
class RunMask:
    """The mask of a box, as runs: what few pixels have takes little memory.

    Attributes
    ----------
    box
        Which, in pixels of the tract.
    runs : (k, 3)
        See `runs`.
    """

    box: Box
    runs: Runs

    @classmethod
    def of(cls, flags: Flags, box: Box) -> RunMask:
        """Make it of flags (ny, nx)."""
        return cls(box, runs(np.ascontiguousarray(flags), box))

    @property
    def flags(self) -> Flags:
        """Its pixels (ny, nx)."""
        return mask_of(self.runs, self.box)

    def __or__(self, other: RunMask) -> RunMask:
        """Return what is in this mask or in another one of the same box."""
        if not len(self.runs) or not len(other.runs):
            return self if len(self.runs) else other
        return RunMask.of(self.flags | other.flags, self.box)

    def within(self, box: Box) -> Runs:
        """Return the runs of what lies in a part of the box."""
        part = self.box.clip(box)
        return runs(mask_of(self.runs, part), part)
