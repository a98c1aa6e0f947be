"""The sums of a unit over one tile: threads add warps to them, a few rows at a time."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence, Set
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass, replace

from coaddc.engine.chain import Failure, Value, failure
from coaddc.engine.meter import Meter
from coaddc.model.geom import Box
from coaddc.model.images import Stacked, Warp
from coaddc.ops.mean import MeanStack, empty_stacked, row_starts, rows_of
from coaddc.plan.memory import TOGETHER
from coaddc.plan.plan import Sum
from coaddc.plan.work import SUMS

#: Takes some rows of a stack, by its digest, in any thread.
Deliver = Callable[[str, Stacked], None]


@dataclass(frozen=True)
class _Step:
    """What threads do next, each on some rows.

    Attributes
    ----------
    warps
        To be added, each to the sums of these names.
    complete
        Sums that then have all their warps and parts; parts before what they are parts of.
    failures
        Names of sums that are not made.
    """

    warps: Sequence[tuple[Warp, Sequence[str]]]
    complete: Sequence[Sum]
    failures: Set[str]


class TileSums:
    """The sums of a unit over one tile after another.

    Warps are added a few at a time, so that the rows of all sums that take them stay in the cache; threads
    add them to some rows each, in the order of the plan. A sum is finished, and added to those that it is a
    part of, as soon as it has its last warp; the memory that it took is then another's. So ten years, whose
    visits come one year after the other, take the memory of two sums or three.

    Parameters
    ----------
    sums
        Those of the unit, parts before what they are parts of.
    box
        The pixels of the largest tile, with its margin.
    pool
        Threads.
    meter
        Adds up their time.
    """

    def __init__(self, sums: Sequence[Sum], box: Box, pool: ThreadPoolExecutor, meter: Meter) -> None:
        self._sums = sums
        self._largest = box
        self._pool = pool
        self._meter = meter
        self._takers: dict[str, list[str]] = {}
        self._parents: dict[str, list[str]] = {}
        for made in sums:
            for needed in made.inputs:
                self._takers.setdefault(needed.digest, []).append(made.name)
            for part in made.parts:
                self._parents.setdefault(part, []).append(made.name)
        self._spare: dict[int, list[MeanStack]] = {}  # by the number of planes that they keep

    def begin(self, box: Box, failures: Mapping[str, Failure], deliver: Deliver, kept: Set[str]) -> None:
        """Go to a tile.

        Parameters
        ----------
        box
            Its pixels.
        failures
            What stacks are known not to be made, and why.
        deliver
            Takes the stacks, some rows at a time.
        kept
            Digests of the stacks that `finish` is to return, too.
        """
        self._box, self._deliver = box, deliver
        self._rows = [rows_of(box, y) for y in row_starts(box)]
        self._failures = {made.name: failures[made.name] for made in self._sums if made.name in failures}
        self._needs = {made.name: len(made.inputs) + len(made.parts) for made in self._sums}
        self._kept = {made.name: empty_stacked(box) for made in self._sums if made.name in kept}
        self._stacks: dict[str, MeanStack] = {}
        self._waiting: list[tuple[Warp, list[str]]] = []
        self._complete: list[Sum] = []
        self._done: Sequence[Sum] = ()
        self._running: list[Future[None]] = []

    def take(self, values: Mapping[str, Value]) -> None:
        """Take the warps of one visit."""
        for digest, value in values.items():
            takers = self._takers.get(digest, [])
            if isinstance(value, Failure):
                for name in takers:
                    self._failures.setdefault(name, value)
            elif isinstance(value, Warp) and takers:
                self._waiting.append((value, takers))
            for name in takers:
                self._needs[name] -= 1
        if len(self._waiting) >= TOGETHER or sum(not left for left in self._needs.values()) >= TOGETHER:
            self._go_on()

    def _go_on(self) -> None:
        """Let threads add the warps that wait, and finish what then is complete, when they are free."""
        self._wait()
        complete = self._completed()
        failed = self._failures.keys()
        warps = [(warp, [name for name in takers if name not in failed]) for warp, takers in self._waiting]
        self._waiting = []
        for made in self._sums:
            wanted = made in complete or any(made.name in takers for _, takers in warps)
            wanted |= any(part.name in made.parts for part in complete)
            if wanted and made.name not in self._stacks:
                self._stacks[made.name] = self._room(made)
        step = _Step(warps, complete, frozenset(failed))
        self._running = [self._pool.submit(self._work, rows, step) for rows in self._rows]
        self._done = complete

    def _completed(self) -> list[Sum]:
        """Return the sums that need nothing any more; failures go on to what they are parts of."""
        complete = []
        for made in self._sums:
            if self._needs.get(made.name) == 0:
                complete.append(made)
                del self._needs[made.name]
                for parent in self._parents.get(made.name, ()):
                    self._needs[parent] -= 1
                    if made.name in self._failures:
                        self._failures.setdefault(parent, self._failures[made.name])
        return complete

    def _room(self, made: Sum) -> MeanStack:
        """Return empty sums over the tile: those of a sum that is finished, if there are any."""
        spare = self._spare.setdefault(len(made.options.propagate), [])
        stack = spare.pop() if spare else MeanStack.empty(made.options, self._largest)
        return replace(stack, options=made.options)

    def _wait(self) -> None:
        errors = [error for running in self._running if (error := running.exception()) is not None]
        self._running = []
        if errors:
            found = Failure(f"stack: {errors[0]}")
            self._failures = {made.name: found for made in self._sums} | self._failures
            self._stacks.clear()  # nobody knows what is in them
        for made in self._done:
            if made.name in self._stacks:
                self._spare[len(made.options.propagate)].append(self._stacks.pop(made.name))
        self._done = ()

    def _work(self, rows: Box, step: _Step) -> None:
        """Do a step on some rows."""
        stacks = {name: stack.over(self._box).part(rows) for name, stack in self._stacks.items()}
        with self._meter.of(SUMS):
            for warp, takers in step.warps:
                part = warp.crop(rows)
                for name in takers:
                    stacks[name].add(part)
        for made in step.complete:
            if made.name not in step.failures:
                self._finish(made, stacks, rows)
            with self._meter.of(SUMS):
                for parent in self._parents.get(made.name, ()):
                    if parent not in step.failures:
                        stacks[parent].merge(stacks[made.name])
                stacks[made.name].clear()

    def _finish(self, made: Sum, stacks: Mapping[str, MeanStack], rows: Box) -> None:
        """Make a stack of complete sums, on some rows, and hand it on."""
        if made.whole:
            with self._meter.of(SUMS):
                into = self._kept[made.name].part(rows) if made.name in self._kept else None
                result = stacks[made.name].finish(into=into)
            with self._meter.of("coadd"):
                self._deliver(made.name, result)

    def finish(self) -> dict[str, Stacked | Failure]:
        """Return the stacks that are kept, and what has failed, when all visits were taken."""
        try:
            self._go_on()
            self._wait()
            assert not self._needs, "visits are missing"
        except Exception as error:
            found = failure("stack", error)
            self._failures = {made.name: found for made in self._sums}
        wholes = {made.name for made in self._sums if made.whole}
        return {**self._kept, **{name: why for name, why in self._failures.items() if name in wholes}}
