"""The passes of the compiler: each takes a plan and gives a plan."""

from __future__ import annotations

import math
from collections.abc import Callable, Hashable, Iterable, Mapping, Sequence, Set
from dataclasses import replace
from operator import is_, itemgetter

import numpy as np

from coaddc.model.assembly import Assembly, Matching, PsfModelSection, Rejection, WiderInput
from coaddc.model.errors import PlanError, near
from coaddc.model.exposures import ExposureRow
from coaddc.model.run_options import EngineOptions
from coaddc.model.skymap import Patch
from coaddc.plan.bench import Bench, Shop
from coaddc.plan.dcr import check_subbands, placed_zenith
from coaddc.plan.lower import lower as lower_request
from coaddc.plan.memory import cut
from coaddc.plan.phases import late_tasks, visits_of
from coaddc.plan.plan import Plan, Request, Target, Unit
from coaddc.plan.recipe import recipe
from coaddc.plan.select import Selection, Selector
from coaddc.plan.task import Task, walk

#: The patches of an assembly.
PatchesOf = Callable[[Assembly], Sequence[Patch]]


def select(assemblies: Sequence[Assembly], selector: Selector, patches: PatchesOf) -> Plan:
    """Choose the exposures of each assembly on each patch in each band."""
    requests: dict[Hashable, Request] = {}
    for assembly in _distinct(assemblies):
        for band in _bands(assembly, selector):
            check_subbands(assembly, band)
            admitted = selector.admitted(assembly.sections, band)
            targets = target_fwhm(assembly, admitted), template_fwhm(assembly, admitted)
            label = tuple(assembly.keys.items())
            for chosen in selector.select_all(assembly.sections, band, patches(assembly)):
                name = label, band, chosen.patch.tract, chosen.patch.sequence
                if name not in requests:
                    requests[name] = _request(assembly, band, chosen, targets)
    return Plan(tuple(requests.values()))


def _distinct(assemblies: Sequence[Assembly]) -> Sequence[Assembly]:
    """Refuse two recipes under one data ID."""
    recipes: dict[str, object] = {}
    for assembly in assemblies:
        name = " ".join(f"{key}={value}" for key, value in assembly.keys.items())
        what = recipe(assembly)
        if recipes.setdefault(name, what) != what:
            raise PlanError(f"{name}: asked for twice, with two configs; give one of them a value of its own")
    return assemblies


def _bands(assembly: Assembly, selector: Selector) -> Sequence[str]:
    known = sorted(set(selector.table.column("band")))
    for band in assembly.bands or ():
        if band not in known:
            raise PlanError(
                f"band={band}: the survey {assembly.survey.name} has no such band{near(band, known)}"
            )
    return assembly.bands or known


def target_fwhm(assembly: Assembly, admitted: Sequence[ExposureRow]) -> float | None:
    """Return the FWHM, arcsec, that warps are matched to; None where they are not."""
    return _fwhm(assembly.psf_model, admitted) if assembly.warp.matching is Matching.psf_model else None


def template_fwhm(assembly: Assembly, admitted: Sequence[ExposureRow]) -> float | None:
    """Return the FWHM, arcsec, in which artifacts are looked for; None where they are not."""
    if assembly.artifacts.method is Rejection.none:
        return None
    return _fwhm(assembly.artifacts.template.psf_model, admitted)


def _fwhm(model: PsfModelSection, admitted: Sequence[ExposureRow]) -> float | None:
    """Return the FWHM of a target PSF, arcsec; None where there are no exposures to follow.

    One number for a band, so that the PSF is the same in all patches. Where it follows the inputs, it is
    rounded up to 0.01 arcsec.
    """
    if model.fwhm is not None:
        return model.fwhm
    seeing = [row.seeing for row in admitted if math.isfinite(row.seeing)]
    if not seeing:
        return None
    return math.ceil(100 * model.widen * float(np.quantile(seeing, model.quantile))) / 100


def _request(
    assembly: Assembly, band: str, chosen: Selection, targets: tuple[float | None, float | None]
) -> Request:
    rows, left_out = placed_zenith(assembly, chosen.rows)
    if targets[0] is not None:
        rows, wider = _narrower(assembly, rows, targets[0])
        left_out = [*left_out, *wider]
    return Request(assembly, chosen.patch, band, rows, chosen, tuple(left_out), *targets)


