"""PSF matching on analytic PSFs, with truth by direct evaluation."""

import numpy as np
import pytest

from coaddc.model.geom import Box
from coaddc.model.images import Warp
from coaddc.model.mask import bit
from coaddc.model.psf import Floats, GaussianMixture, Moffat, fwhm, stamp
from coaddc.model.wcs import Wcs
from coaddc.ops.coadd_psf import PsfInput, coadd_psf
from coaddc.ops.kernel_field import KernelField
from coaddc.ops.match import Matching, kernel_field, match, noise_gain
from coaddc.ops.warped_psf import WarpedPsf

TRACT = Wcs.tan(ra=30.0, dec=-5.0, scale=0.2, x=500.0, y=400.0)
EXPOSURE = Wcs.tan(ra=30.01, dec=-5.002, scale=0.2, x=300.0, y=280.0)
SHAPE = (600, 700)
TARGET = GaussianMixture.of_fwhm(5.5)
MATCHING = Matching(TARGET, half=15, cell=200, regularisation=1e-6)
WHITE = np.ones((1, 1))
BOX = Box(y0=211, y1=462, x0=540, x1=701)


class Growing:
    """A Moffat that widens along x by a tenth over the image."""

    radius = 20.0

    def evaluate(self, *, x: float, y: float, dx: Floats, dy: Floats) -> Floats:
        return Moffat(3.6 + 0.36 * x / SHAPE[1]).evaluate(x=x, y=y, dx=dx, dy=dy)


SOURCE = WarpedPsf(Growing(), EXPOSURE, SHAPE, TRACT)


@pytest.fixture(scope="module")
def kernels() -> KernelField:
    return kernel_field(SOURCE, MATCHING, BOX.grow(MATCHING.half), WHITE)


def warp_of(image: Floats, box: Box) -> Warp:
    ones = np.ones(box.shape, np.float32)
    return Warp(box, image.astype(np.float32), ones, np.zeros(box.shape, np.int32), ones.copy())


def stars(box: Box, places: list[tuple[float, float]]) -> Floats:
    image = np.zeros(box.shape)
    yy, xx = np.mgrid[box.y0 : box.y1, box.x0 : box.x1].astype(float)
    for y, x in places:
        v, u, _ = SOURCE.locate(y=y, x=x)
        image += Growing().evaluate(x=u, y=v, dx=xx - x, dy=yy - y)
    return image


def test_matched_stars_have_the_target_psf_wherever_they_are(kernels: KernelField) -> None:
    places = [(251.3, 570.6), (330.0, 620.0), (421.7, 671.2)]
    made = match(warp_of(stars(BOX.grow(15), places), BOX.grow(15)), kernels, BOX)
    yy, xx = np.mgrid[BOX.y0 : BOX.y1, BOX.x0 : BOX.x1].astype(float)
    truth = sum(TARGET.evaluate(x=0, y=0, dx=xx - x, dy=yy - y) for y, x in places)
    assert np.abs(made.image - truth).max() < 5e-3 * np.max(truth)
    for y, x in places:
        near = (yy - y) ** 2 + (xx - x) ** 2 < 12**2
        assert made.image[near].sum() == pytest.approx(np.sum(truth[near]), rel=3e-3)


def test_the_kernel_sums_to_one_everywhere(kernels: KernelField) -> None:
    made = match(warp_of(np.full(BOX.grow(15).shape, 7.0), BOX.grow(15)), kernels, BOX)
    np.testing.assert_allclose(made.image, 7.0, rtol=1e-5)


def test_the_variance_is_that_of_the_convolved_noise(kernels: KernelField) -> None:
    rng = np.random.default_rng(3)
    wide = BOX.grow(15)
    skies = [match(warp_of(rng.standard_normal(wide.shape), wide), kernels, BOX) for _ in range(24)]
    made = skies[0]
    chi2 = np.mean([np.mean(sky.image**2 / sky.variance) for sky in skies])
    assert chi2 == pytest.approx(1.0, abs=0.03)  # some 24,000 independent values: 0.9 % of error
    assert made.variance[0, 0] < made.variance[0, -1]  # more to smooth where the PSF is narrow


def test_missing_data_takes_a_rim_with_it_and_bad_pixels_grow(kernels: KernelField) -> None:
    wide = BOX.grow(15)
    warp = warp_of(np.ones(wide.shape), wide)
    warp.weight[:60, :] = 0
    warp.mask[150, 100] = bit("CR")
    made = match(warp, kernels, BOX)
    last = 60 - 15 + kernels.edge
    assert (made.weight[:last] == 0).all()
    assert (made.mask[:last] == bit("NO_DATA")).all()
    assert (made.weight[last:] == 1).all()
    np.testing.assert_allclose(made.image[last:], 1.0, atol=1e-2)
    flagged = np.argwhere(made.mask[last:] == bit("CR"))
    assert len(flagged) == (2 * kernels.core + 1) ** 2
    np.testing.assert_allclose(flagged.mean(axis=0), [150 - 15 - last, 100 - 15])


