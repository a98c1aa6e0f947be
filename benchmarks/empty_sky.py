"""The empty sky of coadds: its level where few visits contribute and where many do."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import sep
from astropy.io import fits
from numpy.typing import NDArray
from scipy.ndimage import binary_dilation
from star_images import Picture, read_coadd

#: Side, pixels, of the blocks in which the sky is measured, and radius around sources that is left out.
BLOCK, AROUND = 12, 9


@dataclass(frozen=True)
class SkyLevel:
    """The empty sky of a coadd where so many visits contribute.

    Attributes
    ----------
    coadd
        Its name.
    visits, blocks
        Number of visits, and of blocks of pixels there.
    level, error
        Mean of the blocks' medians and its standard error, nJy a pixel.
    noise
        Of a pixel, nJy.
    """

    coadd: str
    visits: int
    blocks: int
    level: float
    error: float
    noise: float


def measure_sky(coadds: Mapping[str, Path], flat: Mapping[str, Path] | None = None) -> list[SkyLevel]:
    """Measure the empty sky of coadds, given by name, by the number of visits.

    ``flat`` gives coadds of the same pixels to look for sources on, where the sky of these is too uneven.
    """
    return [level for name, path in coadds.items() for level in _levels(name, path, (flat or coadds)[name])]


def _levels(name: str, path: Path, flat: Path) -> list[SkyLevel]:
    picture = read_coadd(path)
    with fits.open(path) as hdus:
        n_image, variance = hdus["NIMAGE"].data, hdus["VARIANCE"].data
    empty = ~_sources(read_coadd(flat)) & ~picture.bad
    medians: dict[int, list[float]] = {}
    for y in range(0, n_image.shape[0] - BLOCK, BLOCK):
        for x in range(0, n_image.shape[1] - BLOCK, BLOCK):
            at = slice(y, y + BLOCK), slice(x, x + BLOCK)
            visits = set(n_image[at].ravel().tolist())
            if len(visits) == 1 and visits != {0} and empty[at].mean() > 0.5:
                medians.setdefault(visits.pop(), []).append(float(np.median(picture.image[at][empty[at]])))
    return [
        SkyLevel(
            coadd=name,
            visits=visits,
            blocks=len(values),
            level=float(np.mean(values)),
            error=float(np.std(values, ddof=1) / np.sqrt(len(values))),
            noise=float(np.sqrt(np.median(variance[n_image == visits]))),
        )
        for visits, values in sorted(medians.items())
        if len(values) >= 5
    ]


def _sources(picture: Picture) -> NDArray[np.bool_]:
    noise = sep.Background(picture.image, mask=picture.bad).globalrms
    _, segments = sep.extract(
        picture.image, 2.0, err=noise, mask=picture.bad, minarea=5, segmentation_map=True
    )
    grown: NDArray[np.bool_] = binary_dilation(segments > 0, iterations=AROUND)
    return grown
