import re
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from astropy.io import fits

from coaddc.io.exposures.scan import Scan, scan
from coaddc.model.errors import DataError
from coaddc.model.survey import Survey

from .surveys import plain
from .synthetic import SHAPE, header_of, pixels, primary_cards, psfex_table, wcs_cards, write


def described(folder: Path, **changes: Any) -> Survey:
    return plain(folder, **{"psf": {"sources": ["seeing"]}, **changes})


def two(folder: Path, spoil: Callable[[Path], object]) -> Path:
    """A good file, and one that is spoilt."""
    write(folder / "good.fits", {"SCI": pixels()})
    spoil(write(folder / "spoilt.fits", {"SCI": pixels(2)}, VISIT=8))
    return folder


def cut(path: Path, size: int) -> None:
    path.write_bytes(path.read_bytes()[:size])


def without(path: Path, hdu: int, *keywords: str) -> None:
    with fits.open(path, "update") as hdus:
        for keyword in keywords:
            del hdus[hdu].header[keyword]


def with_card(path: Path, **cards: Any) -> None:
    with fits.open(path, "update") as hdus:
        hdus[0].header.update(cards)


SPOILT: dict[str, tuple[Callable[[Path], object], str]] = {
    "empty": (lambda path: path.write_bytes(b""), "cannot be read as FITS"),
    "text": (lambda path: path.write_text("not an image\n" * 400), "cannot be read as FITS"),
    "cut in the pixels": (lambda path: cut(path, 20000), "truncated: 20000 bytes, expected"),
    "cut before the pixels": (lambda path: cut(path, 2880), "no HDU holds a two-dimensional image"),
    "no WCS": (lambda path: without(path, 1, "CTYPE1", "CTYPE2"), "no celestial WCS"),
    "no zero point": (lambda path: without(path, 0, "MAGZERO"), "no zero point"),
    "no band": (lambda path: without(path, 0, "BAND", "FILTER"), "no card says the band"),
    "visit that is no number": (lambda path: with_card(path, VISIT="seven"), "VISIT .* = 'seven': expected"),
    "time that is none": (lambda path: with_card(path, **{"MJD-OBS": "noon"}), "'noon': expected a time"),
    "no seeing": (lambda path: without(path, 0, "SEEING"), "no PSF model: seeing: no card says"),
    "no good pixel": (
        lambda path: write(path, {"SCI": np.full(SHAPE, np.nan, np.float32)}, VISIT=8),
        "no pixel has data",
    ),
}


@pytest.mark.parametrize("why", SPOILT)
def test_a_file_that_cannot_be_used_is_named_and_the_rest_goes_on(tmp_path: Path, why: str) -> None:
    spoil, reason = SPOILT[why]
    found = scan(described(two(tmp_path / "s", spoil)), cache=tmp_path / "c")
    assert [row.file for row in found.table] == ["good.fits"]
    (problem,) = found.problems
    assert problem.file == "spoilt.fits"
    assert re.search(reason, problem.reason)


def test_a_strict_survey_refuses_all(tmp_path: Path) -> None:
    folder = two(tmp_path / "s", lambda path: cut(path, 20000))
    with pytest.raises(DataError, match=r"(?s)1 files cannot be used:.*spoilt\.fits.*truncated"):
        scan(described(folder, strict=True), cache=tmp_path / "c")


@pytest.mark.parametrize(
    ("changes", "reason"),
    [
        ({"variance": {"file": r"\.fits -> .weight.fits"}}, r"weight\.fits: no such file"),
        ({"variance": {"hdu": "WEIGHT"}}, r"no HDU 'WEIGHT' \(there are: PRIMARY, SCI\)"),
        ({"mask": {"file": "_ooi -> _ood"}}, "substitution '_ooi -> _ood' does not apply"),
        ({"image": {"pattern": r"visit(?P<VISIT>\d+)"}}, "does not match its path"),
        ({"psf": {"sources": ["model"]}}, "no PSF model: model: the survey has no file of models"),
    ],
)
def test_what_a_description_promises_and_files_lack_is_said(
    tmp_path: Path, changes: dict[str, Any], reason: str
) -> None:
    write(tmp_path / "s" / "a.fits", {"SCI": pixels()})
    found = scan(described(tmp_path / "s", **changes), cache=tmp_path / "c")
    assert not found.table
    assert re.search(reason, found.problems[0].reason)


def test_a_mask_of_another_shape_is_refused(tmp_path: Path) -> None:
    write(tmp_path / "s" / "a.fits", {"SCI": pixels(), "MASK": np.zeros(SHAPE[::-1], np.int16)})
    (problem,) = scan(described(tmp_path / "s", mask={"hdu": "MASK"}), cache=tmp_path / "c").problems
    assert "(110, 70) pixels, expected (70, 110)" in problem.reason


def test_a_broken_psf_table_is_a_problem_and_no_reason_to_guess(tmp_path: Path) -> None:
    path = write(tmp_path / "s" / "a.fits", {"SCI": pixels()})
    with fits.open(path, "append") as hdus:
        hdus.append(psfex_table(POLNAME1="MAG_AUTO"))
    survey = described(tmp_path / "s", psf={"hdu": "PSF"})
    (problem,) = scan(survey, cache=tmp_path / "c").problems
    assert "expected a polynomial of X_IMAGE and Y_IMAGE" in problem.reason


