"""The sky in sub-bands of a band, from visits that the air dispersed in various ways.

The image of visit v is d = sum over b of B_vb x_b: each sub-band x_b of the sky, moved and smeared towards
the zenith of the visit (Sullivan 2018, DMTN-037). All warps have one PSF; so has x_b. What minimises

    sum over v, pixels of w (d - B x)**2  +  s W sum over b, pixels of (x_b - x_b+1)**2
                                          +  a W sum over b, pixels of (x_b - m)**2

with w the weights of the visits, W their sum, and m the mean of all visits, is found by conjugate gradients
on the normal equations, preconditioned by their inverse where every visit covers every pixel.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import replace
from functools import cached_property
from itertools import product
from typing import Any

import numpy as np
import scipy
from numpy.typing import NDArray

from coaddc.model.dcr import SQUARE, DcrModel, Observed
from coaddc.model.geom import Box
from coaddc.model.images import Image, Stacked
from coaddc.model.refraction import Floats
from coaddc.ops.convolver import placed
from coaddc.ops.dcr_noise import regularisation, variance_gain
from coaddc.ops.dispersion import Dispersion, Lift, Transform, fourier_box, reach
from coaddc.ops.mean import Run


class NormalEquations:
    """The normal equations of a model on a box, whose sides are odd.

    Parameters
    ----------
    model
        What is solved.
    lifts, weights
        Of the visits; weights (ny, nx), on the box, 0 where a pixel counts nothing.
    box
        See `coaddc.ops.dispersion.fourier_box`.
    """

    def __init__(self, model: DcrModel, lifts: Sequence[Lift], weights: Sequence[Image], box: Box) -> None:
        self._shape = box.shape
        self._count = len(model.bend)
        self._visits = [Dispersion(model.bend, lift, box) for lift in lifts]
        self._weights = weights
        self._ridge = regularisation(model)

    def right(self, images: Sequence[Image], start: Floats) -> Floats:
        """Return the adjoint of the weighted residuals of images, (ny, nx) each, about one sky for all."""
        flat = np.stack([scipy.fft.rfft2(start)] * self._count)
        total = np.zeros_like(flat)
        for visit, weight, image in zip(self._visits, self._weights, images, strict=True):
            total += visit.adjoint(weight * (image - visit.forward(flat)))
        return self._back(total)

    def apply(self, sky: Floats) -> Floats:
        """Return the normal matrix times sub-bands, (sub-bands, ny, nx)."""
        transform = scipy.fft.rfft2(sky)
        total = np.tensordot(self._ridge, transform, axes=1)
        for visit, weight in zip(self._visits, self._weights, strict=True):
            total += visit.adjoint(weight * visit.forward(transform))
        return self._back(total)

    def precondition(self, sky: Floats) -> Floats:
        """Return the inverse of the normal matrix of even coverage times sub-bands."""
        return self._back(np.einsum("ijbc,cij->bij", self._inverse, scipy.fft.rfft2(sky)))

    @cached_property
    def _inverse(self) -> NDArray[Any]:
        """The inverse for each frequency, (ny, nx // 2 + 1, sub-bands, sub-bands)."""
        covered = int(np.any([weight > 0 for weight in self._weights], axis=0).sum())
        ny, nx = self._shape
        matrix: NDArray[Any] = np.zeros((ny, nx // 2 + 1, self._count, self._count), np.complex128)
        for visit, weight in zip(self._visits, self._weights, strict=True):
            kernels = np.moveaxis(visit.kernels, 0, -1).astype(np.complex128)
            even = float(weight.sum(dtype=np.float64)) / covered
            matrix += even * np.conj(kernels)[..., :, None] * kernels[..., None, :]
        return np.linalg.inv(matrix + self._ridge)

    def _back(self, transform: Transform) -> Floats:
        sky: Floats = scipy.fft.irfft2(transform, self._shape)
        return sky


def solve_subbands(
    observed: Sequence[Observed], mean: Stacked, model: DcrModel, margin: int, run: Run = map
) -> tuple[Stacked, ...]:
    """Solve for the sub-bands over a box.

    Parameters
    ----------
    observed
        The visits, matched to one PSF, each on its own part of the box.
    mean
        Their weighted mean over the box: where to begin, the mask, and where there are data at all.
    model
        What to solve.
    margin
        How far around a block its solution looks; the result is for the box without it.
    run
        Maps a function over blocks, in threads perhaps.

    Returns
    -------
    subbands
        One a sub-band, bluest first: flux density, nJy per pixel, as if all the band's light were like it, so
        that their mean is the flux in the band; variance of the single pixel from the fit. A source whose
        colour the visits cannot tell has the same in all.
    """
    inner = mean.box.grow(-margin)
    images = np.repeat(mean.image[None], len(model.bend), axis=0)
    gains = np.ones_like(images)
    squares = blocks(inner)

    def solve(number: int) -> None:
        block = squares[number]
        at, wide = (slice(None), *block.within(mean.box)), block.grow(margin)
        near = [replace(o, warp=o.warp.crop(wide)) for o in observed]
        near = [o for o in near if model.counted(o.warp).any()]
        if near:
            lifts = _lifts(near, model, block)
            images[at] += _change(near, lifts, mean, model, wide)[(slice(None), *block.within(wide))]
            gains[at] = variance_gain(near, lifts, model, block)

    for _ in run(solve, range(len(squares))):
        pass
    pairs = zip(images, gains, strict=True)
    return tuple(replace(mean, image=image, variance=mean.variance * gain) for image, gain in pairs)


def blocks(box: Box) -> list[Box]:
    """Cut a box along multiples of SQUARE."""
    edges = ((box.y0, box.y1), (box.x0, box.x1))
    corners = product(*(range(a // SQUARE * SQUARE, b, SQUARE) for a, b in edges))
    return [Box(y0=y, y1=y + SQUARE, x0=x, x1=x + SQUARE).clip(box) for y, x in corners]


def _lifts(observed: Sequence[Observed], model: DcrModel, box: Box) -> list[Lift]:
    y, x = box.centre
    return [Lift.at(model.tract, model.zeniths[o.visit], y=y, x=x) for o in observed]


def _change(
    observed: Sequence[Observed], lifts: Sequence[Lift], mean: Stacked, model: DcrModel, wide: Box
) -> Floats:
    """Return by how much the sub-bands differ from the mean over a box, (sub-bands, ny, nx)."""
    box = fourier_box(wide, 2 * reach(lifts, model.bend) + 8)
    weights = [placed(model.counted(o.warp), o.warp.box, box) for o in observed]
    images = [placed(o.warp.image, o.warp.box, box) for o in observed]
    start = placed(np.nan_to_num(mean.image.astype(np.float64)), mean.box, box)
    equations = NormalEquations(model, lifts, weights, box)
    right = equations.right(images, start)

    def operator(function: Callable[[Floats], Floats]) -> Any:
        def flat(sky: Floats) -> Floats:
            return function(sky.reshape(right.shape)).ravel()

        return scipy.sparse.linalg.LinearOperator((right.size, right.size), flat, dtype=float)

    section = model.section
    solution, _ = scipy.sparse.linalg.cg(
        operator(equations.apply),
        right.ravel(),
        rtol=section.tolerance,
        maxiter=section.iterations,
        M=operator(equations.precondition),
    )
    change: Floats = np.asarray(solution).reshape(right.shape)
    return change[(slice(None), *wide.within(box))]
