import logging
import os
import sys

import pytest
from omegaconf import OmegaConf

from coaddc.config.app import run
from coaddc.model.errors import DataError


@pytest.mark.parametrize(
    "argv",
    [
        ["-m", "warp=direct,psfMatched", "stack=mean"],
        ["warp=direct,psfMatched", "--multirun", "stack=mean"],
        ["warp=direct,psfMatched", "stack=mean", "-m"],
        ["stack=mean", "warp=direct,psfMatched"],
    ],
)
def test_multirun_may_stand_anywhere_or_nowhere(ask, argv):
    assert [a.keys["warp"] for a in ask(*argv).assemblies] == ["direct", "psfMatched"]


def test_a_build_that_leaves_nothing_leaves_nothing(ask, folder):
    outcome = ask("store.root=out")
    assert outcome.suites[0].logs.parts[:2] == ("out", "runs")
    assert list(folder.iterdir()) == []
    assert (outcome.out, outcome.err) == ("", "")


def test_what_is_said_while_building_lands_in_the_runs_folder_with_the_command(folder, ask, capsys):
    ask()  # for its clean-up

    def build(suite):
        logging.getLogger("coaddc.test").info("between us")
        logging.getLogger("coaddc.test").warning("for all to hear")
        return True

    assert run(build, ["stack=median", "store.root=out"]) == 0
    (log,) = folder.glob("out/runs/*/*/coaddc.log")
    assert "between us" in log.read_text()
    err = capsys.readouterr().err
    assert "for all to hear" in err
    assert "between us" not in err
    saved = OmegaConf.load(log.parent / "multirun.yaml")
    assert saved.hydra.overrides.task == ["stack=median", "store.root=out"]
    assert not (log.parent / ".hydra").exists()


def test_the_exit_status_says_whether_all_stands(ask):
    assert ask(stands=True).status == 0
    outcome = ask(stands=False)
    assert (outcome.status, outcome.err) == (1, "")


def test_what_the_build_refuses_is_one_message(ask, capsys):
    def build(suite):
        raise DataError("image.fits: no WCS")

    assert run(build, []) == 1
    assert capsys.readouterr().err == "coaddc: image.fits: no WCS\n"


def test_a_mistake_of_ours_is_not_hidden(ask):
    def build(suite):
        raise ZeroDivisionError

    with pytest.raises(ZeroDivisionError):
        run(build, [])


def test_the_process_is_left_as_it_was(ask):
    before = sys.argv[:], os.environ.get("HYDRA_FULL_ERROR")
    ask("warp=direct")
    assert (sys.argv, os.environ.get("HYDRA_FULL_ERROR")) == before


@pytest.mark.parametrize("words", [["hydra/launcher=basic"], ["hydra.mode=RUN"]])
def test_other_launchers_build_each_job_by_itself_into_the_same_coadds(ask, words):
    sweep = (
        ["stack=clipped", "stack.nsigma=3"]
        if "hydra.mode=RUN" in words
        else ["stack=clipped,mean", "stack.nsigma=3"]
    )
    together = ask(*sweep).assemblies
    alone = ask(*sweep, *words)
    assert alone.status == 0
    assert [len(suite.assemblies) for suite in alone.suites] == [1] * len(together)
    for one, other in zip(together, [suite.assemblies[0] for suite in alone.suites], strict=True):
        assert (list(one.keys.items()), one.config) == (list(other.keys.items()), other.config)
    assert len({suite.logs for suite in alone.suites}) == len(together)


def test_other_launchers_tell_of_every_job_that_fails(folder, ask, capsys):
    ask()

    def build(suite):
        raise DataError(f"no {suite.assemblies[0].keys['stack']}")

    assert run(build, ["hydra/launcher=basic", "stack=clipped,mean"]) == 1
    err = capsys.readouterr().err
    assert "2 of 2 jobs failed" in err
    assert "stack=clipped: no clipped" in err
    assert "stack=mean: no mean" in err


def test_a_job_can_be_shown_instead_of_run(ask):
    outcome = ask("--cfg", "job", "-p", "stack", "stack.nsigma=3")
    assert outcome.suites == []
    assert "nsigma: 3.0" in outcome.out


def test_a_sweep_cannot_be_shown_as_one_job(ask):
    assert "--cfg shows one job, not a sweep" in ask("--cfg", "job", "warp=direct,psfMatched").refusal


def test_overrides_are_kept_as_they_were_said(ask):
    assert ask("stack.propagate.CR=0.2", "coadd_type=deep").assembly.overrides == (
        "stack.propagate.CR=0.2",
        "coadd_type=deep",
    )
