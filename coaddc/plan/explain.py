"""A plan as the text of a log."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator

from coaddc.plan.plan import Plan, Unit
from coaddc.plan.shared import shared

#: Bytes in the unit that memory is told in.
MIB = 1 << 20


def explain(plan: Plan) -> str:
    """Return what a plan will do, what is shared, what it takes, and what is not done and why.

    Equal plans have equal texts, so that a text can be kept to compare with.
    """
    return "\n".join([*_totals(plan), *(line for unit in plan.units for line in _unit(unit)), *_rest(plan)])


def _totals(plan: Plan) -> Iterator[str]:
    made = sum(len(unit.targets) for unit in plan.units)
    patches = len({(unit.patch.tract, unit.patch.sequence) for unit in plan.units})
    rest = f"{len(plan.current)} up to date, {len(plan.empty)} without exposures"
    yield f"{len(plan.requests)} products asked: {made} to make on {patches} patches, {rest}"
    yield f"{plan.asked} tasks asked, {plan.tasks} to run"


def _unit(unit: Unit) -> Iterator[str]:
    rows, columns = unit.patch.box.shape
    counts = Counter(task.op for task in unit.tasks)
    size = f"{columns} x {rows} pixels, tiles of {unit.tile_rows} rows, about {unit.memory // MIB} MiB"
    yield f"{unit.name}: {size}; " + ", ".join(f"{number} {op}" for op, number in counts.items())
    for target in unit.targets:
        request = target.request
        keys = " ".join(f"{key}={value}" for key, value in request.assembly.keys.items())
        matched = "" if request.target is None else f', matched to {request.target:.2f}"'
        visits = len({row.visit for row in request.rows})
        yield f"  {keys}: {len(request.rows)} exposures of {visits} visits{matched}"
        for note in request.notes:
            yield f"    {note}"
    for group in shared(unit):
        tasks = ", ".join(f"{number} {op}" for op, number in group.ops.items())
        yield f"  shared by {len(group.targets)}: {tasks}"


def _rest(plan: Plan) -> Iterator[str]:
    for product in plan.current:
        yield f"up to date: {product.name}"
    for unit in plan.units:
        for target in unit.targets:
            if target.product.name in plan.outdated:
                yield f"new version, for its inputs or an op changed: {target.product.name}"
    for request in plan.empty:
        yield f"without exposures: {request.name}: {'; '.join(request.notes)}"