def test_one_bad_detector_does_not_spoil_its_mosaic(tmp_path: Path) -> None:
    good = fits.ImageHDU(pixels(1), header_of(wcs_cards()), name="N1")
    bad = fits.ImageHDU(pixels(2), name="N2")
    (tmp_path / "s").mkdir()
    primary = fits.PrimaryHDU(header=header_of(primary_cards()))
    fits.HDUList([primary, good, bad]).writeto(tmp_path / "s" / "a.fits")
    survey = described(tmp_path / "s", image={"hdu": "all"}, cards={"detector": "EXTNAME"})
    found = scan(survey, cache=tmp_path / "c")
    assert [row.detector for row in found.table] == ["N1"]
    assert [(problem.file, "WCS" in problem.reason) for problem in found.problems] == [("a.fits[2]", True)]


def test_one_detector_of_one_visit_is_used_once(tmp_path: Path) -> None:
    write(tmp_path / "s" / "a.fits", {"SCI": pixels(1)})
    write(tmp_path / "s" / "b.fits", {"SCI": pixels(2)})
    found = scan(described(tmp_path / "s"), cache=tmp_path / "c")
    assert [row.file for row in found.table] == ["a.fits"]
    assert [problem.reason for problem in found.problems] == ["visit 7 detector 3 is in a.fits[1] already"]


def known(folder: Path, survey: Survey) -> tuple[Scan, list[str]]:
    """Scan, and say which files were read."""
    read: list[str] = []
    return scan(survey, cache=folder, report=lambda file, done, total: read.append(file)), read


def test_only_what_has_changed_is_scanned_again(tmp_path: Path) -> None:
    folder, cache = tmp_path / "s", tmp_path / "c"
    for visit in (1, 2, 3):
        write(folder / f"v{visit}_sci.fits", {"SCI": pixels(visit)}, VISIT=visit)
        write(folder / f"v{visit}_wht.fits", {"WHT": np.full(SHAPE, 1 / 16)})
    survey = described(
        folder, image={"glob": "*_sci.fits"}, variance={"kind": "inverse_variance", "file": "_sci -> _wht"}
    )
    first, read = known(cache, survey)
    assert sorted(read) == ["v1_sci.fits", "v2_sci.fits", "v3_sci.fits"]
    again, read = known(cache, survey)
    assert not read
    assert repr(list(again.table)) == repr(list(first.table))
    write(folder / "v2_wht.fits", {"WHT": np.full(SHAPE, 1 / 64, np.float32)})
    changed, read = known(cache, survey)
    assert read == ["v2_sci.fits"]
    assert changed.table[1].sky_noise == pytest.approx(2 * first.table[1].sky_noise)
    assert [row.digest == old.digest for row, old in zip(changed.table, first.table, strict=True)] == [
        True,
        False,
        True,
    ]


def test_a_problem_is_remembered_until_its_file_is_mended(tmp_path: Path) -> None:
    folder = two(tmp_path / "s", lambda path: cut(path, 20000))
    survey = described(folder)
    first, _ = known(tmp_path / "c", survey)
    again, read = known(tmp_path / "c", survey)
    assert (again.problems, read) == (first.problems, [])
    write(folder / "spoilt.fits", {"SCI": pixels(2)}, VISIT=8)
    mended, read = known(tmp_path / "c", survey)
    assert (mended.problems, read) == ((), ["spoilt.fits"])


def test_a_file_that_is_gone_is_no_exposure_any_more(tmp_path: Path) -> None:
    folder = two(tmp_path / "s", lambda path: path)
    survey = described(folder)
    assert len(known(tmp_path / "c", survey)[0].table) == 2
    (folder / "spoilt.fits").unlink()
    found, read = known(tmp_path / "c", survey)
    assert ([row.file for row in found.table], read) == (["good.fits"], [])


def test_another_description_of_the_same_files_is_not_mixed_up_with_it(tmp_path: Path) -> None:
    write(tmp_path / "s" / "a.fits", {"SCI": pixels()})
    first, _ = known(tmp_path / "c", described(tmp_path / "s"))
    other, read = known(tmp_path / "c", described(tmp_path / "s", zero_point={"value": 20.0, "card": None}))
    assert read == ["a.fits"]
    assert other.table[0].zero_point == 20.0
    assert other.table[0].digest != first.table[0].digest


def test_copies_elsewhere_have_the_same_content(tmp_path: Path) -> None:
    for folder in ("one", "two"):
        write(tmp_path / folder / "a.fits", {"SCI": pixels()})
    one, two_ = (scan(described(tmp_path / f), cache=tmp_path / "c").table[0] for f in ("one", "two"))
    assert one.digest == two_.digest


def test_a_broken_cache_is_as_none(tmp_path: Path) -> None:
    write(tmp_path / "s" / "a.fits", {"SCI": pixels()})
    survey = described(tmp_path / "s")
    first, _ = known(tmp_path / "c", survey)
    (path,) = (tmp_path / "c" / "scan").iterdir()
    path.write_text(path.read_text()[:300])
    again, read = known(tmp_path / "c", survey)
    assert read == ["a.fits"]
    assert repr(list(again.table)) == repr(list(first.table))
    assert [item.name for item in (tmp_path / "c" / "scan").iterdir()] == [path.name]


def test_a_cache_that_cannot_be_written_is_done_without(tmp_path: Path) -> None:
    write(tmp_path / "s" / "a.fits", {"SCI": pixels()})
    (tmp_path / "file").write_text("no folder")
    assert len(scan(described(tmp_path / "s"), cache=tmp_path / "file").table) == 1


def test_the_environment_says_where_the_cache_is(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    write(tmp_path / "s" / "a.fits", {"SCI": pixels()})
    monkeypatch.delenv("COADDC_CACHE", raising=False)
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "xdg"))
    scan(described(tmp_path / "s"))
    assert (tmp_path / "xdg" / "coaddc" / "scan").is_dir()
    monkeypatch.setenv("COADDC_CACHE", str(tmp_path / "own"))
    scan(described(tmp_path / "s"))
    assert (tmp_path / "own" / "scan").is_dir()
