"""What takes the warps of all visits: stacks, the finder of artifacts, and the model of dispersion."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field

from coaddc.engine.chain import Failure, Value, failure
from coaddc.engine.found import Artifacts
from coaddc.model.dcr import Observed
from coaddc.model.geom import Box
from coaddc.model.images import Stacked, Warp
from coaddc.model.psf import Floats
from coaddc.ops.artifacts import find_artifacts
from coaddc.ops.dcr import solve_subbands
from coaddc.ops.mean import Run
from coaddc.ops.stack import STACKS, Stack
from coaddc.plan.task import Task


@dataclass(frozen=True, slots=True)
class Subbands:
    """The sub-bands of one tile, bluest first."""

    parts: tuple[Stacked, ...]


#: What a gathering task makes of one tile.
Gathered = Stacked | Artifacts | Subbands | Failure

#: Gives the correlation of the noise of a visit's warp, by the task that makes it.
Correlation = Callable[[Task], Floats]


@dataclass
class Gathering:
    """One gathering task on one tile.

    Attributes
    ----------
    task
        What to make.
    box
        The pixels worked on: those of the tile, with its margin.
    visits
        Visit of each task that is of one visit, None for the others.
    correlation
        See `Correlation`.
    failure
        Why it cannot be made.
    """

    task: Task
    box: Box
    visits: Mapping[str, int | None]
    correlation: Correlation
    failure: Failure | None = None
    _stack: Stack | None = field(init=False, default=None)
    _kept: list[tuple[int, Warp]] = field(init=False, default_factory=list)

    def __post_init__(self) -> None:
        if self.task.op == "stack":
            self._stack = STACKS[self.task.subject.statistic](self.task.subject, self.box)

    @property
    def waits(self) -> list[str]:
        """The gathering tasks whose results it needs."""
        return [t.digest for t in self.task.inputs if self.visits[t.digest] is None]

    def take(self, values: Mapping[str, Value]) -> None:
        """Take the warp of one visit; it is kept only where something else must be known first."""
        for source in self.task.inputs:
            value, visit = values.get(source.digest), self.visits[source.digest]
            if isinstance(value, Failure):
                self.failure = self.failure or value
            elif isinstance(value, Warp) and visit is not None and self.failure is None:
                if self._stack is None or self.waits:
                    self._kept.append((visit, value))
                else:
                    self._stack.add(value)

    def finish(self, run: Run, gathered: Mapping[str, Gathered]) -> Gathered:
        """Return what comes of all that it took, and of what other gatherings made."""
        others = [gathered[digest] for digest in self.waits]
        failed = self.failure or next((o for o in others if isinstance(o, Failure)), None)
        if failed is not None:
            return failed
        try:
            return self._make(others, run)
        except Exception as error:
            return failure(self.task.op, error)

    def _make(self, others: list[Gathered], run: Run) -> Gathered:
        match self.task.op:
            case "artifacts":
                return self._find(others)
            case "dcr":
                return self._disentangle(others, run)
            case "subband":
                found = next(other for other in others if isinstance(other, Subbands))
                part: Stacked = found.parts[self.task.params["number"]]
                return part
        assert self._stack is not None
        return self._combine(self._stack, others, run)

    def _combine(self, stack: Stack, others: list[Gathered], run: Run) -> Stacked:
        for warp in self._mended(others).values():
            stack.add(warp)
        self._kept.clear()
        return stack.finish(run)

    def _mended(self, others: list[Gathered]) -> dict[int, Warp]:
        """Return the warps that were kept, by visit, without the artifacts that were found on them."""
        mended = dict(self._kept)
        for artifacts in (other for other in others if isinstance(other, Artifacts)):
            mended = {visit: artifacts.reject(visit, warp) for visit, warp in mended.items()}
        return mended

    def _disentangle(self, others: list[Gathered], run: Run) -> Subbands:
        mean = next(other for other in others if isinstance(other, Stacked))
        tasks = {self.visits[t.digest]: t for t in self.task.inputs}
        observed = [
            Observed(visit, warp, self.correlation(tasks[visit]))
            for visit, warp in self._mended(others).items()
        ]
        self._kept.clear()
        return Subbands(solve_subbands(observed, mean, self.task.subject, self.task.params["margin"], run))

    def _find(self, others: list[Gathered]) -> Artifacts:
        template = next(other for other in others if isinstance(other, Stacked))
        fwhm = self.task.params["fwhm"]
        masks = find_artifacts([warp for _, warp in self._kept], template, self.task.subject, fwhm)
        pairs = zip(self._kept, masks, strict=True)
        return Artifacts({visit: (warp.box, mask) for (visit, warp), mask in pairs})
