import numpy as np
import pytest

from coaddc.kernels.fill import REACH, fill, find_bad


def star(ny: int, nx: int, sigma: float = 2.2) -> np.ndarray:
    y, x = np.mgrid[0:ny, 0:nx]
    return 1e4 * np.exp(-0.5 * ((y - 31.3) ** 2 + (x - 40.8) ** 2) / sigma**2)


def filled(image: np.ndarray, bad: np.ndarray) -> np.ndarray:
    image, variance = image.astype(np.float32), np.ones(image.shape, np.float32)
    image[bad] = np.nan
    variance[bad] = np.nan
    fill(image, variance, bad, (0, bad.shape[0], 0, bad.shape[1]))
    assert np.isfinite(image).all()
    assert np.isfinite(variance).all()
    return image


def test_bad_is_what_the_mask_rejects_and_what_is_no_number_or_has_no_variance() -> None:
    image, variance = np.zeros((2, 4, 5), np.float32)
    variance += 2.0
    mask = np.zeros((4, 5), np.int32)
    image[1, 2], variance[2, 3], variance[0, 0], mask[3, 4], mask[3, 0] = np.nan, np.inf, 0.0, 4, 8
    bad = np.zeros((4, 5), np.bool_)
    find_bad(image, variance, mask, (0, 4, 0, 5), 4 | 1, 1, bad)
    assert sorted(zip(*np.nonzero(bad), strict=True)) == [(0, 0), (1, 2), (2, 3), (3, 4)]
    assert mask[1, 2] == mask[2, 3] == mask[0, 0] == 1
    assert mask[3, 4] == 4
    assert mask[3, 0] == 8


def test_what_lies_around_the_exposure_is_neither_looked_at_nor_flagged_nor_filled() -> None:
    image, variance = np.full((2, 40, 150), np.nan, np.float32)
    image[3:30, 20:140], variance[3:30, 20:140] = 7.0, 2.0
    image[3, 20] = image[29, 84] = np.inf
    mask = np.zeros((40, 150), np.int32)
    window = (3, 30, 20, 140)
    bad = np.ones((40, 150), np.bool_)
    find_bad(image, variance, mask, window, 1, 2, bad)
    fill(image, variance, bad, window)
    assert sorted(zip(*np.nonzero(mask), strict=True)) == [(3, 20), (29, 84)]
    assert bad.sum() == bad.size - 27 * 120 + 2
    assert (image[3:30, 20:140] == 7.0).all()
    assert (variance[3:30, 20:140] == 2.0).all()
    image[3:30, 20:140] = np.nan
    assert np.isnan(image).all()


@pytest.mark.parametrize("hole", ["pixel", "column", "row", "diagonal", "pair"])
def test_small_holes_in_a_plane_are_filled_exactly(hole: str) -> None:
    y, x = np.mgrid[0:61, 0:83]
    plane = 3.0 * x - 2.0 * y + 7.0
    bad = np.zeros(plane.shape, np.bool_)
    match hole:
        case "pixel":
            bad[30, 40] = True
        case "column":
            bad[:, 41] = True
        case "row":
            bad[17] = True
        case "diagonal":
            bad[np.arange(61), np.arange(61) + 5] = True
        case "pair":
            bad[30:32, 40:43] = True
    inside = bad.copy()
    inside[[0, -1]] = inside[:, [0, -1]] = False  # a corner of the image may see one side only
    np.testing.assert_allclose(filled(plane, bad)[inside], plane[inside], atol=2e-3)


def test_one_pixel_of_a_star_is_known_to_three_per_cent_of_its_peak() -> None:
    truth = star(61, 83)
    for y, x in ((31, 41), (29, 41), (31, 44), (34, 37)):
        bad = np.zeros(truth.shape, np.bool_)
        bad[y, x] = True
        assert abs(filled(truth, bad)[y, x] - truth[y, x]) < 0.03 * truth.max()


def test_the_border_of_a_large_hole_continues_value_and_slope() -> None:
    y, x = np.mgrid[0:90, 0:110]
    slope = 100.0 + 10.0 * x
    bad = (y - 45) ** 2 + (x - 50) ** 2 < 20**2
    image = filled(slope, bad)
    left = int(np.nonzero(bad[45])[0].min())
    assert abs(image[45, left] - slope[45, left]) < 2.0  # without the slope it would be off by 10 and more
    assert np.abs(image[bad]).max() < 2.0 * slope.max()


def test_what_is_far_from_all_good_pixels_is_zero() -> None:
    bad = np.ones((70, 80), np.bool_)
    bad[:, :5] = False
    image = filled(np.full((70, 80), 5.0), bad)
    np.testing.assert_allclose(image[:, 5 : 5 + REACH], 5.0)
    assert (image[:, 5 + REACH :] == 0.0).all()


def test_an_image_without_a_good_pixel_becomes_zero() -> None:
    assert (filled(np.full((20, 30), 5.0), np.ones((20, 30), np.bool_)) == 0.0).all()


def test_good_pixels_are_left_alone() -> None:
    rng = np.random.default_rng(5)
    truth = rng.normal(0.0, 1.0, (50, 70)).astype(np.float32)
    bad = rng.random(truth.shape) < 0.2
    np.testing.assert_array_equal(filled(truth, bad)[~bad], truth[~bad])
