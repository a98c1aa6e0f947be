"""How much memory a unit takes, and into which tiles that cuts it."""

from __future__ import annotations

import os
from collections import Counter
from dataclasses import replace

from coaddc.model.dcr import SQUARE
from coaddc.model.run_options import EngineOptions
from coaddc.plan.phases import Round, adds, awaited, most_sums, rounds, sums_of, visits_of
from coaddc.plan.plan import Unit
from coaddc.plan.task import Task

#: Bytes a pixel: planes of a product, sums of a stack, a warp, what making one takes, and matching one. The
#: last two go by blocks and pieces, some tens of MB for each thread however large a tile is.
PRODUCT, SUMS, WARP, WARPING, MATCHING = 14, 46, 16, 16, 24
#: Bytes a pixel of the patch of a template that is kept.
TEMPLATE = 4
#: Warps that wait until they are added to sums together: a few rows of sums then stay in the cache for all.
TOGETHER = 4
#: Bytes an exposure's bin, of those in which skies are compared.
BIN = 80
#: Bytes a pixel of a sub-band while it is solved for, and in the end.
SUBBAND = 16
#: Pixels of a square in which sub-bands are solved for, with what surrounds it.
SOLVED = (SQUARE + 148) ** 2
#: Bytes a pixel of the patch that the finder of artifacts needs of each visit, and of one that it looks at.
COMPARED, FINDING = 2, 40
#: Ops that need pixels beyond those they give, as far as their parameter ``half`` says.
SPREADING = frozenset({"match", "filter", "proper"})
#: Ops that look at the warps of all visits together.
COMPARING = frozenset({"artifacts", "dcr"})
#: Rows below which a tile is not cut further: halos would cost more than they save.
SMALLEST = 64
#: Rows of a tile that suffice, and in halos.
ENOUGH, HALOS = 512, 24
GIB = 1 << 30


