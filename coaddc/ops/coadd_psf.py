"""The PSF of a coadd, from the PSFs of its inputs with their weights, warped and matched like the pixels."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Protocol

import numpy as np

from coaddc.model.geom import Box
from coaddc.model.images import CellPsfs
from coaddc.model.psf import Floats, fwhm
from coaddc.ops.fourier import convolve_same
from coaddc.ops.kernel_field import KernelField
from coaddc.ops.warped_psf import WarpedPsf

#: Places on either axis of a cell at which it is asked whether an exposure covers them.
PLACES = 8
#: Cells on either axis over which the PSF of one exposure counts as the same.
BLOCK = 4


class Response(Protocol):
    """One exposure of a coadd: what it makes of a point source."""

    @property
    def psf(self) -> WarpedPsf:
        """Its PSF on the tract."""

    @property
    def weight(self) -> float:
        """Its weight."""

    def stamps(self, *, y: Floats, x: Floats, half: int) -> Floats:
        """Return images of point sources in what is stacked, at k places, (k, 2 half + 1, 2 half + 1)."""


@dataclass(frozen=True)
class PsfInput:
    """One exposure of a coadd: its PSF on the tract, its weight, and what its warp was convolved with."""

    psf: WarpedPsf
    weight: float
    kernels: KernelField | None = None

    def stamps(self, *, y: Floats, x: Floats, half: int) -> Floats:
        """Return images of point sources of flux 1 on its warp, the middle (2 half + 1) square of each."""
        if self.kernels is None:
            return self.psf.parts(y=y, x=x, half=half)
        more = self.kernels.half
        kernels = [self.kernels.at(y=b, x=a) for b, a in zip(y, x, strict=True)]
        parts = self.psf.parts(y=y, x=x, half=half + more)
        images = [convolve_same(part, kernel) for part, kernel in zip(parts, kernels, strict=True)]
        middle = slice(more, more + 2 * half + 1)
        return np.array(images)[:, middle, middle]


def coadd_psf(
    inputs: Sequence[Response], box: Box, *, cell: int, half: int, scale: float, median: bool = False
) -> CellPsfs:
    """Return the PSF of a coadd in its cells.

    The mean of the inputs, each by its weight times the part of the cell that it covers. The PSF of an input
    is that at the middle of what it covers of `BLOCK` by `BLOCK` cells. What single pixels rejected is not
    followed: the mask plane INEXACT_PSF says where.

    Parameters
    ----------
    inputs
        The exposures.
    box
        The pixels of the coadd.
    cell
        Side of a cell, pixels.
    half
        Stamps are (2 half + 1) square.
    scale
        Pixel scale of the tract, arcsec.
    median
        Whether the coadd is the median of its inputs: the PSF then is, pixel by pixel, that of those which
        cover most of the cell. It is what sources look like that are brighter than the noise of one input.
    """
    parts = np.array([_covered(i.psf, box, cell) for i in inputs])
    _, rows, columns = parts.shape
    stamps = np.full((rows, columns, 2 * half + 1, 2 * half + 1), np.nan, np.float32)
    widths = np.full((rows, columns), np.nan)
    for i in range(0, rows, BLOCK):
        along = parts[:, i : i + BLOCK]
        corner = Box(y0=box.y0 + i * cell, y1=box.y1, x0=box.x0, x1=box.x1)
        found = [_seen(source, some, corner, cell, half) for source, some in zip(inputs, along, strict=True)]
        for j in range(0, columns, BLOCK):
            block = along[:, :, j : j + BLOCK]
            seen = {k: stamps_of[j] for k, stamps_of in enumerate(found) if j in stamps_of}
            alike: dict[bytes, tuple[Floats, float]] = {}
            for row, column in np.argwhere(block.any(0)):
                covered = block[:, row, column]
                if covered.tobytes() not in alike:
                    image = _combined(inputs, seen, covered, median)
                    alike[covered.tobytes()] = image, fwhm(image) * scale
                stamps[i + row, j + column], widths[i + row, j + column] = alike[covered.tobytes()]
    return CellPsfs(cell, stamps, widths)


def _seen(source: Response, parts: Floats, corner: Box, cell: int, half: int) -> dict[int, Floats]:
    """Return an input's PSF in the middle of what it covers of each block of cells along a row of blocks.

    Cells (rows, columns) lie from a corner on; blocks go by their first column.
    """
    rows = _middles(corner.y0, corner.y1, cell, parts.shape[0])
    columns = _middles(corner.x0, corner.x1, cell, parts.shape[1])
    blocks = {j: parts[:, j : j + BLOCK] for j in range(0, parts.shape[1], BLOCK)}
    used = {j: block for j, block in blocks.items() if block.any()}
    if not used:
        return {}
    y = [np.average(rows, weights=block.sum(axis=1)) for block in used.values()]
    x = [np.average(columns[j : j + BLOCK], weights=block.sum(axis=0)) for j, block in used.items()]
    return dict(zip(used, source.stamps(y=np.array(y), x=np.array(x), half=half), strict=True))


def _middles(start: int, stop: int, cell: int, number: int) -> Floats:
    """Return the middles of cells on one axis, the last of which may be smaller."""
    edges = np.minimum(start + cell * np.arange(number + 1), stop)
    middles: Floats = (edges[:-1] + edges[1:] - 1) / 2.0
    return middles


def _combined(inputs: Sequence[Response], seen: Mapping[int, Floats], parts: Floats, median: bool) -> Floats:
    """Return the PSF of a cell of which each input covers a part."""
    if median:
        most = min(0.5, float(parts.max()))
        image: Floats = np.median([stamp for k, stamp in seen.items() if parts[k] >= most], axis=0)
    else:
        image = np.sum([parts[k] * inputs[k].weight * stamp for k, stamp in seen.items()], axis=0)
    result: Floats = image / image.sum()
    return result


def _covered(psf: WarpedPsf, box: Box, cell: int) -> Floats:
    """Return which part of each cell of a box an exposure covers, (rows, columns)."""
    step = cell / PLACES
    axes = [
        np.arange(start + step / 2 - 0.5, stop, step) for start, stop in ((box.y0, box.y1), (box.x0, box.x1))
    ]
    inside = psf.covers(*axes).astype(np.float64)
    for axis in (0, 1):
        starts = np.arange(0, inside.shape[axis], PLACES)
        counts = np.diff(np.append(starts, inside.shape[axis]))
        inside = np.moveaxis(np.moveaxis(np.add.reduceat(inside, starts, axis), axis, -1) / counts, -1, axis)
    return inside
