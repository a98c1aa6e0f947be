"""Every value of conf/ compiles: alone, and those of keys with every value of every other key.

No pixel is read. A bundle is not paired: it is the values that it chooses, which are. The few pairs that
contradict each other are listed, and refused.
"""

import itertools
from collections.abc import Iterator
from dataclasses import replace
from fnmatch import fnmatch

import numpy as np
import pytest
from hydra import initialize_config_dir
from hydra.core.global_hydra import GlobalHydra
from hydra.types import RunMode

from coaddc.config import keys, launcher  # noqa: F401 (registers the schema)
from coaddc.config.assemble import assemble
from coaddc.config.compose import Composer
from coaddc.config.expand import jobs
from coaddc.model.assembly import Assembly
from coaddc.model.errors import PlanError
from coaddc.model.exposures import ExposureTable
from coaddc.model.run_options import EngineOptions
from coaddc.plan.compile import compile_suite
from coaddc.plan.plan import Plan
from coaddc.plan.select import Selector
from tests.assemblies import one_patch, small_survey

CATALOG = keys.find([keys.packaged_conf()])
#: Every choice but the defaults: a pair with a default is the other value alone.
CHOICES = {
    group: [f"{group}={name}" for name in values if CATALOG.implied.get(group) != name]
    for group, values in CATALOG.groups.items()
    if group != "suite"
}
SINGLES = [word for words in CHOICES.values() for word in words]
KEYS = [key for key in CATALOG.keys if CHOICES[key]]
PATCH = one_patch()
#: Pairs (* stands for every value) that make no sense together, and what is said to them.
REFUSED = {
    ("warp=proper", "stack=clipped"): "matching=proper with stack",  # stars look different in each warp
    ("warp=proper", "stack=median"): "matching=proper with stack",
    ("warp=proper", "wavelength=*"): "the model needs warps of one PSF",
    ("warp=likelihood", "wavelength=*"): "the model needs warps of one PSF",
    ("stack=clipped", "wavelength=*"): "the model is a fit by least squares",
    ("stack=median", "wavelength=*"): "the model is a fit by least squares",
}


def exposures() -> ExposureTable:
    """Return exposures of ten years, all seeings, angles and airmasses, and one of which little is known."""
    first = small_survey(seed=None, visits=1)[0].table[0]
    unknown = {"airmass": np.nan, "parallactic_angle": np.nan, "depth": np.nan}
    made = [
        replace(
            first,
            visit=visit,
            digest=f"{visit:032x}",
            survey_year=visit / 2,
            seeing=0.6 + 0.04 * visit,
            parallactic_angle=-180.0 + 18.0 * visit,
            airmass=1.0 + 0.08 * (visit * 7 % 20),
            depth=24.0 - 0.06 * visit,
        )
        for visit in range(20)
    ]
    made.append(replace(first, visit=1000, digest="f" * 32, **unknown))
    return ExposureTable(made)


@pytest.fixture(scope="module")
def selector() -> Selector:
    return Selector(exposures(), [PATCH])


@pytest.fixture(scope="module")
def composer(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Composer]:
    with (
        pytest.MonkeyPatch.context() as patch,
        initialize_config_dir(str(keys.packaged_conf()), version_base="1.3"),
    ):
        patch.chdir(tmp_path_factory.mktemp("empty"))
        loader = GlobalHydra.instance().config_loader()
        yield Composer(loader, loader.load_configuration("config", [], RunMode.MULTIRUN), CATALOG)


def composed(composer: Composer, words: tuple[str, ...]) -> Assembly:
    """Compose a job; a survey that has no folder of its own is given one."""
    path = ["survey.path=/data"] if any(word.startswith("survey=") for word in words) else []
    return assemble(composer.compose([*words, *path]), CATALOG)


def fits(pair: tuple[str, str], words: tuple[str, ...]) -> bool:
    return all(any(fnmatch(word, pattern) for word in words) for pattern in pair)


def compiled(assembly: Assembly, selector: Selector) -> Plan:
    return compile_suite([assembly], selector, lambda _: [PATCH], lambda _: (set(), set()), EngineOptions())


@pytest.mark.parametrize("word", SINGLES)
def test_every_value_is_chosen_and_compiles_to_a_coadd(composer, selector, word):
    group, _, value = word.partition("=")
    assembly = composed(composer, (word,))
    if group in CATALOG.keys:
        assert assembly.keys[group] == value
        assert assembly.sections[group].doc
    plan = compiled(assembly, selector)
    assert [len(unit.targets) for unit in plan.units] == [1]
    assert plan.requests[0].rows


@pytest.mark.parametrize(("one", "other"), list(itertools.combinations(KEYS, 2)))
def test_every_pair_of_values_compiles_or_is_refused_for_what_it_is(composer, selector, one, other):
    for words in itertools.product(CHOICES[one], CHOICES[other]):
        assembly = composed(composer, words)
        assert [f"{key}={assembly.keys[key]}" for key in (one, other)] == list(words)
        reason = next((said for pair, said in REFUSED.items() if fits(pair, words)), None)
        if reason is None:
            assert len(compiled(assembly, selector).requests) == 1, words
        else:
            with pytest.raises(PlanError, match=reason):
                compiled(assembly, selector)


@pytest.mark.parametrize("bundle", CATALOG.groups["coadd_type"])
def test_a_bundle_is_the_values_that_it_chooses(composer, bundle):
    chosen = [pair for choice in CATALOG.groups["coadd_type"][bundle].choices for pair in choice.items()]
    words = [f"{key.removeprefix('override /')}={value}" for key, value in chosen]
    one, other = composed(composer, (f"coadd_type={bundle}",)), composed(composer, tuple(words))
    assert (one.keys, one.config) == (other.keys, other.config)
    assert words


@pytest.mark.parametrize("suite", CATALOG.groups["suite"])
def test_every_suite_compiles_as_a_whole(composer, selector, suite):
    assemblies = [composed(composer, words) for words in jobs([f"suite={suite}"], CATALOG)]
    plan = compile_suite(assemblies, selector, lambda _: [PATCH], lambda _: (set(), set()), EngineOptions())
    assert len(plan.requests) == len(assemblies)
