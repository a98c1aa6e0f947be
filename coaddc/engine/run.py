"""Run a plan: one unit after the other, each in threads; a product is published as soon as it stands."""

from __future__ import annotations

import os
from collections import deque
from collections.abc import Iterable
from concurrent.futures import Future, ThreadPoolExecutor, wait
from itertools import islice

from coaddc.engine.chain import Open
from coaddc.engine.events import (
    Begin,
    CompiledKernels,
    Compiling,
    Failed,
    Made,
    Report,
    StepDone,
    UnitDone,
    UnitStarted,
)
from coaddc.engine.meter import Meter
from coaddc.engine.opened import Opened
from coaddc.engine.unit import UnitRun
from coaddc.kernels.compile_time import compile_time
from coaddc.model.run_options import EngineOptions
from coaddc.plan.plan import Plan, Unit


def run_plan(plan: Plan, engine: EngineOptions, open_exposure: Open, begin: Begin, report: Report) -> None:
    """Make all products of a plan.

    What fails takes only what depends on it along; everything is reported.

    Parameters
    ----------
    plan
        Compiled.
    engine
        Threads and memory.
    open_exposure
        Opens an exposure of the table.
    begin
        Begins a product in the store.
    report
        Takes events as they come.
    """
    with compile_time(lambda: report(Compiling())) as compiled:
        _run_units(plan, engine.workers or os.cpu_count() or 1, open_exposure, begin, report)
    if compiled():
        report(CompiledKernels(compiled()))


def _run_units(plan: Plan, workers: int, open_exposure: Open, begin: Begin, report: Report) -> None:
    opened = Opened(open_exposure)
    with ThreadPoolExecutor(workers, thread_name_prefix="coaddc") as pool:
        ending = _Ending(report, workers)
        for unit in plan.units:
            ending.give_way()
            run = UnitRun(unit, opened, begin, pool, workers)
            report(UnitStarted(unit, run.steps))

            def step(unit: Unit = unit) -> None:
                report(StepDone(unit))
                ending.report_done()

            finishing = run.start(step)
            ending.wait()
            ending.begin(unit, finishing, run.meter)
        ending.wait()


class _Ending:
    """The end of a unit: its products are finished and published while the next unit is on its way."""

    def __init__(self, report: Report, workers: int) -> None:
        self._report = report
        self._workers = workers
        self._ending: tuple[Unit, Meter] | None = None
        self._finishing: deque[Future[Made | Failed]] = deque()

    def begin(self, unit: Unit, finishing: Iterable[Future[Made | Failed]], meter: Meter) -> None:
        """Take over a unit of which there are all pixels."""
        self._ending = unit, meter
        self._finishing.extend(finishing)

    def give_way(self) -> None:
        """Count no more time as the unit's own: another begins."""
        if self._ending is not None:
            self._ending[1].stop()

    def report_done(self) -> None:
        """Report what stands by now, in order."""
        while self._finishing and self._finishing[0].done():
            self._report(self._finishing.popleft().result())
        if self._ending is not None and not self._finishing:
            unit, meter = self._ending
            self._ending = None
            self._report(UnitDone(unit, meter.seconds(self._workers)))

    def wait(self) -> None:
        """Wait for what there is to come, and report it."""
        while self._ending is not None:
            wait(islice(self._finishing, 1))
            self.report_done()
