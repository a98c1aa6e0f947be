"""Lower the sub-bands of a band: one model of all visits' dispersion, and a task that takes a part of it."""

from __future__ import annotations

import math
from collections.abc import Sequence

import numpy as np

from coaddc.model.assembly import Assembly, Matching, Statistic, Weighting
from coaddc.model.dcr import DcrModel
from coaddc.model.errors import PlanError, near
from coaddc.model.exposures import ExposureRow
from coaddc.model.mask import bits
from coaddc.model.refraction import Floats, bending, zenith
from coaddc.plan.plan import Request
from coaddc.plan.task import Task, task, walk

#: How far, pixels, the model reaches beyond the tile that it is kept of.
DCR_MARGIN = 64


def check_subbands(assembly: Assembly, band: str) -> None:
    """Refuse what has no sub-bands.

    Raises
    ------
    PlanError
        Where warps have no common PSF, are not averaged, or the band's wavelengths are not known.
    """
    if assembly.wavelength is None:
        return
    value = f"wavelength={assembly.keys['wavelength']}"
    if assembly.warp.matching is not Matching.psf_model:
        raise PlanError(
            f"{value} with warp.matching={assembly.warp.matching.value}: the model needs warps of one PSF; "
            "leave out warp=..., or take warp=psfMatched"
        )
    if assembly.stack.statistic is not Statistic.mean:
        raise PlanError(
            f"{value} with stack.statistic={assembly.stack.statistic.value}: the model is a fit by least "
            "squares; take stack=mean, and artifacts=compareWarp against outliers"
        )
    known = assembly.survey.passbands
    if band not in known:
        raise PlanError(f"{value}: survey.passbands has no wavelengths of band {band}{near(band, known)}")


def placed_zenith(
    assembly: Assembly, rows: tuple[ExposureRow, ...]
) -> tuple[tuple[ExposureRow, ...], list[str]]:
    """Part the exposures of which it is known where the zenith was, if that matters, from the others."""
    if assembly.wavelength is None:
        return rows, []
    known = tuple(row for row in rows if math.isfinite(row.airmass) and math.isfinite(row.parallactic_angle))
    unknown = [row for row in rows if row not in known]
    notes = [f"left out {row.name}: its airmass or parallactic_angle is not known" for row in unknown]
    return known, notes


def subband(request: Request, stack: Task) -> Task:
    """Return the task that gives a sub-band of what a mean stack takes."""
    section = request.assembly.wavelength
    assert section is not None
    model = _model(request, stack)
    names = ("smoothness", "amplitude", "iterations", "tolerance")
    solution = task(
        "dcr",
        *stack.inputs,
        stack,
        **{name: getattr(section, name) for name in names},
        bend=np.round(model.bend, 6).tolist(),
        zeniths=[[visit, *np.round(up, 9).tolist()] for visit, up in model.zeniths.items()],
        weight=model.weight,
        margin=DCR_MARGIN,
        subject=model,
    )
    return task("subband", solution, number=section.subband, box=stack.params["box"])


def _model(request: Request, stack: Task) -> DcrModel:
    assembly = request.assembly
    survey, section = assembly.survey, assembly.wavelength
    assert section is not None
    options = stack.subject
    uniform = options.weighting is Weighting.uniform
    first, last = survey.passbands[request.band]
    return DcrModel(
        section,
        bending(survey.air, (first, last), section.subbands, section.reference),
        _zeniths(request.rows),
        request.patch.wcs,
        _weight(stack, uniform=uniform),
        bits(options.reject),
        uniform,
    )


def _zeniths(rows: Sequence[ExposureRow]) -> dict[int, Floats]:
    """Return the zenith of each visit, as its exposures together have it."""
    found: dict[int, list[Floats]] = {}
    for row in rows:
        up = zenith(ra=row.ra, dec=row.dec, airmass=row.airmass, parallactic_angle=row.parallactic_angle)
        found.setdefault(row.visit, []).append(up)
    means = {visit: np.mean(ups, axis=0) for visit, ups in found.items()}
    return {visit: mean / np.linalg.norm(mean) for visit, mean in means.items()}


def _weight(stack: Task, *, uniform: bool) -> float:
    """Return the weight of all visits of a stack together, where all of them reach."""
    total = 0.0
    for visit in stack.inputs:
        if visit.op != "artifacts":
            warps = [t for t in walk([visit]) if t.op == "warp"]
            total += 1.0 if uniform else max(float(t.params["weight"]) for t in warps)
    return float(f"{total:.9e}")
