"""The sums of a unit over one tile: threads add warps to them, a few rows at a time."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence, Set
from concurrent.futures import Future, ThreadPoolExecutor
from functools import partial

from coaddc.engine.chain import Failure, Value, failure
from coaddc.engine.meter import Meter
from coaddc.model.geom import Box
from coaddc.model.images import Stacked, Warp
from coaddc.ops.mean import MeanStack, empty_stacked, row_starts, rows_of
from coaddc.plan.memory import TOGETHER
from coaddc.plan.plan import Sum
from coaddc.plan.work import SUMS

#: Takes some rows of a stack, by its digest.
Deliver = Callable[[str, Stacked], None]


class TileSums:
    """The sums of a unit over one tile after another.

    Warps are added a few at a time, so that the rows of all sums that take them stay in the cache; threads
    add them to some rows each, in the order of the plan. Memory is taken once, and only for sums that warps
    are added to.

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

    _waiting: list[tuple[Warp, list[str]]]
    _running: list[Future[None]]
    _failures: dict[str, Failure]

    def __init__(self, sums: Sequence[Sum], box: Box, pool: ThreadPoolExecutor, meter: Meter) -> None:
        self._sums = sums
        self._pool = pool
        self._meter = meter
        self._whole = {made.name: MeanStack.empty(made.options, box) for made in sums if made.inputs}
        self._takers: dict[str, list[str]] = {}
        for made in sums:
            for needed in made.inputs:
                self._takers.setdefault(needed.digest, []).append(made.name)

    def begin(self, box: Box, failures: Mapping[str, Failure]) -> None:
        """Go to a tile; ``failures`` says what stacks are known not to be made, and why."""
        self._box = box
        self._stacks = {name: stack.over(box) for name, stack in self._whole.items()}
        self._rows = [rows_of(box, y) for y in row_starts(box)]
        self._failures = {made.name: failures[made.name] for made in self._sums if made.name in failures}
        self._waiting, self._running = [], []

    def take(self, values: Mapping[str, Value]) -> None:
        """Take the warps of one visit."""
        for digest, value in values.items():
            takers = self._takers.get(digest, [])
            if isinstance(value, Failure):
                for name in takers:
                    self._failures.setdefault(name, value)
            elif isinstance(value, Warp) and takers:
                self._waiting.append((value, takers))
        if len(self._waiting) >= TOGETHER:
            self._add_waiting()

    def _add_waiting(self) -> None:
        """Let threads add the warps that wait, once they have added those before."""
        self._wait()
        warps, self._waiting = self._waiting, []
        self._running = [self._pool.submit(self._add, rows, warps) for rows in self._rows]

    def _wait(self) -> None:
        for running in self._running:
            if (error := running.exception()) is not None:
                self._failures = {made.name: Failure(f"stack: {error}") for made in self._sums}
        self._running = []

    def _add(self, rows: Box, warps: Sequence[tuple[Warp, list[str]]]) -> None:
        with self._meter.of(SUMS):
            for warp, takers in warps:
                part = warp.crop(rows)
                for name in takers:
                    self._stacks[name].part(rows).add(part)

    def finish(self, deliver: Deliver, kept: Set[str]) -> dict[str, Stacked | Failure]:
        """Make the stacks, and hand each on some rows at a time.

        Parameters
        ----------
        deliver
            Takes some rows of a stack, in any thread.
        kept
            Digests of the stacks that are to be returned, too.

        Returns
        -------
        dict
            Those, and why others could not be made, by digest.
        """
        self._add_waiting()
        self._wait()
        for made in self._sums:
            failed = next((self._failures[part] for part in made.parts if part in self._failures), None)
            if failed is not None:
                self._failures.setdefault(made.name, failed)
        wanted = [made.name for made in self._sums if made.whole]
        planes = {name: empty_stacked(self._box) for name in wanted if name in kept - self._failures.keys()}
        try:
            for _ in self._pool.map(partial(self._finish, deliver, planes), self._rows):
                pass
        except Exception as error:
            return dict.fromkeys(wanted, failure("stack", error))
        return {**planes, **{name: self._failures[name] for name in wanted if name in self._failures}}

    def _finish(self, deliver: Deliver, planes: Mapping[str, Stacked], rows: Box) -> None:
        """Make all stacks on some rows, and empty the sums there."""
        stacks = {name: stack.part(rows) for name, stack in self._stacks.items()}
        room = empty_stacked(rows)  # of one stack after the other
        for made in self._sums:
            if made.name not in self._failures:
                result = planes[made.name].part(rows) if made.name in planes else room
                with self._meter.of(SUMS):
                    self._add_up(made, stacks, rows, result)
                if made.whole:
                    with self._meter.of("coadd"):
                        deliver(made.name, result)
        with self._meter.of(SUMS):
            for name in self._stacks:
                stacks[name].clear()

    def _add_up(self, made: Sum, stacks: dict[str, MeanStack], rows: Box, result: Stacked) -> None:
        """Add its parts to a sum on some rows, and make the stack that it is."""
        stack = stacks.setdefault(made.name, MeanStack.empty(made.options, rows))
        for part in made.parts:
            stack.merge(stacks[part])
        if made.whole:
            stack.finish(into=result)
