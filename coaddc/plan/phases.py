"""When tasks can run: those of visits, what gathers them, and what of a visit waits for what was gathered."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from coaddc.plan.task import Task

#: Ops that take what all visits give.
GATHERING = frozenset({"background", "stack", "artifacts", "dcr", "subband", "psf", "coadd"})


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


def late_tasks(tasks: Iterable[Task]) -> frozenset[str]:
    """Return the tasks (given inputs first) that cannot run before the artifacts of all visits are known.

    Those of visits that take what was found, and all that needs them. A stack that takes it keeps its inputs
    till then instead.
    """
    late: set[str] = set()
    for found in tasks:
        takes = found.op not in GATHERING and any(i.op == "artifacts" for i in found.inputs)
        if takes or any(i.digest in late for i in found.inputs):
            late.add(found.digest)
    return frozenset(late)


def awaited(tasks: Sequence[Task]) -> frozenset[str]:
    """Return the tasks whose results are kept for late ones."""
    late = late_tasks(tasks)
    needed = (i for found in tasks if found.digest in late for i in found.inputs)
    return frozenset(i.digest for i in needed if i.digest not in late and i.op != "exposure")
