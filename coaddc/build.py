"""Build a suite: from what a command asks for to products in the store. The program in one screen."""

from __future__ import annotations

import logging
import sys
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from rich.console import Console

from coaddc.engine.events import Begin, Draft, Report
from coaddc.engine.report import Follower, counts, progress_bar, summary, terminal
from coaddc.io.exposures.scan import Scan, scan
from coaddc.model.assembly import Assembly
from coaddc.model.digest import digest
from coaddc.model.errors import PlanError
from coaddc.model.run_options import EngineOptions
from coaddc.model.skymap import Patch, Skymap
from coaddc.model.skymaps.cover import covering
from coaddc.model.skymaps.make import make_skymap, reopen_skymap
from coaddc.model.skymaps.restrict import restrict
from coaddc.model.suite import Suite
from coaddc.model.survey import Survey
from coaddc.plan.compile import Watch, compile_suite, unseen
from coaddc.plan.explain import explain
from coaddc.plan.plan import Plan, Target
from coaddc.plan.select import Selector, check_sections
from coaddc.plan.task import OP_VERSIONS
from coaddc.sim.survey import default_path, simulate
from coaddc.store.store import Store

log = logging.getLogger(__name__)


@dataclass(frozen=True)
class Compiled:
    """The part of a suite that has one survey and one sky map, compiled."""

    plan: Plan
    survey: Survey
    scan: Scan
    skymap: Skymap


def build(suite: Suite) -> bool:
    """Make all that a suite asks for; say whether all of it stands, and something does."""
    console = terminal()
    store = open_store(suite)
    parts = compile_parts(suite, store, console)
    if not _frozen(parts, store):
        # Another process has just made a sky map of that name, for other exposures: its patches are there.
        parts = compile_parts(suite, store, console)
    whole = True
    for compiled in parts:
        whole &= _run(suite, compiled, store, console)
    return whole


def _frozen(parts: Sequence[Compiled], store: Store) -> bool:
    """Have the store keep the sky maps that are made use of; say whether it keeps no other of their names."""
    maps = [part.skymap for part in parts if part.plan.units]
    kept = [store.freeze(_place(skymap.name), skymap.definition) for skymap in maps]
    return digest(kept) == digest([skymap.definition for skymap in maps])


def open_store(suite: Suite) -> Store:
    """Return the store of a suite, as it is or will be."""
    return Store(Path(suite.store.root), suite.store, suite.implied)


def compile_parts(suite: Suite, store: Store, console: Console, watch: Watch = unseen) -> list[Compiled]:
    """Compile a suite, once for each survey and sky map that it spans.

    Parameters
    ----------
    suite, store
        What is asked for, and where it goes.
    console
        Where progress is shown.
    watch
        Is shown the plan after each pass.
    """
    check_sections(*(assembly.sections for assembly in suite.assemblies))
    parts = [_compile(suite, part, store, console, watch) for part in _by_source(suite.assemblies)]
    store.check([t.product for part in parts for unit in part.plan.units for t in unit.targets])
    return parts


def _by_source(assemblies: Sequence[Assembly]) -> Iterator[list[Assembly]]:
    parts: list[list[Assembly]] = []
    for assembly in assemblies:
        for part in parts:
            if (part[0].survey, part[0].skymap) == (assembly.survey, assembly.skymap):
                part.append(assembly)
                break
            if part[0].skymap != assembly.skymap and part[0].skymap.name == assembly.skymap.name:
                raise PlanError(
                    f"skymap.name={assembly.skymap.name}: two sky maps of this name with other numbers; "
                    "give one of them a name of its own (skymap.name=...)"
                )
        else:
            parts.append([assembly])
    yield from parts


def _compile(
    suite: Suite, assemblies: list[Assembly], store: Store, console: Console, watch: Watch
) -> Compiled:
    survey = _located(assemblies[0].survey, suite, console)
    assemblies = [replace(assembly, survey=survey) for assembly in assemblies]
    with progress_bar(console, show=suite.engine.progress) as bar:
        task = bar.add_task(f"scan {survey.name}")
        found = scan(survey, report=lambda _, done, total: bar.update(task, completed=done, total=total))
    skymap = _skymap(assemblies[0], found, store)
    covered = covering(skymap, found.table)

    def patches(assembly: Assembly) -> list[Patch]:
        return restrict(covered, assembly.tracts, assembly.patches)

    selector = Selector(found.table, covered)
    plan = compile_suite(assemblies, selector, patches, store.held, suite.engine, watch)
    return Compiled(plan, survey, found, skymap)


def _located(survey: Survey, suite: Suite, console: Console) -> Survey:
    """Return a survey with its folder; one that is simulated is made there first."""
    if survey.simulation is None:
        return survey
    path = default_path(survey.simulation) if survey.path is None else survey.path
    with progress_bar(console, show=suite.engine.progress) as bar:
        task = bar.add_task(f"simulate {survey.name}")
        simulate(
            survey.simulation, path, lambda _, done, total: bar.update(task, completed=done, total=total)
        )
    return replace(survey, path=str(path))


def _skymap(assembly: Assembly, found: Scan, store: Store) -> Skymap:
    """Return the sky map as the store has it, else as the options and exposures make it."""
    frozen = store.frozen(_place(assembly.skymap.name))
    if frozen is not None:
        return reopen_skymap(assembly.skymap, frozen)
    return make_skymap(assembly.skymap, found.table)


def _place(skymap: str) -> str:
    return f"skymaps/{skymap}"


def _run(suite: Suite, compiled: Compiled, store: Store, console: Console) -> bool:
    plan = compiled.plan
    log.info("%s", explain(plan))
    started = _now()

    def told() -> dict[str, Any]:
        return {"ops": dict(OP_VERSIONS), "started": started, "finished": _now(), "command": sys.argv}

    def begin(target: Target) -> Draft:
        patch = target.request.patch
        return store.begin(target.product, patch.wcs, patch.box, told)

    with Follower(console, len(plan.units), show=suite.engine.progress) as follower:
        if plan.units:
            _run_plan(plan, suite.engine, begin, follower)
    if follower.made:
        store.add_rates(follower.measured)
    console.print(summary(plan, follower.made, follower.failed))
    console.print(counts(plan, follower.made, follower.failed), highlight=False)
    if follower.compiled >= 1.0:
        console.print(f"{follower.compiled:.0f} s of this went into compiling kernels: once on this machine")
    tell_problems(compiled.scan, console)
    return not follower.failed and bool(follower.made or plan.current)


def _run_plan(plan: Plan, engine: EngineOptions, begin: Begin, report: Report) -> None:
    """Run a plan; what runs plans is slow to import, and not needed where everything is up to date."""
    from coaddc.engine.run import run_plan
    from coaddc.io.exposures.exposure import open_exposure

    run_plan(plan, engine, open_exposure, begin, report)


def _now() -> str:
    return datetime.now(UTC).isoformat(timespec="seconds")


def tell_problems(found: Scan, console: Console) -> None:
    """Name the files that were left out."""
    for problem in found.problems:
        console.print(f"left out {problem.file}: {problem.reason}", style="yellow", markup=False)
    if found.problems:
        console.print(f"{len(found.problems)} files left out (survey.strict=true makes that an error)")
