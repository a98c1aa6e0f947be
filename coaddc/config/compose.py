"""From the words of a job to its resolved config, plain data."""

import copy
import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Any

from hydra.core.config_loader import ConfigLoader
from hydra.core.hydra_config import HydraConfig
from hydra.core.override_parser.types import Override
from omegaconf import DictConfig, OmegaConf

from coaddc.config.keys import AXES, Catalog
from coaddc.config.words import is_choice, parse

#: Compositions that are kept.
KEPT = 256

#: An interpolation: what it names, and whether that is a resolver.
_INTERPOLATION = re.compile(r"\$\{\s*([\w.]*)\s*(:?)")

#: Stands for any section.
_ANY = "*"


@dataclass(frozen=True)
class Composed:
    """One job, composed.

    Attributes
    ----------
    words
        Its overrides.
    choices
        Group to chosen value; None where unset.
    config
        Resolved, without Hydra's own part.
    base
        The same choices without overrides of fields.
    overridden
        The groups with overridden fields.
    run_folder
        Folder for what the run leaves besides products.
    """

    words: tuple[str, ...]
    choices: Mapping[str, str | None]
    config: Mapping[str, Any]
    base: Mapping[str, Any]
    overridden: tuple[str, ...]
    run_folder: str


@dataclass(frozen=True)
class Whole:
    """One composition by Hydra, without overrides of fields."""

    config: DictConfig

    @cached_property
    def plain(self) -> dict[str, Any]:
        """All sections, resolved."""
        return plain(self.config)

    @cached_property
    def choices(self) -> dict[str, str | None]:
        """Group to chosen value."""
        return dict(self.config.hydra.runtime.choices)

    @cached_property
    def looks(self) -> dict[str, frozenset[str]]:
        """Section to the sections that its interpolations look at."""
        return {str(name): looks_at(self.config[name]) for name in self.config if name != "hydra"}


class Composer:
    """Composes the jobs of one command, with as few compositions by Hydra as will do.

    Hydra reads all files and merges them anew for every job; a sweep of four keys over five values each
    would take it 625 times. But a file of conf/ that neither has a defaults list nor a package of its own
    speaks of its own section only. So a job that chooses such values is put together from the sections of
    the compositions in which each was chosen alone: 21 of them. Overrides of fields come after all files, in
    Hydra as here. A job that cannot be taken apart like that is left to Hydra as a whole.

    Parameters
    ----------
    loader
        Hydra's.
    master
        The config of the command as a whole.
    catalog
        What there is to choose from.
    """

    def __init__(self, loader: ConfigLoader, master: DictConfig, catalog: Catalog) -> None:
        self._loader = loader
        self._master = master
        self._catalog = catalog
        self._run_folder = str(master.hydra.sweep.dir)  # fixes the time in it, for all jobs
        self._wholes: dict[tuple[str, ...], Whole] = {}

    def compose(self, words: Sequence[str]) -> Composed:
        """Compose one job from its words."""
        overrides = parse(words)
        choices = [o for o in overrides if is_choice(o, self._catalog)]
        fields = [o for o in overrides if not is_choice(o, self._catalog)]
        reference, parts = self._parts(choices)
        names = [str(name) for name in reference.config if name != "hydra"]
        base = {name: parts.get(name, reference).plain.get(name) for name in names}
        config = base
        if fields:
            changed = {field.key_or_group.split(".")[0] for field in fields}
            sections = {name: parts.get(name, reference) for name in names}
            alone = not any(looks_at(field.value()) for field in fields)
            if alone and _stands(sections, changed) and not any(sections[n].looks[n] for n in changed):
                nodes = OmegaConf.create({name: sections[name].config[name] for name in changed})
                config = base | plain(_overridden(nodes, fields))
            else:
                config = plain(_overridden(copy.deepcopy(self._whole(choices).config), fields))
        chosen = reference.choices | {group: part.choices[group] for group, part in parts.items()}
        return Composed(tuple(words), chosen, config, base, groups_of(fields), self._run_folder)

    def _parts(self, choices: Sequence[Override]) -> tuple[Whole, dict[str, Whole]]:
        """Return what most sections are taken from, and for each further section what it is taken from."""
        reaching = [o for o in choices if self._reaches(o)]
        reference = self._whole(reaching)
        own = [o for o in choices if o not in reaching]
        replaced = {o.key_or_group: reference.choices.get(o.key_or_group) for o in own}
        if not any(self._file_reaches(group, value) for group, value in replaced.items()):
            parts = {o.key_or_group: self._whole([*reaching, o]) for o in own}
            sections = {name: parts.get(name, reference) for name in reference.looks}
            unchanged = all(
                part.choices | {group: replaced[group]} == reference.choices for group, part in parts.items()
            )
            if unchanged and _stands(sections, set(parts)):
                return reference, parts
        return self._whole(choices), {}

    def _reaches(self, override: Override) -> bool:
        """Tell whether a choice may change more than the section of its group."""
        if override.is_delete() or override.package is not None:
            return True
        return self._file_reaches(override.key_or_group, override.value())

    def _file_reaches(self, group: str, name: Any) -> bool:
        if name is None:
            return False
        value = self._catalog.groups.get(group, {}).get(name)
        return value is None or value.reaches

    def _whole(self, choices: Sequence[Override]) -> Whole:
        words = tuple(str(override.input_line) for override in choices)
        if words not in self._wholes:
            if len(self._wholes) >= KEPT:
                del self._wholes[next(iter(self._wholes))]
            self._wholes[words] = Whole(self._loader.load_sweep_config(self._master, list(words)))
        return self._wholes[words]


