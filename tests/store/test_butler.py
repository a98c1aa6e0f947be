import subprocess
import sys

import numpy as np
import pytest
from astropy import wcs

import coaddc
from coaddc.model.errors import DataError, StoreError
from coaddc.store.butler import Butler
from tests.coadds import BOX, DATA_ID
from tests.coadds import WCS as TRACT_WCS
from tests.store.conftest import IMPLIED, REQUEST, publish, store_at

SKYMAP = {
    "layout": "discrete", "ra": 10.0, "dec": -41.3, "pixel_scale": 0.2, "nx": 3, "ny": 12, "x": 0.0, "y": 0.0,
    "patch_inner": 100, "patch_side": 100, "patch_border": 10, "clip_border": True,
}  # fmt: skip


@pytest.fixture
def butler(store, root):
    """Two warps of patch 2,11 in g, direct ones of y1 and of two other patches."""
    publish(store, "1" * 32, warp="direct", seed=1)
    publish(store, "2" * 32, warp="psfMatched", seed=2)
    publish(store, "3" * 32, warp="direct", baseline="y1", seed=3)
    publish(store, "4" * 32, warp="direct", patch="0,0", seed=4)
    publish(store, "5" * 32, warp="direct", patch="0,0", band="r", tract=0, seed=5)
    return Butler(root)


def test_the_call_of_the_design_works(butler):
    coadd = butler.get("coadd", band="r", tract=0, patch="0,0", warp="direct", selection="deep")
    assert coadd.data_id == {**DATA_ID, "band": "r", "tract": 0, "patch": "0,0", "warp": "direct"}


def test_the_call_of_the_request_works_as_it_was_written(butler):
    coadd = butler.get("coadd", filter="r", tract=0, patch="0,0", warpType="direct", seeingCutoff="deep")
    assert coadd.data_id["band"] == "r"


def test_the_call_of_the_request_works_with_its_own_template(root):
    publish(store_at(root, template=REQUEST), warp="direct", tract=0, patch="0,0")
    butler = Butler(root)
    coadd = butler.get("coadd", filter="g", tract=0, patch="0,0", warpType="direct", seeingCutoff="deep")
    assert coadd.data_id["warp"] == "direct"
    assert butler.uri("coadd", band="g", tract=0, patch="0,0") == root / "coadd/g/0/0,0/deepCoadddirect.fits"


def test_butler_is_what_coaddc_exports_and_importing_coaddc_is_cheap():
    assert coaddc.Butler is Butler
    with pytest.raises(AttributeError, match="no attribute 'Buttler'"):
        _ = coaddc.Buttler
    code = "import sys, coaddc; print([m for m in ('numpy', 'astropy', 'hydra', 'yaml') if m in sys.modules])"
    assert subprocess.check_output([sys.executable, "-c", code], text=True).strip() == "[]"


def test_keys_left_off_take_their_defaults(butler):
    assert butler.get("coadd", band="g", tract=3, patch="2,11").data_id["warp"] == "direct"
    assert "baseline" not in butler.get("coadd", band="g", tract=3, patch="2,11").data_id


def test_keys_of_the_place_left_off_resolve_where_only_one_fits(butler):
    assert butler.get("coadd", band="r").data_id["patch"] == "0,0"
    assert butler.get("coadd", warp="psfMatched").data_id["warp"] == "psfMatched"


def test_ambiguity_lists_what_differs(butler):
    with pytest.raises(StoreError, match=r"band=g: 2 coadds fit; say which patch \(2,11, 0,0\)$"):
        butler.get("coadd", band="g")
    with pytest.raises(
        StoreError, match=r"which tract \(3, 0\) and which patch \(2,11, 0,0\) and which band"
    ):
        butler.get("coadd")
    assert butler.exists("coadd", band="g")


def test_a_second_skymap_must_then_be_named(store, root, butler):
    publish(store, "6" * 32, skymap="other", warp="direct", patch="0,0", band="r", tract=0)
    with pytest.raises(StoreError, match=r"2 coadds fit; say which skymap \(demo, other\)"):
        butler.get("coadd", band="r", tract=0, patch="0,0")
    assert Butler(root, skymap="other").get("coadd", band="r").data_id["skymap"] == "other"


def test_a_key_left_off_never_means_any_value(store, butler):
    publish(store, "7" * 32, warp="direct", patch="5,5", parity="odd", variant="stack.nsigma=4")
    with pytest.raises(StoreError, match=r"nearest have instead:\n  parity=odd variant=stack.nsigma=4"):
        butler.get("coadd", band="g", tract=3, patch="5,5", skymap="demo")
    assert not butler.exists("coadd", band="g", tract=3, patch="5,5")
    assert butler.exists("coadd", patch="5,5", parity="odd", variant="stack.nsigma=4")


