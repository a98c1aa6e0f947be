"""Combine warps into the pixels of a coadd: a mean takes each as it comes, other statistics keep them."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from functools import cache
from typing import Any, Protocol

import numpy as np
import scipy
from numpy.typing import NDArray

from coaddc.kernels import rank
from coaddc.kernels import stack as kernels
from coaddc.kernels.networks import median_networks
from coaddc.model.assembly import StackSection, Statistic, Weighting
from coaddc.model.geom import Box
from coaddc.model.images import Stacked, Warp
from coaddc.model.mask import bit, bits
from coaddc.ops.mean import MeanStack, Run, settle

#: Rows of which one thread takes medians or clipped means before it takes others.
ROWS = 16


class Stack(Protocol):
    """A coadd in the making over one box."""

    def add(self, warp: Warp) -> None:
        """Take one visit's warp; all come in the order of the plan."""

    def finish(self, run: Run = map) -> Stacked:
        """Return the combination of all that came; ``run`` maps a function over rows, in threads perhaps."""


@dataclass
class _Sums:
    """The planes that a statistic fills, over one box."""

    box: Box
    options: StackSection
    reject: int = field(init=False)
    planes: NDArray[np.int32] = field(init=False)
    norm: NDArray[np.float64] = field(init=False)
    mask: NDArray[np.int32] = field(init=False)
    count: NDArray[np.int16] = field(init=False)
    lost: NDArray[np.float32] = field(init=False)

    def __post_init__(self) -> None:
        self.reject = bits(self.options.reject)
        self.planes = np.array([bit(name) for name in self.options.propagate], np.int32)
        self.norm = np.zeros(self.box.shape)
        self.mask = np.zeros(self.box.shape, np.int32)
        self.count = np.zeros(self.box.shape, np.int16)
        self.lost = np.zeros((self.planes.size + 1, *self.box.shape), np.float32)

    def stacked(self, image: NDArray[np.float32], variance: NDArray[np.float32]) -> Stacked:
        """Settle the mask and return the whole."""
        settle(self.mask, self.count, self.norm, self.lost, self.options)
        return Stacked(self.box, image, variance, self.mask, self.count)


class RankStack:
    """A statistic that must see all warps together: the median, or the mean clipped about it."""

    def __init__(self, options: StackSection, box: Box) -> None:
        self._sums = _Sums(box, options)
        self._warps: list[Warp] = []

    def add(self, warp: Warp) -> None:
        """Keep the warp (not a copy)."""
        self._warps.append(warp.crop(self._sums.box))

    def finish(self, run: Run = map) -> Stacked:
        """Go through the box a few rows at a time."""
        sums, options = self._sums, self._sums.options
        image, variance = np.empty((2, *sums.box.shape), np.float32)
        outputs = (image, variance, sums.mask, sums.count, sums.norm, sums.lost)
        table, _held = _table(self._warps)
        warps = (table, median_networks(len(self._warps)))
        select = (sums.reject, sums.planes)
        factors = np.array([0.0, *(median_factor(n) for n in range(1, len(self._warps) + 1))])
        uniform = options.weighting is Weighting.uniform
        limits = (options.nsigma, options.flux_tolerance, uniform, bit("CLIPPED"))

        def combine(row: int) -> None:
            window = (sums.box.y0, sums.box.x0, row, min(row + ROWS, sums.box.shape[0]))
            if options.statistic is Statistic.median:
                rank.median(*warps, factors, select, window, outputs)
            else:
                rank.clipped_mean(*warps, limits, select, window, outputs)

        for _ in run(combine, range(0, sums.box.shape[0], ROWS)):
            pass
        return sums.stacked(image, variance)


STACKS: dict[Statistic, Callable[[StackSection, Box], Stack]] = {
    Statistic.mean: MeanStack.empty,
    Statistic.clipped: RankStack,
    Statistic.median: RankStack,
}


def merge_visit(warps: Sequence[Warp], reject: int) -> Warp:
    """Return the warp of one visit from the warps of its exposures, combined by weight where they overlap."""
    box = Box(
        y0=min(w.box.y0 for w in warps),
        y1=max(w.box.y1 for w in warps),
        x0=min(w.box.x0 for w in warps),
        x1=max(w.box.x1 for w in warps),
    )
    image, variance, weight = np.zeros((3, *box.shape), np.float32)
    mask = np.full(box.shape, bit("NO_DATA"), np.int32)
    for warp in warps:
        kernels.merge(
            warp.image,
            warp.variance,
            warp.mask,
            warp.weight,
            reject,
            warp.box.y0 - box.y0,
            warp.box.x0 - box.x0,
            image,
            variance,
            mask,
            weight,
        )
    return Warp(box, image, variance, mask, weight)


def _table(warps: Sequence[Warp]) -> tuple[NDArray[np.int64], list[NDArray[Any]]]:
    """Return what `coaddc.kernels.rank` must know of warps, and the arrays that this points into."""
    planes = [
        np.ascontiguousarray(plane, kind)
        for warp in warps
        for plane, kind in zip(
            (warp.image, warp.variance, warp.mask, warp.weight),
            (np.float32, np.float32, np.int32, np.float32),
            strict=True,
        )
    ]
    table = np.empty((len(warps), 8), np.int64)
    table[:, :4] = np.reshape([plane.ctypes.data for plane in planes], (-1, 4))
    table[:, 4:] = np.reshape([(w.box.y0, w.box.y1, w.box.x0, w.box.x1) for w in warps], (-1, 4))
    return table, planes


@cache
def median_factor(n: int) -> float:
    """Return the variance of the median of n normal deviates over that of their mean.

    From the density of the median (David & Nagaraja 2003, Order Statistics, section 2), by quadrature; pi / 2
    in the limit.
    """
    if n <= 2:
        return 1.0
    half = (n - 1) // 2
    z = np.linspace(-8.0, 8.0, 801)
    if n % 2:
        log = half * (scipy.special.log_ndtr(z) + scipy.special.log_ndtr(-z)) - z**2 / 2.0
        density = np.exp(log - log.max())
    else:  # the middle pair lies u below and u above the median
        u = np.linspace(0.0, 8.0, 401)[:, None]
        low, high = z - u, z + u
        log = half * (scipy.special.log_ndtr(low) + scipy.special.log_ndtr(-high)) - (low**2 + high**2) / 2.0
        density = np.exp(log - log.max()).sum(axis=0)
    return float(n * (density * z**2).sum() / density.sum())
