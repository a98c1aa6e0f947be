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
from coaddc.ops.artifact_difference import Compared, compare
from coaddc.ops.dcr import solve_subbands
from coaddc.ops.mean import Run
from coaddc.ops.stack import STACKS, Stack
from coaddc.plan.task import Task


@dataclass(frozen=True, slots=True)
class Subbands:
    """The sub-bands of one tile, bluest first."""

    parts: tuple[Stacked, ...]


#: What a gathering task makes of one tile.
Gathered = Stacked | Compared | Subbands | Failure

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
    found
        The artifacts that were found, or why none were, by the task that finds them.
    failure
        Why it cannot be made.
    """

    task: Task
    box: Box
    visits: Mapping[str, int | None]
    correlation: Correlation
    found: Mapping[str, Artifacts | Failure]
    failure: Failure | None = None
    _stack: Stack | None = field(init=False, default=None)
    _kept: list[tuple[int, Warp]] = field(init=False, default_factory=list)

    def __post_init__(self) -> None:
        if self.task.op == "stack":
            self._stack = STACKS[self.task.subject.statistic](self.task.subject, self.box)
        for artifacts in self._artifacts:
            if isinstance(artifacts, Failure):
                self.failure = self.failure or artifacts

    @property
    def waits(self) -> list[str]:
        """The gathering tasks of the same tile whose results it needs."""
        return [t.digest for t in self.task.inputs if self.visits[t.digest] is None and t.op != "artifacts"]

    @property
    def _artifacts(self) -> list[Artifacts | Failure]:
        return [self.found[t.digest] for t in self.task.inputs if t.op == "artifacts"]

    def take(self, values: Mapping[str, Value]) -> None:
        """Take the warp of one visit, without its artifacts; what looks at all visits together keeps it."""
        for source in self.task.inputs:
            value, visit = values.get(source.digest), self.visits[source.digest]
            if isinstance(value, Failure):
                self.failure = self.failure or value
            elif isinstance(value, Warp) and visit is not None and self.failure is None:
                warp = self._without_artifacts(visit, value)
                if self._stack is None:
                    self._kept.append((visit, warp))
                else:
                    self._stack.add(warp)

    def _without_artifacts(self, visit: int, warp: Warp) -> Warp:
        for artifacts in self._artifacts:
            if isinstance(artifacts, Artifacts):
                warp = artifacts.reject(visit, warp)
        return warp

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
                return self._compare(others)
            case "dcr":
                return self._disentangle(others, run)
            case "subband":
                found = next(other for other in others if isinstance(other, Subbands))
                part: Stacked = found.parts[self.task.params["number"]]
                return part
        assert self._stack is not None
        return self._stack.finish(run)

    def _disentangle(self, others: list[Gathered], run: Run) -> Subbands:
        mean = next(other for other in others if isinstance(other, Stacked))
        tasks = {self.visits[t.digest]: t for t in self.task.inputs}
        observed = [Observed(visit, warp, self.correlation(tasks[visit])) for visit, warp in self._kept]
        self._kept.clear()
        return Subbands(solve_subbands(observed, mean, self.task.subject, self.task.params["margin"], run))

    def _compare(self, others: list[Gathered]) -> Compared:
        template = next(other for other in others if isinstance(other, Stacked))
        compared = compare(dict(self._kept), template, self.task.subject)
        self._kept.clear()
        return compared
