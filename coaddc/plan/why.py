"""Why the version of a product that lies in the store is not the one that is asked for now."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
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


@dataclass(frozen=True, slots=True)
class Differing:
    """How two lists of exposures differ: names.

    Attributes
    ----------
    new, lost
        Only in the second; only in the first.
    other
        In both, with other content.
    """

    new: list[str]
    lost: list[str]
    other: list[str]


def compare_inputs(before: Iterable[Mapping[str, Any]], after: Iterable[Mapping[str, Any]]) -> Differing:
    """Compare exposures as provenance has them: by visit and detector, and by the digest of content."""
    then, now = ({(i["visit"], str(i["detector"])): i for i in inputs} for inputs in (before, after))
    return Differing(
        [_name(item) for key, item in now.items() if key not in then],
        [_name(item) for key, item in then.items() if key not in now],
        [_name(i) for key, i in now.items() if key in then and then[key]["digest"] != i["digest"]],
    )


def _name(item: Mapping[str, Any]) -> str:
    return f"visit {item['visit']} detector {item['detector']} ({item['file']})"


def _inputs(rows: Sequence[ExposureRow], before: Iterable[Mapping[str, Any]]) -> list[str]:
    now = [{"visit": r.visit, "detector": r.detector, "file": r.file, "digest": r.digest} for r in rows]
    found = compare_inputs(before, now)
    parts = ((found.new, "new"), (found.lost, "no longer selected"), (found.other, "with other content"))
    return [f"{len(names)} exposures {what}: {some(names)}" for names, what in parts if names]


def _ops(target: Target, provenance: Mapping[str, Any]) -> list[str]:
    then: Mapping[str, int] = provenance.get("ops", {})
    used = {task.op for task in walk([target.task])}
    changed = [op for op in OP_VERSIONS if op in used and then.get(op, OP_VERSIONS[op]) != OP_VERSIONS[op]]
    return [f"op {op}: version {then[op]} then, {OP_VERSIONS[op]} now" for op in changed]


def some(names: Sequence[str], most: int = NAMED) -> str:
    """Return names in one line, the first of them where there are many."""
    more = f" and {len(names) - most} more" if len(names) > most else ""
    return ", ".join(names[:most]) + more
