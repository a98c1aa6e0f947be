"""One tract around a survey."""

from dataclasses import replace

import numpy as np
import pytest

from coaddc.model.errors import PlanError
from coaddc.model.exposures import ExposureRow, ExposureTable
from coaddc.model.skymap_options import SkymapOptions
from coaddc.model.skymaps.discrete import DiscreteSkymap, discrete_for, discrete_from
from coaddc.model.skymaps.make import make_skymap, reopen_skymap, skymap_from
from tests.model.skymap_rows import row


def survey(ra: float = 359.95, dec: float = -41.0) -> ExposureTable:
    rng = np.random.default_rng(11)
    return ExposureTable(
        row(ra=(ra + dra) % 360, dec=dec + ddec, angle=angle, visit=visit)
        for visit, (dra, ddec, angle) in enumerate(
            zip(rng.uniform(-0.2, 0.2, 9), rng.uniform(-0.1, 0.1, 9), rng.uniform(0, 360, 9), strict=True)
        )
    )


def fit(rows: ExposureTable | list[ExposureRow], **options: object) -> DiscreteSkymap:
    return discrete_for(SkymapOptions(name="sky", **options), rows)  # type: ignore[arg-type]


@pytest.mark.parametrize(("ra", "dec"), [(359.95, -41.0), (120.0, 0.0), (33.0, 89.97), (200.0, -89.5)])
def test_the_tract_holds_all_corners_across_ra_zero_and_at_the_poles(ra: float, dec: float) -> None:
    table = ExposureTable([row(ra=ra, dec=dec, angle=30), row(ra=(ra + 0.1) % 360, dec=dec, visit=2)])
    skymap = fit(table, patch_inner=700, patch_border=30)
    box = skymap.grid.box
    wcs = skymap.patches(0)[0].wcs
    for exposure in table:
        x, y = wcs.to_pixel(ra=exposure.corner_ra, dec=exposure.corner_dec)
        assert (x.min(), y.min()) >= (-0.5, -0.5)
        assert x.max() <= box.x1 - 0.5
        assert y.max() <= box.y1 - 0.5
    # and no row or column of patches is empty of them
    x, y = wcs.to_pixel(ra=[r.corner_ra for r in table], dec=[r.corner_dec for r in table])
    assert x.max() - x.min() > (skymap.grid.nx - 1) * skymap.grid.inner
    assert y.max() - y.min() > (skymap.grid.ny - 1) * skymap.grid.inner
    assert skymap.grid.inner <= 700


def test_a_small_survey_is_one_patch() -> None:
    patches = fit([row()]).patches(0)
    assert [(p.name, p.sequence, p.tract) for p in patches] == [("0,0", 0, 0)]
    assert patches[0].box == patches[0].inner  # clipped


def test_patches_are_no_larger_than_the_survey_needs() -> None:
    skymap = fit([row()])
    x, y = skymap.patches(0)[0].wcs.to_pixel(ra=row().corner_ra, dec=row().corner_dec)
    extent = max(np.ptp(x), np.ptp(y))
    assert extent < skymap.grid.inner <= extent + 52
    again = discrete_from("sky", skymap.definition)
    assert again == skymap


def test_borders_overlap_and_end_at_the_edge_of_the_tract() -> None:
    skymap = fit(survey(), patch_inner=1000, patch_border=40)
    patches = skymap.patches(0)
    nx = skymap.grid.nx
    assert nx != skymap.grid.ny
    second = patches[nx + 1]
    assert second.name == "1,1"
    assert skymap.grid.inner == 950  # not 1000: three fit the survey
    assert (second.box.y0, second.box.x0, second.box.y1, second.box.x1) == (910, 910, 1940, 1940)
    assert (patches[0].box.y0, patches[0].box.x0) == (0, 0)
    assert sum(p.inner.area for p in patches) == skymap.grid.box.area


def test_the_pixel_scale_is_the_median_in_two_digits_or_as_given() -> None:
    rows = [row(pixel_scale=scale) for scale in (0.2626, 0.2634, 0.21, np.nan)]
    assert fit(rows).grid.scale == 0.26
    assert fit([row(pixel_scale=1.0124)]).grid.scale == 1.0
    assert fit([row(pixel_scale=0.0312)]).grid.scale == 0.031
    assert fit(rows, pixel_scale=0.4).grid.scale == 0.4


def test_a_few_exposures_more_inside_do_not_move_it() -> None:
    table = survey()
    more = ExposureTable([*table, *(replace(r, visit=100 + r.visit, pixel_scale=0.3004) for r in table)])
    assert fit(more).definition == fit(table).definition


def test_the_tangent_point_is_a_round_number() -> None:
    skymap = fit(survey())
    np.testing.assert_allclose((skymap.ra, skymap.dec), np.round((skymap.ra, skymap.dec), 2), atol=1e-12)


def test_the_definition_makes_the_same_map_again_when_the_survey_has_grown() -> None:
    first = fit(survey(), patch_inner=500)
    grown = ExposureTable([*survey(), row(ra=1.5, dec=-41.0, visit=50)])
    options = SkymapOptions(name="sky", patch_inner=500)
    assert make_skymap(options, grown).definition != first.definition
    assert skymap_from("sky", first.definition) == first
    assert reopen_skymap(options, first.definition) == first


def test_another_pixel_scale_under_a_frozen_name_is_refused() -> None:
    definition = fit(survey()).definition
    with pytest.raises(PlanError, match=r"skymap\.pixel_scale=0\.25 \(was 0\.3\)"):
        reopen_skymap(SkymapOptions(name="sky", pixel_scale=0.25), definition)


def test_exposures_without_corners_are_passed_over() -> None:
    lost = row(visit=9, corner_ra=(np.nan,) * 4, corner_dec=(np.nan,) * 4)
    assert fit([row(), lost]).definition == fit([row()]).definition


def test_no_exposures_are_refused() -> None:
    with pytest.raises(PlanError, match="there are none"):
        make_skymap(SkymapOptions(name="sky"), None)


def test_exposures_all_over_the_sky_are_refused_and_the_furthest_named() -> None:
    with pytest.raises(PlanError, match=r"reach .* degrees from their middle \(visit 7 .*skymap=ring"):
        fit([row(ra=10), row(ra=10.1), row(ra=50, visit=7)])
    with pytest.raises(PlanError, match="skymap=ring"):
        fit([row(ra=0), row(ra=180)])


def test_another_tract_than_0_is_refused() -> None:
    with pytest.raises(PlanError, match="tract=3: the sky map sky has one tract, 0"):
        fit([row()]).patches(3)


def test_only_what_comes_near_finds_the_tract() -> None:
    skymap = fit([row(ra=10, dec=-5)])
    near = skymap.tracts_near(ra=np.array([10.0]), dec=np.array([-5.3]), radius=0.3)
    far = skymap.tracts_near(ra=np.array([10.0]), dec=np.array([-5.3]))
    assert (near, far) == ((0,), ())
