"""Building a suite while another process builds into the same store."""

from pathlib import Path
from typing import Any

import pytest

from coaddc import Butler, build
from coaddc.config.app import run
from coaddc.store.store import Store
from tests.test_end_to_end import SMALL

WORDS = [*SMALL, "band=g", "survey.simulation.visits=3", "skymap.patch_inner=150"]


@pytest.mark.parametrize(("change", "status"), [({"ra": 0.002}, 0), ({"patch_inner": 10}, 1)])
def test_the_sky_map_that_another_process_just_made_counts(
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
    change: dict[str, float],
    status: int,
) -> None:
    """It was made for other exposures, so its tract lies elsewhere; one of other numbers is refused."""
    monkeypatch.chdir(tmp_path)
    compiled = build.compile_parts
    made: list[dict[str, Any]] = []

    def overtaken(suite: Any, store: Store, *more: Any) -> Any:
        parts = compiled(suite, store, *more)
        if not made:
            definition = dict(parts[0].skymap.definition)
            made.append({**definition, **{key: definition[key] + by for key, by in change.items()}})
            store.freeze(f"skymaps/{parts[0].skymap.name}", made[0])
        return parts

    monkeypatch.setattr(build, "compile_parts", overtaken)
    assert run(build.build, WORDS) == status
    if status:
        assert "its patches must not move" in capsys.readouterr().err
        assert not list(tmp_path.rglob("coadd.fits"))
        return
    coadd = Butler(tmp_path / "coadds").get("coadd", band="g", tract=0, patch="0,0")
    assert coadd.wcs.header()["CRVAL1"] == pytest.approx(made[0]["ra"], abs=1e-12)
