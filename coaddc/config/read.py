"""From plain data to the frozen dataclasses of the model, whichever they are."""

import dataclasses
import math
import types
from collections.abc import Mapping
from enum import Enum
from functools import cache
from typing import Any, Literal, TypeVar, get_args, get_origin, get_type_hints

from coaddc.config.schema import is_section, is_union
from coaddc.model.errors import ConfigError, near

T = TypeVar("T")


@cache
def _hints(cls: Any) -> dict[str, Any]:
    return get_type_hints(cls)


def read(cls: type[T], data: Mapping[str, Any], where: str) -> T:
    """Make a value of a dataclass from plain data; what the data leaves out takes its default.

    Whole numbers become floats where floats are expected, so that 3 and 3.0 are one value.

    Parameters
    ----------
    cls
        The dataclass.
    data
        Fields by name.
    where
        What messages call it: ``stack``.

    Raises
    ------
    ConfigError
        Where a field is unknown, missing or of another type, or the class refuses its value.
    """
    hints = _hints(cls)  # type: ignore[arg-type]
    known = [field.name for field in dataclasses.fields(cls)]  # type: ignore[arg-type]
    for name in data:
        if name not in known:
            raise ConfigError(f"{where}.{name}: no such field{near(str(name), known)}")
    return cls(**{name: convert(hints[name], value, f"{where}.{name}") for name, value in data.items()})


def convert(kind: Any, value: Any, where: str) -> Any:
    """Return plain data as the type of an annotation.

    Raises
    ------
    ConfigError
        Where it is of another type; the message names ``where``.
    """
    if isinstance(value, str) and value == "???":
        raise ConfigError(f"{where} has no value: give one in conf/, or as {where}=...")
    if kind is Any:
        return value
    if is_union(kind):
        return _one_of(kind, value, where)
    if get_origin(kind) in (list, tuple, dict):
        return _many(kind, value, where)
    if is_section(kind):
        if not isinstance(value, Mapping):
            raise _unexpected(kind, value, where)
        return read(kind, value, where)
    return _plain(kind, value, where)


def describe(kind: Any) -> str:
    """Say in words what an annotation expects."""
    origin, args = get_origin(kind), get_args(kind)
    if is_union(kind):
        return " or ".join(describe(arg) for arg in args)
    if origin is Literal:
        return f"one of {', '.join(map(str, args))}"
    if origin in (list, tuple):
        return f"a list, each {describe(args[0])}"
    if origin is dict:
        return f"a mapping, each {describe(args[1])}"
    if isinstance(kind, type) and issubclass(kind, Enum):
        return f"one of {', '.join(member.name for member in kind)}"
    words = {bool: "true or false", int: "a whole number", float: "a number", str: "text", Any: "anything"}
    return words.get(kind, "null" if kind is types.NoneType else "a section")


def _one_of(kind: Any, value: Any, where: str) -> Any:
    if value is None and types.NoneType in get_args(kind):
        return None
    kinds = [arg for arg in get_args(kind) if arg is not types.NoneType]
    for arg in kinds[:-1]:
        try:
            return convert(arg, value, where)
        except ConfigError:
            continue
    return convert(kinds[-1], value, where)


def _many(kind: Any, value: Any, where: str) -> Any:
    origin, args = get_origin(kind), get_args(kind)
    if origin is dict:
        if not isinstance(value, Mapping):
            raise _unexpected(kind, value, where)
        return {str(name): convert(args[1], item, f"{where}.{name}") for name, item in value.items()}
    if not isinstance(value, list | tuple):
        raise _unexpected(kind, value, where)
    return origin(convert(args[0], item, f"{where}[{index}]") for index, item in enumerate(value))


def _plain(kind: Any, value: Any, where: str) -> Any:
    if get_origin(kind) is Literal:
        fits = value in get_args(kind)
    elif isinstance(kind, type) and issubclass(kind, Enum):
        if isinstance(value, kind):
            return value
        if value in kind.__members__:
            return kind[value]
        raise ConfigError(f"{where}={value}: no such choice{near(str(value), kind.__members__)}")
    elif kind is float:
        if isinstance(value, int | float) and not isinstance(value, bool):
            fits = math.isfinite(value)
            value = float(value)
        else:
            fits = False
    else:
        fits = isinstance(value, kind) and not (kind is int and isinstance(value, bool))
    if not fits:
        raise _unexpected(kind, value, where)
    return value


def _unexpected(kind: Any, value: Any, where: str) -> ConfigError:
    return ConfigError(f"{where}={value}: expected {describe(kind)}, got {value!r}")
