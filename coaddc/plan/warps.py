"""Lower the first part of a request: from exposures to the warps of visits."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property
from itertools import groupby
from typing import Any

from coaddc.model.assembly import (
    Assembly,
    Matching,
    PsfModelSection,
    StackSection,
    Statistic,
    WarpSection,
    Weighting,
)
from coaddc.model.digest import digest, rendered
from coaddc.model.errors import PlanError
from coaddc.model.exposures import ExposureRow
from coaddc.plan.bench import Bench
from coaddc.plan.task import BLANK, Form, Params, Task, origin, task, task_of
from coaddc.plan.weights import weight

#: Half-width of matching kernels, and of the PSFs to filter with, in FWHM.
KERNEL_REACH = 2.5
#: Distance, pixels, of the positions where PSFs to filter with are worked out.
FILTER_CELL = 128


@dataclass(frozen=True)
class WarpPlan:
    """How the warps of a stack are made on one patch.

    Attributes
    ----------
    bench
        What requests on the patch share.
    assembly
        Of which survey the exposures are.
    warp, psf_model, stack
        The sections that say how: those of the assembly, or those placed in its template.
    target
        FWHM, arcsec, of the PSF that they are matched to; None where they are not.
    """

    bench: Bench
    assembly: Assembly
    warp: WarpSection
    psf_model: PsfModelSection
    stack: StackSection
    target: float | None

    def warps(
        self, rows: Sequence[ExposureRow], background: Task | None, artifacts: Task | None
    ) -> list[Task]:
        """Return the tasks that make the warp of each exposure, matched or filtered if so asked.

        Parameters
        ----------
        rows
            The exposures.
        background
            The task that says what is to be taken off their sky; None where nothing is.
        artifacts
            The task that finds what is to be kept out of warps before they are filtered; None where nothing
            is.
        """
        if background or artifacts or self.warp.matching is Matching.proper:
            return self._together(rows, background, artifacts)
        made = self._alone
        new = [row for row in rows if id(row) not in made]
        if new:
            made.update(zip(map(id, new), self._together(new, None, None), strict=True))
        return [made[id(row)] for row in rows]

    @cached_property
    def _alone(self) -> dict[int, Task]:
        """Warps that depend on their exposure alone, made so far; by the exposure."""
        return {}

    def _together(
        self, rows: Sequence[ExposureRow], background: Task | None, artifacts: Task | None
    ) -> list[Task]:
        warps = self._direct(rows)
        if background:
            warps = [task("level", warp, background) for warp in warps]
        if self.target is not None:
            return self._matches(warps)
        match self.warp.matching:
            case Matching.likelihood:
                return [self._filter(warp, artifacts) for warp in warps]
            case Matching.proper:
                return self._proper(warps)
        return warps

    def visits(
        self, warps: Sequence[Task], rows: Sequence[ExposureRow], artifacts: Task | None
    ) -> list[Task]:
        """Join the warps of a visit's detectors, where it has several."""
        if len({row.visit for row in rows}) == len(rows):
            return list(warps)
        groups = groupby(zip(warps, rows, strict=True), key=lambda pair: pair[1].visit)
        visits = [[warp for warp, _ in group] for _, group in groups]
        return [v[0] if len(v) == 1 else task("visit", *v, reject=self._reject(artifacts)) for v in visits]

    def _reject(self, artifacts: Task | None) -> list[str]:
        return sorted([*self.stack.reject, "CLIPPED"] if artifacts else self.stack.reject)

    def _direct(self, rows: Sequence[ExposureRow]) -> list[Task]:
        weighting, shop = self._weighting, self.bench.shop
        name = "direct", weighting, self.warp.interpolant, shop.choices(self.assembly).reading
        made = self.bench.once(name, dict[int, Task])
        for row in rows:
            if id(row) not in made:
                made[id(row)] = self._warp(shop.exposure(self.assembly, row), weighting)
        return [made[id(row)] for row in rows]

    def _warp(self, exposure: Task, weighting: Weighting) -> Task:
        form, own = self._gridded
        counts = weight(exposure.subject[1], self.bench.scale, weighting)
        params = form.filled(rendered(counts), **own, weight=counts)
        return task_of("warp", params, (exposure,), self.bench.patch.wcs)

    @cached_property
    def _gridded(self) -> tuple[Form, dict[str, Any]]:
        """Parameters of warps, but for their weight."""
        own = {"grid": self.bench.grid, "interpolant": self.warp.interpolant.value}
        return Form.of(**own, weight=BLANK), own

    @property
    def _weighting(self) -> Weighting:
        """How exposures weigh; what filters warps sees to the seeing itself, and a median does not weigh."""
        filtered = self.warp.matching in (Matching.likelihood, Matching.proper)
        if filtered or self.stack.statistic is Statistic.median:
            return Weighting.inverse_variance
        return self.stack.weighting

    def _matches(self, warps: Sequence[Task]) -> list[Task]:
        params = self._match
        made = self.bench.once(("matched", params.text), dict[str, Task])
        for warp in warps:
            if warp.digest not in made:
                made[warp.digest] = task_of("match", params, (warp, origin(warp)[0]))
        return [made[warp.digest] for warp in warps]

    @cached_property
    def _match(self) -> Params:
        """Parameters of matches."""
        assert self.target is not None
        form, fields = self.bench.shop.once(("match", id(self.psf_model)), self._model)
        fwhm = round(self.target / self.bench.scale, 6)
        half = math.ceil(KERNEL_REACH * self.target / self.bench.scale) + 1
        return form.filled(rendered(fwhm), rendered(half), **fields, fwhm=fwhm, half=half)

    def _model(self) -> tuple[Form, dict[str, Any]]:
        """Return what matches depend on of the section that says to which PSF."""
        names = ("wing_ratio", "wing_amplitude", "beta", "cell", "regularisation")
        fields = {name: getattr(self.psf_model, name) for name in names}
        fields["profile"] = self.psf_model.profile.value
        return Form.of(**fields, fwhm=BLANK, half=BLANK), fields

    def _filter(self, warp: Task, artifacts: Task | None) -> Task:
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
        inputs = warp, origin(warp)[0], *((artifacts,) if artifacts else ())
        reject = self._reject(artifacts)
        return task("filter", *inputs, half=self._half([warp]), cell=FILTER_CELL, reject=reject)

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
