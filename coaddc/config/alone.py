"""The section of a key by itself: what a file of conf/ makes of it, without composing all the others."""

import copy
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

from hydra.core.override_parser.types import Override
from omegaconf import DictConfig, OmegaConf
from omegaconf.errors import OmegaConfBaseException

from coaddc.config.keys import Catalog, Value, load
from coaddc.config.nodes import blank
from coaddc.config.overridden import overridden
from coaddc.config.schema import section_class
from coaddc.config.whole import Whole, plain
from coaddc.model.errors import ConfigError

#: The defaults of the primary config that are no choices, and known to say nothing of single sections.
_NO_CHOICES = {"schema", "found_keys", "_self_"}


def stands_alone(reference: Whole, group: str, catalog: Catalog) -> bool:
    """Tell whether the section of a group in a composition by Hydra is what its file alone makes of it.

    A file without a defaults list or a package of its own is merged into the schema of its section, and
    where no other file speaks of the section nothing else is. It is made so, and must come out the same. A
    section that looks at others does not stand alone.
    """
    if group not in reference.config or reference.looks[group] or any(_others(reference, group, catalog)):
        return False
    try:
        section = _section(group, catalog.groups[group], reference.choices.get(group))
        return plain(section) == {group: reference.plain[group]}
    except (OmegaConfBaseException, ConfigError, KeyError):
        return False


def replaced(reference: Whole, group: str, name: str | None, catalog: Catalog) -> Whole | None:
    """Return the section of a group that stands alone with another value chosen.

    Parameters
    ----------
    reference
        A composition.
    group, name
        The group, and the value to choose; None where the group is to be unset.
    catalog
        What there is to choose from.

    Returns
    -------
    whole
        With this section only. None where it cannot be told without Hydra: the section looks at others, or
        the file is at fault.
    """
    try:
        section = _section(group, catalog.groups[group], name)
        after = Whole(section, {**reference.choices, group: name})
        return after if after.plain and not after.looks[group] else None
    except (OmegaConfBaseException, ConfigError, KeyError):
        return None


def undone(reference: Whole, group: str, fields: Sequence[Override], catalog: Catalog) -> DictConfig | None:
    """Return the section of a group as it was before fields were overridden in a composition by Hydra.

    It is made of its file, as by `replaced`; with the fields overridden it must come out as Hydra's.

    Parameters
    ----------
    reference
        A composition with overridden fields.
    group
        The group.
    fields
        The overrides of its fields, in order.
    catalog
        What there is to choose from.

    Returns
    -------
    section
        Not resolved. None where it cannot be told without Hydra.
    """
    if group not in reference.config or any(_others(reference, group, catalog)):
        return None
    try:
        section = _section(group, catalog.groups[group], reference.choices.get(group))
        again = overridden(copy.deepcopy(section), fields)
    except (OmegaConfBaseException, ConfigError, KeyError):
        return None
    same = _unresolved(again[group]) == _unresolved(reference.config[group])
    return section[group] if same else None


def _unresolved(section: DictConfig) -> Any:
    return OmegaConf.to_container(section, resolve=False)


def _section(group: str, values: Mapping[str, Value], name: str | None) -> DictConfig:
    section = blank(section_class(group))
    if name is not None:
        section.merge_with(_load(values[name].file))
    return OmegaConf.create({group: section})


def _load(file: Path) -> DictConfig:
    loaded = OmegaConf.load(file)  # as Hydra does: 1e-6 is a number to it
    if not isinstance(loaded, DictConfig):
        raise ConfigError(f"{file}: not a mapping")
    return loaded


def _others(reference: Whole, group: str, catalog: Catalog) -> Iterator[bool]:
    """Say of all that was composed, the value of the group apart, whether it may speak of its section."""
    primary = load(catalog.primary)
    yield group in primary
    yield any(isinstance(entry, str) and entry not in _NO_CHOICES for entry in primary["defaults"])
    for key, name in reference.choices.items():
        chosen, _, package = key.partition("@")
        yield package.split(".")[0] == group
        value = catalog.groups.get(chosen, {}).get(name or "")
        yield value is not None and value.reaches and _speaks(value, group)


def _speaks(value: Value, group: str) -> bool:
    """Say whether a file with a defaults list or a package of its own may speak of the section of a group."""
    if not isinstance(value.content, Mapping) or value.group == group:
        return True
    placed = [key.partition("@")[2] for entry in value.choices for key in entry if "@" in key]
    if value.packaged:
        return group in value.content or bool(placed)
    return any(package.startswith("_") for package in placed)  # any other lies in the file's own section
