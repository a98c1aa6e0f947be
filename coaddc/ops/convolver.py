"""Convolution with kernels that change over a warp, two pieces at a time.

Fourier transforms of pieces that stay in the processor's caches take half the time, pixel by pixel, of those
of the whole, although pieces overlap by the width of the kernels (overlap-save); and kernels are
transformed once, not again for each piece.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from itertools import product
from typing import Any

import numpy as np
from numpy.typing import NDArray

from coaddc.kernels.convolve import analyse, convolve, place
from coaddc.kernels.lanes import LANES
from coaddc.kernels.transform import LEFT, roots
from coaddc.model.geom import Box, blocks
from coaddc.model.images import Image, Warp
from coaddc.model.mask import bit
from coaddc.model.psf import Floats
from coaddc.ops.kernel_field import Between, KernelField, Weights

#: Of two pieces, or of a kernel, as `coaddc.kernels.convolve` lays it out.
Spectrum = NDArray[np.float32]
#: One or two pieces, convolved together. They are whole numbers of lanes wide; the last reach beyond the box.
Pieces = tuple[Box, ...]
#: Lengths of transforms: strips of rows and of columns have a whole number of lanes.
LENGTHS: list[int] = sorted(n for p, k in product(range(2, 9), LEFT) if (n := 4**p * k) % LANES == 0)
#: Rows and columns of a transform at most, unless kernels are too wide for it.
LARGEST = 320
#: What a second piece has where there is none.
_NOTHING = np.zeros((0, 0), np.float32)


@dataclass(frozen=True)
class Kernels:
    """Kernels that change over a grid, ready to be convolved with.

    Attributes
    ----------
    spectra
        Transforms of the mean kernel and of the components.
    amplitudes : (m, r, c)
        Of the components, on the grid.
    """

    spectra: list[Spectrum]
    amplitudes: Floats


@dataclass(frozen=True)
class Convolver:
    """Convolves the pieces of a box; in one thread.

    In single precision, as the planes are: errors are some 1e-7 of the brightest pixels of the pieces that
    are convolved together. What it gives lies in its own memory, which is used again: to touch memory for
    the first time takes as long as a transform.

    Attributes
    ----------
    half
        Half-width of the kernels.
    size
        Rows and columns of the Fourier transforms.
    tables
        Roots of 1 for them.
    between
        How values on the grid of the kernels are interpolated to the pixels of all pieces.
    side
        Rows and columns of a piece at most.
    room, transformed
        What transforms are made in, and what comes out.
    results : (n, 2, most)
        Pixels of n results for two pieces.
    """

    half: int
    size: tuple[int, int]
    tables: tuple[Spectrum, Spectrum]
    between: Between
    side: tuple[int, int]
    room: Spectrum
    transformed: Spectrum
    results: NDArray[np.float32]

    @classmethod
    def of(cls, field: KernelField, box: Box, results: int) -> Convolver:
        """Make ready to convolve the pieces of a box with kernels on the grid of a field, and as wide."""
        half, (ny, nx) = field.half, _whole(box).shape
        rows, columns = _length(ny, half), _length(nx, half)
        room = np.empty((2, 2 * rows * columns), np.float32)
        side = _side(ny, half), _side(nx, half)
        planes = np.empty((results, 2, side[0] * side[1]), np.float32)
        tables, between = (roots(rows), roots(columns)), field.between(_whole(box))
        return cls(half, (rows, columns), tables, between, side, room[0], room[1], planes)

    def kernels(self, field: KernelField) -> Kernels:
        """Return the kernels of a field."""
        spectra = [self.spectrum(kernel) for kernel in (field.mean, *field.components)]
        return Kernels(spectra, np.moveaxis(field.amplitudes, -1, 0))

    def spectrum(self, kernel: Floats) -> Spectrum:
        """Return the transform of a kernel over the number of points.

        Its last pixel lies on the first point. What it convolves begins half a kernel before the piece: so
        the piece comes out at the first point, and what wraps around lies behind it.
        """
        padded = np.zeros(self.size, np.float32)
        rows, columns = (np.arange(1 - n, 1) for n in kernel.shape)
        padded[rows[:, None], columns] = kernel / padded.size
        whole = Box.of_shape(self.size)
        there, pieces = np.ones(self.size, np.bool_), (whole.grow(-self.half),)
        return self.transform(padded, there, whole, pieces).copy()

    def transform(self, plane: Image, there: NDArray[np.bool_], box: Box, pieces: Pieces) -> Spectrum:
        """Return the transform of pieces and what surrounds them, in place of the one before.

        Parameters
        ----------
        plane, there
            Pixels of a box, and which of them to take; all others count as 0.
        box
            Theirs.
        pieces
            One or two.
        """
        wide = [piece.grow(self.half) for piece in pieces]
        nothing = plane.shape[0], 0  # where the second of two begins that is none
        first, second = (*(start(part, box) for part in wide), nothing)[:2]
        reach = max(part.shape[0] for part in wide), max(part.shape[1] for part in wide)
        place(plane, there.view(np.uint8), first, second, reach, self.size, self.room)
        analyse(self.room, self.size, self.tables, self.transformed)
        return self.transformed

    def convolved(
        self, kernel: Spectrum, weights: Sequence[Weights], result: int, *, more: bool = False
    ) -> list[Image]:
        """Return what was transformed last, convolved with one kernel.

        Parameters
        ----------
        kernel
            Its transform.
        weights
            Of the kernel at the pixels of each piece.
        result
            The number of the result that it goes to.
        more
            Whether to add to what is there.
        """
        results = self._planes(result, [(y.shape[0], x.shape[1]) for y, x in weights])
        a, b = (*results, _NOTHING)[:2]
        (ya, xa), (yb, xb) = (*weights, (_NOTHING, _NOTHING))[:2]
        spectra = self.transformed, kernel
        convolve(spectra, self.size, self.tables, self.room, (a, b), (ya, xa, yb, xb), more=more)
        return results

    def mean(self, kernels: Kernels, pieces: Pieces, result: int) -> list[Image]:
        """Return what was transformed last, convolved with the mean kernel."""
        ones = [
            (np.ones((ny, 1), np.float32), np.ones((1, nx), np.float32))
            for ny, nx in (p.shape for p in pieces)
        ]
        return self.convolved(kernels.spectra[0], ones, result)

    def vary(self, kernels: Kernels, pieces: Pieces, result: int) -> None:
        """Add to a result with the mean kernel what the components give at each place."""
        for kernel, values in zip(kernels.spectra[1:], kernels.amplitudes, strict=True):
            self.convolved(kernel, self.weights(values, pieces), result, more=True)

    def copied(self, pieces: Pieces, source: int, result: int) -> list[Image]:
        """Return a copy of a result."""
        found = [self._planes(n, [piece.shape for piece in pieces]) for n in (source, result)]
        for plane, copy in zip(*found, strict=True):
            copy[:] = plane
        return found[1]

    def _planes(self, result: int, shapes: Sequence[tuple[int, int]]) -> list[Image]:
        """Return a result's pixels of pieces of these shapes."""
        flat = self.results[result]
        return [r[: y * x].reshape(y, x) for r, (y, x) in zip(flat, shapes, strict=False)]

    def weights(self, values: Floats, pieces: Pieces) -> list[Weights]:
        """Return values on the grid for the pixels of pieces."""
        return [self.between.weights(values, piece) for piece in pieces]


