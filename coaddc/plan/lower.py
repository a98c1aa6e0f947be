"""Lower a request to tasks: the warps of visits, then template and artifacts, stack, psf, coadd."""

from __future__ import annotations

import math
from dataclasses import asdict, replace
from typing import Any

from coaddc.model.assembly import ArtifactsSection, Matching, Rejection, StackSection, Statistic, Weighting
from coaddc.model.digest import digest
from coaddc.model.product import Product
from coaddc.plan.background import background_task
from coaddc.plan.dcr import subband
from coaddc.plan.plan import Request, Target
from coaddc.plan.recipe import SELECTING, plain, recipe
from coaddc.plan.task import Task, task
from coaddc.plan.warps import WarpPlan

#: Side, pixels, of the cells in which a coadd's PSF is given.
PSF_CELL = 128
#: Half-width of the stamps of a coadd's PSF, in FWHM.
PSF_REACH = 4.0
#: How far, pixels, warps and template reach beyond the tile whose artifacts are looked for.
ARTIFACTS_MARGIN = 64


def lower(request: Request) -> Target:
    """Return the product of a request, and the task that makes it."""
    assembly = request.assembly
    background = background_task(request)
    found = _artifacts(request, background)
    early = found if assembly.warp.matching is Matching.likelihood else None  # or a filter would spread them
    plan = WarpPlan(
        request, assembly.warp, assembly.psf_model, assembly.stack, request.target, background, early
    )
    warps = plan.warps(request.rows)
    stack = _stack(request, plan.visits(warps, request.rows), assembly.stack, found)
    if assembly.wavelength is not None:
        stack = subband(request, stack)
    psf = _psf(request, warps, plan.scale)
    what = recipe(assembly)
    coadd = task("coadd", stack, psf, data_id=dict(request.data_id), recipe=digest(what), subject=request)
    product = Product(request.data_id, coadd.digest, digest(what), assembly.config, assembly.overrides)
    return Target(product, request, coadd)


def _stack(
    request: Request, visits: list[Task], options: StackSection, artifacts: Task | None = None
) -> Task:
    options = _relevant(options)
    if artifacts:
        # What is found is a rejected plane, and any pixel that lost an input to it says so.
        options = replace(
            options, reject=[*options.reject, "CLIPPED"], propagate={**options.propagate, "CLIPPED": 0.0}
        )
    fields = {**_fields(options), "reject": sorted(options.reject)}
    filtered = request.assembly.warp.matching is Matching.likelihood
    inputs = [*visits, artifacts] if artifacts and not filtered else visits
    return task("stack", *inputs, **fields, box=asdict(request.patch.box), subject=options)


def _relevant(options: StackSection) -> StackSection:
    """Return options with what their statistic ignores at its default."""
    default = StackSection(statistic=options.statistic)
    if options.statistic is not Statistic.clipped:
        options = replace(options, nsigma=default.nsigma, flux_tolerance=default.flux_tolerance)
    if options.statistic is Statistic.median:
        options = replace(options, weighting=default.weighting)
    return options


def _fields(section: Any) -> dict[str, Any]:
    """Return the fields of a section that a task depends on, plain data."""
    fields: dict[str, Any] = plain(asdict(section))
    return {k: v for k, v in fields.items() if k not in ("doc", *SELECTING)}


def _artifacts(request: Request, background: Task | None) -> Task | None:
    """Return the task that finds artifacts on the warps of a request, if that is asked for."""
    options = request.assembly.artifacts
    if options.method is Rejection.none or request.template is None:
        return None
    template = options.template
    plan = WarpPlan(request, template.warp, template.psf_model, template.stack, request.template, background)
    rows = tuple(row for row in request.rows if row.seeing <= request.template)
    visits = plan.visits(plan.warps(rows), rows)
    static = _stack(request, visits, template.stack)
    known = {"fwhm": round(request.template / plan.scale, 6), "margin": ARTIFACTS_MARGIN}
    return task("artifacts", *visits, static, **_thresholds(options), **known, subject=options)


def _thresholds(options: ArtifactsSection) -> dict[str, Any]:
    fields = _fields(options)
    return {k: v for k, v in fields.items() if k not in ("template", "keep_template")}


def _psf(request: Request, warps: list[Task], scale: float) -> Task:
    uniform = Weighting.uniform is request.assembly.stack.weighting
    width = request.target or max(row.seeing for row in request.rows)
    if request.assembly.warp.matching is Matching.likelihood:
        width *= math.sqrt(2.0)  # a PSF correlated with itself
    half = min(60, math.ceil(PSF_REACH * width / scale))
    median = request.assembly.stack.statistic is Statistic.median
    cells = {"cell": PSF_CELL, "half": half, "box": asdict(request.patch.box)}
    return task("psf", *warps, equal=uniform or median, median=median, **cells)
