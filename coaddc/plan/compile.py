"""The passes of the compiler, in their order."""

from __future__ import annotations

import atexit
import gc
from collections.abc import Callable, Iterator, Sequence, Set
from contextlib import contextmanager
from dataclasses import dataclass

from coaddc.model.assembly import Assembly
from coaddc.model.product import Product
from coaddc.model.run_options import EngineOptions
from coaddc.plan.atoms import atoms
from coaddc.plan.passes import PatchesOf, dedupe, lower, order, reuse, select, tile
from coaddc.plan.plan import Plan
from coaddc.plan.select import Selector
from coaddc.plan.verify import verify

#: Asks the store: which products it holds, and of which it holds an outdated version; refuses conflicts.
Held = Callable[[Sequence[Product]], tuple[Set[str], Set[str]]]
#: Is shown the name of each pass, and the plan that it leaves.
Watch = Callable[[str, Plan], None]


def unseen(name: str, plan: Plan) -> None:
    """Watch nothing."""


@dataclass(frozen=True)
class Given:
    """What passes may ask beside the plan.

    Attributes
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
    """

    assemblies: Sequence[Assembly]
    selector: Selector
    patches: PatchesOf
    held: Held
    engine: EngineOptions


@dataclass(frozen=True)
class Pass:
    """A step of the compiler: takes a plan and gives a plan."""

    name: str
    run: Callable[[Plan, Given], Plan]


#: The compiler. A plan is verified after each.
PASSES: tuple[Pass, ...] = (
    Pass("select", lambda _, given: select(given.assemblies, given.selector, given.patches)),
    Pass("lower", lambda plan, _: lower(plan)),
    Pass("dedupe", lambda plan, _: dedupe(plan)),
    Pass("reuse", lambda plan, given: reuse(plan, *given.held(plan.products))),
    Pass("atoms", lambda plan, given: atoms(plan, given.engine)),
    Pass("tile", lambda plan, given: tile(plan, given.engine)),
    Pass("order", lambda plan, _: order(plan)),
)


def compile_suite(
    assemblies: Sequence[Assembly],
    selector: Selector,
    patches: PatchesOf,
    held: Held,
    engine: EngineOptions,
    watch: Watch = unseen,
) -> Plan:
    """Compile assemblies, on patches, to one plan.

    Parameters
    ----------
    assemblies, selector, patches, held, engine
        See `Given`.
    watch
        See `Watch`.

    Raises
    ------
    PlanError, ConfigError
        Where choices do not fit together, or not with these exposures.
    StoreError
        Where a product would clobber another.
    """
    given = Given(assemblies, selector, patches, held, engine)
    plan = Plan(())
    with _uncollected():
        for step in PASSES:
            before, plan = plan, step.run(plan, given)
            verify(plan, before)
            watch(step.name, plan)
    return plan


@contextmanager
def _uncollected() -> Iterator[None]:
    """Keep Python from looking for cycles: it would go through the growing plan again and again.

    Nor is the plan, which stays, gone through afterwards; but at the end, as extension modules expect.
    """
    collecting = gc.isenabled()
    gc.disable()
    try:
        yield
    finally:
        gc.freeze()
        atexit.register(gc.unfreeze)
        if collecting:
            gc.enable()
