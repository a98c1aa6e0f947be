"""Rectangles of pixels."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass


@dataclass(frozen=True, slots=True, kw_only=True)
class Box:
    """A half-open rectangle of whole pixels: rows y0 to y1 - 1, columns x0 to x1 - 1.

    Pixel centres are whole numbers and the first pixel of an image is (0, 0), so pixel (y, x) covers
    y - 0.5 to y + 0.5. Arrays are indexed ``[y, x]``.
    """

    y0: int
    y1: int
    x0: int
    x1: int

    @classmethod
    def of_shape(cls, shape: tuple[int, int]) -> Box:
        """Return the box of a whole image of this shape (ny, nx)."""
        return cls(y0=0, y1=shape[0], x0=0, x1=shape[1])

    @property
    def shape(self) -> tuple[int, int]:
        """Rows and columns (ny, nx)."""
        return max(0, self.y1 - self.y0), max(0, self.x1 - self.x0)

    @property
    def area(self) -> int:
        """Number of pixels."""
        return self.shape[0] * self.shape[1]

    @property
    def centre(self) -> tuple[float, float]:
        """Position of the middle, (y, x)."""
        return (self.y0 + self.y1 - 1) / 2, (self.x0 + self.x1 - 1) / 2

    def grow(self, margin: int) -> Box:
        """Return this box with a margin on every side (a negative one shrinks it)."""
        return Box(y0=self.y0 - margin, y1=self.y1 + margin, x0=self.x0 - margin, x1=self.x1 + margin)

    def shift(self, *, dy: int, dx: int) -> Box:
        """Return this box moved."""
        return Box(y0=self.y0 + dy, y1=self.y1 + dy, x0=self.x0 + dx, x1=self.x1 + dx)

    def clip(self, other: Box) -> Box:
        """Return the part inside another box; its area is 0 where there is none."""
        y0, x0 = max(self.y0, other.y0), max(self.x0, other.x0)
        return Box(y0=y0, y1=max(y0, min(self.y1, other.y1)), x0=x0, x1=max(x0, min(self.x1, other.x1)))

    def within(self, other: Box) -> tuple[slice, slice]:
        """Return the slices of this box in an array that holds the other one."""
        dy, dx = other.y0, other.x0
        return slice(self.y0 - dy, self.y1 - dy), slice(self.x0 - dx, self.x1 - dx)

    def contains(self, *, y: float, x: float) -> bool:
        """Say whether a position lies inside."""
        return self.y0 - 0.5 <= y < self.y1 - 0.5 and self.x0 - 0.5 <= x < self.x1 - 0.5


def blocks(box: Box, shape: tuple[int, int]) -> Iterator[Box]:
    """Cut a box into blocks of at most this shape (ny, nx), row by row."""
    for y in range(box.y0, box.y1, shape[0]):
        for x in range(box.x0, box.x1, shape[1]):
            yield Box(y0=y, y1=y + shape[0], x0=x, x1=x + shape[1]).clip(box)
