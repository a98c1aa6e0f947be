"""Why the version of a product that lies in the store is not the one that is asked for now."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from coaddc.model.exposures import ExposureRow
from coaddc.plan.plan import Target
from coaddc.plan.task import OP_VERSIONS, walk

#: How many exposures a reason names.
NAMED = 3


def why_outdated(target: Target, provenance: Mapping[str, Any]) -> list[str]:
    """Return what changed since a version of a product was made: its exposures, or versions of its ops.

    Parameters
    ----------
    target
        What is asked for now.
    provenance
        That of the version in the store, of the same recipe.
    """
    reasons = [*_inputs(target.request.rows, provenance.get("inputs", ())), *_ops(target, provenance)]
    return reasons or [
        "inputs and ops are the same; what follows from other exposures of the band (the target PSF), the "
        "sky map or how exposures are described (seeing, noise) is not"
    ]


def _inputs(rows: Sequence[ExposureRow], before: Iterable[Mapping[str, Any]]) -> list[str]:
    then = {(item["visit"], str(item["detector"])): item for item in before}
    now = {(row.visit, row.detector): row for row in rows}
    new = [row.name for key, row in now.items() if key not in then]
    lost = [f"visit {visit} detector {detector}" for visit, detector in then if (visit, detector) not in now]
    other = [row.name for key, row in now.items() if key in then and then[key]["digest"] != row.digest]
    parts = ((new, "new"), (lost, "no longer selected"), (other, "with other content"))
    return [f"{len(names)} exposures {what}: {_some(names)}" for names, what in parts if names]


def _ops(target: Target, provenance: Mapping[str, Any]) -> list[str]:
    then: Mapping[str, int] = provenance.get("ops", {})
    used = {task.op for task in walk([target.task])}
    changed = [op for op in OP_VERSIONS if op in used and then.get(op, OP_VERSIONS[op]) != OP_VERSIONS[op]]
    return [f"op {op}: version {then[op]} then, {OP_VERSIONS[op]} now" for op in changed]


def _some(names: Sequence[str]) -> str:
    more = f" and {len(names) - NAMED} more" if len(names) > NAMED else ""
    return ", ".join(names[:NAMED]) + more
