"""Bits of masks, or-ed over squares."""

from typing import TypeVar

import numpy as np
from numba import njit
from numpy.typing import NDArray

from coaddc.kernels.lanes import INNER

#: Whole numbers, or flags as bytes.
Bits = TypeVar("Bits", np.int32, np.uint8)


@njit(nogil=True, cache=True)
def grow(
    mask: NDArray[Bits],
    first: tuple[int, int],
    radius: int,
    outside: int,
    rows: NDArray[Bits],
    result: NDArray[Bits],
) -> None:
    """Or the bits of part of a mask over squares of side 2 radius + 1: rows first, then columns.

    Parameters
    ----------
    mask : (ny, nx)
        Bits.
    first
        The (y, x) of the mask, inside or not, that comes first in the result.
    radius
        0 or more.
    outside
        Bits of all pixels beyond the mask.
    rows : (rows + 2 radius, columns)
        Room to work in.
    result : (rows, columns)
        Output.
    """
    columns = result.shape[1] + 2 * radius
    line, room = np.empty(columns, mask.dtype), np.empty(columns, mask.dtype)
    ends = np.empty((2 * radius + 1, result.shape[1]), mask.dtype)
    left = first[1] - radius
    low, high = max(0, left), max(0, left, min(mask.shape[1], left + columns))
    part = low > left or high < left + columns
    for y in range(rows.shape[0]):
        row = first[0] - radius + y
        if row < 0 or row >= mask.shape[0]:
            _fill(rows[y], outside)
        elif part or _any(mask[row, low:high]):
            if part:
                _fill(line, outside)
            _copy(mask[row, low:high], line[low - left : high - left])
            _widen(line, room, radius, rows[y])
        else:
            _fill(rows[y], 0)
    _down(rows, ends, line, result)


@njit(**INNER)
def _down(rows: NDArray[Bits], ends: NDArray[Bits], begin: NDArray[Bits], result: NDArray[Bits]) -> None:
    """Or every so many rows that follow each other, as many as there are ends.

    A window is the end of one block of so many rows and the beginning of the next (van Herk 1992): that takes
    as long however many there are.
    """
    ny, width = result.shape[0], ends.shape[0]
    for first in range(0, ny, width):
        _copy(rows[first + width - 1], ends[width - 1])
        for i in range(width - 2, -1, -1):
            _or(rows[first + i], ends[i + 1], ends[i])
        _copy(ends[0], result[first])
        _fill(begin, 0)
        for i in range(1, min(width, ny - first)):
            _join(rows[first + width + i - 1], ends[i], begin, result[first + i])


@njit(**INNER)
def _join(row: NDArray[Bits], end: NDArray[Bits], begin: NDArray[Bits], result: NDArray[Bits]) -> None:
    """Or a row into the beginning, and that with an end."""
    for x in range(row.size):
        bits = begin[x] | row[x]
        begin[x] = bits
        result[x] = bits | end[x]


@njit(**INNER)
def _widen(line: NDArray[Bits], room: NDArray[Bits], radius: int, result: NDArray[Bits]) -> None:
    """Or all windows of a line, by windows of doubling width with themselves, shifted."""
    span, width, size = 1, 2 * radius + 1, line.size
    while span < width:
        step = min(span, width - span)
        _or(line[: size - step], line[step:], room[: size - step])
        line, room = room, line
        span += step
    _copy(line[: result.size], result)


@njit(**INNER)
def _any(row: NDArray[Bits]) -> bool:
    found = 0
    for x in range(row.size):
        found |= row[x]
    return found != 0


@njit(**INNER)
def _or(a: NDArray[Bits], b: NDArray[Bits], result: NDArray[Bits]) -> None:
    """Or two rows into a third, which must not be one of them: else nothing is done eight at a time."""
    for x in range(result.size):
        result[x] = a[x] | b[x]


@njit(**INNER)
def _copy(row: NDArray[Bits], result: NDArray[Bits]) -> None:
    for x in range(result.size):
        result[x] = row[x]


@njit(**INNER)
def _fill(row: NDArray[Bits], bits: int) -> None:
    for x in range(row.size):
        row[x] = bits
