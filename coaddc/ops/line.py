"""Straight pieces on an image."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.float64]


@dataclass(frozen=True)
class Line:
    """A straight piece between two positions (y, x), pixels."""

    start: Floats
    end: Floats

    @property
    def length(self) -> float:
        """Distance of its ends."""
        return float(np.hypot(*(self.end - self.start)))

    @property
    def along(self) -> Floats:
        """Unit vector (y, x) from start to end."""
        direction: Floats = (self.end - self.start) / self.length
        return direction

    @property
    def across(self) -> Floats:
        """Unit vector (y, x) at a right angle to it."""
        return np.array([self.along[1], -self.along[0]])

    def cut(self, first: float, last: float) -> Line:
        """Return the piece between two distances from the start."""
        return Line(self.start + first * self.along, self.start + last * self.along)

    def moved(self, first: float, last: float) -> Line:
        """Return the line with its ends moved across."""
        return Line(self.start + first * self.across, self.end + last * self.across)

    def through(self, shape: tuple[int, int]) -> Line:
        """Return the line prolonged to the edges of an image (ny, nx)."""
        near, far = -np.inf, np.inf
        for axis, size in enumerate(shape):
            if abs(self.along[axis]) > 1e-9:
                ends = (np.array([0.0, size - 1.0]) - self.start[axis]) / self.along[axis]
                near, far = max(near, float(ends.min())), min(far, float(ends.max()))
        return self.cut(near, max(far, near + 1.0))
