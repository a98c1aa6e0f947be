"""What a visit would see of a sky in sub-bands: the template that matches its air mass and angle."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

import numpy as np
import scipy

from coaddc.model.dcr import DcrModel
from coaddc.model.geom import Box
from coaddc.model.images import Stacked
from coaddc.model.mask import bit
from coaddc.model.refraction import Floats
from coaddc.ops.convolver import placed
from coaddc.ops.dcr import blocks
from coaddc.ops.dcr_noise import correlation_of, kernels_of, normal_inverse, power, regularisation
from coaddc.ops.dispersion import Dispersion, Lift, fourier_box, reach
from coaddc.ops.growing import grow_bits


def dispersed(subbands: Sequence[Stacked], model: DcrModel, zenith: Floats) -> Stacked:
    """Return the image that a visit with this zenith would show.

    Its variance is that of the first sub-band (see `template_noise`). Pixels that take anything from where
    there are no data bear SUSPECT.
    """
    first = subbands[0]
    image, mask = np.full_like(first.image, np.nan), first.mask.copy()
    for block in blocks(first.box):
        y, x = block.centre
        lift = Lift.at(model.tract, zenith, y=y, x=x)
        far = reach([lift], model.bend) + 8
        box = fourier_box(block.grow(far), far)
        sky = np.array([placed(np.nan_to_num(s.image.astype(np.float64)), first.box, box) for s in subbands])
        made = Dispersion(model.bend, lift, box).forward(scipy.fft.rfft2(sky))
        at = block.within(first.box)
        image[at] = np.where(np.isfinite(first.image[at]), made[block.within(box)], np.nan)
    y, x = first.box.centre
    shift = reach([Lift.at(model.tract, zenith, y=y, x=x)], model.bend)
    near = grow_bits(np.isnan(first.image).astype(np.int32), shift) > 0
    mask[near & np.isfinite(image)] |= bit("SUSPECT")
    return replace(first, image=image, mask=mask)


def template_noise(
    correlations: Sequence[Floats], model: DcrModel, weights: Floats, zenith: Floats, box: Box
) -> tuple[Floats, Floats]:
    """Return how the noise of a template compares with that of each sub-band, and its correlation.

    The errors of sub-bands cancel in large part. What all visits' noise was like follows from what the fit
    made of it, the correlation of each sub-band; it is taken as alike in all of them.

    Parameters
    ----------
    correlations
        Of the noise of the sub-bands.
    model, weights
        What they were solved from, and the weight of each of its zeniths.
    zenith
        Of the template.
    box
        The pixels of the patch, in whose middle this is worked out.

    Returns
    -------
    ratios : (sub-bands,)
        Variance of the template over that of each sub-band.
    correlation
        Of the template's noise.
    """
    y, x = box.centre
    lifts = [Lift.at(model.tract, up, y=y, x=x) for up in model.zeniths.values()]
    spread = normal_inverse(kernels_of(model.bend, lifts), weights, regularisation(model))
    own = np.moveaxis(np.diagonal(spread, axis1=-2, axis2=-1).real, -1, 0)
    visits = np.mean([power(c) / o for c, o in zip(correlations, own, strict=True)], axis=0)
    (kernel,) = kernels_of(model.bend, [Lift.at(model.tract, zenith, y=y, x=x)])
    mixed = np.einsum("bij,ijbc,cij->ij", kernel, spread, np.conj(kernel)).real * visits
    return mixed.mean() / (own * visits).mean(axis=(1, 2)), correlation_of(mixed)
