"""Bits of masks, or-ed over squares."""

from typing import TypeVar

import numpy as np
from numba import njit
from numpy.typing import NDArray

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
    width = 2 * radius + 1
    lines = np.zeros((2, result.shape[1] + 2 * radius), mask.dtype)
    left, right = first[1] - radius, first[1] - radius + lines.shape[1]
    low, high = max(0, left), max(0, left, min(mask.shape[1], right))
    part = low > left or high < right
    for y in range(rows.shape[0]):
        row = first[0] - radius + y
        if row < 0 or row >= mask.shape[0]:
            rows[y] = outside
        elif part or _any(mask[row, low:high]):
            if part:
                lines[0] = outside
            lines[0, low - left : high - left] = mask[row, low:high]
            _widen(lines, width, rows[y])
        else:
            rows[y] = 0
    _down(rows, width, result)


@njit(nogil=True, cache=True)
def _down(rows: NDArray[Bits], width: int, result: NDArray[Bits]) -> None:
    """Or every so many rows that follow each other.

    A window is the end of one block of so many rows and the beginning of the next (van Herk 1992): that takes
    as long however many there are.
    """
    ny, nx = result.shape
    ends, begin = np.empty((width, nx), rows.dtype), np.empty_like(rows[0])
    for first in range(0, ny, width):
        ends[width - 1] = rows[first + width - 1]
        for i in range(width - 2, -1, -1):
            _or(rows[first + i], ends[i + 1], ends[i])
        result[first] = ends[0]
        begin[:] = 0
        for i in range(1, min(width, ny - first)):
            _join(rows[first + width + i - 1], ends[i], begin, result[first + i])


@njit(nogil=True, cache=True)
def _join(row: NDArray[Bits], end: NDArray[Bits], begin: NDArray[Bits], result: NDArray[Bits]) -> None:
    """Or a row into the beginning, and that with an end."""
    for x in range(row.size):
        bits = begin[x] | row[x]
        begin[x] = bits
        result[x] = bits | end[x]


@njit(nogil=True, cache=True)
def _widen(lines: NDArray[Bits], width: int, result: NDArray[Bits]) -> None:
    """Or all windows of a line; the second line is room to work in.

    Windows of doubling width are or-ed with themselves, shifted.
    """
    span, now, size = 1, 0, lines.shape[1]
    while span < width:
        step = min(span, width - span)
        _or(lines[now, : size - step], lines[now, step:], lines[1 - now, : size - step])
        span, now = span + step, 1 - now
    result[:] = lines[now, : result.size]


@njit(nogil=True, cache=True)
def _any(row: NDArray[Bits]) -> bool:
    found = 0
    for x in range(row.size):
        found |= row[x]
    return found != 0


@njit(nogil=True, cache=True)
def _or(a: NDArray[Bits], b: NDArray[Bits], result: NDArray[Bits]) -> None:
    """Or two rows into a third, which must not be one of them: else nothing is done eight at a time."""
    for x in range(result.size):
        result[x] = a[x] | b[x]