def by_pieces(
    there: NDArray[np.bool_], around: Box, box: Box, half: int, make: Callable[[Pieces, Warp], None]
) -> Warp:
    """Make a warp piece by piece.

    Parameters
    ----------
    there, around
        Which pixels have data, of a box: all that it is made from.
    box
        Where it is wanted.
    half
        By how much what a piece is made from is larger than the piece, on every side.
    make
        Sets pieces of a warp, all planes, as far as they do not reach beyond it. It is not called for pieces
        that have no data around them.
    """
    image, variance, weight = (np.empty(box.shape, np.float32) for _ in range(3))
    made = Warp(box, image, variance, np.empty(box.shape, np.int32), weight)
    found = []
    for piece in blocks(_whole(box), (_side(box.shape[0], half), _side(box.shape[1], half))):
        if there[piece.grow(half).clip(around).within(around)].any():
            found.append(piece)
        else:
            _clear(made, piece.clip(box).within(box))
    for first in range(0, len(found), 2):
        make(tuple(found[first : first + 2]), made)
    return made


def start(piece: Box, box: Box) -> tuple[int, int]:
    """Return the (y, x) of an array of a box where a piece begins."""
    return piece.y0 - box.y0, piece.x0 - box.x0


def _clear(made: Warp, at: tuple[slice, slice]) -> None:
    """Say of part of a warp that it has no data."""
    made.image[at], made.variance[at], made.weight[at] = 0, 0, 0
    made.mask[at] = bit("NO_DATA")


def _whole(box: Box) -> Box:
    """Return a box with a whole number of lanes a row."""
    return Box(y0=box.y0, y1=box.y1, x0=box.x0, x1=box.x0 - (box.x0 - box.x1) // LANES * LANES)


def _length(n: int, half: int) -> int:
    """Return the length of transforms of which n pixels take the fewest points in all."""
    most = max(LARGEST, *(length for length in LENGTHS if length <= 8 * half), 0)
    lengths = [length for length in LENGTHS if length <= most and _within(length, half) > 0]
    costs = [-(-n // _within(length, half)) * length for length in lengths]
    return max(length for length, cost in zip(lengths, costs, strict=True) if cost == min(costs))


def _side(n: int, half: int) -> int:
    """Return the length of the pieces, all alike, that n pixels are cut into."""
    pieces = -(-n // _within(_length(n, half), half))
    return -(-n // (pieces * LANES)) * LANES


def _within(length: int, half: int) -> int:
    """Return how long a piece may be in a transform of a length."""
    return (length - 2 * half) // LANES * LANES


def placed(plane: NDArray[Any], box: Box, wide: Box) -> NDArray[Any]:
    """Put a plane into a larger box, 0 around it."""
    out = np.zeros(wide.shape, plane.dtype)
    part = box.clip(wide)
    out[part.within(wide)] = plane[part.within(box)]
    return out
