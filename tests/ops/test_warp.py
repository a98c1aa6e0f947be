from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace

import numpy as np
import pytest

from coaddc.model.assembly import Interpolant
from coaddc.model.geom import Box
from coaddc.model.images import Warp
from coaddc.model.mask import bit, bits
from coaddc.model.psf import Moffat
from coaddc.model.wcs import Wcs
from coaddc.ops.pixel_map import pixel_map
from coaddc.ops.section import REJECT
from coaddc.ops.warp import warp
from coaddc.sim.field import distorted_wcs, noise_field
from coaddc.sim.memory import MemoryExposure

TRACT = Wcs.tan(ra=62.4, dec=-24.6, scale=0.2, x=1000.0, y=-700.0)
BOX = Box(y0=-1000, y1=-420, x0=730, x1=1300)
SHAPE = (310, 403)
ROTATIONS = (0.0, 0.7, 37.0, 90.0, 180.0)
every_interpolant = pytest.mark.parametrize("interpolant", Interpolant, ids=lambda i: i.name)
every_rotation = pytest.mark.parametrize("rotation", ROTATIONS)


def exposed(rotation: float = 0.7, *, scale: float = 0.2, noise: float = 1.0) -> MemoryExposure:
    wcs = distorted_wcs(SHAPE, ra=62.4003, dec=-24.6001, rotation=rotation, scale=scale)
    return noise_field(wcs, SHAPE, Moffat(fwhm=4.0), noise=noise, seed=3)


def made(exposure: MemoryExposure, interpolant: Interpolant, box: Box = BOX) -> Warp:
    found = pixel_map(exposure.wcs, TRACT, BOX, SHAPE)
    assert found is not None
    result = warp(exposure, found, box, interpolant=interpolant, weight=0.25)
    assert result is not None
    return result


def positions(exposure: MemoryExposure, box: Box) -> tuple[np.ndarray, np.ndarray]:
    y, x = np.mgrid[box.y0 : box.y1, box.x0 : box.x1]
    ra, dec = TRACT.to_sky(x=x, y=y)
    return exposure.wcs.to_pixel(ra=ra, dec=dec)


def pixel_area(exposure: MemoryExposure, box: Box) -> np.ndarray:
    grown = box.grow(1)
    u, v = positions(exposure, grown)
    ux, uy = np.gradient(u)[::-1]
    vx, vy = np.gradient(v)[::-1]
    return np.abs(ux * vy - uy * vx)[1:-1, 1:-1]


@every_interpolant
@every_rotation
def test_a_constant_surface_brightness_is_preserved(interpolant: Interpolant, rotation: float) -> None:
    exposure = exposed(rotation, scale=0.23)
    exposure = replace(exposure, image=np.full(SHAPE, 500.0, np.float32))
    result = made(exposure, interpolant)
    data = result.weight > 0
    assert data.sum() > 100_000
    np.testing.assert_allclose(result.image[data], 500.0 * pixel_area(exposure, result.box)[data], rtol=3e-6)


@every_rotation
@pytest.mark.parametrize("interpolant", [Interpolant.bilinear, Interpolant.omoms3])
def test_a_ramp_is_exact(interpolant: Interpolant, rotation: float) -> None:
    y, x = np.mgrid[0 : SHAPE[0], 0 : SHAPE[1]]
    exposure = replace(exposed(rotation), image=(40.0 + 0.3 * x - 0.7 * y).astype(np.float32))
    result = made(exposure, interpolant)
    u, v = positions(exposure, result.box)
    inner = (u > 12) & (u < SHAPE[1] - 13) & (v > 12) & (v < SHAPE[0] - 13)  # away from the mirror
    truth = (40.0 + 0.3 * u - 0.7 * v) * pixel_area(exposure, result.box)
    np.testing.assert_allclose(result.image[inner], truth[inner], rtol=0, atol=5e-4)


@every_interpolant
@pytest.mark.parametrize("scale", [0.15, 0.2, 0.27])
def test_flux_is_conserved_whatever_the_scale_and_distortion(interpolant: Interpolant, scale: float) -> None:
    exposure = exposed(37.0, scale=scale)
    y, x = np.mgrid[0 : SHAPE[0], 0 : SHAPE[1]]
    image = np.zeros(SHAPE)
    for cy, cx in ((150.3, 200.8), (100.6, 250.1), (190.2, 140.4)):
        image += 1e5 / (2 * np.pi * 9) * np.exp(-0.5 * ((y - cy) ** 2 + (x - cx) ** 2) / 9)
    result = made(replace(exposure, image=image.astype(np.float32)), interpolant)
    assert float(result.image.sum(dtype=np.float64)) == pytest.approx(3e5, rel=2e-4)


