"""Lower a request to tasks: exposure, warp, match, visit, stack, psf, coadd."""

from __future__ import annotations

import math
from dataclasses import asdict, replace
from itertools import groupby

from coaddc.model.assembly import Assembly, Matching, PsfModelSection, StackSection, Statistic, Weighting
from coaddc.model.digest import digest
from coaddc.model.errors import PlanError
from coaddc.model.exposures import ExposureRow
from coaddc.model.product import Product
from coaddc.plan.plan import Request, Target
from coaddc.plan.recipe import reading, recipe
from coaddc.plan.task import Task, task

#: Side, pixels, of the cells in which a coadd's PSF is given.
PSF_CELL = 512
#: Half-width of the stamps of a coadd's PSF and of matching kernels, in FWHM.
PSF_REACH, KERNEL_REACH = 4.0, 2.5
#: Distance, pixels, of the positions where PSFs to filter with are worked out.
FILTER_CELL = 256


def lower(request: Request) -> Target:
    """Return the product of a request, and the task that makes it."""
    assembly = request.assembly
    exposures = [_exposure(assembly, row) for row in request.rows]
    warps = [_warp(request, exposure) for exposure in exposures]
    if request.target is not None:
        warps = [_match(request, warp) for warp in warps]
    elif assembly.warp.matching is Matching.likelihood:
        warps = [_filter(request, warp) for warp in warps]
    stack = _stack(request, _visits(request, warps))
    psf = _psf(request, warps)
    what = recipe(assembly)
    coadd = task("coadd", stack, psf, data_id=dict(request.data_id), recipe=digest(what), subject=request)
    product = Product(request.data_id, coadd.digest, digest(what), assembly.config, assembly.overrides)
    return Target(product, request, coadd)


def _exposure(assembly: Assembly, row: ExposureRow) -> Task:
    return task(
        "exposure", content=row.digest, reading=digest(reading(assembly)), subject=(assembly.survey, row)
    )


def _warp(request: Request, exposure: Task) -> Task:
    row: ExposureRow = exposure.subject[1]
    return task(
        "warp",
        exposure,
        grid=digest(list(request.patch.wcs.cards)),
        interpolant=request.assembly.warp.interpolant.value,
        weight=weight(row, _scale(request), _weighting(request.assembly)),
        subject=request.patch.wcs,
    )


def _weighting(assembly: Assembly) -> Weighting:
    """Return how exposures weigh; what filters warps sees to the seeing itself."""
    if assembly.warp.matching is Matching.likelihood:
        return Weighting.inverse_variance
    return _relevant(assembly.stack).weighting


def weight(row: ExposureRow, scale: float, weighting: Weighting) -> float:
    """Return the weight of an exposure in means, nJy**-2.

    Of exposures that differ in seeing, the mean in which a point source is most significant has weights
    1 / (sigma**2 FWHM**2), up to the shape of the PSF: a point source has a signal to noise that goes as
    1 / (sigma FWHM). The FWHM is counted in arcsec. Uniform weights are left to the stack.

    Raises
    ------
    PlanError
        Where the seeing is asked for, and not known.
    """
    if weighting is not Weighting.inverse_variance_seeing:
        return inverse_variance(row, scale)
    if not row.seeing > 0:
        raise PlanError(f"stack.weighting=inverse_variance_seeing: the seeing of {row.name} is not known")
    return float(f"{inverse_variance(row, scale) / row.seeing**2:.9e}")


def inverse_variance(row: ExposureRow, scale: float) -> float:
    """Return 1 / variance of an exposure's typical pixel once it has this scale, nJy**-2.

    One number for the exposure, not one for each pixel: weights that follow the photon noise of a pixel
    favour low values, and make the mean of a bright star too faint. Ten digits: the last ones depend on the
    machine.
    """
    area = (scale / row.pixel_scale) ** 2
    return float(f"{1.0 / (row.sky_noise * area) ** 2:.9e}")


def _scale(request: Request) -> float:
    y, x = request.patch.box.centre
    return request.patch.wcs.pixel_scale(y=y, x=x)


def _match(request: Request, warp: Task) -> Task:
    model = request.assembly.psf_model
    return task("match", warp, *warp.inputs, **_matching(model, request.target or 0.0, _scale(request)))


def _matching(model: PsfModelSection, target: float, scale: float) -> dict[str, object]:
    shape = ("profile", "wing_ratio", "wing_amplitude", "beta", "cell", "regularisation")
    fields = {name: getattr(model, name) for name in shape}
    return {
        **fields,
        "profile": model.profile.value,
        "fwhm": round(target / scale, 6),
        "half": math.ceil(KERNEL_REACH * target / scale) + 1,
    }


def _filter(request: Request, warp: Task) -> Task:
    """Filter a warp with its own PSF.

    Raises
    ------
    PlanError
        Where all exposures are to count alike: what a point source counts is the likelihood's definition.
    """
    stack = request.assembly.stack
    row: ExposureRow = warp.inputs[0].subject[1]
    if _relevant(stack).weighting is Weighting.uniform:
        raise PlanError(
            "warp.matching=likelihood with stack.weighting=uniform: its weights are its definition; "
            "leave stack.weighting at inverse_variance, or take stack.statistic=median"
        )
    if not row.seeing > 0:
        raise PlanError(f"warp.matching=likelihood: the seeing of {row.name} is not known")
    half = math.ceil(KERNEL_REACH * row.seeing / _scale(request)) + 1
    return task("filter", warp, *warp.inputs, half=half, cell=FILTER_CELL, reject=sorted(stack.reject))


def _visits(request: Request, warps: list[Task]) -> list[Task]:
    """Join the warps of a visit's detectors, where it has several."""
    reject = sorted(request.assembly.stack.reject)
    rows = {w.digest: row for w, row in zip(warps, request.rows, strict=True)}
    groups = [list(group) for _, group in groupby(warps, key=lambda w: rows[w.digest].visit)]
    return [group[0] if len(group) == 1 else task("visit", *group, reject=reject) for group in groups]


def _stack(request: Request, visits: list[Task]) -> Task:
    options = _relevant(request.assembly.stack)
    fields = {k: v for k, v in asdict(options).items() if k not in ("doc", "where", "order_by", "keep")}
    fields |= {"statistic": options.statistic.value, "weighting": options.weighting.value}
    fields["reject"] = sorted(options.reject)
    box = asdict(request.patch.box)
    return task("stack", *visits, **fields, box=box, subject=options)


def _relevant(options: StackSection) -> StackSection:
    """Return options with what their statistic ignores at its default."""
    default = StackSection(statistic=options.statistic)
    if options.statistic is not Statistic.clipped:
        options = replace(options, nsigma=default.nsigma, flux_tolerance=default.flux_tolerance)
    if options.statistic is Statistic.median:
        options = replace(options, weighting=default.weighting)
    return options


def _psf(request: Request, warps: list[Task]) -> Task:
    uniform = Weighting.uniform is request.assembly.stack.weighting
    equal = uniform or request.assembly.stack.statistic is Statistic.median
    width = request.target or max(row.seeing for row in request.rows)
    if request.assembly.warp.matching is Matching.likelihood:
        width *= math.sqrt(2.0)  # a PSF correlated with itself
    half = min(60, math.ceil(PSF_REACH * width / _scale(request)))
    return task("psf", *warps, equal=equal, cell=PSF_CELL, half=half, box=asdict(request.patch.box))
