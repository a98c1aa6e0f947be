"""An exposure on the pixel grid of a patch."""

import numpy as np

from coaddc.kernels.fill import MARGIN, fill, find_bad
from coaddc.kernels.interpolants import Interpolant1d
from coaddc.kernels.prefilter import prefilter
from coaddc.kernels.resample import resample
from coaddc.kernels.spread import spread_mask
from coaddc.model.assembly import Interpolant
from coaddc.model.geom import Box, blocks
from coaddc.model.images import Exposure, Image, Mask, Pixels, Warp
from coaddc.model.mask import bit, bits
from coaddc.ops.interpolant import interpolant_1d
from coaddc.ops.orientation import Orientation
from coaddc.ops.pixel_map import PixelMap

#: Rows and columns that are worked on at a time: what they need stays in the processor's caches.
BLOCK = (256, 1024)

#: Planes whose pixels are replaced before they are interpolated, and spread over all that they touch.
REJECT = ("BAD", "SAT", "CR", "NO_DATA")


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
    margin = scheme.margin + MARGIN
    source = _Held(exposure, needed.grow(margin)) if exposure.row.compressed else exposure
    made = Warp(part, *_no_data(part.shape))
    for block in blocks(part, BLOCK):
        needed = pixel_map.source_box(block)
        if needed is None:
            continue
        section = turn.box(needed.grow(scheme.margin))
        read = source.read(needed.grow(margin).clip(Box.of_shape(exposure.shape)))
        resample(
            scheme.weights,
            scheme.variances,
            scheme.sizes,
            _prepare(_filled(turn.pixels(read)), section, turn.limits, scheme),
            (section.y0, section.x0),
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


def _prepare(
    pixels: Pixels, section: Box, limits: tuple[int, int], scheme: Interpolant1d
) -> tuple[Image, Image, Mask]:
    """Make the pixels of a section ready: edges mirrored, image prefiltered, mask spread.

    Whatever lies within the section does not depend on where the section ends.
    """
    whole = Box.of_shape(limits)
    inside = section.clip(whole)
    slices = inside.within(pixels.box)
    pad = ((inside.y0 - section.y0, section.y1 - inside.y1), (inside.x0 - section.x0, section.x1 - inside.x1))
    image, variance = (
        np.pad(plane[slices], pad, mode="reflect") for plane in (pixels.image, pixels.variance)
    )
    if scheme.prefiltered:
        prefilter(image)
    mask = np.empty(image.shape, np.int32)
    half = min(2, scheme.taps // 2)
    spread_mask(np.pad(pixels.mask[slices], pad), bits(REJECT), half, mask)
    rows = np.arange(section.y0, section.y1)
    columns = np.arange(section.x0, section.x1)
    reach = scheme.taps // 2
    edge_y = (rows < reach - 1) | (rows + reach >= whole.y1)
    edge_x = (columns < reach - 1) | (columns + reach >= whole.x1)
    mask[edge_y[:, None] | edge_x] |= bit("EDGE")
    return image, variance, mask


def _filled(pixels: Pixels) -> Pixels:
    """Return a copy with bad pixels replaced; those that only their values betray get BAD."""
    image = np.array(pixels.image, np.float32, order="C")
    variance = np.array(pixels.variance, np.float32, order="C")
    mask = np.array(pixels.mask, np.int32, order="C")
    bad = find_bad(image, variance, mask, bits(REJECT), bit("BAD"))
    fill(image, variance, bad)
    return Pixels(pixels.box, image, variance, mask)
