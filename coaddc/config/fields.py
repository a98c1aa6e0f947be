"""Where a dotted path leads among the sections, and what may stand there."""

import dataclasses
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any, get_args, get_origin, get_type_hints

from coaddc.config.schema import section_class, section_of
from coaddc.model.errors import ConfigError, near


@dataclass(frozen=True)
class Field:
    """One field of a section.

    Attributes
    ----------
    path
        From the root: ``stack.nsigma``.
    kind
        Its annotation.
    default
        What it is when nothing is said.
    doc
        Its line of help.
    open
        Whether it lies within a mapping, which takes any name.
    """

    path: str
    kind: Any
    default: Any = None
    doc: str = ""
    open: bool = False


def field_at(path: str) -> Field:
    """Return the field that a dotted path names.

    Raises
    ------
    ConfigError
        Where there is none; with the near names.
    """
    group, *names = path.split(".")
    here = Field(group, section_class(group))
    for name in names:
        here = _step(here, name)
    return here


def fields_of(cls: type, path: str) -> Iterator[Field]:
    """Go through the fields of a section, those of nested ones in their place."""
    for name, kind, field in _declared(cls):
        default = field.default_factory() if callable(field.default_factory) else field.default
        here = Field(f"{path}.{name}", kind, default, field.metadata.get("doc", ""))
        nested = section_of(kind)
        if nested is None:
            yield here
        else:
            yield from fields_of(nested, here.path)


def _step(here: Field, name: str) -> Field:
    path = f"{here.path}.{name}"
    nested = section_of(here.kind)
    if nested is not None:
        known = {field: kind for field, kind, _ in _declared(nested)}
        if name not in known:
            raise ConfigError(f"{path}: no such field{near(name, known)}")
        return Field(path, known[name], open=here.open)
    if get_origin(here.kind) is dict:
        return Field(path, get_args(here.kind)[1], open=True)
    if here.kind is Any:
        return Field(path, Any, open=True)
    raise ConfigError(f"{path}: {here.path} has no fields of its own")


def _declared(cls: type) -> Iterator[tuple[str, Any, dataclasses.Field[Any]]]:
    hints = get_type_hints(cls)
    for field in dataclasses.fields(cls):
        yield field.name, hints[field.name], field
