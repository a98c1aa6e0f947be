import itertools

import pytest
from hydra import initialize_config_dir
from hydra.core.global_hydra import GlobalHydra
from hydra.types import RunMode

from coaddc.config import keys, launcher  # noqa: F401 (registers the schema)
from coaddc.config.compose import Composer, plain
from coaddc.model.assembly import Profile

#: The key psf_model, placed in the template of artifacts.
PLACED = "psf_model@artifacts.template.psf_model"


def test_a_bundle_is_the_choices_that_it_stands_for(ask):
    bundles = ask("coadd_type=constantPsf,bestSeeing,shortPeriod").assemblies
    spelt = [
        ask(*words).assembly
        for words in (
            ["warp=psfMatched", "selection=deep"],
            ["selection=bestSeeing", "artifacts=none"],
            ["baseline=y1"],
        )
    ]
    for bundle, words in zip(bundles, spelt, strict=True):
        assert list(bundle.keys.items()) == list(words.keys.items())
        assert bundle.config == words.config


@pytest.mark.parametrize("order", list(itertools.permutations(["coadd_type=constantPsf", "warp=direct"])))
def test_the_command_line_wins_over_a_bundle_in_either_order(ask, order):
    assert ask(*order).assembly.keys["warp"] == "direct"


def test_a_bundle_wins_over_the_defaults_only_where_nothing_is_swept(ask):
    years = [a.keys["baseline"] for a in ask("coadd_type=shortPeriod", "baseline=y2,y3").assemblies]
    assert years == ["y2", "y3"]


def test_bundles_that_come_to_the_same_are_one(ask):
    words = "coadd_type=constantPsf,shortPeriod", "warp=direct", "baseline=all"
    assert len(ask(*words).assemblies) == 1


def test_deep_coadds_are_without_artifacts_unless_the_command_line_says_otherwise(ask):
    deep = ask("coadd_type=deep").assembly
    assert deep.keys["artifacts"] == "compareWarp"
    assert deep.config == ask("artifacts=compareWarp").assembly.config
    assert ask("coadd_type=deep", "artifacts=none").assembly.config == ask().assembly.config


def test_only_a_bundle_that_is_named_overrules_the_defaults_of_a_config_of_one_s_own(ask, write):
    text = (keys.packaged_conf() / "config.yaml").read_text()
    write("config", text.replace("- selection: deep", "- selection: bestSeeing"))
    assert ask().assembly.keys["selection"] == "bestSeeing"
    assert ask("coadd_type=deep").assembly.keys["selection"] == "deep"


def test_two_model_psfs_serve_two_purposes_of_one_coadd(ask):
    words = "psf_model=deblending", "warp=psfMatched", "artifacts=compareWarp"
    default, other = (ask(*words, *more).assembly for more in ([], [f"{PLACED}=moffat"]))
    for assembly in (default, other):
        assert assembly.keys["psf_model"] == "deblending"
        assert (assembly.psf_model.quantile, assembly.psf_model.wing_amplitude) == (0.5, 0.01)
    assert default.artifacts.template.psf_model.profile is Profile.double_gaussian
    assert default.artifacts.template.psf_model.quantile == 1.0
    assert other.artifacts.template.psf_model.profile is Profile.moffat


def test_globs_sweep(ask):
    assert [a.keys["baseline"] for a in ask("baseline=glob(y1*,exclude=y10)").assemblies] == ["y1"]
    assert [a.keys["warp"] for a in ask("warp=glob(*)").assemblies] == [
        "direct", "likelihood", "proper", "psfMatched",
    ]  # fmt: skip


def test_an_unset_key_is_in_neither_the_data_id_nor_the_config(ask):
    assembly = ask("~baseline").assembly
    assert "baseline" not in assembly.keys
    assert "baseline" not in assembly.sections
    assert "baseline" not in assembly.config


def test_bands_and_patches_are_composed_once_and_left_to_the_plan(ask):
    assembly = ask("band=g,r", "tract=0,3", 'patch="0,0","1, 2"').assembly
    assert (assembly.bands, assembly.tracts, assembly.patches) == (("g", "r"), (0, 3), ("0,0", "1,2"))


