"""Which products need which tasks of a unit."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass

from coaddc.plan.plan import Target, Unit
from coaddc.plan.task import walk


@dataclass(frozen=True, slots=True)
class Shared:
    """What several products of a unit have in common, done once.

    Attributes
    ----------
    targets
        The products.
    ops
        Number of tasks by op.
    """

    targets: tuple[Target, ...]
    ops: dict[str, int]


def wanted_by(unit: Unit) -> dict[str, tuple[int, ...]]:
    """Return the products that need each task, by its digest, as numbers of the unit's targets."""
    wanted: dict[str, list[int]] = {}
    for number, target in enumerate(unit.targets):
        for task in walk([target.task]):
            wanted.setdefault(task.digest, []).append(number)
    return {digest: tuple(numbers) for digest, numbers in wanted.items()}


def shared(unit: Unit) -> list[Shared]:
    """Return what more than one product needs, by the products that need it."""
    wanted = wanted_by(unit)
    groups: dict[tuple[int, ...], Counter[str]] = {}
    for task in unit.tasks:
        numbers = wanted[task.digest]
        if len(numbers) > 1:
            groups.setdefault(numbers, Counter())[task.op] += 1
    return [Shared(tuple(unit.targets[n] for n in numbers), dict(ops)) for numbers, ops in groups.items()]