@pytest.mark.parametrize(
    ("keys", "message"),
    [
        ({"bnad": "g"}, "no key 'bnad'.*did you mean 'band'"),
        ({"warptype": "direct"}, "did you mean 'warpType'"),
        ({"band": "gg"}, "none has band=gg; did you mean 'g'"),
        ({"patch": "2,12", "band": "g"}, "none has patch=2,12; did you mean '2,11'"),
        ({"band": "r", "warp": "psfMatched"}, r"nearest have instead:\n  warp=direct"),
        ({"band": "g", "patch": "0,0", "baseline": "y1"}, r"instead:\n  baseline=all\n  patch=2,11"),
    ],
)
def test_what_is_not_there_is_refused_with_what_is_near(butler, keys, message):
    with pytest.raises(StoreError, match=message):
        butler.get("coadd", **keys)


def test_a_value_that_the_default_asks_for_and_nobody_has_is_said_to_be_the_default(root):
    publish(store_at(root), warp="psfMatched")
    with pytest.raises(StoreError, match=r"none has warp=direct \(its default\)"):
        Butler(root).get("coadd", band="g")


@pytest.mark.parametrize("name", ["deepCoadd", "coadd.imgae", "coadd.", ""])
def test_another_dataset_is_refused_with_the_near_names(butler, name):
    with pytest.raises(StoreError, match=f"no dataset '{name}'.*coadd"):
        butler.get(name, band="r")


def test_parts_are_read_by_name(butler):
    whole = butler.get("coadd", band="r")
    for name in ("image", "mask", "variance", "n_image"):
        np.testing.assert_array_equal(butler.get(f"coadd.{name}", band="r"), getattr(whole.stacked, name))
    assert butler.get("coadd.box", band="r") == BOX
    assert butler.get("coadd.psf", band="r").size == 16
    assert [item.row.visit for item in butler.get("coadd.inputs", band="r")] == [17, 4]
    assert butler.get("coadd.config", band="r")["warp"]["interpolant"] == "lanczos3"
    np.testing.assert_allclose(
        butler.get("coadd.wcs", band="r").to_sky(x=3.0, y=210.0), TRACT_WCS.to_sky(x=3.0, y=210.0), atol=1e-11
    )


def test_the_header_places_the_image_by_itself(butler):
    header = butler.get("coadd.header", band="r")
    ra, dec = wcs.WCS(header).all_pix2world(0, 0, 0)
    np.testing.assert_allclose((ra, dec), TRACT_WCS.to_sky(x=BOX.x0, y=BOX.y0), atol=1e-11)
    assert (header["FILTER"], header["MAGZERO"]) == ("r", 31.4)


def test_a_data_id_may_be_a_mapping_and_values_text_or_numbers(butler):
    assert butler.exists("coadd", {"band": "r", "tract": "0"}, patch="0,0")
    assert butler.exists("coadd", {"band": "r", "tract": np.int64(0), "patch": "0,0"})
    assert not butler.exists("coadd", {"band": "r", "tract": 3})


def test_none_is_a_key_left_off(root, butler):
    assert Butler(root, band="r", warp="psfMatched").exists("coadd", warp=None)


def test_a_patch_may_be_its_number_in_the_tract(store, butler):
    with pytest.raises(StoreError, match="no sky map 'demo'; give patch as 'x,y'"):
        butler.get("coadd", band="r", tract=0, patch=0)
    store.freeze("skymaps/demo", SKYMAP)
    publish(store, "8" * 32, warp="direct", tract=0, patch="2,1")
    assert butler.get("coadd", band="r", tract=0, patch=0).data_id["patch"] == "0,0"
    assert butler.get("coadd", band="r", patch="0", tract="0").data_id["patch"] == "0,0"
    assert butler.uri("coadd", band="g", tract=0, patch=5).parent.parent.parent.name == "patch=2,1"
    with pytest.raises(StoreError, match="patches 0 to 35"):
        butler.get("coadd", band="g", tract=0, patch=36)
    with pytest.raises(StoreError, match=r"patch=5: give tract too \(there are: 0, 3\)"):
        butler.get("coadd", patch=5)
    assert list(butler.query(tract=0, patch=5)["patch"]) == ["2,1"]


def test_uri_is_the_path_of_the_data_id_and_follows_the_newest_version(store, root, butler):
    path = butler.uri("coadd", band="r")
    assert path.is_relative_to(root / "coadd")
    assert path.name == "coadd.fits"
    publish(store, "9" * 32, warp="direct", patch="0,0", band="r", tract=0, seed=9)
    assert butler.uri("coadd", band="r") == path
    assert path.resolve().parent.name.startswith("9" * 32)


def test_versions_lists_old_ones_too_newest_first(store, butler):
    old = butler.get("coadd.image", band="r")
    publish(store, "9" * 32, warp="direct", patch="0,0", band="r", tract=0, seed=9)
    new, former = butler.versions("coadd", band="r")
    assert (new.digest, new.current) == ("9" * 32, True)
    assert (former.digest, former.current) == ("5" * 32, False)
    from coaddc.io.coadds.read import read_component

    np.testing.assert_array_equal(read_component(former.path, "image"), old)


