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
from coaddc.plan.bench import Bench
from coaddc.plan.plan import Request
from coaddc.plan.task import Params, Task, origin, task, task_of
from coaddc.plan.weights import weight

#: Half-width of matching kernels, and of the PSFs to filter with, in FWHM.
KERNEL_REACH = 2.5
#: Distance, pixels, of the positions where PSFs to filter with are worked out.
FILTER_CELL = 128


@dataclass(frozen=True)
class WarpPlan:
    """How the warps of a stack are made.

    Attributes
    ----------
    request
        Which exposures, of which survey.
    bench
        What it shares with other requests on the patch.
    warp, psf_model, stack
        The sections that say how: those of the assembly, or those placed in its template.
    target
        FWHM, arcsec, of the PSF that they are matched to; None where they are not.
    background
        The task that says what is to be taken off their sky; None where nothing is.
    artifacts
        The task that finds what is to be kept out of warps before they are filtered; None where nothing is.
    """

    request: Request
    bench: Bench
    warp: WarpSection
    psf_model: PsfModelSection
    stack: StackSection
    target: float | None
    background: Task | None = None
    artifacts: Task | None = None

    def warps(self, rows: Sequence[ExposureRow]) -> list[Task]:
        """Return the tasks that make the warp of each exposure, matched or filtered if so asked."""
        warps = self._warps(rows)
        if self.target is not None:
            return self._matches(warps, self.target)
        match self.warp.matching:
            case Matching.likelihood:
                return [self._filter(warp) for warp in warps]
            case Matching.proper:
                return self._proper(warps)
        return warps

    def visits(self, warps: Sequence[Task], rows: Sequence[ExposureRow]) -> list[Task]:
        """Join the warps of a visit's detectors, where it has several."""
        visit = {w.digest: row.visit for w, row in zip(warps, rows, strict=True)}
        groups = [list(group) for _, group in groupby(warps, key=lambda w: visit[w.digest])]
        return [g[0] if len(g) == 1 else task("visit", *g, reject=self._reject) for g in groups]

    @property
    def _reject(self) -> list[str]:
        return sorted([*self.stack.reject, "CLIPPED"] if self.artifacts else self.stack.reject)

    def _warps(self, rows: Sequence[ExposureRow]) -> list[Task]:
        weighting, interpolant = self._weighting, self.warp.interpolant
        made = self.bench.once((weighting, interpolant, self._reading), dict[int, Task])
        for row in rows:
            if id(row) not in made:
                made[id(row)] = self._warp(self.bench.shop.exposure(self.request.assembly, row), weighting)
        warps = [made[id(row)] for row in rows]
        return [task("level", w, self.background) for w in warps] if self.background else warps

    @property
    def _reading(self) -> str:
        return self.bench.shop.reading(self.request.assembly)

    def _warp(self, exposure: Task, weighting: Weighting) -> Task:
        return task(
            "warp",
            exposure,
            grid=self.bench.grid,
            interpolant=self.warp.interpolant.value,
            weight=weight(exposure.subject[1], self.bench.scale, weighting),
            subject=self.bench.patch.wcs,
        )

    @property
    def _weighting(self) -> Weighting:
        """How exposures weigh; what filters warps sees to the seeing itself, and a median does not weigh."""
        filtered = self.warp.matching in (Matching.likelihood, Matching.proper)
        if filtered or self.stack.statistic is Statistic.median:
            return Weighting.inverse_variance
        return self.stack.weighting

    def _matches(self, warps: Sequence[Task], target: float) -> list[Task]:
        fields = self.bench.shop.once(("match", id(self.psf_model)), self._model)
        params = self.bench.once(("match", fields.text, target), lambda: self._matching(fields, target))
        made = self.bench.once(("matched", fields.text, target), dict[str, Task])
        for warp in warps:
            if warp.digest not in made:
                made[warp.digest] = task_of("match", params, (warp, origin(warp)[0]))
        return [made[warp.digest] for warp in warps]

    def _model(self) -> Params:
        """Return what matches depend on of the section that says to which PSF."""
        names = ("wing_ratio", "wing_amplitude", "beta", "cell", "regularisation")
        fields = {name: getattr(self.psf_model, name) for name in names}
        return Params.of(**fields, profile=self.psf_model.profile.value)

    def _matching(self, fields: Params, target: float) -> Params:
        scale = self.bench.scale
        fwhm, half = round(target / scale, 6), math.ceil(KERNEL_REACH * target / scale) + 1
        return Params.of(**fields.values, fwhm=fwhm, half=half)

    def _filter(self, warp: Task) -> Task:
        """Filter a warp with its own PSF.

        Raises
        ------
        PlanError
            Where all exposures are to count alike: what a point source counts is the likelihood's definition.
        """
        if self.stack.weighting is Weighting.uniform and self.stack.statistic is not Statistic.median:
            raise PlanError(
                "warp.matching=likelihood with stack.weighting=uniform: its weights are its definition; "
                "leave stack.weighting at inverse_variance, or take stack.statistic=median"
            )
        inputs = warp, origin(warp)[0], *((self.artifacts,) if self.artifacts else ())
        return task("filter", *inputs, half=self._half([warp]), cell=FILTER_CELL, reject=self._reject)

    def _proper(self, warps: list[Task]) -> list[Task]:
        """Convolve warps so that their mean is the proper coadd; each kernel depends on all exposures.

        Raises
        ------
        PlanError
            Where they are not to be summed by inverse variance: nothing else makes it proper.
        """
        stack = self.stack
        if stack.statistic is not Statistic.mean or stack.weighting is Weighting.uniform:
            raise PlanError(
                f"warp.matching=proper with stack.statistic={stack.statistic.value}, stack.weighting="
                f"{stack.weighting.value}: it is the mean by inverse variance of warps that show a star each "
                "in its own way; take stack.statistic=mean, and artifacts=compareWarp against outliers"
            )
        among, half = digest([warp.digest for warp in warps]), self._half(warps)
        own = {"among": among, "half": half, "cell": FILTER_CELL}
        return [task("proper", warp, origin(warp)[0], **own, subject=tuple(warps)) for warp in warps]

    def _half(self, warps: Sequence[Task]) -> int:
        """Return the half-width, pixels, of what warps are filtered with."""
        rows: list[ExposureRow] = [origin(warp)[0].subject[1] for warp in warps]
        for row in rows:
            if not row.seeing > 0:
                raise PlanError(
                    f"warp.matching={self.warp.matching.value}: the seeing of {row.name} is not known"
                )
        return math.ceil(KERNEL_REACH * max(row.seeing for row in rows) / self.bench.scale) + 1
