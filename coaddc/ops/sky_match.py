"""By what the skies of visits differ, from all their overlaps at once, and taking it off.

A visit's bin is what all have in common there (stars, galaxies, a sky that all share) and a smooth offset of
its own: d_v(b) = s(b) + o_v(b). Weighted least squares over all s and o at once is the least-squares
solution over the differences of all overlapping pairs, each with the weight w_v w_u / sum w that it has where
all meet; s drops out of the normal equations. So visits that never overlap are compared through others, and
what is common to all is never touched.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np
import scipy
from numpy.polynomial.legendre import legvander
from numpy.typing import ArrayLike, NDArray

from coaddc.model.geom import Box
from coaddc.model.images import Warp
from coaddc.ops.sky_bins import SkyBins

Floats = NDArray[np.float64]
Bits = NDArray[np.bool_]

#: From the standard deviation to the median of absolute values, of a normal deviate.
TO_SIGMA = 1.4826
#: Bins whose pixels scatter more than those of most, by so many standard deviations, hold objects.
OBJECT = 5.0
#: Where less than this part of the bins would be left, they are not kept away from objects by a bin.
CROWDED = 0.25
#: Fits, each without the bins that the last one disagrees with.
ROUNDS = 12
#: Of the largest eigenvalue: smaller ones are those of surfaces that no overlap tells.
SINGULAR = 1e-9


@dataclass(frozen=True, slots=True, eq=False)
class SkyOffset:
    """A smooth surface over a patch.

    Attributes
    ----------
    box
        The pixels of the patch.
    order
        Highest degree.
    coefficients : (k,)
        Of the products of Legendre polynomials in y and x that `terms` lists, nJy per pixel; the patch is
        the square of -1 to 1.
    """

    box: Box
    order: int
    coefficients: Floats

    @property
    def mean(self) -> float:
        """Mean over the patch, nJy per pixel: all but the first term are orthogonal to a constant."""
        return float(self.coefficients[0])

    def on(self, box: Box) -> Floats:
        """Return the surface over the pixels of a box."""
        y, x = np.arange(box.y0, box.y1), np.arange(box.x0, box.x1)
        rows, columns = _vander(self.box, self.order, y=y, x=x)
        matrix = np.zeros((self.order + 1, self.order + 1))
        matrix[tuple(np.transpose(terms(self.order)))] = self.coefficients
        surface: Floats = rows @ matrix @ columns.T
        return surface


def level(warp: Warp, offset: SkyOffset) -> Warp:
    """Return a warp with a surface taken off where it has data; a new image, the other planes as they are."""
    surface = offset.on(warp.box).astype(np.float32)
    return replace(warp, image=np.where(warp.weight > 0, warp.image - surface, warp.image))


def terms(order: int) -> list[tuple[int, int]]:
    """Return the degrees in y and x of the terms of a surface."""
    return [(j, i) for j in range(order + 1) for i in range(order + 1 - j)]


@dataclass(frozen=True, slots=True)
class SkyModel:
    """How skies may differ.

    Attributes
    ----------
    box
        The pixels of the patch.
    side
        Of a bin, pixels.
    order
        Highest degree of the surfaces.
    nsigma
        Bins further from the fit, in standard deviations, do not count.
    """

    box: Box
    side: int
    order: int
    nsigma: float


def match_skies(
    bins: Sequence[SkyBins], weights: Sequence[float], units: Sequence[int], model: SkyModel
) -> list[SkyOffset]:
    """Return the surface to take off each exposure.

    The weighted mean of the surfaces of all that overlap, directly or through others, is 0: their mean sky
    stays. One that overlaps none keeps its own.

    Parameters
    ----------
    bins
        Exposures in bins, those of one patch.
    weights
        Of a pixel of each, nJy**-2.
    units
        What each belongs to: those of one unit have one surface.
    model
        How they may differ.
    """
    count = max(units) + 1
    weight = np.zeros((count, *bins[0].mean.shape))
    total = np.zeros_like(weight)
    gauge = np.zeros(count)
    for item, each, unit in zip(bins, weights, units, strict=True):
        weight[unit] += each * item.count
        total[unit] += each * item.count * item.mean
        gauge[unit] = max(gauge[unit], each)
    empty = ~objects(bins)
    flat = weight[:, empty]
    value = np.divide(total[:, empty], flat, out=np.zeros_like(flat), where=flat > 0)
    fitted = _fit(value, flat, gauge, _basis(model)[:, empty], model.nsigma)
    return [SkyOffset(model.box, model.order, fitted[unit]) for unit in units]


def objects(bins: Sequence[SkyBins]) -> Bits:
    """Say which bins hold objects: those whose pixels scatter too much, in all exposures taken together.

    And their neighbours. Objects cancel in the differences of exposures only as far as PSFs and zero points
    agree. At most half of the bins are found at first, those of the larger scatter.
    """
    degrees = np.sum([np.maximum(item.count - 1.0, 0.0) for item in bins], axis=0, dtype=np.float64)
    scatter = np.sum([item.scatter for item in bins], axis=0, dtype=np.float64)
    seen = degrees > 0
    if not seen.any():
        return np.zeros(seen.shape, np.bool_)
    ratio = np.divide(scatter, degrees, out=np.zeros_like(scatter), where=seen)
    middle = np.median(ratio[seen])
    found = ratio > middle + OBJECT * TO_SIGMA * np.median(np.abs(ratio[seen] - middle))
    grown: Bits = scipy.ndimage.binary_dilation(found, np.ones((3, 3), np.bool_))
    return grown if (~grown & seen).sum() >= CROWDED * seen.sum() else found


def _basis(model: SkyModel) -> Floats:
    """Return the terms of a surface in the middle of each bin, (k, rows, columns)."""
    box, middles = model.box, []
    for first, last in ((box.y0, box.y1), (box.x0, box.x1)):
        edges = np.append(np.arange(first, last, model.side), last)
        middles.append((edges[:-1] + edges[1:] - 1) / 2.0)
    rows, columns = _vander(box, model.order, y=middles[0], x=middles[1])
    return np.stack([rows[:, j, None] * columns[:, i] for j, i in terms(model.order)])


def _vander(box: Box, order: int, *, y: ArrayLike, x: ArrayLike) -> tuple[Floats, Floats]:
    """Return the Legendre polynomials at rows and at columns."""
    along = [
        (np.asarray(at, np.float64) - middle) / (max(size, 2) / 2.0)
        for at, middle, size in zip((y, x), box.centre, box.shape, strict=True)
    ]
    rows, columns = (np.asarray(legvander(place, order), np.float64) for place in along)
    return rows, columns


def _fit(value: Floats, weight: Floats, gauge: Floats, basis: Floats, nsigma: float) -> Floats:
    """Fit all surfaces, again and again without the bins that disagree; return coefficients (n, k).

    Parameters
    ----------
    value, weight : (n, m)
        Mean and weight of each unit's bins; what has no weight has any value.
    gauge : (n,)
        Weights with which the mean of the surfaces is 0.
    basis : (k, m)
        Terms of the surfaces.
    nsigma
        Limit of what counts, in standard deviations of each unit's residuals.
    """
    seen = weight > 0
    used = seen
    found = np.zeros((len(value), len(basis)))
    for _ in range(ROUNDS):
        kept = np.where(used, weight, 0.0)
        found = _solve(value, kept, gauge, basis)
        residual, compared = _residual(value - found @ basis, kept, weight)
        limit = nsigma * TO_SIGMA * _median(np.abs(residual), used & compared)
        agrees = seen & np.where(compared, np.abs(residual) <= limit[:, None], used)
        if (agrees == used).all():
            break
        used = agrees
    return found


def _median(values: Floats, where: Bits) -> Floats:
    """Return the median of some values of each row; 0 where there are none."""
    return np.array([np.median(v[w]) if w.any() else 0.0 for v, w in zip(values, where, strict=True)])


def _residual(value: Floats, kept: Floats, weight: Floats) -> tuple[Floats, Bits]:
    """Return what is left of each bin over its standard deviation, and where there was another to compare.

    A bin of which less than two units are kept is judged by all that see it.
    """
    part = np.where((kept > 0).sum(axis=0) < 2, weight, kept)
    total = part.sum(axis=0)
    compared = (weight > 0) & (total - part > 0)
    mean = np.divide((part * value).sum(axis=0), total, out=np.zeros_like(total), where=total > 0)
    own, of_mean = (
        np.divide(1.0, np.broadcast_to(w, weight.shape), out=np.zeros_like(weight), where=compared)
        for w in (weight, total)
    )
    variance = own + np.where(part > 0, -of_mean, of_mean)  # of a part of the mean, and of what is none
    compared &= variance > 0
    return np.divide(value - mean, np.sqrt(variance), out=np.zeros_like(weight), where=compared), compared


def _solve(value: Floats, weight: Floats, gauge: Floats, basis: Floats) -> Floats:
    """Return the coefficients (n, k) of least squares; of all solutions that with the weighted mean 0."""
    n, k = len(value), len(basis)
    total = weight.sum(axis=0)
    inverse = np.divide(1.0, total, out=np.zeros_like(total), where=total > 0)
    mean = (weight * value).sum(axis=0) * inverse
    matrix, right = np.zeros((n, k, n, k)), (weight * (value - mean)) @ basis.T
    root = weight * np.sqrt(inverse)
    for i in range(k):
        for j in range(i + 1):
            product = basis[i] * basis[j]
            block = np.diag(weight @ product) - (root * product) @ root.T
            matrix[:, i, :, j] = matrix[:, j, :, i] = block
    scale = np.repeat(np.sqrt(gauge), k)
    values, vectors = np.linalg.eigh(matrix.reshape(n * k, n * k) / np.outer(scale, scale))
    known = values > SINGULAR * max(values[-1], 1e-300)
    part = vectors[:, known]
    found: Floats = (part / values[known]) @ (part.T @ (right.ravel() / scale)) / scale
    return found.reshape(n, k)
