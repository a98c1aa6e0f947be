import gzip
import shutil
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from astropy.io import fits

from coaddc.io.exposures.exposure import open_exposure
from coaddc.io.exposures.scan import scan
from coaddc.model.errors import ConfigError, DataError
from coaddc.model.exposures import ExposureRow
from coaddc.model.geom import Box
from coaddc.model.images import Pixels
from coaddc.model.mask import bit
from coaddc.model.survey import Survey

from .surveys import plain
from .synthetic import SHAPE, ZERO_POINT, header_of, pixels, primary_cards, wcs_cards, write

NJY = 10 ** (0.4 * (31.4 - ZERO_POINT))
WHOLE = Box.of_shape(SHAPE)
PART = Box(y0=13, y1=41, x0=57, x1=110)


def only(survey: Survey, cache: Path) -> ExposureRow:
    found = scan(survey, cache=cache)
    assert not found.problems
    (row,) = found.table
    return row


def read(survey: Survey, cache: Path, box: Box = WHOLE) -> Pixels:
    return open_exposure(survey, only(survey, cache), cache=cache).read(box)


def described(folder: Path, **changes: Any) -> Survey:
    return plain(folder, psf={"sources": ["seeing"]}, **changes)


def image_hdu(data: np.ndarray[Any, Any], **cards: Any) -> fits.ImageHDU:
    hdu = fits.ImageHDU(data, header_of(wcs_cards()), name="SCI")
    hdu.header.update(cards)
    return hdu


def save(path: Path, *hdus: Any, **cards: Any) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    fits.HDUList([fits.PrimaryHDU(header=header_of(primary_cards(**cards))), *hdus]).writeto(path)


@pytest.mark.parametrize("kind", ["f4", "f8", "i2", "i4", "u2"])
def test_every_kind_of_pixel_reads_the_same(tmp_path: Path, kind: str) -> None:
    values = np.round(pixels()) + 100
    save(tmp_path / "s" / "a.fits", image_hdu(values.astype(kind)))
    found = read(described(tmp_path / "s"), tmp_path / "c")
    np.testing.assert_allclose(found.image, values * NJY, rtol=1e-6)


def test_scaled_integers_are_unscaled_and_blanks_have_no_data(tmp_path: Path) -> None:
    raw = np.round(pixels() * 10).astype(np.int16)
    hdu = image_hdu(raw)
    hdu.header.update({"BLANK": -32768})
    save(tmp_path / "s" / "a.fits", hdu)
    with fits.open(tmp_path / "s" / "a.fits", "update", do_not_scale_image_data=True) as hdus:
        hdus[1].header["BSCALE"], hdus[1].header["BZERO"] = 0.1, 5.0
        hdus[1].data[20, 30] = -32768
    found = read(described(tmp_path / "s"), tmp_path / "c")
    assert found.mask[20, 30] == bit("NO_DATA")
    good = found.mask == 0
    assert good.sum() == good.size - 1
    np.testing.assert_allclose(found.image[good], (raw * 0.1 + 5.0)[good] * NJY, rtol=1e-5, atol=1e-3)


def test_an_image_in_the_primary_hdu_is_found(tmp_path: Path) -> None:
    header = header_of({**primary_cards(), **wcs_cards()})
    (tmp_path / "s").mkdir()
    fits.PrimaryHDU(pixels(), header).writeto(tmp_path / "s" / "a.fits")
    row = only(described(tmp_path / "s"), tmp_path / "c")
    assert (row.hdu, row.nx, row.ny) == (0, 110, 70)


@pytest.mark.parametrize("suffix", [".fits.fz", ".fits"])
def test_a_section_of_a_compressed_image_is_that_of_the_whole(tmp_path: Path, suffix: str) -> None:
    packed = fits.CompImageHDU(
        pixels(), header_of(wcs_cards()), compression_type="RICE_1", quantize_level=16, name="SCI"
    )
    save(tmp_path / "s" / f"a{suffix}", packed)
    survey = described(tmp_path / "s")
    whole, part = read(survey, tmp_path / "c"), read(survey, tmp_path / "c", PART)
    np.testing.assert_array_equal(part.image, whole.image[PART.within(WHOLE)])
    # Quantised to a sixteenth of the noise.
    np.testing.assert_allclose(whole.image, pixels() * NJY, atol=0.3 * NJY)


