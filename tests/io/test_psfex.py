from pathlib import Path

import numpy as np
import pytest
from astropy.io import fits
from astropy.table import Table

from coaddc.io.exposures.headers import Headers
from coaddc.io.psfs.psfex import read_psfex
from coaddc.model.errors import DataError
from coaddc.model.pixel_psf import PixelPsf
from coaddc.model.psf import GaussianMixture, stamp

from .surveys import real
from .synthetic import psfex_table

NOBODY = Headers("a.fits", ({"EXPNUM": 7, "EXTNAME": "N2 "},))


def test_the_model_follows_its_polynomial(tmp_path: Path) -> None:
    psfex_table().writeto(tmp_path / "a.psf")
    psf = read_psfex(tmp_path / "a.psf", None, {}, NOBODY)
    assert psf is not None
    narrow, wide = (GaussianMixture((sigma,), (1.0,)) for sigma in (1.5, 2.0))
    first, last = (stamp(model, x=0.0, y=0.0, half=12) for model in (narrow, wide))
    # X_IMAGE is 1 at x = 0, and 101 at x = 100; y does not matter.
    np.testing.assert_allclose(stamp(psf, x=0.0, y=44.0, half=12), first, atol=1e-7)
    np.testing.assert_allclose(stamp(psf, x=100.0, y=3.0, half=12), last, atol=1e-7)
    np.testing.assert_allclose(stamp(psf, x=25.0, y=0.0, half=12), 0.75 * first + 0.25 * last, atol=1e-7)


@pytest.mark.parametrize("step", [0.5, 0.8, 1.0])
def test_between_samples_the_model_is_what_was_sampled(step: float) -> None:
    true = GaussianMixture.of_fwhm(4.2)
    n = int(24 / step) * 2 + 1
    offsets = (np.arange(n) - n // 2) * step
    dy, dx = np.meshgrid(offsets, offsets, indexing="ij")
    psf = PixelPsf(true.evaluate(x=0.0, y=0.0, dx=dx, dy=dy)[np.newaxis], step)
    fine = np.linspace(-7.3, 9.1, 57)
    dy, dx = np.meshgrid(fine, fine[:31] + 0.217, indexing="ij")
    expected = true.evaluate(x=0.0, y=0.0, dx=dx, dy=dy)
    found = psf.evaluate(x=3.0, y=4.0, dx=dx, dy=dy)
    # The true one has 0.06 % of its flux beyond the stamp.
    np.testing.assert_allclose(found, expected, atol=2e-3 * expected.max())
    assert psf.radius == pytest.approx(24, abs=step)


def test_the_total_is_1_wherever_the_source_falls_in_its_pixel() -> None:
    psf = PixelPsf(np.abs(stamp(GaussianMixture.of_fwhm(3.0), x=0.0, y=0.0, half=20))[np.newaxis] * 7.0)
    dy, dx = np.mgrid[-20:21, -20:21].astype(float)
    for shift_y, shift_x in ((0.0, 0.0), (0.5, 0.25), (-0.3, 0.49)):
        total = psf.evaluate(x=0.0, y=0.0, dx=dx - shift_x, dy=dy - shift_y).sum()
        assert total == pytest.approx(1.0, abs=2e-4)


def test_beyond_the_stamp_there_is_nothing() -> None:
    psf = PixelPsf(stamp(GaussianMixture.of_fwhm(3.0), x=0.0, y=0.0, half=5)[np.newaxis])
    far = np.array([[30.0, -30.0], [6.5, -7.0]])
    assert not psf.evaluate(x=0.0, y=0.0, dx=far, dy=np.zeros((2, 2))).any()


def test_a_merged_table_gives_each_detector_its_own_row(tmp_path: Path) -> None:
    stamps = np.stack([np.zeros((6, 7, 7)), np.zeros((6, 7, 7))]).astype(np.float32)
    stamps[0, 0, 3, 3], stamps[1, 0, 3, 3], stamps[1, 0, 3, 4] = 1.0, 1.0, 1.0
    numbers = {
        "polzero1": [0.0, 4.0],
        "polzero2": [0.0, 5.0],
        "polscal1": [1.0, 10.0],
        "polscal2": [1.0, 20.0],
    }
    columns = [
        fits.Column("expnum", "K", array=[7, 7]),
        fits.Column("ccdname", "3A", array=["N1", "N2"]),
        fits.Column("poldeg1", "J", array=[2, 2]),
        fits.Column("psf_samp", "E", array=[1.0, 1.0]),
        fits.Column("polname1", "7A", array=["X_IMAGE", "X_IMAGE"]),
        fits.Column("polname2", "7A", array=["Y_IMAGE", "Y_IMAGE"]),
        fits.Column("psf_mask", "294E", dim="(7,7,6)", array=stamps),
        *(fits.Column(name, "D", array=values) for name, values in numbers.items()),
    ]
    fits.BinTableHDU.from_columns(columns).writeto(tmp_path / "m.fits")
    match = {"expnum": "EXPNUM", "ccdname": "EXTNAME"}
    psf = read_psfex(tmp_path / "m.fits", None, match, NOBODY)
    assert psf is not None
    assert (psf.degree, psf.zero, psf.scale) == (2, (3.0, 4.0), (10.0, 20.0))
    assert stamp(psf, x=0.0, y=0.0, half=1)[1, 1:] == pytest.approx([0.5, 0.5], abs=0.01)
    other = Headers("b.fits", ({"EXPNUM": 8, "EXTNAME": "N2"},))
    assert read_psfex(tmp_path / "m.fits", None, match, other) is None
    with pytest.raises(DataError, match=r"2 rows for a\.fits, expected one"):
        read_psfex(tmp_path / "m.fits", None, {"expnum": "EXPNUM"}, NOBODY)
    with pytest.raises(DataError, match="no column 'ccd'; did you mean 'ccdname'"):
        read_psfex(tmp_path / "m.fits", None, {"ccd": "EXTNAME"}, NOBODY)


def test_a_file_that_does_not_exist_has_no_model(tmp_path: Path) -> None:
    assert read_psfex(tmp_path / "none.fits", None, {}, NOBODY) is None


def test_a_number_of_stamps_that_the_degree_does_not_need_is_refused(tmp_path: Path) -> None:
    psfex_table(POLDEG1=2).writeto(tmp_path / "a.psf")
    with pytest.raises(DataError, match="degree 2 needs 6 stamps"):
        read_psfex(tmp_path / "a.psf", None, {}, NOBODY)


def test_real_models_are_as_sharp_as_the_legacy_surveys_say() -> None:
    folder = real("decam_ls_testcase4")
    ccds = Table.read(folder / "survey-ccds-1.fits.gz", hdu=1)
    known = {int(row["expnum"]): row for row in ccds}
    for path in sorted(folder.glob("calib/**/*-psfex.fits")):
        psf = read_psfex(path, None, {}, NOBODY)
        assert psf is not None
        assert (psf.degree, psf.stamps.shape) == (2, (6, 63, 63))
        ccd = known[fits.getval(path, "EXPNUM")]
        # psfnorm is sqrt(sum(psf**2)) in the middle of the image; it tells the terms' order and their signs.
        image = stamp(psf, x=ccd["width"] / 2, y=ccd["height"] / 2, half=31)
        assert np.sqrt((image**2).sum()) == pytest.approx(ccd["psfnorm"], rel=3e-4)
