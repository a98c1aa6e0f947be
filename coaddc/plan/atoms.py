"""Sums that stacks share: means that differ only in their visits are sums of the same atoms."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from dataclasses import replace

from coaddc.model.digest import digest
from coaddc.model.run_options import EngineOptions
from coaddc.plan.memory import spare_sums
from coaddc.plan.phases import adds
from coaddc.plan.plan import Plan, Sum, Unit
from coaddc.plan.task import Task

#: What adding sums to sums takes, in additions of a warp.
MERGE = 1


def atoms(plan: Plan, engine: EngineOptions) -> Plan:
    """Find what the means of a unit add up once for several of them.

    The visits of a unit fall into atoms: those that the same stacks take. A stack is the sum of its atoms: y1
    ... y10 and their union take one addition of each warp, and ten of sums, in place of two of each warp. So
    is it of any stack whose visits it has too, as the first two years are of the first.

    How sums are shared stands beside the tasks, whose digests do not know of it: a product is the same,
    whatever else a suite asks for. The pass comes after what the store holds was dropped, which is summed no
    more, and before patches are cut into tiles, for sums take memory.
    """
    return replace(plan, units=tuple(_summed(unit, engine) for unit in plan.units))


def _summed(unit: Unit, engine: EngineOptions) -> Unit:
    alike: dict[str, list[Task]] = {}
    for stack in unit.tasks:
        if adds(stack):
            alike.setdefault(digest(stack.params), []).append(stack)
    spare, sums = spare_sums(unit, engine), []
    for group in alike.values():
        made = share(group, spare)
        spare -= len(made) - len(group)
        sums += made
    return replace(unit, sums=tuple(sums))


def share(stacks: Sequence[Task], spare: int) -> list[Sum]:
    """Return the sums that make stacks, each after its parts.

    Parts are the sums of other stacks and, where that saves additions, of atoms that are none.

    Parameters
    ----------
    stacks
        Means that differ in their inputs only.
    spare
        How many atoms may have sums of their own.
    """
    inputs = {needed.digest: needed for stack in stacks for needed in stack.inputs}
    place = {name: 1 << number for number, name in enumerate(inputs)}
    sets = [sum(place[needed.digest] for needed in stack.inputs) for stack in stacks]
    own = _atoms(sets, list(place.values()))[:spare]
    parts = _parts([*sets, *own])
    while idle := {atom for atom, uses in _uses(parts, own).items() if uses < 2}:
        own = [atom for atom in own if atom not in idle]
        parts = _parts([*sets, *own])
    names = [stack.digest for stack in stacks]
    names += [digest([name for name in place if place[name] & atom]) for atom in own]
    made = []
    for number, (of, rest) in parts.items():
        direct = tuple(inputs[name] for name, bit in place.items() if bit & rest)
        options = stacks[0].subject
        made.append(Sum(names[number], options, direct, tuple(names[p] for p in of), number < len(stacks)))
    return made


def _atoms(sets: Sequence[int], places: Sequence[int]) -> list[int]:
    """Return the atoms of sets (of bits) that are worth sums of their own, that which saves most first."""
    takers: dict[int, int] = {}
    for place in places:
        taken = sum(1 << number for number, members in enumerate(sets) if members & place)
        takers[taken] = takers.get(taken, 0) | place
    saved = {
        atom: atom.bit_count() * (taken.bit_count() - 1) - MERGE * taken.bit_count()
        for taken, atom in takers.items()
        if atom not in sets
    }
    return sorted((atom for atom, gain in saved.items() if gain > 0), key=lambda atom: -saved[atom])


def _parts(sets: Sequence[int]) -> dict[int, tuple[list[int], int]]:
    """Write each set (of bits) as disjoint smaller ones, the largest first, and what is left of it.

    Returns
    -------
    dict
        Numbers of the parts, and the rest, by the number of the set; smallest first.
    """
    made: dict[int, tuple[list[int], int]] = {}
    for number in sorted(range(len(sets)), key=lambda n: sets[n].bit_count()):
        rest, of = sets[number], []
        for other in reversed(made):
            if not sets[other] & ~rest and sets[other].bit_count() > MERGE:
                of.append(other)
                rest &= ~sets[other]
        made[number] = of, rest
    return made


def _uses(parts: dict[int, tuple[list[int], int]], own: Sequence[int]) -> dict[int, int]:
    """Count how often each atom with sums of its own, the last of the sets, is a part."""
    counts = Counter(other for of, _ in parts.values() for other in of)
    first = len(parts) - len(own)
    return {atom: counts[first + number] for number, atom in enumerate(own)}
