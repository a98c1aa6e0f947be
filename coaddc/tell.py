"""Tell what would be done, and why: what ``coaddc plan`` prints."""

from __future__ import annotations

import json
import os
import sys
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from rich.console import Console

from coaddc.build import Compiled, compile_parts, open_store, tell_problems
from coaddc.engine.plan_table import passes_table, plan_tables
from coaddc.engine.report import terminal
from coaddc.model.suite import Suite
from coaddc.plan.counts import Counts
from coaddc.plan.facts import FORMAT, facts
from coaddc.plan.graph import dot, mermaid
from coaddc.plan.plan import Plan, Target
from coaddc.plan.why import why_outdated
from coaddc.store.status import Outdated
from coaddc.store.store import Store


@dataclass(frozen=True)
class View:
    """How a plan is shown.

    Attributes
    ----------
    form
        One of `FORMS`.
    passes
        Whether to tell its size after each pass.
    """

    form: str = "table"
    passes: bool = False


def show_plan(suite: Suite, view: View) -> bool:
    """Compile a suite and print the plan; make nothing."""
    store = open_store(suite)
    passes: list[tuple[str, Counts]] = []

    def watch(step: str, plan: Plan) -> None:
        passes.append((step, Counts.of(plan)))

    # What programs read has stdout for itself.
    console = terminal() if view.form == "table" else Console(stderr=True)
    parts = compile_parts(suite, store, console, watch)
    FORMS[view.form](_Shown(suite, store, parts, passes if view.passes else [], console))
    return True


@dataclass(frozen=True)
class _Shown:
    """A suite compiled, to be shown."""

    suite: Suite
    store: Store
    parts: list[Compiled]
    passes: list[tuple[str, Counts]]
    console: Console

    def facts(self, compiled: Compiled) -> dict[str, Any]:
        """Return one of its parts as plain data."""
        workers = self.suite.engine.workers or os.cpu_count() or 1
        return facts(compiled.plan, self.store.rates, workers, self._why)

    def _why(self, target: Target) -> list[str]:
        status = self.store.status(target.product)
        return why_outdated(target, status.provenance) if isinstance(status, Outdated) else []


def _table(shown: _Shown) -> None:
    console = shown.console
    for compiled in shown.parts:
        for item in plan_tables(shown.facts(compiled)):
            console.print(item, highlight=False, soft_wrap=isinstance(item, str))
        tell_problems(compiled.scan, console)
    if shown.passes:
        console.print()
        console.print(passes_table(shown.passes))


def _json(shown: _Shown) -> None:
    told: dict[str, Any] = {"format": FORMAT, "parts": []}
    for compiled in shown.parts:
        part = {
            "survey": compiled.survey.name,
            "skymap": compiled.skymap.name,
            **shown.facts(compiled),
            "left_out": [{"file": p.file, "reason": p.reason} for p in compiled.scan.problems],
        }
        told["parts"].append(part)
    if shown.passes:
        told["passes"] = [{"pass": step, **_fields(counts)} for step, counts in shown.passes]
    sys.stdout.write(json.dumps(told, indent=1, allow_nan=False) + "\n")


def _fields(counts: Counts) -> dict[str, int]:
    return {name: getattr(counts, name) for name in Counts.__slots__}


def _mermaid(shown: _Shown) -> None:
    sys.stdout.write(mermaid([part.plan for part in shown.parts]))


def _dot(shown: _Shown) -> None:
    sys.stdout.write(dot([part.plan for part in shown.parts]))


#: Ways to show a plan.
FORMS: dict[str, Callable[[_Shown], None]] = {
    "table": _table,
    "json": _json,
    "mermaid": _mermaid,
    "dot": _dot,
}
