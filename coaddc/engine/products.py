"""What a product is besides its pixels: its PSF, the correlation of its noise, and the list of its inputs."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from coaddc.engine.chain import Chains, Failure
from coaddc.engine.frame import Frame
from coaddc.model.dcr import DcrModel
from coaddc.model.errors import DataError
from coaddc.model.exposures import ExposureRow
from coaddc.model.geom import Box
from coaddc.model.images import CellPsfs, CoaddInput, Surroundings
from coaddc.model.psf import Floats
from coaddc.ops.coadd_psf import PsfInput, Response, coadd_psf
from coaddc.ops.dcr_noise import power, subband_correlation
from coaddc.ops.dispersion import Lift
from coaddc.ops.kernel_field import KernelField
from coaddc.ops.likelihood import FilteredInput, fitted
from coaddc.ops.noise import combined_correlation
from coaddc.plan.plan import Target
from coaddc.plan.task import Task, origin
from coaddc.plan.weights import inverse_variance

#: Ops that convolve a warp.
CONVOLVING = frozenset({"match", "filter", "proper"})


@dataclass(frozen=True)
class _Input:
    """One exposure of a coadd.

    Attributes
    ----------
    task
        What makes its warp for the stack.
    frame
        The exposure.
    kernels
        What its warp is convolved with; None where it is not.
    equal
        Whether all inputs count alike.
    """

    task: Task
    frame: Frame
    kernels: KernelField | None
    equal: bool

    @property
    def row(self) -> ExposureRow:
        """What the exposure table says of it."""
        row: ExposureRow = origin(self.task)[0].subject[1]
        return row

    @property
    def own(self) -> float:
        """Weight of a pixel of its warp, before it is convolved."""
        return 1.0 if self.equal else float(origin(self.task)[1].params["weight"])

    @property
    def weight(self) -> float:
        """Its weight in the stack."""
        return 1.0 if self.equal else self.own * self.frame.sharpness(self.task)

    def variance(self, scale: float) -> float:
        """Return the variance of a pixel of what is stacked, at a pixel scale, nJy**2."""
        before = 1.0 / inverse_variance(self.row, scale)
        if self.kernels is None or self.task.op == "filter":
            return before / self.frame.sharpness(self.task)
        return before * float(self.kernels.gain.mean())

    @property
    def correlation(self) -> Floats:
        """Correlation of the noise of what is stacked."""
        if self.kernels is None:
            return self.frame.correlation
        return self.frame.spread_correlation(self.task, self.kernels)

    @property
    def response(self) -> Response:
        """What it makes of a point source."""
        if self.task.op != "filter":
            return PsfInput(self.frame.psf, self.own, self.kernels)
        gain = 1.0 if self.equal else self.frame.point_sources(self.task).gain
        return FilteredInput(self.frame.psf, self.own / gain, self.task.params["half"], self.equal)


def surroundings(target: Target, chains: Chains) -> Surroundings | Failure:
    """Return what a target's coadd is besides its pixels, or why there will be no coadd.

    Parameters
    ----------
    target
        What it is. The inputs of its psf task are the warps of its exposures, convolved or not.
    chains
        Gives the exposures, and what their warps were convolved with.
    """
    psf = target.task.inputs[1]
    inputs = []
    for task in psf.inputs:
        found = _input(task, chains, equal=psf.params["equal"])
        if isinstance(found, Failure):
            return found
        inputs.append(found)
    patch = target.request.patch
    y, x = patch.box.centre
    scale = patch.wcs.pixel_scale(y=y, x=x)
    return Surroundings(
        _psf(psf, inputs, scale),
        _correlation_of(target, inputs, scale),
        tuple(CoaddInput(i.row, i.weight, background=chains.background(i.task)) for i in inputs),
    )


def _input(task: Task, chains: Chains, *, equal: bool) -> _Input | Failure:
    frame = chains.frame(*origin(task))
    kernels = chains.kernels(task) if task.op in CONVOLVING else None
    if isinstance(frame, Failure):
        return frame
    return kernels if isinstance(kernels, Failure) else _Input(task, frame, kernels, equal)


def warp_correlation(task: Task, chains: Chains) -> Floats:
    """Return the correlation of the noise of an exposure's warp, as the task makes it.

    Raises
    ------
    DataError
        Where the exposure cannot be opened.
    """
    found = _input(task, chains, equal=True)
    if isinstance(found, Failure):
        raise DataError(found.reason)
    return found.correlation


def _psf(psf: Task, inputs: Sequence[_Input], scale: float) -> CellPsfs:
    box = Box(**psf.params["box"])
    responses = [i.response for i in inputs]
    return coadd_psf(responses, box, **{k: psf.params[k] for k in ("cell", "half", "median")}, scale=scale)


def _correlation_of(target: Target, inputs: Sequence[_Input], scale: float) -> Floats:
    made = target.task.inputs[0]
    if made.op != "subband":
        return _correlation(inputs, scale)
    model: DcrModel = made.inputs[0].subject
    y, x = target.request.patch.box.centre
    reaching = [i for i in inputs if i.frame.psf.locate(y=y, x=x)[2]] or inputs
    lifts = [Lift.at(model.tract, model.zeniths[i.row.visit], y=y, x=x) for i in reaching]
    noise = [i.variance(scale) * power(i.correlation) for i in reaching]
    weights = np.array([i.own for i in reaching])
    return subband_correlation(model, lifts, weights, np.array(noise), made.params["number"])


def _correlation(inputs: Sequence[_Input], scale: float) -> Floats:
    """Return the correlation of the coadd's noise: that of its inputs, each by its part of the variance."""
    stamps = [i.correlation for i in inputs]
    half = max(stamp.shape[0] // 2 for stamp in stamps)
    parts = [i.weight**2 * i.variance(scale) for i in inputs]
    return combined_correlation([fitted(stamp, half) for stamp in stamps], parts)