@every_interpolant
@every_rotation
def test_two_halves_equal_the_whole_to_the_bit(interpolant: Interpolant, rotation: float) -> None:
    exposure = spoiled(exposed(rotation))
    whole = made(exposure, interpolant)
    for part in (
        replace(BOX, y1=-713),
        replace(BOX, y0=-713),
        replace(BOX, x0=911, y0=-801, y1=-650),
    ):
        half = made(exposure, interpolant, part)
        cut = half.box.within(whole.box)
        for name in ("image", "variance", "mask", "weight"):
            np.testing.assert_array_equal(getattr(half, name), getattr(whole, name)[cut], err_msg=name)


def spoiled(exposure: MemoryExposure) -> MemoryExposure:
    """Add cosmic rays, bad columns, a saturated star and holes."""
    image, variance, mask = exposure.image.copy(), exposure.variance.copy(), exposure.mask.copy()
    rng = np.random.default_rng(11)
    y, x = np.mgrid[0 : SHAPE[0], 0 : SHAPE[1]]
    rays = rng.random(SHAPE) < 0.003
    image[rays], mask[rays] = 5e4, mask[rays] | bit("CR")
    image[:, 211], mask[:, 211] = np.nan, mask[:, 211] | bit("BAD")
    blob = (y - 160) ** 2 + (x - 120) ** 2 < 23**2
    image[blob], mask[blob] = 1e6, mask[blob] | bit("SAT")
    image[40:44, 300:310] = np.nan
    variance[250, 77] = 0.0
    return replace(exposure, image=image, variance=variance, mask=mask)


@every_interpolant
def test_bad_pixels_leave_no_trace_outside_their_footprint(interpolant: Interpolant) -> None:
    clean = exposed(37.0)
    bad = spoiled(clean)
    expected, result = made(clean, interpolant), made(bad, interpolant)
    free = (result.mask & bits(REJECT)) == 0
    assert 0.7 < free.mean() / (expected.mask & bits(REJECT) == 0).mean() < 0.98
    change = np.abs(result.image - expected.image)[free] / np.sqrt(expected.variance[free])
    assert np.sqrt((change**2).mean()) < 0.05  # of the noise
    assert change.max() < 1.0


def test_values_without_a_number_are_flagged_bad() -> None:
    image = exposed().image.copy()
    image[150, 200] = np.nan
    result = made(replace(exposed(), image=image), Interpolant.omoms3)
    u, v = positions(exposed(), result.box)
    near = (np.abs(u - 200) < 1.99) & (np.abs(v - 150) < 1.99)
    far = (np.abs(u - 200) > 2.01) | (np.abs(v - 150) > 2.01)
    assert ((result.mask & bit("BAD")) > 0)[near].all()
    assert not (result.mask & bit("BAD"))[far].any()
    assert np.isfinite(result.image).all()


def test_planes_that_reject_nothing_spread_over_two_by_two() -> None:
    mask = np.zeros(SHAPE, np.int32)
    mask[150, 200] = bits(["DETECTED", "SUSPECT"])
    exposure = replace(exposed(37.0), mask=mask)
    result = made(exposure, Interpolant.omoms3)
    u, v = positions(exposure, result.box)
    near = (np.abs(u - 200) < 0.99) & (np.abs(v - 150) < 0.99)
    far = (np.abs(u - 200) > 1.01) | (np.abs(v - 150) > 1.01)
    assert near.sum() >= 3
    assert (result.mask[near] == bits(["DETECTED", "SUSPECT"])).all()
    assert not (result.mask & bits(["DETECTED", "SUSPECT"]))[far].any()


@pytest.mark.parametrize(
    ("interpolant", "reach"),
    [
        (Interpolant.bilinear, 0),
        (Interpolant.lanczos3, 2),
        (Interpolant.lanczos5, 4),
        (Interpolant.omoms3, 1),
    ],
)
def test_edge_is_where_the_taps_reach_over_the_image(interpolant: Interpolant, reach: int) -> None:
    exposure = exposed(0.7)
    result = made(exposure, interpolant)
    u, v = positions(exposure, result.box)
    data = result.weight > 0
    depth = np.minimum.reduce([u, v, SHAPE[1] - 1 - u, SHAPE[0] - 1 - v])
    inside, full = depth > 0, depth > reach
    clear = (np.abs(depth) > 2e-4) & (np.abs(depth - reach) > 2e-4)  # rounding may go either way
    assert clear.mean() > 0.999
    np.testing.assert_array_equal(data[clear], inside[clear])
    np.testing.assert_array_equal((data & ((result.mask & bit("EDGE")) == 0))[clear], full[clear])
    np.testing.assert_array_equal((result.mask == bit("NO_DATA"))[clear], ~inside[clear])
    inside = data
    assert (result.image[~inside] == 0.0).all()
    assert np.isinf(result.variance[~inside]).all()


