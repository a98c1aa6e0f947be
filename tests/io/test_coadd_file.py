import shutil
import subprocess
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from itertools import pairwise

import numpy as np
import pytest
from astropy.io import fits
from astropy.nddata import CCDData
from astropy.table import Table
from astropy.wcs import WCS
from hypothesis import given, settings
from hypothesis import strategies as st

from coaddc.io.coadds.read import read_coadd, read_component
from coaddc.io.coadds.tables import inputs_of
from coaddc.io.coadds.write import CoaddFile, write_coadd
from coaddc.io.plain_yaml import dump_plain, load_plain
from coaddc.model.errors import DataError
from coaddc.model.geom import Box
from coaddc.model.images import Coadd
from coaddc.model.mask import PLANES, bit
from tests.coadds import BOX, awkward_coadd, make_product
from tests.coadds import WCS as TRACT_WCS

LONG = "stack.nsigma=4, it's a long & strange variant " * 4


@pytest.fixture
def written(tmp_path):
    path, coadd, product = tmp_path / "coadd.fits", awkward_coadd(), make_product()
    write_coadd(path, coadd, product)
    return path, coadd, product


def assert_same_coadd(read: Coadd, coadd: Coadd) -> None:
    assert read.data_id == coadd.data_id
    assert read.stacked.box == coadd.stacked.box
    for name in ("image", "variance", "mask", "n_image"):
        value, expected = getattr(read.stacked, name), getattr(coadd.stacked, name)
        assert value.dtype == expected.dtype
        assert value.dtype.isnative
        np.testing.assert_array_equal(value, expected)
    np.testing.assert_array_equal(read.psf.stamps, coadd.psf.stamps)
    np.testing.assert_array_equal(read.psf.fwhm, coadd.psf.fwhm)
    np.testing.assert_array_equal(read.correlation, coadd.correlation)
    assert read.psf.size == coadd.psf.size
    assert repr(read.inputs) == repr(coadd.inputs)  # as text, since NaN equals nothing


def test_a_coadd_is_read_as_it_was_written(written):
    path, coadd, _ = written
    assert_same_coadd(read_coadd(path), coadd)


@pytest.mark.parametrize("room", [1, 137, 1000])
def test_how_many_rows_are_written_at_a_time_changes_no_byte(written, tmp_path, monkeypatch, room):
    path, coadd, product = written
    assert BOX.shape[1] % 2 == 1  # so that a row of NIMAGE is no whole number of words
    monkeypatch.setattr("coaddc.io.coadds.write.ROOM", room)
    write_coadd(tmp_path / "again.fits", coadd, product)
    assert (tmp_path / "again.fits").read_bytes() == path.read_bytes()


def rows_of(box: Box, y0: int, y1: int) -> Box:
    return Box(y0=y0, y1=y1, x0=box.x0, x1=box.x1)


def test_rows_put_in_any_order_by_any_thread_make_the_same_bytes(written, tmp_path):
    path, coadd, product = written
    ends = [BOX.y0, BOX.y0 + 1, BOX.y0 + 4, BOX.y0 + 11, BOX.y0 + 12, BOX.y1]  # odd numbers of odd rows
    parts = [rows_of(BOX, y0, y1) for y0, y1 in pairwise(ends)]
    file = CoaddFile(tmp_path / "again.fits", product, coadd.wcs, BOX)
    with ThreadPoolExecutor(3) as pool:
        for _ in pool.map(lambda part: file.put(coadd.stacked.part(part)), reversed(parts)):
            pass
    file.finish(coadd.surroundings)
    assert (tmp_path / "again.fits").read_bytes() == path.read_bytes()


def test_a_file_that_lacks_rows_is_not_finished_and_rows_of_another_width_are_refused(tmp_path):
    coadd = awkward_coadd()
    file = CoaddFile(tmp_path / "c.fits", make_product(), coadd.wcs, BOX)
    file.put(coadd.stacked.part(rows_of(BOX, BOX.y0, BOX.y1 - 2)))
    with pytest.raises(ValueError, match="21 rows of 23"):
        file.finish(coadd.surroundings)
    narrow = Box(y0=BOX.y0, y1=BOX.y1, x0=BOX.x0 + 1, x1=BOX.x1)
    with pytest.raises(ValueError, match="is not rows of"):
        file.put(coadd.stacked.part(narrow))


def test_the_wcs_of_the_tract_survives_off_origin(written):
    path, _, _ = written
    x, y = np.array([-7.0, 9.0, 1000.5]), np.array([205.0, 227.0, -30.0])
    ra, dec = read_coadd(path).wcs.to_sky(x=x, y=y)
    expected = TRACT_WCS.to_sky(x=x, y=y)
    np.testing.assert_allclose((ra, dec), expected, rtol=0, atol=1e-11)


