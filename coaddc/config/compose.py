"""From the words of a job to its resolved config, plain data."""

import copy
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from hydra.core.config_loader import ConfigLoader
from hydra.core.hydra_config import HydraConfig
from hydra.core.override_parser.types import Override
from omegaconf import DictConfig, OmegaConf
from omegaconf.errors import OmegaConfBaseException

from coaddc.config import alone
from coaddc.config.keys import AXES, Catalog
from coaddc.config.overridden import Overrider, overridden
from coaddc.config.whole import Whole, plain, stands
from coaddc.config.words import is_choice, parse

#: Compositions that are kept.
KEPT = 256


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


class Composer:
    """Composes the jobs of one command, with as few compositions by Hydra as will do.

    Hydra reads all files and merges them anew for every job; a sweep of four keys over five values each
    would take it 625 times. But a file of conf/ that neither has a defaults list nor a package of its own
    speaks of its own section only. So a job that chooses such values is put together from one composition
    and the sections that these files make (`coaddc.config.alone`), or, where that cannot be told, from the
    compositions in which each was chosen alone: 21 of them. Overrides of fields come after all files, in
    Hydra as here. A job that cannot be taken apart like that is left to Hydra as a whole.

    Parameters
    ----------
    loader
        Hydra's.
    master
        The config of the command as a whole.
    catalog
        What there is to choose from.
    jobs
        The words of all jobs that there will be, where they are known: few are composed one by one.
    """

    def __init__(
        self,
        loader: ConfigLoader,
        master: DictConfig,
        catalog: Catalog,
        jobs: Sequence[Sequence[str]] | None = None,
    ) -> None:
        self._one_by_one = jobs is not None and len(jobs) <= len({word for words in jobs for word in words})
        self._loader = loader
        self._master = master
        self._catalog = catalog
        self._run_folder = str(master.hydra.sweep.dir)  # fixes the time in it, for all jobs
        self._wholes: dict[frozenset[str], Whole] = {}
        self._alone: dict[frozenset[str], Whole | None] = {}
        self._standing: dict[tuple[Whole, str], bool] = {}
        self._overrider = Overrider()
        self._common: frozenset[str] = frozenset()
        self._keep_master()

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
            sections = {name: parts.get(name, reference) for name in names}
            try:
                changed = self._overrider.changed(sections, fields)
                if changed is None:
                    changed = plain(overridden(copy.deepcopy(self._whole(choices).config), fields))
                config = {**base, **changed}
            except OmegaConfBaseException:  # Hydra refuses it too, and says why
                config = plain(self._loader.load_sweep_config(self._master, list(words)))
        chosen = {**reference.choices, **{group: part.choices[group] for group, part in parts.items()}}
        return Composed(tuple(words), chosen, config, base, groups_of(fields), self._run_folder)

    def _parts(self, choices: Sequence[Override]) -> tuple[Whole, dict[str, Whole]]:
        """Return what most sections are taken from, and for each further section what it is taken from."""
        if _words(choices) in self._wholes:
            return self._whole(choices), {}
        reaching = [o for o in choices if str(o.input_line) in self._common or self._reaches(o)]
        reference = self._whole(reaching)
        own = [o for o in choices if o not in reaching and o.value() != reference.choices.get(o.key_or_group)]
        replaced = {o.key_or_group: reference.choices.get(o.key_or_group) for o in own}
        if not any(self._file_reaches(group, value) for group, value in replaced.items()):
            found = {o.key_or_group: self._part(reference, reaching, o) for o in own}
            parts = {group: part for group, part in found.items() if part is not None}
            sections = {name: parts.get(name, reference) for name in reference.looks}
            unchanged = all(
                {**part.choices, group: replaced[group]} == reference.choices for group, part in parts.items()
            )
            if len(parts) == len(found) and unchanged and stands(sections, set(parts)):
                return reference, parts
        return self._whole(choices), {}

    def _part(self, reference: Whole, reaching: Sequence[Override], own: Override) -> Whole | None:
        """Return what the section of a choice is taken from; None where it is not worth a composition."""
        words = _words([*reaching, own])
        if words not in self._wholes and words not in self._alone:
            group, name = own.key_or_group, own.value()
            by_itself = self._stands_alone(reference, group)
            self._alone[words] = alone.replaced(reference, group, name, self._catalog) if by_itself else None
        part = self._wholes.get(words) or self._alone[words]
        return part if part or self._one_by_one else self._whole([*reaching, own])

    def _stands_alone(self, reference: Whole, group: str) -> bool:
        if (reference, group) not in self._standing:
            self._standing[reference, group] = alone.stands_alone(reference, group, self._catalog)
        return self._standing[reference, group]

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
        words = _words(choices)
        if words not in self._wholes:
            if len(self._wholes) >= KEPT:
                del self._wholes[next(iter(self._wholes))]
            lines = [str(override.input_line) for override in choices]
            self._wholes[words] = Whole.of(self._loader.load_sweep_config(self._master, lines))
        return self._wholes[words]

    def _keep_master(self) -> None:
        """Keep the command's own config: it is that of the choices that are not swept."""
        overrides = [o for o in parse(_command(self._master)) if not o.is_sweep_override()]
        choices = [o for o in overrides if is_choice(o, self._catalog) and o.key_or_group != "suite"]
        fields = [o for o in overrides if not is_choice(o, self._catalog) and o.key_or_group not in AXES]
        whole = self._without(fields, Whole.of(self._master))
        if whole is not None and "???" not in whole.choices.values():
            self._common = _words(choices)
            self._wholes[self._common] = whole

    def _without(self, fields: Sequence[Override], whole: Whole) -> Whole | None:
        """Return a composition with these overrides of fields undone; None where that cannot be told."""
        if not fields:
            return whole
        config = copy.deepcopy(whole.config)
        for group in groups_of(fields):
            own = [field for field in fields if field.key_or_group.split(".")[0] == group]
            section = alone.undone(whole, group, own, self._catalog)
            if section is None:
                return None
            config[group] = section
        return Whole(config, whole.choices)


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
    words = _command(job)
    overrides = parse(words)
    fields = [override for override in overrides if not is_choice(override, catalog)]
    whole = base = plain(config)
    if fields:
        choices = [str(o.input_line) for o in overrides if is_choice(o, catalog)]
        base = plain(loader.load_sweep_config(job, choices))
        HydraConfig.instance().set_config(job)
    chosen = dict(job.hydra.runtime.choices)
    return Composed(words, chosen, whole, base, groups_of(fields), str(job.hydra.runtime.output_dir))


def _command(config: DictConfig) -> tuple[str, ...]:
    """Return the overrides of a command or job, interpolations as they were said."""
    words: Any = OmegaConf.to_container(config.hydra.overrides.task, resolve=False)
    return tuple(words)


def _words(choices: Sequence[Override]) -> frozenset[str]:
    """Return what tells choices from others; their order does not."""
    return frozenset(str(override.input_line) for override in choices)


def groups_of(fields: Sequence[Override]) -> tuple[str, ...]:
    """Return the groups that overrides of fields speak of."""
    groups = (field.key_or_group.split(".")[0] for field in fields if field.key_or_group not in AXES)
    return tuple(dict.fromkeys(groups))
