"""Which exposures lie on which patches."""

import time

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from coaddc.model.errors import PlanError
from coaddc.model.exposures import ExposureTable
from coaddc.model.skymap_options import Layout, SkymapOptions
from coaddc.model.skymaps.cover import covering, overlapping, quad_meets_box
from coaddc.model.skymaps.discrete import discrete_for
from coaddc.model.skymaps.make import make_skymap
from coaddc.model.skymaps.restrict import restrict
from coaddc.model.skymaps.sphere import Footprints
from tests.model.skymap_rows import row

CELLS = SkymapOptions(
    name="lsst_cells_v1", layout=Layout.ring, pixel_scale=0.2, patch_inner=3000, patch_border=200,
    clip_border=False,
)  # fmt: skip


def shares_area(x: np.ndarray, y: np.ndarray, box: np.ndarray) -> bool:
    """Cut the quadrilateral by the four edges of the box in turn (Sutherland & Hodgman 1974)."""
    points = [np.array(p) for p in zip(x, y, strict=True)]
    for axis, edge, sign in ((0, box[0], 1), (0, box[1], -1), (1, box[2], 1), (1, box[3], -1)):
        cut = []
        for a, b in zip(points, [*points[1:], *points[:1]], strict=True):
            da, db = sign * (a[axis] - edge), sign * (b[axis] - edge)
            if da >= 0:
                cut.append(a)
            if da * db < 0:
                cut.append(a + (b - a) * da / (da - db))
        points = cut
    if len(points) < 3:
        return False
    p = np.array(points)
    q = np.roll(p, -1, axis=0)
    return abs(np.sum(p[:, 0] * q[:, 1] - p[:, 1] * q[:, 0])) > 1e-9


@settings(deadline=None, max_examples=200)
@given(
    st.floats(-8, 8), st.floats(-8, 8), st.floats(0.3, 6), st.floats(0.3, 6), st.floats(0, 6.3),
    st.booleans(),
)  # fmt: skip
def test_the_separating_axes_agree_with_clipping(
    cx: float, cy: float, w: float, h: float, angle: float, backwards: bool
) -> None:
    u, v = np.array([-w, w, w, -w]), np.array([-h, -h, h, h])
    x = cx + np.cos(angle) * u - np.sin(angle) * v
    y = cy + np.sin(angle) * u + np.cos(angle) * v
    if backwards:
        x, y = x[::-1], y[::-1]
    box = np.array([-2.5, 3.5, -1.5, 0.5])
    assert quad_meets_box(x[None], y[None], box[None])[0] == shares_area(x, y, box)


def test_sharing_an_edge_is_no_overlap() -> None:
    x, y = np.array([[2.0, 4.0, 4.0, 2.0]]), np.array([[0.0, 0.0, 1.0, 1.0]])
    assert not quad_meets_box(x, y, np.array([[0.0, 2.0, 0.0, 1.0]]))[0]
    assert quad_meets_box(x - 1e-6, y, np.array([[0.0, 2.0, 0.0, 1.0]]))[0]


def test_a_turned_exposure_is_not_on_patches_that_only_its_bounding_box_meets() -> None:
    table = ExposureTable([row(angle=45, nx=3000, ny=150)])
    skymap = discrete_for(SkymapOptions(name="sky", patch_inner=300, patch_border=0), table)
    on = covering(skymap, table)
    assert len(skymap.patches(0)) > 49
    assert len(on) < 0.5 * len(skymap.patches(0))
    x, y = on[0].wcs.to_pixel(ra=table[0].corner_ra, dec=table[0].corner_dec)
    edges = [np.array([p.box.x0, p.box.x1, p.box.y0, p.box.y1]) - 0.5 for p in skymap.patches(0)]
    expected = [p.name for p, box in zip(skymap.patches(0), edges, strict=True) if shares_area(x, y, box)]
    assert [p.name for p in on] == expected


@pytest.mark.parametrize(("ra", "dec"), [(0.02, 0.74), (359.99, -60.3), (77.0, 89.8), (5.0, -89.99)])
def test_overlaps_hold_at_ra_zero_and_at_the_poles(ra: float, dec: float) -> None:
    skymap = make_skymap(CELLS, None)
    table = ExposureTable([row(ra=ra, dec=dec, angle=20), row(ra=(ra + 30) % 360, dec=-dec, visit=2)])
    patches = covering(skymap, table[:1])
    assert patches
    # truth: points all over the detector, each put on a patch by itself
    rng = np.random.default_rng(5)
    weight = rng.dirichlet(np.ones(4), 400)
    points = weight @ _vectors(table[0])
    points_ra = np.degrees(np.arctan2(points[:, 1], points[:, 0]))
    points_dec = np.degrees(np.arctan2(points[:, 2], np.hypot(points[:, 0], points[:, 1])))
    names = {(p.tract, p.sequence) for p in patches}
    for tract in skymap.tracts_near(ra=np.array([ra]), dec=np.array([dec]), radius=0.1):
        for patch in skymap.patches(tract):
            x, y = patch.wcs.to_pixel(ra=points_ra, dec=points_dec)
            if any(patch.box.contains(y=b, x=a) for a, b in zip(x, y, strict=True)):
                assert (patch.tract, patch.sequence) in names
    inner = [p for p in patches if _holds(p, points_ra[0], points_dec[0])]
    assert inner


