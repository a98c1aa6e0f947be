"""Run one unit: all products of a patch in a band, tile by tile."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass

import numpy as np

from coaddc.engine.chain import Chains, Failure, Open, Value, by_visit, failure
from coaddc.engine.ordered import ordered
from coaddc.engine.products import finish_coadd
from coaddc.model.geom import Box
from coaddc.model.images import Coadd, Stacked, Warp
from coaddc.ops.stack import STACKS, Stack
from coaddc.plan.memory import halo_of
from coaddc.plan.passes import visits_of
from coaddc.plan.plan import Target, Unit
from coaddc.plan.task import Task


@dataclass
class _Feed:
    """A stack in the making, and where its warps come from."""

    task: Task
    stack: Stack
    failure: Failure | None = None

    def take(self, values: Mapping[str, Value]) -> None:
        """Take the warps of one visit."""
        for source in self.task.inputs:
            value = values.get(source.digest)
            if isinstance(value, Failure):
                self.failure = self.failure or value
            elif isinstance(value, Warp) and self.failure is None:
                self.stack.add(value)


class UnitRun:
    """One unit on its way.

    Parameters
    ----------
    unit
        What to run.
    open_exposure
        Opens an exposure of the table.
    pool
        Threads for the visits.
    workers
        Their number.
    """

    def __init__(self, unit: Unit, open_exposure: Open, pool: ThreadPoolExecutor, workers: int) -> None:
        self._unit = unit
        self._pool = pool
        self._workers = workers
        self._tasks = [t for t in unit.tasks if t.op == "stack"]
        self._chains = by_visit(unit.tasks, visits_of(unit.tasks))
        self._runner = Chains(open_exposure, unit.patch.box, halo_of(unit.tasks))

    @property
    def tiles(self) -> Sequence[Box]:
        """The tiles of the patch, top to bottom."""
        box, rows = self._unit.patch.box, self._unit.tile_rows
        starts = range(box.y0, box.y1, rows)
        return [Box(y0=y, y1=min(y + rows, box.y1), x0=box.x0, x1=box.x1) for y in starts]

    @property
    def steps(self) -> int:
        """Number of times that `run` will call ``step``."""
        return len(self.tiles) * len(self._chains)

    def run(self, step: Callable[[], None]) -> Iterator[tuple[Target, Coadd | Failure]]:
        """Make all products; yield each with its coadd, or with why there is none."""
        stacks = {task.digest: _empty(task) for task in self._tasks}
        failures: dict[str, Failure] = {}
        for box in self.tiles:
            for feed in self._stack(box, step, failures):
                if feed.failure is None:
                    _place(stacks[feed.task.digest], feed.stack.finish(self._pool.map))
        for target in self._unit.targets:
            yield target, self._finish(target, stacks, failures)

    def _finish(
        self, target: Target, stacks: Mapping[str, Stacked], failures: Mapping[str, Failure]
    ) -> Coadd | Failure:
        """Return the whole coadd of a target, or why there is none."""
        stack, psf = target.task.inputs
        if stack.digest in failures:
            return failures[stack.digest]
        try:
            return finish_coadd(target, stacks[stack.digest], psf, self._runner.frame)
        except Exception as error:
            return failure(target.product.name, error)

    def _stack(self, box: Box, step: Callable[[], None], failures: dict[str, Failure]) -> list[_Feed]:
        """Send all visits through one tile, into all stacks."""
        feeds = [
            _Feed(t, STACKS[t.subject.statistic](t.subject, box), failures.get(t.digest)) for t in self._tasks
        ]

        def run(chain: list[Task]) -> dict[str, Value]:
            return self._runner.run(chain, box)

        for values in ordered(self._pool, run, self._chains, ahead=self._workers):
            for feed in feeds:
                feed.take(values)
            step()
        failures.update({feed.task.digest: feed.failure for feed in feeds if feed.failure})
        return feeds


def _empty(task: Task) -> Stacked:
    box = Box(**task.params["box"])
    image, variance = np.empty((2, *box.shape), np.float32)
    return Stacked(box, image, variance, np.empty(box.shape, np.int32), np.empty(box.shape, np.int16))


def _place(whole: Stacked, part: Stacked) -> None:
    """Put a tile into its patch."""
    at = part.box.within(whole.box)
    whole.image[at], whole.variance[at] = part.image, part.variance
    whole.mask[at], whole.n_image[at] = part.mask, part.n_image
