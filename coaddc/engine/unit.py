"""Run one unit: all products of a patch in a band, tile by tile."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import replace
from functools import partial

import numpy as np

from coaddc.engine.background import Backgrounds
from coaddc.engine.chain import Chains, Failure, Open, Value, by_visit, failure
from coaddc.engine.events import Begin, Failed, Made
from coaddc.engine.gather import Gathered, Gathering
from coaddc.engine.meter import Meter
from coaddc.engine.once import Once, one_by_one
from coaddc.engine.ordered import ordered
from coaddc.engine.output import Output
from coaddc.engine.products import surroundings, warp_correlation
from coaddc.engine.sums import TileSums
from coaddc.engine.whole import Whole
from coaddc.model.geom import Box
from coaddc.model.images import Surroundings
from coaddc.model.psf import Floats
from coaddc.plan.memory import halo_of, margin_of
from coaddc.plan.phases import Round, awaited, rounds, sums_of, visits_of
from coaddc.plan.plan import Target, Unit
from coaddc.plan.task import Task, walk
from coaddc.plan.work import kind


class UnitRun:
    """One unit on its way.

    Parameters
    ----------
    unit
        What to run.
    open_exposure
        Opens an exposure of the table.
    begin
        Begins a product where products go.
    pool
        Threads, as many as there are workers.
    workers
        Their number.
    """

    def __init__(
        self, unit: Unit, open_exposure: Open, begin: Begin, pool: ThreadPoolExecutor, workers: int
    ) -> None:
        self._unit = unit
        self._begin = begin
        self._pool = pool
        self._workers = workers
        self._visits = visits_of(unit.tasks)
        self._held = awaited(unit.tasks) if unit.tiles == 1 else frozenset()
        self._rounds = rounds(unit.tasks, self._held)
        self._chains = [by_visit(found.visits, self._visits) for found in self._rounds]
        self._summed = {made.name for made in unit.sums}
        self._margin = margin_of(unit.tasks)
        self._runner = Chains(open_exposure, unit.patch.box.grow(self._margin), halo_of(unit.tasks))
        self._backgrounds = Backgrounds(unit.tasks, self._runner)

    @property
    def tiles(self) -> Sequence[Box]:
        """The tiles of the patch, top to bottom."""
        box, starts = self._unit.patch.box, self._unit.tile_starts
        ends = [*starts[1:], box.y1]
        return [Box(y0=y0, y1=y1, x0=box.x0, x1=box.x1) for y0, y1 in zip(starts, ends, strict=True)]

    @property
    def steps(self) -> int:
        """Number of times that `start` will call ``step``."""
        return self._backgrounds.steps + len(self.tiles) * sum(map(len, self._chains))

    @property
    def meter(self) -> Meter:
        """Where its time goes."""
        return self._runner.meter

    def start(self, step: Callable[[], None]) -> list[Future[Made | Failed]]:
        """Make the pixels of all products; return what threads then make of each of them.

        ``step`` is called after each visit and tile, from this thread.
        """
        if self._backgrounds.steps:
            with self.meter.of("background", self._workers):
                self._runner.offsets.update(self._backgrounds.run(self._pool, self._workers, step))
        around = {t.product.name: Once(partial(self._surroundings, t)) for t in self._unit.targets}
        one_by_one(self._pool, around.values())  # between the visits: by itself it keeps one thread busy
        outputs = [Output(target, self._begin) for target in self._unit.targets]
        try:
            whole = self._pixels(outputs, step)
        except BaseException:
            for output in outputs:
                output.discard()
            raise

        def finish(output: Output) -> Made | Failed:
            with self.meter.of("coadd"):
                return output.finish(_finished(output.target, around[output.target.product.name](), whole))

        return [self._pool.submit(finish, output) for output in outputs]

    def _surroundings(self, target: Target) -> Surroundings | Failure:
        with self.meter.of("psf"):
            try:
                return surroundings(target, self._runner)
            except Exception as error:
                return failure(target.product.name, error)

    def _pixels(self, outputs: Sequence[Output], step: Callable[[], None]) -> Whole:
        """Make the pixels of all products, tile by tile."""
        whole = _whole(self._unit, outputs)
        held: dict[str, Value] = {}
        largest = max(self.tiles, key=lambda tile: tile.area)
        for this, chains in zip(self._rounds, self._chains, strict=True):
            margin = self._margin if self._held else margin_of(this.gathering)
            sums = TileSums(sums_of(self._unit.sums, this), largest.grow(margin), self._pool, self.meter)
            for tile in self.tiles:
                box = tile.grow(margin)
                run = partial(self._runner.run, box=box, known={**held, **whole.found})
                values = self._kept(ordered(self._pool, run, chains, ahead=self._workers), held, step)
                self._gather(box, tile, this, values, sums, whole)
            for task in this.gathering:
                if task.op == "artifacts":
                    with self.meter.of(kind(task)):
                        whole.find(task)
        return whole

    def _kept(
        self, visits: Iterable[dict[str, Value]], held: dict[str, Value], step: Callable[[], None]
    ) -> Iterator[dict[str, Value]]:
        """Yield the results of visits; those that a second round takes from this one are held."""
        for values in visits:
            held |= {digest: values[digest] for digest in values.keys() & self._held}
            yield values
            step()

    def _gather(
        self,
        box: Box,
        tile: Box,
        this: Round,
        visits: Iterable[dict[str, Value]],
        sums: TileSums,
        whole: Whole,
    ) -> None:
        """Take the results of all visits on a tile, with its margin, into all that gathers them."""
        gatherings = [
            Gathering(t, box, self._visits, self._correlation, whole.found, whole.failures.get(t.digest))
            for t in this.gathering
            if t.digest not in self._summed
        ]
        kept = {digest for gathering in gatherings for digest in gathering.waits}
        sums.begin(box, whole.failures, partial(whole.deliver, tile=tile), kept)
        for values in visits:
            sums.take(values)
            for gathering in gatherings:
                with self.meter.of(kind(gathering.task)):
                    gathering.take(values)
        made: dict[str, Gathered] = dict(sums.finish())
        for digest, failed in made.items():
            if isinstance(failed, Failure):
                whole.put(digest, failed, tile, self._pool.map)
        for gathering in gatherings:
            digest = gathering.task.digest
            with self.meter.of(kind(gathering.task)):
                made[digest] = gathering.finish(self._pool.map, made)
            with self.meter.of("coadd", self._workers):
                whole.put(digest, made[digest], tile, self._pool.map)

    def _correlation(self, visit: Task) -> Floats:
        """Return the correlation of the noise of a visit's warp: that of its first exposure."""
        first = visit.inputs[0] if visit.op == "visit" else visit
        return warp_correlation(first, self._runner)


def _whole(unit: Unit, outputs: Sequence[Output]) -> Whole:
    """Return nothing yet of what a unit makes, with where it goes."""
    by_stack: dict[str, list[Output]] = {}
    for output in outputs:
        by_stack.setdefault(output.target.task.inputs[0].digest, []).append(output)
    kept = [t.inputs[-1].digest for t in unit.tasks if t.op == "artifacts" and t.subject.keep_template]
    return Whole(
        unit.patch.box, by_stack, {name: np.empty(unit.patch.box.shape, np.float32) for name in kept}
    )


def _finished(target: Target, around: Surroundings | Failure, whole: Whole) -> Surroundings | Failure:
    """Return what a coadd is besides its pixels, artifacts and all, or why there will be none."""
    stack = target.task.inputs[0]
    if stack.digest in whole.failures:
        return whole.failures[stack.digest]
    found = next((t for t in walk([stack]) if t.op == "artifacts"), None)
    if found is None or isinstance(around, Failure):
        return around
    template = whole.templates.get(found.inputs[-1].digest) if found.subject.keep_template else None
    return replace(around, artifacts=whole.rejected(found.digest), template=template)
