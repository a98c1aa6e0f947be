"""Likelihood warps against truth: stars of known flux, noise of known size, pixels that are missing."""

import numpy as np
import pytest

from coaddc.model.assembly import Interpolant
from coaddc.model.geom import Box
from coaddc.model.images import Warp
from coaddc.model.mask import bit, bits
from coaddc.model.psf import Floats, Moffat
from coaddc.model.wcs import Wcs
from coaddc.ops.likelihood import PointSources, even_covariance, even_variance, likelihood, point_sources
from coaddc.ops.noise import correlation
from coaddc.ops.pixel_map import pixel_map
from coaddc.ops.warp import warp
from coaddc.ops.warped_psf import WarpedPsf
from coaddc.sim.field import distorted_wcs, noise_field

TRACT = Wcs.tan(ra=30.0, dec=-5.0, scale=0.2, x=500.0, y=400.0)
EXPOSURE = Wcs.tan(ra=30.01, dec=-5.002, scale=0.2, x=300.0, y=280.0)
SHAPE = (600, 700)
BOX = Box(y0=211, y1=402, x0=540, x1=701)
HALF, NOISE, FLUX = 12, 3.0, 500.0
WIDE = BOX.grow(HALF)
REJECT = bits(["BAD", "SAT", "CR", "NO_DATA"])
WHITE = np.ones((1, 1))


class Growing:
    """A Moffat that widens along x by a tenth over the image."""

    radius = 20.0

    def evaluate(self, *, x: float, y: float, dx: Floats, dy: Floats) -> Floats:
        return Moffat(3.6 + 0.36 * x / SHAPE[1]).evaluate(x=x, y=y, dx=dx, dy=dy)


SOURCE = WarpedPsf(Growing(), EXPOSURE, SHAPE, TRACT)


@pytest.fixture(scope="module")
def sources() -> PointSources:
    return point_sources(SOURCE, WIDE, WHITE, half=HALF, cell=128)


def warp_of(image: Floats) -> Warp:
    planes = np.full((2, *WIDE.shape), NOISE**2, np.float32)
    return Warp(WIDE, image.astype(np.float32), planes[0], np.zeros(WIDE.shape, np.int32), 1 / planes[1])


def profile(*, y: int, x: int) -> Floats:
    yy, xx = np.mgrid[WIDE.y0 : WIDE.y1, WIDE.x0 : WIDE.x1].astype(float)
    v, u, _ = SOURCE.locate(y=y, x=x)
    return Growing().evaluate(x=u, y=v, dx=xx - x, dy=yy - y)


def stars(places: list[tuple[int, int]]) -> Floats:
    return FLUX * np.sum([profile(y=y, x=x) for y, x in places], axis=0)


def at(plane: np.ndarray, *, y: int, x: int) -> float:
    return float(plane[y - BOX.y0, x - BOX.x0])


PLACES = [(251, 570), (330, 600), (371, 632)]


def made_of(found: Warp, sources: PointSources) -> Warp:
    made = likelihood(found, found.variance, sources, BOX, REJECT)
    assert made is not None
    return made


def test_a_star_has_its_flux_at_its_pixel_wherever_it_is(sources: PointSources) -> None:
    made = made_of(warp_of(stars(PLACES)), sources)
    for y, x in PLACES:
        assert at(made.image, y=y, x=x) == pytest.approx(FLUX, rel=1e-3)
        corner = made.image[y - BOX.y0 - 3 : y - BOX.y0 + 4, x - BOX.x0 - 3 : x - BOX.x0 + 4]
        assert corner.argmax() == 24


def test_a_star_has_its_flux_where_bad_pixels_took_part_of_it(sources: PointSources) -> None:
    found = warp_of(stars(PLACES))
    for y, x in PLACES:
        v, u = y - found.box.y0, x - found.box.x0
        found.image[:, u + 2] = np.nan
        found.mask[:, u + 2] = bit("BAD")
        found.image[v - 1, u] = 1e5
        found.mask[v - 1, u] = bit("CR")
    made = made_of(found, sources)
    clean = made_of(warp_of(stars(PLACES)), sources)
    for y, x in PLACES:
        assert at(made.image, y=y, x=x) == pytest.approx(FLUX, rel=2e-3)
        assert at(made.variance, y=y, x=x) > 1.1 * at(clean.variance, y=y, x=x)
        assert at(made.weight, y=y, x=x) < 0.9 * at(clean.weight, y=y, x=x)
        assert int(at(made.mask, y=y, x=x)) == bit("REJECTED")


