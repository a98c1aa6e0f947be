"""Facts of nine DECam exposures that the Community Pipeline and the Legacy Surveys state independently."""

from pathlib import Path
from typing import Any

import numpy as np
import pytest
import sep
from astropy.io import fits
from astropy.table import Table, vstack

from coaddc.io.exposures.exposure import open_exposure
from coaddc.io.exposures.scan import Scan, scan
from coaddc.model.exposures import ExposureRow
from coaddc.model.geom import Box
from coaddc.model.images import Exposure, Pixels
from coaddc.model.mask import bit
from coaddc.model.survey import Survey

from .surveys import real, survey

#: nJy in a nanomaggy, the Legacy Surveys' unit.
NANOMAGGY = 3630.78


@pytest.fixture(scope="module")
def folder() -> Path:
    return real("decam_ls_testcase4")


@pytest.fixture(scope="module")
def decam(folder: Path) -> Survey:
    return survey("decam_cp", path=str(folder))


@pytest.fixture(scope="module")
def scanned(decam: Survey, tmp_path_factory: pytest.TempPathFactory) -> Scan:
    return scan(decam, cache=tmp_path_factory.mktemp("cache"))


@pytest.fixture(scope="module")
def ccds(folder: Path) -> dict[int, Any]:
    return {int(row["expnum"]): row for row in Table.read(folder / "survey-ccds-1.fits.gz", hdu=1)}


def whole(decam: Survey, row: ExposureRow) -> Pixels:
    return open_exposure(decam, row).read(Box(y0=0, y1=row.ny, x0=0, x1=row.nx))


def gaia_at(folder: Path, mjd: float) -> tuple[np.ndarray, np.ndarray]:
    """Positions of Gaia's stars at a time."""
    gaia = vstack([Table.read(path) for path in sorted((folder / "gaia").glob("*.fits"))])
    years = 2015.0 + (mjd - 57023.0) / 365.25 - np.asarray(gaia["ref_epoch"], float)
    ra, dec = np.asarray(gaia["ra"], float), np.asarray(gaia["dec"], float)
    east, north = (np.nan_to_num(np.asarray(gaia[name], float)) / 3.6e6 for name in ("pmra", "pmdec"))
    near = (np.abs(ra - 186.744) < 0.012) & (np.abs(dec - 25.4618) < 0.012)
    return (ra + years * east / np.cos(np.radians(dec)))[near], (dec + years * north)[near]


def psf_flux(exposure: Exposure, *, ra: float, dec: float) -> tuple[float, float]:
    """Flux of a star and its error, nJy, by the PSF model at a position; NaN where it is not whole."""
    row, half = exposure.row, 8
    x, y = (float(value) for value in exposure.wcs.to_pixel(ra=ra, dec=dec))
    box = Box(y0=round(y) - half, y1=round(y) + half + 1, x0=round(x) - half, x1=round(x) + half + 1)
    if box.clip(Box(y0=0, y1=row.ny, x0=0, x1=row.nx)) != box:
        return np.nan, np.nan
    pixels = exposure.read(box)
    dy, dx = np.mgrid[box.y0 : box.y1, box.x0 : box.x1].astype(float)
    model = exposure.psf.evaluate(x=x, y=y, dx=dx - x, dy=dy - y)
    if (pixels.mask[model > 0.1 * model.max()] != 0).any():
        return np.nan, np.nan
    weight = np.where(pixels.mask == 0, 1.0, 0.0) / row.sky_noise**2
    power = float((weight * model**2).sum())
    image = np.where(pixels.mask == 0, pixels.image, 0.0)
    return float((weight * model * image).sum()) / power, power**-0.5


def fluxes(decam: Survey, row: ExposureRow, folder: Path) -> list[tuple[float, float]]:
    exposure, places = open_exposure(decam, row), zip(*gaia_at(folder, row.mjd), strict=True)
    return [psf_flux(exposure, ra=ra, dec=dec) for ra, dec in places]


def centre_of(decam: Survey, row: ExposureRow) -> tuple[np.ndarray, np.ndarray]:
    """Sky positions of objects found on an exposure."""
    exposure, pixels = open_exposure(decam, row), whole(decam, row)
    bad = (pixels.mask != 0) | ~np.isfinite(pixels.image)
    image = np.where(bad, 0, pixels.image).astype(np.float32)
    noise = np.sqrt(np.where(bad, 1, pixels.variance)).astype(np.float32)
    found = sep.extract(image, 8.0, err=noise, mask=bad)
    x, y, _ = sep.winpos(image, found["x"], found["y"], 2.0, mask=bad)
    return exposure.wcs.to_sky(x=x, y=y)


def test_all_nine_exposures_are_read(scanned: Scan) -> None:
    assert not scanned.problems
    assert [(row.visit, row.detector, row.band) for row in scanned.table] == [
        (431608, "N3", "z"),
        (630780, "N2", "z"),
        (634850, "N3", "g"),
        (640615, "S1", "z"),
        (650104, "N2", "r"),
        (716705, "N3", "r"),
        (720558, "N3", "z"),
        (725257, "S1", "g"),
        (730182, "S1", "r"),
    ]
    assert {row.instrument for row in scanned.table} == {"DECam"}
    assert all(row.psf.startswith("model of calib/") for row in scanned.table)


