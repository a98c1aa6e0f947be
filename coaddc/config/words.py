"""The words of a command line, checked before anything is composed; refused with what is near.

Hydra's own messages name neither what was meant nor, where a sweep is concerned, the word at fault; and what
it takes ``patch=0,0`` for is not what the user means. So each word is held against what conf/ has first.
"""

from collections.abc import Sequence
from enum import Enum
from functools import lru_cache
from typing import Any

from hydra.core.override_parser.overrides_parser import OverridesParser
from hydra.core.override_parser.types import Glob, Override, ValueType
from hydra.errors import HydraException
from omegaconf import DictConfig, OmegaConf
from omegaconf.errors import OmegaConfBaseException

from coaddc.config import axes
from coaddc.config.fields import Field, field_at
from coaddc.config.keys import AXES, Catalog
from coaddc.config.nodes import blank
from coaddc.config.read import convert, describe
from coaddc.config.schema import STAGES, section_class, section_of
from coaddc.model.errors import ConfigError, near

#: Groups that cannot be unset.
_NEEDED = (*STAGES, "survey", "skymap", "engine", "store")


def parse(words: Sequence[str]) -> list[Override]:
    """Parse overrides with Hydra's grammar.

    Raises
    ------
    ConfigError
        Where a word is none.
    """
    return [override for word in words for override in _parsed(word)]


@lru_cache(maxsize=1024)  # jobs of a sweep have most words in common
def _parsed(word: str) -> tuple[Override, ...]:
    if "=" not in word and not word.startswith("~"):
        raise ConfigError(f"{word}: expected key=value")
    try:
        return tuple(OverridesParser.create().parse_overrides([word]))
    except HydraException as error:
        raise ConfigError(
            f"{word}: not key=value as Hydra reads it; what has spaces, commas, brackets, < or > is "
            "quoted twice, once for the shell: 'baseline.where=\"seeing < 1\"'"
        ) from error


def checked(words: Sequence[str], catalog: Catalog) -> list[str]:
    """Return overrides that Hydra will take, or refuse them.

    Every field is there to be overridden, so none needs a ``+``; but Hydra wants ``++`` for a new name within
    a mapping, and is given it.

    Raises
    ------
    ConfigError
        Where a word names a group, a value, a field or a type that is not to be had.
    """
    return [_check(override, catalog) for override in parse(words)]


def is_choice(override: Override, catalog: Catalog) -> bool:
    """Tell whether an override chooses a value of a group, rather than setting a field."""
    name = override.key_or_group
    return (name in catalog.groups or "/" in name) and not isinstance(override.value(), dict)


def candidates(override: Override, catalog: Catalog) -> list[Any]:
    """Return the values of an override: one, or those of its sweep.

    Raises
    ------
    ConfigError
        Where a sweep has no end, or a glob matches nothing.
    """
    value = override.value()
    if override.value_type is ValueType.INTERVAL_SWEEP:
        raise ConfigError(f"{override.input_line}: an interval cannot be swept; use range(...) or a list")
    if isinstance(value, Glob):
        names = list(catalog.groups.get(override.key_or_group, {}))
        if not value.filter(names):
            raise ConfigError(f"{override.input_line}: matches none of {', '.join(names) or 'no values'}")
        return list(value.filter(names))
    if not override.is_sweep_override():
        return [value]
    return [parse([f"it={text}"])[0].value() for text in override.sweep_string_iterator()]


def _check(override: Override, catalog: Catalog) -> str:
    word, name = str(override.input_line), override.key_or_group
    if override.is_hydra_override():
        return word
    if name in AXES:
        _check_axis(override, catalog)
    elif is_choice(override, catalog):
        _check_choice(override, catalog)
    else:
        plain = word.lstrip("+")
        return f"++{plain}" if _check_field(override, catalog).open else plain
    return word


def _check_axis(override: Override, catalog: Catalog) -> None:
    word, axis = str(override.input_line), override.key_or_group
    if override.is_delete():
        return
    values = candidates(override, catalog)
    if axis == "patch":
        bare = override.value_type is ValueType.SIMPLE_CHOICE_SWEEP
        axes.check_patch_word(word, values, bare_sweep=bare)
    for value in values:
        axes.READERS[axis](value)


def _check_choice(override: Override, catalog: Catalog) -> None:
    word, group = str(override.input_line), override.key_or_group
    if override.is_delete():
        if group in _NEEDED:
            raise ConfigError(f"{word}: {group} must have a value{near('', catalog.groups[group])}")
        return
    if "/" in group:
        raise ConfigError(f"{word}: no key or group {group!r}{near(group, catalog.groups)}")
    if word.startswith("+") and override.package is None:
        raise ConfigError(f"{word}: a group needs no +; write {word.lstrip('+')}")
    for value in candidates(override, catalog):
        _check_value(value, override, catalog)


def _check_value(value: Any, override: Override, catalog: Catalog) -> None:
    word, group = override.input_line, override.key_or_group
    values = catalog.groups[group]
    if value is None:
        raise ConfigError(f"{word}: null is no value; to leave {group} unset, write ~{group}")
    if isinstance(value, list):
        raise ConfigError(f"{word}: one value of {group} a coadd; without brackets it is a sweep")
    if not isinstance(value, str) or value not in values:
        raise ConfigError(f"{word}: {group} has no value {value!r}{near(str(value), values)}")


def _check_field(override: Override, catalog: Catalog) -> Field:
    word, path = str(override.input_line), override.key_or_group
    group = path.split(".")[0]
    if group not in catalog.groups:
        known = [*catalog.groups, *AXES]
        raise ConfigError(f"{word}: no key or group {group!r}{_alias(group, catalog)}{near(group, known)}")
    if group == "suite":
        raise ConfigError(f"{word}: a suite is chosen by name, suite=...; it has no fields")
    if override.is_delete():
        raise ConfigError(f"{word}: only a key can be unset; give the field another value")
    field = field_at(path)
    for value in candidates(override, catalog):
        _check_type(value, field)
    return field


def _check_type(value: Any, field: Field) -> None:
    """Hold a value against the type of its field, as OmegaConf will while composing."""
    if isinstance(value, str) and "${" in value:
        return
    if value == "???":
        raise ConfigError(f"{field.path}=???: expected {describe(field.kind)}")
    group = field.path.split(".")[0]
    holder = OmegaConf.create({group: blank(section_class(group))})
    _fill_optional(holder, field.path)
    try:
        OmegaConf.update(holder, field.path, value, merge=True, force_add=field.open)
    except OmegaConfBaseException as error:
        convert(field.kind, value, field.path)  # says which names are near
        raise ConfigError(f"{field.path}={value}: expected {describe(field.kind)}") from error
    held = OmegaConf.select(holder, field.path)
    if not OmegaConf.is_config(held):
        convert(field.kind, held.name if isinstance(held, Enum) else held, field.path)


def _fill_optional(holder: DictConfig, path: str) -> None:
    """Put sections on the path that may be null into their place, as the file of a value will have done."""
    here: Any = holder
    above = ""
    for name in path.split(".")[:-1]:
        above = f"{above}.{name}".lstrip(".")
        section = section_of(field_at(above).kind)
        if section is None:
            return
        if here[name] is None:
            here[name] = blank(section)
        here = here[name]


def _alias(name: str, catalog: Catalog) -> str:
    """Say what a name that only Butler accepts is called here."""
    for value in catalog.groups.get("store", {}).values():
        aliases = value.content.get("aliases") if isinstance(value.content, dict) else None
        if isinstance(aliases, dict) and name in aliases:
            return f"; it is called {aliases[name]!r} here"
    return ""
