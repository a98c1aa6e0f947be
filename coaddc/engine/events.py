"""What a run tells as it goes."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Protocol

import numpy as np

from coaddc.engine.tally import Tally
from coaddc.model.images import Coadd, Stacked, Surroundings
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


@dataclass(frozen=True, slots=True)
class Compiling:
    """A kernel is being compiled: others will be, too, this first time on the machine."""


@dataclass(frozen=True, slots=True)
class CompiledKernels:
    """Kernels were compiled for so many seconds of the run, which the next one will not take."""

    seconds: float


Event = UnitStarted | StepDone | UnitDone | Made | Failed | Compiling | CompiledKernels
#: Is told what happens.
Report = Callable[[Event], None]


class Draft(Protocol):
    """A product that has been begun where products go."""

    def put(self, part: Stacked) -> None:
        """Take the pixels of some rows, as wide as the patch; safe from several threads."""

    def publish(self, around: Surroundings) -> Path:
        """Put the product in its place, once it has all its pixels; say where."""

    def discard(self) -> None:
        """Leave nothing of it, unless it was published."""


#: Begins a product.
Begin = Callable[[Target], Draft]


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
    def of_coadd(cls, coadd: Coadd, *, filtered: bool = False) -> Figures:
        """Measure a coadd that is there as a whole."""
        return cls.of(coadd.surroundings, Tally.of(coadd.stacked), filtered=filtered)

    @classmethod
    def of(cls, around: Surroundings, tally: Tally, *, filtered: bool = False) -> Figures:
        """Measure a coadd; ``filtered`` says that its pixels are fluxes of point sources already."""
        known = np.isfinite(around.psf.fwhm)
        fwhm = float(np.median(around.psf.fwhm[known])) if known.any() else float("nan")
        noise = tally.variance * (1.0 if filtered else _spread(around))
        depth = float(31.4 - 2.5 * np.log10(5.0 * np.sqrt(noise)))
        return cls(len(around.inputs), tally.pixels, fwhm, depth)


def _spread(around: Surroundings) -> float:
    """Return the variance of a point source's flux over that of a pixel; NaN where no PSF is known."""
    from coaddc.ops.noise import aperture_variance_factor  # with its kernels slow to import

    known = np.isfinite(around.psf.fwhm)
    if not known.any():
        return float("nan")
    middle = np.argsort(around.psf.fwhm[known])[known.sum() // 2]
    psf = around.psf.stamps[known][middle].astype(np.float64)
    # The flux that fits best with the PSF as weight is sum(psf z) / sum(psf**2) (King 1983, PASP 95, 163).
    return float(aperture_variance_factor(around.correlation, psf)) / float((psf**2).sum())
