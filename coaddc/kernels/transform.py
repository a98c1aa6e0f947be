"""Fourier transforms of eight columns at a time, in place and in single precision.

Transforms that only serve to convolve need no frequencies in their order: points are quartered by frequency
on the way there (Gentleman & Sande 1966) and by position on the way back (Cooley & Tukey 1965), and nothing
sorts them. All lanes do the same, so that a column does not depend on those beside it.

A *strip* is n points of eight columns, one after the other in memory: of each point the eight real parts,
then the eight imaginary ones. It stays in the processor's first cache for the whole of a transform.
"""

import numpy as np
from numba import njit
from numpy.typing import NDArray

from coaddc.kernels.lanes import (
    INNER,
    LANES,
    Lanes,
    add,
    load,
    multiply,
    multiply_add,
    spread,
    store,
    subtract,
)

Floats = NDArray[np.float32]

#: Numbers of one point of a strip.
POINT = 2 * LANES
#: What is left of lengths once they are divided by 4 as often as that goes; all others are not transformed.
LEFT = (1, 2, 3, 5)

_HALF, _THREE = np.float32(0.5), np.float32(np.sqrt(0.75))
_COS1, _COS2 = np.float32(np.cos(0.4 * np.pi)), np.float32(np.cos(0.8 * np.pi))
_SIN1, _SIN2 = np.float32(np.sin(0.4 * np.pi)), np.float32(np.sin(0.8 * np.pi))


def roots(n: int) -> Floats:
    """Return exp(-2 pi i j / n) of j below n: real and imaginary parts by turns, (2 n,)."""
    angle = 2.0 * np.pi * np.arange(n) / n
    table: Floats = np.stack([np.cos(angle), -np.sin(angle)], axis=1).astype(np.float32).ravel()
    return table


@njit(**INNER)
def forward(strip: Floats, at: int, n: int, table: Floats) -> None:
    """Transform a strip in place.

    Parameters
    ----------
    strip, at
        Where it begins.
    n
        Its length: a power of 4 times one of `LEFT`. The order of frequencies follows from that alone.
    table
        `roots` of n.
    """
    span = n
    while span % 4 == 0:
        quarter = span // 4
        step = n // span * 2
        for j in range(quarter):
            turns = _turns(table, j * step)
            for block in range(j, n, span):
                _part(strip, at + block * POINT, quarter * POINT, turns)
        span = quarter
    _finish(strip, at, n, span, np.float32(1.0))


@njit(**INNER)
def inverse(strip: Floats, at: int, n: int, table: Floats) -> None:
    """Transform back in place what `forward` gave; all is n times what it was."""
    span = n
    while span % 4 == 0:
        span //= 4
    _finish(strip, at, n, span, np.float32(-1.0))
    while span < n:
        quarter = span
        span *= 4
        step = n // span * 2
        for j in range(quarter):
            turns = _turns(table, j * step)
            for block in range(j, n, span):
                _join(strip, at + block * POINT, quarter * POINT, turns)


@njit(**INNER)
def _turns(table: Floats, at: int) -> tuple[Lanes, Lanes, Lanes, Lanes, Lanes, Lanes]:
    """Return a root, its square and its cube."""
    return (
        spread(table[at]),
        spread(table[at + 1]),
        spread(table[2 * at]),
        spread(table[2 * at + 1]),
        spread(table[3 * at]),
        spread(table[3 * at + 1]),
    )


@njit(**INNER)
def _part(strip: Floats, at: int, step: int, turns: tuple[Lanes, Lanes, Lanes, Lanes, Lanes, Lanes]) -> None:
    """Part four points of a strip by frequency."""
    b, c, d = at + step, at + 2 * step, at + 3 * step
    ar, ai, cr, ci = load(strip, at), load(strip, at + LANES), load(strip, c), load(strip, c + LANES)
    br, bi, dr, di = load(strip, b), load(strip, b + LANES), load(strip, d), load(strip, d + LANES)
    er, ei, fr, fi = add(ar, cr), add(ai, ci), subtract(ar, cr), subtract(ai, ci)
    gr, gi, hr, hi = add(br, dr), add(bi, di), subtract(br, dr), subtract(bi, di)
    store(add(er, gr), strip, at)
    store(add(ei, gi), strip, at + LANES)
    _store(add(fr, hi), subtract(fi, hr), turns[0], turns[1], strip, b)
    _store(subtract(er, gr), subtract(ei, gi), turns[2], turns[3], strip, c)
    _store(subtract(fr, hi), add(fi, hr), turns[4], turns[5], strip, d)


@njit(**INNER)
def _store(x: Lanes, y: Lanes, c: Lanes, s: Lanes, strip: Floats, at: int) -> None:
    """Store the product of two complex numbers."""
    store(subtract(multiply(x, c), multiply(y, s)), strip, at)
    store(multiply_add(x, s, multiply(y, c)), strip, at + LANES)