def test_query_gives_a_table_of_what_data_ids_lead_to(store, butler):
    publish(store, "9" * 32, warp="direct", patch="0,0", band="r", tract=0, seed=9)
    table = butler.query("band = 'r' OR baseline IN ('y1', 'y2')")
    assert sorted(table["digest"]) == ["3" * 32, "9" * 32]
    assert table.colnames == [
        "skymap", "tract", "patch", "band", *IMPLIED, "n_inputs", "published", "digest", "recipe", "path",
    ]  # fmt: skip
    assert sorted(table["baseline"]) == ["all", "y1"]
    assert table["tract"].dtype.kind == "i"


def test_query_joins_a_condition_and_keys(butler):
    assert len(butler.query()) == 5
    assert len(butler.query(filter="g")) == 4
    assert list(butler.query("warp = 'direct' AND n_inputs > 1", band="g", patch="0,0")["patch"]) == ["0,0"]
    assert len(butler.query("n_inputs > 2")) == 0
    assert list(butler.query(baseline="y1", warp="direct")["digest"]) == ["3" * 32]


@pytest.mark.parametrize(
    "where", ["tract = 0", "tract = '0'", "tract < 1 -- comment", "wavelength = 500", "wavelength = '500'"]
)
def test_numbers_and_text_compare_as_they_are_meant(store, butler, where):
    publish(store, "9" * 32, warp="direct", tract=0, band="r", patch="0,0", wavelength="500")
    publish(store, "8" * 32, warp="direct", wavelength="600")
    assert set(butler.query(where, band="r", wavelength="500")["digest"]) == {"9" * 32}
    assert "8" * 32 not in butler.query(where)["digest"]


@pytest.mark.parametrize(
    ("where", "message"),
    [
        ("bnad = 'g'", "no column 'bnad'; did you mean 'band'"),
        ('band = "g"', "no column 'g'.*text stands in single quotes"),
        ("\"bnad\" = 'g'", "no column 'bnad'; did you mean 'band'"),
        ("band = ", "no condition in SQL"),
        ("1=1) UNION SELECT (1", "no condition in SQL"),
        ("1=1); DROP TABLE product; --", "no condition in SQL"),
        ("(SELECT 1 FROM pragma_table_info('product'))", "no condition in SQL"),
    ],
)
def test_a_condition_that_is_none_is_refused(butler, where, message):
    with pytest.raises(StoreError, match=message):
        butler.query(where)
    assert len(butler.query()) == 5


def test_text_in_a_condition_may_hold_any_quote(butler):
    assert len(butler.query("band = 'it''s \"x\"' OR \"band\" = 'r'")) == 1


def test_keys_are_open(store, root, butler):
    assert butler.keys() == ("skymap", "tract", "patch", "band", "selection", "baseline", "warp", "stack")
    publish(store, "9" * 32, warp="direct", variant="v", **{"odd key'\"": "x"})
    assert butler.keys()[-2:] == ("odd key'\"", "variant")
    table = butler.query(band="g", patch="2,11")
    assert sum(~np.ma.getmaskarray(table["variant"])) == 1
    assert butler.get("coadd", variant="v", **{"odd key'\"": "x"}).data_id["variant"] == "v"


def test_values_of_a_key_are_those_in_the_store(butler):
    assert butler.values("band") == ("g", "r")
    assert butler.values("filter") == ("g", "r")
    assert butler.values("tract") == (0, 3)
    assert butler.values("baseline") == ("all", "y1")
    with pytest.raises(StoreError, match=r"no key 'bands'.*did you mean 'band'"):
        butler.values("bands")


def test_products_from_before_a_key_had_a_default_are_found_by_it(root, butler):
    publish(store_at(root, implied={**IMPLIED, "parity": "none"}), "9" * 32, parity="odd", warp="direct")
    later = Butler(root)
    assert later.get("coadd", band="r", parity="none").data_id["band"] == "r"
    assert len(later.query("parity = 'none'")) == 5
    assert later.values("parity") == ("none", "odd")


def test_a_folder_without_a_store_is_refused(tmp_path):
    with pytest.raises(StoreError, match="no store"):
        Butler(tmp_path / "coadds")


def test_a_broken_file_is_named(butler):
    path = butler.uri("coadd", band="r").resolve()
    path.chmod(0o644)
    path.write_bytes(path.read_bytes()[:-100])
    with pytest.raises(DataError, match=r"coadd\.fits: not a whole coadd"):
        butler.get("coadd", band="r")


def test_reading_by_a_whole_data_id_writes_nothing_and_needs_no_index(root, butler):
    before = sorted(root.rglob("*"))
    butler.get("coadd", skymap="demo", band="r", tract=0, patch="0,0")
    assert sorted(root.rglob("*")) == before
    assert not (root / "index.sqlite3").exists()


def test_products_of_a_removed_object_are_gone(butler, root):
    import shutil

    folder = butler.uri("coadd", band="r").resolve().parent
    assert len(butler.query()) == 5
    shutil.rmtree(folder)
    assert len(butler.query()) == 4
    assert not butler.exists("coadd", band="r")
