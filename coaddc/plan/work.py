"""How much work a unit is: pixels, by kind of task."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence

import numpy as np

from coaddc.model.exposures import ExposureRow
from coaddc.model.geom import Box
from coaddc.plan.memory import halo_of, margin_of
from coaddc.plan.phases import awaited, rounds, visits_of
from coaddc.plan.plan import Unit
from coaddc.plan.task import Task

Corners = list[tuple[float, float]]
#: The kind of what adds up means, for one or for several.
SUMS = "stack.mean"
#: Parameters that decide how dear an op is.
TELLING = ("statistic", "interpolant")


def kind(task: Task) -> str:
    """Return what a task is for its cost: its op, and what makes that dear or cheap, such as stack.median."""
    return ".".join([task.op, *(str(task.params[name]) for name in TELLING if name in task.params)])


def resampled(amounts: Mapping[str, float]) -> float:
    """Return how many of these pixels, by kind, are resampled."""
    return sum(pixels for name, pixels in amounts.items() if name.partition(".")[0] == "warp")


def work(unit: Unit) -> dict[str, float]:
    """Return, for each kind of task of a unit, how many pixels they go through.

    A task of a visit goes through what the exposure covers of the patch, tile by tile with the halo; what
    gathers visits, through all that it takes; what takes none, through the patch. What waits for artifacts is
    made again if there are several tiles. It is the same measure for
    what is estimated and for what was timed, so that it need only be right in proportion. Sums that means
    share count once.
    """
    visits = visits_of(unit.tasks)
    covered = _covered(unit)
    amounts: dict[str, float] = {}
    totals: Counter[str] = Counter()
    summed, times = {made.name for made in unit.sums}, _times(unit)
    for task in unit.tasks:
        amounts[task.digest] = _amount(task, amounts, visits, covered, unit.patch.box.area)
        if task.digest not in summed:
            totals[kind(task)] += times.get(task.digest, 1) * amounts[task.digest]  # type: ignore[assignment]
    for made in unit.sums:
        added = sum(amounts[needed.digest] for needed in made.inputs)
        totals[SUMS] += added + len(made.parts) * unit.patch.box.area  # type: ignore[assignment]
    return dict(totals)


def _times(unit: Unit) -> Counter[str]:
    """Return how often each task of a visit runs on a tile."""
    held = awaited(unit.tasks) if unit.tiles < 2 else frozenset()
    return Counter(t.digest for found in rounds(unit.tasks, held) for t in found.visits) - Counter(held)


def _amount(
    task: Task,
    amounts: Mapping[str, float],
    visits: Mapping[str, int | None],
    covered: Mapping[str, float],
    area: int,
) -> float:
    if task.op == "exposure":
        return covered[task.digest]
    of_visits = [amounts[needed.digest] for needed in task.inputs if visits[needed.digest] is not None]
    if visits[task.digest] is not None and task.op != "visit":
        return of_visits[0]
    return sum(of_visits) if of_visits else float(area)


def _covered(unit: Unit) -> dict[str, float]:
    """Return the pixels to resample of each exposure, by the digest of its task."""
    exposures = [task for task in unit.tasks if task.op == "exposure"]
    reach = halo_of(unit.tasks) + margin_of(unit.tasks)
    rows = unit.patch.box.shape[0]
    again = (rows + 2 * reach * max(1, unit.tiles)) / (rows + 2 * reach)
    corners = _corners(unit, [task.subject[1] for task in exposures])
    box = unit.patch.box.grow(reach)
    return {t.digest: again * area(clip(quad, box)) for t, quad in zip(exposures, corners, strict=True)}


def _corners(unit: Unit, rows: Sequence[ExposureRow]) -> list[Corners]:
    """Return the corners of exposures, (x, y) on the pixels of the tract."""
    ra, dec = (np.array([getattr(row, name) for row in rows]) for name in ("corner_ra", "corner_dec"))
    x, y = unit.patch.wcs.to_pixel(ra=ra.ravel(), dec=dec.ravel())
    pairs = np.stack([x, y], axis=-1).reshape(len(rows), 4, 2).tolist()
    return [[(px, py) for px, py in quad] for quad in pairs]


def clip(polygon: Corners, box: Box) -> Corners:
    """Return the part of a polygon inside a box: side by side (Sutherland and Hodgman 1974, CACM 17, 32)."""
    sides = ((0, 1.0, box.x0 - 0.5), (0, -1.0, box.x1 - 0.5), (1, 1.0, box.y0 - 0.5), (1, -1.0, box.y1 - 0.5))
    for axis, sign, edge in sides:
        inside = [sign * (point[axis] - edge) >= 0 for point in polygon]
        kept: Corners = []
        for i, point in enumerate(polygon):
            before = polygon[i - 1]
            if inside[i] != inside[i - 1]:
                part = (edge - before[axis]) / (point[axis] - before[axis])
                kept.append(
                    (before[0] + part * (point[0] - before[0]), before[1] + part * (point[1] - before[1]))
                )
            if inside[i]:
                kept.append(point)
        polygon = kept
    return polygon


def area(polygon: Corners) -> float:
    """Return the area of a polygon, pixels, whichever way round it goes."""
    ends = zip(polygon, polygon[1:] + polygon[:1], strict=True)
    return abs(sum(x0 * y1 - x1 * y0 for (x0, y0), (x1, y1) in ends)) / 2
