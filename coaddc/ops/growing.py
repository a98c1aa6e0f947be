"""Bits of masks that spread over the pixels around."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Generic, TypeVar

import numpy as np
from numpy.typing import NDArray

from coaddc.kernels.grow import grow
from coaddc.model.geom import Box

#: Whole numbers, or whether or not.
Bits = TypeVar("Bits", np.int32, np.bool_)


@dataclass(frozen=True)
class Grower(Generic[Bits]):
    """Grows the bits of a mask, piece by piece, in memory that is used again.

    Attributes
    ----------
    mask, box
        The mask, and where it is.
    radius
        Bits are or-ed over squares of side 2 radius + 1.
    outside
        Bits of all pixels beyond the mask.
    room, result
        To work in, and for what comes out.
    """

    mask: NDArray[Bits]
    box: Box
    radius: int
    outside: int
    room: NDArray[Bits]
    result: NDArray[Bits]

    @classmethod
    def of(
        cls, mask: NDArray[Bits], box: Box, radius: int, most: tuple[int, int], outside: int = 0
    ) -> Grower[Bits]:
        """Make ready for pieces of at most so many rows and columns."""
        ny, nx = most
        room, result = np.empty((ny + 2 * radius) * nx, mask.dtype), np.empty(ny * nx, mask.dtype)
        return cls(np.ascontiguousarray(mask), box, radius, outside, room, result)

    def grown(self, piece: Box) -> NDArray[Bits]:
        """Return the bits of a piece; they are gone when the next one is asked for."""
        ny, nx = piece.shape
        rows = self.room[: (ny + 2 * self.radius) * nx].reshape(-1, nx)
        result = self.result[: ny * nx].reshape(ny, nx)
        first = piece.y0 - self.box.y0, piece.x0 - self.box.x0
        grow(_plain(self.mask), first, self.radius, self.outside, _plain(rows), _plain(result))
        return result


def grow_bits(mask: NDArray[Bits], radius: int) -> NDArray[Bits]:
    """Return the bits of a mask, or-ed over squares of side 2 radius + 1."""
    if not mask.any():
        return mask
    box = Box.of_shape((mask.shape[0], mask.shape[1]))
    return Grower.of(mask, box, radius, box.shape).grown(box)


def _plain(mask: NDArray[Bits]) -> NDArray[np.int32] | NDArray[np.uint8]:
    """Return flags as bytes, which kernels take."""
    return mask.view(np.uint8) if mask.dtype == np.bool_ else mask.view(np.int32)
