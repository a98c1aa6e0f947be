"""The demo survey, read back by the reader of all surveys and compared with its own truth."""

import json
import time
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from functools import cache
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from astropy.io import fits

from coaddc.io.exposures.exposure import open_exposure
from coaddc.io.exposures.scan import scan
from coaddc.model.errors import DataError
from coaddc.model.exposures import ExposureTable
from coaddc.model.geom import Box
from coaddc.model.images import Exposure, Pixels
from coaddc.model.mask import bits
from coaddc.model.psf import Moffat
from coaddc.model.simulation import Simulation
from coaddc.model.survey import Survey
from coaddc.model.tangent import ARCSEC
from coaddc.sim.defects import FULL_WELL
from coaddc.sim.survey import default_path, simulate
from tests.io.surveys import survey

SMALL = Simulation(visits=3, detectors=2, nx=230, ny=170, stars=60, galaxies=40)
#: Half the side of the squares on which stars are measured, pixels.
HALF = 15


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The survey as users get it, but for a third of its visits."""
    path = tmp_path_factory.mktemp("demo") / "survey"
    simulate(Simulation(visits=4), path)
    return path


@pytest.fixture(scope="module")
def demo(folder: Path) -> Survey:
    return survey("demo", path=str(folder), strict=True)


@pytest.fixture(scope="module")
def table(demo: Survey, folder: Path) -> ExposureTable:
    return scan(demo, cache=folder.parent / "cache").table


@pytest.fixture(scope="module")
def exposures(demo: Survey, table: ExposureTable, folder: Path) -> list[Exposure]:
    return [open_exposure(demo, row, cache=folder.parent / "cache") for row in table]


@pytest.fixture(scope="module")
def stars(folder: Path, exposures: list[Exposure]) -> list[dict[str, Any]]:
    """Return what is measured of each bright star, alone and in good pixels, and its truth."""
    return [star for exposure in exposures for star in _measured(folder, exposure)]


@cache
def _truth(folder: Path, name: str) -> Any:
    return fits.getdata(folder / "truth" / f"{name}.fits")


def _all_sources(folder: Path, band: str) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    tables = [_truth(folder, name) for name in ("stars", "galaxies")]
    moving = _truth(folder, "transients")
    columns = [[t["ra"], t["dec"], t[f"mag_{band}"]] for t in tables]
    columns.append([moving["ra"], moving["dec"], moving["mag"]])
    ra, dec, mag = (np.concatenate(c) for c in zip(*columns, strict=True))
    return ra, dec, mag


def _measured(folder: Path, exposure: Exposure) -> list[dict[str, Any]]:
    """Measure the stars of magnitude 13.5 to 18 whose pixels are good and whose neighbours are faint."""
    band = exposure.row.band
    ra, dec, mag = _all_sources(folder, band)
    x, y = exposure.wcs.to_pixel(ra=ra, dec=dec)
    count = len(_truth(folder, "stars"))
    flux, profile = 10 ** ((31.4 - mag) / 2.5), Moffat(fwhm=exposure.row.seeing / 0.2)
    found = []
    for i in np.flatnonzero((mag[:count] > 13.5) & (mag[:count] < 18.0)):
        box = _square(x[i], y[i])
        if box.clip(Box.of_shape(exposure.shape)) != box:
            continue
        # What neighbours give to the star's near side, in units of its peak.
        distance = np.maximum(np.hypot(x - x[i], y - y[i]) - profile.fwhm, 0.0)
        light = flux * profile.evaluate(x=0.0, y=0.0, dx=distance, dy=0.0 * distance)
        if np.delete(light, i).sum() > 1e-3 * light[i]:
            continue
        pixels = exposure.read(box)
        if pixels.mask.any() or _spoilt(folder, exposure, box):
            continue
        found.append(_measure(exposure, pixels, x[i], y[i]) | {"flux0": flux[i]})
    return found


def _square(x: float, y: float) -> Box:
    x0, y0 = round(float(x)) - HALF, round(float(y)) - HALF
    return Box(y0=y0, y1=y0 + 2 * HALF + 1, x0=x0, x1=x0 + 2 * HALF + 1)


def _spoilt(folder: Path, exposure: Exposure, box: Box) -> bool:
    """Say whether a cosmic ray hit a box, or a trail passes within 25 pixels of it."""
    row, (y, x) = exposure.row, box.centre
    rays = _truth(folder, "cosmic_rays")
    rays = rays[(rays["visit"] == row.visit) & (rays["detector"] == row.detector)]
    if any(box.contains(y=ray["y"], x=ray["x"]) for ray in rays):
        return True
    trails = _truth(folder, "trails")
    return any(_distance(exposure, t, x, y) < HALF + 25 for t in trails[trails["visit"] == row.visit])


def _distance(exposure: Exposure, trail: Any, x: Any, y: Any) -> Any:
    """Return how far, pixels, positions are from a trail, which is straight on the sky, not in the pixels."""
    ra, dec = exposure.wcs.to_sky(x=x, y=y)
    shrink = np.cos(np.radians(dec))
    east, north = (trail["ra2"] - trail["ra1"]) * shrink, trail["dec2"] - trail["dec1"]
    cross = (ra - trail["ra1"]) * shrink * north - (dec - trail["dec1"]) * east
    return abs(cross) / np.hypot(east, north) * ARCSEC / 0.2


def _measure(exposure: Exposure, pixels: Pixels, x: float, y: float) -> dict[str, Any]:
    """Return centroid error, mas, weighted by a Gaussian of the PSF's width; PSF flux; and residual."""
    box, image = pixels.box, pixels.image.astype(np.float64)
    yy, xx = np.mgrid[box.y0 : box.y1, box.x0 : box.x1].astype(np.float64)
    sigma = exposure.row.seeing / 0.2 / 2.355
    cx, cy = float(x), float(y)
    for _ in range(30):
        window = image * np.exp(-0.5 * ((xx - cx) ** 2 + (yy - cy) ** 2) / sigma**2)
        cx += 2.0 * (window * (xx - cx)).sum() / window.sum()
        cy += 2.0 * (window * (yy - cy)).sum() / window.sum()
    ra, dec = exposure.wcs.to_sky(x=[x, cx], y=[y, cy])
    east = (ra[1] - ra[0]) * np.cos(np.radians(dec[0])) * ARCSEC * 1e3
    north = (dec[1] - dec[0]) * ARCSEC * 1e3
    psf = exposure.psf.evaluate(x=float(x), y=float(y), dx=xx - x, dy=yy - y)
    flux = (psf * image).sum() / (psf**2).sum()
    residual = image - flux * psf
    error = np.sqrt(pixels.variance + (1e-3 * flux * psf.max()) ** 2)
    core = np.hypot(xx - x, yy - y) < 1.2 * exposure.row.seeing / 0.2
    return {"east": east, "north": north, "flux": flux, "chi": (residual / error)[core]}


