import re
from pathlib import Path

import numpy as np
import pytest
import yaml
from astropy.io import fits

from coaddc.io.exposures.scan import scan
from coaddc.model.survey import Survey

from .surveys import ROOT, merged, plain, real, survey, typed
from .synthetic import SHAPE, header_of, pixels, primary_cards, wcs_cards


@pytest.mark.parametrize("name", sorted(path.stem for path in (ROOT / "conf" / "survey").glob("*.yaml")))
def test_every_packaged_survey_fits_the_schema_and_says_what_it_is(name: str) -> None:
    found = survey(name)
    assert found.name == name
    assert found.doc


def test_the_plain_mapping_states_the_defaults() -> None:
    found = survey("fits", path="x")
    default = Survey(name="fits", path="x", doc=found.doc)
    for field in ("variance", "mask", "psf", "sky", "site", "bands", "table", "astrometry"):
        assert getattr(found, field) == getattr(default, field)


def test_the_example_of_the_manual_reads_what_it_describes(tmp_path: Path) -> None:
    block = re.search(r"```yaml\n(.*?)```", (ROOT / "docs" / "surveys.md").read_text(), re.DOTALL)
    assert block is not None
    example = typed(Survey, merged(yaml.safe_load(block[1]), {"path": str(tmp_path)}))
    mask = np.zeros(SHAPE, np.uint8)
    mask[3, 5] = 0b100000
    cards = {"FRAMENUM": 41, "FILTNAME": "Sloan r'", "PHOTZP": 25.0}
    for kind, plane in {"sci": pixels(), "wht": np.full(SHAPE, 1 / 16), "flag": mask}.items():
        (tmp_path / "night1").mkdir(exist_ok=True)
        primary = fits.PrimaryHDU(header=header_of(primary_cards(**cards)))
        amplifiers = [fits.ImageHDU(plane, header_of(wcs_cards()), name=f"AMP{n}") for n in (1, 2)]
        fits.HDUList([primary, *amplifiers]).writeto(tmp_path / "night1" / f"a_{kind}.fits")
    found = scan(example, cache=tmp_path / "cache")
    assert not found.problems
    assert [(row.visit, row.detector, row.band) for row in found.table] == [
        (41, "AMP1", "r"),
        (41, "AMP2", "r"),
    ]
    for row in found.table:
        assert row.zero_point == 30.0
        assert row.good_fraction == 1 - 1 / (SHAPE[0] * SHAPE[1])
        assert -180 <= row.hour_angle <= 180


def test_a_survey_of_other_people_takes_a_few_lines(tmp_path: Path) -> None:
    unwise = plain(
        real("unwise_tr"),
        image={"glob": "e*/**/*-img-m.fits", "pattern": r"^e(?P<EPOCH>\d+)/.*-w(?P<W>\d)-img"},
        variance={"kind": "inverse_variance", "file": "-img-m.fits -> -invvar-m.fits.gz"},
        psf={"sources": ["seeing"], "fwhm": 6.1},
        zero_point={"value": 22.5, "card": None, "to_ab": {"w1": 2.699, "w2": 3.339}},
        cards={"visit": "EPOCH", "detector": "W", "band": "W", "time": "MJDMIN", "instrument": None},
        bands={"1": "w1", "2": "w2"},
    )
    found = scan(unwise, cache=tmp_path)
    assert not found.problems
    assert [(row.visit, row.band) for row in found.table] == [(e, w) for e in range(12) for w in ("w1", "w2")]
    for row in found.table:
        assert (row.nx, row.ny) == (25, 25)
        assert row.pixel_scale == pytest.approx(2.75, rel=1e-3)
        assert row.seeing == pytest.approx(6.1, rel=0.03)
        assert 55000 < row.mjd < 58500
        assert row.psf == "Moffat of the survey's seeing"
    years = [row.survey_year for row in found.table]
    assert years[-1] > 7.5
    assert years[0] == 0.0