def test_the_result_does_not_depend_on_how_the_box_is_cut(kernels: KernelField) -> None:
    rng = np.random.default_rng(4)
    whole = warp_of(rng.standard_normal(BOX.grow(15).shape), BOX.grow(15))
    upper = Box(y0=300, y1=BOX.y1, x0=BOX.x0, x1=BOX.x1)
    cut = kernel_field(SOURCE, MATCHING, upper.grow(15), WHITE)
    wide = upper.grow(15)
    at = wide.within(whole.box)
    planes = [np.ascontiguousarray(p[at]) for p in (whole.image, whole.variance, whole.mask, whole.weight)]
    part = match(Warp(wide, *planes), cut, upper)  # type: ignore[arg-type]
    image = match(whole, kernels, BOX).image[upper.within(BOX)]
    assert np.abs(part.image - image).max() < 1e-3 * image.std()


def test_a_rotated_finer_exposure_has_its_psf_turned_and_scaled() -> None:
    from astropy.io.fits import Header

    header = Header(TRACT.header())
    angle, scale = np.radians(30.0), 0.1 / 3600
    header.update({"CRVAL1": 30.0, "CRVAL2": -5.0, "CRPIX1": 400.0, "CRPIX2": 500.0})
    for key in ("CDELT1", "CDELT2"):
        header[key] = 1.0
    header["PC1_1"], header["PC1_2"] = -scale * np.cos(angle), scale * np.sin(angle)
    header["PC2_1"], header["PC2_2"] = scale * np.sin(angle), scale * np.cos(angle)

    class Long:
        radius = 40.0

        def evaluate(self, *, x: float, y: float, dx: Floats, dy: Floats) -> Floats:
            return np.exp(-0.5 * ((dx / 6.0) ** 2 + (dy / 3.0) ** 2)) / (2 * np.pi * 18.0)

    image = WarpedPsf(Long(), Wcs(header), (1000, 800), TRACT).stamp(y=400.0, x=500.0, half=20)
    dy, dx = np.mgrid[-20:21, -20:21]
    xx, yy, xy = ((image * m).sum() for m in (dx**2, dy**2, dx * dy))
    assert np.sort(np.linalg.eigvalsh([[xx, xy], [xy, yy]])) == pytest.approx([1.5**2, 3.0**2], rel=1e-3)
    position_angle = np.degrees(0.5 * np.arctan2(2 * xy, xx - yy))
    assert abs(abs(position_angle) - 30.0) < 0.1


def test_the_psf_of_a_coadd_is_the_weighted_mean_and_the_target_where_matched() -> None:
    narrow = WarpedPsf(Moffat(3.0), EXPOSURE, SHAPE, TRACT)
    wide = WarpedPsf(Moffat(5.0), EXPOSURE, SHAPE, TRACT)
    cells = coadd_psf([PsfInput(narrow, 3.0), PsfInput(wide, 1.0)], BOX, cell=100, half=20, scale=0.2)
    truth = 0.75 * stamp(Moffat(3.0), x=0, y=0, half=20) + 0.25 * stamp(Moffat(5.0), x=0, y=0, half=20)
    assert cells.stamps.shape == (3, 2, 41, 41)
    assert np.abs(cells.stamps[1, 1] - truth).max() < 1e-4
    both = [
        PsfInput(source, weight, kernel_field(source, MATCHING, BOX, WHITE))
        for source, weight in ((narrow, 3.0), (SOURCE, 1.0))
    ]
    matched = coadd_psf(both, BOX, cell=300, half=20, scale=0.2)
    assert matched.fwhm[0, 0] == pytest.approx(5.5 * 0.2, rel=5e-3)
    assert fwhm(matched.stamps[0, 0]) * 0.2 == pytest.approx(matched.fwhm[0, 0])


def test_a_cell_without_inputs_has_no_psf() -> None:
    far = Box(y0=5000, y1=5100, x0=0, x1=150)
    cells = coadd_psf([PsfInput(SOURCE, 1.0)], far, cell=100, half=5, scale=0.2)
    assert np.isnan(cells.stamps).all()
    assert np.isnan(cells.fwhm).all()


@pytest.mark.parametrize(("side", "lags"), [(7, 1), (8, 5), (21, 13), (3, 9)])
def test_the_gain_is_the_kernel_with_itself_at_all_lags_times_their_correlation(side: int, lags: int) -> None:
    rng = np.random.default_rng(side)
    kernel, half = rng.normal(size=(side, side)), lags // 2
    correlation = rng.normal(size=(lags, lags))
    correlation += correlation[::-1, ::-1]
    total = sum(
        kernel[y, x] * kernel[v, u] * correlation[half + v - y, half + u - x]
        for y, x in np.ndindex(side, side)
        for v, u in np.ndindex(side, side)
        if abs(v - y) <= half and abs(u - x) <= half
    )
    assert noise_gain(kernel, correlation) == pytest.approx(total, rel=1e-9)
