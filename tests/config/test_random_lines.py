"""Random command lines: every job is put together as Hydra composes it, from all files anew."""

import copy
import random
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

import pytest
from hydra import initialize_config_dir
from hydra._internal.config_loader_impl import ConfigLoaderImpl
from hydra.core.config_loader import ConfigLoader
from hydra.core.global_hydra import GlobalHydra
from hydra.errors import ConfigCompositionException
from hydra.types import RunMode
from omegaconf import DictConfig, OmegaConf

from coaddc.config import keys, launcher  # noqa: F401 (registers the schema)
from coaddc.config.compose import Composer
from coaddc.config.expand import Words, jobs
from coaddc.config.whole import plain
from coaddc.config.words import checked, parse

#: Values of one's own: what reaches into other sections, what looks at them, what does neither.
OWN = {
    "purpose/alerts": """\
# @package _global_
defaults:
  - override /warp: psfMatched

purpose: {doc: alerts}
psf_model: {quantile: 0.5}
""",
    "purpose/same": "# @package _global_\npurpose: {doc: says what is so anyhow}\nstack: {nsigma: 4.0}\n",
    "purpose/plain": "doc: nothing\n",
    "parity/odd": "where: visit % 2 = 1\n",
    "parity/even": "where: visit % 2 = 0\norder_by: seeing\nkeep: {number: 3}\n",
    "stack/mirror": "doc: looks at another section\nnsigma: ${psf_model.wing_ratio}\n",
    "stack/tiny": "statistic: clipped\nflux_tolerance: 1e-6\n",
    "selection/lasting": "where: exptime > 20\n",
    "suite/two": "- {warp: 'direct,psfMatched', baseline: y1}\n- {stack: 'mean,tiny', parity: odd}\n",
    "coadd_type/own": """\
# @package _global_
defaults:
  - override /stack: mirror
  - override /parity: even
""",
}

#: Words that a line may have: choices of files that reach and that do not, sweeps, globs, deletions.
CHOICES = (
    "warp=direct", "warp=psfMatched", "warp=direct,likelihood", "warp=proper", "warp=glob(p*)",
    "selection=bestSeeing", "selection=depth24,lasting", "selection=glob(*Seeing)", "~selection",
    "baseline=y1", "baseline=y2,through_y3", "baseline=glob(y*,exclude=y1*)", "~baseline",
    "psf_model=moffat", "psf_model=moffat,deblending", "stack=median", "stack=mean,clipped", "stack=mirror",
    "stack=tiny,mirror", "artifacts=compareWarp", "artifacts=none,compareWarp", "background=match",
    "parity=odd", "parity=even,odd", "purpose=alerts", "purpose=plain,alerts", "purpose=same",
    "wavelength=blue,red", "parallactic_angle=east", "airmass=low,high", "survey=fits", "skymap=ring",
    "coadd_type=constantPsf", "coadd_type=deep,bestSeeing", "coadd_type=own", "coadd_type=template",
    "suite=two", "suite=kinds",
)  # fmt: skip
#: Groups placed a second time: they need a value of artifacts that has a template.
PLACED = (
    "psf_model@artifacts.template.psf_model=moffat",
    "psf_model@artifacts.template.psf_model=deblending,moffat",
    "stack@artifacts.template.stack=clipped,mirror",
    "warp@artifacts.template.warp=likelihood",
)
FIELDS = (
    "stack.nsigma=3", "stack.nsigma=3.5,5", "stack.reject=[BAD,CR]", "++stack.propagate.CR=0.1",
    "+stack.propagate.STREAK=0.2", "stack.nsigma=${psf_model.wing_ratio}", "psf_model.wing_ratio=2,3",
    "psf_model.fwhm=1.3", "psf_model.fwhm=null", "selection.where='seeing < 1.1'", "stack.doc=mine",
    "artifacts.template.stack.nsigma=5", "artifacts.protect=null", "warp.interpolant=lanczos3,lanczos5",
    "selection.keep={number:4}", "skymap.patch_inner=500", "skymap.name=a,b", "survey.name=other",
    "engine.workers=3", "store.root=elsewhere", "band=g", "band=g,r", "tract=[0,3]", 'patch="0,1"',
)  # fmt: skip