def test_the_header_places_the_array_on_the_sky_and_in_the_tract(written):
    path, _, _ = written
    header = fits.getheader(path, "IMAGE")
    y, x = 220.0, 3.0
    sky = WCS(header).all_pix2world(x - BOX.x0, y - BOX.y0, 0)
    np.testing.assert_allclose(np.ravel(sky), np.ravel(TRACT_WCS.to_sky(x=x, y=y)), rtol=0, atol=1e-11)
    assert WCS(header, key="A").all_pix2world(0, 0, 0) == [BOX.x0, BOX.y0]
    assert (header["CRPIX1A"], header["CTYPE1A"]) == (1.0, "LINEAR")
    assert (header["LTV1"], header["LTV2"]) == (-BOX.x0, -BOX.y0)
    assert "CD1_1" in header
    assert not [key for key in header if key.startswith(("PC1_", "PC2_", "CDELT"))]


def test_a_rotated_sheared_wcs_survives_as_cd_matrix(tmp_path):
    header = TRACT_WCS.header()
    header["PC1_1"], header["PC1_2"], header["PC2_1"], header["PC2_2"] = -0.8, 0.3, 0.5, 0.9
    header["CDELT1"], header["CDELT2"] = 5e-5, 6e-5
    coadd = replace(awkward_coadd(), wcs=type(TRACT_WCS)(header))
    write_coadd(tmp_path / "c.fits", coadd, make_product())
    here = {"x": [0.0, 50.0], "y": [200.0, -3.0]}
    np.testing.assert_allclose(
        read_coadd(tmp_path / "c.fits").wcs.to_sky(**here), coadd.wcs.to_sky(**here), rtol=0, atol=1e-11
    )


def test_hdus_come_in_the_order_that_readers_go_by(written):
    with fits.open(written[0], checksum=True) as hdus:
        assert [hdu.name for hdu in hdus] == [
            "PRIMARY", "IMAGE", "MASK", "VARIANCE", "NIMAGE", "PSF", "PSF_FWHM", "CORRELATION", "INPUTS",
            "CONFIG",
        ]  # fmt: skip
        assert all("CHECKSUM" in hdu.header and "DATASUM" in hdu.header for hdu in hdus)
        forms = [hdu.columns.formats for hdu in hdus if isinstance(hdu, fits.BinTableHDU)]
    assert not [form for table in forms for form in table if "P" in form or "Q" in form]


def test_a_flipped_bit_breaks_the_checksum_of_its_hdu(written):
    path, _, _ = written
    with fits.open(path) as hdus:
        where = hdus["VARIANCE"].fileinfo()["datLoc"]
    raw = bytearray(path.read_bytes())
    raw[where + 7] ^= 4
    path.write_bytes(raw)
    with pytest.warns(UserWarning, match="VARIANCE"), fits.open(path, checksum=True) as hdus:
        len(hdus)


@pytest.mark.skipif(shutil.which("fitsverify") is None, reason="fitsverify is not installed")
@pytest.mark.parametrize("variant", ["", "nsigma=4", LONG, "quote's % é"])
def test_fitsverify_finds_nothing(tmp_path, variant):
    path = tmp_path / "coadd.fits"
    write_coadd(path, replace(awkward_coadd(), inputs=()), make_product(variant=variant, pA="ü", tiny=7))
    run = subprocess.run(["fitsverify", "-H", path], capture_output=True, text=True, check=False)
    assert run.returncode == 0, run.stdout
    assert "0 warning(s) and 0 error(s)" in run.stdout


def test_the_primary_header_says_what_it_is_and_its_zero_point(written):
    header = fits.getheader(written[0])
    assert (header["FILTER"], header["SKYMAP"], header["TRACT"], header["PATCH"]) == ("g", "demo", 3, "2,11")
    assert header["MAGZERO"] == 31.4
    assert header["FLUXMAG0"] == pytest.approx(10 ** (0.4 * header["MAGZERO"]), rel=2e-4)
    assert header["COADDC KEY WARP"] == "psfMatched"
    assert header["COADDC DIGEST"] == "d" * 32
    assert header["COADDC RECIPE"] == "r" * 32
    assert not [key for key in header if key.startswith("DATE")]


@pytest.mark.parametrize("value", [LONG, "it''s 'quoted' ", "é/%=\\x41", "a&", " ", "", "&" * 200])
def test_any_value_of_a_key_survives_in_the_data_id(tmp_path, value):
    path = tmp_path / "coadd.fits"
    product = make_product(variant=value, **{"k" * 70: "long", "Warp": "differs in case"})
    write_coadd(path, awkward_coadd(), product)
    assert read_component(path, "data_id") == dict(product.data_id)
    with fits.open(path, checksum=True) as hdus:
        hdus.verify("exception")


