"""Matched templates: from sub-bands in a store to what a visit sees."""

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from coaddc.cli import main
from coaddc.io.coadds.read import read_coadd
from coaddc.model.errors import ConfigError, StoreError
from coaddc.model.images import Stacked
from coaddc.model.run_options import StoreOptions
from coaddc.ops.dcr import solve_subbands
from coaddc.ops.dcr_noise import power
from coaddc.ops.dcr_template import dispersed, template_noise
from coaddc.store.butler import Butler
from coaddc.store.store import Store
from coaddc.template import Sight, make_template
from tests.coadds import awkward_coadd, exposure_row, make_product
from tests.ops.dispersed import BOX, MARGIN, mean_of, model, observe


@pytest.fixture
def root(tmp_path: Path) -> Path:
    """A store with the three sub-bands of one model, of flux density 1, 2 and 3 where there are data."""
    store = Store(tmp_path / "coadds", StoreOptions(root=str(tmp_path / "coadds")), {})
    rows = [exposure_row(v, airmass=1.1 + 0.2 * v, parallactic_angle=50.0 * v) for v in range(3)]
    for number, name in enumerate(("blue", "middle", "red")):
        product = make_product("abc"[number] * 32, wavelength=name)
        config = {"wavelength": {"subband": number, "subbands": 3}, "survey": {"name": "demo"}}
        coadd = awkward_coadd(dict(product.data_id), box=replace(BOX, x1=BOX.x0 + 60, y1=BOX.y0 + 45))
        image = np.where(coadd.stacked.n_image > 0, number + 1.0, np.nan).astype(np.float32)
        inputs = tuple(replace(coadd.inputs[0], row=row) for row in rows)
        made = replace(coadd, stacked=replace(coadd.stacked, image=image), inputs=inputs)
        store.publish(replace(product, config=config), made, {})
    return tmp_path / "coadds"


def test_the_verb_writes_a_coadd_that_says_what_it_matches(
    root: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    file = tmp_path / "t.fits"
    words = [
        "template",
        str(root),
        "airmass=1.5",
        "parallactic_angle=30",
        f"file={file}",
        "band=g",
        "tract=3",
    ]
    assert main(words) == 0, capsys.readouterr().err
    made = read_coadd(file)
    assert made.data_id["airmass"] == "1.5"
    assert made.data_id["parallactic_angle"] == "30"
    assert "wavelength" not in made.data_id
    good = np.isfinite(made.stacked.image)
    assert np.median(made.stacked.image[good]) == pytest.approx(2.0, abs=0.05)
    assert np.isnan(made.stacked.image[0, 0])
    assert main(words) == 1
    assert "nothing is overwritten" in capsys.readouterr().err


def test_what_is_missing_is_said(root: Path, capsys: pytest.CaptureFixture[str]) -> None:
    butler = Butler(root)
    with pytest.raises(StoreError, match="needs every sub-band of one model"):
        make_template(butler, Sight(1.2, 0.0), wavelength="blue")
    with pytest.raises(StoreError, match="no sub-bands in the store"):
        make_template(butler, Sight(1.2, 0.0), wavelength="violet")
    with pytest.raises(ConfigError, match="1 at least"):
        Sight(0.5, 0.0)
    assert main(["template", str(root), "airmass=1.5"]) == 1
    assert "parallactic_angle" in capsys.readouterr().err


def test_a_template_is_what_a_visit_shows() -> None:
    problem = model(smoothness=3e-4, amplitude=3e-5)
    seen = observe(problem, gaps=False)
    found = solve_subbands(seen[:-1], mean_of(seen[:-1]), problem, MARGIN)
    held_out = seen[-1]
    made = dispersed(found, problem, problem.zeniths[held_out.visit])
    at = BOX.grow(-MARGIN).within(BOX)
    left = np.abs(made.image - held_out.warp.image)[at].max()
    assert left < 0.02 * np.abs(mean_of(seen[:-1]).image - held_out.warp.image)[at].max() + 1e-3


def test_the_noise_of_a_template_is_what_it_says() -> None:
    problem = model()
    found: tuple[Stacked, ...] = solve_subbands(
        (seen := observe(problem, noise=2.0, stars=(), gaps=False)), mean_of(seen), problem, MARGIN
    )
    up = problem.zeniths[3]
    at = BOX.grow(-MARGIN).within(BOX)
    correlations = [measured(part.image[at]) for part in found]
    ratios, correlation = template_noise(correlations, problem, np.full(6, 0.25), up, BOX)
    image = dispersed(found, problem, up).image[at]
    for ratio, part in zip(ratios, found, strict=True):
        assert np.mean(image**2 / (ratio * part.variance[at])) == pytest.approx(1.0, abs=0.1)
    assert ratios.max() < 0.5
    assert power(correlation).mean() == pytest.approx(1.0)


def measured(image: np.ndarray) -> np.ndarray:
    """Return the correlation of an image's pixels to a distance of 20, edges left out."""
    half, inner = 20, slice(20, -20)
    lags = range(-half, half + 1)
    ny, nx = image.shape
    own = image[inner, inner]
    pairs = [[(own * image[20 + y : ny - 20 + y, 20 + x : nx - 20 + x]).mean() for x in lags] for y in lags]
    stamp = np.array(pairs)
    return stamp / stamp[half, half]
