"""Pixels of a warp from what convolution gives of a piece of it, row by row.

Each plane has a loop of its own: of too many arrays the compiler does not check that they lie apart, and
then works on one pixel at a time.
"""

import numpy as np
from numba import njit
from numpy.typing import NDArray

from coaddc.kernels.lanes import INNER

Floats = NDArray[np.float32]
Mask = NDArray[np.int32]
Flags = NDArray[np.uint8]
#: Image, variance, mask and weight of a whole warp.
Planes = tuple[Floats, Floats, Mask, Floats]
#: How PSFs differ from place to place: amplitudes of m components and the gain of the variance as products
#: along and across the rows, (m + 1, ny, c) and (c, nx); s of the sum of squares, (m + 1,), which for
#: amplitudes a is sum(a**2 + s[:-1] a) + s[-1]; and the weight of a pixel of the warp.
Shape = tuple[NDArray[np.float32], Floats, Floats, float]

_FAST = {"nogil": True, "cache": True, "error_model": "numpy"}


@njit(**_FAST)
def find_good(weight: Floats, mask: Mask, reject: int, good: Flags, whole: Floats) -> None:
    """Find the pixels that have data and no bit that rejects them: flags, and 1 for each pixel or 0."""
    for y in range(weight.shape[0]):
        _find_good_row(weight[y], mask[y], np.int32(reject), good[y], whole[y])


@njit(**INNER)
def _find_good_row(weight: Floats, mask: Mask, reject: np.int32, good: Flags, whole: Floats) -> None:
    for x in range(weight.size):
        fine = (weight[x] > np.float32(0.0)) & ((mask[x] & reject) == 0)
        good[x] = np.uint8(1) if fine else np.uint8(0)
        whole[x] = np.float32(1.0) if fine else np.float32(0.0)


@njit(**_FAST)
def finish_matched(
    first: tuple[int, int],
    convolved: tuple[Floats, Floats],
    masks: tuple[Mask, Flags],
    weight: tuple[Floats, int, int],
    no_data: int,
    made: Planes,
) -> None:
    """Set a piece of a matched warp.

    Parameters
    ----------
    first
        The (y, x) of the warp that is the piece's first pixel; what reaches beyond the warp is left out.
    convolved, masks : (ny, nx) each
        Image and variance; bits, and what has no data.
    weight
        That of what was matched, and the (y, x) of it that is the piece's first.
    no_data
        The bit of missing pixels.
    made
        Output.
    """
    low, left = first[1], weight[2]
    count = min(masks[0].shape[1], made[2].shape[1] - low)
    for y in range(masks[0].shape[0]):
        row, line, gone = first[0] + y, slice(low, low + count), masks[1][y]
        _keep(convolved[0][y], gone, made[0][row, line])
        _positive(convolved[1][y], gone, made[1][row, line])
        _mark(masks[0][y], gone, no_data, made[2][row, line])
        _keep(weight[0][weight[1] + y, left : left + count], gone, made[3][row, line])


@njit(**INNER)
def _keep(values: Floats, gone: Flags, result: Floats) -> None:
    """Take values where there is something; 0 elsewhere."""
    for x in range(result.size):
        value = values[x]
        result[x] = np.float32(0.0) if gone[x] else value


@njit(**INNER)
def _positive(values: Floats, gone: Flags, result: Floats) -> None:
    """Take values where there is something, and no negative ones; 0 elsewhere."""
    for x in range(result.size):
        value = max(values[x], np.float32(0.0))
        result[x] = np.float32(0.0) if gone[x] else value


@njit(**INNER)
def _mark(bits: Mask, gone: Flags, no_data: int, result: Mask) -> None:
    """Take bits where there is something; the bit of missing pixels elsewhere, and nowhere else."""
    missing, others = np.int32(no_data), np.int32(~no_data)
    for x in range(result.size):
        kept = bits[x] & others
        result[x] = missing if gone[x] else kept


