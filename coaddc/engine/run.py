"""Run a plan: one unit after the other, each in threads; a product is published as soon as it stands."""

from __future__ import annotations

import logging
import os
from concurrent.futures import ThreadPoolExecutor

from coaddc.engine.chain import Failure, Open, failure
from coaddc.engine.events import Failed, Figures, Made, Publish, Report, StepDone, UnitDone, UnitStarted
from coaddc.engine.meter import Meter
from coaddc.engine.unit import UnitRun
from coaddc.model.assembly import Matching
from coaddc.model.images import Coadd
from coaddc.model.run_options import EngineOptions
from coaddc.plan.plan import Plan, Target, Unit

log = logging.getLogger(__name__)


def run_plan(
    plan: Plan, engine: EngineOptions, open_exposure: Open, publish: Publish, report: Report
) -> None:
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
    publish
        Puts a finished coadd into the store.
    report
        Takes events as they come.
    """
    workers = engine.workers or os.cpu_count() or 1
    with ThreadPoolExecutor(workers, thread_name_prefix="coaddc") as pool:
        for unit in plan.units:
            run = UnitRun(unit, open_exposure, pool, workers)
            report(UnitStarted(unit, run.steps))

            def finish(target: Target, made: Coadd | Failure, meter: Meter = run.meter) -> Made | Failed:
                with meter.of("coadd"):
                    return _finish(target, made, publish)

            def step(unit: Unit = unit) -> None:
                report(StepDone(unit))

            for finished in run.each(step, finish):
                report(finished)
            report(UnitDone(unit, run.meter.seconds(workers)))


def _finish(target: Target, made: Coadd | Failure, publish: Publish) -> Made | Failed:
    """Publish a coadd, or say why there is none."""
    if isinstance(made, Failure):
        log.info("%s: failed: %s", target.product.name, made.reason)
        return Failed(target, made.reason)
    try:
        path = publish(target.product, made)
    except Exception as error:
        return Failed(target, failure(target.product.name, error).reason)
    log.info("%s: %s", target.product.name, path)
    filtered = target.request.assembly.warp.matching is Matching.likelihood
    return Made(target, path, Figures.of(made, filtered=filtered))