def test_a_gzipped_file_reads_as_the_plain_one(tmp_path: Path) -> None:
    path = write(tmp_path / "a.fits", {"SCI": pixels()})
    (tmp_path / "s").mkdir()
    with path.open("rb") as plain_file, gzip.open(tmp_path / "s" / "a.fits.gz", "wb") as zipped:
        shutil.copyfileobj(plain_file, zipped)
    found = read(described(tmp_path / "s"), tmp_path / "c", PART)
    np.testing.assert_allclose(found.image, pixels()[PART.within(WHOLE)] * NJY, rtol=1e-6)


def test_every_image_of_a_mosaic_is_an_exposure_of_one_visit(tmp_path: Path) -> None:
    hdus = []
    for number, name in enumerate(("N1", "N2", "S1")):
        hdus.append(fits.ImageHDU(pixels(number), header_of(wcs_cards()), name=name))
    save(tmp_path / "s" / "a.fits", *hdus)
    survey = described(tmp_path / "s", image={"hdu": "all"}, cards={"detector": "EXTNAME"})
    table = scan(survey, cache=tmp_path / "c").table
    assert [(row.visit, row.detector, row.hdu) for row in table] == [(7, "N1", 1), (7, "N2", 2), (7, "S1", 3)]
    assert len({row.digest for row in table}) == 3
    for number, row in enumerate(table):
        found = open_exposure(survey, row, cache=tmp_path / "c").read(PART)
        np.testing.assert_allclose(found.image, pixels(number)[PART.within(WHOLE)] * NJY, rtol=1e-6)


def test_codes_are_not_taken_for_bits(tmp_path: Path) -> None:
    mask = np.zeros(SHAPE, np.int32)
    mask[1, 2], mask[3, 4], mask[5, 6], mask[7, 8] = 1, 3, 5, 7
    folder = tmp_path / "s" / "deep"
    write(folder / "x_ooi.fits", {"SCI": pixels()})
    write(folder / "x_ood.fits", {"DQ": mask})
    survey = described(
        tmp_path / "s",
        image={"glob": "**/*_ooi.fits"},
        mask={"kind": "codes", "file": "_ooi -> _ood", "planes": {"BAD": [1, 6], "SAT": 3, "CR": [5, 7]}},
    )
    found = read(survey, tmp_path / "c").mask
    said = [found[place] for place in ((1, 2), (3, 4), (5, 6), (7, 8))]
    assert said == [bit("BAD"), bit("SAT"), bit("CR"), bit("CR")]
    assert (found != 0).sum() == 4


def test_bits_named_by_cards_are_read_and_unknown_ones_passed(tmp_path: Path) -> None:
    mask = np.zeros(SHAPE, np.int32)
    mask[1, 2], mask[3, 4], mask[5, 6] = 1 << 4, 1 << 9, (1 << 4) | (1 << 2)
    plane = fits.ImageHDU(mask, name="MASK")
    plane.header.update({"MP_SAT": 4, "MP_CR": 2, "MP_XTALK": 9})
    save(tmp_path / "s" / "a.fits", image_hdu(pixels()), plane)
    survey = described(tmp_path / "s", mask={"kind": "cards", "hdu": "MASK"})
    found = read(survey, tmp_path / "c").mask
    assert [found[1, 2], found[3, 4], found[5, 6]] == [bit("SAT"), 0, bit("SAT") | bit("CR")]


def test_a_plane_that_does_not_exist_is_refused_at_once_with_the_near_names() -> None:
    with pytest.raises(ConfigError, match="no mask plane 'SATURATED'"):
        plain(Path("x"), mask={"hdu": "MASK", "planes": {"SATURATED": 1}})


def test_what_is_no_regular_expression_is_refused_at_once() -> None:
    with pytest.raises(ConfigError, match=r"survey\.image\.pattern: 'w\(' is no regular expression"):
        plain(Path("x"), image={"pattern": "w("})
    with pytest.raises(ConfigError, match=r"survey\.psf\.file: '\(' is no regular expression"):
        plain(Path("x"), psf={"file": "( -> x"})


