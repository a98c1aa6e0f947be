"""The page on describing images of one's own, done to the letter on plain images with weight maps."""

import re
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
from astropy.io import fits

from coaddc import Butler
from coaddc.model.psf import Moffat
from coaddc.sim.field import distorted_wcs, scattered_stars, star_field
from tests.pages import ROOT, commands, write_files

PAGE = ROOT / "docs/how-to/describe-your-images.md"
SHAPE = (420, 330)
#: nJy: each star has it in every visit, whatever the zero point.
FLUX = 2e5
FWHM = (3.6, 4.4, 5.1)


def write_images(folder: Path) -> None:
    """Write visits in counts of changing worth, and their inverse variances beside them."""
    stars = scattered_stars(distorted_wcs(SHAPE, ra=62.4, dec=-24.6), SHAPE, spacing=50.0, flux=FLUX, seed=2)
    for visit, width in enumerate(FWHM):
        wcs = distorted_wcs(SHAPE, ra=62.4, dec=-24.6, rotation=(3.0, -2.0, 180.0)[visit])
        made = star_field(stars, wcs, SHAPE, Moffat(width), noise=20.0, seed=visit)
        worth = (3.0, 5.0, 8.0)[visit]  # nJy of a count
        header = wcs.header()
        header["PHOTZP"] = 31.4 - 2.5 * np.log10(worth)
        header["FRAME"], header["FILTER"] = 70 + visit, "r"
        header["DATE-OBS"], header["EXPTIME"] = f"2025-03-0{visit + 1}T04:05:06", 30.0
        night = folder / f"night{visit}"
        night.mkdir(parents=True)
        fits.PrimaryHDU(made.image / np.float32(worth), header).writeto(night / f"{visit:04}_sci.fits")
        fits.PrimaryHDU(worth**2 / made.variance, header).writeto(night / f"{visit:04}_wht.fits")


@pytest.fixture(scope="module")
def done(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, list[str]]:
    """A folder in which a reader has followed the page, and what each command said."""
    folder = tmp_path_factory.mktemp("own_images")
    write_images(folder / "images")
    assert write_files(PAGE, folder) == ["conf/survey/mine.yaml"]
    said = []
    for words in commands(PAGE):
        command = [sys.executable, "-m", "coaddc", *words]
        run = subprocess.run(command, cwd=folder, capture_output=True, text=True, check=False)
        assert run.returncode == 0, run.stdout + run.stderr
        said.append(run.stdout)
    return folder, said


def test_the_commands_of_the_page_make_coadds_of_all_images(done: tuple[Path, list[str]]) -> None:
    plan, made = done[1]
    assert "1 products asked: 1 to make" in plan
    assert re.search(r"│ +3 +│ +3 +│", plan), plan  # exposures, visits
    assert "2 made" in made
    assert "left out" not in plan + made


def test_stars_have_their_flux_and_inputs_their_seeing(done: tuple[Path, list[str]]) -> None:
    coadd = Butler(done[0] / "coadds").get("coadd", band="r", warp="direct")
    assert [item.row.visit for item in coadd.inputs] == [70, 71, 72]
    for item, width in zip(coadd.inputs, FWHM, strict=True):
        assert item.row.psf.startswith("measured from")
        assert item.row.seeing == pytest.approx(width * item.row.pixel_scale, rel=0.05)
    stars = scattered_stars(distorted_wcs(SHAPE, ra=62.4, dec=-24.6), SHAPE, spacing=50.0, flux=FLUX, seed=2)
    x, y = coadd.wcs.to_pixel(ra=stars.ra, dec=stars.dec)
    box = coadd.stacked.box
    yy, xx = np.mgrid[box.y0 : box.y1, box.x0 : box.x1]
    apertures = ((yy - b) ** 2 + (xx - a) ** 2 < 12**2 for a, b in zip(x, y, strict=True))
    fluxes = [coadd.stacked.image[aperture].sum() for aperture in apertures]
    whole = np.array([flux for flux in fluxes if np.isfinite(flux)])
    assert len(whole) > 20
    assert np.median(whole) == pytest.approx(FLUX, rel=0.03)  # the aperture has most of it
