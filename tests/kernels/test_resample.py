"""The kernel against the plainest form of the same sums."""

import numpy as np
import pytest

from coaddc.kernels.interpolants import Interpolant1d, bilinear, lanczos, lanczos_weights, omoms3
from coaddc.kernels.resample import resample
from coaddc.kernels.spread import spread_mask

NO_DATA = 256
SCHEMES = [bilinear(), lanczos(3), lanczos(5), omoms3()]
by_scheme = pytest.mark.parametrize("scheme", SCHEMES, ids=["bilinear", "lanczos3", "lanczos5", "omoms3"])


class Affine:
    """Positions x = ox + a X + b Y, y = oy + c X + d Y, on nodes 16 pixels apart."""

    step = 16
    origin = (-32, -16)

    def __init__(self, ox: float, oy: float, matrix: tuple[float, float, float, float]) -> None:
        self.ox, self.oy, self.matrix = ox, oy, matrix
        y, x = (np.mgrid[0:12, 0:18] * self.step).astype(np.float64)
        u, v = self.at(y + self.origin[0], x + self.origin[1])
        self.nodes = np.stack([u, v, np.full_like(u, abs(matrix[0] * matrix[3] - matrix[1] * matrix[2]))])

    def at(self, y: np.ndarray, x: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        a, b, c, d = self.matrix
        return self.ox + a * x + b * y, self.oy + c * x + d * y


class Valley(Affine):
    """Rows that leave the exposure and come back to it."""

    def __init__(self) -> None:
        super().__init__(-3.7, 0.0, (1.004, 0.0, 0.0, 1.0))

    def at(self, y: np.ndarray, x: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        return self.ox + 1.004 * x, y - 3.3 + 0.002 * (x - 40.0) ** 2


def alone(plane: np.ndarray) -> np.ndarray:
    """Return a copy with NaN before and behind it in memory."""
    held = np.full(plane.size + 200, np.nan, np.float32)
    copy = held[100:-100].reshape(plane.shape)
    copy[:] = plane
    return copy


def run(scheme: Interpolant1d, planes: tuple, affine: Affine, corner: tuple[int, int], shape: tuple):
    margin = scheme.taps // 2 - 1  # no more than the taps need: whatever is read outside is NaN
    image, variance = (alone(np.pad(p, margin, mode="reflect")) for p in planes[:2])
    mask = np.pad(planes[2], margin)
    outputs = (
        np.zeros(shape, np.float32),
        np.full(shape, np.inf, np.float32),
        np.full(shape, NO_DATA, np.int32),
        np.zeros(shape, np.float32),
    )
    active = np.ones((affine.nodes.shape[1] - 3, affine.nodes.shape[2] - 3), np.bool_)
    resample(
        scheme.weights,
        scheme.variances,
        scheme.sizes,
        (image, variance, mask),
        (-margin, -margin),
        planes[0].shape,
        affine.nodes,
        active,
        (affine.step, *affine.origin),
        corner,
        (0, shape[0], 0, shape[1]),
        2.5,
        NO_DATA,
        outputs,
    )
    return outputs


def planes(ny: int = 71, nx: int = 90) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    rng = np.random.default_rng(2)
    image = rng.normal(10.0, 3.0, (ny, nx)).astype(np.float32)
    return image, rng.uniform(1.0, 2.0, (ny, nx)).astype(np.float32), np.zeros((ny, nx), np.int32)


NEAR = Affine(-3.7, 2.2, (1.01, 0.02, -0.015, 0.98))
TURNED = Affine(60.0, -10.0, (0.6, -0.8, 0.8, 0.6))


@pytest.mark.parametrize("affine", [NEAR, TURNED], ids=["near", "turned"])
def test_lanczos_is_the_double_sum_over_the_taps(affine: Affine) -> None:
    image, variance, mask = planes()
    got = run(lanczos(3), (image, variance, mask), affine, (5, 3), (60, 70))
    area = affine.nodes[2, 0, 0]
    checked = 0
    for row, column in [(0, 0), (13, 20), (30, 31), (31, 64), (59, 69), (22, 7), (8, 50)]:
        u, v = (float(p) for p in affine.at(np.float64(row + 5), np.float64(column + 3)))
        if not (3 <= u < 86 and 3 <= v < 67):
            continue
        ix, iy = int(np.floor(u)), int(np.floor(v))
        wx, wy = lanczos_weights(np.array([u - ix]), 3)[0], lanczos_weights(np.array([v - iy]), 3)[0]
        cut = (slice(iy - 2, iy + 4), slice(ix - 2, ix + 4))
        np.testing.assert_allclose(got[0][row, column], area * (wy @ image[cut] @ wx), rtol=2e-6)
        np.testing.assert_allclose(got[1][row, column], area**2 * (wy**2 @ variance[cut] @ wx**2), rtol=1e-5)
        checked += 1
    assert checked >= 3


@by_scheme
def test_a_constant_stays_one_and_a_ramp_a_ramp(scheme: Interpolant1d) -> None:
    y, x = np.mgrid[0:71, 0:90]
    ramp = (100.0 + 0.5 * x - 0.25 * y).astype(np.float32)  # o-MOMS too: its prefilter leaves a ramp as it is
    got = run(scheme, (ramp, np.ones_like(ramp), np.zeros(ramp.shape, np.int32)), NEAR, (0, 0), (64, 80))
    yy, xx = np.mgrid[0:64, 0:80]
    u, v = NEAR.at(yy, xx)
    inner = (u > 5) & (u < 84) & (v > 5) & (v < 65)
    # A Lanczos interpolant reproduces constants, but ramps only to 2 % of what they rise in a pixel.
    slack = 0.02 if scheme.taps > 4 else 1e-4
    truth = NEAR.nodes[2, 0, 0] * (100.0 + 0.5 * u - 0.25 * v)
    np.testing.assert_allclose(got[0][inner], truth[inner], rtol=0, atol=slack)


@by_scheme
@pytest.mark.parametrize("affine", [NEAR, TURNED], ids=["near", "turned"])
def test_any_cut_gives_the_same_bits(scheme: Interpolant1d, affine: Affine) -> None:
    source = planes()
    whole = run(scheme, source, affine, (0, 0), (64, 80))
    for corner, shape in [((0, 0), (64, 37)), ((0, 37), (64, 43)), ((17, 5), (9, 11)), ((40, 3), (1, 77))]:
        part = run(scheme, source, affine, corner, shape)
        cut = (slice(corner[0], corner[0] + shape[0]), slice(corner[1], corner[1] + shape[1]))
        for a, b in zip(part, whole, strict=True):
            np.testing.assert_array_equal(a, b[cut])


def assert_each_pixel_is_as_by_itself(scheme: Interpolant1d, affine: Affine, shape: tuple[int, int]) -> None:
    source = planes()
    whole = run(scheme, source, affine, (2, 5), shape)
    for column in range(shape[1]):
        part = run(scheme, source, affine, (2, 5 + column), (shape[0], 1))
        for a, b in zip(part, whole, strict=True):
            np.testing.assert_array_equal(a[:, 0], b[:, column])


@by_scheme
@pytest.mark.parametrize("length", [1, 2, 3, 4, 5, 7, 8, 9, 11, 16])
def test_a_pixel_is_the_same_in_a_run_of_any_length_and_by_itself(scheme: Interpolant1d, length: int) -> None:
    assert_each_pixel_is_as_by_itself(
        scheme, Affine(0.2, 1.3, (1.0 + 1.0 / length, 0.01, 0.06, 0.98)), (3, 70)
    )


@by_scheme
def test_positions_outside_cut_runs_and_change_nothing_beside_them(scheme: Interpolant1d) -> None:
    valley, shape = Valley(), (4, 82)
    assert_each_pixel_is_as_by_itself(scheme, valley, shape)
    u, v = valley.at(*np.mgrid[2:6, 5:87].astype(np.float64))
    inside = (u >= 0) & (u <= 89) & (v >= 0) & (v <= 70)
    np.testing.assert_array_equal(run(scheme, planes(), valley, (2, 5), shape)[3] > 0, inside)
    assert (np.count_nonzero(np.diff(inside, axis=1), axis=1) == 2).any()


@by_scheme
def test_the_last_pixels_of_a_section_count_and_nothing_behind_them(scheme: Interpolant1d) -> None:
    source = planes()
    ny, nx = source[0].shape
    edge = Affine(0.0, 0.0, (1.0, 0.0, 0.0, 1.0))  # up to the very last pixel centre, all in one run
    image, variance, _, weight = run(scheme, source, edge, (ny - 3, nx - 40), (3, 40))
    assert (weight > 0).all()
    assert np.isfinite(variance).all()
    if not scheme.prefiltered:
        np.testing.assert_allclose(image, source[0][ny - 3 :, nx - 40 :], atol=2e-4)


@by_scheme
def test_outside_the_outermost_pixel_centres_there_is_no_data(scheme: Interpolant1d) -> None:
    image, variance, mask, weight = run(scheme, planes(), TURNED, (0, 0), (64, 80))
    yy, xx = np.mgrid[0:64, 0:80]
    u, v = TURNED.at(yy, xx)
    inside = (u >= 0) & (u <= 89) & (v >= 0) & (v <= 70)
    assert 0 < inside.sum() < inside.size
    np.testing.assert_array_equal(weight, np.where(inside, np.float32(2.5), 0))
    np.testing.assert_array_equal(mask == NO_DATA, ~inside)
    assert (image[~inside] == 0.0).all()
    assert np.isinf(variance[~inside]).all()
    assert np.isfinite(variance[inside]).all()


def test_bits_are_those_of_the_pixel_at_or_below_and_no_data_takes_the_rest_of_the_pixel_away() -> None:
    affine = Affine(-3.7013, 2.2017, (1.01003, 0.02007, -0.01501, 0.98003))  # no position is a whole number
    image, variance, mask = planes()
    mask[::3, ::7] = 4
    mask[40:44, 20:23] |= NO_DATA | 2  # rows above and below have data throughout
    got = run(lanczos(3), (image, variance, mask), affine, (6, 5), (60, 70))
    plain = run(lanczos(3), (image, variance, np.zeros_like(mask)), affine, (6, 5), (60, 70))
    u, v = affine.at(*np.mgrid[6:66, 5:75].astype(np.float64))
    assert ((u > 0) & (u < 89) & (v > 0) & (v < 70)).all()
    bits = mask[np.floor(v).astype(int), np.floor(u).astype(int)]
    np.testing.assert_array_equal(got[2], bits)
    lost = bits & NO_DATA != 0
    assert 0 < np.count_nonzero(lost.any(axis=1)) < 60
    np.testing.assert_array_equal(got[0], np.where(lost, 0, plain[0]))
    np.testing.assert_array_equal(got[1], np.where(lost, np.inf, plain[1]))
    np.testing.assert_array_equal(got[3], np.where(lost, 0, plain[3]))


def test_a_mask_spreads_over_two_by_two_and_what_is_rejected_over_four_by_four() -> None:
    mask = np.zeros((9, 11), np.int32)
    mask[4, 5] = 1 | 2
    spread = np.full(mask.shape, 99, np.int32)
    spread_mask(mask, 1, 2, spread)
    expected = np.zeros_like(mask)
    expected[2:6, 3:7] = 1
    expected[3:5, 4:6] |= 2
    np.testing.assert_array_equal(spread, expected)
    spread_mask(mask, 1, 1, spread)
    expected[:] = 0
    expected[3:5, 4:6] = 1 | 2
    np.testing.assert_array_equal(spread, expected)


def test_a_mask_spreads_up_to_the_edges_of_the_image() -> None:
    mask = np.zeros((5, 7), np.int32)
    mask[0, 0], mask[4, 6] = 1, 4
    spread = np.empty_like(mask)
    spread_mask(mask, 1 | 4, 2, spread)
    expected = np.zeros_like(mask)
    expected[0:2, 0:2] = 1
    expected[2:5, 4:7] |= 4
    np.testing.assert_array_equal(spread, expected)
