import numpy as np
import pytest
from astropy.io.fits import Header

from coaddc.model.errors import DataError
from coaddc.model.geom import Box
from coaddc.model.wcs import Wcs
from coaddc.ops.pixel_map import TOLERANCE, pixel_map
from coaddc.sim.field import distorted_wcs

TRACT = Wcs.tan(ra=62.4, dec=-24.6, scale=0.2, x=700.0, y=-450.0)
SHAPE = (700, 1010)
BOX = Box(y0=-900, y1=150, x0=130, x1=1333)


def tpv_wcs() -> Wcs:
    header = Header()
    header["CTYPE1"], header["CTYPE2"] = "RA---TPV", "DEC--TPV"
    header["CUNIT1"], header["CUNIT2"] = "deg", "deg"
    header["CRVAL1"], header["CRVAL2"] = 62.43, -24.63
    header["CRPIX1"], header["CRPIX2"] = 300.0, 900.0  # off the detector, as in a mosaic
    side = 0.2 / 3600
    header["CD1_1"], header["CD1_2"], header["CD2_1"], header["CD2_2"] = 1e-7, side, side, -2e-7
    for axis in (1, 2):
        header[f"PV{axis}_1"], header[f"PV{axis}_4"], header[f"PV{axis}_7"] = 1.0, 0.004, 0.8
    return Wcs(header)


