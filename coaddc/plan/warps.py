"""Lower the first part of a request: from exposures to the warps of visits."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from itertools import groupby

from coaddc.model.assembly import Matching, PsfModelSection, StackSection, Statistic, WarpSection, Weighting
from coaddc.model.digest import digest
from coaddc.model.errors import PlanError
from coaddc.model.exposures import ExposureRow
from coaddc.plan.plan import Request
from coaddc.plan.recipe import reading
from coaddc.plan.task import Task, origin, task
from coaddc.plan.weights import weight

#: Half-width of matching kernels, and of the PSFs to filter with, in FWHM.
KERNEL_REACH = 2.5
#: Distance, pixels, of the positions where PSFs to filter with are worked out.
FILTER_CELL = 128


def exposure_task(request: Request, row: ExposureRow) -> Task:
    """Return the task that opens an exposure."""
    assembly = request.assembly
    fields = digest(reading(assembly))
    return task("exposure", content=row.digest, reading=fields, subject=(assembly.survey, row))


@dataclass(frozen=True)
class WarpPlan:
    """How the warps of a stack are made.

    Attributes
    ----------
    request
        On which patch, from which survey.
    warp, psf_model, stack
        The sections that say how: those of the assembly, or those placed in its template.
    target
        FWHM, arcsec, of the PSF that they are matched to; None where they are not.
    background
        The task that says what is to be taken off their sky; None where nothing is.
    """

    request: Request
    warp: WarpSection
    psf_model: PsfModelSection
    stack: StackSection
    target: float | None
    background: Task | None = None

    @property
    def scale(self) -> float:
        """Pixel scale of the patch, arcsec."""
        y, x = self.request.patch.box.centre
        return self.request.patch.wcs.pixel_scale(y=y, x=x)

    def warps(self, rows: Sequence[ExposureRow]) -> list[Task]:
        """Return the tasks that make the warp of each exposure, matched or filtered if so asked."""
        warps = [self._level(self._warp(exposure_task(self.request, row))) for row in rows]
        if self.target is not None:
            return [self._match(warp, self.target) for warp in warps]
        if self.warp.matching is Matching.likelihood:
            return [self._filter(warp) for warp in warps]
        return warps

    def visits(self, warps: Sequence[Task], rows: Sequence[ExposureRow]) -> list[Task]:
        """Join the warps of a visit's detectors, where it has several."""
        reject = sorted(self.stack.reject)
        visit = {w.digest: row.visit for w, row in zip(warps, rows, strict=True)}
        groups = [list(group) for _, group in groupby(warps, key=lambda w: visit[w.digest])]
        return [g[0] if len(g) == 1 else task("visit", *g, reject=reject) for g in groups]

    def _warp(self, exposure: Task) -> Task:
        return task(
            "warp",
            exposure,
            grid=digest(list(self.request.patch.wcs.cards)),
            interpolant=self.warp.interpolant.value,
            weight=weight(exposure.subject[1], self.scale, self._weighting),
            subject=self.request.patch.wcs,
        )

    def _level(self, warp: Task) -> Task:
        return warp if self.background is None else task("level", warp, self.background)

    @property
    def _weighting(self) -> Weighting:
        """How exposures weigh; what filters warps sees to the seeing itself, and a median does not weigh."""
        if self.warp.matching is Matching.likelihood or self.stack.statistic is Statistic.median:
            return Weighting.inverse_variance
        return self.stack.weighting

    def _match(self, warp: Task, target: float) -> Task:
        names = ("wing_ratio", "wing_amplitude", "beta", "cell", "regularisation")
        return task(
            "match",
            warp,
            origin(warp)[0],
            **{name: getattr(self.psf_model, name) for name in names},
            profile=self.psf_model.profile.value,
            fwhm=round(target / self.scale, 6),
            half=math.ceil(KERNEL_REACH * target / self.scale) + 1,
        )

    def _filter(self, warp: Task) -> Task:
        """Filter a warp with its own PSF.

        Raises
        ------
        PlanError
            Where all exposures are to count alike: what a point source counts is the likelihood's definition.
        """
        exposure = origin(warp)[0]
        row: ExposureRow = exposure.subject[1]
        if self.stack.weighting is Weighting.uniform and self.stack.statistic is not Statistic.median:
            raise PlanError(
                "warp.matching=likelihood with stack.weighting=uniform: its weights are its definition; "
                "leave stack.weighting at inverse_variance, or take stack.statistic=median"
            )
        if not row.seeing > 0:
            raise PlanError(f"warp.matching=likelihood: the seeing of {row.name} is not known")
        half = math.ceil(KERNEL_REACH * row.seeing / self.scale) + 1
        reject = sorted(self.stack.reject)
        return task("filter", warp, exposure, half=half, cell=FILTER_CELL, reject=reject)
