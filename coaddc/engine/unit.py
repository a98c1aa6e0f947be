"""Run one unit: all products of a patch in a band, tile by tile."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from functools import partial
from typing import TypeVar

import numpy as np
from numpy.typing import NDArray

from coaddc.engine.background import Backgrounds
from coaddc.engine.chain import Chains, Failure, Open, Value, by_visit, failure
from coaddc.engine.found import Artifacts
from coaddc.engine.gather import Gathered, Gathering
from coaddc.engine.meter import Meter
from coaddc.engine.ordered import ordered
from coaddc.engine.products import finish_coadd, warp_correlation
from coaddc.engine.sums import TileSums
from coaddc.model.geom import Box
from coaddc.model.images import Coadd, Stacked
from coaddc.model.psf import Floats
from coaddc.ops.artifact_runs import join_runs
from coaddc.ops.mean import empty_stacked
from coaddc.plan.memory import halo_of, margin_of
from coaddc.plan.phases import awaited, late_tasks, visits_of
from coaddc.plan.plan import Sum, Target, Unit
from coaddc.plan.task import Task, walk
from coaddc.plan.work import kind

A = TypeVar("A")

#: Ops whose results are made of the warps of all visits, tile by tile.
GATHERED = frozenset({"stack", "artifacts", "dcr", "subband"})


@dataclass
class _Whole:
    """What gathering tasks made of the tiles so far, put together for the patch."""

    stacks: dict[str, Stacked]
    runs: dict[str, dict[int, list[NDArray[np.int32]]]] = field(default_factory=dict)
    failures: dict[str, Failure] = field(default_factory=dict)

    def planes(self, digest: str, box: Box) -> Stacked:
        """Return planes for a stack over a box: those of the patch itself, where they hold it."""
        patch = self.stacks[digest]
        return patch.part(box) if box == box.clip(patch.box) else empty_stacked(box)

    def put(self, digest: str, made: Gathered, tile: Box) -> None:
        """Put what was made of one tile into its place, if it is not there already."""
        match made:
            case Failure():
                self.failures.setdefault(digest, made)
            case Stacked() if not np.may_share_memory(made.image, self.stacks[digest].image):
                _place(self.stacks[digest], made, tile)
            case Artifacts():
                for visit, found in made.within(tile).items():
                    self.runs.setdefault(digest, {}).setdefault(visit, []).append(found)


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
        self._visits = visits_of(unit.tasks)
        self._phases = _phases(unit.tasks, self._visits)
        self._awaited = awaited(unit.tasks)
        self._summed = {made.name for made in unit.sums}
        self._margin = margin_of(unit.tasks)
        self._runner = Chains(open_exposure, unit.patch.box.grow(self._margin), halo_of(unit.tasks))
        self._backgrounds = Backgrounds(unit.tasks, self._runner)
        largest = self.tiles[0].grow(self._margin)
        self._sums = [TileSums(_sums_of(unit, *phase), largest, pool, self.meter) for phase in self._phases]

    @property
    def tiles(self) -> Sequence[Box]:
        """The tiles of the patch, top to bottom."""
        box, rows = self._unit.patch.box, self._unit.tile_rows
        starts = range(box.y0, box.y1, rows)
        return [Box(y0=y, y1=min(y + rows, box.y1), x0=box.x0, x1=box.x1) for y in starts]

    @property
    def steps(self) -> int:
        """Number of times that `run` will call ``step``."""
        return self._backgrounds.steps + len(self.tiles) * sum(len(chains) for chains, _ in self._phases)

    @property
    def meter(self) -> Meter:
        """Where its time goes."""
        return self._runner.meter

    def run(self, step: Callable[[], None]) -> Iterator[tuple[Target, Coadd | Failure]]:
        """Make all products; yield each with its coadd, or with why there is none."""
        return self.each(step, lambda target, made: (target, made))

    def each(self, step: Callable[[], None], use: Callable[[Target, Coadd | Failure], A]) -> Iterator[A]:
        """Make all products; yield what ``use``, called in threads, makes of each."""
        whole = self._pixels(step)

        def finish(target: Target) -> A:
            with self.meter.of("psf"):
                coadd = self._finish(target, whole)
            return use(target, coadd)

        yield from ordered(self._pool, finish, self._unit.targets, ahead=self._workers)

    def _pixels(self, step: Callable[[], None]) -> _Whole:
        """Make the pixels of all products, tile by tile."""
        if self._backgrounds.steps:
            with self.meter.of("background", self._workers):
                self._runner.offsets.update(self._backgrounds.run(self._pool, self._workers, step))
        imaging = [t for t in self._unit.tasks if t.op in ("stack", "subband")]
        whole = _Whole({t.digest: empty_stacked(Box(**t.params["box"])) for t in imaging})
        for tile in self.tiles:
            for digest, made in self._gather(tile.grow(self._margin), step, whole).items():
                whole.put(digest, made, tile)
        self._sums = []  # their memory is not needed any more
        return whole

    def _gather(self, box: Box, step: Callable[[], None], whole: _Whole) -> dict[str, Gathered]:
        """Send all visits through the pixels of one tile, into all that gathers them."""
        made: dict[str, Gathered] = {}
        known: dict[str, Value] = {}
        for (chains, tasks), sums in zip(self._phases, self._sums, strict=True):
            sums.begin(box, whole.failures)
            gatherings = [
                Gathering(t, box, self._visits, self._correlation, whole.failures.get(t.digest))
                for t in tasks
                if t.digest not in self._summed
            ]
            run = partial(self._runner.run, box=box, known=dict(known))
            for values in ordered(self._pool, run, chains, ahead=self._workers):
                sums.take(values)
                for gathering in gatherings:
                    with self.meter.of(kind(gathering.task)):
                        gathering.take(values)
                known |= {digest: values[digest] for digest in values.keys() & self._awaited}
                step()
            made |= sums.finish(partial(whole.planes, box=box))
            for gathering in gatherings:
                digest = gathering.task.digest
                with self.meter.of(kind(gathering.task)):
                    result = gathering.finish(self._pool.map, made)
                made[digest] = result
                if digest in self._awaited and isinstance(result, Artifacts | Failure):
                    known[digest] = result
        return made

    def _correlation(self, visit: Task) -> Floats:
        """Return the correlation of the noise of a visit's warp: that of its first exposure."""
        first = visit.inputs[0] if visit.op == "visit" else visit
        return warp_correlation(first, self._runner)

    def _finish(self, target: Target, whole: _Whole) -> Coadd | Failure:
        """Return the whole coadd of a target, or why there is none."""
        stack, psf = target.task.inputs
        if stack.digest in whole.failures:
            return whole.failures[stack.digest]
        try:
            coadd = finish_coadd(target, whole.stacks[stack.digest], psf, self._runner)
        except Exception as error:
            return failure(target.product.name, error)
        found = next((t for t in walk([stack]) if t.op == "artifacts"), None)
        if isinstance(coadd, Failure) or found is None:
            return coadd
        template = whole.stacks[found.inputs[-1].digest]
        joined = {visit: join_runs(parts) for visit, parts in whole.runs.get(found.digest, {}).items()}
        return coadd.with_artifacts(joined, template.image if found.subject.keep_template else None)


def _phases(
    tasks: Sequence[Task], visits: Mapping[str, int | None]
) -> list[tuple[list[list[Task]], list[Task]]]:
    """Part tasks into what can run first and what waits for artifacts: chains, and what gathers."""
    late = late_tasks(tasks)
    parts = [[t for t in tasks if (t.digest in late) is after] for after in (False, True)]
    return [(by_visit(part, visits), [t for t in part if t.op in GATHERED]) for part in parts]


def _sums_of(unit: Unit, chains: Sequence[Sequence[Task]], tasks: Sequence[Task]) -> list[Sum]:
    """Return the sums over the warps of some chains that make some of these tasks, or parts of them."""
    present = {t.digest for t in tasks} | {t.digest for chain in chains for t in chain}
    return [
        made
        for made in unit.sums
        if made.name in present or (not made.whole and made.inputs[0].digest in present)
    ]


def _place(whole: Stacked, part: Stacked, tile: Box) -> None:
    """Put a tile, without its margin, into its patch."""
    to, source = tile.within(whole.box), tile.within(part.box)
    whole.image[to], whole.variance[to] = part.image[source], part.variance[source]
    whole.mask[to], whole.n_image[to] = part.mask[source], part.n_image[source]
