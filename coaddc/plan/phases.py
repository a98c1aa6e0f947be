"""When tasks can run: those of visits, what gathers them, and what of a visit waits for what was gathered."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence, Set
from dataclasses import dataclass
from itertools import accumulate

from coaddc.plan.plan import Sum
from coaddc.plan.task import Task

#: Ops that take what all visits give.
GATHERING = frozenset({"background", "stack", "artifacts", "dcr", "subband", "psf", "coadd"})


#: Those of them that work tile by tile.
TILED = frozenset({"stack", "artifacts", "dcr", "subband"})


@dataclass(frozen=True)
class Round:
    """One of the rounds over the tiles of a patch: the second one is of what waits for artifacts.

    Attributes
    ----------
    visits
        The tasks of visits that run, inputs first.
    gathering
        The tasks that take what they give.
    """

    visits: tuple[Task, ...]
    gathering: tuple[Task, ...]


def visits_of(tasks: Iterable[Task]) -> dict[str, int | None]:
    """Return the visit that each task (inputs first) is of; None for what gathers visits."""
    visits: dict[str, int | None] = {}
    for found in tasks:
        if found.op == "exposure":
            visits[found.digest] = found.subject[1].visit
        elif found.op in GATHERING:
            visits[found.digest] = None
        else:
            visits[found.digest] = visits[found.inputs[0].digest]
    return visits


def adds(task: Task) -> bool:
    """Say whether a task needs only the sums of its warps, each as it comes."""
    means = task.op == "stack" and task.params["statistic"] == "mean"
    return means and all(needed.op != "artifacts" for needed in task.inputs)


def late_tasks(tasks: Sequence[Task]) -> frozenset[str]:
    """Return the tasks (given inputs first) that cannot run before the artifacts of all visits are known."""
    late = set[str]()
    if all(found.op != "artifacts" for found in tasks):
        return frozenset()
    for found in tasks:
        if any(i.op == "artifacts" or i.digest in late for i in found.inputs):
            late.add(found.digest)
    return frozenset(late)


def awaited(tasks: Sequence[Task]) -> frozenset[str]:
    """Return the tasks of visits whose results late ones take: kept, or else made again."""
    late = late_tasks(tasks)
    needed = (i for found in tasks if found.digest in late and found.op != "psf" for i in found.inputs)
    return frozenset(
        i.digest for i in needed if i.digest not in late and i.op != "exposure" and i.op not in GATHERING
    )


def rounds(tasks: Sequence[Task], held: Set[str]) -> tuple[Round, ...]:
    """Return the rounds over the tiles: what is made before artifacts are known, and what after that.

    Parameters
    ----------
    tasks
        Inputs first.
    held
        Those whose results are kept for the second round, which makes all others again: either `awaited` or
        none.
    """
    late = late_tasks(tasks)
    tiled = [t for t in tasks if t.op in TILED]
    if not late:
        return (Round(tuple([t for t in tasks if t.op not in GATHERING]), tuple(tiled)),)
    early, after = ([t for t in tiled if (t.digest in late) is waits] for waits in (False, True))
    first = _needed(tasks, {i.digest for t in early for i in t.inputs} | held, frozenset())
    second = _needed(tasks, {i.digest for t in after for i in t.inputs}, held)
    return Round(first, tuple(early)), Round(second, tuple(after))


def _needed(tasks: Sequence[Task], wanted: Set[str], held: Set[str]) -> tuple[Task, ...]:
    """Return the tasks of visits that are wanted, and what they need, up to those whose results are held."""
    of_visits = [t for t in tasks if t.op not in GATHERING]
    needed = set(wanted)
    for found in reversed(of_visits):
        if found.digest in needed and found.digest not in held:
            needed |= {source.digest for source in found.inputs}
    return tuple([t for t in of_visits if t.digest in needed])


def sums_of(sums: Sequence[Sum], this: Round) -> list[Sum]:
    """Return the sums (parts before what they are parts of) that a round makes."""
    needed = {t.digest for t in this.gathering}
    for made in reversed(sums):
        if made.name in needed:
            needed |= set(made.parts)
    return [made for made in sums if made.name in needed]


def most_sums(sums: Sequence[Sum], visits: Mapping[str, int | None], together: int) -> int:
    """Return how many sums there are at a time, at most.

    A sum is there from the first of its warps, or of its parts, until it has the last.

    Parameters
    ----------
    sums
        Parts before what they are parts of.
    visits
        Visit of each warp; they come in this order.
    together
        So many visits are added at a time.
    """
    numbers = sorted({visit for made in sums for i in made.inputs if (visit := visits[i.digest]) is not None})
    place = {visit: number for number, visit in enumerate(numbers)}
    last: dict[str, int] = {}
    change = [0] * (len(numbers) + together + 1)
    for made in sums:
        needed = [place[visit] for i in made.inputs if (visit := visits[i.digest]) is not None]
        needed += [last[part] for part in made.parts]
        last[made.name] = max(needed)
        change[max(0, min(needed) - together + 1)] += 1
        change[last[made.name] + 1] -= 1
    return max(accumulate(change))
