"""The tasks of one visit: from its exposures to the warps that stacks take."""

from __future__ import annotations

import logging
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from threading import Lock
from types import MappingProxyType

from coaddc.engine.found import Artifacts
from coaddc.engine.frame import Frame
from coaddc.engine.meter import Meter
from coaddc.model.assembly import Interpolant
from coaddc.model.errors import CoaddcError
from coaddc.model.exposures import ExposureRow
from coaddc.model.geom import Box
from coaddc.model.images import Exposure, Warp
from coaddc.model.mask import bits
from coaddc.model.survey import Survey
from coaddc.ops.kernel_field import KernelField
from coaddc.ops.likelihood import likelihood
from coaddc.ops.match import match
from coaddc.ops.proper import Information, Source, information
from coaddc.ops.sky_match import SkyOffset, level
from coaddc.ops.stack import merge_visit
from coaddc.ops.warp import warp
from coaddc.plan.task import Task, origin
from coaddc.plan.work import kind

log = logging.getLogger(__name__)

Open = Callable[[Survey, ExposureRow], Exposure]
#: The surface to take off each exposure's sky, by the digest of its task.
Offsets = Mapping[str, SkyOffset]


@dataclass(frozen=True, slots=True)
class Failure:
    """Why a task has no result: what it was working on, and what went wrong there."""

    reason: str


def failure(what: str, error: Exception) -> Failure:
    """Log an error, and turn it into the failure of what was worked on: the rest of the work goes on."""
    known = isinstance(error, CoaddcError | OSError)
    log.info("%s: %s", what, error, exc_info=not known)  # the summary tells it; the log keeps the traceback
    return Failure(f"{what}: {error}" if known else f"{what}: {type(error).__name__}: {error}")


#: A task's result on a tile; None where the exposure does not reach it.
Value = Warp | Frame | Artifacts | Failure | None
NOTHING: Mapping[str, Value] = MappingProxyType({})


