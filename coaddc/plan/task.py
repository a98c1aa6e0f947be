"""The instruction set: tasks, each named by a digest of all that it depends on."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from types import MappingProxyType
from typing import Any

from coaddc.model.digest import digest_text, rendered
from coaddc.model.value import value

#: Every op, with the version of what it does to pixels: raise it when its results change.
OP_VERSIONS: Mapping[str, int] = MappingProxyType(
    {
        "exposure": 1,
        "background": 1,
        "warp": 2,
        "level": 1,
        "match": 2,
        "filter": 2,
        "proper": 2,
        "visit": 1,
        "artifacts": 3,
        "stack": 2,
        "dcr": 1,
        "subband": 1,
        "psf": 2,
        "coadd": 1,
    }
)

#: Stands for a value that is not known yet; no name has it.
BLANK = "\0"


@value
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


@value
class Params:
    """Parameters of tasks, rendered once for the digests of all that have them.

    Attributes
    ----------
    values
        Plain data.
    text
        What goes into digests.
    """

    values: Mapping[str, Any]
    text: str

    @classmethod
    def of(cls, **values: Any) -> Params:
        """Render parameters."""
        return cls(values, rendered(values))


@dataclass(frozen=True, slots=True)
class Form:
    """Parameters but for what differs from task to task: rendered once for all of them.

    Attributes
    ----------
    texts
        What stands before, between and after the values that are to be filled in.
    """

    texts: tuple[str, ...]

    @classmethod
    def of(cls, **values: Any) -> Form:
        """Render parameters; `BLANK` stands for each value that is to be filled in."""
        return cls(tuple(rendered(values).split(rendered(BLANK))))

    def filled(self, *rest: str, **values: Any) -> Params:
        """Return the parameters, with values, rendered, for the blanks in the order of their names."""
        parts = [text + value for text, value in zip(self.texts, rest, strict=False)]
        return Params(values, "".join(parts) + self.texts[-1])


def task(op: str, *inputs: Task, subject: Any = None, **params: Any) -> Task:
    """Make a task."""
    return task_of(op, Params.of(**params), inputs, subject)


def task_of(op: str, params: Params, inputs: tuple[Task, ...], subject: Any = None) -> Task:
    """Make a task of parameters that are rendered already.

    Its digest is that of the plain data ``[op, version, parameters, [digests of inputs]]``.
    """
    needed = '","'.join([found.digest for found in inputs])
    quoted = f'"{needed}"' if inputs else ""
    identity = digest_text(f'["{op}",{OP_VERSIONS[op]},{params.text},[{quoted}]]')
    return Task(op, params.values, inputs, identity, subject)


def origin(found: Task) -> tuple[Task, Task]:
    """Return the exposure task and the warp task behind a warp, whatever was done to it."""
    while found.op != "warp":
        found = found.inputs[0]
    return found.inputs[0], found


def walk(targets: Iterable[Task]) -> list[Task]:
    """Return all tasks that the targets need, each once, inputs first, in the order of the inputs."""
    seen: set[str] = set()
    found: list[Task] = []
    begun: list[Task] = []
    stack: list[Task | None] = [*targets]  # None ends the inputs of the task that was begun last
    stack.reverse()
    while stack:
        task = stack.pop()
        if task is None:
            found.append(begun.pop())
        elif task.digest not in seen:
            seen.add(task.digest)
            begun.append(task)
            stack.append(None)
            stack += task.inputs[::-1]
    return found
