"""How far each visit's matched warp is from the static sky, in standard deviations."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import scipy
from numpy.typing import NDArray

from coaddc.kernels.difference import add_weights, significance
from coaddc.model.assembly import ArtifactsSection, Statistic, Weighting
from coaddc.model.images import Stacked, Warp
from coaddc.model.mask import bits
from coaddc.ops.stack import median_factor

Plane = NDArray[np.float32]

#: What lies within this distance, pixels, of a bright pixel may be off by WING of the flux tolerance times
#: that pixel: matching kernels and PSF models are imperfect in the wings too, where the template is faint.
WING_REACH, WING = 24, 0.01
#: The noise is measured where this part of all significances lies within the 1.645 sigma of a normal deviate.
QUANTILE, NORMAL = 0.9, 1.6449


def tolerance(template: Stacked, options: ArtifactsSection) -> Plane:
    """Return by how much a warp may differ from the template, nJy, without being different.

    What imperfect matching leaves goes with the flux and, for an error of position, with the gradient; and
    around a bright source with its flux. (ny, nx).
    """
    image = np.nan_to_num(template.image, nan=0.0, posinf=0.0, neginf=0.0)
    dy, dx = np.gradient(image)
    slope = np.hypot(dy, dx, dtype=np.float32)
    flux = np.maximum(scipy.ndimage.maximum_filter(image, 3), 0.0)
    wide = np.maximum(scipy.ndimage.maximum_filter(image, 2 * WING_REACH + 1), 0.0)
    near = options.flux_tolerance * flux + options.shift_tolerance * slope
    whole: Plane = (near + options.flux_tolerance * WING * wide).astype(np.float32)
    return whole


def differences(
    warps: Sequence[Warp], template: Stacked, options: ArtifactsSection, allowed: Plane
) -> list[Plane]:
    """Return the difference of each warp and the template made of them, in standard deviations.

    A visit whose differences scatter more than its variance and the template's say (a variance plane that is
    too small, a sky that is not flat) has them divided by the excess.

    Parameters
    ----------
    warps
        Matched, inside the box of the template.
    template
        Their median or clipped mean.
    options
        Its making, among others.
    allowed : (ny, nx)
        From `tolerance`, over the box of the template.

    Returns
    -------
    differences
        On the warps' own boxes; 0 where there is nothing to compare.
    """
    stack = options.template.stack
    reject = bits(stack.reject)
    uniform = stack.statistic is Statistic.median or stack.weighting is Weighting.uniform
    total = np.zeros(template.box.shape, np.float32)
    for warp in warps:
        add_weights(warp.mask, warp.weight, reject, *_offset(warp, template), total)
    stacked = (template.image, template.variance, template.n_image, total, allowed)
    usual = [usual_scatter(n) for n in range(len(warps) + 1)]
    planes = []
    for warp in warps:
        out = np.zeros(warp.box.shape, np.float32)
        planes_in = (warp.image, warp.variance, warp.mask, warp.weight)
        significance(*planes_in, reject, uniform, *_offset(warp, template), *stacked, out)
        depth = int(np.median(template.n_image[warp.box.within(template.box)][::7, ::7]))
        planes.append(out / np.float32(max(1.0, _scatter(out) / usual[min(depth, len(warps))])))
    return planes


def usual_scatter(n: int) -> float:
    """Return the standard deviation of what differs at all, for n normal deviates and their median.

    In units of that of what lies far out, as `differences` gives them. The covariances of n deviates with
    their median add up to that of their mean with it, which is the variance 1 / n of the mean; so their
    differences have variance 1 + c / n - 2 / n, where c / n is that of the median. One in n is 0, n odd.
    """
    if n < 3:
        return 1.0
    whole = 1.0 - 2.0 / (n + median_factor(n))
    return float(np.sqrt(whole / (1.0 - (n % 2) / n)))


def _offset(warp: Warp, template: Stacked) -> tuple[int, int]:
    return warp.box.y0 - template.box.y0, warp.box.x0 - template.box.x0


def _scatter(plane: Plane) -> float:
    """Return the scatter of the pixels that differ at all."""
    sample = np.abs(plane[::3, ::3])
    sample = sample[sample > 0]
    if sample.size < 100:
        return 0.0
    return float(np.quantile(sample, QUANTILE)) / NORMAL
