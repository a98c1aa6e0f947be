"""Trails, saturation, cosmic rays, bad pixels."""

import numpy as np
import pytest

from coaddc.model.mask import bit
from coaddc.sim.defects import FULL_WELL, bleed, cosmic_rays, detector_defects, trail
from coaddc.sim.psf import FieldMoffat

SHAPE = (150, 210)
PSF = FieldMoffat((5.0, 0, 0, 0, 0, 0), (0.2, 0, 0, 0, 0, 0), (-0.1, 0, 0, 0, 0, 0))


def test_a_trail_is_a_row_of_point_sources():
    start, end = (20.0, 40.0), (180.0, 100.0)
    found = trail(SHAPE, PSF, start=start, end=end)
    length = np.hypot(160.0, 60.0)
    steps = np.arange(-3.0, 4.0, 0.25 / length)
    x, y = 20.0 + 160.0 * steps, 40.0 + 60.0 * steps
    for row, column in ((70, 100), (72, 100), (66, 103), (80, 90)):
        psf = PSF.evaluate(x=105.0, y=75.0, dx=column - x, dy=row - y)
        assert found[row, column] == pytest.approx(0.25 * psf.sum(), rel=1e-3)


def test_charge_bleeds_along_the_column_and_is_kept():
    image = np.zeros(SHAPE)
    image[60:64, 100] = (2e5, 9e5, 8e5, 1e5)
    image[70, 100], image[10, 30] = 5e4, 5.9e4
    before, others = image[:, 100].sum(), np.delete(image, 100, axis=1)
    saturated = bleed(image, 100.0)
    well = FULL_WELL - 100.0
    assert image[:, 100].sum() == pytest.approx(before)
    np.testing.assert_array_equal(np.delete(image, 100, axis=1), others)
    assert image.max() <= well
    assert saturated[:, 100].sum() == saturated.sum() == (image[:, 100] >= well).sum()
    rows = np.flatnonzero(saturated[:, 100])
    assert rows.min() <= 46
    assert rows.max() >= 77
    assert np.ptp(rows) + 1 == rows.size


def test_charge_that_runs_off_the_end_of_its_column_is_lost():
    image = np.zeros(SHAPE)
    image[2, 5] = 1e6
    assert bleed(image, 0.0)[:3, 5].all()
    # Its own well and two above it; half of the rest, and no more, runs the other way.
    assert image.sum() == pytest.approx(3 * FULL_WELL + (1e6 - FULL_WELL) / 2)


def test_nothing_bleeds_where_nothing_saturates():
    image = np.full(SHAPE, 5e4)
    assert not bleed(image, 100.0).any()
    assert (image == 5e4).all()


def test_bad_pixels_are_those_with_a_charge_and_belong_to_the_detector():
    (mask, charge), (again, _) = (detector_defects(np.random.default_rng(8), SHAPE) for _ in range(2))
    np.testing.assert_array_equal(mask, again)
    np.testing.assert_array_equal(mask == bit("BAD"), charge != 0.0)
    whole = np.isnan(charge).all(axis=0)
    part = np.isnan(charge).any(axis=0) & ~whole
    assert (whole.sum(), part.sum()) == (1, 1)
    assert 2 * 150 < (mask > 0).sum() < 3 * 150 + 10


def test_cosmic_rays_are_tracks_inside_the_image_some_of_them_flagged():
    rays = cosmic_rays(np.random.default_rng(4), (1500, 2100))
    assert rays.x.min() >= 0
    assert rays.x.max() < 2100
    assert rays.y.max() < 1500
    assert rays.charge.min() > 100.0
    assert 0.5 < rays.flagged.mean() < 0.9
    none = cosmic_rays(np.random.default_rng(4), (1, 1))
    assert none.x.size == none.flagged.size == 0
