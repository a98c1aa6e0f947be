"""The sections of a config: which frozen dataclass each is, and what Hydra checks it against."""

import dataclasses
import types
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cache
from typing import Any, Literal, Union, get_args, get_origin, get_type_hints

from coaddc.model.assembly import Assembly, Section
from coaddc.model.options import option
from coaddc.model.run_options import EngineOptions, StoreOptions


@dataclass(frozen=True, kw_only=True)
class Bundle:
    """What a bundle says of itself; all else it leaves to the values it chooses."""

    doc: str = option("", "one line that says what the value means")


def is_union(kind: Any) -> bool:
    """Tell whether an annotation is a union, such as ``float | None``."""
    return get_origin(kind) in (Union, types.UnionType)


def is_section(kind: Any) -> bool:
    """Tell whether an annotation is a dataclass: a section, or a part of one."""
    return isinstance(kind, type) and dataclasses.is_dataclass(kind)


def section_of(kind: Any) -> type | None:
    """Return the dataclass in an annotation, ``X`` or ``X | None``; None where it is something else."""
    kinds = [arg for arg in get_args(kind) if arg is not types.NoneType] if is_union(kind) else [kind]
    found = kinds[0] if len(kinds) == 1 else None
    return found if is_section(found) else None


def _sections() -> dict[str, type]:
    """Collect the sections that have fields of their own: those that `Assembly` names, and how to run."""
    hints = get_type_hints(Assembly)
    own = {name: found for name, kind in hints.items() if (found := section_of(kind))}
    return {**own, "engine": EngineOptions, "store": StoreOptions, "coadd_type": Bundle}


#: Group to the class of its section; a group that is not here has a `Section`.
SECTIONS: Mapping[str, type] = _sections()

#: Keys without which there is nothing to do: each owns a stage, and cannot be unset.
STAGES = tuple(
    name for name, kind in get_type_hints(Assembly).items() if is_section(kind) and issubclass(kind, Section)
)


def section_class(group: str) -> type:
    """Return the class of a group's section."""
    return SECTIONS.get(group, Section)


@cache
def mutable(cls: type) -> type:
    """Derive the dataclass that OmegaConf merges into from a frozen one: the same fields and defaults."""
    hints = get_type_hints(cls)
    fields = [(f.name, _mutable_kind(hints[f.name]), _default(f)) for f in dataclasses.fields(cls)]
    return dataclasses.make_dataclass(cls.__name__, fields, kw_only=True)


def _mutable_kind(kind: Any) -> Any:
    origin, args = get_origin(kind), get_args(kind)
    if is_section(kind):
        return mutable(kind)
    if is_union(kind):
        return Union[tuple(_mutable_kind(arg) for arg in args)]  # noqa: UP007 (made from a tuple)
    if origin in (list, tuple):  # OmegaConf has lists only
        return types.GenericAlias(list, (_mutable_kind(args[0]),))
    if origin is dict:
        return types.GenericAlias(dict, (args[0], _mutable_kind(args[1])))
    return Any if origin is Literal else kind  # OmegaConf knows no Literal: the reader checks it


def _default(field: dataclasses.Field[Any]) -> Any:
    if field.default_factory is not dataclasses.MISSING:
        factory = field.default_factory
        return dataclasses.field(default_factory=lambda: _mutable_value(factory()), metadata=field.metadata)
    if field.default is dataclasses.MISSING:
        return dataclasses.field(default="???", metadata=field.metadata)
    if dataclasses.is_dataclass(field.default) or isinstance(field.default, tuple):
        value = field.default
        return dataclasses.field(default_factory=lambda: _mutable_value(value), metadata=field.metadata)
    return dataclasses.field(default=field.default, metadata=field.metadata)


def _mutable_value(value: Any) -> Any:
    if dataclasses.is_dataclass(value) and not isinstance(value, type):
        fields = {f.name: _mutable_value(getattr(value, f.name)) for f in dataclasses.fields(value)}
        return mutable(type(value))(**fields)
    if isinstance(value, list | tuple):
        return [_mutable_value(item) for item in value]
    if isinstance(value, dict):
        return {name: _mutable_value(item) for name, item in value.items()}
    return value