def describe_job(config: DictConfig, loader: ConfigLoader, catalog: Catalog) -> Composed:
    """Return what a job is that Hydra composed, and runs, by itself.

    Parameters
    ----------
    config
        As the job's task gets it.
    loader
        Hydra's.
    catalog
        What there is to choose from.
    """
    job = HydraConfig.instance().cfg
    words = tuple(str(word) for word in job.hydra.overrides.task)
    overrides = parse(words)
    fields = [override for override in overrides if not is_choice(override, catalog)]
    whole = base = plain(config)
    if fields:
        choices = [str(o.input_line) for o in overrides if is_choice(o, catalog)]
        base = plain(loader.load_sweep_config(job, choices))
        HydraConfig.instance().set_config(job)
    chosen = dict(job.hydra.runtime.choices)
    return Composed(words, chosen, whole, base, groups_of(fields), str(job.hydra.runtime.output_dir))


def groups_of(fields: Sequence[Override]) -> tuple[str, ...]:
    """Return the groups that overrides of fields speak of."""
    groups = (field.key_or_group.split(".")[0] for field in fields if field.key_or_group not in AXES)
    return tuple(dict.fromkeys(groups))


def plain(config: DictConfig) -> dict[str, Any]:
    """Return a config as plain data, all interpolations resolved, without Hydra's own part."""
    if "hydra" in config:
        HydraConfig.instance().set_config(config)  # for ${hydra:...}
    return {str(name): _plain(config, str(name)) for name in config if name != "hydra"}


def looks_at(node: Any) -> frozenset[str]:
    """Return the sections that the interpolations in a value may look at; ``*`` where that cannot be told."""
    data = OmegaConf.to_container(node, resolve=False) if OmegaConf.is_config(node) else node
    found = set()
    for text in _texts(data):
        for name, resolver in _INTERPOLATION.findall(text):
            if name.startswith(".") or not name or (resolver and name != "oc.env"):
                found.add(_ANY)
            elif not resolver:
                found.add(name.split(".")[0])
    return frozenset(found)


def _stands(sections: Mapping[str, Whole], changed: set[str]) -> bool:
    """Tell whether no section looks at one that is changed, so that each stands as it was composed."""
    looks = (whole.looks.get(name, frozenset()) for name, whole in sections.items())
    return not any(_ANY in seen or seen & changed for seen in looks)


def _texts(data: Any) -> Iterator[str]:
    if isinstance(data, str):
        yield data
    elif isinstance(data, Mapping):
        for item in data.values():
            yield from _texts(item)
    elif isinstance(data, list):
        for item in data:
            yield from _texts(item)


def _overridden(config: DictConfig, fields: Sequence[Override]) -> DictConfig:
    """Apply overrides of fields, as Hydra does after it merged all files."""
    for field in fields:
        new = str(field.input_line).startswith("+")
        OmegaConf.update(config, field.key_or_group, field.value(), merge=True, force_add=new)
    return config


def _plain(config: DictConfig, name: str) -> Any:
    if OmegaConf.is_missing(config, name):
        return "???"
    node = config[name]
    return OmegaConf.to_container(node, resolve=True, enum_to_str=True) if OmegaConf.is_config(node) else node
