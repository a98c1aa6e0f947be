"""Fits of stars by a PSF model, and of a PSF model by stars."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy.ndimage import map_coordinates
from scipy.optimize import nnls
from scipy.sparse import csr_matrix, diags_array, hstack
from scipy.sparse.linalg import splu

from coaddc.io.psfs.star_select import Star, TooFewStarsError
from coaddc.model.pixel_psf import PixelPsf
from coaddc.model.psf import Floats, GaussianMixture, Psf, fwhm, stamp

#: How well a model is trusted to fit a star, as a part of its value: bright stars do not rule alone.
ACCURACY = 0.01

#: Standard deviation of what stars may add to the round Gaussians, as a part of them: everywhere, and from
#: the middle of the detector to its edge.
PRIOR, GRADIENT_PRIOR = 0.3, 0.1

#: Sigmas of the round Gaussians, in units of the one with the stars' half-light radius.
SIZES = (0.5, 0.7, 1.0, 1.4, 2.0, 2.8, 4.0, 6.0)
HALF_LIGHT = 1.1774

#: Rounds, and the limit for outliers, while the round Gaussians are found.
ROUNDS, ROUGH = 4, 20.0

#: With fewer stars the model is the same all over the detector.
ENOUGH_FOR_GRADIENT = 20

#: Pixels further than this from the model, standard deviations, do not count.
OUTLIER = 5.0


@dataclass(frozen=True, eq=False)
class Fitted:
    """A star with its best centre, flux and sky; ``chi2`` is per pixel."""

    star: Star
    x: float
    y: float
    flux: float
    sky: float
    chi2: float


def fit_star(star: Star, psf: Psf, guess: Fitted | None = None) -> Fitted:
    """Fit centre, flux and sky of a star by Gauss-Newton steps.

    Parameters
    ----------
    star
        The cut-out.
    psf
        The model.
    guess
        Where to begin; None: as the star was found.
    """
    x, y = (star.x, star.y) if guess is None else (guess.x, guess.y)
    flux, sky = (star.flux, 0.0) if guess is None else (guess.flux, guess.sky)
    chi2 = np.inf
    for _ in range(3):
        dx, dy = _offsets(star, x=x, y=y)
        shape = psf.evaluate(x=x, y=y, dx=dx, dy=dy)
        slope_y, slope_x = np.gradient(shape)  # of the pixels; by the centre it is the opposite
        weight = _weight(star, flux * shape)
        residual = star.image - flux * shape - sky
        residual_weight = weight * (residual**2 * weight < OUTLIER**2)
        design = np.stack([shape, -flux * slope_x, -flux * slope_y, np.ones_like(shape)])
        scaled = design * residual_weight
        normal = np.einsum("aij,bij->ab", scaled, design)  # too small for the threads of BLAS
        step = np.linalg.lstsq(normal, np.einsum("aij,ij->a", scaled, residual), rcond=1e-12)[0]
        flux, sky = flux + step[0], sky + step[3]
        x, y = x + np.clip(step[1], -0.5, 0.5), y + np.clip(step[2], -0.5, 0.5)
        counted = np.isfinite(star.variance)
        chi2 = float((residual**2 * weight)[counted].mean())
    return Fitted(star, float(x), float(y), float(flux), float(sky), chi2)


def fit_round(stars: Sequence[Star], radius: float) -> GaussianMixture:
    """Fit concentric circular Gaussians to some stars: a smooth core with whatever wings they have.

    The sizes are given, the amplitudes found by non-negative least squares.

    Parameters
    ----------
    stars
        Cut-outs.
    radius
        Half-light radius, pixels, to begin with.
    """
    sigmas = tuple(radius / HALF_LIGHT * factor for factor in SIZES)
    start = (0.0, 0.0, 1.0) + (0.0,) * (len(SIZES) - 3)
    mixture = GaussianMixture(sigmas, start)
    fits: list[Fitted | None] = [None] * len(stars)
    for _ in range(ROUNDS):
        fits = [fit_star(star, mixture, fit) for star, fit in zip(stars, fits, strict=True)]
        good = [fit for fit in fits if fit is not None and fit.flux > 0]
        if not good:
            raise TooFewStarsError("no star has a positive flux")
        mixture = _amplitudes(good, mixture)
    return mixture


def _amplitudes(fits: Sequence[Fitted], last: GaussianMixture) -> GaussianMixture:
    single = [GaussianMixture((sigma,), (1.0,)) for sigma in last.sigmas]
    normal, right = np.zeros((len(single), len(single))), np.zeros(len(single))
    for fit in fits:
        dx, dy = _offsets(fit.star, x=fit.x, y=fit.y)
        design = np.stack([part.evaluate(x=0.0, y=0.0, dx=dx, dy=dy) for part in single])
        expected = fit.flux * last.evaluate(x=0.0, y=0.0, dx=dx, dy=dy)
        weight, value = _weight(fit.star, expected), fit.star.image - fit.sky
        weight = weight * ((value - expected) ** 2 * weight < ROUGH**2) * fit.flux**2
        normal += np.einsum("aij,bij->ab", design * weight, design)
        right += np.einsum("aij,ij->a", design * weight, value / fit.flux)
    root = np.linalg.cholesky(normal + np.diag(1e-9 * np.diag(normal)))
    amplitudes = nnls(root.T, np.linalg.solve(root, right))[0]
    return GaussianMixture(last.sigmas, tuple(float(value) for value in amplitudes / amplitudes.sum()))


def fit_model(fits: Sequence[Fitted], base: GaussianMixture, last: Psf, shape: tuple[int, int]) -> PixelPsf:
    """Fit a PSF model, round Gaussians plus a cubic spline, to stars of known centre, flux and sky.

    Linear least squares for the spline's coefficients, which vary linearly over the detector where there are
    20 stars or more.

    Parameters
    ----------
    fits
        Stars.
    base
        The round Gaussians.
    last
        The best model so far: says how uncertain pixels are, and which do not fit.
    shape
        Of the image (ny, nx).
    """
    grid = _Grid.around(fits[0].star.image.shape[0] // 2, base)
    degree = 1 if len(fits) >= ENOUGH_FOR_GRADIENT else 0
    rows, target, weight, u, v = _equations(fits, base, last, (grid, shape))
    inner = rows[:, grid.inner]
    design = hstack(
        [rows[:, grid.nodes], _times(inner, u), _times(inner, v)] if degree else [rows[:, grid.nodes]]
    )
    middle = base.evaluate(x=0.0, y=0.0, dx=grid.x, dy=grid.y)
    gradients = [GRADIENT_PRIOR * middle[grid.inner]] * (2 * degree)
    spread = np.concatenate([PRIOR * middle[grid.nodes], *gradients])
    design = design.tocsr()
    normal = design.T @ _times(design, weight) + diags_array(1.0 / spread**2)
    # Each node meets its neighbours only; a dense solution takes far longer, and threads of its own.
    solution = splu(normal.tocsc(), permc_spec="MMD_AT_PLUS_A").solve(design.T @ (weight * target))
    ends = len(grid.nodes) + len(grid.inner) * np.arange(2 * degree)
    parts = [
        grid.spread(part, grid.inner if number else grid.nodes)
        for number, part in enumerate(np.split(solution, ends))
    ]
    ny, nx = shape
    return PixelPsf(
        grid.sample(parts, base), grid.fine, degree, ((nx - 1) / 2, (ny - 1) / 2), (nx / 2, ny / 2)
    )


@dataclass(frozen=True, eq=False)
class _Grid:
    """The spline's nodes: a square, 2 middle + 1 a side, ``step`` pixels apart, at ``x``, ``y``.

    ``nodes`` are those near enough to the centre to be fitted, ``inner`` those that may vary over the
    detector; ``fine`` is the step of the model's stamps, which reach ``half`` pixels.
    """

    half: int
    step: float
    middle: int
    x: Floats
    y: Floats
    nodes: NDArray[np.int64]
    inner: NDArray[np.int64]
    fine: float

    @classmethod
    def around(cls, half: int, base: GaussianMixture) -> _Grid:
        half_pixel = stamp(base, x=0.0, y=0.0, half=2 * half, jacobian=0.5 * np.eye(2))
        width = 0.5 * fwhm(half_pixel)
        step = 1.0 if width >= 2.8 else 0.5
        middle = int(np.ceil((half + 1) / step)) + 2
        y, x = np.mgrid[-middle : middle + 1, -middle : middle + 1].astype(np.float64) * step
        distance = np.hypot(x, y).ravel()
        nodes = np.flatnonzero(distance < min(3.0 * width + 1.0, float(half)))
        inner = np.flatnonzero(distance < 1.5 * width + 1.0)
        return cls(half, step, middle, x.ravel(), y.ravel(), nodes, inner, 1.0 if width >= 4.0 else 0.5)

    def rows(self, dx: Floats, dy: Floats) -> csr_matrix:
        """Return the values of all nodes' splines at offsets, a row an offset."""
        n = 2 * self.middle + 1
        (i, wi), (j, wj) = (_cubic(offset / self.step + self.middle) for offset in (dy, dx))
        columns = (i[:, :, np.newaxis] * n + j[:, np.newaxis, :]).reshape(len(dx), 16)
        values = (wi[:, :, np.newaxis] * wj[:, np.newaxis, :]).reshape(len(dx), 16)
        pointers = np.arange(0, 16 * len(dx) + 1, 16)
        return csr_matrix((values.ravel(), columns.ravel(), pointers), shape=(len(dx), n * n))

    def spread(self, part: Floats, where: NDArray[np.int64]) -> Floats:
        """Put coefficients on the square of nodes."""
        square = np.zeros(len(self.x))
        square[where] = part
        return square.reshape(2 * self.middle + 1, -1)

    def sample(self, parts: list[Floats], base: GaussianMixture) -> Floats:
        """Sample the splines, and the round Gaussians with the first."""
        reach = int(self.half / self.fine)
        dy, dx = np.mgrid[-reach : reach + 1, -reach : reach + 1].astype(np.float64) * self.fine
        where = np.stack([dy, dx]) / self.step + self.middle
        stamps: Floats = np.stack([map_coordinates(part, where, order=3, prefilter=False) for part in parts])
        stamps[0] += base.evaluate(x=0.0, y=0.0, dx=dx, dy=dy)
        return stamps


