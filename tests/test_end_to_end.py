"""The command, from words to files, on a small demo survey."""

import json
import os
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
from astropy.io import fits

from coaddc import Butler
from coaddc.cli import main
from coaddc.plan.task import OP_VERSIONS

SMALL = [
    f"survey.simulation.{field}={value}"
    for field, value in {
        "visits": 6, "detectors": 1, "nx": 200, "ny": 170, "stars": 60, "galaxies": 20,
    }.items()
]  # fmt: skip


def coaddc(folder: Path, *words: str) -> subprocess.CompletedProcess[str]:
    """Run the command in a folder, with the small survey."""
    verb = [words[0]] if words and "=" not in words[0] and not words[0].startswith("-") else []
    rest = list(words[len(verb) :])
    command = [sys.executable, "-m", "coaddc", *verb, *(SMALL if verb in ([], ["plan"]) else []), *rest]
    return subprocess.run(command, cwd=folder, capture_output=True, text=True, check=False)


@pytest.fixture(scope="module")
def built(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The main job: a folder in which it has run."""
    folder = tmp_path_factory.mktemp("main")
    run = coaddc(folder, "warp=psfMatched,direct", "selection=deep", "--multirun")
    assert run.returncode == 0, run.stdout + run.stderr
    assert "4 made" in run.stdout
    return folder


def files(folder: Path) -> dict[str, bytes | str]:
    """Return every file and link below a folder, but for the logs."""
    found = {}
    for path in sorted(folder.rglob("*")):
        name = str(path.relative_to(folder))
        if "/runs/" in f"/{name}/":
            continue
        if path.is_symlink():
            found[name] = f"-> {path.readlink()}"
        elif path.is_file():
            found[name] = path.read_bytes()
    return found


def test_the_request_s_own_call_gets_the_coadd(built: Path) -> None:
    butler = Butler(built / "coadds")
    coadd = butler.get("coadd", band="g", tract=0, patch="0,0", warp="direct", selection="deep")
    same = butler.get("coadd", filter="g", tract=0, patch="0,0", warpType="direct", seeingCutoff="deep")
    np.testing.assert_array_equal(coadd.stacked.image, same.stacked.image)
    assert coadd.data_id["warp"] == "direct"
    assert len(coadd.inputs) == 3
    matched = butler.get("coadd", band="g", tract=0, patch="0,0", warp="psfMatched")
    assert np.nanmedian(matched.psf.fwhm) > np.nanmedian(coadd.psf.fwhm)
    assert np.nanvar(matched.stacked.image) > 0


def test_the_file_has_its_planes_its_config_and_its_inputs(built: Path) -> None:
    path = built / "coadds/coadd/skymap=demo/band=r/tract=0/patch=0,0/warp=direct/selection=deep/coadd.fits"
    with fits.open(path, checksum=True) as hdus:
        names = [hdu.name for hdu in hdus[1:]]
        assert names[:3] == ["IMAGE", "MASK", "VARIANCE"]
        assert {"NIMAGE", "PSF", "INPUTS", "CONFIG"} <= set(names)
        assert hdus["IMAGE"].header["BUNIT"] == "nJy"
        assert hdus[0].header["MAGZERO"] == pytest.approx(31.4)
        good = np.isfinite(hdus["IMAGE"].data)
        assert good.mean() > 0.3
        assert (hdus["MASK"].data[~good] & (1 << hdus["MASK"].header["MP_NO_DATA"])).all()
        assert np.isinf(hdus["VARIANCE"].data[~good]).all()
        assert hdus["NIMAGE"].data.max() == 3


def test_the_same_again_does_nothing_and_says_so(built: Path) -> None:
    before = files(built)
    run = coaddc(built, "warp=psfMatched,direct", "selection=deep", "-m")
    assert run.returncode == 0
    assert "4 up to date" in run.stdout
    assert "made" not in run.stdout
    assert files(built) == before


def test_what_only_pixels_need_is_not_imported_where_all_is_up_to_date(built: Path) -> None:
    words = [*SMALL, "warp=psfMatched,direct", "selection=deep"]
    heavy = {"numba", "scipy", "astropy", "duckdb", "sqlite3"}
    code = (
        f"import sys; from coaddc.cli import main; status = main({words}); "
        f"found = {heavy} & set(sys.modules); sys.exit(repr(found) if found or status else 0)"
    )
    run = subprocess.run([sys.executable, "-c", code], cwd=built, capture_output=True, text=True, check=False)
    assert run.returncode == 0, run.stderr
    assert "4 up to date" in run.stdout


def test_the_plan_is_told_to_programs_with_flags_anywhere(built: Path) -> None:
    before = files(built)
    run = coaddc(built, "plan", "warp=psfMatched,direct", "--json", "stack=mean,median", "--passes", "band=g")
    assert run.returncode == 0, run.stderr
    told = json.loads(run.stdout)
    (part,) = told["parts"]
    assert told["format"] == 1
    assert told["passes"][0]["pass"] == "select"
    assert (part["totals"]["current"], part["totals"]["absent"]) == (2, 2)
    # The main job ran here, of means: a plan says how long, and that it knows nothing of medians.
    assert part["totals"]["seconds_unknown"] == ["stack.median"]
    assert 0 < part["totals"]["seconds"] < 1000
    assert files(built) == before


def test_the_plan_is_drawn(built: Path, capsys: pytest.CaptureFixture[str]) -> None:
    run = coaddc(built, "plan", "stack=median", "--graph", "mermaid", "band=g")
    assert run.stdout.startswith("flowchart LR\n"), run.stderr
    for flags, said in ((["--graph=dott"], "did you mean 'dot'"), (["--json", "--graph=dot"], "one form")):
        assert main(["plan", *flags, "band=g"]) == 1
        assert said in capsys.readouterr().err


def test_a_product_says_why_it_is_there_and_that_it_is_up_to_date(built: Path) -> None:
    Butler(built / "coadds").query()  # makes the index, as the first question does
    before = files(built)
    run = coaddc(built, "explain", "band=g", "warp=psfMatched")
    assert run.returncode == 0, run.stderr
    assert "warp=psfMatched,direct selection=deep --multirun" in run.stdout  # the command
    assert "resampled, then convolved to the PSF" in run.stdout  # what the choice means
    assert "3 exposures of 3 visits" in run.stdout
    assert "up to date: the same words make the same product" in run.stdout
    assert files(built) == before


def test_a_product_of_an_older_op_says_that_it_is_stale(
    built: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    newer = {**OP_VERSIONS, "match": OP_VERSIONS["match"] + 1}
    for module in ("task", "why"):
        monkeypatch.setattr(f"coaddc.plan.{module}.OP_VERSIONS", newer)
    monkeypatch.chdir(built)
    for warp, told in (("psfMatched", "stale: a new version would be made"), ("direct", "up to date")):
        assert main(["explain", "band=g", f"warp={warp}"]) == 0
        said = capsys.readouterr().out
        assert told in said
        assert ("op match: version" in said) == (warp == "psfMatched")


def test_two_products_say_how_they_differ(built: Path, capsys: pytest.CaptureFixture[str]) -> None:
    run = coaddc(built, "explain", "coadds", "band=g", "warp=direct", "band=r warp=psfMatched")
    assert run.returncode == 0, run.stderr
    assert "  warp.matching: none and psf_model\n" in run.stdout
    assert "  3 and 3 exposures\n  3 in 1 only: visit " in run.stdout
    assert "the same ops and packages" in run.stdout
    assert main(["explain", "coadds"]) == 1
    assert "expected: coaddc explain" in capsys.readouterr().err


def test_an_override_is_another_product_beside_it(built: Path) -> None:
    run = coaddc(built, "band=g", "warp.interpolant=lanczos3")
    assert run.returncode == 0, run.stderr
    butler = Butler(built / "coadds")
    variant = butler.get("coadd", band="g", tract=0, patch="0,0", variant="warp.interpolant:lanczos3")
    plain = butler.get("coadd", band="g", tract=0, patch="0,0")
    assert variant.data_id["variant"] == "warp.interpolant:lanczos3"
    assert np.nanmax(np.abs(variant.stacked.image - plain.stacked.image)) > 0


def test_an_edited_value_is_refused_with_a_diff(tmp_path: Path) -> None:
    value = tmp_path / "conf/selection/early.yaml"
    value.parent.mkdir(parents=True)
    value.write_text("doc: the early ones\nwhere: survey_year < 1.2\n")
    assert coaddc(tmp_path, "selection=early", "band=g").returncode == 0
    before = files(tmp_path)
    edited = "doc: the early ones, or not\nwhere: survey_year < 9\n"
    value.write_text(edited)
    run = coaddc(tmp_path, "selection=early", "band=g")
    assert run.returncode == 1
    assert "-  where: survey_year < 1.2" in run.stderr
    assert "+  where: survey_year < 9" in run.stderr
    assert "Traceback" not in run.stderr
    value.write_text("doc: the early ones\nwhere: survey_year < 1.2\n")
    assert files(tmp_path) == before
    value.write_text(edited)
    told = coaddc(tmp_path, "explain", "selection=early")
    assert told.returncode == 0, told.stderr
    assert "stale: what its words ask for now is refused" in told.stdout
    assert "+  where: survey_year < 9" in told.stdout
    value.unlink()
    told = coaddc(tmp_path, "explain", "selection=early")
    assert "its words cannot be composed any more" in told.stdout
    assert "selection has no value 'early'" in told.stdout


def test_a_new_key_and_a_new_value_need_yaml_alone(tmp_path: Path) -> None:
    for name, where in (("odd", "visit % 2 = 1"), ("even", "visit % 2 = 0")):
        file = tmp_path / f"conf/parity/{name}.yaml"
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_text(f"doc: visits of {name} number\nwhere: {where}\n")
    fine = tmp_path / "conf/warp/fine.yaml"
    fine.parent.mkdir()
    fine.write_text("doc: by Lanczos-5\ninterpolant: lanczos5\n")
    run = coaddc(tmp_path, "parity=odd,even", "warp=fine")
    rows = Butler(tmp_path / "coadds").query()
    made = {(row["parity"], row["band"]) for row in rows}
    assert run.returncode == 0, run.stdout
    assert {parity for parity, _ in made} == {"odd", "even"}
    butler = Butler(tmp_path / "coadds")
    for parity, band in made:
        coadd = butler.get("coadd", band=band, warp="fine", parity=parity)
        assert {i.row.visit % 2 for i in coadd.inputs} == {int(parity == "odd")}


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (["wrap=direct"], "'warp'"),
        (["warp=psfmatched"], "psfMatched"),
        (["stack.nsgima=3"], "nsigma"),
        (["stack.nsigma=three"], "stack.nsigma"),
        (["selection.where='seing < 1'"], "seeing"),
        (["skymap.patch_inner=300,400"], "name of its own"),
        (["patch=0,0"], 'patch="0,0"'),
        (["pln", "warp=direct"], "plan"),
    ],
)
def test_nonsense_is_refused_with_what_is_near_and_leaves_nothing(
    tmp_path: Path, words: list[str], said: str
) -> None:
    run = coaddc(tmp_path, *words)
    assert run.returncode != 0
    assert said in run.stderr
    assert "Traceback" not in run.stderr
    assert not list(tmp_path.iterdir())


def test_a_broken_file_is_named_and_the_rest_is_made(tmp_path: Path, built: Path) -> None:
    inputs = json.loads(
        next((built / "coadds").rglob("warp=direct/selection=deep/provenance.json")).read_text()
    )["inputs"]
    cache = Path(os.environ["COADDC_CACHE"])
    source = next(p for p in cache.glob("demo-*") if len(list((p / "exposures").glob("*.fits"))) == 6)
    survey = tmp_path / "survey/exposures"
    survey.mkdir(parents=True)
    for file in (source / "exposures").glob("*.fits"):
        content = file.read_bytes()
        (survey / file.name).write_bytes(content[:20000] if file.name in inputs[0]["file"] else content)
    words = ["band=g", "survey.simulation=null", f"survey.path={tmp_path / 'survey'}"]
    run = subprocess.run(
        [sys.executable, "-m", "coaddc", *words], cwd=tmp_path, capture_output=True, text=True, check=False
    )
    assert run.returncode == 0, run.stdout + run.stderr
    assert f"left out {inputs[0]['file']}" in run.stdout
    assert "1 files left out" in run.stdout
    strict = subprocess.run(
        [sys.executable, "-m", "coaddc", *words, "survey.strict=true", "store.root=other"],
        cwd=tmp_path, capture_output=True, text=True, check=False,
    )  # fmt: skip
    assert strict.returncode == 1
    assert inputs[0]["file"] in strict.stderr
    assert not (tmp_path / "other").exists()


def test_verbs_plan_list_show_and_compare(built: Path) -> None:
    plan = coaddc(built, "plan", "warp=direct", "baseline=y1,y2")
    assert plan.returncode == 0
    assert "4 products asked" in plan.stdout
    listed = coaddc(built, "ls", "coadds", "warp=psfMatched")
    assert listed.stdout.count("psfMatched") >= 2
    shown = coaddc(built, "show", "coadds", "band=g", "tract=0", "patch=0,0")
    assert '"inputs"' in shown.stdout
    assert "interpolant: omoms3" in shown.stdout
    difference = coaddc(built, "diff", "coadds", "band=g", "band=g warp=psfMatched")
    assert "matching: psf_model" in difference.stdout
