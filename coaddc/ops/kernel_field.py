"""Convolution kernels that change over a patch."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from coaddc.model.geom import Box
from coaddc.model.psf import Floats

#: Kernels are written as a mean and principal components, as many as leave less than this part of their norm.
TOLERANCE = 1e-3
#: Part of a kernel's absolute sum that may reach beyond the edge of the data.
EDGE_LOSS = 5e-3
#: Values at the pixels of a box, as the product of two matrices: (ny, c) and (c, nx).
Weights = tuple[NDArray[np.float32], NDArray[np.float32]]


@dataclass(frozen=True)
class KernelField:
    """Matching kernels on a grid of positions, in between by bilinear interpolation.

    Attributes
    ----------
    ys, xs
        Tract pixels of the rows (r) and columns (c) of the grid.
    mean : (n, n)
        Mean kernel, sum 1.
    components : (m, n, n)
        Principal components of their differences from it, sum 0 each.
    amplitudes : (r, c, m)
        Of the components.
    gain : (r, c)
        Variance of a pixel of the matched warp over that of the warp.
    """

    ys: NDArray[np.float64]
    xs: NDArray[np.float64]
    mean: Floats
    components: Floats
    amplitudes: Floats
    gain: Floats

    def between(self, box: Box) -> Between:
        """Return how values on the grid are interpolated to the pixels of a box."""
        rows, columns = np.arange(box.y0, box.y1), np.arange(box.x0, box.x1)
        return Between(box, hats(self.ys, rows), np.ascontiguousarray(hats(self.xs, columns).T))

    def at(self, *, y: float, x: float) -> Floats:
        """Return the kernel at the pixel nearest to a position, (n, n)."""
        row, column = round(y), round(x)
        pixel = self.between(Box(y0=row, y1=row + 1, x0=column, x1=column + 1))
        local = np.einsum("yr,rcm,cx->m", pixel.along, self.amplitudes, pixel.across)
        kernel: Floats = self.mean + np.tensordot(local, self.components, axes=1)
        return kernel

    @property
    def half(self) -> int:
        """Half-width of the kernels."""
        return int(self.mean.shape[0]) // 2

    @property
    def edge(self) -> int:
        """Distance from missing data, pixels, where what the kernel misses is negligible."""
        return _reach(self.mean, EDGE_LOSS)

    @property
    def core(self) -> int:
        """Distance over which half of the kernel spreads a bad pixel."""
        return _reach(self.mean, 0.5)


@dataclass(frozen=True)
class Between:
    """How values on a grid, (r, c), are interpolated to the pixels of a box.

    Attributes
    ----------
    box
        The pixels.
    along : (ny, r)
        What each row takes from those of the grid.
    across : (c, nx)
        What each column takes from those of the grid.
    """

    box: Box
    along: Floats
    across: Floats

    def weights(self, values: Floats, piece: Box) -> Weights:
        """Return values (…, r, c) for part of the box: only from those columns of the grid that reach it."""
        rows, columns = piece.within(self.box)
        across = self.across[:, columns]
        near = across.any(axis=1)
        return (self.along[rows] @ values[..., near]).astype(np.float32), across[near].astype(np.float32)


def hats(nodes: Floats, places: NDArray[Any]) -> Floats:
    """Return the weights, (places, nodes), of linear interpolation, constant beyond the nodes."""
    if nodes.size == 1:
        return np.ones((places.size, 1))
    place = np.clip(np.interp(places, nodes, np.arange(nodes.size)), 0, nodes.size - 1)
    weights: Floats = np.maximum(0.0, 1.0 - np.abs(place[:, None] - np.arange(nodes.size)))
    return weights


def _reach(kernel: Floats, loss: float) -> int:
    """Return the smallest half-width of a square that holds all of the absolute sum but this part."""
    half = kernel.shape[0] // 2
    dy, dx = np.mgrid[-half : half + 1, -half : half + 1]
    ring = np.maximum(np.abs(dy), np.abs(dx))
    sums = np.bincount(ring.ravel(), np.abs(kernel).ravel())
    return int(np.searchsorted(np.cumsum(sums) / sums.sum(), 1.0 - loss))


def field_of(
    kernels: Floats, gain: Floats, ys: Floats, xs: Floats, *, tolerance: float = TOLERANCE
) -> KernelField:
    """Return the field of kernels (k, n, n), and of gains (k,), solved row by row of a grid."""
    mean = kernels.mean(axis=0)
    components, amplitudes = _principal(kernels - mean, tolerance * float(np.linalg.norm(mean)))
    grid = (ys.size, xs.size)
    return KernelField(ys, xs, mean, components, amplitudes.reshape(*grid, -1), gain.reshape(grid))


def nodes(start: int, stop: int, cell: int) -> NDArray[np.float64]:
    """Return the multiples of a cell that enclose a range of pixels."""
    return np.arange(start // cell, -(-(stop - 1) // cell) + 1, dtype=np.float64) * cell


def _principal(differences: Floats, tolerance: float) -> tuple[Floats, Floats]:
    """Return components (m, n, n) and amplitudes (k, m) that reach the tolerance in each of k kernels.

    From the products of the kernels with each other: there are fewer of these than pixels, so that it takes
    less time than singular values, and it is good to 1e-8 of the largest difference, far below any tolerance.
    """
    k, n, _ = differences.shape
    rows = differences.reshape(k, n * n)
    if float(np.linalg.norm(rows, axis=1).max(initial=0.0)) <= tolerance:
        return np.zeros((0, n, n)), np.zeros((k, 0))
    power, u = np.linalg.eigh(rows @ rows.T)
    size, u = np.sqrt(np.maximum(power[::-1], 0.0)), u[:, ::-1]
    left = np.sqrt(np.cumsum((u * size)[:, ::-1] ** 2, axis=1)).max(axis=0)[::-1]  # with the m first taken
    m = int((left > tolerance).sum())
    components = u[:, :m].T @ rows / size[:m, None]
    return components.reshape(m, n, n), u[:, :m] * size[:m]
