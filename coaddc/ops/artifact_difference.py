"""How far each visit's matched warp is from the static sky, in standard deviations.

Warps are compared tile by tile, and what the finder needs of them is kept for the whole patch, in few bytes a
pixel: so that what it finds does not depend on where the patch was cut.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace

import numpy as np
import scipy
from numpy.typing import NDArray

from coaddc.kernels.difference import add_weights, significance
from coaddc.model.assembly import ArtifactsSection, Statistic, Weighting
from coaddc.model.geom import Box
from coaddc.model.images import Stacked, Warp
from coaddc.model.mask import bits
from coaddc.ops.artifact_runs import Flags, Runs, mask_of, runs
from coaddc.ops.stack import median_factor

Plane = NDArray[np.float32]

#: What lies within this distance, pixels, of a bright pixel may be off by WING of the flux tolerance times
#: that pixel: matching kernels and PSF models are imperfect in the wings too, where the template is faint.
WING_REACH, WING = 24, 0.01
#: The noise is measured where this part of all significances lies within the 1.645 sigma of a normal deviate.
QUANTILE, NORMAL = 0.9, 1.6449
#: A hole matters where the template exceeds this, standard deviations.
BRIGHT = 20.0


@dataclass(frozen=True, slots=True)
class Difference:
    """One visit beside the static sky.

    Attributes
    ----------
    box
        Where, in pixels of the tract.
    sigmas : (ny, nx)
        Differences in standard deviations, in half precision; 0 where the visit has data but there is
        nothing to compare, NaN where it has none.
    slight : (k, 3)
        Runs of the pixels where a hole in a bright source would cost more than what it removes.
    """

    box: Box
    sigmas: NDArray[np.float16]
    slight: Runs

    @property
    def seen(self) -> Flags:
        """Where the visit has data."""
        return ~np.isnan(self.sigmas)

    def plane(self, excess: float = 1.0) -> Plane:
        """Return the differences divided by an excess of scatter, 0 where there is nothing to compare."""
        plane: Plane = np.nan_to_num(self.sigmas.astype(np.float32), copy=False)
        plane /= np.float32(excess)
        return plane

    def part(self, box: Box) -> Difference:
        """Return what lies in a box."""
        part = self.box.clip(box)
        return Difference(part, self.sigmas[part.within(self.box)].copy(), _rows(self.slight, part))

    @classmethod
    def join(cls, parts: Sequence[Difference]) -> Difference:
        """Put parts of one visit together."""
        if len(parts) == 1:
            return parts[0]
        box = _around([part.box for part in parts])
        sigmas = np.full(box.shape, np.nan, np.float16)
        for part in parts:
            sigmas[part.box.within(box)] = part.sigmas
        return cls(box, sigmas, np.concatenate([part.slight for part in parts]))


@dataclass(frozen=True, slots=True)
class Compared:
    """All visits beside the static sky.

    Attributes
    ----------
    box
        Where, in pixels of the tract.
    count : (ny, nx)
        How many visits there are.
    protected : (ny, nx)
        Where the static sky is so bright that what differs there is a variable or saturated source.
    visits
        The differences of each, by its number.
    """

    box: Box
    count: NDArray[np.int16]
    protected: Flags
    visits: Mapping[int, Difference]

    def part(self, box: Box) -> Compared:
        """Return what lies in a box, whole in this one."""
        at = box.within(self.box)
        inside = {n: each.part(box) for n, each in self.visits.items() if each.box.clip(box).area}
        return replace(
            self, box=box, count=self.count[at].copy(), protected=self.protected[at].copy(), visits=inside
        )

    @classmethod
    def join(cls, parts: Sequence[Compared]) -> Compared:
        """Put parts of one patch together."""
        if len(parts) == 1:
            return parts[0]
        box = _around([part.box for part in parts])
        count, protected = np.zeros(box.shape, np.int16), np.zeros(box.shape, np.bool_)
        pieces: dict[int, list[Difference]] = {}
        for part in parts:
            at = part.box.within(box)
            count[at], protected[at] = part.count, part.protected
            for number, each in part.visits.items():
                pieces.setdefault(number, []).append(each)
        return cls(box, count, protected, {n: Difference.join(each) for n, each in pieces.items()})


def _around(boxes: Sequence[Box]) -> Box:
    return Box(
        y0=min(b.y0 for b in boxes),
        y1=max(b.y1 for b in boxes),
        x0=min(b.x0 for b in boxes),
        x1=max(b.x1 for b in boxes),
    )


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


def compare(warps: Mapping[int, Warp], template: Stacked, options: ArtifactsSection) -> Compared:
    """Compare warps with the template made of them.

    Parameters
    ----------
    warps
        Of each visit: PSF-matched, on its own part of the template's box; weight 0 where there is no data.
    template
        The median or clipped mean of the same warps, as ``options.template.stack`` says (see
        `make_template`).
    options
        Its making, among others. `WING_REACH` pixels from the rim of the box differences may be other than
        further within.
    """
    stack = options.template.stack
    reject = bits(stack.reject)
    uniform = stack.statistic is Statistic.median or stack.weighting is Weighting.uniform
    total = np.zeros(template.box.shape, np.float32)
    for warp in warps.values():
        add_weights(warp.mask, warp.weight, reject, *_offset(warp, template), total)
    stacked = template.image, template.variance, template.n_image, total, tolerance(template, options)
    bright = _brighter(template, BRIGHT)
    visits = {}
    for number, warp in warps.items():
        out = np.zeros(warp.box.shape, np.float32)
        planes_in = (warp.image, warp.variance, warp.mask, warp.weight)
        significance(*planes_in, reject, uniform, *_offset(warp, template), *stacked, out)
        out[~(warp.weight > 0)] = np.nan
        slight = runs(_slight(warp, template, bright, options), warp.box)
        visits[number] = Difference(warp.box, _half(out), slight)
    return Compared(template.box, template.n_image, _brighter(template, options.protect), visits)


def _half(plane: Plane) -> NDArray[np.float16]:
    """Return differences in half precision; none becomes infinite, nor 0 that is not."""
    limits = np.finfo(np.float16)
    size = np.clip(np.abs(plane), limits.tiny, limits.max)
    half: NDArray[np.float16] = np.where(plane == 0, plane, np.copysign(size, plane)).astype(np.float16)
    return half


def _brighter(template: Stacked, nsigma: float | None) -> Flags:
    if nsigma is None:
        return np.zeros(template.box.shape, np.bool_)
    bright: Flags = template.image > nsigma * np.sqrt(template.variance)
    return bright


def _slight(warp: Warp, template: Stacked, bright: Flags, options: ArtifactsSection) -> Flags:
    """Return the pixels where a hole in a bright source would cost more than what it removes.

    A hole takes one visit's profile out of a few pixels of a source, and so changes its flux by the
    difference from the profiles of the others, easily half of the light there; what is left in, by itself.
    """
    at = warp.box.within(template.box)
    difference = warp.image - template.image[at]
    pair = template.n_image[at] == 2  # whose mean has half of what one of them adds
    added = np.where(pair, 2.0 * difference, difference)
    slight: Flags = bright[at] & (np.abs(added) < options.hole_tolerance * (warp.image - added))
    return slight


def excess(difference: Difference, compared: Compared) -> float:
    """Return by how much a visit scatters more than its variance and the template's say; else 1.

    Its variance plane is too small then, or its sky is not flat.
    """
    depth = int(np.median(compared.count[difference.box.within(compared.box)][::7, ::7]))
    usual = usual_scatter(min(depth, len(compared.visits)))
    return max(1.0, _scatter(difference.plane()) / usual)


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


def _rows(found: Runs, box: Box) -> Runs:
    """Return the runs that lie in the part of a box."""
    return runs(mask_of(found, box), box) if len(found) else found


def _offset(warp: Warp, template: Stacked) -> tuple[int, int]:
    return warp.box.y0 - template.box.y0, warp.box.x0 - template.box.x0


def _scatter(plane: Plane) -> float:
    """Return the scatter of the pixels that differ at all."""
    sample = np.abs(plane[::3, ::3])
    sample = sample[sample > 0]
    if sample.size < 100:
        return 0.0
    return float(np.quantile(sample, QUANTILE)) / NORMAL
