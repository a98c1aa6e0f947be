"""Lower a request to tasks: the warps of visits, then template and artifacts, stack, psf, coadd."""

from __future__ import annotations

import math
from dataclasses import replace
from typing import Any

from coaddc.model.assembly import ArtifactsSection, Matching, Rejection, StackSection, Statistic, Weighting
from coaddc.model.digest import rendered
from coaddc.model.product import DataId, Product
from coaddc.plan.background import background_task
from coaddc.plan.bench import Bench, Choices
from coaddc.plan.dcr import subband
from coaddc.plan.plan import Request, Target
from coaddc.plan.recipe import fields_of
from coaddc.plan.task import BLANK, Form, Params, Task, task, task_of
from coaddc.plan.warps import WarpPlan

#: Side, pixels, of the cells in which a coadd's PSF is given.
PSF_CELL = 128
#: Half-width of the stamps of a coadd's PSF, in FWHM.
PSF_REACH = 4.0
#: How far, pixels, warps and template reach beyond the tile whose artifacts are looked for.
ARTIFACTS_MARGIN = 64


def lower(request: Request, bench: Bench) -> Target:
    """Return the product of a request, and the task that makes it."""
    assembly = request.assembly
    choices = bench.shop.choices(assembly)
    alike = choices.making, request.target, request.template, tuple(map(id, request.rows))
    pixels = bench.once(alike, lambda: _pixels(request, bench, choices))
    data_id = request.data_id
    coadd = task_of("coadd", _label(request, bench, data_id, choices), pixels, request)
    product = Product(data_id, coadd.digest, choices.recipe, assembly.config, assembly.overrides)
    return Target(product, request, coadd)


def _pixels(request: Request, bench: Bench, choices: Choices) -> tuple[Task, Task]:
    """Return the tasks that make the pixels of a coadd and its PSF, whatever it is called."""
    assembly = request.assembly
    background = background_task(request, bench)
    found = _artifacts(request, background, bench)
    early = found if assembly.warp.matching is Matching.likelihood else None  # or a filter would spread them
    plan = bench.once(
        ("warps", choices.making, request.target),
        lambda: WarpPlan(bench, assembly, assembly.warp, assembly.psf_model, assembly.stack, request.target),
    )
    warps = plan.warps(request.rows, background, early)
    visits = plan.visits(warps, request.rows, early)
    stack = _stack(request, bench, visits, assembly.stack, found)
    if assembly.wavelength is not None:
        stack = subband(request, stack)
    return stack, _psf(request, bench, warps)


def _label(request: Request, bench: Bench, data_id: DataId, choices: Choices) -> Params:
    """Return what is written into the file of a coadd: its data ID, and the digest of what was asked for."""
    name = "label", id(request.assembly), request.band, request.patch.tract
    form = bench.shop.once(name, lambda: Form.of(data_id={**data_id, "patch": BLANK}, recipe=choices.recipe))
    return form.filled(bench.name, data_id=data_id, recipe=choices.recipe)


def _stack(
    request: Request, bench: Bench, visits: list[Task], options: StackSection, artifacts: Task | None = None
) -> Task:
    name = "stack", id(options), artifacts is None
    used, fields = bench.shop.once(name, lambda: _stacking(options, artifacts=artifacts is not None))
    params = bench.once(("stack", fields.text), lambda: Params.of(**fields.values, box=bench.box))
    filtered = request.assembly.warp.matching is Matching.likelihood
    inputs = [*visits, artifacts] if artifacts and not filtered else visits
    return task_of("stack", params, tuple(inputs), used)


def _stacking(options: StackSection, *, artifacts: bool) -> tuple[StackSection, Params]:
    """Return the options of a stack that are used, and what of them its task depends on."""
    used = _relevant(options)
    if artifacts:
        # What is found is a rejected plane, and any pixel that lost an input to it says so.
        used = replace(used, reject=[*used.reject, "CLIPPED"], propagate={**used.propagate, "CLIPPED": 0.0})
    return used, Params.of(**{**fields_of(used), "reject": sorted(used.reject)})


def _relevant(options: StackSection) -> StackSection:
    """Return options with what their statistic ignores at its default."""
    default = StackSection(statistic=options.statistic)
    if options.statistic is not Statistic.clipped:
        options = replace(options, nsigma=default.nsigma, flux_tolerance=default.flux_tolerance)
    if options.statistic is Statistic.median:
        options = replace(options, weighting=default.weighting)
    return options


def _artifacts(request: Request, background: Task | None, bench: Bench) -> Task | None:
    """Return the task that finds artifacts on the warps of a request, if that is asked for."""
    options = request.assembly.artifacts
    if options.method is Rejection.none or request.template is None:
        return None
    template = options.template
    plan = WarpPlan(
        bench, request.assembly, template.warp, template.psf_model, template.stack, request.template
    )
    rows = tuple(row for row in request.rows if row.seeing <= request.template)
    visits = plan.visits(plan.warps(rows, background, None), rows, None)
    static = _stack(request, bench, visits, template.stack)
    known = {"fwhm": round(request.template / bench.scale, 6), "margin": ARTIFACTS_MARGIN}
    return task("artifacts", *visits, static, **_thresholds(options), **known, subject=options)


def _thresholds(options: ArtifactsSection) -> dict[str, Any]:
    return {k: v for k, v in fields_of(options).items() if k not in ("template", "keep_template")}


def _psf(request: Request, bench: Bench, warps: list[Task]) -> Task:
    uniform = Weighting.uniform is request.assembly.stack.weighting
    width = request.target or max(row.seeing for row in request.rows)
    if request.assembly.warp.matching is Matching.likelihood:
        width *= math.sqrt(2.0)  # a PSF correlated with itself
    half = min(60, math.ceil(PSF_REACH * width / bench.scale))
    median = request.assembly.stack.statistic is Statistic.median
    equal = uniform or median
    fields = {"equal": equal, "median": median, "cell": PSF_CELL, "box": bench.box}
    form = bench.once(("psf", equal, median), lambda: Form.of(**fields, half=BLANK))
    return task_of("psf", form.filled(rendered(half), **fields, half=half), tuple(warps))
