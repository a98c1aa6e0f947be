"""Coadds of exposures in memory, made without a store."""

from __future__ import annotations

from coaddc.engine.chain import Open
from coaddc.engine.events import Event, Failed
from coaddc.engine.keeper import Keeper
from coaddc.engine.run import run_plan
from coaddc.model.images import Coadd
from coaddc.model.product import Product
from coaddc.model.run_options import EngineOptions
from coaddc.plan.plan import Plan


def made_of(plan: Plan, open_exposure: Open) -> list[tuple[Product, Coadd]]:
    """Make all products of a plan with two threads; the first that fails ends it."""
    keeper = Keeper()

    def report(event: Event) -> None:
        if isinstance(event, Failed):
            raise SystemExit(event.error)

    run_plan(plan, EngineOptions(workers=2), open_exposure, keeper.begin, report)
    return [(target.product, coadd) for target, coadd in keeper.made]
