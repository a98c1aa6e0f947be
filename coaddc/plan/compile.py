"""The order of the passes."""

from __future__ import annotations

from collections.abc import Callable, Sequence, Set

from coaddc.model.assembly import Assembly
from coaddc.model.product import Product
from coaddc.model.run_options import EngineOptions
from coaddc.plan.passes import PatchesOf, dedupe, lower, order, reuse, select, tile
from coaddc.plan.plan import Plan
from coaddc.plan.select import Selector
from coaddc.plan.verify import verify

#: Asks the store: which products it holds, and of which it holds an outdated version; refuses conflicts.
Held = Callable[[Sequence[Product]], tuple[Set[str], Set[str]]]


def compile_suite(
    assemblies: Sequence[Assembly],
    selector: Selector,
    patches: PatchesOf,
    held: Held,
    engine: EngineOptions,
) -> Plan:
    """Compile assemblies, on patches, to one plan.

    Parameters
    ----------
    assemblies
        Of one survey and one sky map.
    selector
        Over the survey's exposure table.
    patches
        Says, for an assembly, what the sky map and the command line leave.
    held
        See `Held`.
    engine
        For the memory budget.

    Raises
    ------
    PlanError, ConfigError
        Where choices do not fit together, or not with these exposures.
    StoreError
        Where a product would clobber another.
    """
    plan = select(assemblies, selector, patches)
    plan = lower(plan)
    verify(plan)
    plan = dedupe(plan)
    verify(plan)
    plan = reuse(plan, *held([target.product for unit in plan.units for target in unit.targets]))
    verify(plan)
    plan = tile(plan, engine)
    plan = order(plan)
    verify(plan)
    return plan