def exact(source: Wcs, x: np.ndarray, y: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    ra, dec = TRACT.to_sky(x=x, y=y)
    return source.to_pixel(ra=ra, dec=dec)


@pytest.mark.parametrize(
    "source",
    [
        distorted_wcs(SHAPE, rotation=0.4, distortion=0.003),
        distorted_wcs(SHAPE, rotation=90.0, distortion=0.003),
        distorted_wcs(SHAPE, rotation=180.0, distortion=0.003),
        distorted_wcs(SHAPE, rotation=37.0, distortion=0.01, scale=0.26),
        tpv_wcs(),
    ],
    ids=["near", "90", "180", "37", "tpv"],
)
def test_positions_between_nodes_are_those_of_the_wcs(source: Wcs) -> None:
    found = pixel_map(source, TRACT, BOX, SHAPE)
    assert found is not None
    assert found.error <= TOLERANCE
    rng = np.random.default_rng(4)
    x = rng.uniform(found.box.x0, found.box.x1 - 1, 3000)
    y = rng.uniform(found.box.y0, found.box.y1 - 1, 3000)
    u, v = exact(source, x, y)
    inside = (u > -0.5) & (u < SHAPE[1] - 0.5) & (v > -0.5) & (v < SHAPE[0] - 0.5)
    assert inside.sum() > 500
    got_u, got_v = found.position(x=x, y=y)
    assert np.hypot(got_u - u, got_v - v)[inside].max() < 1e-5


def test_a_strong_distortion_makes_the_grid_finer() -> None:
    source = distorted_wcs(SHAPE, rotation=10.0, distortion=0.08)
    found = pixel_map(source, TRACT, BOX, SHAPE)
    assert found is not None
    assert found.step < 64
    assert found.error <= TOLERANCE


def test_the_error_is_the_largest_in_the_middles_of_cells() -> None:
    source = distorted_wcs(SHAPE, rotation=10.0, distortion=0.08)
    found = pixel_map(source, TRACT, BOX, SHAPE)
    assert found is not None
    row, column = np.nonzero(found.active)
    y, x = (
        origin + found.step * (cell + 1.5) for origin, cell in zip(found.origin, (row, column), strict=True)
    )
    error = np.hypot(*np.subtract(found.position(x=x, y=y), exact(source, x, y)))
    assert found.error == pytest.approx(error.max(), rel=1e-3)


def test_positions_do_not_depend_on_the_box_asked_for() -> None:
    source = distorted_wcs(SHAPE, rotation=3.0, distortion=0.003)
    whole = pixel_map(source, TRACT, BOX, SHAPE)
    part = pixel_map(source, TRACT, Box(y0=-611, y1=-201, x0=517, x1=902), SHAPE)
    assert whole is not None
    assert part is not None
    x, y = np.meshgrid(np.arange(520.0, 900.0, 7.0), np.arange(-610.0, -202.0, 11.0))
    for a, b in zip(whole.position(x=x, y=y), part.position(x=x, y=y), strict=True):
        np.testing.assert_allclose(a, b, rtol=0, atol=1e-9)


def test_area_is_the_determinant_of_the_jacobian() -> None:
    source = distorted_wcs(SHAPE, rotation=37.0, distortion=0.01, scale=0.26)
    found = pixel_map(source, TRACT, BOX, SHAPE)
    assert found is not None
    node = found.origin[0] + 6 * found.step, found.origin[1] + 7 * found.step
    jacobian = found.jacobian(y=node[0], x=node[1])
    assert found.nodes[2, 6, 7] == pytest.approx(abs(np.linalg.det(jacobian)), rel=1e-6)
    sky = np.linalg.inv(source.jacobian(x=found.nodes[0, 6, 7], y=found.nodes[1, 6, 7])) @ TRACT.jacobian(
        x=node[1], y=node[0]
    )
    np.testing.assert_allclose(jacobian, sky, atol=2e-6)


def test_the_box_is_the_part_of_the_patch_that_the_exposure_covers() -> None:
    source = distorted_wcs(SHAPE, ra=62.43, rotation=0.0)
    found = pixel_map(source, TRACT, BOX, SHAPE)
    assert found is not None
    ra, dec = source.corners(Box.of_shape(SHAPE))
    x, y = TRACT.to_pixel(ra=ra, dec=dec)
    assert found.box.x0 == BOX.x0
    assert abs(found.box.x1 - x.max()) < 3
    assert abs(found.box.y0 - y.min()) < 3
    assert abs(found.box.y1 - y.max()) < 3


def test_an_exposure_elsewhere_has_no_map() -> None:
    for ra, dec in ((63.0, -24.6), (62.4, 10.0), (242.4, 24.6)):
        assert pixel_map(distorted_wcs(SHAPE, ra=ra, dec=dec), TRACT, BOX, SHAPE) is None


def test_a_distortion_that_turns_over_outside_its_image_overlaps_nothing_there() -> None:
    header = distorted_wcs(SHAPE, ra=62.5).header()
    # Displaced by -15 % at the image's corner, and folded back upon itself at 1.8 times that radius.
    cubic = -0.15 / (np.hypot(*SHAPE) / 2) ** 2
    for card in ("A_3_0", "A_1_2", "B_0_3", "B_2_1"):
        header[card] = cubic
    source = Wcs(header)
    box = Box(y0=-3000, y1=2000, x0=-2000, x1=3000)
    found = pixel_map(source, TRACT, box, SHAPE)
    assert found is not None
    y, x = np.mgrid[box.y0 : box.y1 : 13, box.x0 : box.x1 : 13].astype(np.float64)
    u, v = found.position(x=x, y=y)
    inside = (u >= 0) & (u <= SHAPE[1] - 1) & (v >= 0) & (v <= SHAPE[0] - 1)
    assert inside.any()
    # Truth the other way round, which evaluates the distortion inside the image only.
    ra, dec = source.to_sky(x=u[inside], y=v[inside])
    back = TRACT.to_pixel(ra=ra, dec=dec)
    assert np.hypot(back[0] - x[inside], back[1] - y[inside]).max() < 1e-3
    area = inside.sum() * 13**2 * found.nodes[2][2:-2, 2:-2].mean()
    assert abs(area / (SHAPE[0] * SHAPE[1]) - 1) < 0.2


def test_a_distortion_that_folds_inside_the_image_is_refused() -> None:
    header = distorted_wcs(SHAPE).header()
    for card in ("A_3_0", "A_1_2", "B_0_3", "B_2_1"):
        header[card] = -3.0 / np.hypot(*SHAPE) ** 2
    with pytest.raises(DataError, match="cannot be inverted inside the image"):
        pixel_map(Wcs(header), TRACT, BOX, SHAPE)


def test_the_source_box_encloses_all_positions_and_little_more() -> None:
    source = distorted_wcs(SHAPE, rotation=37.0, distortion=0.003)
    found = pixel_map(source, TRACT, BOX, SHAPE)
    assert found is not None
    tile = Box(y0=-500, y1=-437, x0=600, x1=731)
    needed = found.source_box(tile)
    assert needed is not None
    y, x = np.mgrid[tile.y0 : tile.y1, tile.x0 : tile.x1]
    u, v = found.position(x=x, y=y)
    assert needed.x0 <= u.min()
    assert u.max() <= needed.x1 - 1
    assert needed.y0 <= v.min()
    assert v.max() <= needed.y1 - 1
    assert needed.area < 2.5 * (u.max() - u.min() + 64) * (v.max() - v.min() + 64)
    assert found.source_box(tile.shift(dy=0, dx=5000)) is None
