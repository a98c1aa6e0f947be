"""Interpolants in one dimension: the weights of the taps at a phase, and tables of them for the kernels."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from functools import cache

import numpy as np
from numpy.polynomial import chebyshev
from numpy.typing import NDArray

from coaddc.kernels.prefilter import OMOMS_POLE, REACH

Floats = NDArray[np.float64]

#: Terms kept where the prefilter's response, which falls by the pole at each pixel, is written out.
_RESPONSE = 40


@dataclass(frozen=True, slots=True, eq=False)
class Interpolant1d:
    """One interpolant, ready for the kernels; in two dimensions it is the product of two.

    Attributes
    ----------
    taps
        Pixels that it takes on one axis, even; half of them lie on either side of a position.
    prefiltered
        Whether pixels pass through `coaddc.kernels.prefilter` first.
    weights : (taps, degree + 1)
        Weight of each tap as a polynomial, lowest order first, of the phase (position minus its floor)
        minus a half; that of the mirrored tap has the same even and the opposite odd coefficients.
    variances : (taps, degree + 1)
        Weight of each tap's variance, likewise; (taps, 0) where it is the square of the weight.
    cardinal
        From phases (n,) to what the pixels 1 - m to m themselves weigh, (n, 2 m), the prefilter included.
    """

    taps: int
    prefiltered: bool
    weights: NDArray[np.float32]
    variances: NDArray[np.float32]
    cardinal: Callable[[Floats], Floats]

    @property
    def margin(self) -> int:
        """Pixels needed around the two by two that enclose a position."""
        return self.taps // 2 - 1 + (REACH if self.prefiltered else 0)

    @property
    def sizes(self) -> tuple[tuple[int, ...], tuple[int, ...], tuple[int, ...]]:
        """Zeros, as many as there are taps, and powers of the two kinds of weights: for the compiler."""
        return (0,) * self.taps, (0,) * self.weights.shape[1], (0,) * self.variances.shape[1]


def bilinear_weights(phase: Floats) -> Floats:
    """Return the weights (n, 2) of the pixels at 0 and 1 for positions between them."""
    return np.stack([1.0 - phase, phase], axis=-1)


def lanczos_weights(phase: Floats, order: int) -> Floats:
    """Return the weights (n, 2 order) of the pixels at 1 - order to order; their sum is 1.

    sinc(d) sinc(d / order) by itself sums to 1 within a per cent only, which would print the pixel grid
    on a flat sky.
    """
    distance = phase[:, None] - np.arange(1 - order, order + 1)
    weights = np.sinc(distance) * np.sinc(distance / order)
    result: Floats = weights / weights.sum(axis=-1, keepdims=True)
    return result


def omoms_weights(phase: Floats) -> Floats:
    """Return the weights (n, 4) of the prefiltered pixels at -1 to 2.

    The cubic o-MOMS is the cubic B-spline plus 1/42 of its second derivative (Blu et al. 2001, eq. 24).
    """
    near, far = phase, 1.0 - phase
    return np.stack(
        [_omoms_outer(1.0 + near), _omoms_inner(near), _omoms_inner(far), _omoms_outer(1.0 + far)], -1
    )


def _omoms_inner(d: Floats) -> Floats:
    return ((0.5 * d - 1.0) * d + 1.0 / 14.0) * d + 13.0 / 21.0


def _omoms_outer(d: Floats) -> Floats:
    return ((-d / 6.0 + 1.0) * d - 85.0 / 42.0) * d + 29.0 / 21.0


def omoms_cardinal(phase: Floats) -> Floats:
    """Return what the pixels at 1 - _RESPONSE to _RESPONSE themselves weigh, prefilter included."""
    weights = omoms_weights(phase)
    lag = np.arange(-_RESPONSE - 1, _RESPONSE + 2)
    response = (1.0 - OMOMS_POLE) / (1.0 + OMOMS_POLE) * OMOMS_POLE ** np.abs(lag)
    cardinal = np.zeros((len(phase), 2 * _RESPONSE))
    for tap in range(4):  # the tap at position tap - 1 holds the response centred there
        start = 3 - tap
        cardinal += weights[:, tap, None] * response[start : start + cardinal.shape[1]]
    return cardinal


def _omoms_variance(phase: Floats) -> Floats:
    """Spread the squared gain of all pixels over the four nearest, in proportion to their own.

    A uniform variance then gets exactly the sum of the squared cardinal function; a variance that varies
    over a few pixels is followed nearly so.
    """
    squares = omoms_cardinal(phase) ** 2
    nearest = squares[:, _RESPONSE - 2 : _RESPONSE + 2]
    result: Floats = nearest * (squares.sum(axis=1) / nearest.sum(axis=1))[:, None]
    return result


def _fit(function: Callable[[Floats], Floats], degree: int) -> NDArray[np.float32]:
    """Fit weights (n, taps) over the phase by polynomials, near the best of their degree (Chebyshev).

    Mirrored taps get mirrored polynomials, to the bit: the kernels evaluate one for both.
    """
    node = np.cos(np.pi * (np.arange(256) + 0.5) / 256.0)
    fitted = chebyshev.chebfit(node, function((node + 1.0) / 2.0), degree)
    power = np.array([chebyshev.cheb2poly(column) for column in fitted.T])
    power *= 2.0 ** np.arange(degree + 1)
    power += power[::-1] * (-1.0) ** np.arange(degree + 1)
    coefficients: NDArray[np.float32] = (power / 2.0).astype(np.float32)
    coefficients.setflags(write=False)
    return coefficients


@cache
def bilinear() -> Interpolant1d:
    """Return the bilinear interpolant."""
    return Interpolant1d(2, False, _fit(bilinear_weights, 1), _squares(2), bilinear_weights)


@cache
def lanczos(order: int) -> Interpolant1d:
    """Return the Lanczos interpolant with this many lobes, weights normalised."""

    def cardinal(phase: Floats) -> Floats:
        return lanczos_weights(phase, order)

    taps = 2 * order
    return Interpolant1d(taps, False, _fit(cardinal, 9), _squares(taps), cardinal)


@cache
def omoms3() -> Interpolant1d:
    """Return the prefiltered cubic o-MOMS."""
    variances = _fit(_omoms_variance, 6)
    return Interpolant1d(4, True, _fit(omoms_weights, 3), variances, omoms_cardinal)


def _squares(taps: int) -> NDArray[np.float32]:
    return np.empty((taps, 0), np.float32)
