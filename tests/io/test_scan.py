import math
import threading
from pathlib import Path

import numpy as np
import pytest
from astropy.io import fits
from scipy.optimize import brentq

from coaddc.io.exposures.exposure import open_exposure
from coaddc.io.exposures.scan import scan
from coaddc.model.errors import DataError
from coaddc.model.geom import Box
from coaddc.model.mask import bit
from coaddc.model.survey import Survey

from .surveys import plain
from .synthetic import MJD, SHAPE, ZERO_POINT, pixels, psfex_table, write

NJY = 10 ** (0.4 * (31.4 - ZERO_POINT))
PLANES = {"variance": {"hdu": "VARIANCE"}, "mask": {"hdu": "MASK", "planes": {"BAD": 0, "SAT": [2, 3]}}}


def one_survey(folder: Path, **changes: object) -> Survey:
    """A folder with one exposure: image, mask, variance, PSF."""
    mask = np.zeros(SHAPE, np.int16)
    mask[5, 8], mask[6, 9], mask[7, 10], mask[8, 11] = 1, 4, 8, 2
    file = write(folder / "a.fits", {"IMAGE": pixels(), "MASK": mask, "VARIANCE": np.full(SHAPE, 16.0)})
    with fits.open(file, "append") as hdus:
        hdus.append(psfex_table())
    return plain(folder, **PLANES, psf={"hdu": "PSF"}, **changes)


def profile(parts: dict[float, float], r: float) -> float:
    """A mixture of Gaussians: sigma to flux."""
    return sum(f / (2 * math.pi * s**2) * math.exp(-0.5 * (r / s) ** 2) for s, f in parts.items())


def test_a_row_says_what_the_headers_say(tmp_path: Path) -> None:
    (row,) = scan(one_survey(tmp_path / "s"), cache=tmp_path / "c").table
    assert (row.instrument, row.visit, row.detector, row.band) == ("TESTCAM", 7, "3", "r")
    assert (row.physical_filter, row.exptime, row.airmass) == ("r broad", 100.0, 1.2)
    assert row.mjd == pytest.approx(MJD + 50 / 86400, abs=1e-9)
    assert (row.nx, row.ny, row.file, row.hdu) == (110, 70, "a.fits", 1)
    assert row.zero_point == ZERO_POINT
    assert row.survey_year == 0.0
    assert (row.ra, row.dec) == pytest.approx((150.2, -30.4), abs=1e-9)
    assert row.pixel_scale == pytest.approx(0.5, rel=1e-6)
    assert math.isnan(row.hour_angle)


def test_a_row_holds_what_is_measured_on_the_pixels(tmp_path: Path) -> None:
    (row,) = scan(one_survey(tmp_path / "s"), cache=tmp_path / "c").table
    assert row.sky_noise == pytest.approx(4.0 * NJY, rel=1e-9)
    assert row.good_fraction == 1 - 3 / (SHAPE[0] * SHAPE[1])  # bit 1 is no plane of the survey
    # At the centre, X_IMAGE = 55.5, the PSF is this mixture of two Gaussians.
    parts = {1.5: 1 - 0.545, 2.0: 0.545}
    half = brentq(lambda r: profile(parts, r) - profile(parts, 0.0) / 2, 0.1, 10.0)
    assert row.seeing == pytest.approx(2 * half * row.pixel_scale, rel=0.005)
    power = sum(parts[a] * parts[b] / (2 * math.pi * (a**2 + b**2)) for a in parts for b in parts)
    expected = 31.4 - 2.5 * math.log10(5 * 4 * NJY / math.sqrt(power))
    assert row.depth == pytest.approx(expected, abs=0.005)
    assert row.psf == "model of HDU PSF"


def test_pixels_are_calibrated_and_masks_translated(tmp_path: Path) -> None:
    survey = one_survey(tmp_path / "s")
    (row,) = scan(survey, cache=tmp_path / "c").table
    box = Box(y0=4, y1=30, x0=7, x1=50)
    read = open_exposure(survey, row, cache=tmp_path / "c").read(box)
    np.testing.assert_allclose(read.image, pixels()[4:30, 7:50] * NJY, rtol=1e-6)
    np.testing.assert_allclose(read.variance, 16.0 * NJY**2, rtol=1e-6)
    assert (read.image.dtype, read.variance.dtype, read.mask.dtype) == (np.float32, np.float32, np.int32)
    assert read.image.dtype.isnative
    expected = np.zeros(box.shape, np.int32)
    expected[1, 1], expected[2, 2], expected[3, 3] = bit("BAD"), bit("SAT"), bit("SAT")
    np.testing.assert_array_equal(read.mask, expected)


def test_a_box_outside_the_image_is_refused(tmp_path: Path) -> None:
    survey = one_survey(tmp_path / "s")
    exposure = open_exposure(survey, scan(survey, cache=tmp_path / "c").table[0])
    with pytest.raises(DataError, match="does not lie in the image"):
        exposure.read(Box(y0=0, y1=71, x0=0, x1=5))


def test_reading_in_threads_gives_what_reading_at_once_gives(tmp_path: Path) -> None:
    survey = one_survey(tmp_path / "s")
    exposure = open_exposure(survey, scan(survey, cache=tmp_path / "c").table[0])
    whole = exposure.read(Box.of_shape(SHAPE))
    boxes = [Box(y0=y, y1=y + 7, x0=x, x1=x + 11) for y in range(0, 70, 7) for x in range(0, 110, 11)]
    wrong = []

    def work(mine: list[Box]) -> None:
        for box in mine:
            read = exposure.read(box)
            if not np.array_equal(read.image, whole.image[box.within(whole.box)]):
                wrong.append(box)

    threads = [threading.Thread(target=work, args=(boxes[i::4],)) for i in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert not wrong


def test_a_folder_that_does_not_exist_is_named(tmp_path: Path) -> None:
    with pytest.raises(DataError, match=r"nowhere.*no such folder"):
        scan(plain(tmp_path / "nowhere"), cache=tmp_path)


def test_a_glob_without_a_match_is_named(tmp_path: Path) -> None:
    with pytest.raises(DataError, match=r"no file matches survey\.image\.glob='\*\.fz'"):
        scan(plain(tmp_path, image={"glob": "*.fz"}), cache=tmp_path)