def test_ccddata_reads_image_mask_uncertainty_and_sky(written):
    path, coadd, _ = written
    ccd = CCDData.read(path, hdu="IMAGE", hdu_mask="MASK", hdu_uncertainty="VARIANCE")
    np.testing.assert_array_equal(ccd.data, coadd.stacked.image)
    np.testing.assert_array_equal(ccd.mask, coadd.stacked.mask != 0)
    assert str(ccd.unit) == "nJy"
    assert (ccd.uncertainty.uncertainty_type, ccd.uncertainty.unit) == ("var", ccd.unit**2)
    np.testing.assert_array_equal(ccd.uncertainty.array, coadd.stacked.variance)
    assert ccd.wcs.wcs.crpix[0] == pytest.approx(-3.25 + 1 - BOX.x0)


def test_mask_planes_bear_the_names_that_afw_and_lsst_images_read(written):
    header = fits.getheader(written[0], "MASK")
    msk = {header[key]: header[f"MSKM{key[4:]}"] for key in header if key.startswith("MSKN")}
    assert msk == {name: 1 << at for name, (at, _) in PLANES.items() if name != "DETECTED"}
    assert {f"MP_{name}": header[f"MP_{name}"] for name in msk} == {f"MP_{n}": PLANES[n][0] for n in msk}
    assert header["MSKD0007"] == PLANES["NO_DATA"][1]
    assert "MP_DETECTED" not in header


def test_detected_is_not_a_property_of_a_coadd(tmp_path):
    coadd = awkward_coadd()
    mask = coadd.stacked.mask | bit("DETECTED")
    write_coadd(
        tmp_path / "c.fits", replace(coadd, stacked=replace(coadd.stacked, mask=mask)), make_product()
    )
    np.testing.assert_array_equal(read_component(tmp_path / "c.fits", "mask"), coadd.stacked.mask)
    assert (mask & bit("DETECTED")).all()  # the coadd itself is not touched


def test_pixels_without_inputs_are_nan_infinite_and_no_data_whatever_lay_there(tmp_path):
    coadd = awkward_coadd()
    empty = coadd.stacked.n_image == 0
    filled = replace(
        coadd.stacked,
        image=np.where(empty, 5.0, coadd.stacked.image).astype("f4"),
        variance=np.where(empty, 5.0, coadd.stacked.variance).astype("f4"),
        mask=np.where(empty, 0, coadd.stacked.mask).astype("i4"),
    )
    write_coadd(tmp_path / "c.fits", replace(coadd, stacked=filled), make_product())
    assert_same_coadd(read_coadd(tmp_path / "c.fits"), coadd)


def test_equal_coadds_are_equal_bytes_and_others_are_not(tmp_path):
    for name, seed in (("a", 1), ("b", 1), ("c", 2)):
        write_coadd(tmp_path / name, awkward_coadd(seed=seed), make_product())
    assert (tmp_path / "a").read_bytes() == (tmp_path / "b").read_bytes()
    assert (tmp_path / "a").read_bytes() != (tmp_path / "c").read_bytes()


def test_frozen_arrays_can_be_written(tmp_path):
    coadd = awkward_coadd()
    for name in ("image", "variance", "mask", "n_image"):
        getattr(coadd.stacked, name).flags.writeable = False
    write_coadd(tmp_path / "c.fits", coadd, make_product())
    assert_same_coadd(read_coadd(tmp_path / "c.fits"), coadd)


def test_inputs_are_a_table_that_astropy_reads_with_units(written):
    table = Table.read(written[0], hdu="INPUTS")
    assert list(table["visit"]) == [17, 4]
    assert list(table["weight"]) == [0.25, 1.5]
    assert list(table["background"]) == [0.0, -3.25]
    assert str(table["seeing"].unit) == "arcsec"
    assert str(table["nx"].unit) == "pix"
    assert table["corner_ra"].shape == (2, 4)


def test_inputs_of_a_file_from_before_backgrounds_were_written_have_none_taken_off(written):
    rows = fits.getdata(written[0], "INPUTS")
    older = fits.BinTableHDU(rows).columns
    older.del_col("background")
    assert [item.background for item in inputs_of(fits.BinTableHDU.from_columns(older).data)] == [0.0, 0.0]


def test_a_coadd_without_inputs_has_an_empty_table(tmp_path):
    write_coadd(tmp_path / "c.fits", replace(awkward_coadd(), inputs=()), make_product())
    assert read_coadd(tmp_path / "c.fits").inputs == ()