@njit(**_FAST)
def finish_filtered(
    first: tuple[int, int],
    sums: tuple[Floats, Floats, Floats, Floats],
    shape: Shape,
    bits: Mask,
    flags: tuple[int, int, int],
    parts: tuple[float, float],
    made: Planes,
) -> None:
    """Set a piece of a warp filtered for point sources.

    Parameters
    ----------
    first
        The (y, x) of the warp that is the piece's first pixel; what reaches beyond the warp is left out.
    sums : (ny, nx) each
        Over good pixels: of image times PSF; of variance times the squared mean PSF, and of that alone, both
        scaled; and the part of the sum of the squared PSF that they hold.
    shape
        Of the PSF, see `Shape`.
    bits : (ny, nx)
        The mask.
    flags
        Bits that reject a pixel, that say that it is missing, and that something around it was left out.
    parts
        Part of the squared PSF that is enough, and that counts as whole.
    made
        Output.
    """
    low, count = first[1], min(bits.shape[1], made[2].shape[1] - first[1])
    lines, none = np.empty((4, bits.shape[1]), np.float32), np.empty(bits.shape[1], np.uint8)
    norm, gain, fit, room = lines[0], lines[1], lines[2], lines[3]
    enough = np.float32(parts[0])
    for y in range(bits.shape[0]):
        row, line, left = first[0] + y, slice(low, low + count), sums[3][y]
        _shape_row(shape, y, norm, gain, room)
        _judge(left, norm, bits[y], flags[0] & ~flags[1], enough, fit, none)
        _divide(sums[0][y], fit, none, made[0][row, line])
        _noise(sums[1][y], sums[2][y], gain, fit, none, made[1][row, line])
        _flag(bits[y], left, flags, (enough, np.float32(parts[1])), none, made[2][row, line])
        _weigh(left, enough, (fit, norm, gain), np.float32(shape[3]), none, made[3][row, line])


@njit(**INNER)
def _shape_row(shape: Shape, y: int, norm: Floats, gain: Floats, room: Floats) -> None:
    """Find the sum of the squared PSF, and the gain, at the pixels of a row."""
    along, across, linear, _ = shape
    last = linear.size - 1
    for x in range(norm.size):
        norm[x] = linear[last]
    for i in range(last):
        _interpolate(along[i, y], across, room)
        _add_square(room, linear[i], norm)
    _interpolate(along[last, y], across, gain)


@njit(**INNER)
def _interpolate(along: Floats, across: Floats, line: Floats) -> None:
    for x in range(line.size):
        line[x] = along[0] * across[0, x]
    for c in range(1, along.size):
        weight, weights = along[c], across[c]
        for x in range(line.size):
            line[x] += weight * weights[x]


@njit(**INNER)
def _add_square(amplitude: Floats, linear: np.float32, norm: Floats) -> None:
    for x in range(norm.size):
        norm[x] += amplitude[x] * (amplitude[x] + linear)


@njit(**INNER)
def _judge(
    left: Floats, norm: Floats, bits: Mask, reject: int, enough: np.float32, fit: Floats, none: Flags
) -> None:
    """Find the sum of the squared PSF on good pixels, and where there is nothing to give.

    That is where too little is left, and no bit of the mask, but that of missing pixels, tells why.
    """
    rejected = np.int32(reject)
    for x in range(fit.size):
        fit[x] = max(min(left[x], np.float32(1.0)), np.float32(1e-6)) * norm[x]
    for x in range(none.size):
        few, clean = left[x] < enough, (bits[x] & rejected) == 0
        none[x] = np.uint8(1) if few & clean else np.uint8(0)


@njit(**INNER)
def _divide(flux: Floats, fit: Floats, none: Flags, result: Floats) -> None:
    for x in range(result.size):
        value = flux[x] / fit[x]
        result[x] = np.float32(0.0) if none[x] else value


@njit(**INNER)
def _noise(noise: Floats, seen: Floats, gain: Floats, fit: Floats, none: Flags, result: Floats) -> None:
    """Find the variance, from the mean of the variance around."""
    for x in range(result.size):
        mean = max(noise[x], np.float32(0.0)) / max(seen[x], np.float32(1e-3))
        value = gain[x] * mean / fit[x]
        result[x] = np.float32(0.0) if none[x] else value


@njit(**INNER)
def _flag(
    bits: Mask,
    left: Floats,
    flags: tuple[int, int, int],
    parts: tuple[np.float32, np.float32],
    none: Flags,
    result: Mask,
) -> None:
    """Set the mask: bits that reject only where too little is left."""
    missing, others = np.int32(flags[1]), np.int32(~flags[1])
    spared, partly, nothing = np.int32(~flags[0]), np.int32(flags[2]), np.int32(0)
    for x in range(result.size):
        own, part = bits[x] & others, left[x]
        clean = (own & spared) | (partly if part < parts[1] else nothing)
        kept = own if part < parts[0] else clean
        result[x] = missing if none[x] else kept


@njit(**INNER)
def _weigh(
    left: Floats,
    enough: np.float32,
    scale: tuple[Floats, Floats, Floats],
    most: np.float32,
    none: Flags,
    result: Floats,
) -> None:
    """Set the weight: where too little is left, that of the whole PSF, which counts as rejected."""
    fit, norm, gain = scale
    for x in range(result.size):
        some, whole = fit[x], norm[x]
        value = (whole if left[x] < enough else some) / gain[x] * most
        result[x] = np.float32(0.0) if none[x] else value