def _cubic(u: Floats) -> tuple[NDArray[np.int64], Floats]:
    """Return the four nodes around positions, and the cubic B-spline of each there."""
    first = np.floor(u).astype(np.int64) - 1
    t = u - np.floor(u)
    weights = (
        np.stack([(1 - t) ** 3, 3 * t**3 - 6 * t**2 + 4, -3 * t**3 + 3 * t**2 + 3 * t + 1, t**3], axis=1) / 6
    )
    return first[:, np.newaxis] + np.arange(4), weights


def _equations(
    fits: Sequence[Fitted], base: GaussianMixture, last: Psf, over: tuple[_Grid, tuple[int, int]]
) -> tuple[csr_matrix, Floats, Floats, Floats, Floats]:
    """Return design, target, weight, and the stars' positions, -1 to 1, of all pixels that count."""
    grid, (ny, nx) = over
    dx, dy, target, weight, u, v = ([] for _ in range(6))
    for fit in fits:
        offset_x, offset_y = _offsets(fit.star, x=fit.x, y=fit.y)
        expected = last.evaluate(x=fit.x, y=fit.y, dx=offset_x, dy=offset_y)
        spread = _weight(fit.star, fit.flux * expected)
        flux = fit.star.image - fit.sky
        counts = (spread > 0) & ((flux - fit.flux * expected) ** 2 * spread < OUTLIER**2)
        dx.append(offset_x[counts])
        dy.append(offset_y[counts])
        target.append(flux[counts] / fit.flux - base.evaluate(x=0.0, y=0.0, dx=dx[-1], dy=dy[-1]))
        weight.append(spread[counts] * fit.flux**2)
        u.append(np.full(len(dx[-1]), (2 * fit.x + 1) / nx - 1))
        v.append(np.full(len(dx[-1]), (2 * fit.y + 1) / ny - 1))
    joined = [np.concatenate(values) for values in (dx, dy, target, weight, u, v)]
    return grid.rows(joined[0], joined[1]), joined[2], joined[3], joined[4], joined[5]


def _times(matrix: csr_matrix, factor: Floats) -> csr_matrix:
    """Multiply each row by a number."""
    return csr_matrix(matrix.multiply(factor[:, np.newaxis]))


def _offsets(star: Star, *, x: float, y: float) -> tuple[Floats, Floats]:
    rows, columns = np.ogrid[: star.image.shape[0], : star.image.shape[1]]
    dx: Floats = np.broadcast_to(columns + (star.x0 - x), star.image.shape)
    dy: Floats = np.broadcast_to(rows + (star.y0 - y), star.image.shape)
    return dx, dy


def _weight(star: Star, model: Floats) -> Floats:
    weight: Floats = 1.0 / (star.variance + (ACCURACY * model) ** 2)
    return weight