def test_bright_stars_are_where_the_truth_says(stars: list[dict[str, Any]]):
    shifts = np.array([[s["east"], s["north"]] for s in stars])
    assert len(shifts) > 20
    assert abs(shifts).max() < 5.0
    assert abs(np.median(shifts, axis=0)).max() < 0.5


def test_bright_stars_have_the_fluxes_of_the_truth(stars: list[dict[str, Any]]):
    ratios = np.array([s["flux"] / s["flux0"] for s in stars])
    assert abs(ratios - 1.0).max() < 0.01
    assert np.median(ratios) == pytest.approx(1.0, abs=0.002)


def test_bright_stars_are_the_psf_model(stars: list[dict[str, Any]]):
    """Within their noise and 1e-3 of the peak, as far as 1.2 FWHM."""
    chi = np.concatenate([s["chi"] for s in stars])
    assert abs(chi).max() < 5.0
    assert chi.std() < 1.03


def test_the_table_says_what_there_is(table: ExposureTable):
    assert [(row.visit, row.detector) for row in table] == [(v, d) for v in range(1001, 1005) for d in "0123"]
    assert {row.band for row in table} == {"g", "r"}
    assert {int(row.survey_year) for row in table} == {0, 1, 2}
    for row in table:
        assert 0.55 < row.seeing < 1.5
        assert 22.5 < row.depth < 25.5
        assert 0.98 < row.good_fraction < 1.0
        assert 1.0 <= row.airmass < 1.85
        assert np.sign(row.hour_angle) == np.sign(row.parallactic_angle)
        assert (row.nx, row.ny) == (540, 460)


