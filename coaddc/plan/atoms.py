"""Sums that stacks share: means that differ only in their visits are sums of the same atoms."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import replace
from functools import reduce
from operator import or_

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
    known: dict[int, str] = {}  # few parameters, of many stacks
    alike: dict[str, list[Task]] = {}
    for stack in unit.tasks:
        if adds(stack):
            params = stack.params
            what = known.get(id(params)) or known.setdefault(id(params), digest(params))
            alike.setdefault(what, []).append(stack)
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
    sets = [reduce(or_, [place[needed.digest] for needed in stack.inputs]) for stack in stacks]
    own = _atoms(sets)[:spare]
    parts = _parts([*sets, *own])
    while idle := {atom for atom, uses in _uses(parts, own).items() if uses < 2}:
        own = [atom for atom in own if atom not in idle]
        parts = _parts([*sets, *own])
    warps = tuple(inputs.values())
    names = [stack.digest for stack in stacks]
    names += [digest([warps[number].digest for number in _members(atom)]) for atom in own]
    made = []
    for number, (of, rest) in parts.items():
        direct = tuple([warps[member] for member in _members(rest)])
        shared = tuple([names[part] for part in of])
        made.append(Sum(names[number], stacks[0].subject, direct, shared, number < len(stacks)))
    return made


def _members(bits: int) -> Iterator[int]:
    """Yield the numbers of the bits that are set, ascending."""
    while bits:
        lowest = bits & -bits
        yield lowest.bit_length() - 1
        bits ^= lowest


def _atoms(sets: Sequence[int]) -> list[int]:
    """Return the atoms of sets (of bits) that are worth sums of their own, that which saves most first."""
    takers: dict[int, int] = {}
    for number, members in enumerate(sets):
        for member in _members(members):
            takers[member] = takers.get(member, 0) | 1 << number
    atoms: dict[int, int] = {}
    for member, taken in sorted(takers.items()):
        atoms[taken] = atoms.get(taken, 0) | 1 << member
    saved = {
        atom: atom.bit_count() * (taken.bit_count() - 1) - MERGE * taken.bit_count()
        for taken, atom in atoms.items()
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