@pytest.mark.parametrize(
    ("kind", "value"), [("variance", 16.0), ("inverse_variance", 1 / 16), ("standard_deviation", 4.0)]
)
def test_every_kind_of_noise_plane_is_a_variance(tmp_path: Path, kind: str, value: float) -> None:
    plane = np.full(SHAPE, value)
    plane[10, 20], plane[11, 21], plane[12, 22] = 0.0, np.nan, -1.0
    write(tmp_path / "s" / "a.fits", {"SCI": pixels(), "NOISE": plane})
    found = read(described(tmp_path / "s", variance={"kind": kind, "hdu": "NOISE"}), tmp_path / "c")
    lost = np.zeros(SHAPE, bool)
    lost[10, 20] = lost[11, 21] = lost[12, 22] = True
    np.testing.assert_array_equal((found.mask & bit("NO_DATA")) > 0, lost)
    np.testing.assert_allclose(found.variance[~lost], 16 * NJY**2, rtol=1e-6)


def test_one_number_of_the_header_is_the_noise_of_all_pixels(tmp_path: Path) -> None:
    save(tmp_path / "s" / "a.fits", image_hdu(pixels(), INVAR=1 / 16))
    survey = described(tmp_path / "s", variance={"kind": "inverse_variance", "card": "INVAR"})
    np.testing.assert_allclose(read(survey, tmp_path / "c").variance, 16 * NJY**2, rtol=1e-6)


def test_noise_that_no_file_says_is_measured(tmp_path: Path) -> None:
    write(tmp_path / "s" / "a.fits", {"SCI": pixels()})
    found = read(described(tmp_path / "s"), tmp_path / "c")
    assert np.unique(found.variance).size == 1
    assert np.sqrt(found.variance[0, 0]) == pytest.approx(4.0 * NJY, rel=0.05)


def test_weights_out_of_bounds_are_clipped(tmp_path: Path) -> None:
    weight = np.full(SHAPE, 1 / 16)
    weight[10, 20], weight[11, 21], weight[12, 22] = 1e-6, 50.0, 0.5 / 16
    write(tmp_path / "s" / "a.fits", {"SCI": pixels(), "WHT": weight})
    clip = {"kind": "inverse_variance", "hdu": "WHT", "low": 1e-3, "high": 1.3}
    survey = described(tmp_path / "s", variance=clip)
    found = read(survey, tmp_path / "c")
    assert found.mask[10, 20] == bit("NO_DATA")
    assert found.variance[11, 21] == pytest.approx(16 * NJY**2)
    assert found.variance[12, 22] == pytest.approx(32 * NJY**2)
    part = read(survey, tmp_path / "c", Box(y0=9, y1=13, x0=19, x1=23))
    np.testing.assert_array_equal(part.variance[1:], found.variance[10:13, 19:23])


def test_photon_noise_of_sources_is_added_to_that_of_the_sky(tmp_path: Path) -> None:
    image = pixels()
    image[30, 40] = 5000.0
    save(tmp_path / "s" / "a.fits", image_hdu(image, GAIN=2.5, INVAR=1 / 16))
    noise = {"kind": "inverse_variance", "card": "INVAR", "gain": "GAIN"}
    found = read(described(tmp_path / "s", variance=noise), tmp_path / "c")
    assert found.variance[30, 40] == pytest.approx((16 + 2000) * NJY**2, rel=1e-5)


def test_saturation_and_blank_values_of_the_image_are_masked(tmp_path: Path) -> None:
    image = pixels()
    image[30, 40], image[31, 41], image[32, 42] = 60000.0, np.nan, -999.0
    save(tmp_path / "s" / "a.fits", image_hdu(image, SATURATE=50000.0))
    survey = described(tmp_path / "s", mask={"saturation": "SATURATE", "blank": -999.0})
    found = read(survey, tmp_path / "c").mask
    assert [found[30, 40], found[31, 41], found[32, 42]] == [bit("SAT"), bit("NO_DATA"), bit("NO_DATA")]