@njit(**INNER)
def _back(strip: Floats, at: int, c: Lanes, s: Lanes) -> tuple[Lanes, Lanes]:
    """Return a point times the conjugate of a complex number."""
    x, y = load(strip, at), load(strip, at + LANES)
    return multiply_add(x, c, multiply(y, s)), subtract(multiply(y, c), multiply(x, s))


@njit(**INNER)
def _join(strip: Floats, at: int, step: int, turns: tuple[Lanes, Lanes, Lanes, Lanes, Lanes, Lanes]) -> None:
    """Undo `_part`, times four."""
    b, c, d = at + step, at + 2 * step, at + 3 * step
    ar, ai = load(strip, at), load(strip, at + LANES)
    br, bi = _back(strip, b, turns[0], turns[1])
    cr, ci = _back(strip, c, turns[2], turns[3])
    dr, di = _back(strip, d, turns[4], turns[5])
    er, ei, fr, fi = add(ar, cr), add(ai, ci), subtract(ar, cr), subtract(ai, ci)
    gr, gi, hr, hi = add(br, dr), add(bi, di), subtract(br, dr), subtract(bi, di)
    store(add(er, gr), strip, at)
    store(add(ei, gi), strip, at + LANES)
    store(subtract(fr, hi), strip, b)
    store(add(fi, hr), strip, b + LANES)
    store(subtract(er, gr), strip, c)
    store(subtract(ei, gi), strip, c + LANES)
    store(add(fr, hi), strip, d)
    store(subtract(fi, hr), strip, d + LANES)


@njit(**INNER)
def _finish(strip: Floats, at: int, n: int, left: int, sign: np.float32) -> None:
    """Transform each few neighbouring points: what quarters leave."""
    for first in range(at, at + n * POINT, left * POINT):
        if left == 2:
            _two(strip, first)
        elif left == 3:
            _three(strip, first, sign)
        elif left == 5:
            _five(strip, first, sign)


@njit(**INNER)
def _two(strip: Floats, at: int) -> None:
    for a in (at, at + LANES):
        x, y = load(strip, a), load(strip, a + POINT)
        store(add(x, y), strip, a)
        store(subtract(x, y), strip, a + POINT)


@njit(**INNER)
def _three(strip: Floats, at: int, sign: np.float32) -> None:
    """One step of three: the first point, and the two that are each other's mirror."""
    ar, ai = load(strip, at), load(strip, at + LANES)
    er, ei, hr, hi = _pair(strip, at + POINT, at + 2 * POINT)
    store(add(ar, er), strip, at)
    store(add(ai, ei), strip, at + LANES)
    half, turn = spread(-_HALF), spread(sign * _THREE)
    cr, ci = multiply_add(er, half, ar), multiply_add(ei, half, ai)
    _store_pair(cr, ci, multiply(hr, turn), multiply(hi, turn), strip, at + POINT, at + 2 * POINT)


@njit(**INNER)
def _five(strip: Floats, at: int, sign: np.float32) -> None:
    """One step of five: the first point, and two pairs of mirrors."""
    ar, ai = load(strip, at), load(strip, at + LANES)
    er, ei, gr, gi = _pair(strip, at + POINT, at + 4 * POINT)
    fr, fi, hr, hi = _pair(strip, at + 2 * POINT, at + 3 * POINT)
    store(add(ar, add(er, fr)), strip, at)
    store(add(ai, add(ei, fi)), strip, at + LANES)
    c1, c2, s1, s2 = spread(_COS1), spread(_COS2), spread(sign * _SIN1), spread(sign * _SIN2)
    cr, ci = multiply_add(er, c1, multiply_add(fr, c2, ar)), multiply_add(ei, c1, multiply_add(fi, c2, ai))
    sr, si = multiply_add(gr, s1, multiply(hr, s2)), multiply_add(gi, s1, multiply(hi, s2))
    _store_pair(cr, ci, sr, si, strip, at + POINT, at + 4 * POINT)
    cr, ci = multiply_add(er, c2, multiply_add(fr, c1, ar)), multiply_add(ei, c2, multiply_add(fi, c1, ai))
    sr, si = subtract(multiply(gr, s2), multiply(hr, s1)), subtract(multiply(gi, s2), multiply(hi, s1))
    _store_pair(cr, ci, sr, si, strip, at + 2 * POINT, at + 3 * POINT)


@njit(**INNER)
def _pair(strip: Floats, a: int, b: int) -> tuple[Lanes, Lanes, Lanes, Lanes]:
    """Return sum and difference of two points."""
    ar, ai, br, bi = load(strip, a), load(strip, a + LANES), load(strip, b), load(strip, b + LANES)
    return add(ar, br), add(ai, bi), subtract(ar, br), subtract(ai, bi)


@njit(**INNER)
def _store_pair(cr: Lanes, ci: Lanes, sr: Lanes, si: Lanes, strip: Floats, a: int, b: int) -> None:
    """Store c - i s and c + i s."""
    store(add(cr, si), strip, a)
    store(subtract(ci, sr), strip, a + LANES)
    store(subtract(cr, si), strip, b)
    store(add(ci, sr), strip, b + LANES)
