"""The noise of sub-bands, from the fit: what the normal equations make of the noise of the visits.

Over a cell, let visits weigh as they do on average there. Then every frequency k is a problem of its own:
the normal matrix is N(k) = sum of w a* a^T over visits + R, where a_b is what multiplies sub-band b and R
the regularisation; the covariance of the sub-bands is N^-1 (sum of w**2 P a* a^T) N^-1, where P(k) is the
power of the visit's noise.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
import scipy
from numpy.typing import NDArray

from coaddc.model.dcr import DcrModel, Observed
from coaddc.model.geom import Box
from coaddc.model.images import Warp
from coaddc.model.refraction import Floats
from coaddc.ops.dispersion import Lift

Complex = NDArray[np.complex128]

#: Side, pixels, of the cells whose noise is worked out, and of the stamps that it is worked out in.
CELL, SIDE = 128, 64


def regularisation(model: DcrModel) -> Floats:
    """Return s W D^T D + a W, (sub-bands, sub-bands), with D the differences of neighbours."""
    count = len(model.bend)
    differences = np.diff(np.eye(count), axis=0)
    section = model.section
    matrix = section.smoothness * differences.T @ differences + section.amplitude * np.eye(count)
    result: Floats = model.weight * matrix
    return result


def kernels_of(bend: Floats, lifts: Sequence[Lift]) -> Complex:
    """Return what multiplies each sub-band in each visit, (visits, sub-bands, SIDE, SIDE)."""
    k = 2.0 * np.pi * scipy.fft.fftfreq(SIDE)
    return np.array([lift.kernels(bend, k, k) for lift in lifts])


def power(correlation: Floats) -> Floats:
    """Return the power of noise of a correlation, (n, n) with n odd, on average 1, (SIDE, SIDE)."""
    half = min(correlation.shape[0], SIDE - 1) // 2
    middle = correlation.shape[0] // 2
    cut = correlation[middle - half : middle + half + 1, middle - half : middle + half + 1]
    stamp = np.zeros((SIDE, SIDE))
    stamp[: 2 * half + 1, : 2 * half + 1] = cut
    values = np.maximum(scipy.fft.fft2(np.roll(stamp, (-half, -half), (0, 1))).real, 0.0)
    result: Floats = values / values.mean()
    return result


def normal_inverse(kernels: Complex, weights: Floats, ridge: Floats) -> Complex:
    """Return the covariance of the sub-bands where every visit's noise has power 1 / weight throughout."""
    return covariance(kernels, weights, np.ones((weights.size, SIDE, SIDE)) / weights[:, None, None], ridge)


def covariance(kernels: Complex, weights: Floats, powers: Floats, ridge: Floats) -> Complex:
    """Return the covariance of the sub-bands, (SIDE, SIDE, sub-bands, sub-bands).

    Parameters
    ----------
    kernels
        From `kernels_of`.
    weights : (visits,)
        Of the visits.
    powers : (visits, SIDE, SIDE)
        Power of their noise, on average its variance.
    ridge : (sub-bands, sub-bands)
        R, from `regularisation`.
    """
    columns = np.moveaxis(kernels, 1, -1)
    outer = np.conj(columns)[..., :, None] * columns[..., None, :]
    inverse = np.linalg.inv(np.tensordot(weights, outer, axes=1) + ridge)
    noise = np.einsum("vij,vijbc->ijbc", weights[:, None, None] ** 2 * powers, outer)
    result: Complex = inverse @ noise @ inverse
    return result


def variance_gain(observed: Sequence[Observed], lifts: Sequence[Lift], model: DcrModel, box: Box) -> Floats:
    """Return the variance of each sub-band over that of the mean of all visits, (sub-bands, ny, nx).

    Worked out in the middle of cells of the tract, and interpolated.
    """
    ys, xs = (
        (np.arange(a // CELL, -(-b // CELL)) + 0.5) * CELL for a, b in ((box.y0, box.y1), (box.x0, box.x1))
    )
    kernels = kernels_of(model.bend, lifts)
    powers = np.array([power(o.correlation) for o in observed])
    gains = np.ones((len(model.bend), ys.size, xs.size))
    for i, y in enumerate(ys):
        for j, x in enumerate(xs):
            half = CELL // 2
            cell = Box(y0=int(y) - half, y1=int(y) + half, x0=int(x) - half, x1=int(x) + half).clip(box)
            weights, variances = _averages([o.warp.crop(cell) for o in observed], model, cell)
            if weights.any():
                found = covariance(kernels, weights, variances[:, None, None] * powers, regularisation(model))
                mean = float((weights**2 * variances).sum() / weights.sum() ** 2)
                gains[:, i, j] = np.diagonal(found.mean(axis=(0, 1))).real / mean
    rows, columns = _between(ys, box.y0, box.y1), _between(xs, box.x0, box.x1)
    result: Floats = np.einsum("yi,bij,xj->byx", rows, gains, columns)
    return result


def _averages(warps: Sequence[Warp], model: DcrModel, cell: Box) -> tuple[Floats, Floats]:
    """Return the mean weight of each visit over what any of them covers, and the variance of its pixels."""
    covered = np.zeros(cell.shape, np.bool_)
    weights, variances = np.zeros((2, len(warps)))
    for i, warp in enumerate(warps):
        counted = model.counted(warp)
        covered[warp.box.within(cell)] |= counted > 0
        if counted.any():
            weights[i] = counted.sum(dtype=np.float64)
            variances[i] = np.median(warp.variance[counted > 0])
    return weights / max(int(covered.sum()), 1), variances


def _between(nodes: NDArray[Any], start: int, stop: int) -> Floats:
    """Return the weights, (stop - start, nodes), of linear interpolation, constant beyond the nodes."""
    place = np.interp(np.arange(start, stop), nodes, np.arange(nodes.size))
    weights: Floats = np.maximum(0.0, 1.0 - np.abs(place[:, None] - np.arange(nodes.size)))
    return weights


def subband_correlation(
    model: DcrModel, lifts: Sequence[Lift], weights: Floats, powers: Floats, number: int
) -> Floats:
    """Return the correlation of the noise of a sub-band, (SIDE - 1) square, 1 in the middle.

    Parameters
    ----------
    model
        What was solved.
    lifts, weights, powers
        Of the visits, as in `covariance`.
    number
        Of the sub-band.
    """
    kernels = kernels_of(model.bend, lifts)
    return correlation_of(
        covariance(kernels, weights, powers, regularisation(model))[..., number, number].real
    )


def correlation_of(power: Floats) -> Floats:
    """Return the correlation of noise of a power, (SIDE, SIDE): (SIDE - 1) square, 1 in the middle."""
    half = SIDE // 2 - 1
    stamp = np.roll(scipy.fft.ifft2(power).real, (half, half), (0, 1))[: SIDE - 1, : SIDE - 1]
    result: Floats = stamp / stamp[half, half]
    return result
