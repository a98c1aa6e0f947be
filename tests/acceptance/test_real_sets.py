"""Coadds of real exposures, made by the command and held to what is known of their sky.

Whoever wants the numbers: ``python benchmarks/real_sets.py`` prints what is asserted here.
"""

import fcntl
import os
import sys
from pathlib import Path
from statistics import median

import pytest

sys.path.append(str(Path(__file__).parents[2] / "benchmarks"))

import decam_set
import empty_sky
import real_psfs
import real_sets
import refraction
import vista_set


def made(
    words: tuple[str, ...], name: str, scratch: pytest.TempPathFactory, label: str | None = None
) -> Path:
    """Return the store of a set's coadds, made once for all workers, or skip where the set is absent."""
    data = real_sets.shared_folder() / "data" / name
    if not data.is_dir():
        pytest.skip(f"{data} is absent: real data are not part of the repository (see COADDC_SHARED)")
    base = scratch.getbasetemp()
    folder = (base.parent if "PYTEST_XDIST_WORKER" in os.environ else base) / f"real-{label or name}"
    with folder.with_suffix(".lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        return folder / "coadds" if folder.is_dir() else real_sets.build(words, data, folder)


@pytest.fixture(scope="module")
def vista_store(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return made(vista_set.WORDS, vista_set.FOLDER, tmp_path_factory)


@pytest.fixture(scope="module")
def vista(vista_store: Path) -> list[vista_set.Measured]:
    return vista_set.measure(vista_store, real_sets.shared_folder())


@pytest.fixture(scope="module")
def decam(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return made(decam_set.WORDS, decam_set.FOLDER, tmp_path_factory)


@pytest.fixture(scope="module")
def gaia(decam: Path) -> dict[str, list[decam_set.Star]]:
    stars: dict[str, list[decam_set.Star]] = {}
    for star in decam_set.measure_stars(decam, real_sets.shared_folder()):
        stars.setdefault(star.coadd, []).append(star)
    assert sorted(stars) == [f"{b} {s}" for b in "grz" for s in ("bestSeeing", "deep")]
    assert {len(found) for found in stars.values()} == {3}
    return stars


def test_stars_have_the_flux_and_the_place_that_swarp_gives_them(vista: list[vista_set.Measured]) -> None:
    assert [m.name for m in vista] == ["direct mean", "direct median", "psfMatched mean", "psfMatched median"]
    for coadd in vista:
        assert coadd.count >= 30
        assert abs(coadd.flux) < 0.01, coadd
        assert coadd.position < 20.0, coadd


def test_stars_have_the_width_that_the_coadd_states(vista: list[vista_set.Measured]) -> None:
    for coadd in vista:
        assert abs(coadd.ratio - 1.0) < 0.01, coadd
        assert coadd.spread < 0.03, coadd


def test_stated_psfs_are_those_of_the_stars_to_a_per_cent(vista_store: Path) -> None:
    for coadd in real_psfs.vista([vista_store]):
        assert coadd.count >= 30
        for value, error in (coadd.fwhm, *coadd.ellipticity, *coadd.energy):
            assert error < 0.003, coadd.name
            assert abs(value) < 0.01, coadd.name


def test_matched_stars_look_like_the_model_down_to_its_wings(vista: list[vista_set.Measured]) -> None:
    for coadd in vista:
        assert coadd.residual < (0.005 if "psfMatched" in coadd.name else 0.02), coadd


def test_gaia_stars_are_where_gaia_has_them(gaia: dict[str, list[decam_set.Star]]) -> None:
    for coadd, stars in gaia.items():
        assert median(star.distance for star in stars) < 50.0, coadd
        for star in stars:
            assert star.corrected < 50.0, star
            # At 1.8 air masses a blue star in g is bent away from its place by more than that.
            assert star.distance < 50.0 or (coadd[0] == "g" and abs(star.refraction[1]) > 50.0), star


def test_magnitudes_are_those_of_the_exposures_with_the_survey_s_zero_points(
    gaia: dict[str, list[decam_set.Star]],
) -> None:
    for coadd, stars in gaia.items():
        whole = [star for star in stars if star.whole]
        assert len(whole) >= 2, coadd
        for star in whole:
            assert abs(star.difference) < 0.005, star


def test_the_sky_has_no_step_where_an_exposure_ends(decam: Path) -> None:
    levels: dict[str, list[empty_sky.SkyLevel]] = {}
    for level in empty_sky.measure_sky(decam_set.coadd_paths(decam)):
        levels.setdefault(level.coadd, []).append(level)
    assert len(levels) == 6
    assert sum(len(found) > 1 for found in levels.values()) >= 5
    for found in levels.values():
        noise = min(level.noise for level in found)
        values = [level.level for level in found]
        assert max(values) - min(values) < 0.1 * noise, found
        assert max(map(abs, values)) < 0.1 * noise, found


def test_blue_light_is_bent_more_and_hardly_so_in_z() -> None:
    assert refraction.temperature(0.0) == pytest.approx(refraction.VEGA)
    assert refraction.temperature(0.82) == pytest.approx(5772, rel=0.05)  # the sun
    blue, red = (refraction.bending("g", colour) for colour in (0.4, 2.5))
    assert 80.0 < blue - red < 200.0
    blue, red = (refraction.bending("z", colour) for colour in (0.4, 2.5))
    assert 0.0 < blue - red < 10.0
