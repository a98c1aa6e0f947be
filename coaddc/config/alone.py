"""The section of a key by itself: what a file of conf/ makes of it, without composing all the others."""

from collections.abc import Iterator, Mapping
from pathlib import Path

from omegaconf import DictConfig, OmegaConf
from omegaconf.errors import OmegaConfBaseException

from coaddc.config.keys import Catalog, Value, load
from coaddc.config.schema import mutable, section_class
from coaddc.config.whole import Whole, plain
from coaddc.model.errors import ConfigError

#: The defaults of the primary config that are no choices, and known to say nothing of single sections.
_NO_CHOICES = {"schema", "found_keys", "_self_"}


def replaced(reference: Whole, group: str, name: str | None, catalog: Catalog) -> Whole | None:
    """Return the section of a group with another value chosen than in a composition by Hydra.

    A file without a defaults list or a package of its own is merged into the schema of its section, and
    where no other file speaks of the section nothing else is. The value that Hydra composed is made in the
    same way first, and must come out the same.

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
        With this section only. None where it cannot be told without Hydra: the section looks at others,
        something else has a say in it, or the file is at fault.
    """
    if group not in reference.config or reference.looks[group] or any(_others(reference, group, catalog)):
        return None
    values = catalog.groups[group]
    try:
        before = _section(group, values, reference.choices.get(group))
        after = Whole(_section(group, values, name), {**reference.choices, group: name})
        same = plain(before) == {group: reference.plain[group]} and bool(after.plain)
    except (OmegaConfBaseException, ConfigError, KeyError):
        return None
    return after if same and not after.looks[group] else None


def _section(group: str, values: Mapping[str, Value], name: str | None) -> DictConfig:
    section = OmegaConf.structured(mutable(section_class(group)))
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
