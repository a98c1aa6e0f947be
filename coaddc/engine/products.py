"""The last steps of a product: its PSF, the correlation of its noise, and the list of its inputs."""

from __future__ import annotations

from collections.abc import Callable

from coaddc.engine.chain import Failure
from coaddc.engine.frame import Frame, matching
from coaddc.model.geom import Box
from coaddc.model.images import CellPsfs, Coadd, CoaddInput, Stacked
from coaddc.model.psf import Floats
from coaddc.ops.coadd_psf import PsfInput, Response, coadd_psf
from coaddc.ops.likelihood import FilteredInput, fitted
from coaddc.ops.noise import combined_correlation
from coaddc.plan.plan import Target
from coaddc.plan.task import Task, origin
from coaddc.plan.weights import inverse_variance

FrameOf = Callable[[Task, Task], Frame | Failure]


def finish_coadd(target: Target, stacked: Stacked, psf: Task, frame_of: FrameOf) -> Coadd | Failure:
    """Return the whole coadd of a target whose pixels are there.

    Parameters
    ----------
    target
        What it is.
    stacked
        Its pixels.
    psf
        Its psf task, whose inputs are the warps or matched warps of its exposures.
    frame_of
        Gives the frame of an exposure task and a warp task.
    """
    frames = []
    for task in psf.inputs:
        frame = frame_of(*origin(task))
        if isinstance(frame, Failure):
            return frame
        frames.append(frame)
    weights = [1.0 if psf.params["equal"] else float(origin(t)[1].params["weight"]) for t in psf.inputs]
    given = [
        weight if psf.params["equal"] else weight * frame.sharpness(task)
        for weight, frame, task in zip(weights, frames, psf.inputs, strict=True)
    ]
    request = target.request
    y, x = request.patch.box.centre
    scale = request.patch.wcs.pixel_scale(y=y, x=x)
    rows = [origin(task)[0].subject[1] for task in psf.inputs]
    return Coadd(
        data_id=dict(request.data_id),
        stacked=stacked,
        wcs=request.patch.wcs,
        psf=_psf(psf, frames, weights, scale),
        correlation=_correlation(psf, frames, given, scale),
        inputs=tuple(CoaddInput(row, weight) for row, weight in zip(rows, given, strict=True)),
    )


def _psf(psf: Task, frames: list[Frame], weights: list[float], scale: float) -> CellPsfs:
    inputs = [
        _response(task, frame, weight, equal=psf.params["equal"])
        for task, frame, weight in zip(psf.inputs, frames, weights, strict=True)
    ]
    box = Box(**psf.params["box"])
    return coadd_psf(inputs, box, cell=psf.params["cell"], half=psf.params["half"], scale=scale)


def _response(task: Task, frame: Frame, weight: float, *, equal: bool) -> Response:
    match task.op:
        case "match":
            return PsfInput(frame.psf, weight, matching(task))
        case "filter":
            gain = 1.0 if equal else frame.point_sources(task).gain
            return FilteredInput(frame.psf, weight / gain, task.params["half"], equal)
    return PsfInput(frame.psf, weight)


def _correlation(psf: Task, frames: list[Frame], given: list[float], scale: float) -> Floats:
    """Return the correlation of the coadd's noise: that of its inputs, each by its part of the variance."""
    pairs = list(zip(psf.inputs, frames, strict=True))
    stamps = [frame.spread_correlation(task) for task, frame in pairs]
    half = max(stamp.shape[0] // 2 for stamp in stamps)
    inverse = [
        inverse_variance(origin(task)[0].subject[1], scale) * frame.sharpness(task) for task, frame in pairs
    ]
    return combined_correlation(
        [fitted(stamp, half) for stamp in stamps], [w**2 / v for w, v in zip(given, inverse, strict=True)]
    )