def test_components_are_what_the_whole_holds(written):
    path, coadd, product = written
    np.testing.assert_array_equal(read_component(path, "n_image"), coadd.stacked.n_image)
    np.testing.assert_array_equal(read_component(path, "variance"), coadd.stacked.variance)
    assert read_component(path, "box") == BOX
    assert read_component(path, "config") == product.config
    assert read_component(path, "psf").size == 16
    assert repr(read_component(path, "inputs")) == repr(coadd.inputs)
    header = read_component(path, "header")
    assert (header["NAXIS1"], header["LTV1"], header["FILTER"]) == (17, 7.0, "g")


def test_an_unknown_component_is_refused_with_the_near_names(written):
    with pytest.raises(DataError, match="no part 'imgae'; did you mean 'image'"):
        read_component(written[0], "imgae")


@pytest.mark.parametrize("length", [0, 100, 2880, 20000, 8 * 2880])
def test_a_truncated_file_is_named(written, length):
    path, _, _ = written
    path.write_bytes(path.read_bytes()[:length])
    with pytest.raises(DataError, match=r"coadd\.fits: not a whole coadd"):
        read_coadd(path)


def test_a_missing_file_is_named(tmp_path):
    with pytest.raises(DataError, match=r"gone\.fits: no such file"):
        read_coadd(tmp_path / "gone.fits")


def test_a_file_is_never_overwritten(written):
    path, _, product = written
    before = path.read_bytes()
    with pytest.raises(FileExistsError):
        write_coadd(path, awkward_coadd(seed=9), product)
    assert path.read_bytes() == before


def test_an_array_of_another_shape_than_the_box_is_refused(tmp_path):
    coadd = awkward_coadd()
    moved = replace(coadd.stacked, box=Box(y0=0, y1=17, x0=0, x1=23))
    with pytest.raises(ValueError, match=r"image of shape \(23, 17\) in a box of \(17, 23\)"):
        write_coadd(tmp_path / "c.fits", replace(coadd, stacked=moved), make_product())


TEXT = st.text(max_size=40)
PLAIN = st.recursive(
    st.none() | st.booleans() | st.integers(-(2**60), 2**60) | st.floats(allow_nan=False) | TEXT,
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(TEXT, inner, max_size=3),
    max_leaves=8,
)


@settings(deadline=None, max_examples=150)
@given(st.dictionaries(TEXT, PLAIN, max_size=4))
def test_any_plain_config_survives_as_lines_of_a_table(config):
    from coaddc.io.coadds.tables import config_of, config_table

    rows = config_table(config)
    assert load_plain(dump_plain(config)) == config
    stripped = np.array([(bytes(row[0]).decode().rstrip(" "),) for row in rows], [("yaml", object)])
    assert config_of(stripped) == config


@pytest.mark.skipif(shutil.which("SWarp") is None, reason="SWarp is not installed")
def test_swarp_takes_the_image_with_its_variance_where_the_wcs_says(tmp_path):
    coadd = awkward_coadd(box=Box(y0=205, y1=255, x0=-7, x1=64))
    write_coadd(tmp_path / "c.fits", coadd, make_product())
    # A path within the folder: SWarp takes [1] for an extension and the rest for a name.
    command = [
        "SWarp", "c.fits[1]", "-c", "/dev/null", "-RESAMPLE", "N", "-SUBTRACT_BACK", "N", "-COMBINE_TYPE",
        "WEIGHTED", "-WEIGHT_TYPE", "MAP_VARIANCE", "-WEIGHT_IMAGE", "c.fits[3]", "-RESCALE_WEIGHTS", "N",
        "-WRITE_XML", "N", "-VERBOSE_TYPE", "QUIET", "-NTHREADS", "1",
    ]  # fmt: skip
    subprocess.run(command, cwd=tmp_path, check=True, capture_output=True)
    with fits.open(tmp_path / "coadd.fits") as hdus:
        image, header = hdus[0].data, hdus[0].header
    variance = fits.getdata(tmp_path / "coadd.weight.fits")  # of the kind that the input was
    good = coadd.stacked.n_image > 0
    assert image.shape == coadd.stacked.box.shape
    np.testing.assert_allclose(image[good], coadd.stacked.image[good], rtol=1e-5)
    np.testing.assert_allclose(variance[good], coadd.stacked.variance[good], rtol=1e-5)
    assert (image[~good] == np.float32(-1e30)).all()  # how SWarp marks pixels without any weight
    expected = TRACT_WCS.to_sky(x=-7.0, y=205.0)
    np.testing.assert_allclose(
        np.ravel(WCS(header).all_pix2world(0, 0, 0)), np.ravel(expected), rtol=0, atol=1e-7
    )
