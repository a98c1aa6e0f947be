"""The weighted mean of warps, by sums: of warps, of sums of warps, and of some rows of either."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from coaddc.kernels import mean as kernels
from coaddc.kernels.stack import settle_bits
from coaddc.model.assembly import StackSection, Weighting
from coaddc.model.geom import Box
from coaddc.model.images import Stacked, Warp
from coaddc.model.mask import bit, bits

#: Rows that are worked on together: so few that the sums of several stacks stay in the cache.
ROWS = 32

#: Maps a function over items: the builtin, or that of a pool of threads.
Run = Callable[[Callable[[int], None], Iterable[int]], Iterable[None]]


@dataclass(frozen=True)
class MeanStack:
    """Sums of warps over one box, in double precision; warps themselves are not kept.

    The sums are exact, but for pixels in which values of more than 29 bits of range meet; so the result does
    not depend on how warps are ordered, and sums of sums are as good as sums of all their warps.

    Attributes
    ----------
    options
        What rejects a pixel, and how warps weigh.
    box
        Where.
    total, norm, noise : (ny, nx)
        Sums of w x, w and w**2 v: weight, value and variance of the pixels that count.
    mask, count : (ny, nx)
        Their bits, and their number.
    lost : (ny, p + 1, nx)
        Weight of the pixels that are rejected, by plane that they propagate to, and all together.
    spoilt : (ny,)
        Rows that have any; few have, and the others' weight need not be looked at.
    """

    options: StackSection
    box: Box
    total: NDArray[np.float64]
    norm: NDArray[np.float64]
    noise: NDArray[np.float64]
    mask: NDArray[np.int32]
    count: NDArray[np.int16]
    lost: NDArray[np.float64]
    spoilt: NDArray[np.bool_]

    @classmethod
    def empty(cls, options: StackSection, box: Box) -> MeanStack:
        """Return sums of nothing."""
        ny, nx = box.shape
        total, norm, noise = (
            np.zeros(box.shape) for _ in range(3)
        )  # apart, so that memory is taken when used
        mask, count = np.zeros(box.shape, np.int32), np.zeros(box.shape, np.int16)
        lost = np.zeros((ny, len(options.propagate) + 1, nx))
        return cls(options, box, total, norm, noise, mask, count, lost, np.zeros(ny, np.bool_))

    def part(self, rows: Box) -> MeanStack:
        """Return the sums of some rows: what is added to them is added to these."""
        at = rows.within(self.box)[0]
        return MeanStack(self.options, rows, *(plane[at] for plane in self._sums))

    def over(self, box: Box) -> MeanStack:
        """Return the same arrays, taken for those of another box as wide, and not higher."""
        rows = slice(box.shape[0])
        return MeanStack(self.options, box, *(plane[rows] for plane in self._sums))

    def clear(self) -> None:
        """Forget all that was added."""
        self.lost[self.spoilt] = 0
        for plane in (self.total, self.norm, self.noise, self.mask, self.count, self.spoilt):
            plane[:] = 0

    @property
    def _sums(self) -> tuple[NDArray[Any], ...]:
        return self.total, self.norm, self.noise, self.mask, self.count, self.lost, self.spoilt

    def add(self, warp: Warp) -> None:
        """Add the part of a warp that lies in the box."""
        warp = warp.crop(self.box)
        kernels.accumulate(
            warp.image,
            warp.variance,
            warp.mask,
            warp.weight,
            bits(self.options.reject),
            self.options.weighting is Weighting.uniform,
            _planes(self.options),
            warp.box.y0 - self.box.y0,
            warp.box.x0 - self.box.x0,
            *self._sums,
        )

    def merge(self, other: MeanStack) -> None:
        """Add the sums of other warps over the same box."""
        for total, others in (
            (self.total, other.total),
            (self.norm, other.norm),
            (self.noise, other.noise),
        ):
            total += others
        self.count[:] += other.count
        self.mask[:] |= other.mask
        self.lost[other.spoilt] += other.lost[other.spoilt]
        self.spoilt[:] |= other.spoilt

    def finish(self, run: Run = map, into: Stacked | None = None) -> Stacked:
        """Divide; put the result into ``into``, over the same box, where that is given."""
        made = empty_stacked(self.box) if into is None else into

        def divide(y: int) -> None:
            rows = rows_of(self.box, y)
            self.part(rows)._divide(made.part(rows))

        for _ in run(divide, row_starts(self.box)):
            pass
        return made

    def _divide(self, made: Stacked) -> None:
        kernels.finish_mean(self.total, self.norm, self.noise, self.count, made.image, made.variance)
        made.mask[:], made.n_image[:] = self.mask, self.count
        ny, layers, nx = self.lost.shape
        lost = np.zeros((layers, ny, nx), np.float32)
        lost[:, self.spoilt] = self.lost[self.spoilt].transpose(1, 0, 2)
        settle(made.mask, self.count, self.norm, lost, self.options)


def row_starts(box: Box) -> range:
    """Return the first of each `ROWS` rows of a box."""
    return range(box.y0, box.y1, ROWS)


def rows_of(box: Box, y: int) -> Box:
    """Return the `ROWS` rows of a box that begin with this one."""
    return Box(y0=y, y1=min(y + ROWS, box.y1), x0=box.x0, x1=box.x1)


def empty_stacked(box: Box) -> Stacked:
    """Return planes for a result, with anything in them."""
    image, variance = np.empty((2, *box.shape), np.float32)
    return Stacked(box, image, variance, np.empty(box.shape, np.int32), np.empty(box.shape, np.int16))


def settle(
    mask: NDArray[np.int32],
    count: NDArray[np.int16],
    norm: NDArray[np.float64],
    lost: NDArray[np.float32],
    options: StackSection,
) -> None:
    """Give the mask of a stack its last bits; see `coaddc.kernels.stack.settle_bits`."""
    names = ("EDGE", "SENSOR_EDGE", "CLIPPED", "REJECTED", "INEXACT_PSF", "NO_DATA")
    codes = np.array([bit(name) for name in names], np.int32)
    thresholds = np.array(list(options.propagate.values()), np.float64)
    settle_bits(mask, count, norm, lost, _planes(options), thresholds, codes)


def _planes(options: StackSection) -> NDArray[np.int32]:
    return np.array([bit(name) for name in options.propagate], np.int32)