class Chains:
    """Runs the tasks of visits, tile by tile, in any thread.

    Parameters
    ----------
    open_exposure
        Opens an exposure of the table.
    box
        The pixels of the patch.
    halo
        How far warps reach beyond a tile.

    Attributes
    ----------
    offsets
        What each background task found, by its digest: known before the first warp is levelled.
    meter
        Where the time goes.
    """

    def __init__(self, open_exposure: Open, box: Box, halo: int) -> None:
        self._open = open_exposure
        self._box = box
        self._halo = halo
        self._frames: dict[str, Frame | Failure] = {}
        self._known: dict[str, Information] = {}
        self.offsets: dict[str, Offsets | Failure] = {}
        self.meter = Meter()
        self._lock, self._gathering = Lock(), Lock()

    def run(self, tasks: Sequence[Task], box: Box, known: Mapping[str, Value] = NOTHING) -> dict[str, Value]:
        """Run one visit's tasks, inputs first, on a tile; return all their results by digest.

        ``known`` holds results from before, by digest, that they may need; what it holds is not made again.
        """
        values: dict[str, Value] = {}
        for task in tasks:
            if task.digest in known:
                values[task.digest] = known[task.digest]
                continue
            inputs = [values.get(i.digest, known.get(i.digest)) for i in task.inputs]
            failed = next((value for value in inputs if isinstance(value, Failure)), None)
            with self.meter.of(kind(task)):
                values[task.digest] = failed or self._attempt(task, inputs, box)
        return values

    def frame(self, exposure: Task, warp_task: Task) -> Frame | Failure:
        """Return an exposure on the grid of the tract, opened once for the patch."""
        with self._lock:
            known = self._frames.get(warp_task.digest)
        if known is None:
            known = self._attempt_frame(exposure, warp_task)
            with self._lock:
                known = self._frames.setdefault(warp_task.digest, known)
        return known

    def kernels(self, task: Task) -> KernelField | Failure:
        """Return what a match, filter or proper task convolves its warp with."""
        frame = self.frame(*origin(task))
        if isinstance(frame, Failure) or task.op != "proper":
            return frame if isinstance(frame, Failure) else frame.kernels(task)
        known = self._information(task)
        return known if isinstance(known, Failure) else frame.kernels(task, known)

    def background(self, task: Task) -> float:
        """Return the sky that was taken off an exposure's warp, nJy per pixel: mean over the patch."""
        exposure, _ = origin(task)
        while task.op not in ("level", "warp"):
            task = task.inputs[0]
        found = self.offsets[task.inputs[1].digest] if task.op == "level" else None
        return 0.0 if found is None or isinstance(found, Failure) else found[exposure.digest].mean

    def _information(self, task: Task) -> Information | Failure:
        """Return what the exposures of a proper coadd know together, gathered once for the patch."""
        with self._gathering:
            among = task.params["among"]
            if among not in self._known:
                sources: list[Source] = []
                for source in task.subject:
                    frame = self.frame(*origin(source))
                    if isinstance(frame, Failure):
                        return frame
                    sources += frame.sources(origin(source)[1])
                half, cell, box = task.params["half"], task.params["cell"], self._box.grow(self._halo)
                self._known[among] = information(sources, box, half=half, cell=cell)
            return self._known[among]

    def _attempt(self, task: Task, inputs: list[Value], box: Box) -> Value:
        try:
            return self._evaluate(task, inputs, box)
        except Exception as error:
            return failure(_subject(task), error)

    def _attempt_frame(self, exposure: Task, warp_task: Task) -> Frame | Failure:
        survey, row = exposure.subject
        try:
            interpolant = Interpolant(warp_task.params["interpolant"])
            opened = self._open(survey, row)
            return Frame(opened, warp_task.subject, self._box.grow(self._halo), interpolant)
        except Exception as error:
            return failure(row.name, error)

    def _evaluate(self, task: Task, inputs: list[Value], box: Box) -> Value:
        warps = [value for value in inputs if isinstance(value, Warp)]
        match task.op:
            case "exposure":
                return None  # it is opened with the grid that a warp asks for
            case "warp":
                frame = self.frame(task.inputs[0], task)
                return frame if isinstance(frame, Failure) else self._warp(task, frame, box)
            case "level" if warps:
                offsets = self.offsets[task.inputs[1].digest]
                if isinstance(offsets, Failure):
                    return offsets
                return level(warps[0], offsets[origin(task)[0].digest])
            case "match" | "filter" | "proper" if warps:
                return self._convolve(task, _without_artifacts(task, warps[0], inputs), box)
            case "visit" if warps:
                return merge_visit(warps, bits(task.params["reject"]))
        return None

    def _convolve(self, task: Task, found: Warp, box: Box) -> Warp | Failure | None:
        frame, kernels = self.frame(*origin(task)), self.kernels(task)
        if isinstance(frame, Failure):
            return frame
        if isinstance(kernels, Failure):
            return kernels
        if task.op == "match":
            return match(found, kernels, box)
        even = frame.even_variance(found)
        if task.op == "proper":
            return match(replace(found, variance=even), kernels, box)
        return likelihood(found, even, frame.point_sources(task), box, bits(task.params["reject"]))

    def _warp(self, task: Task, frame: Frame, box: Box) -> Warp | None:
        return warp(
            frame.exposure,
            frame.pixel_map,
            box.grow(self._halo),
            interpolant=frame.interpolant,
            weight=task.params["weight"],
        )


def _without_artifacts(task: Task, found: Warp, inputs: Sequence[Value]) -> Warp:
    """Return a warp with what was found on its visit rejected, so that a filter does not spread it."""
    for artifacts in inputs:
        if isinstance(artifacts, Artifacts):
            found = artifacts.reject(origin(task)[0].subject[1].visit, found)
    return found


def _subject(task: Task) -> str:
    """Name the exposure that a task works on."""
    while task.inputs:
        task = task.inputs[0]
    row: ExposureRow = task.subject[1]
    return row.name


def by_visit(tasks: Sequence[Task], visits: Mapping[str, int | None]) -> list[list[Task]]:
    """Part ordered tasks of visits into one chain for each."""
    chains: dict[int, list[Task]] = {}
    for task in tasks:
        visit = visits[task.digest]
        if visit is not None:
            chains.setdefault(visit, []).append(task)
    return list(chains.values())