def _vectors(exposure: object) -> np.ndarray:
    ra, dec = np.radians(exposure.corner_ra), np.radians(exposure.corner_dec)  # type: ignore[attr-defined]
    return np.stack([np.cos(dec) * np.cos(ra), np.cos(dec) * np.sin(ra), np.sin(dec)], axis=1)


def _holds(patch: object, ra: float, dec: float) -> bool:
    x, y = patch.wcs.to_pixel(ra=ra, dec=dec)  # type: ignore[attr-defined]
    return bool(patch.inner.contains(y=float(y), x=float(x)))  # type: ignore[attr-defined]


def test_overlapping_gives_each_patch_its_exposures_whatever_the_order_of_the_patches() -> None:
    rng = np.random.default_rng(2)
    table = ExposureTable(
        row(ra=10 + dra, dec=-5 + ddec, angle=angle, visit=v)
        for v, (dra, ddec, angle) in enumerate(rng.uniform([-0.1, -0.1, 0], [0.1, 0.1, 360], (25, 3)))
    )
    skymap = discrete_for(SkymapOptions(name="sky", patch_inner=611, patch_border=17), table)
    patches = skymap.patches(0)
    footprints = Footprints.of(table)
    all_on = overlapping(patches, footprints)
    shuffled = rng.permutation(len(patches))[: len(patches) // 2]
    for index, on in zip(shuffled, overlapping([patches[i] for i in shuffled], footprints), strict=True):
        np.testing.assert_array_equal(on, all_on[index])
    x, y = patches[0].wcs.to_pixel(ra=footprints.ra, dec=footprints.dec)
    for patch, on in zip(patches, all_on, strict=True):
        box = np.array([patch.box.x0, patch.box.x1, patch.box.y0, patch.box.y1]) - 0.5
        assert list(on) == [i for i in range(len(table)) if shares_area(x[i], y[i], box)]


def test_exposures_without_corners_lie_nowhere() -> None:
    lost = row(corner_ra=(np.nan,) * 4, corner_dec=(np.nan,) * 4)
    assert covering(make_skymap(CELLS, None), [lost]) == []
    assert covering(make_skymap(CELLS, None), []) == []


def test_a_hundred_thousand_exposures_on_ten_thousand_patches_take_seconds() -> None:
    rng = np.random.default_rng(8)
    n = 100_000
    base = row()
    ra, dec = rng.uniform(340, 376, n) % 360, rng.uniform(-3, 3.5, n)
    corners = np.array([[-0.05, 0.05, 0.05, -0.05], [-0.04, -0.04, 0.04, 0.04]])
    footprints = Footprints.of([base])
    many = Footprints(
        ra=(ra[:, None] + corners[0]) % 360,
        dec=dec[:, None] + corners[1],
        centre=np.repeat(footprints.centre, n, axis=0),
        radius=np.full(n, 0.07),
    )
    alpha, delta = np.radians(ra), np.radians(dec)
    many.centre[:] = np.stack(
        [np.cos(delta) * np.cos(alpha), np.cos(delta) * np.sin(alpha), np.sin(delta)], 1
    )
    skymap = make_skymap(CELLS, None)
    start = time.process_time()
    tracts = skymap.tracts_near(ra=ra, dec=dec, radius=many.radius)
    patches = [patch for tract in tracts for patch in skymap.patches(tract)]
    on = overlapping(patches, many)
    elapsed = time.process_time() - start
    assert len(patches) > 10_000
    assert sum(map(len, on)) > n
    assert elapsed < 20  # some 3 s; the limit is for busy machines


PATCHES = [p for tract in (3, 9, 12) for p in make_skymap(CELLS, None).patches(tract)[40:60]]


def test_patches_are_found_by_sequence_and_by_column_and_row() -> None:
    chosen = restrict(PATCHES, [9], [47, "2,5", "41"])
    assert [(p.tract, p.sequence) for p in chosen] == [(9, 41), (9, 47), (9, 52)]
    assert restrict(PATCHES, None, None) == PATCHES
    assert {p.tract for p in restrict(PATCHES, [12, 3], None)} == {3, 12}
    assert len(restrict(PATCHES, None, ["0, 4"])) == 3


@pytest.mark.parametrize(
    ("tracts", "names", "message"),
    [
        ([10], None, r"tract=10: no exposure lies on it \(there are: 9, 12, 3\)"),
        (None, [61], r"patch=61: .* \(nearest: 59, 58, "),
        (None, ["2,6"], r"patch=2,6: .* \(nearest: 2,5, "),
        (None, ["two"], "patch=two: give a sequence number"),
        (None, ["1,2,3"], "patch=1,2,3: give a sequence number"),
        (None, [-1], "patch=-1: give a sequence number"),
    ],
)
def test_what_is_not_there_is_refused_with_what_is_near(
    tracts: list[int] | None, names: list[int | str] | None, message: str
) -> None:
    with pytest.raises(PlanError, match=message):
        restrict(PATCHES, tracts, names)
