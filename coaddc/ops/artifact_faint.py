"""Faint point sources that single pixels do not show, on differences smoothed by the PSF."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

import numpy as np
import scipy
from numpy.typing import NDArray

from coaddc.model.geom import Box
from coaddc.ops.artifact_epochs import Epochs, Thresholds, rare
from coaddc.ops.artifact_runs import RunMask

Plane = NDArray[np.float32]
Flags = NDArray[np.bool_]

#: Differences count up to so many standard deviations: what is brighter is found without smoothing.
CLIP = 5.0
#: A footprint reaches to where it falls below this part of the threshold and of its own brightest pixels.
LOW = 0.35
#: Parts of all values, and within how many standard deviations they lie: differences from the median of three
#: or four visits are far from normal, most of them being small.
NORMAL = ((0.6827, 1.0), (0.95, 1.96), (0.99, 2.576))
#: Standard deviations of a Gaussian in its FWHM.
SIGMAS = 2.3548


def faint_sources(
    planes: Iterable[Plane],
    boxes: Sequence[Box],
    masks: Iterable[Flags],
    epochs: Epochs,
    thresholds: tuple[float, int],
    fwhm: float,
) -> list[RunMask]:
    """Return the pixels of faint compact light that only few visits show.

    The noise of matched warps is correlated as their kernels made it, and that of the template otherwise: so
    smoothed differences are measured in their own robust scatter.

    Parameters
    ----------
    planes
        Differences in standard deviations, one a visit, on its own box.
    boxes
        Where the planes lie.
    masks
        What is rejected already, or protected, and left out.
    epochs
        How many visits there are where.
    thresholds
        Standard deviations of a smoothed difference, and how many pixels exceed them at least.
    fwhm
        Of the PSF of the warps, pixels.
    """
    high, smallest = thresholds
    smooth = (_smoothed(plane, mask, fwhm / SIGMAS) for plane, mask in zip(planes, masks, strict=True))
    return rare(smooth, boxes, epochs, Thresholds(high, LOW * high, smallest, part=LOW))


def _smoothed(plane: Plane, mask: Flags, sigma: float) -> Plane:
    """Return a plane smoothed by a Gaussian, in units of its scatter."""
    shown = np.clip(plane, -CLIP, CLIP)
    shown[mask] = 0
    smooth: Plane = scipy.ndimage.gaussian_filter(shown, sigma, mode="constant", truncate=3.0)
    sample = smooth[::3, ::3][(plane != 0)[::3, ::3]].astype(np.float64)
    if sample.size < 100:
        return np.zeros_like(plane)
    level = float(np.median(sample))
    scatter = max(float(np.quantile(np.abs(sample - level), part)) / far for part, far in NORMAL)
    smooth -= level
    smooth /= scatter + 1e-6
    smooth[plane == 0] = 0
    return smooth
