"""Sources become pixels."""

from __future__ import annotations

import numpy as np

from coaddc.model.geom import Box
from coaddc.model.psf import Floats, Psf

#: How far stars are drawn, radii of the PSF model: a Moffat profile then lacks less than 1e-6 of its flux.
STAR_REACH = 4.0


def add_stars(
    image: Floats, psf: Psf, *, x: Floats, y: Floats, flux: Floats, reach: Floats | None = None
) -> None:
    """Add point sources to an image, each the PSF model evaluated at its exact place.

    Parameters
    ----------
    image : (ny, nx)
        Added to.
    psf
        Pixel included, total 1.
    x, y, flux : (n,)
        Positions, pixels (not-a-number is skipped), and fluxes in the image's unit.
    reach : (n,)
        How far each is drawn, pixels; four radii of the PSF model where it is not said.
    """
    reach = np.full(np.shape(x), STAR_REACH * psf.radius) if reach is None else reach
    whole = Box.of_shape((image.shape[0], image.shape[1]))
    for x1, y1, flux1, reach1 in zip(x, y, flux, reach, strict=True):
        if not (np.isfinite(x1) and np.isfinite(y1)):
            continue
        box = around(x=float(x1), y=float(y1), half=int(np.ceil(reach1))).clip(whole)
        if box.area:
            dy, dx = np.arange(box.y0, box.y1)[:, None] - y1, np.arange(box.x0, box.x1)[None, :] - x1
            star = psf.evaluate(x=float(x1), y=float(y1), dx=dx + 0.0 * dy, dy=dy + 0.0 * dx)
            image[box.within(whole)] += flux1 * star


def around(*, x: float, y: float, half: int) -> Box:
    """Return the box of 2 half + 1 pixels a side around the pixel nearest to a position."""
    row, column = int(np.rint(y)), int(np.rint(x))
    return Box(y0=row - half, y1=row + half + 1, x0=column - half, x1=column + half + 1)