def test_a_mesh_of_sky_is_subtracted_and_sections_agree(tmp_path: Path) -> None:
    shape = (300, 420)
    yy, xx = np.mgrid[: shape[0], : shape[1]]
    sky = 500 + 0.05 * yy + 0.02 * xx
    image = (pixels(3, shape) * 1.0 + sky).astype(np.float32)
    path = tmp_path / "s" / "a.fits"
    path.parent.mkdir()
    hdu = fits.ImageHDU(image, header_of(wcs_cards(shape)), name="SCI")
    fits.HDUList([fits.PrimaryHDU(header=header_of(primary_cards())), hdu]).writeto(path)
    survey = described(tmp_path / "s", sky={"kind": "mesh", "cell": 64})
    exposure = open_exposure(survey, only(survey, tmp_path / "c"))
    whole = exposure.read(Box.of_shape(shape))
    assert abs(np.median(whole.image)) < 0.3 * NJY
    left, right = np.median(whole.image[:, :100]), np.median(whole.image[:, -100:])
    assert abs(left - right) < 0.6 * NJY
    box = Box(y0=100, y1=180, x0=7, x1=90)
    np.testing.assert_array_equal(exposure.read(box).image, whole.image[box.within(whole.box)])


def test_a_spline_sky_is_evaluated_where_the_cut_out_lies(tmp_path: Path) -> None:
    yg, xg = np.array([0, 200, 400, 600, 800]), np.array([0, 150, 300, 450])
    values = (0.1 * yg[:, None] - 0.2 * xg + 1e-4 * yg[:, None] * xg).astype(np.float32)
    columns = [
        fits.Column("gridw", "J", array=[4]),
        fits.Column("gridh", "J", array=[5]),
        fits.Column("xgrid", "4J", array=[xg]),
        fits.Column("ygrid", "5J", array=[yg]),
        fits.Column("x0", "J", array=[33]),
        fits.Column("y0", "J", array=[222]),
        fits.Column("gridvals", "20E", dim="(4,5)", array=[values]),
        fits.Column("order", "B", array=[3]),
    ]
    yy, xx = np.mgrid[: SHAPE[0], : SHAPE[1]]
    y, x = yy + 222, xx + 33
    image = (pixels() + 0.1 * y - 0.2 * x + 1e-4 * y * x).astype(np.float32)
    write(tmp_path / "s" / "a_sci.fits", {"SCI": image})
    fits.BinTableHDU.from_columns(columns).writeto(tmp_path / "s" / "a_sky.fits")
    survey = described(
        tmp_path / "s", image={"glob": "*_sci.fits"}, sky={"kind": "spline", "file": "_sci -> _sky"}
    )
    found = read(survey, tmp_path / "c", PART)
    np.testing.assert_allclose(found.image, pixels()[PART.within(WHOLE)] * NJY, atol=2e-3 * NJY)


def test_zero_points_per_second_and_from_the_detector_table(tmp_path: Path) -> None:
    write(tmp_path / "s" / "a.fits", {"SCI": pixels()}, VISIT=640615, DETECTOR="S1 ")
    per_second = described(tmp_path / "s", zero_point={"card_per_second": True})
    assert only(per_second, tmp_path / "c").zero_point == ZERO_POINT + 5.0
    columns = [
        fits.Column("expnum", "K", array=[640615, 640615, 640616]),
        fits.Column("ccdname", "3A", array=["S1", "N1", "S1"]),
        fits.Column("zpt", "E", array=[25.25, 24.0, 23.0]),
        fits.Column("dra", "E", array=[0.5, 0.0, 0.0]),
        fits.Column("ddec", "E", array=[-0.25, 0.0, 0.0]),
    ]
    fits.BinTableHDU.from_columns(columns).writeto(tmp_path / "s" / "ccds.fits")
    survey = described(
        tmp_path / "s",
        image={"glob": "a.fits"},
        table={"glob": "ccds.fits", "match": {"expnum": "VISIT", "ccdname": "DETECTOR"}},
        zero_point={"column": "zpt", "column_per_second": True},
        astrometry={"dra_column": "dra", "ddec_column": "ddec"},
    )
    row = only(survey, tmp_path / "c")
    assert row.zero_point == 25.25 + 5.0
    assert (row.dec + 30.4) * 3600 == pytest.approx(-0.25, abs=1e-3)
    assert (row.ra - 150.2) * 3600 * np.cos(np.radians(30.4)) == pytest.approx(0.5, abs=1e-3)


def test_magnitudes_that_are_not_ab_are_made_so(tmp_path: Path) -> None:
    write(tmp_path / "s" / "a.fits", {"SCI": pixels()}, BAND="H")
    row = only(described(tmp_path / "s", zero_point={"to_ab": {"H": 1.37}}), tmp_path / "c")
    assert row.zero_point == pytest.approx(ZERO_POINT + 1.37)


