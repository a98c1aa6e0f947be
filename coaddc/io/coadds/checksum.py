"""Checksums of FITS files: 32-bit sums with the carry brought around, and their form as text.

FITS Standard 4.0, section 4.4.2.7 and appendix J.
"""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

#: Largest sum; all bits are set.
FULL = 0xFFFFFFFF
#: Characters between digits, capitals and small letters, which the text has none of.
_BETWEEN = frozenset((*range(0x3A, 0x41), *range(0x5B, 0x61)))


def word_sum(raw: NDArray[np.uint8], before: int = 0) -> int:
    """Return the sum of big-endian words, added to that of what comes before.

    Parameters
    ----------
    raw : (n,)
        Bytes; what is left at the end is a word filled up with zeros.
    before
        Sum of what comes before, a whole number of words.
    """
    whole = raw.size // 4 * 4
    total = before + int(raw[:whole].view(">u4").sum(dtype=np.uint64))
    total += int.from_bytes(raw[whole:].tobytes().ljust(4, b"\0"), "big")
    return folded(total)


def part_sum(values: NDArray[Any], first: int) -> int:
    """Return the sum, not folded, of the words that numbers of a data unit are, or parts of words.

    Parameters
    ----------
    values
        Contiguous, of two or four bytes each, in the byte order of the machine.
    first
        Number of the data unit's values before them.
    """
    flat = values.reshape(-1)
    if flat.itemsize == 4:
        return int(flat.view(np.uint32).sum(dtype=np.uint64))
    halves = flat.view(np.uint16)
    high, low = (int(halves[(first + k) % 2 :: 2].sum(dtype=np.uint64)) for k in (0, 1))
    return (high << 16) + low


def folded(total: int) -> int:
    """Return a sum of words with the carry brought around."""
    while total > FULL:
        total = (total & FULL) + (total >> 32)
    return total


def encoded(total: int) -> str:
    """Return the text of CHECKSUM that brings a sum, made with sixteen zeros in its place, to all bits set.

    Each byte of the complement becomes four characters that add up to it; two of them at a time are moved
    apart until all are digits or letters.
    """
    text = bytearray(16)
    for place, byte in enumerate((FULL - total).to_bytes(4, "big")):
        four = [byte // 4 + byte % 4 + ord("0"), *[byte // 4 + ord("0")] * 3]
        while _BETWEEN & set(four):
            for k in (0, 2):
                if _BETWEEN & set(four[k : k + 2]):
                    four[k], four[k + 1] = four[k] + 1, four[k + 1] - 1
        text[place::4] = bytes(four)
    return (text[-1:] + text[:-1]).decode("ascii")
