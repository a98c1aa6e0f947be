"""Simulated exposures as files, read back by the reader of all surveys."""

from pathlib import Path

import numpy as np
import pytest

from coaddc.io.exposures.exposure import open_exposure
from coaddc.io.exposures.scan import scan
from coaddc.model.geom import Box
from coaddc.model.images import Exposure
from coaddc.model.mask import bit
from coaddc.model.psf import Moffat, stamp
from coaddc.sim.field import distorted_wcs, noise_field, scattered_stars, star_field
from coaddc.sim.fits import write_exposure
from coaddc.sim.memory import MemoryExposure
from coaddc.sim.psf import FieldMoffat, SkyPsf
from tests.io.surveys import survey

SHAPE = (190, 230)


def _read_back(folder: Path, exposure: MemoryExposure) -> Exposure:
    (folder / "exposures").mkdir()
    write_exposure(folder / "exposures" / "one.fits", exposure)
    demo = survey("demo", path=str(folder), strict=True)
    return open_exposure(demo, scan(demo, cache=folder / "cache").table[0], cache=folder / "cache")


@pytest.mark.parametrize("rotation", [90.0, 33.7])
def test_pixels_wcs_and_row_survive_the_file(tmp_path: Path, rotation: float):
    wcs = distorted_wcs(SHAPE, rotation=rotation)
    stars = scattered_stars(wcs, SHAPE, spacing=70.0, seed=2)
    known = {"visit": 12, "detector": "N4", "band": "g", "mjd": 61003.25, "exptime": 30.0, "zero_point": 29.3}
    written = star_field(stars, wcs, SHAPE, Moffat(fwhm=4.0), 3.0, 6).with_row(
        **known, airmass=1.3, hour_angle=-20.5, parallactic_angle=111.0
    )
    written.mask[3, 5], written.mask[100, 7], written.mask[8, 200] = bit("BAD"), bit("SAT"), bit("CR")
    written.mask[9, 9] = bit("BAD") | bit("CR") | bit("NO_DATA")
    found = _read_back(tmp_path, written)
    for name in (*known, "airmass", "hour_angle", "parallactic_angle", "nx", "ny"):
        assert getattr(found.row, name) == pytest.approx(getattr(written.row, name)), name
    assert found.row.seeing == pytest.approx(written.row.seeing, rel=0.01)
    assert found.row.depth == pytest.approx(written.row.depth, abs=0.01)
    box = Box(y0=1, y1=150, x0=4, x1=230)
    got, put = found.read(box), written.read(box)
    good = put.mask == 0
    np.testing.assert_allclose(got.image[good], put.image[good], rtol=1e-5, atol=1e-4)
    np.testing.assert_allclose(got.variance[good], put.variance[good], rtol=1e-5)
    np.testing.assert_array_equal(got.mask, put.mask)
    x, y = found.wcs.to_pixel(ra=stars.ra, dec=stars.dec)
    np.testing.assert_allclose([x, y], wcs.to_pixel(ra=stars.ra, dec=stars.dec), atol=1e-5)


@pytest.mark.parametrize("seeing", [0.6, 0.8, 1.4])
def test_the_psf_table_is_the_psf_of_the_stars(tmp_path: Path, seeing: float):
    """To 1e-3 of the peak at any place and offset, on the whole stamp."""
    width = seeing / 0.2
    psf = FieldMoffat(
        (width, 0.03 * width, -0.02 * width, 0.04 * width, 0.0, 0.04 * width),
        (0.05, 0.03, -0.02, 0.01, 0.0, -0.01),
        (-0.04, 0.02, 0.03, 0.0, 0.01, 0.0),
        x0=260.0,
        y0=-20.0,
        sign=-1,
    )
    found = _read_back(tmp_path, noise_field(distorted_wcs(SHAPE), SHAPE, psf)).psf
    dy, dx = np.mgrid[-10:11, -10:11].astype(float)
    for x, y in ((0.0, 0.0), (229.0, 4.0), (115.5, 189.0), (31.7, 90.2)):
        for sx, sy in ((0.0, 0.0), (0.5, 0.5), (-0.3, 0.12)):
            expected = psf.evaluate(x=x, y=y, dx=dx + sx, dy=dy + sy)
            got = found.evaluate(x=x, y=y, dx=dx + sx, dy=dy + sy)
            assert abs(got - expected).max() < 1e-3 * psf.evaluate(x=x, y=y, dx=dx, dy=dy).max()


def test_a_psf_of_the_sky_can_be_written_too(tmp_path: Path):
    wcs = distorted_wcs(SHAPE, rotation=20.0)
    psf = SkyPsf(Moffat(fwhm=0.9), wcs, 0.2)
    found = _read_back(tmp_path, noise_field(wcs, SHAPE, psf)).psf
    expected = stamp(psf, x=200.0, y=30.0, half=12)
    np.testing.assert_allclose(stamp(found, x=200.0, y=30.0, half=12), expected, atol=1e-3 * expected.max())


def test_equal_exposures_are_equal_bytes(tmp_path: Path):
    for name in ("a.fits", "b.fits"):
        exposure = noise_field(distorted_wcs(SHAPE), SHAPE, Moffat(fwhm=3.0), seed=9)
        write_exposure(tmp_path / name, exposure)
    assert (tmp_path / "a.fits").read_bytes() == (tmp_path / "b.fits").read_bytes()