def test_patches_are_numbers_or_positions(ask):
    assert ask("patch=[3,4]").assembly.patches == (3, 4)
    assert ask('patch="4,3"').assembly.patches == ("4,3",)
    assert ask("patch=7").assembly.patches == (7,)
    assert ask("patch=range(0,4)").assembly.patches == (0, 1, 2, 3)


REACHING = """\
# @package _global_
defaults:
  - override /warp: psfMatched

purpose:
  doc: alerts
psf_model:
  quantile: 0.5
"""

SWEEPS = [
    ["warp=direct,psfMatched", "stack=mean,median", "selection=bestSeeing"],
    ["warp=direct,psfMatched", "stack.nsigma=3,4", "psf_model=moffat,doubleGaussian"],
    ["coadd_type=bestSeeing,constantPsf", "warp=direct", "stack=mean,clipped"],
    ["purpose=alerts,plain", "warp=direct", "stack=clipped", "stack.reject=[BAD],[CR,SAT]"],
    [
        "purpose=alerts",
        "stack=mean,mirror",
        "psf_model.wing_ratio=2,3",
        "psf_model=moffat,doubleGaussian",
    ],
    ["skymap.patch_inner=500,600", "survey.name=a,b", "warp=direct,psfMatched"],
    ["~baseline", "purpose=plain", "stack=mean,clipped", "++stack.propagate.CR=0.1,0.2"],
]


@pytest.mark.parametrize("sweep", SWEEPS, ids=" ".join)
def test_jobs_put_together_from_parts_are_as_hydra_composes_them(write, sweep):
    """Hydra itself is the truth: each job composed from all files anew."""
    write("purpose/alerts", REACHING)
    write("purpose/plain", "doc: nothing\n")
    write("stack/mirror", "doc: looks at another section\nnsigma: ${psf_model.wing_ratio}\n")
    with initialize_config_dir(str(keys.packaged_conf()), version_base="1.3"):
        loader = GlobalHydra.instance().config_loader()
        master = loader.load_configuration("config", [], RunMode.MULTIRUN)
        composer = Composer(loader, master, keys.find())
        axes = [[f"{key}={value}" for value in _values(values)] for key, _, values in map(_part, sweep)]
        for words in itertools.product(*axes):
            job = composer.compose([word.removesuffix("=") for word in words])
            whole = loader.load_sweep_config(master, [word.removesuffix("=") for word in words])
            assert job.config == plain(whole), words
            chosen = {key: value for key, value in whole.hydra.runtime.choices.items() if "/" not in key}
            assert {key: job.choices[key] for key in chosen} == chosen, words


def _part(word):
    return word.partition("=")


def _values(text):
    return text.replace("],", "];").split(";") if "[" in text else text.split(",")


def test_a_sweep_of_plain_files_is_composed_once(folder):
    """24 coadds from one composition by Hydra, which takes nearly all the time."""
    with initialize_config_dir(str(keys.packaged_conf()), version_base="1.3"):
        loader = GlobalHydra.instance().config_loader()
        composer = Composer(loader, loader.load_configuration("config", [], RunMode.MULTIRUN), keys.find())
        axes = {
            "baseline": ["all", "y1", "y2"],
            "warp": ["direct", "psfMatched"],
            "stack": ["mean", "median"],
            "selection": ["deep", "bestSeeing"],
        }
        points = list(itertools.product(*axes.values()))
        jobs = [composer.compose([f"{k}={v}" for k, v in zip(axes, point, strict=True)]) for point in points]
    assert [tuple(job.choices[key] for key in axes) for job in jobs] == points
    assert len(composer._wholes) == 1


def test_an_override_may_look_at_another_section(ask):
    assembly = ask("stack.nsigma=${psf_model.wing_ratio}", "psf_model.wing_ratio=2,3").assemblies[1]
    assert assembly.stack.nsigma == 3.0
    assert assembly.overrides[0] == "stack.nsigma=${psf_model.wing_ratio}"
