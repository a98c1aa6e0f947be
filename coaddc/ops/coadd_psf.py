"""The PSF of a coadd, from the PSFs of its inputs with their weights, warped and matched like the pixels."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Protocol

import numpy as np

from coaddc.model.geom import Box
from coaddc.model.images import CellPsfs
from coaddc.model.psf import Floats, fwhm
from coaddc.ops.fourier import convolve_same
from coaddc.ops.match import KernelField, WarpedPsf


class Response(Protocol):
    """One exposure of a coadd: what it makes of a point source."""

    @property
    def psf(self) -> WarpedPsf:
        """Its PSF on the tract."""

    @property
    def weight(self) -> float:
        """Its weight."""

    def stamp(self, *, y: float, x: float, half: int) -> Floats:
        """Return the image of a point source in what is stacked, (2 half + 1) square."""


@dataclass(frozen=True)
class PsfInput:
    """One exposure of a coadd: its PSF on the tract, its weight, and what its warp was convolved with."""

    psf: WarpedPsf
    weight: float
    kernels: KernelField | None = None

    def stamp(self, *, y: float, x: float, half: int) -> Floats:
        """Return the image of a point source of flux 1 on its warp, the middle (2 half + 1) square of it."""
        if self.kernels is None:
            return self.psf.part(y=y, x=x, half=half)
        kernel = self.kernels.at(y=y, x=x)
        more = kernel.shape[0] // 2
        image = convolve_same(self.psf.part(y=y, x=x, half=half + more), kernel)
        return image[more : image.shape[0] - more, more : image.shape[1] - more]


def coadd_psf(inputs: Sequence[Response], box: Box, *, cell: int, half: int, scale: float) -> CellPsfs:
    """Return the PSF of a coadd at the centres of its cells.

    The mean, by weight, of the inputs that reach a cell's centre; where none does, of those that reach
    one of its corners. What single pixels rejected is not followed: the mask plane INEXACT_PSF says where.

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
    """
    rows, columns = (-(-n // cell) for n in box.shape)
    stamps = np.full((rows, columns, 2 * half + 1, 2 * half + 1), np.nan, np.float32)
    widths = np.full((rows, columns), np.nan)
    for i in range(rows):
        for j in range(columns):
            y0, x0 = box.y0 + i * cell, box.x0 + j * cell
            part = Box(y0=y0, y1=y0 + cell, x0=x0, x1=x0 + cell).clip(box)
            mean = _mean_stamp(inputs, part, half)
            if mean is not None:
                stamps[i, j] = mean
                widths[i, j] = fwhm(mean) * scale
    return CellPsfs(cell, stamps, widths)


def _mean_stamp(inputs: Sequence[Response], cell: Box, half: int) -> Floats | None:
    """Return the mean PSF at a cell's centre, None where no input reaches the cell."""
    y, x = cell.centre
    corners = [(v, u) for v in (cell.y0, cell.y1 - 1) for u in (cell.x0, cell.x1 - 1)]
    reach = [i for i in inputs if i.psf.locate(y=y, x=x)[2]]
    if not reach:
        reach = [i for i in inputs if any(i.psf.locate(y=v, x=u)[2] for v, u in corners)]
    if not reach:
        return None
    weights = np.array([i.weight for i in reach])
    images = np.array([i.stamp(y=y, x=x, half=half) for i in reach])
    total = np.tensordot(weights / weights.sum(), images, axes=1)
    mean: Floats = total / total.sum()
    return mean
