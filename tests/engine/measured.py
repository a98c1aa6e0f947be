"""What tests measure on coadds."""

import numpy as np
from numpy.typing import NDArray

from coaddc.model.images import Coadd
from coaddc.sim.field import Stars


def significance(coadd: Coadd) -> NDArray[np.floating]:
    """Return the pixels of a coadd, where it has any, in standard deviations."""
    good = np.isfinite(coadd.stacked.image)
    return coadd.stacked.image[good] / np.sqrt(coadd.stacked.variance[good])


def inside(coadd: Coadd, stars: Stars) -> list[tuple[float, float]]:
    """Return the places, (y, x) in its arrays, of the stars that lie well inside a coadd."""
    x, y = coadd.wcs.to_pixel(ra=stars.ra, dec=stars.dec)
    box = coadd.stacked.box
    return [(v - box.y0, u - box.x0) for v, u in zip(y, x, strict=True) if box.grow(-40).contains(y=v, x=u)]
