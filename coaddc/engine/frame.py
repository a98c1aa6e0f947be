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
from coaddc.ops.likelihood import PointSources, even_covariance, even_variance, point_sources
from coaddc.ops.match import KernelField, Matching, WarpedPsf, kernel_field
from coaddc.ops.noise import convolved_correlation, correlation
from coaddc.ops.pixel_map import PixelMap, pixel_map
from coaddc.plan.task import Task

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

    def kernels(self, task: Task) -> KernelField:
        """Return the matching kernels of a match task, over all of the patch that the exposure reaches."""
        with self._lock:
            if task.digest not in self._kernels:
                field = kernel_field(self.psf, matching(task), self._reached, self.correlation)
                self._kernels[task.digest] = field
            return self._kernels[task.digest]

    def spread_correlation(self, task: Task) -> Floats:
        """Return the correlation of the noise of its warp, once that is matched or filtered."""
        match task.op:
            case "filter":
                kernel = self.point_sources(task).shape.mean
            case "match":
                kernel = self.kernels(task).mean
            case _:
                return self.correlation
        return convolved_correlation(self.correlation, kernel)

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
