"""Sub-bands run as a plan: from dispersed exposures to coadds of the parts of a band."""

from collections.abc import Mapping
from dataclasses import replace

import numpy as np
import pytest

from coaddc.engine.chain import Failure
from coaddc.model.air import Air
from coaddc.model.assembly import Assembly, Matching, PsfModelSection, WarpSection, WavelengthSection
from coaddc.model.images import Coadd
from coaddc.model.psf import Moffat
from coaddc.sim.chromatic import Sight, Spectra, black_bodies, dispersed_field
from coaddc.sim.field import distorted_wcs
from tests.assemblies import MemorySurvey, assembly
from tests.engine.test_run import compiled, flux_at, run

#: Right ascension and declination, degrees, temperatures, K, and fluxes, nJy, of the stars.
RA, DEC = np.array([62.3958, 62.4002, 62.4047]), np.array([-24.601, -24.598, -24.6035])
TEMPERATURE, FLUX = np.array([3200.0, 12000.0, 5500.0]), 2e5
#: Rows and columns of the exposures: more than the patch has, however they are turned.
SHAPE = (530, 540)
SKIES = ((1.1, 10.0), (1.7, -95.0), (1.6, 85.0), (1.4, -40.0), (1.8, 130.0))


def stars() -> Spectra:
    return black_bodies(
        ra=RA, dec=DEC, flux=np.full(3, FLUX), temperature=TEMPERATURE, band=(555.0, 690.0), steps=12
    )


def survey(*, seed: int | None) -> MemorySurvey:
    exposures = []
    for visit, (airmass, angle) in enumerate(SKIES):
        wcs = distorted_wcs(SHAPE, dec=-24.6 + 1e-4 * visit, rotation=37.0 + 71.0 * visit)
        sight = Sight(airmass, angle, Air(), 622.0, noise=5.0)
        made = dispersed_field(stars(), wcs, SHAPE, Moffat(3.6 + 0.3 * visit), sight, seed and seed + visit)
        row = {"visit": visit, "band": "r", "file": f"v{visit}", "survey_year": visit / 2, "mjd": 6e4 + visit}
        exposures.append(made.with_row(**row))
    return MemorySurvey(exposures)


def subband(number: int) -> Assembly:
    section = WavelengthSection(subband=number)
    sections = {"warp": WarpSection(matching=Matching.psf_model), "psf_model": PsfModelSection(fwhm=1.2)}
    made = assembly({"wavelength": str(number)}, wavelength=section, **sections)  # type: ignore[arg-type]
    return replace(made, wavelength=section)


def by_subband(made: Mapping[str, Coadd | Failure]) -> list[Coadd]:
    found = [coadd for coadd in made.values() if isinstance(coadd, Coadd)]
    assert len(found) == len(made) == 3
    return sorted(found, key=lambda coadd: str(coadd.data_id["wavelength"]))


@pytest.fixture(scope="module")
def coadds() -> list[Coadd]:
    return by_subband(run(survey(seed=None), *(subband(number) for number in range(3))))


def test_a_red_star_is_brightest_in_the_red_and_all_keep_their_flux(coadds: list[Coadd]) -> None:
    """A sub-band is the flux density there, so that the mean over sub-bands is the flux in the band."""
    fluxes = np.array([[flux_at(c, ra, dec, 24.0) for c in coadds] for ra, dec in zip(RA, DEC, strict=True)])
    np.testing.assert_allclose(fluxes.mean(axis=1), FLUX, rtol=0.02)
    slope = (fluxes[:, 2] - fluxes[:, 0]) / FLUX
    assert slope[0] > slope[2] > slope[1]


def test_sub_bands_have_the_psf_that_they_were_matched_to(coadds: list[Coadd]) -> None:
    for coadd in coadds:
        assert float(np.nanmedian(coadd.psf.fwhm)) == pytest.approx(1.2, rel=0.02)
        assert coadd.stacked.n_image.max() == len(SKIES)
        assert len(coadd.inputs) == len(SKIES)


def test_the_noise_is_what_variance_and_correlation_say() -> None:
    dark = survey(seed=None)
    empty = [
        replace(e, image=np.random.default_rng(i).normal(0, 5.0, e.image.shape).astype(np.float32))
        for i, e in enumerate(dark.exposures)
    ]
    for coadd in by_subband(run(MemorySurvey(empty), *(subband(number) for number in range(3)))):
        stacked = coadd.stacked
        full = stacked.n_image == len(SKIES)
        assert full.sum() > 3e4
        assert np.mean((stacked.image**2 / stacked.variance)[full]) == pytest.approx(1.0, abs=0.04)
        scaled = np.where(full, stacked.image / np.sqrt(stacked.variance), np.nan)
        middle = coadd.correlation.shape[0] // 2
        for dy, dx in ((0, 2), (3, 0), (4, 4)):
            ny, nx = scaled.shape
            found = np.nanmean(scaled[: ny - dy, : nx - dx] * scaled[dy:, dx:])
            assert found == pytest.approx(coadd.correlation[middle + dy, middle + dx], abs=0.04)


def test_the_cut_into_tiles_goes_around_squares_and_changes_no_more_than_rounding(
    coadds: list[Coadd],
) -> None:
    seen, asked = survey(seed=None), [subband(number) for number in range(3)]
    (unit,) = compiled(seen, asked, tile=170).units
    assert unit.tile_starts == (-265, 0)  # 0 is a multiple of 512; -95 would cut a square
    cut = by_subband(run(seen, *asked, workers=1, tile=170))
    # Matched warps are rounded to single precision, by blocks that begin elsewhere; a change of them that
    # visits see with strength s comes out s / (s**2 + a) times as large, and the ridge is a.
    most = np.finfo(np.float32).eps / (2.0 * np.sqrt(WavelengthSection().amplitude))
    for one, other in zip(coadds, cut, strict=True):
        brightest = one.stacked.image.max()
        np.testing.assert_allclose(one.stacked.image, other.stacked.image, rtol=0, atol=most * brightest)
        np.testing.assert_allclose(one.stacked.variance, other.stacked.variance, rtol=1e-5)
        np.testing.assert_array_equal(one.stacked.mask, other.stacked.mask)
