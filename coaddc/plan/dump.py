"""A plan as canonical text: every task, by a number in place of its digest; equal plans have equal texts."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from coaddc.plan.plan import Plan, Sum, Unit
from coaddc.plan.task import Task, walk

#: What stands in a digest; a parameter that is one says only that something else is the same.
_DIGEST = re.compile(r"[0-9a-f]{16,}")


def dump(plan: Plan) -> str:
    """Return a plan as text, to be kept and compared with: a change of the compiler shows as a change of it.

    Tasks are numbered by op in the order of the plan, which is that in which they run; a number stands for
    the digest. Of parameters, digests are left out, and the data ID, which the product has; numbers are
    rounded to four digits. Before the passes that give units their tasks, those of each product are listed.
    """
    lines = [f"request {r.name}: {len(r.rows)} exposures" for r in plan.requests]
    lines += [f"up to date {product.name}" for product in plan.current]
    for unit in plan.units:
        lines += _unit(unit)
    return "\n".join(lines) + "\n"


def _unit(unit: Unit) -> Iterator[str]:
    rows, columns = unit.patch.box.shape
    yield ""
    yield f"unit {unit.name}: {columns} x {rows} pixels, tiles of {unit.tile_rows} rows"
    names: dict[str, str] = {}
    numbers: Counter[str] = Counter()
    for task in unit.tasks or walk([target.task for target in unit.targets]):
        numbers[task.op] += 1
        names[task.digest] = f"{task.op}.{numbers[task.op]}"
        yield _line(task, names)
    for made in unit.sums:
        if made.parts or not made.whole:
            names.setdefault(made.name, f"atom.{len(names)}")
            yield f"  sums of {' '.join([names[made.name], '<-', *_runs(_terms(made, names))])}"
    for target in unit.targets:
        yield f"  {names[target.task.digest]} = {target.product.name}"


def _terms(made: Sum, names: Mapping[str, str]) -> list[str]:
    return [*(names[part] for part in made.parts), *(names[needed.digest] for needed in made.inputs)]


def _line(task: Task, names: Mapping[str, str]) -> str:
    inputs = _runs([names[needed.digest] for needed in task.inputs])
    told = {name: value for name, value in task.params.items() if name != "data_id" and not _opaque(value)}
    params = [f"{name}={_text(value)}" for name, value in sorted(told.items())]
    exposure = [f"({task.subject[1].name})"] if task.op == "exposure" else []
    return " ".join([f"  {names[task.digest]}", *exposure, *(["<-", *inputs] if inputs else []), *params])


def _runs(names: Sequence[str]) -> list[str]:
    """Write neighbours as one: ``warp.1..4``."""
    runs: list[tuple[str, int, int]] = []
    for name in names:
        op, _, digits = name.rpartition(".")
        number = int(digits)
        if runs and runs[-1][0] == op and runs[-1][2] == number - 1:
            runs[-1] = (op, runs[-1][1], number)
        else:
            runs.append((op, number, number))
    return [f"{op}.{first}" if first == last else f"{op}.{first}..{last}" for op, first, last in runs]


def _opaque(value: Any) -> bool:
    return isinstance(value, str) and _DIGEST.fullmatch(value) is not None


def _text(value: Any) -> str:
    if isinstance(value, float):
        return f"{value:.4g}"
    if isinstance(value, Mapping):
        return "{" + ",".join(f"{key}:{_text(item)}" for key, item in sorted(value.items())) + "}"
    if isinstance(value, list | tuple):
        return "[" + ",".join(map(_text, value)) + "]"
    return str(value)
