"""Isolated stars without noise, warped, against their own profile at the exact positions."""

from dataclasses import dataclass

import numpy as np
import pytest

from coaddc.model.assembly import Interpolant
from coaddc.model.geom import Box
from coaddc.model.psf import Moffat
from coaddc.model.wcs import Wcs
from coaddc.ops.pixel_map import pixel_map
from coaddc.ops.warp import warp
from coaddc.sim.field import Stars, distorted_wcs, scattered_stars, star_field

SCALE = 0.2  # arcsec
SHAPE = (520, 690)
TRACT = Wcs.tan(ra=62.4, dec=-24.6, scale=SCALE, x=1000.0, y=900.0)
BOX = Box(y0=400, y1=1400, x0=390, x1=1610)
HALF = 18
#: Rotation (degrees), seeing (arcsec) and dither (degrees) of the exposures.
VISITS = [
    (0.4, 0.6, 0.0002),
    (90.3, 0.8, -0.0007),
    (180.1, 1.0, 0.0011),
    (37.0, 0.7, -0.0004),
    (-1.2, 1.4, 0.0005),
    (-0.2, 1.2, -0.0001),
    (0.1, 0.9, 0.0009),
    (271.0, 1.1, -0.0012),
]


@dataclass
class Errors:
    """Of star images: flux in 4 and 10 pixel apertures (mmag), centroid (mas, rms), size (relative)."""

    flux4: float
    flux10: float
    centroid: float
    size: float


def stamps(interpolant: Interpolant, visits: list) -> tuple[np.ndarray, np.ndarray, np.ndarray, np.ndarray]:
    """Return warped and true star images, the mean over visits, with offsets from each star's place."""
    stars = scattered_stars(distorted_wcs(SHAPE, ra=62.4, dec=-24.6), SHAPE, spacing=140.0)
    x, y = TRACT.to_pixel(ra=stars.ra, dec=stars.dec)
    central = np.hypot(x - 1000, y - 900) < 190  # on all exposures, and clear of their edges
    stars = Stars(stars.ra[central], stars.dec[central], stars.flux[central])
    x, y = x[central], y[central]
    got, true = np.zeros((2, len(x), 2 * HALF + 1, 2 * HALF + 1))
    rows, columns = (np.rint(c).astype(int)[:, None, None] for c in (y, x))
    offset_y, offset_x = np.mgrid[-HALF : HALF + 1, -HALF : HALF + 1]
    yy, xx = rows + offset_y, columns + offset_x
    for rotation, seeing, dither in visits:
        wcs = distorted_wcs(SHAPE, ra=62.4 + dither, dec=-24.6 - dither / 3, rotation=rotation)
        exposure = star_field(stars, wcs, SHAPE, Moffat(fwhm=seeing / SCALE))
        found = pixel_map(wcs, TRACT, BOX, SHAPE)
        assert found is not None
        made = warp(exposure, found, BOX, interpolant=interpolant, weight=1.0)
        assert made is not None
        got += made.image[yy - made.box.y0, xx - made.box.x0] / len(visits)
        true += truth(wcs, Moffat(fwhm=seeing / SCALE), stars, xx, yy) / len(visits)
    return got, true, xx - x[:, None, None], yy - y[:, None, None]


def truth(wcs: Wcs, psf: Moffat, stars: Stars, x: np.ndarray, y: np.ndarray) -> np.ndarray:
    def place(dx: float, dy: float) -> tuple[np.ndarray, np.ndarray]:
        ra, dec = TRACT.to_sky(x=x + dx, y=y + dy)
        return wcs.to_pixel(ra=ra, dec=dec)

    (left, below), (right, above) = place(-1.0, 0.0), place(1.0, 0.0)
    (start, low), (end, high) = place(0.0, -1.0), place(0.0, 1.0)
    area = np.abs((right - left) * (high - low) - (above - below) * (end - start)) / 4.0
    u, v = place(0.0, 0.0)
    star_u, star_v = (c[:, None, None] for c in wcs.to_pixel(ra=stars.ra, dec=stars.dec))
    flux = stars.flux[:, None, None] * area
    return flux * psf.evaluate(x=0.0, y=0.0, dx=u - star_u, dy=v - star_v)


def errors(interpolant: Interpolant, visits: list = VISITS) -> Errors:
    got, true, dx, dy = stamps(interpolant, visits)
    assert len(got) >= 5
    radius = np.hypot(dx, dy)

    def magnitude(limit: float) -> float:
        sums = [(image * (radius < limit)).sum(axis=(1, 2)) for image in (got, true)]
        return float(-2500.0 * np.log10(sums[0] / sums[1]).mean())

    # Moments under a Gaussian window, which wings and edges do not disturb.
    window = np.exp(-0.5 * radius**2 / 3.0**2)

    def moments(image: np.ndarray) -> np.ndarray:
        total = (image * window).sum(axis=(1, 2))
        return np.array([(image * window * m).sum(axis=(1, 2)) / total for m in (dx, dy, radius**2)])

    a, b = moments(got), moments(true)
    shift = 2.0 * 1000.0 * SCALE * np.hypot(a[0] - b[0], a[1] - b[1])  # the window halves it, about
    return Errors(
        magnitude(4), magnitude(10), float(np.sqrt((shift**2).mean())), float((a[2] / b[2] - 1).mean())
    )


def test_omoms_keeps_flux_place_and_size_of_stars_in_a_mean() -> None:
    found = errors(Interpolant.omoms3)
    assert abs(found.flux4) < 0.02
    assert abs(found.flux10) < 0.005
    assert found.centroid < 0.01
    assert abs(found.size) < 1e-4


def test_lanczos3_does_so_less_well_and_as_any_exact_lanczos3() -> None:
    found = errors(Interpolant.lanczos3)
    assert abs(found.flux4) < 0.13
    assert abs(found.flux10) < 0.03
    assert found.centroid < 1.0  # its sign is the sub-pixel phase's: 4 in one warp, 0.4 in the mean of twenty
    assert abs(found.size) < 2e-3


@pytest.mark.parametrize("seeing", [0.6, 1.0, 1.4])
@pytest.mark.parametrize("rotation", [0.3, 37.0])
def test_a_single_omoms_warp_is_good_to_a_twentieth_of_a_milliarcsecond(
    seeing: float, rotation: float
) -> None:
    found = errors(Interpolant.omoms3, [(rotation, seeing, 0.0003)])
    assert abs(found.flux4) < 0.03
    assert found.centroid < 0.05
    assert abs(found.size) < 2e-4
