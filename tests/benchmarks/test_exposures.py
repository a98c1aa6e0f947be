from pathlib import Path

import numpy as np
import pytest
from astropy.io import fits
from exposures import DEC, NOISE, RA, SCALE, SEEING, Field, level_weights, new_area, sky, truth, visits, write
from measure import agreement, undisturbed
from programs import SWARP, coadd_path, read_coaddc, read_swarp, run_coaddc, run_swarp

from coaddc.model.wcs import Wcs

FIELD = Field(count=3, side=260, stars=False, bad=7, seed=5)


def test_visits_fill_the_ranges_and_share_the_scale_of_their_centres() -> None:
    found = visits(Field(count=20))
    assert sorted(v.seeing for v in found) == pytest.approx(np.linspace(*SEEING, 20))
    assert {min(v.noise for v in found), max(v.noise for v in found)} == set(NOISE)
    assert {round(v.rotation / 90.0) % 4 for v in found} == {0, 1, 2, 3}
    for visit in found:
        assert visit.wcs(700).pixel_scale(x=349.5, y=349.5) == pytest.approx(SCALE, rel=1e-6)


def test_corners_are_displaced_by_the_distortion() -> None:
    visit = visits(Field(count=4))[1]
    plain = Wcs.tan(ra=visit.ra, dec=visit.dec, scale=SCALE, x=0.0, y=0.0)
    ra, dec = visit.wcs(600).to_sky(x=[0.0, 599.0], y=[0.0, 599.0])
    x, y = plain.to_pixel(ra=ra, dec=dec)
    moved = np.hypot(x, y) / np.hypot(299.5, 299.5) - 1.0
    assert np.abs(moved).max() > 0.5 * visit.distortion
    assert np.abs(moved).max() < 2.0 * visit.distortion


def test_bad_pixels_are_wild_flagged_and_without_weight(tmp_path: Path) -> None:
    images = write(tmp_path, FIELD)
    assert len(images) == FIELD.count
    for path, visit in zip(images, visits(FIELD), strict=True):
        image, weight, mask = (
            fits.getdata(tmp_path / kind / path.name) for kind in ("image", "weight", "mask")
        )
        assert (mask == 1).sum() == FIELD.bad
        assert (image[mask == 1] == 3e4).all()
        assert (weight[mask == 1] == 0.0).all()
        assert weight[mask == 0] == pytest.approx(visit.noise**-2, rel=1e-6)


def test_the_true_coadd_holds_the_flux_of_its_stars() -> None:
    field = Field(count=2, side=260)
    wcs = Wcs.tan(ra=RA, dec=DEC, scale=SCALE, x=400.0, y=350.0)
    image = truth(field, wcs, (700, 800))
    assert image.sum() == pytest.approx(sky(field).flux.sum(), rel=1e-3)


def test_pixels_of_half_the_side_have_a_quarter_of_the_area() -> None:
    fine = Wcs.tan(ra=RA, dec=DEC, scale=0.1, x=20.0, y=30.0)
    coarse = Wcs.tan(ra=RA, dec=DEC, scale=0.2, x=90.0, y=80.0)
    assert new_area(fine, coarse, (60, 40)) == pytest.approx(np.full((60, 40), 0.25), rel=1e-6)


@pytest.mark.skipif(SWARP is None, reason="SWarp (Debian package swarp) is not installed")
def test_coaddc_and_swarp_make_the_same_pixels_to_a_thousandth_of_the_noise(tmp_path: Path) -> None:
    write(tmp_path, FIELD)
    run_coaddc(tmp_path, "store", ["warp=lanczos3", "stack=mean"])
    path = coadd_path(tmp_path, "store")
    ours = read_coaddc(path)
    level_weights(tmp_path, Wcs(ours.header))
    settings = {
        "RESAMPLING_TYPE": "LANCZOS3",
        "COMBINE_TYPE": "WEIGHTED",
        "FSCALASTRO_TYPE": "VARIABLE",
        "PROJECTION_ERR": "0",
    }
    run_swarp(tmp_path, "swarp", ours.header, settings)
    clear = undisturbed(fits.getdata(path, "NIMAGE"), 8)
    assert clear.mean() > 0.2
    assert agreement(ours, read_swarp(tmp_path, "swarp"), clear).rms < 1e-3