def test_noise_and_depth_are_those_of_the_legacy_surveys(scanned: Scan, ccds: dict[int, Any]) -> None:
    for row in scanned.table:
        theirs = ccds[row.visit]
        assert row.zero_point == pytest.approx(theirs["ccdzpt"] + 2.5 * np.log10(theirs["exptime"]), abs=1e-5)
        assert row.sky_noise == pytest.approx(theirs["sig1"] * NANOMAGGY, rel=0.06)
        # psfnorm is sqrt(sum(psf**2)) at the centre of the whole detector.
        depth = 22.5 - 2.5 * np.log10(5 * theirs["sig1"] / theirs["psfnorm"])
        assert row.depth == pytest.approx(depth, abs=0.2)


def test_noise_is_the_scatter_of_the_pixels(decam: Survey, scanned: Scan) -> None:
    for row in scanned.table:
        pixels = whole(decam, row)
        good = pixels.mask == 0
        steps = (pixels.image[:, 1:] - pixels.image[:, :-1])[good[:, 1:] & good[:, :-1]]
        scatter = 1.4826 * np.median(np.abs(steps - np.median(steps))) / np.sqrt(2)
        assert scatter == pytest.approx(row.sky_noise, rel=0.06)


def test_the_sky_is_gone(decam: Survey, scanned: Scan) -> None:
    for row in scanned.table:
        pixels = whole(decam, row)
        assert abs(np.median(pixels.image[pixels.mask == 0])) < 0.25 * row.sky_noise


def test_seeing_is_near_that_of_the_community_pipeline(scanned: Scan, ccds: dict[int, Any]) -> None:
    ratios = [row.seeing / (ccds[row.visit]["fwhm"] * row.pixel_scale) for row in scanned.table]
    assert np.median(ratios) == pytest.approx(0.97, abs=0.05)
    assert all(0.85 < ratio < 1.1 for ratio in ratios)


def test_angles_are_those_of_the_telescope(folder: Path, scanned: Scan) -> None:
    for row in scanned.table:
        with fits.open(folder / row.file) as hdus:
            hours, minutes, seconds = (abs(float(part)) for part in hdus[0].header["HA"].split(":"))
            sign = -1 if hdus[0].header["HA"].startswith("-") else 1
            boresight = 15 * (hours + minutes / 60 + seconds / 3600) * sign
            # The detector lies up to 1 degree from the boresight; the card is of the start.
            expected = boresight + hdus[1].header["CRVAL1"] - row.ra + row.exptime / 2 * 15 / 3600
        assert row.hour_angle == pytest.approx(expected, abs=0.3)
        assert abs(row.parallactic_angle) > 160  # it culminates north of the zenith


def test_stars_are_where_gaia_has_them(folder: Path, decam: Survey, scanned: Scan) -> None:
    for row in scanned.table:
        ra, dec = centre_of(decam, row)
        true_ra, true_dec = gaia_at(folder, row.mjd)
        dx = (true_ra - ra[:, None]) * np.cos(np.radians(row.dec)) * 3600
        dy = (true_dec - dec[:, None]) * 3600
        pick = np.arange(len(ra)), np.argmin(np.hypot(dx, dy), axis=1)
        matched = np.hypot(dx, dy)[pick] < 0.4
        assert matched.sum() >= 2, row.name
        offset = np.hypot(np.median(dx[pick][matched]), np.median(dy[pick][matched]))
        assert offset < 0.05, (row.name, offset)


def test_magnitudes_of_stars_agree_between_exposures_of_a_band(
    folder: Path, decam: Survey, scanned: Scan
) -> None:
    for band in ("g", "r", "z"):
        rows = [row for row in scanned.table if row.band == band]
        stars = np.array([fluxes(decam, row, folder) for row in rows])
        flux, error = stars[..., 0], stars[..., 1]
        bright = (flux > 50 * error).sum(axis=0) >= 2
        assert bright.any()
        magnitude = -2.5 * np.log10(np.where(flux > 50 * error, flux, np.nan)[:, bright])
        offsets = magnitude - np.nanmean(magnitude, axis=0)
        assert np.nanmax(np.abs(np.nanmedian(offsets, axis=1))) < 0.03


@pytest.mark.parametrize(("visit", "bad", "cosmic"), [(640615, 181, 136), (630780, 0, 177), (725257, 195, 0)])
def test_codes_become_planes(
    decam: Survey, scanned: Scan, folder: Path, visit: int, bad: int, cosmic: int
) -> None:
    row = next(row for row in scanned.table if row.visit == visit)
    codes = fits.getdata(folder / row.file.replace("_ooi_", "_ood_"), 1)
    mask = whole(decam, row).mask
    assert ((mask & bit("BAD")) > 0).sum() == bad
    np.testing.assert_array_equal((mask & bit("CR")) > 0, codes == 5)
    assert ((mask & bit("CR")) > 0).sum() == cosmic
    assert not (mask & bit("SAT")).any()  # no code 3 or 4 in this set


def test_without_the_table_the_header_has_the_zero_point_or_there_is_none(
    folder: Path, tmp_path: Path
) -> None:
    alone = scan(survey("decam_cp", path=str(folder), table={"glob": None}), cache=tmp_path)
    found = {row.visit: row.zero_point for row in alone.table}
    assert found == {630780: 29.915, 634850: 30.036, 640615: 30.537, 650104: 30.208}
    assert len(alone.problems) == 5
    assert all("no zero point" in problem.reason for problem in alone.problems)


def test_without_a_sky_file_a_mesh_is_measured(folder: Path, tmp_path: Path) -> None:
    meshed = survey("decam_cp", path=str(folder), sky={"kind": "mesh"})
    for row in scan(meshed, cache=tmp_path).table:
        pixels = whole(meshed, row)
        assert abs(np.median(pixels.image[pixels.mask == 0])) < 0.25 * row.sky_noise
