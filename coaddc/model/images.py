"""Pixels on their way: exposures as they are opened, warps, and coadds."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Protocol

import numpy as np
from numpy.typing import NDArray

from coaddc.model.exposures import ExposureRow
from coaddc.model.geom import Box
from coaddc.model.psf import Psf
from coaddc.model.wcs import Wcs

Image = NDArray[np.float32]
Mask = NDArray[np.int32]


@dataclass(frozen=True, slots=True)
class Pixels:
    """A piece of one exposure, calibrated.

    Attributes
    ----------
    box
        Which piece, in the exposure's own pixels.
    image : (ny, nx)
        Flux, nJy per pixel, sky subtracted. Anything, NaN too, where the mask has BAD, SAT, CR or NO_DATA.
    variance : (ny, nx)
        nJy**2; of those pixels too, anything.
    mask : (ny, nx)
        Bits of `coaddc.model.mask`.
    """

    box: Box
    image: Image
    variance: Image
    mask: Mask


class Exposure(Protocol):
    """One detector's image of one visit: its geometry at once, its pixels when asked for."""

    @property
    def row(self) -> ExposureRow:
        """What the exposure table says of it."""

    @property
    def shape(self) -> tuple[int, int]:
        """Rows and columns (ny, nx)."""

    @property
    def wcs(self) -> Wcs:
        """Pixels to sky, astrometric corrections included."""

    @property
    def psf(self) -> Psf:
        """The PSF model, in the exposure's own pixels."""

    def read(self, box: Box) -> Pixels:
        """Read a box that lies inside the image; safe to call from several threads.

        Raises
        ------
        DataError
            Where the file cannot be read; it names the file.
        """


@dataclass(frozen=True, slots=True)
class Warp:
    """One exposure, or the exposures of one visit, on the pixel grid of a patch.

    Attributes
    ----------
    box
        Where, in pixels of the tract.
    image : (ny, nx)
        Flux, nJy per pixel of the patch; 0 where the weight is 0.
    variance : (ny, nx)
        nJy**2 of the single pixel.
    mask : (ny, nx)
        Bits of `coaddc.model.mask`.
    weight : (ny, nx)
        The weight its exposure has in a stack, nJy**-2; 0 where it has no data.
    """

    box: Box
    image: Image
    variance: Image
    mask: Mask
    weight: Image

    def crop(self, box: Box) -> Warp:
        """Return the part inside a box; its arrays are views where they can be contiguous."""
        inside = self.box.clip(box)
        if inside == self.box:
            return self
        at = inside.within(self.box)
        return Warp(
            inside,
            np.ascontiguousarray(self.image[at]),
            np.ascontiguousarray(self.variance[at]),
            np.ascontiguousarray(self.mask[at]),
            np.ascontiguousarray(self.weight[at]),
        )


@dataclass(frozen=True, slots=True)
class Stacked:
    """The combination of warps over one box.

    Attributes
    ----------
    box
        Where, in pixels of the tract.
    image : (ny, nx)
        Flux, nJy per pixel; NaN where nothing contributes.
    variance : (ny, nx)
        nJy**2 of the single pixel; infinite where nothing contributes.
    mask : (ny, nx)
        Bits of `coaddc.model.mask`.
    n_image : (ny, nx)
        Number of visits that contribute.
    """

    box: Box
    image: Image
    variance: Image
    mask: Mask
    n_image: NDArray[np.int16]

    def part(self, box: Box) -> Stacked:
        """Return what lies in a box, whole in this one: its arrays are views."""
        at = box.within(self.box)
        return Stacked(box, self.image[at], self.variance[at], self.mask[at], self.n_image[at])


@dataclass(frozen=True, slots=True)
class CoaddInput:
    """What one exposure gave to a coadd.

    Attributes
    ----------
    row
        What the exposure table says of it.
    weight
        Its weight in the stack.
    note
        What else there is to say.
    background
        Sky that was taken off it to match the others', nJy per pixel of the tract: mean over the patch.
    """

    row: ExposureRow
    weight: float
    note: str = ""
    background: float = 0.0


@dataclass(frozen=True, slots=True)
class CellPsfs:
    """The PSF of a coadd in the cells of a patch.

    Attributes
    ----------
    size
        Side of a cell, pixels; the last row and column of cells may be smaller.
    stamps : (rows, columns, n, n)
        Image of a point source, sum 1, centred on the middle pixel (n is odd); NaN in a cell without inputs.
    fwhm : (rows, columns)
        Full width at half maximum, arcsec.
    """

    size: int
    stamps: NDArray[np.float32]
    fwhm: NDArray[np.float64]


@dataclass(frozen=True, slots=True)
class Surroundings:
    """What a coadd is besides its pixels.

    Attributes
    ----------
    psf, correlation, inputs, artifacts, template
        As of `Coadd`.
    """

    psf: CellPsfs
    correlation: NDArray[np.float64]
    inputs: tuple[CoaddInput, ...]
    artifacts: Mapping[int, NDArray[np.int32]] = field(default_factory=dict)
    template: Image | None = None


@dataclass(frozen=True, slots=True)
class Coadd:
    """A whole coadd of one patch: pixels, PSF, and what went in.

    Attributes
    ----------
    data_id
        Every key of its data ID, with its value.
    stacked
        The pixels.
    wcs
        Of the tract; pixel positions are those of the tract, so that the patch begins at ``stacked.box``.
    psf
        Its PSF by cells.
    correlation : (n, n)
        Correlation of the noise of neighbouring pixels, 1 in the middle (n is odd).
    inputs
        The exposures used.
    artifacts : visit to (k, 3)
        What was rejected as an artifact on a visit: row, first column, and the column after the last, of
        runs of pixels of the tract.
    template : (ny, nx)
        The static sky that artifacts were looked for against, nJy, where it is kept.
    """

    data_id: dict[str, str | int]
    stacked: Stacked
    wcs: Wcs
    psf: CellPsfs
    correlation: NDArray[np.float64]
    inputs: tuple[CoaddInput, ...]
    artifacts: Mapping[int, NDArray[np.int32]] = field(default_factory=dict)
    template: Image | None = None

    @property
    def surroundings(self) -> Surroundings:
        """What it is besides its pixels."""
        return Surroundings(self.psf, self.correlation, self.inputs, self.artifacts, self.template)
