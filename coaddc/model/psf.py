"""PSF models: the image of a point source as a function of where it is."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Protocol

import numpy as np
from numpy.typing import NDArray

from coaddc.model.cubic import spline_finer
from coaddc.model.errors import ConfigError

Floats = NDArray[np.float64]


class Psf(Protocol):
    """The response to a point source, pixel included: what a star looks like in the pixels of its image."""

    @property
    def radius(self) -> float:
        """Beyond this distance, pixels, the model is zero or negligible."""

    def evaluate(self, *, x: float, y: float, dx: Floats, dy: Floats) -> Floats:
        """Return the flux per pixel, total 1, at offsets from a source at (x, y).

        Parameters
        ----------
        x, y
            Where the source is, in pixels of the image.
        dx, dy
            Offsets from its centre, pixels, of any one shape; they need not be whole.
        """


@dataclass(frozen=True, slots=True)
class Moffat:
    """A circular Moffat profile, the same everywhere: (1 + (r / a)**2)**-beta.

    Moffat 1969, A&A 3, 455; a = fwhm / (2 sqrt(2**(1 / beta) - 1)).

    Attributes
    ----------
    fwhm
        Full width at half maximum, pixels.
    beta
        Power of the wings, above 1.
    """

    fwhm: float
    beta: float = 3.5

    def __post_init__(self) -> None:
        if not (self.fwhm > 0 and self.beta > 1):
            raise ConfigError(f"a Moffat needs fwhm > 0 and beta > 1; got fwhm={self.fwhm}, beta={self.beta}")

    @property
    def radius(self) -> float:
        """Distance that holds 0.9995 of the flux, six times the FWHM at most."""
        a = self.fwhm / (2.0 * np.sqrt(2.0 ** (1.0 / self.beta) - 1.0))
        return float(min(a * np.sqrt(0.0005 ** (1.0 / (1.0 - self.beta)) - 1.0), 6.0 * self.fwhm))

    def evaluate(self, *, x: float, y: float, dx: Floats, dy: Floats) -> Floats:
        """Return the flux per pixel at offsets; the position does not matter."""
        a2 = self.fwhm**2 / (4.0 * (2.0 ** (1.0 / self.beta) - 1.0))
        value: Floats = (self.beta - 1.0) / (np.pi * a2) * (1.0 + (dx**2 + dy**2) / a2) ** -self.beta
        return value


@dataclass(frozen=True, slots=True)
class GaussianMixture:
    """Concentric circular Gaussians, the same everywhere.

    Attributes
    ----------
    sigmas
        Standard deviation of each, pixels.
    fluxes
        Part of the flux in each; their sum is 1.
    """

    sigmas: tuple[float, ...]
    fluxes: tuple[float, ...]

    @classmethod
    def of_fwhm(cls, fwhm: float, *, wing_ratio: float = 2.5, wing_amplitude: float = 0.1) -> GaussianMixture:
        """Make a double Gaussian with this FWHM as a whole, pixels.

        The wing has ``wing_ratio`` times the sigma and ``wing_amplitude`` times the peak of the core.
        """
        from scipy.optimize import brentq  # slow to import

        fluxes = np.array([1.0, wing_amplitude * wing_ratio**2])
        fluxes /= fluxes.sum()
        heights = fluxes / np.array([1.0, wing_ratio**2])

        def excess(half: float) -> float:
            ratios = np.array([1.0, wing_ratio])
            return float((heights * np.exp(-0.5 * (half / ratios) ** 2)).sum() - heights.sum() / 2.0)

        core = fwhm / (2.0 * brentq(excess, 1e-3, 10.0 * wing_ratio))
        return cls((core, core * wing_ratio), (float(fluxes[0]), float(fluxes[1])))

    @property
    def radius(self) -> float:
        """Five sigma of the widest Gaussian."""
        return 5.0 * max(self.sigmas)

    def evaluate(self, *, x: float, y: float, dx: Floats, dy: Floats) -> Floats:
        """Return the flux per pixel at offsets; the position does not matter."""
        r2 = dx**2 + dy**2
        value: Floats = np.zeros_like(r2)
        for sigma, flux in zip(self.sigmas, self.fluxes, strict=True):
            value += flux / (2.0 * np.pi * sigma**2) * np.exp(-0.5 * r2 / sigma**2)
        return value


def stamp(psf: Psf, *, x: float, y: float, half: int, jacobian: Floats | None = None) -> Floats:
    """Return the image of a point source on whole pixels around it, sum 1.

    Parameters
    ----------
    psf
        The model, in the pixels of its own image.
    x, y
        Where the source is there.
    half
        The stamp is (2 half + 1) square, the source on its middle pixel.
    jacobian : (2, 2)
        d(x, y of the model's image)/d(x, y of the stamp), where the stamp is on another pixel grid.
    """
    dy, dx = np.mgrid[-half : half + 1, -half : half + 1].astype(np.float64)
    if jacobian is not None:
        dx, dy = jacobian[0, 0] * dx + jacobian[0, 1] * dy, jacobian[1, 0] * dx + jacobian[1, 1] * dy
    image = psf.evaluate(x=x, y=y, dx=dx, dy=dy)
    total = float(image.sum())
    result: Floats = image / total if total > 0 else image
    return result


def fwhm(image: Floats) -> float:
    """Return the full width at half maximum, pixels, of a centred PSF stamp.

    It is the width of the circle with the area of all that is above half the peak, the peak and the area
    taken from the stamp interpolated ten times finer by a cubic spline.
    """
    half = image.shape[0] // 2
    reach = min(half, 1 + int(np.ceil(2.0 * np.sqrt((image > 0.25 * image.max()).sum() / np.pi))))
    finer = spline_finer(half, reach)
    value = finer @ image @ finer.T
    return float(2.0 * np.sqrt((value > value.max() / 2.0).sum() * 0.01 / np.pi))