def test_masks_mark_what_is_spoilt(folder: Path, exposures: list[Exposure]):
    """Saturated where the wells are full, CR where a ray is known, nothing where it is not, NaN is BAD."""
    rays = _truth(folder, "cosmic_rays")
    saturated = unflagged = 0
    for exposure in exposures:
        pixels = exposure.read(Box.of_shape(exposure.shape))
        mine = (rays["visit"] == exposure.row.visit) & (rays["detector"] == exposure.row.detector)
        flagged = rays["flagged"].astype(bool)
        known, unknown = np.zeros(exposure.shape, bool), np.zeros(exposure.shape, bool)
        known[rays["y"][mine & flagged], rays["x"][mine & flagged]] = True
        unknown[rays["y"][mine & ~flagged], rays["x"][mine & ~flagged]] = True
        np.testing.assert_array_equal((pixels.mask & bits(["CR"])) > 0, known)
        unflagged += unknown.sum()
        full = pixels.image / 10 ** ((31.4 - exposure.row.zero_point) / 2.5) > FULL_WELL - 200.0
        assert (pixels.mask[full] & bits(["SAT", "BAD"])).all()
        assert (pixels.mask[~np.isfinite(pixels.image)] & bits(["BAD"])).all()
        assert 900 < ((pixels.mask & bits(["BAD"])) > 0).sum() < 1500
        saturated += ((pixels.mask & bits(["SAT"])) > 0).sum()
    assert saturated > 50
    assert unflagged > 200


def test_noise_is_what_the_variance_says(tmp_path: Path):
    """In a sky without stars and galaxies, away from what moves, varies and streaks."""
    blank = Simulation(seed=3, visits=2, detectors=1, nx=470, ny=330, stars=0, galaxies=0)
    path = tmp_path / "blank"
    simulate(blank, path)
    demo = survey("demo", path=str(path))
    for row in scan(demo, cache=tmp_path / "cache").table:
        exposure = open_exposure(demo, row, cache=tmp_path / "cache")
        pixels = exposure.read(Box.of_shape(exposure.shape))
        good = pixels.mask == 0
        y, x = np.mgrid[:330, :470]
        transients, rays = _truth(path, "transients"), _truth(path, "cosmic_rays")
        for source in transients[transients["visit"] == row.visit]:
            sx, sy = exposure.wcs.to_pixel(ra=source["ra"], dec=source["dec"])
            good &= np.hypot(x - sx, y - sy) > 60.0
        for trail in _truth(path, "trails"):
            good &= (trail["visit"] != row.visit) | (_distance(exposure, trail, x, y) > 60.0)
        hit = rays[rays["visit"] == row.visit]
        good[hit["y"], hit["x"]] = False
        chi = (pixels.image / np.sqrt(pixels.variance))[good]
        assert chi.size > 60_000
        assert (chi**2).mean() == pytest.approx(1.0, abs=0.03)
        assert chi.mean() == pytest.approx(0.0, abs=0.03)


def test_trails_lie_between_their_end_points(folder: Path, exposures: list[Exposure]):
    """Their flux per arcsecond of length, summed over medians at each distance from the line."""
    seen = 0
    for exposure in exposures:
        pixels = exposure.read(Box.of_shape(exposure.shape))
        y, x = np.mgrid[: exposure.shape[0], : exposure.shape[1]]
        for trail in _truth(folder, "trails"):
            distance = _distance(exposure, trail, x, y)
            if trail["visit"] != exposure.row.visit or (distance < 2.0).sum() < 1000:
                continue
            seen += 1
            distance[pixels.mask > 0] = np.inf
            sky = np.median(pixels.image[(distance > 30.0) & (distance < 60.0)])
            rings = [pixels.image[(distance >= d) & (distance < d + 1.0)] for d in range(20)]
            total = 2.0 * sum(np.median(ring) - sky for ring in rings)
            assert total == pytest.approx(10 ** ((31.4 - trail["mag"]) / 2.5) * 0.2, rel=0.05)
    assert seen >= 4


def test_the_moving_source_is_elsewhere_each_time_and_the_variable_varies(folder: Path):
    transients = _truth(folder, "transients")
    moving, variable = (transients[transients["kind"] == kind] for kind in ("moving", "variable"))
    assert list(moving["visit"]) == list(variable["visit"]) == [1001, 1002, 1003, 1004]
    steps = np.hypot(np.diff(moving["ra"]) * np.cos(np.radians(17.3)), np.diff(moving["dec"])) * ARCSEC
    assert steps.min() > 4.0
    assert np.ptp(variable["ra"]) == 0.0
    assert np.ptp(variable["mag"]) > 0.2


