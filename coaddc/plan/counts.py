"""How large a plan is, after any pass."""

from __future__ import annotations

from dataclasses import dataclass

from coaddc.plan.plan import Plan


@dataclass(frozen=True, slots=True)
class Counts:
    """The size of a plan.

    Attributes
    ----------
    requests
        Coadds asked for.
    products
        Those still to be made.
    units
        Patches in a band that they lie on.
    tasks
        What is to be done for them; before what they share is found, counted product by product.
    tiles
        Pieces that the patches are cut into; 0 before they are.
    """

    requests: int
    products: int
    units: int
    tasks: int
    tiles: int

    @classmethod
    def of(cls, plan: Plan) -> Counts:
        """Count what a plan holds."""
        tasks = plan.asked if plan.units and not plan.tasks else plan.tasks
        tiles = sum(unit.tiles for unit in plan.units)
        return cls(len(plan.requests), len(plan.products), len(plan.units), tasks, tiles)
