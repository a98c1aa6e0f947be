"""The instruction set: tasks, each named by a digest of all that it depends on."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from types import MappingProxyType
from typing import Any

from coaddc.model.digest import digest

#: Every op, with the version of what it does to pixels: raise it when its results change.
OP_VERSIONS: Mapping[str, int] = MappingProxyType(
    {
        "exposure": 1,
        "background": 1,
        "warp": 1,
        "level": 1,
        "match": 1,
        "filter": 1,
        "proper": 1,
        "visit": 1,
        "artifacts": 2,
        "stack": 1,
        "dcr": 1,
        "subband": 1,
        "psf": 2,
        "coadd": 1,
    }
)


@dataclass(frozen=True, slots=True, eq=False)
class Task:
    """One call of an op; equal to any task with its digest.

    Attributes
    ----------
    op
        Name of the op.
    params
        Plain data, part of the identity.
    inputs
        Tasks whose results it takes, in order.
    digest
        Covers op, its version, parameters, and the digests of the inputs.
    subject
        What it works on, for the engine: values that the parameters already identify.
    """

    op: str
    params: Mapping[str, Any]
    inputs: tuple[Task, ...]
    digest: str
    subject: Any = None

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Task) and other.digest == self.digest

    def __hash__(self) -> int:
        return hash(self.digest)


def task(op: str, *inputs: Task, subject: Any = None, **params: Any) -> Task:
    """Make a task."""
    identity = digest(op, OP_VERSIONS[op], params, [i.digest for i in inputs])
    return Task(op, params, inputs, identity, subject)


def origin(found: Task) -> tuple[Task, Task]:
    """Return the exposure task and the warp task behind a warp, whatever was done to it."""
    while found.op != "warp":
        found = found.inputs[0]
    return found.inputs[0], found


def walk(targets: Iterable[Task]) -> Iterator[Task]:
    """Go through all tasks that the targets need, each once, inputs first, in the order of the inputs."""
    seen: set[str] = set()
    stack = [iter(targets)]
    path: list[Task] = []
    while stack:
        current = next(stack[-1], None)
        if current is None:
            stack.pop()
            if path:
                yield path.pop()
        elif current.digest not in seen:
            seen.add(current.digest)
            path.append(current)
            stack.append(iter(current.inputs))
