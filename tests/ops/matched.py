"""Matched warps made at once: smooth noise and stars of one PSF, so that nothing needs to be resampled."""

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray
from scipy.ndimage import gaussian_filter

from coaddc.model.assembly import ArtifactsSection, Rejection
from coaddc.model.geom import Box
from coaddc.model.images import Warp
from coaddc.ops.artifact_difference import compare
from coaddc.ops.artifacts import find_artifacts, make_template

#: Where the warps lie: not square, off the origin.
WHOLE = Box(y0=-30, y1=270, x0=500, x1=900)
#: Sigma of the PSF, pixels.
SIGMA = 3.0


def options(**fields: object) -> ArtifactsSection:
    return ArtifactsSection(method=Rejection.compare_warp, **fields)  # type: ignore[arg-type]


def gaussian(box: Box, *, y: float, x: float, peak: float, sigma: float = SIGMA) -> NDArray[np.float64]:
    yy, xx = np.mgrid[box.y0 : box.y1, box.x0 : box.x1]
    return peak * np.exp(-0.5 * ((yy - y) ** 2 + (xx - x) ** 2) / sigma**2)


def empty_warp(rng: np.random.Generator, box: Box = WHOLE, noise: float = 1.0) -> Warp:
    """Return noise as smooth as the PSF, of this standard deviation."""
    image = gaussian_filter(rng.standard_normal(box.shape), SIGMA / 1.5, mode="wrap")
    image *= noise / image.std()
    variance = np.full(box.shape, noise**2, np.float32)
    weight = np.full(box.shape, noise**-2, np.float32)
    return Warp(box, image.astype(np.float32), variance, np.zeros(box.shape, np.int32), weight)


def found(warps: Sequence[Warp], fields: ArtifactsSection | None = None) -> list[NDArray[np.bool_]]:
    fields = fields or options()
    compared = compare(dict(enumerate(warps)), make_template(warps, WHOLE, fields), fields)
    return [mask.flags for mask in find_artifacts(compared, fields, 2.3548 * SIGMA).values()]
