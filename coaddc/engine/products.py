"""The last steps of a product: its PSF, the correlation of its noise, and the list of its inputs."""

from __future__ import annotations

from collections.abc import Callable

from coaddc.engine.chain import Failure
from coaddc.engine.frame import Frame, matching
from coaddc.model.geom import Box
from coaddc.model.images import CellPsfs, Coadd, CoaddInput, Stacked
from coaddc.model.psf import Floats
from coaddc.ops.coadd_psf import PsfInput, coadd_psf
from coaddc.ops.noise import combined_correlation
from coaddc.plan.lower import inverse_variance
from coaddc.plan.plan import Target
from coaddc.plan.task import Task

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
        frame = frame_of(*_origin(task))
        if isinstance(frame, Failure):
            return frame
        frames.append(frame)
    weights = [1.0 if psf.params["equal"] else float(_origin(t)[1].params["weight"]) for t in psf.inputs]
    request = target.request
    y, x = request.patch.box.centre
    scale = request.patch.wcs.pixel_scale(y=y, x=x)
    rows = [_origin(task)[0].subject[1] for task in psf.inputs]
    return Coadd(
        data_id=dict(request.data_id),
        stacked=stacked,
        wcs=request.patch.wcs,
        psf=_psf(psf, frames, weights, scale),
        correlation=_correlation(psf, frames, weights, scale),
        inputs=tuple(CoaddInput(row, weight) for row, weight in zip(rows, weights, strict=True)),
    )


def _origin(task: Task) -> tuple[Task, Task]:
    """Return the exposure task and the warp task behind a warp or a matched warp."""
    warp = task if task.op == "warp" else task.inputs[0]
    return warp.inputs[0], warp


def _psf(psf: Task, frames: list[Frame], weights: list[float], scale: float) -> CellPsfs:
    inputs = [
        PsfInput(frame.psf, weight, matching(task) if task.op == "match" else None)
        for task, frame, weight in zip(psf.inputs, frames, weights, strict=True)
    ]
    box = Box(**psf.params["box"])
    return coadd_psf(inputs, box, cell=psf.params["cell"], half=psf.params["half"], scale=scale)


def _correlation(psf: Task, frames: list[Frame], weights: list[float], scale: float) -> Floats:
    """Return the correlation of the coadd's noise: that of its inputs, each by its part of the variance."""
    stamps = [
        frame.matched_correlation(task) if task.op == "match" else frame.correlation
        for task, frame in zip(psf.inputs, frames, strict=True)
    ]
    inverse = [inverse_variance(_origin(task)[0].subject[1], scale) for task in psf.inputs]
    return combined_correlation(stamps, [w**2 / v for w, v in zip(weights, inverse, strict=True)])
