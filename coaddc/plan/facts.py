"""A plan as plain data: all that is told of it, in a form that programs can read and that stays as it is."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from typing import Any

from coaddc.plan.cost import Rates, estimate
from coaddc.plan.plan import Plan, Request, Target, Unit
from coaddc.plan.shared import Shared, shared
from coaddc.plan.work import resampled, work

#: Raised when something that was there is gone or means something else; what is new raises nothing.
FORMAT = 1

#: Says why an outdated product is.
Why = Callable[[Target], Sequence[str]]
Facts = dict[str, Any]


def facts(plan: Plan, rates: Rates, workers: int, why: Why) -> Facts:
    """Return what a plan will do, what is shared by whom, what it takes, and why it is to be done.

    Parameters
    ----------
    plan
        Compiled.
    rates
        Of earlier runs.
    workers
        Number of threads.
    why
        See `Why`.
    """
    numbers = {request.name: number for number, request in enumerate(plan.requests)}
    groups = [shared(unit) for unit in plan.units]
    amounts = [work(unit) for unit in plan.units]
    products = _products(plan, groups, why)
    expected = estimate(amounts, rates, workers)
    states = Counter(product["state"] for product in products)
    return {
        "totals": {
            "products": len(products),
            **{state: states[state] for state in ("absent", "outdated", "current", "empty")},
            "patches": len({(unit.patch.tract, unit.patch.sequence) for unit in plan.units}),
            "tasks_asked": plan.asked,
            "tasks_left": plan.tasks,
            "resampled_pixels": round(sum(map(resampled, amounts))),
            "peak_memory": max((unit.memory for unit in plan.units), default=0),
            "seconds": expected.seconds,
            "seconds_unknown": list(expected.unknown),
        },
        "products": products,
        "units": [
            _unit(unit, group, amount, numbers) | {"seconds": estimate([amount], rates, workers).seconds}
            for unit, group, amount in zip(plan.units, groups, amounts, strict=True)
        ],
    }


def _products(plan: Plan, groups: Sequence[Sequence[Shared]], why: Why) -> list[Facts]:
    current = {product.name for product in plan.current}
    targets = {target.product.name: target for unit in plan.units for target in unit.targets}
    common: dict[str, Counter[str]] = {}
    for group in (group for unit in groups for group in unit):
        for sharing in group.targets:
            common.setdefault(sharing.product.name, Counter()).update(group.ops)
    found = []
    for request in plan.requests:
        target = targets.get(request.name)
        if target is None:
            reasons = [] if request.name in current else list(request.notes[-1:])
            state = "current" if request.name in current else "empty"
        elif request.name in plan.outdated:
            state, reasons = "outdated", list(why(target))
        else:
            state, reasons = "absent", []
        found.append(_product(request, state, reasons) | {"shared": dict(common.get(request.name, {}))})
    return found


def _product(request: Request, state: str, reasons: Sequence[str]) -> Facts:
    return {
        "data_id": dict(request.data_id),
        "state": state,
        "why": list(reasons),
        "exposures": len(request.rows),
        "visits": len({row.visit for row in request.rows}),
        "selection": list(request.notes),
        "target_fwhm": request.target,
        "template_fwhm": request.template,
    }


def _unit(
    unit: Unit, groups: Sequence[Shared], amount: Mapping[str, float], numbers: Mapping[str, int]
) -> Facts:
    rows, columns = unit.patch.box.shape
    return {
        "tract": unit.patch.tract,
        "patch": unit.patch.name,
        "sequence": unit.patch.sequence,
        "band": unit.band,
        "rows": rows,
        "columns": columns,
        "tile_rows": unit.tile_rows,
        "tiles": unit.tiles,
        "memory": unit.memory,
        "products": [numbers[target.product.name] for target in unit.targets],
        "tasks": dict(Counter(task.op for task in unit.tasks)),
        "resampled_pixels": round(resampled(amount)),
        "shared": [
            {"products": [numbers[t.product.name] for t in group.targets], "tasks": group.ops}
            for group in groups
        ],
    }
