"""The ring map agrees with lsst.skymap: published centres, boxes and patch numbers."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from coaddc.model.errors import PlanError
from coaddc.model.geom import Box
from coaddc.model.skymap_options import Layout, SkymapOptions
from coaddc.model.skymaps.make import make_skymap, reopen_skymap, skymap_from
from coaddc.model.skymaps.ring import RingSkymap
from coaddc.model.skymaps.sphere import separation, vectors

HSC = SkymapOptions(
    name="hsc_rings_v1", layout=Layout.ring, pixel_scale=0.168, patch_inner=4000, patch_border=100
)
DC2 = SkymapOptions(name="DC2", layout=Layout.ring, pixel_scale=0.2, patch_inner=4000, patch_border=100)
CELLS = SkymapOptions(
    name="lsst_cells_v1", layout=Layout.ring, pixel_scale=0.2, patch_inner=3000, patch_border=200,
    clip_border=False,
)  # fmt: skip


def ring(options: SkymapOptions, **changes: object) -> RingSkymap:
    values = {name: getattr(options, name) for name in options.__dataclass_fields__}
    return RingSkymap.make(SkymapOptions(**(values | changes)))  # type: ignore[arg-type]


@pytest.mark.parametrize(
    ("tract", "numbering", "ra", "dec"),
    [
        # lsst/skymap, tests/test_ringsSkyMap.py: COSMOS, and the tract at RA 0, in the old numbers
        (9813, 0, 150.2479338842975, 2.2314049586776834),
        (9712, 0, 0.0, 0.7438016528925696),
        # away from RA 0 the new numbers are the same
        (9813, 1, 150.2479338842975, 2.2314049586776834),
    ],
)
def test_tract_centres_are_those_of_the_hsc_survey(tract: int, numbering: int, ra: float, dec: float) -> None:
    np.testing.assert_allclose(ring(HSC, numbering=numbering).centre(tract), (ra, dec), rtol=0, atol=1e-10)


def test_old_and_new_numbers_differ_at_ra_zero_only() -> None:
    old, new = ring(HSC, numbering=0), ring(HSC)
    differ = [t for t in range(len(new)) if old.centre(t) != pytest.approx(new.centre(t), abs=1e-9)]
    assert all(old.centre(t)[0] == pytest.approx(0.0, abs=1e-9) for t in differ)
    assert len(differ) == 119  # all rings but the first
    # tract 1 is there twice (lsst/skymap, docstring of RingsSkyMap), under the number after its ring too
    twice = [t for t in range(1, 30) if old.centre(t) == pytest.approx(old.centre(1), abs=1e-9)]
    assert len(twice) == 2


def test_three_rings_are_26_tracts() -> None:
    # lsst/skymap, tests/test_ringsSkyMap.py: numRings = 3, numTracts = 26
    assert len(ring(HSC, rings=3)) == 26


def test_hsc_tracts_have_9_by_9_patches_of_4200_pixels() -> None:
    # Aihara et al. 2018 (PASJ 70, S8), section 4: tracts of 9 x 9 patches, 4200 pixels each with overlaps
    patches = ring(HSC).patches(9813)
    assert len(patches) == 81
    centre = patches[40]
    assert (centre.name, centre.sequence, centre.box.shape) == ("4,4", 40, (4200, 4200))
    assert patches[0].box == Box(y0=0, y1=4100, x0=0, x1=4100)
    assert patches[17].name == "8,1"
    assert patches[17].box == Box(y0=3900, y1=8100, x0=31900, x1=36000)


def test_a_patch_of_lsst_cells_v1_lies_where_the_published_map_has_it() -> None:
    # skymap-convert (LINCC Frameworks), README: get_patch_vertices(1234, 56) of preset lsst_skymap
    patch = ring(CELLS).patches(1234)[56]
    ra, dec = patch.wcs.corners(patch.inner)
    published = [
        (353.5462936615678, -61.73505840062234),
        (353.19436746094334, -61.733705740129906),
        (353.19815518019567, -61.567052069980534),
        (353.54818789227375, -61.568395336612376),
    ]
    np.testing.assert_allclose(np.stack([ra, dec], axis=1), published, rtol=0, atol=1e-9)


def test_lsst_cells_v1_has_ten_by_ten_patches_of_3400_pixels_beyond_the_tract_too() -> None:
    patches = ring(CELLS).patches(5063)
    assert len(patches) == 100
    assert {patch.box.shape for patch in patches} == {(3400, 3400)}
    assert patches[0].box == Box(y0=-200, y1=3200, x0=-200, x1=3200)


def test_the_middle_of_dc2_tract_3828_is_where_rubin_says() -> None:
    # lsst/ci_imsim, configs/skymap.py: centre of tract 3828 patch 3,3 = 24
    patch = ring(DC2).patches(3828)[24]
    assert patch.name == "3,3"
    x, y = patch.wcs.to_pixel(ra=56.64971166122064, dec=-36.4462532139527947602893)
    np.testing.assert_allclose((y, x), patch.inner.centre, atol=1e-5)


@pytest.mark.parametrize(
    ("options", "ra", "dec", "tract", "sequence"),
    [
        # Rubin DP0.2 tutorials, lsst.cst tests of nearest_patch_from_ra_dec
        (DC2, 55.745834, -32.269167, 4431, 17),
        # Rubin DP1 and DP2 tutorials: Extended Chandra Deep Field South lies on tract 5063
        (CELLS, 53.13, -28.10, 5063, 14),
    ],
)
def test_sky_positions_lie_on_the_published_patch(
    options: SkymapOptions, ra: float, dec: float, tract: int, sequence: int
) -> None:
    skymap = ring(options)
    assert tract in skymap.tracts_near(ra=np.array([ra]), dec=np.array([dec]))
    x, y = skymap.patches(tract)[0].wcs.to_pixel(ra=ra, dec=dec)
    assert [p.sequence for p in skymap.patches(tract) if p.inner.contains(y=y, x=x)] == [sequence]


def test_the_polar_caps_are_first_and_last_and_hold_the_poles() -> None:
    skymap = ring(CELLS)
    assert skymap.centre(0)[1] == -90.0
    assert skymap.centre(len(skymap) - 1)[1] == 90.0
    for tract, dec in ((0, -90.0), (len(skymap) - 1, 90.0)):
        wcs = skymap.patches(tract)[0].wcs
        x, y = wcs.to_pixel(ra=123.0, dec=dec)
        np.testing.assert_allclose((x, y), (14999, 14999), atol=1e-6)
        assert skymap.tracts_near(ra=np.array([200.0]), dec=np.array([dec]))[0 if dec < 0 else -1] == tract


def test_an_unknown_tract_is_refused_with_the_range() -> None:
    with pytest.raises(PlanError, match=r"tract=18938: .*lsst_cells_v1 has tracts 0 to 18937"):
        ring(CELLS).patches(18938)


@settings(deadline=None, max_examples=60)
@given(
    ra=st.floats(0, 360),
    dec=st.floats(-90, 90),
    radius=st.floats(0, 3),
    start=st.sampled_from([0.0, 234.0]),
    numbering=st.sampled_from([0, 1]),
)
def test_tracts_near_are_just_those_within_reach(
    ra: float, dec: float, radius: float, start: float, numbering: int
) -> None:
    skymap = ring(HSC, rings=23, ra_start=start, numbering=numbering)
    centres = np.array([skymap.centre(tract) for tract in range(len(skymap))])
    points = vectors(ra=centres[:, 0], dec=centres[:, 1])
    distance = separation(points, vectors(ra=ra, dec=dec))
    reach = skymap.grid.radius + radius
    found = skymap.tracts_near(ra=np.array([ra]), dec=np.array([dec]), radius=radius)
    assert set(np.flatnonzero(distance < reach - 1e-6)) - _twins(skymap) <= set(found)
    assert set(found) <= set(np.flatnonzero(distance < reach + 1e-6))


def _twins(skymap: RingSkymap) -> set[int]:
    """Return tracts whose centre has a lower number too: the old numbers have one."""
    centres = [tuple(np.round(skymap.centre(t), 6)) for t in range(len(skymap))]
    return {t for t, centre in enumerate(centres) if centre in centres[:t]}


def test_every_point_of_the_sky_is_in_the_inner_part_of_a_near_tract() -> None:
    skymap = ring(DC2, rings=11, patch_inner=40000, tract_overlap=1.0)
    rng = np.random.default_rng(3)
    ra, dec = rng.uniform(0, 360, 150), np.degrees(np.arcsin(rng.uniform(-1, 1, 150)))
    for r, d in zip(ra, dec, strict=True):
        inside = []
        for tract in skymap.tracts_near(ra=np.array([r]), dec=np.array([d])):
            x, y = skymap.patches(tract)[0].wcs.to_pixel(ra=r, dec=d)
            inside.append(bool(skymap.grid.box.contains(y=y, x=x)))
        assert any(inside)


def test_the_definition_makes_the_same_map_again() -> None:
    skymap = ring(CELLS, ra_start=12.5, numbering=0)
    again = skymap_from("lsst_cells_v1", skymap.definition)
    assert again == skymap
    assert again.patches(77)[3].wcs.cards == skymap.patches(77)[3].wcs.cards


def test_other_numbers_under_a_frozen_name_are_refused() -> None:
    frozen = make_skymap(CELLS, None).definition
    assert reopen_skymap(CELLS, frozen).definition == frozen
    with pytest.raises(PlanError, match=r"skymap\.patch_inner=4000 \(was 3000\)"):
        reopen_skymap(SkymapOptions(name="a", layout=Layout.ring, pixel_scale=0.2, patch_inner=4000), frozen)
