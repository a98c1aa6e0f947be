"""Facts of the VISTA and BASS/MzLS exposures."""

import csv
from pathlib import Path

import numpy as np
import pytest
import sep
from astropy.io import fits

from coaddc.io.exposures.exposure import open_exposure
from coaddc.io.exposures.scan import Scan, scan
from coaddc.model.geom import Box
from coaddc.model.survey import Survey

from .surveys import real, survey

#: nJy of one unit of VISTA's pixels, whose zero point is AB 30.
VISTA_UNIT = 10 ** (0.4 * (31.4 - 30.0))


@pytest.fixture(scope="module")
def vista() -> Survey:
    return survey("vista", path=str(real("vista_video_H")))


@pytest.fixture(scope="module")
def scanned(vista: Survey, tmp_path_factory: pytest.TempPathFactory) -> Scan:
    return scan(vista, cache=tmp_path_factory.mktemp("cache"))


def test_all_eight_vista_exposures_are_read(scanned: Scan) -> None:
    assert not scanned.problems
    assert len(scanned.table) == 8
    assert {row.band for row in scanned.table} == {"H"}
    assert {row.zero_point for row in scanned.table} == {30.0}
    assert {row.exptime for row in scanned.table} == {420.0}
    assert len({row.visit for row in scanned.table}) == 8
    for row in scanned.table:
        assert row.psf.startswith("measured from ")


def test_vista_noise_is_that_of_the_header(vista: Survey, scanned: Scan) -> None:
    for row in scanned.table:
        with fits.open(Path(str(vista.path)) / row.file) as hdus:
            expected = VISTA_UNIT / np.sqrt(hdus[1].header["INVAR"])
        assert row.sky_noise == pytest.approx(expected, rel=1e-6)


def test_vista_noise_is_the_scatter_of_the_pixels(vista: Survey, scanned: Scan) -> None:
    box = Box(y0=200, y1=1700, x0=300, x1=1500)
    for row in scanned.table:
        image = open_exposure(vista, row).read(box).image
        scatter = 1.4826 * np.median(np.abs(image - np.median(image)))
        assert scatter == pytest.approx(row.sky_noise, rel=0.06)


def test_vista_seeing_follows_the_measured_sizes_of_stars(vista: Survey, scanned: Scan) -> None:
    with (Path(str(vista.path)) / "epochs.csv").open() as file:
        twice_half_light = {row["file"]: float(row["fwhm_meas_px"]) for row in csv.DictReader(file)}
    ratios = np.array([row.seeing / row.pixel_scale / twice_half_light[row.file] for row in scanned.table])
    # The FWHM of a profile with wings is less than twice its half-light radius; by the same part in all.
    assert np.median(ratios) == pytest.approx(0.80, abs=0.03)
    assert np.ptp(ratios) < 0.08


def test_the_vista_psf_leaves_no_stars_behind(vista: Survey, scanned: Scan) -> None:
    row = scanned.table[0]
    exposure = open_exposure(vista, row)
    pixels = exposure.read(Box(y0=0, y1=row.ny, x0=0, x1=row.nx))
    noise = np.sqrt(pixels.variance)
    found = sep.extract(pixels.image, 20.0, err=noise)
    found = found[
        (found["peak"] < 300 * noise[0, 0]) & (found["flag"] == 0) & (found["b"] > 0.85 * found["a"])
    ]
    left = []
    for item in found:
        y, x = round(float(item["y"])), round(float(item["x"]))
        if not (12 <= y < row.ny - 12 and 12 <= x < row.nx - 12):
            continue
        dy, dx = np.mgrid[-6:7, -6:7].astype(float)
        model = exposure.psf.evaluate(x=x, y=y, dx=dx - (item["x"] - x), dy=dy - (item["y"] - y))
        cut = pixels.image[y - 6 : y + 7, x - 6 : x + 7]
        flux = float((cut * model).sum() / (model**2).sum())
        left.append(float(np.abs(cut - flux * model).max() / (flux * model).max()))
    assert len(left) > 20
    assert np.quantile(left, 0.25) < 0.12  # galaxies are among them


def test_vista_exposures_agree_on_where_stars_are_and_how_bright(vista: Survey, scanned: Scan) -> None:
    def objects(index: int) -> tuple[np.ndarray, ...]:
        row = scanned.table[index]
        exposure = open_exposure(vista, row)
        pixels = exposure.read(Box(y0=0, y1=row.ny, x0=0, x1=row.nx))
        found = sep.extract(pixels.image, 30.0, err=np.sqrt(pixels.variance))
        flux, _, _ = sep.sum_circle(pixels.image, found["x"], found["y"], 10.0)
        x, y, _ = sep.winpos(pixels.image, found["x"], found["y"], 1.3)
        return (*exposure.wcs.to_sky(x=x, y=y), flux)

    first = objects(0)
    for index in range(1, 8):
        other = objects(index)
        distance = np.hypot(first[0][:, None] - other[0], first[1][:, None] - other[1]) * 3600
        mine, theirs = np.nonzero(distance < 0.3)
        assert len(mine) > 50
        assert abs(np.median(first[0][mine] - other[0][theirs])) * 3600 < 0.02
        assert abs(np.median(first[1][mine] - other[1][theirs])) * 3600 < 0.02
        assert np.median(first[2][mine] / other[2][theirs]) == pytest.approx(1.0, abs=0.03)


def test_a_section_of_vista_is_that_of_the_whole(vista: Survey, scanned: Scan) -> None:
    row = scanned.table[3]
    exposure = open_exposure(vista, row)
    box, all_of_it = Box(y0=701, y1=760, x0=100, x1=1350), Box(y0=0, y1=row.ny, x0=0, x1=row.nx)
    np.testing.assert_array_equal(
        exposure.read(box).image, exposure.read(all_of_it).image[box.within(all_of_it)]
    )


def test_bass_and_mzls_are_read_in_counts_per_second(tmp_path: Path) -> None:
    folder = real("bass_mzls_testcase2")
    found = scan(survey("bass_mzls", path=str(folder)), cache=tmp_path)
    assert not found.problems
    noise = {row.band: row.sky_noise for row in found.table}
    # sig1 of the Legacy Surveys, nanomaggies, with 3631 nJy in each.
    assert noise == pytest.approx(
        {"z": 0.023278 * 3631, "r": 0.023263 * 3631, "g": 0.014980 * 3631}, rel=0.06
    )
    assert {row.band: round(row.zero_point, 3) for row in found.table} == {
        "z": 26.288,
        "r": 25.491,
        "g": 25.472,
    }
    assert {row.instrument for row in found.table} == {"Mosaic3", "90prime"}
    assert all(row.psf.startswith("model of calib/psfex/") for row in found.table)