def cut(unit: Unit, engine: EngineOptions) -> Unit:
    """Cut a unit into tiles, and say how many bytes working on one is projected to take.

    Results do not depend on the cut. Warps that wait for artifacts do so in memory where all of the patch is
    one tile; else they are made again. Squares in which sub-bands are solved for are not cut.
    """
    rows, columns = unit.patch.box.shape
    workers = engine.workers or os.cpu_count() or 1
    fixed, halo = _fixed(unit, workers), halo_of(unit.tasks) + margin_of(unit.tasks)
    room, held = int(engine.memory * GIB) - fixed, awaited(unit.tasks)
    for again in (False, True) if held else (False,):
        pixel = _pixel(unit, workers, frozenset() if again else held)
        most = max(room // (pixel * (columns + 2 * halo)) - 2 * halo, SMALLEST)
        tiles = max(-(-rows // min(rows, engine.tile or min(most, _enough(unit, halo)))), 1 + again)
        if tiles == 1:
            break
    chosen, grid = -(-rows // tiles), 1  # all alike: a narrow last one is nearly all halo
    if tiles > 1 and any(t.op == "dcr" for t in unit.tasks):
        chosen, grid = max(chosen // SQUARE, 1) * SQUARE, SQUARE
    memory = fixed + pixel * (columns + 2 * halo) * (min(chosen, rows) + 2 * halo)
    return replace(unit, tile_rows=chosen, grid=grid, memory=memory)


def spare_sums(unit: Unit, engine: EngineOptions) -> int:
    """Return how many more sums than it has fit a unit's memory, in tiles no smaller than is useful."""
    rows, columns = unit.patch.box.shape
    workers = engine.workers or os.cpu_count() or 1
    halo = halo_of(unit.tasks) + margin_of(unit.tasks)
    area = (columns + 2 * halo) * (min(rows, engine.tile or _enough(unit, halo)) + 2 * halo)
    used = _fixed(unit, workers) + _pixel(unit, workers, awaited(unit.tasks)) * area
    return max(0, (int(engine.memory * GIB) - used) // (SUMS * area))


def _pixel(unit: Unit, workers: int, held: frozenset[str]) -> int:
    """Return the bytes that a pixel of a tile takes where these results wait for artifacts."""
    making = WARPING + (MATCHING if any(t.op in SPREADING for t in unit.tasks) else 0)
    most = max(_round_pixel(unit, found, held) for found in rounds(unit.tasks, held))
    sent = _sent(unit)
    products = sum(t.op == "stack" and t.digest not in sent for t in unit.tasks) * PRODUCT
    return most + products + (workers + 1) * (making + WARP)


def _sent(unit: Unit) -> set[str]:
    """Return the stacks that go out some rows at a time: no task of the unit looks at them."""
    seen = {i.digest for t in unit.tasks if t.op in COMPARING for i in t.inputs}
    return {t.digest for t in unit.tasks if adds(t)} - seen


def _round_pixel(unit: Unit, found: Round, held: frozenset[str]) -> int:
    """Return the bytes that the stacks of a round over the tiles take, and the warps that they keep."""
    stacks = [t for t in found.gathering if t.op == "stack"]
    sums = sums_of(unit.sums, found)
    there = len(stacks)
    if sums:  # they are known: see `coaddc.plan.atoms`
        there += most_sums(sums, visits_of(unit.tasks), TOGETHER) - sum(map(adds, stacks))
    kept = {i.digest for t in found.gathering if _keeps(t) for i in t.inputs} | held
    waiting = 2 * (TOGETHER + _alike(unit)) if sums else 0
    solved = sum(SUBBAND * len(t.params["bend"]) for t in found.gathering if t.op == "dcr")
    return there * SUMS + (len(kept) + waiting) * WARP + solved


def _alike(unit: Unit) -> int:
    """Return how many warps of one visit are added to sums."""
    visits = visits_of(unit.tasks)
    return max(
        Counter(visits[d] for d in {i.digest for s in unit.sums for i in s.inputs}).values(), default=0
    )


def _fixed(unit: Unit, workers: int) -> int:
    """Return the bytes that do not depend on the tile."""
    return _templates(unit) + _bins(unit) + _finding(unit) + workers * _solving(unit)


def _templates(unit: Unit) -> int:
    """Return the bytes of the templates that are kept beside products, whose own pixels go out at once."""
    kept = [t for t in unit.tasks if t.op == "artifacts" and t.subject.keep_template]
    return TEMPLATE * len(kept) * unit.patch.box.area


def _finding(unit: Unit) -> int:
    """Return the bytes that looking for artifacts takes: on all of the patch, however it is cut."""
    area = unit.patch.box.grow(margin_of(unit.tasks)).area
    visits = [len(t.inputs) - 1 for t in unit.tasks if t.op == "artifacts"]
    return area * (COMPARED * sum(visits) + FINDING) if visits else 0


def _bins(unit: Unit) -> int:
    """Return the bytes that comparing the skies of all exposures takes."""
    counts = [(len(t.inputs), t.params["bin"] ** 2) for t in unit.tasks if t.op == "background"]
    return max((BIN * n * unit.patch.box.area // side for n, side in counts), default=0)


def _solving(unit: Unit) -> int:
    """Return the bytes of one square being solved: what disperses each visit, and the inverse."""
    solutions = [(len(t.inputs), len(t.params["bend"])) for t in unit.tasks if t.op == "dcr"]
    return max((SOLVED * (visits * (4 * n + 8) + 40 * n**2) for visits, n in solutions), default=0)


def _enough(unit: Unit, halo: int) -> int:
    """Return the rows beyond which a tile gains nothing; small ones take little memory, and stay in caches.

    Halos, and what compressed files must be read beyond a section, cost the more the smaller tiles are; and
    what looks at all visits together sees less in small ones.
    """
    compressed = any(t.subject[1].compressed for t in unit.tasks if t.op == "exposure")
    whole = compressed or any(t.op in COMPARING for t in unit.tasks)
    return unit.patch.box.shape[0] if whole else max(ENOUGH, HALOS * halo)


def _keeps(task: Task) -> bool:
    """Say whether a task needs all of its warps at once."""
    return task.op in COMPARING or (task.op == "stack" and task.params["statistic"] != "mean")


def margin_of(tasks: tuple[Task, ...]) -> int:
    """Return how far, pixels, whole tiles must reach beyond what is kept of them, and the outermost do."""
    return max((int(t.params["margin"]) for t in tasks if t.op in COMPARING), default=0)


def halo_of(tasks: tuple[Task, ...]) -> int:
    """Return how far, pixels, warps must reach beyond a tile."""
    return max((int(t.params["half"]) for t in tasks if t.op in SPREADING), default=0)