def test_the_name_of_a_file_can_say_what_headers_do_not(tmp_path: Path) -> None:
    write(tmp_path / "s" / "w2_epoch0013.fits", {"SCI": pixels()})
    survey = described(
        tmp_path / "s",
        image={"pattern": r"w(?P<NUMBER>\d)_epoch(?P<EPOCH>\d+)"},
        cards={"visit": "EPOCH", "band": "NUMBER"},
        bands={"2": "w2"},
    )
    row = only(survey, tmp_path / "c")
    assert (row.visit, row.band) == (13, "w2")


@pytest.mark.parametrize(
    ("text", "unit", "degrees"),
    [("00:59:30.86", "hours", 14.8786), ("-00:05:47.47", "hours", -1.4478), ("12.5", "degrees", 12.5)],
)
def test_hour_angles_are_read_as_they_are_written(
    tmp_path: Path, text: str, unit: str, degrees: float
) -> None:
    write(tmp_path / "s" / "a.fits", {"SCI": pixels()}, HA=text)
    survey = described(tmp_path / "s", cards={"hour_angle": "HA", "hour_angle_unit": unit})
    assert only(survey, tmp_path / "c").hour_angle == pytest.approx(degrees, abs=1e-3)


@pytest.mark.parametrize(
    ("time", "at", "expected"),
    [
        (59000.125, "start", 59000.125 + 50 / 86400),
        (2459000.625, "middle", 59000.125),
        ("2020-05-31T03:00:00.0000", "end", 59000.125 - 50 / 86400),
    ],
)
def test_times_are_those_of_the_middle(tmp_path: Path, time: float | str, at: str, expected: float) -> None:
    write(tmp_path / "s" / "a.fits", {"SCI": pixels()}, **{"MJD-OBS": time})
    row = only(described(tmp_path / "s", cards={"time_at": at}), tmp_path / "c")
    assert row.mjd == pytest.approx(expected, abs=1e-7)


def test_where_no_card_counts_visits_the_time_does(tmp_path: Path) -> None:
    write(tmp_path / "s" / "a.fits", {"SCI": pixels()})
    assert only(described(tmp_path / "s", cards={"visit": None}), tmp_path / "c").visit == 5900012500


@pytest.mark.parametrize(("unit", "seeing"), [("arcsec", 1.5), ("pixels", 3.0)])
def test_without_psf_or_stars_a_moffat_of_the_seeing_is_used_and_said(
    tmp_path: Path, unit: str, seeing: float
) -> None:
    write(tmp_path / "s" / "a.fits", {"SCI": pixels()}, SEEING=seeing)
    survey = plain(tmp_path / "s", cards={"seeing_unit": unit}, psf={"sources": ["model", "stars", "seeing"]})
    row = only(survey, tmp_path / "c")
    assert row.psf == "Moffat of the header's seeing"
    assert row.seeing == pytest.approx(1.5, rel=0.02)


def test_a_substitution_without_an_arrow_is_refused_at_once() -> None:
    with pytest.raises(ConfigError, match=r"survey\.mask\.file='_ooi_ _ood_': expected 'old -> new'"):
        plain(Path("x"), mask={"file": "_ooi_ _ood_"})


def test_a_file_that_changed_its_shape_since_the_scan_is_refused(tmp_path: Path) -> None:
    write(tmp_path / "s" / "a.fits", {"SCI": pixels()})
    survey = described(tmp_path / "s")
    row = only(survey, tmp_path / "c")
    write(tmp_path / "s" / "a.fits", {"SCI": pixels()[:50]})
    with pytest.raises(DataError, match="scan again"):
        open_exposure(survey, row)


def test_a_file_that_lost_its_end_since_it_was_opened_is_named(tmp_path: Path) -> None:
    path = write(tmp_path / "s" / "a.fits", {"SCI": pixels()})
    survey = described(tmp_path / "s")
    exposure = open_exposure(survey, only(survey, tmp_path / "c"), cache=tmp_path / "c")
    with path.open("r+b") as file:
        file.truncate(path.stat().st_size // 2)
    with pytest.raises(DataError, match=r"a\.fits\[1\]: pixels cannot be read: the file ends before row 40"):
        exposure.read(PART)