def test_where_little_is_left_of_a_psf_a_pixel_bears_what_took_it(sources: PointSources) -> None:
    found = warp_of(np.zeros(WIDE.shape))
    found.mask[80:90, 60:70] = bit("SAT")
    found.weight[:40] = 0.0
    found.mask[:40] = bit("NO_DATA")
    made = made_of(found, sources)
    assert made.mask[85 - HALF, 65 - HALF] & bit("SAT")
    assert made.weight[85 - HALF, 65 - HALF] > 0
    rows = np.flatnonzero((made.weight > 0).all(axis=1))
    assert rows[0] == 40 - HALF  # where as much of the PSF lies on data as off it
    assert (made.mask[: rows[0]] == bit("NO_DATA")).all()
    assert np.isfinite(made.image).all()


def test_variance_is_one_over_weight_and_that_of_a_fit(sources: PointSources) -> None:
    made = made_of(warp_of(stars(PLACES)), sources)
    np.testing.assert_allclose(made.variance * made.weight, 1.0, rtol=1e-3)
    y, x = 330, 600
    truth = NOISE**2 / (profile(y=y, x=x) ** 2).sum()
    assert at(made.variance, y=y, x=x) == pytest.approx(truth, rel=2e-3)


@pytest.mark.parametrize(
    ("interpolant", "scale", "rotation"),
    [
        (Interpolant.omoms3, 0.2, 0.0),
        (Interpolant.omoms3, 0.16, 31.0),
        (Interpolant.lanczos3, 0.25, 90.0),
        (Interpolant.bilinear, 0.2, 180.0),
    ],
)
def test_significance_on_an_empty_sky_has_width_one(
    interpolant: Interpolant, scale: float, rotation: float
) -> None:
    shape, half = (900, 800), 14
    wcs = distorted_wcs(shape, scale=scale, rotation=rotation, distortion=0.001)
    tract = Wcs.tan(ra=62.4, dec=-24.6, scale=0.2, x=400.3, y=300.4)
    exposure = noise_field(wcs, shape, Moffat(1.0 / scale), NOISE, seed=5)
    box = Box(y0=20, y1=580, x0=110, x1=690)
    grid = pixel_map(wcs, tract, box.grow(half), shape)
    weight = 1.0 / (NOISE * (0.2 / scale) ** 2) ** 2
    found = warp(exposure, grid, box.grow(half), interpolant=interpolant, weight=weight)
    source = WarpedPsf(exposure.psf, wcs, shape, tract)
    white = correlation(interpolant, source.jacobian(y=300.0, x=400.0), 6)
    noise = even_covariance(white, interpolant)
    sources = point_sources(source, box.grow(half), noise, half=half, cell=256)
    made = likelihood(found, even_variance(found, grid, interpolant), sources, box, REJECT)
    seen = made.weight > 0
    nu = made.image[seen] / np.sqrt(made.variance[seen])
    assert nu.std() == pytest.approx(1.0, abs=0.045 if interpolant is Interpolant.bilinear else 0.035)
    assert np.abs(made.variance[seen] * made.weight[seen] - 1.0).max() < 0.01
    assert nu.size > 2e5


def test_the_result_does_not_depend_on_how_the_box_is_cut(sources: PointSources) -> None:
    rng = np.random.default_rng(4)
    whole = warp_of(rng.standard_normal(WIDE.shape) + stars(PLACES))
    whole.mask[100:104, 90] = bit("BAD")
    upper = Box(y0=300, y1=BOX.y1, x0=BOX.x0, x1=BOX.x1)
    slices = upper.grow(HALF).within(whole.box)
    planes = [
        np.ascontiguousarray(p[slices]) for p in (whole.image, whole.variance, whole.mask, whole.weight)
    ]
    cut = likelihood(Warp(upper.grow(HALF), *planes), planes[1], sources, upper, REJECT)  # type: ignore[arg-type]
    made = made_of(whole, sources)
    assert cut is not None
    inside = upper.within(BOX)
    np.testing.assert_allclose(cut.image, made.image[inside], atol=1e-4 * FLUX)
    np.testing.assert_array_equal(cut.mask, made.mask[inside])
