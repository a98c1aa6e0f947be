"""What must hold of a plan between passes."""

from __future__ import annotations

from coaddc.model.errors import PlanError
from coaddc.plan.phases import adds
from coaddc.plan.plan import Plan, Unit
from coaddc.plan.task import OP_VERSIONS

#: Names of ops, and the ops whose results they may take.
TAKES: dict[str, frozenset[str]] = {
    "exposure": frozenset(),
    "background": frozenset({"exposure"}),
    "warp": frozenset({"exposure"}),
    "level": frozenset({"warp", "background"}),
    "match": frozenset({"warp", "level", "exposure"}),
    "filter": frozenset({"warp", "level", "exposure", "artifacts"}),
    "proper": frozenset({"warp", "level", "exposure"}),
    "visit": frozenset({"warp", "level", "match", "filter", "proper"}),
    "artifacts": frozenset({"warp", "level", "match", "visit", "stack"}),
    "stack": frozenset({"warp", "level", "match", "filter", "proper", "visit", "artifacts"}),
    "psf": frozenset({"warp", "level", "match", "filter", "proper"}),
    "dcr": frozenset({"match", "visit", "artifacts", "stack"}),
    "subband": frozenset({"dcr"}),
    "coadd": frozenset({"stack", "subband", "psf"}),
}


def verify(plan: Plan, before: Plan | None = None) -> None:
    """Check a plan; one that breaks a rule is a fault of a pass, never of a user.

    Parameters
    ----------
    plan
        What a pass gives.
    before
        The plan that it took, verified: units with the same tasks and products are not gone through again.

    Raises
    ------
    PlanError
        Naming the unit and the rule.
    """
    places = [(unit.patch.tract, unit.patch.sequence, unit.band) for unit in plan.units]
    if len(set(places)) != len(places):
        raise PlanError("two units for one patch and band")
    units = before.units if before else ()
    known = {(id(unit.tasks), id(unit.targets)) for unit in units}
    summed = {id(unit.sums) for unit in units}
    for unit in plan.units:
        if (id(unit.tasks), id(unit.targets)) not in known:
            _verify_unit(unit)
        if unit.sums and id(unit.sums) not in summed:
            _verify_sums(unit)


def _verify_unit(unit: Unit) -> None:
    seen: set[str] = set()
    for found in unit.tasks:
        if found.op not in OP_VERSIONS:
            raise PlanError(f"{unit.name}: no op {found.op!r}")
        if found.digest in seen:
            raise PlanError(f"{unit.name}: {found.op} {found.digest} is there twice")
        for needed in found.inputs:
            if needed.digest not in seen:
                raise PlanError(f"{unit.name}: {found.op} comes before its {needed.op}")
            if needed.op not in TAKES[found.op]:
                raise PlanError(f"{unit.name}: {found.op} cannot take a {needed.op}")
        seen.add(found.digest)
    if unit.tasks and not {target.task.digest for target in unit.targets} <= seen:
        raise PlanError(f"{unit.name}: a product has lost its task")


def _verify_sums(unit: Unit) -> None:
    """Check that sums hold each warp of their stack once, and that all stacks that add have theirs."""
    stacks = {found.digest: found for found in unit.tasks if adds(found)}
    warps: dict[str, list[str]] = {}
    for made in unit.sums:
        parts = [name for part in made.parts for name in warps.get(part, [part])]
        warps[made.name] = sorted([*parts, *(needed.digest for needed in made.inputs)])
        if not made.whole:
            continue
        stack = stacks.pop(made.name, None)
        if stack is None or warps[made.name] != sorted(needed.digest for needed in stack.inputs):
            raise PlanError(f"{unit.name}: the sums of stack {made.name} are not those of its warps")
    if stacks:
        raise PlanError(f"{unit.name}: stack {next(iter(stacks))} has no sums")
