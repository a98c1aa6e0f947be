"""How much memory a unit takes, and into which tiles that cuts it."""

from __future__ import annotations

import os

from coaddc.model.run_options import EngineOptions
from coaddc.plan.plan import Unit
from coaddc.plan.task import Task

#: Bytes a pixel: planes of a product, sums of a stack, a warp, a warp in the making, and one being matched.
PRODUCT, SUMS, WARP, WARPING, MATCHING = 14, 46, 16, 40, 80
#: Rows below which a tile is not cut further: halos would cost more than they save.
SMALLEST = 64
GIB = 1 << 30


def tile_rows(unit: Unit, engine: EngineOptions) -> tuple[int, int]:
    """Return the rows of a tile, and the bytes that working on one is projected to take.

    Results do not depend on the cut; it is as coarse as the memory allows.
    """
    rows, columns = unit.patch.box.shape
    workers = engine.workers or os.cpu_count() or 1
    stacks = [t for t in unit.tasks if t.op == "stack"]
    kept = {i.digest for stack in stacks if stack.params["statistic"] != "mean" for i in stack.inputs}
    making = WARPING + (MATCHING if any(t.op == "match" for t in unit.tasks) else 0)
    pixel = len(stacks) * (SUMS + PRODUCT) + len(kept) * WARP + (workers + 1) * (making + WARP)
    fixed = PRODUCT * len(unit.targets) * unit.patch.box.area
    room = int(engine.memory * GIB) - fixed
    halo = halo_of(unit.tasks)
    most = max(room // (pixel * (columns + 2 * halo)) - 2 * halo, SMALLEST)
    chosen = min(rows, engine.tile or most)
    return chosen, fixed + pixel * (columns + 2 * halo) * (chosen + 2 * halo)


def halo_of(tasks: tuple[Task, ...]) -> int:
    """Return how far, pixels, warps must reach beyond a tile."""
    return max((int(t.params["half"]) for t in tasks if t.op == "match"), default=0)
