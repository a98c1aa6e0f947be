"""What a run tells as it goes."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from coaddc.model.images import Coadd
from coaddc.model.product import Product
from coaddc.plan.plan import Target, Unit


@dataclass(frozen=True, slots=True)
class UnitStarted:
    """Work on a patch and band begins; it will take so many steps."""

    unit: Unit
    steps: int


@dataclass(frozen=True, slots=True)
class StepDone:
    """One visit has gone through one tile."""

    unit: Unit


@dataclass(frozen=True, slots=True)
class UnitDone:
    """All products of a patch and band stand or have failed.

    Attributes
    ----------
    seconds
        Time of one thread that each kind of task took; the sum is wall time by the number of threads.
    """

    unit: Unit
    seconds: Mapping[str, float]


@dataclass(frozen=True, slots=True)
class Made:
    """A product stands in the store."""

    target: Target
    path: Path
    figures: Figures


@dataclass(frozen=True, slots=True)
class Failed:
    """A product could not be made."""

    target: Target
    error: str


Event = UnitStarted | StepDone | UnitDone | Made | Failed
#: Is told what happens.
Report = Callable[[Event], None]
#: Puts a finished coadd into the store; says where.
Publish = Callable[[Product, Coadd], Path]


@dataclass(frozen=True, slots=True)
class Figures:
    """What the summary says of a coadd.

    Attributes
    ----------
    inputs
        Number of exposures.
    pixels
        Number of pixels with data.
    fwhm
        Median over its cells, arcsec.
    depth
        AB magnitude of a point source at 5 sigma in the median pixel, the noise's correlation counted.
    """

    inputs: int
    pixels: int
    fwhm: float
    depth: float

    @classmethod
    def of(cls, coadd: Coadd, *, filtered: bool = False) -> Figures:
        """Measure a coadd; ``filtered`` says that its pixels are fluxes of point sources already."""
        good = np.isfinite(coadd.stacked.image)
        fwhm = float(np.nanmedian(coadd.psf.fwhm)) if np.isfinite(coadd.psf.fwhm).any() else np.nan
        depth = _flux_depth(coadd, good) if filtered else _depth(coadd, good)
        return cls(len(coadd.inputs), int(good.sum()), fwhm, depth)


def _flux_depth(coadd: Coadd, good: NDArray[np.bool_]) -> float:
    noise = float(np.median(coadd.stacked.variance[good])) if good.any() else float("nan")
    return float(31.4 - 2.5 * np.log10(5.0 * np.sqrt(noise)))


def _depth(coadd: Coadd, good: NDArray[np.bool_]) -> float:
    from coaddc.ops.noise import aperture_variance_factor  # with its kernels slow to import

    known = np.isfinite(coadd.psf.fwhm)
    if not good.any() or not known.any():
        return float("nan")
    middle = np.argsort(coadd.psf.fwhm[known])[known.sum() // 2]
    psf = coadd.psf.stamps[known][middle].astype(np.float64)
    # The flux that fits best with the PSF as weight is sum(psf z) / sum(psf**2) (King 1983, PASP 95, 163).
    noise = float(np.median(coadd.stacked.variance[good])) / float((psf**2).sum())
    return float(
        31.4 - 2.5 * np.log10(5.0 * np.sqrt(noise * aperture_variance_factor(coadd.correlation, psf)))
    )
