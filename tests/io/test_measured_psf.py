from functools import partial
from pathlib import Path

import numpy as np
import pytest

from coaddc.io.psfs.measured_psf import VERSION, keep_psf, kept_psf, measure_psf
from coaddc.io.psfs.star_select import TooFewStarsError, find_stars
from coaddc.model.geom import Box
from coaddc.model.images import Pixels
from coaddc.model.mask import bit
from coaddc.model.psf import Floats, Moffat, fwhm, stamp

SHAPE = (520, 610)


class Leaning:
    """An elliptical Moffat that widens from left to right by 8 %."""

    radius = 30.0

    def __init__(self, width: float) -> None:
        self.width = width

    def evaluate(self, *, x: float, y: float, dx: Floats, dy: Floats) -> Floats:
        width = self.width * (0.96 + 0.08 * x / SHAPE[1])
        cos, sin, stretch = np.cos(0.5), np.sin(0.5), 1.06
        u, v = (cos * dx + sin * dy) * stretch, (cos * dy - sin * dx) / stretch
        return Moffat(width, 3.0).evaluate(x=x, y=y, dx=u, dy=v)


def sky_of(psf: Leaning, *, stars: int, galaxies: int = 60, noise: float = 10.0) -> Pixels:
    """Stars, fluffier galaxies, a dead column and noise with the sources' own."""
    rng = np.random.default_rng(5)
    image = np.zeros(SHAPE)

    def add(flux: float, model: Leaning | Moffat) -> None:
        x, y = rng.uniform(0, SHAPE[1]), rng.uniform(0, SHAPE[0])
        yy, xx = np.ogrid[: SHAPE[0], : SHAPE[1]]
        box = (slice(max(0, int(y) - 50), int(y) + 51), slice(max(0, int(x) - 50), int(x) + 51))
        dx, dy = np.broadcast_arrays(xx[:, box[1]] - x, yy[box[0]] - y)
        image[box] += flux * model.evaluate(x=x, y=y, dx=dx, dy=dy)

    for _ in range(stars):
        add(10 ** rng.uniform(3.5, 5.5), psf)
    for _ in range(galaxies):
        add(10 ** rng.uniform(3.0, 4.7), Moffat(psf.width * rng.uniform(1.4, 3.0), 2.5))
    image += rng.normal(size=SHAPE) * np.sqrt(noise**2 + image / 5.0)
    mask = np.zeros(SHAPE, np.int32)
    image[:, 300], mask[:, 300] = np.nan, bit("BAD")
    variance = np.full(SHAPE, noise**2, np.float32)
    return Pixels(Box.of_shape(SHAPE), image.astype(np.float32), variance, mask)


@pytest.mark.parametrize("width", [2.1, 3.3, 5.0])
def test_the_measured_psf_is_the_true_one(width: float) -> None:
    true = Leaning(width)
    measured = measure_psf(sky_of(true, stars=60), min_stars=8, min_snr=40.0)
    assert measured.stars > 20
    cut = partial(stamp, half=int(4 * width))
    for x, y in ((305.0, 260.0), (60.0, 450.0), (550.0, 60.0)):
        ours, truth = cut(measured.psf, x=x, y=y), cut(true, x=x, y=y)
        assert fwhm(ours) == pytest.approx(fwhm(truth), rel=0.02)
        assert np.abs(ours - truth).max() < 0.03 * truth.max()
        assert (ours**2).sum() == pytest.approx((truth**2).sum(), rel=0.03)


def test_few_stars_among_many_galaxies_are_found() -> None:
    measured = measure_psf(sky_of(Leaning(3.0), stars=25, galaxies=150), min_stars=8, min_snr=40.0)
    ours = stamp(measured.psf, x=305.0, y=260.0, half=12)
    assert fwhm(ours) == pytest.approx(fwhm(stamp(Leaning(3.0), x=305.0, y=260.0, half=12)), rel=0.02)


def test_stars_lie_where_they_were_put_and_none_on_the_dead_column() -> None:
    stars, radius = find_stars(sky_of(Leaning(3.0), stars=60), min_snr=40.0)
    assert 1.5 < radius < 2.3
    assert all(abs(star.x - 300) > 2.0 * radius for star in stars)
    assert [star.snr for star in stars] == sorted((star.snr for star in stars), reverse=True)


def test_an_empty_field_has_too_few_stars() -> None:
    empty = sky_of(Leaning(3.0), stars=0, galaxies=0)
    with pytest.raises(TooFewStarsError, match="0 stars, expected 8"):
        measure_psf(empty, min_stars=8, min_snr=40.0)


def test_what_is_kept_is_what_was_measured(tmp_path: Path) -> None:
    measured = measure_psf(sky_of(Leaning(3.3), stars=40), min_stars=8, min_snr=40.0)
    keep_psf(tmp_path, "ab12", measured)
    kept = kept_psf(tmp_path, "ab12")
    assert kept is not None
    assert kept.stars == measured.stars
    cut = partial(stamp, x=50.0, y=400.0, half=10)
    np.testing.assert_array_equal(cut(kept.psf), cut(measured.psf))
    assert kept_psf(tmp_path, "cd34") is None


def test_a_broken_file_in_the_cache_is_as_none(tmp_path: Path) -> None:
    path = tmp_path / f"psf-{VERSION}" / "ab" / "ab12.npz"
    path.parent.mkdir(parents=True)
    path.write_bytes(b"PK\x03\x04 cut off")
    assert kept_psf(tmp_path, "ab12") is None
