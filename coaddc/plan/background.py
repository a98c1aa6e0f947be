"""Lower the matching of backgrounds: one task that compares the skies of all exposures of a request."""

from __future__ import annotations

from coaddc.model.assembly import SkyUnit
from coaddc.plan.bench import Bench
from coaddc.plan.plan import Request
from coaddc.plan.task import Task, task
from coaddc.plan.weights import inverse_variance


def background_task(request: Request, bench: Bench) -> Task | None:
    """Return the task that says by what the skies of the exposures differ; None where none are matched."""
    options = request.assembly.sky_matching
    if options is None:
        return None
    units = [(row.visit, row.detector if options.of is SkyUnit.exposure else "") for row in request.rows]
    if len(set(units)) < 2:
        return None
    return task(
        "background",
        *(bench.shop.exposure(request.assembly, row) for row in request.rows),
        grid=bench.grid,
        box=bench.box,
        units=[sorted(set(units)).index(unit) for unit in units],
        weights=[inverse_variance(row, bench.scale) for row in request.rows],
        order=options.order,
        bin=options.bin,
        nsigma=options.nsigma,
        reject=sorted(request.assembly.stack.reject),
    )