def _narrower(
    assembly: Assembly, rows: tuple[ExposureRow, ...], target: float
) -> tuple[tuple[ExposureRow, ...], list[str]]:
    """Part the exposures that can be matched from those whose PSF is wider than the target."""
    wide = [row for row in rows if not row.seeing <= target]
    if not wide:
        return rows, []
    if assembly.psf_model.wider_input is WiderInput.refuse:
        names = ", ".join(f'{row.name}: {row.seeing:.2f}"' for row in wide)
        raise PlanError(
            f'psf_model: the target of {target:.2f}" is narrower than the PSF of {names}; choose a wider '
            "psf_model.fwhm, a selection without them, or psf_model.wider_input=leave_out"
        )
    notes = [f'left out {row.name}: its PSF of {row.seeing:.2f}" is wider than {target:.2f}"' for row in wide]
    return tuple(row for row in rows if row.seeing <= target), notes


def lower(plan: Plan) -> Plan:
    """Turn requests into tasks, and gather those of one patch and band in a unit."""
    shop = Shop()
    units, asked = [], 0
    places: dict[tuple[int, int, str], list[Request]] = {}
    for request in plan.requests:
        if request.rows:
            places.setdefault(_place(request), []).append(request)
    for _, requests in sorted(places.items(), key=itemgetter(0)):
        bench = Bench(shop, requests[0].patch)
        targets = tuple([lower_request(request, bench) for request in requests])
        asked += _asked([target.task for target in targets])
        units.append(Unit(requests[0].patch, requests[0].band, targets))
    return replace(plan, units=tuple(units), asked=asked)


def _asked(targets: Sequence[Task]) -> int:
    """Return the number of tasks that targets need, each counted by itself."""
    needs: dict[str, int] = {}  # a bit for each task: few hundred to a unit
    for place, found in enumerate(walk(targets)):
        below = 1 << place
        for needed in found.inputs:
            below |= needs[needed.digest]
        needs[found.digest] = below
    return sum(needs[target.digest].bit_count() for target in targets)


def _place(request: Request) -> tuple[int, int, str]:
    return request.patch.tract, request.patch.sequence, request.band


def dedupe(plan: Plan) -> Plan:
    """Keep one of each task of a unit, whichever products want it."""
    return replace(plan, units=tuple(_deduped(unit, unit.targets) for unit in plan.units))


def _deduped(unit: Unit, targets: Iterable[Target]) -> Unit:
    targets = tuple(targets)
    one: dict[str, Task] = {}
    for found in walk([target.task for target in targets]):
        inputs = tuple([one[i.digest] for i in found.inputs])
        same = all(map(is_, inputs, found.inputs))
        one[found.digest] = found if same else replace(found, inputs=inputs)
    wanted = tuple([_making(target, one[target.task.digest]) for target in targets])
    return replace(unit, targets=wanted, tasks=tuple(one.values()))


def _making(target: Target, task: Task) -> Target:
    return target if target.task is task else replace(target, task=task)


def reuse(plan: Plan, held: Set[str], outdated: Set[str]) -> Plan:
    """Drop the products that the store holds, and what only they need.

    Parameters
    ----------
    held, outdated
        Digests of products that are there, and of those of which another version is.
    """
    if not held and not outdated:
        return plan
    current = [t.product for u in plan.units for t in u.targets if t.product.digest in held]
    left = [(u, tuple([t for t in u.targets if t.product.digest not in held])) for u in plan.units]
    names = frozenset(t.product.name for u in plan.units for t in u.targets if t.product.digest in outdated)
    units = tuple(
        [u if len(targets) == len(u.targets) else _deduped(u, targets) for u, targets in left if targets]
    )
    return replace(plan, units=units, current=tuple(current), outdated=names)


def tile(plan: Plan, engine: EngineOptions) -> Plan:
    """Cut each patch into tiles whose working set fits the memory."""
    return replace(plan, units=tuple(cut(unit, engine) for unit in plan.units))


def order(plan: Plan) -> Plan:
    """Sort tasks: exposures and what compares them, then each visit's together, then what gathers visits.

    What waits for artifacts comes last, in the same order.
    """
    return replace(plan, units=tuple(_ordered(unit) for unit in plan.units))


def _ordered(unit: Unit) -> Unit:
    visits = visits_of(unit.tasks)
    late = late_tasks(unit.tasks)
    return replace(unit, tasks=tuple(sorted(unit.tasks, key=lambda found: _rank(visits, late, found))))


def _rank(visits: Mapping[str, int | None], late: Set[str], found: Task) -> tuple[bool, int, int]:
    visit, waits = visits[found.digest], found.digest in late
    if visit is not None:
        return waits, (0 if found.op == "exposure" else 2), visit
    return waits, (1 if found.op == "background" else 3), 0