def test_equal_options_make_equal_bytes_and_another_seed_does_not(tmp_path: Path):
    for name, options in (("a", SMALL), ("b", SMALL), ("c", replace(SMALL, seed=2))):
        simulate(options, tmp_path / name)
    files = sorted(p.relative_to(tmp_path / "a") for p in (tmp_path / "a").rglob("*.*"))
    assert len(files) == 3 * 2 + 5 + 1
    for file in files:
        assert (tmp_path / "a" / file).read_bytes() == (tmp_path / "b" / file).read_bytes(), file
        assert (tmp_path / "a" / file).read_bytes() != (tmp_path / "c" / file).read_bytes(), file


def test_what_is_there_is_left_alone_and_what_differs_is_refused(tmp_path: Path):
    path = tmp_path / "demo"
    calls: list[tuple[str, int, int]] = []
    simulate(SMALL, path, lambda *told: calls.append(told))
    assert [done for _, done, _ in calls] == [1, 2, 3, 4, 5, 6]
    assert {total for _, _, total in calls} == {6}
    stamp = (path / "simulation.json").stat().st_mtime_ns
    simulate(SMALL, path)
    assert (path / "simulation.json").stat().st_mtime_ns == stamp
    assert [p.name for p in tmp_path.iterdir()] == ["demo"]
    with pytest.raises(DataError, match=r"demo: was simulated with seed=1, not 4: choose"):
        simulate(replace(SMALL, seed=4), path)


def test_two_at_once_leave_one_whole_survey(tmp_path: Path):
    path = tmp_path / "cache" / "demo"
    with ThreadPoolExecutor(2) as pool:
        for done in [pool.submit(simulate, SMALL, path) for _ in range(2)]:
            done.result()
    assert [p.name for p in path.parent.iterdir()] == ["demo"]
    assert len(list(path.glob("exposures/*.fits"))) == 6


def test_a_place_that_cannot_be_written_is_named(tmp_path: Path):
    (tmp_path / "file").write_text("")
    with pytest.raises(DataError, match="file/demo: the demo survey cannot be written"):
        simulate(SMALL, tmp_path / "file" / "demo")


def test_a_folder_with_something_else_is_refused_and_an_empty_one_filled(tmp_path: Path):
    (tmp_path / "mine").mkdir()
    simulate(SMALL, tmp_path / "mine")
    assert json.loads((tmp_path / "mine" / "simulation.json").read_text())["visits"] == 3
    (tmp_path / "other").mkdir()
    (tmp_path / "other" / "thesis.txt").write_text("irreplaceable")
    with pytest.raises(DataError, match="other: holds something else"):
        simulate(SMALL, tmp_path / "other")
    assert [p.name for p in (tmp_path / "other").iterdir()] == ["thesis.txt"]


def test_the_default_place_follows_the_options_and_the_environment(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
):
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "xdg"))
    monkeypatch.delenv("COADDC_CACHE", raising=False)
    assert default_path(SMALL).parent == tmp_path / "xdg" / "coaddc"
    monkeypatch.setenv("COADDC_CACHE", str(tmp_path / "own"))
    assert default_path(SMALL).parent == tmp_path / "own"
    assert default_path(SMALL) == default_path(replace(SMALL))
    assert default_path(SMALL) != default_path(replace(SMALL, stars=61))


def test_the_whole_survey_is_quick_and_small(tmp_path: Path):
    """An eighth of the default survey, by its exposures, and the limits accordingly."""
    whole = Simulation()
    part = replace(whole, visits=3, detectors=2)
    start = time.process_time()
    simulate(part, tmp_path / "demo")
    share = part.visits * part.detectors / (whole.visits * whole.detectors)
    size = sum(p.stat().st_size for p in (tmp_path / "demo").rglob("*.fits"))
    assert (time.process_time() - start) / share < 60.0
    assert size / share < 200e6


def test_the_packaged_description_says_the_defaults():
    demo = survey("demo")
    assert demo.simulation == Simulation()
    assert demo.path is None
