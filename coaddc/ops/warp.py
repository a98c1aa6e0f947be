"""An exposure on the pixel grid of a patch."""

from dataclasses import dataclass

import numpy as np

from coaddc.kernels.fill import MARGIN
from coaddc.kernels.resample import resample
from coaddc.model.assembly import Interpolant
from coaddc.model.geom import Box, blocks
from coaddc.model.images import Exposure, Image, Mask, Pixels, Warp
from coaddc.model.mask import bit
from coaddc.ops.interpolant import interpolant_1d
from coaddc.ops.orientation import Orientation
from coaddc.ops.pixel_map import PixelMap
from coaddc.ops.section import read_section

#: Rows and columns that are worked on at a time: what they need stays in the processor's caches.
BLOCK = (256, 1024)

#: Blocks that a box may be cut into so that less of an exposure that is turned against it is read: near
#: squares enclose little of what encloses them, and large ones have the smaller margins.
CUTS = (BLOCK, (512, 512))


def warp(
    exposure: Exposure, pixel_map: PixelMap | None, box: Box, *, interpolant: Interpolant, weight: float
) -> Warp | None:
    """Resample an exposure onto a box of a patch.

    Flux is conserved: values are multiplied by the area of the new pixel in old ones. The variance is that
    of the single pixel, from the squared weights of those it is made of; the correlation that this leaves
    between neighbours is told by `coaddc.ops.noise`.

    A pixel has the mask bits of the two by two exposure pixels around its position, and the bits of REJECT
    of the four by four around it (bilinear: two by two), for these interpolants take nearly all from there.
    Positions within the outermost pixel centres have data; those for which the interpolant's taps reach over
    the edge see the image mirrored there and bear EDGE.

    Parameters
    ----------
    exposure
        What to resample; only the section that the box needs is read.
    pixel_map
        Of this exposure and the patch; None where they do not meet.
    box
        In pixels of the tract.
    interpolant
        How values between pixels follow from pixels.
    weight
        Of the exposure in a stack, nJy**-2.

    Returns
    -------
    warp
        Over the part of the box that the exposure may reach: image 0, variance infinite, NO_DATA and weight 0
        where it has no data. None where there is no such part.

    Raises
    ------
    DataError
        Where the exposure cannot be read.
    """
    needed = pixel_map.source_box(box) if pixel_map else None
    if pixel_map is None or needed is None:
        return None
    part = box.clip(pixel_map.box)
    scheme = interpolant_1d(interpolant)
    turn = Orientation.of(pixel_map)
    nodes = turn.nodes(pixel_map.nodes)
    source = _Held(exposure, needed.grow(scheme.margin + MARGIN)) if exposure.row.compressed else exposure
    made = Warp(part, *_no_data(part.shape))
    for piece in _pieces(pixel_map, part):
        section = read_section(source.read, turn, piece.needed, scheme)
        for block in blocks(piece.box, BLOCK):
            resample(
                scheme.weights,
                scheme.variances,
                scheme.sizes,
                (section.image, section.variance, section.mask),
                (section.box.y0, section.box.x0),
                turn.limits,
                nodes,
                pixel_map.active,
                (pixel_map.step, *pixel_map.origin),
                (part.y0, part.x0),
                (block.y0 - part.y0, block.y1 - part.y0, block.x0 - part.x0, block.x1 - part.x0),
                weight,
                bit("NO_DATA"),
                (made.image, made.variance, made.mask, made.weight),
            )
    return made


@dataclass(frozen=True, slots=True)
class _Piece:
    """A part of a warp, and the pixels of the exposure that enclose its positions."""

    box: Box
    needed: Box


def _pieces(pixel_map: PixelMap, box: Box) -> list[_Piece]:
    """Leave a box whole, or cut it into blocks, whichever needs the fewer pixels of the exposure.

    A box that is turned against the exposure encloses little of what encloses it.
    """
    cuts = [
        [_Piece(part, needed) for part in blocks(box, shape) if (needed := pixel_map.source_box(part))]
        for shape in (box.shape, *CUTS)
    ]
    return min(cuts, key=lambda pieces: sum(piece.needed.grow(MARGIN).area for piece in pieces))


class _Held:
    """A section of an exposure, read once."""

    def __init__(self, exposure: Exposure, box: Box) -> None:
        self._pixels = exposure.read(box.clip(Box.of_shape(exposure.shape)))

    def read(self, box: Box) -> Pixels:
        """Return a box of it, as views."""
        pixels, at = self._pixels, box.within(self._pixels.box)
        return Pixels(box, pixels.image[at], pixels.variance[at], pixels.mask[at])


def _no_data(shape: tuple[int, int]) -> tuple[Image, Image, Mask, Image]:
    """Return the image, variance, mask and weight of a warp that has no data yet."""
    return (
        np.zeros(shape, np.float32),
        np.full(shape, np.inf, np.float32),
        np.full(shape, bit("NO_DATA"), np.int32),
        np.zeros(shape, np.float32),
    )