@pytest.fixture
def loader(write) -> Iterator[ConfigLoader]:
    for name, text in OWN.items():
        write(name, text)
    with initialize_config_dir(str(keys.packaged_conf()), version_base="1.3"):
        yield GlobalHydra.instance().config_loader()


def one_each(rng: random.Random, words: Sequence[str]) -> list[str]:
    """Return words in any order, one for each group or field."""
    single = {word.partition("=")[0].lstrip("+~"): word for word in words}
    return rng.sample(list(single.values()), len(single))


def random_choices(rng: random.Random) -> list[str]:
    placed = rng.sample(PLACED, rng.choice([0, 0, 1, 2]))
    return one_each(
        rng,
        [*rng.sample(CHOICES, rng.randint(0, 4)), *placed, *(["artifacts=compareWarp"] if placed else [])],
    )


Outcome = tuple[dict[str, Any], dict[str, Any]] | None


class ByHydra:
    """Hydra itself: the files of the choices composed anew, then its own overrides of fields."""

    def __init__(self, loader: ConfigLoader, master: DictConfig, choices: Words) -> None:
        whole = loader.load_sweep_config(master, list(choices))
        self._choices = shown(whole.hydra.runtime.choices)
        # Hydra's own part, by far the largest, is looked at by none of the values above.
        self._config = OmegaConf.masked_copy(whole, [str(name) for name in whole if name != "hydra"])
        OmegaConf.set_struct(self._config, True)

    def outcome(self, fields: Sequence[str]) -> Outcome:
        config = copy.deepcopy(self._config)
        try:
            ConfigLoaderImpl._apply_overrides_to_config(parse(fields), config)
        except ConfigCompositionException:
            return None
        return plain(config), self._choices


def by_us(composer: Composer, words: Words) -> Outcome:
    try:
        job = composer.compose(words)
    except ConfigCompositionException:
        return None
    return dict(job.config), shown(job.choices)


def shown(choices: Mapping[Any, Any]) -> dict[str, Any]:
    return {str(key): value for key, value in choices.items() if key != "suite"}


class Command:
    """A command line, some words of which all its jobs have."""

    def __init__(self, loader: ConfigLoader, rng: random.Random) -> None:
        self._loader, self._rng, self._catalog = loader, rng, keys.find()
        self._choices = [word for word in random_choices(rng) if not _sweeps(word)]
        self._fields = one_each(rng, rng.sample([word for word in FIELDS if not _sweeps(word)], 3))
        said = checked([*self._choices, *self._fields], self._catalog)
        try:
            self._master = loader.load_configuration("config", said, RunMode.MULTIRUN)
        except ConfigCompositionException:  # one of the fields does not go with the choices
            self._fields = []
            self._master = loader.load_configuration("config", self._choices, RunMode.MULTIRUN)
        self._composer = Composer(loader, self._master, self._catalog)

    def compare(self, count: int) -> dict[Words, Outcome]:
        """Compose so many jobs of one set of choices; return the true outcome of each."""
        rng, catalog = self._rng, self._catalog
        mixed = one_each(rng, [*random_choices(rng), *self._choices])
        choices = rng.choice(jobs(checked(mixed, catalog), catalog))
        truth = ByHydra(self._loader, self._master, choices)
        seen: dict[Words, Outcome] = {}
        for _ in range(count):
            some = [*rng.sample(FIELDS, rng.randint(0 if self._fields else 1, 3)), *self._fields]
            job = rng.choice(jobs(checked(one_each(rng, some), catalog), catalog))
            words = tuple(rng.sample([*choices, *job], len(choices) + len(job)))
            seen[words] = truth.outcome([word for word in words if word in job])
            assert by_us(self._composer, words) == seen[words], words
        return seen


def _sweeps(word: str) -> bool:
    return "glob(" in word or word.startswith("suite=") or any(o.is_sweep_override() for o in parse([word]))


def test_jobs_of_any_lines_are_as_hydra_composes_them(loader: ConfigLoader) -> None:
    """More than 200, of 12 sets of choices in 4 commands: resolved config and chosen values, or a refusal."""
    rng = random.Random(20)
    seen: dict[Words, Outcome] = {}
    for _ in range(4):
        command = Command(loader, rng)
        for _ in range(3):
            seen |= command.compare(19)
    assert len(seen) > 200
    assert sum(outcome is None for outcome in seen.values()) < 40
