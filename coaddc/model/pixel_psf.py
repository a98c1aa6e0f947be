"""A PSF model of pixels: stamps that vary over the detector as a polynomial."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property

import numpy as np
from numpy.typing import ArrayLike, NDArray

from coaddc.model.cubic import spline_filter
from coaddc.model.errors import DataError
from coaddc.model.psf import Floats


@dataclass(frozen=True, eq=False)
class PixelPsf:
    """A PSF of stamps: the sum over terms of x**i y**j times a stamp, interpolated by a cubic spline.

    The terms of a polynomial of degree d are ordered as PSFEx does (Bertin 2011, ADASS XX, 435): powers of y
    outside, of x inside, so 1, x, x**2, y, x y, y**2 for d = 2, of (position - zero) / scale.

    Attributes
    ----------
    stamps : (terms, n, n)
        Values at steps of ``step`` pixels of the image, the source at index n // 2.
    step
        Distance of the samples, pixels of the image.
    degree
        Of the polynomial; 0 is one stamp for all.
    zero, scale
        (x, y), 0-based pixels: where the polynomial is centred, and its unit.
    """

    stamps: NDArray[np.float64]
    step: float = 1.0
    degree: int = 0
    zero: tuple[float, float] = (0.0, 0.0)
    scale: tuple[float, float] = (1.0, 1.0)

    def __post_init__(self) -> None:
        terms = (self.degree + 1) * (self.degree + 2) // 2
        if self.stamps.ndim != 3 or len(self.stamps) != terms or self.step <= 0:
            raise DataError(
                f"a PSF of degree {self.degree} needs {terms} stamps and a step above 0; "
                f"got {self.stamps.shape} and {self.step}"
            )

    @property
    def radius(self) -> float:
        """Half the side of a stamp; its corners reach farther."""
        return self.step * float(min(self.stamps.shape[1:]) // 2)

    def evaluate(self, *, x: float, y: float, dx: Floats, dy: Floats) -> Floats:
        """Return the flux per pixel at offsets from a source at (x, y), total 1; 0 beyond the stamp."""
        from scipy.ndimage import map_coordinates  # slow to import

        terms = self.terms(x=x, y=y)
        total = float((terms * self._sums).sum()) * self.step**2
        ny, nx = self.stamps.shape[1:]
        where = np.stack([np.asarray(dy) / self.step + ny // 2, np.asarray(dx) / self.step + nx // 2])
        # Not by BLAS, whose own threads get in the way of ours for arrays this small.
        coefficients = np.einsum("t,tij->ij", terms, self.coefficients)
        value = map_coordinates(coefficients, where, order=3, mode="constant", prefilter=False)
        result: Floats = value / total
        return result

    def terms(self, *, x: ArrayLike, y: ArrayLike) -> Floats:
        """Return what each term of the polynomial is at positions in the image: (..., terms)."""
        u = (np.asarray(x, np.float64) - self.zero[0]) / self.scale[0]
        v = (np.asarray(y, np.float64) - self.zero[1]) / self.scale[1]
        powers = [(i, j) for j in range(self.degree + 1) for i in range(self.degree + 1 - j)]
        return np.stack([u**i * v**j for i, j in powers], axis=-1)

    @cached_property
    def _sums(self) -> NDArray[np.float64]:
        sums: NDArray[np.float64] = self.stamps.sum(axis=(1, 2))
        return sums

    @cached_property
    def coefficients(self) -> NDArray[np.float64]:
        """Those of the cubic spline, (terms, n, n); the filter is linear: terms are summed after it."""
        along, across = (spline_filter(size) for size in self.stamps.shape[1:])
        coefficients: NDArray[np.float64] = along @ self.stamps @ across.T
        return coefficients