def test_input_without_data_has_no_weight() -> None:
    mask = np.zeros(SHAPE, np.int32)
    mask[:, 300:] = bit("NO_DATA")
    exposure = replace(exposed(), mask=mask)
    result = made(exposure, Interpolant.omoms3)
    u, _ = positions(exposure, result.box)
    assert not result.weight[u > 298].any()
    np.testing.assert_array_equal(result.weight == 0, (result.mask & bit("NO_DATA")) > 0)
    assert np.isinf(result.variance[result.weight == 0]).all()


@every_interpolant
def test_variance_is_that_of_the_pixel(interpolant: Interpolant) -> None:
    wcs = distorted_wcs(SHAPE, ra=62.4003, dec=-24.6001, rotation=0.7, scale=0.25)
    x = np.arange(SHAPE[1])
    sigma = np.broadcast_to(2.0 + np.sin(x / 15.0), SHAPE)
    rng = np.random.default_rng(6)
    chi2, count = 0.0, 40
    for _ in range(count):
        exposure = replace(
            noise_field(wcs, SHAPE, Moffat(fwhm=4.0)),
            image=(sigma * rng.normal(0.0, 1.0, SHAPE)).astype(np.float32),
            variance=(sigma**2).astype(np.float32),
        )
        result = made(exposure, interpolant, replace(BOX, y0=-760, y1=-650, x0=900, x1=1100))
        chi2 = chi2 + result.image.astype(float) ** 2 / result.variance / count
    assert np.mean(chi2) == pytest.approx(1.0, abs=0.01)
    by_column = np.mean(chi2, axis=0).reshape(-1, 10).mean(axis=1)  # where sigma is large and where small
    np.testing.assert_allclose(by_column, 1.0, atol=0.06)


def test_threads_make_the_same_bits() -> None:
    exposure = spoiled(exposed(37.0))
    tiles = [replace(BOX, y0=y, y1=y + 58) for y in range(BOX.y0, BOX.y1, 58)]
    found = pixel_map(exposure.wcs, TRACT, BOX, SHAPE)

    def one(box: Box) -> Warp | None:
        return warp(exposure, found, box, interpolant=Interpolant.omoms3, weight=1.0)

    alone = [one(box) for box in tiles]
    with ThreadPoolExecutor(4) as pool:
        together = list(pool.map(one, tiles * 3))
    for a, b in zip(alone * 3, together, strict=True):
        if a is None or b is None:
            assert a is b
            continue
        np.testing.assert_array_equal(a.image, b.image)
        np.testing.assert_array_equal(a.mask, b.mask)


def test_a_tile_that_the_exposure_misses_has_no_warp() -> None:
    found = pixel_map(exposed().wcs, TRACT, BOX, SHAPE)
    away = Box(y0=BOX.y1 + 10, y1=BOX.y1 + 60, x0=800, x1=900)
    assert warp(exposed(), found, away, interpolant=Interpolant.omoms3, weight=1.0) is None
    assert warp(exposed(), None, BOX, interpolant=Interpolant.omoms3, weight=1.0) is None


@pytest.mark.parametrize("rotation", [0.7, 37.0])
@pytest.mark.parametrize(
    ("hole", "limit"), [("pixel", 3e-3), ("column", 3e-3), ("blob", 1e-2)], ids=["pixel", "column", "blob"]
)
def test_bad_pixels_on_the_wing_of_a_star_leave_little_of_its_local_flux(
    rotation: float, hole: str, limit: float
) -> None:
    y, x = np.mgrid[0 : SHAPE[0], 0 : SHAPE[1]]
    star = 1e6 * (1.0 + ((y - 150.3) ** 2 + (x - 200.4) ** 2) / 5.0**2) ** -3.0
    clean = replace(exposed(rotation), image=star.astype(np.float32))
    bad = {
        "pixel": (y == 154) & (x == 204),
        "column": x == 205,
        "blob": (y - 150) ** 2 + (x - 200) ** 2 < 12**2,
    }[hole]
    mask = np.where(bad, bit("SAT"), 0).astype(np.int32)
    spoilt = replace(clean, image=np.where(bad, np.float32(1e9), clean.image), mask=mask)
    expected, result = made(clean, Interpolant.omoms3), made(spoilt, Interpolant.omoms3)
    free = ((result.mask & bits(REJECT)) == 0) & (result.weight > 0)
    change = np.abs(result.image - expected.image)[free]
    u, v = positions(clean, result.box)
    local = 1e6 * (1.0 + ((v - 150.3) ** 2 + (u - 200.4) ** 2) / 5.0**2) ** -3.0
    assert (change / (local[free] + 1.0)).max() < limit
