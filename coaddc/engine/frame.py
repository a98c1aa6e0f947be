"""An exposure on the grid of a patch: what its warps need again and again."""

from __future__ import annotations

from functools import cached_property
from threading import RLock

from coaddc.model.assembly import Interpolant, Profile, PsfModelSection
from coaddc.model.geom import Box
from coaddc.model.images import Exposure, Image, Warp
from coaddc.model.psf import Floats
from coaddc.model.psf_target import target_psf
from coaddc.model.wcs import Wcs
from coaddc.ops.kernel_field import KernelField
from coaddc.ops.likelihood import PointSources, even_covariance, even_variance, point_sources
from coaddc.ops.match import Matching, kernel_field
from coaddc.ops.noise import convolved_correlation, correlation
from coaddc.ops.pixel_map import PixelMap, pixel_map
from coaddc.ops.proper import Information, Source, noise_correlation, proper_kernels
from coaddc.ops.warped_psf import WarpedPsf
from coaddc.plan.task import Task, origin

#: Half-width, pixels, of the stamp in which the correlation of the noise is kept.
CORRELATION_HALF = 6


class Frame:
    """One exposure on one patch; each part is worked out when first asked for, once.

    Parameters
    ----------
    exposure
        The exposure, opened.
    tract
        WCS of the tract.
    box
        The pixels of the patch with the halo of its tiles.
    interpolant
        That of its warps.
    """

    def __init__(self, exposure: Exposure, tract: Wcs, box: Box, interpolant: Interpolant) -> None:
        self.exposure = exposure
        self.interpolant = interpolant
        self.psf = WarpedPsf(exposure.psf, exposure.wcs, exposure.shape, tract)
        self._box = box
        self._kernels: dict[str, KernelField] = {}
        self._sources: dict[str, PointSources] = {}
        self._lock = RLock()

    @cached_property
    def pixel_map(self) -> PixelMap | None:
        """Where the patch's pixels lie in the exposure; None where they do not."""
        return pixel_map(self.exposure.wcs, self.psf.tract, self._box, self.exposure.shape)

    @cached_property
    def correlation(self) -> Floats:
        """Correlation of the noise of its warp, at the middle of where it lies."""
        y, x = self._reached.centre
        return correlation(self.interpolant, self.psf.jacobian(y=y, x=x), CORRELATION_HALF)

    @property
    def _reached(self) -> Box:
        return self.pixel_map.box if self.pixel_map else self._box

    def kernels(self, task: Task, known: Information | None = None) -> KernelField:
        """Return what a task convolves its warp with, over all of the patch that the exposure reaches.

        Parameters
        ----------
        task
            A match, filter or proper task.
        known
            What all exposures of a proper coadd know.
        """
        with self._lock:
            if task.digest not in self._kernels:
                self._kernels[task.digest] = self._solve(task, known)
            return self._kernels[task.digest]

    def _solve(self, task: Task, known: Information | None) -> KernelField:
        if task.op == "filter":
            return self.point_sources(task).shape
        if known is None:
            return kernel_field(self.psf, matching(task), self._reached, self.correlation)
        (own,) = self.sources(origin(task)[1])
        return proper_kernels(own, known, task.params["cell"])

    def sources(self, warp_task: Task) -> list[Source]:
        """Return what a proper coadd takes from the exposure: nothing where it does not reach the patch."""
        weight, found = float(warp_task.params["weight"]), self.pixel_map
        return [Source(self.psf, found, self.interpolant, weight)] if found else []

    def spread_correlation(self, task: Task, kernels: KernelField) -> Floats:
        """Return the correlation of the noise of its warp once a task has convolved it with its kernels."""
        if task.op == "proper":
            (own,) = self.sources(origin(task)[1])
            return noise_correlation(own, kernels, task.params["cell"])
        return convolved_correlation(self.correlation, kernels.mean)

    def sharpness(self, task: Task) -> float:
        """Return by how much the weight of a pixel grows where a filter task gathers a source; else 1."""
        return self.point_sources(task).sharpness if task.op == "filter" else 1.0

    def point_sources(self, task: Task) -> PointSources:
        """Return what a filter task looks for, over all of the patch that the exposure reaches."""
        with self._lock:
            if task.digest not in self._sources:
                noise = even_covariance(self.correlation, self.interpolant)
                half, cell = task.params["half"], task.params["cell"]
                found = point_sources(self.psf, self._reached, noise, half=half, cell=cell)
                self._sources[task.digest] = found
            return self._sources[task.digest]

    def even_variance(self, warp: Warp) -> Image:
        """Return the variance of its warp as sums over many pixels feel it."""
        return even_variance(warp, self.pixel_map, self.interpolant) if self.pixel_map else warp.variance


def matching(task: Task) -> Matching:
    """Return what a match task matches to, and how."""
    p = task.params
    model = PsfModelSection(
        profile=Profile(p["profile"]),
        wing_ratio=p["wing_ratio"],
        wing_amplitude=p["wing_amplitude"],
        beta=p["beta"],
    )
    return Matching(target_psf(model, p["fwhm"]), p["half"], p["cell"], p["regularisation"])
