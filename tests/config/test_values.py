from pathlib import Path

import pytest

from coaddc.config import keys
from coaddc.config.schema import STAGES
from coaddc.model.assembly import Matching, Profile, Rejection, Statistic

CATALOG = keys.find([keys.packaged_conf()])
FILES = sorted(keys.packaged_conf().rglob("*.yaml"))


@pytest.mark.parametrize(
    "group", [group for group in CATALOG.groups if group not in ("suite", "engine", "store")]
)
def test_every_value_of_every_group_composes_and_reads(ask, group):
    values = list(CATALOG.groups[group])
    needed = ["skymap.pixel_scale=0.2"] if group == "skymap" else []
    assemblies = ask(f"{group}={','.join(values)}", *needed).assemblies
    if group in CATALOG.keys:
        assert [assembly.keys[group] for assembly in assemblies] == values
        assert [assembly.sections[group].doc for assembly in assemblies] == [
            value.doc for value in CATALOG.groups[group].values()
        ]
    else:
        assert len(assemblies) == len(values)


def test_every_value_says_what_it_means_in_one_line():
    docs = {
        (group, name): value.doc for group, named in CATALOG.groups.items() for name, value in named.items()
    }
    assert [value for value, doc in docs.items() if not doc or "\n" in doc] == []


def test_the_defaults_are_a_direct_deep_mean_of_the_whole_survey(ask):
    outcome = ask()
    assembly = outcome.assembly
    assert dict(assembly.keys) == {
        "selection": "deep",
        "baseline": "all",
        "warp": "direct",
        "psf_model": "doubleGaussian",
        "artifacts": "none",
        "stack": "mean",
    }
    assert list(assembly.sections) == list(assembly.keys)
    assert dict(outcome.suites[0].implied) == dict(assembly.keys)
    assert assembly.warp.matching is Matching.none
    assert assembly.psf_model.profile is Profile.double_gaussian
    assert assembly.psf_model.fwhm is None
    assert assembly.stack.statistic is Statistic.mean
    assert assembly.artifacts.method is Rejection.none
    assert (assembly.bands, assembly.tracts, assembly.patches) == (None, None, None)
    assert assembly.overrides == ()


def test_the_config_holds_the_sections_and_nothing_of_how_it_is_run(ask):
    assembly = ask("band=g", "engine.workers=2", "coadd_type=deep").assembly
    assert list(assembly.config) == ["survey", "skymap", *assembly.keys]
    assert assembly.config["stack"]["statistic"] == "mean"
    assert assembly.bands == ("g",)


def test_each_year_starts_where_the_one_before_ends():
    wheres = [CATALOG.groups["baseline"][f"y{year}"].content["where"] for year in range(1, 11)]
    assert wheres == [f"survey_year >= {year} AND survey_year < {year + 1}" for year in range(10)]


def test_years_are_listed_in_order():
    years = [f"y{year}" for year in range(1, 11)]
    assert list(CATALOG.groups["baseline"]) == ["all", *(f"through_{year}" for year in years), *years]


def test_stages_are_keys_with_a_default():
    assert set(STAGES) <= set(CATALOG.implied_keys)


@pytest.mark.parametrize("file", FILES, ids=lambda file: f"{file.parent.name}/{file.stem}")
def test_packages_stand_on_the_first_line_where_hydra_looks_for_them(file: Path):
    lines = file.read_text().splitlines()
    assert not any(line.startswith("# @package") for line in lines[1:])


def test_other_names_of_keys_are_declared_with_the_store(ask):
    store = ask().suites[0].store
    assert store.aliases == {"filter": "band", "warpType": "warp", "seeingCutoff": "selection"}
    assert store.root == "coadds"
