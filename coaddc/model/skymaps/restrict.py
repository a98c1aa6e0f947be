"""The patches that a command line asks for."""

from __future__ import annotations

from collections.abc import Sequence

from coaddc.model.errors import PlanError, near
from coaddc.model.skymap import Patch

#: How many names a message lists.
LISTED = 12


def restrict(
    patches: Sequence[Patch], tracts: Sequence[int] | None, names: Sequence[int | str] | None
) -> list[Patch]:
    """Return the patches of these tracts with these names, in the order given; None is all.

    A name is a sequence number, or "x,y".

    Raises
    ------
    PlanError
        Where a tract, or a name, is that of no patch; it says what there is.
    """
    chosen = list(patches)
    if tracts is not None:
        there = {patch.tract for patch in patches}
        for tract in tracts:
            if tract not in there:
                raise PlanError(f"tract={tract}: no exposure lies on it{_nearest(tract, there)}")
        chosen = [patch for patch in patches if patch.tract in set(tracts)]
    if names is None:
        return chosen
    wanted = {_name(name) for name in names}
    known = {patch.sequence for patch in chosen} | {patch.name for patch in chosen}
    for name in sorted(wanted - known, key=str):
        raise PlanError(f"patch={name}: no exposure lies on it{_hint(name, chosen)}")
    return [patch for patch in chosen if patch.sequence in wanted or patch.name in wanted]


def _name(name: int | str) -> int | str:
    """Return a name in the one form that equal names share."""
    parts = [part.strip() for part in str(name).split(",")]
    if len(parts) > 2 or not all(part.isdecimal() for part in parts):
        raise PlanError(
            f"patch={name}: give a sequence number (patch=3) or a column and row ('patch=\"1,0\"')"
        )
    numbers = [int(part) for part in parts]
    return numbers[0] if len(numbers) == 1 else f"{numbers[0]},{numbers[1]}"


def _hint(name: int | str, patches: Sequence[Patch]) -> str:
    if isinstance(name, int):
        return _nearest(name, {patch.sequence for patch in patches})
    x, y = (int(part) for part in name.split(","))
    by_distance = sorted(patches, key=lambda patch: (abs(patch.x - x) + abs(patch.y - y), patch.sequence))
    names = list(dict.fromkeys(patch.name for patch in by_distance))
    return near(name, names[:LISTED]) if len(names) <= LISTED else _listed(names)


def _nearest(number: int, there: set[int]) -> str:
    return _listed([str(n) for n in sorted(there, key=lambda n: (abs(n - number), n))])


def _listed(names: Sequence[str]) -> str:
    if len(names) <= LISTED:
        return f" (there are: {', '.join(names) or 'none'})"
    return f" (nearest: {', '.join(names[:LISTED])}; {len(names)} in all)"
