"""Exposures turned by right angles, so that their rows run along the rows of the patch."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from coaddc.model.geom import Box
from coaddc.ops.pixel_map import Floats, PixelMap


@dataclass(frozen=True, slots=True)
class Orientation:
    """How to turn an exposure's pixels: axes exchanged, then columns reversed.

    The resampling kernel is fastest where neighbours in a row of the patch are neighbours in a row of the
    exposure, and many a camera is mounted at right angles to north.

    Attributes
    ----------
    shape
        Rows and columns of the exposure, not turned.
    swap, flip
        What is done.
    """

    shape: tuple[int, int]
    swap: bool
    flip: bool

    @classmethod
    def of(cls, pixel_map: PixelMap) -> Orientation:
        """Find the turn that leaves the least angle; it follows from the whole map, not from a tile."""
        steps = np.diff(pixel_map.nodes[:2, 1:-2, 1:-1], axis=2)[:, pixel_map.active]
        along_x, along_y = (float(step) for step in steps.sum(axis=1))
        swap = abs(along_y) > abs(along_x)
        return cls(pixel_map.shape, swap, (along_y if swap else along_x) < 0)

    @property
    def limits(self) -> tuple[int, int]:
        """Rows and columns of the turned exposure."""
        return (self.shape[1], self.shape[0]) if self.swap else self.shape

    def box(self, box: Box) -> Box:
        """Return where a box of the exposure lies after the turn."""
        if self.swap:
            box = Box(y0=box.x0, y1=box.x1, x0=box.y0, x1=box.y1)
        if self.flip:
            nx = self.limits[1]
            box = Box(y0=box.y0, y1=box.y1, x0=nx - box.x1, x1=nx - box.x0)
        return box

    def nodes(self, nodes: Floats) -> Floats:
        """Return positions (x, y) and areas, (3, my, mx), after the turn."""
        x, y, area = nodes
        if self.swap:
            x, y = y, x
        return np.stack([self.limits[1] - 1 - x if self.flip else x, y, area])

    def plane(self, plane: NDArray[Any]) -> NDArray[Any]:
        """Return a turned plane of pixels, as a view."""
        plane = plane.T if self.swap else plane
        return plane[:, ::-1] if self.flip else plane
