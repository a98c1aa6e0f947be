"""Overrides of fields: what they make of composed sections, the same ones worked out once for all jobs."""

from collections.abc import Mapping, Sequence
from typing import Any

from hydra.core.override_parser.types import Override
from omegaconf import DictConfig, OmegaConf

from coaddc.config.whole import ANY, Whole, looks_at, plain

#: A section, and the composition that it is taken from.
Sections = Mapping[str, Whole]


class Overrider:
    """Overrides fields of sections that jobs share; only sections that this changes are touched."""

    def __init__(self) -> None:
        self._known: dict[tuple[Any, ...], dict[str, Any]] = {}

    def changed(self, sections: Sections, fields: Sequence[Override]) -> dict[str, Any] | None:
        """Return the sections that overrides of fields change, resolved.

        None where it takes all sections to tell.

        Raises
        ------
        OmegaConfBaseException
            Where a field cannot be overridden so.
        """
        reach = _reach(sections, fields)
        if reach is None:
            return None
        changed, needed = reach
        key = (*((name, sections[name]) for name in needed), *(str(field.input_line) for field in fields))
        if key not in self._known:
            nodes = OmegaConf.create({name: sections[name].config[name] for name in needed})
            OmegaConf.set_struct(nodes, True)  # as the root of Hydra's is
            resolved = plain(overridden(nodes, fields))
            self._known[key] = {name: resolved[name] for name in changed}
        return self._known[key]


def overridden(config: DictConfig, fields: Sequence[Override]) -> DictConfig:
    """Override fields of a config in place, as Hydra does after it merged all files; return it."""
    for field in fields:
        new = str(field.input_line).startswith("+")
        OmegaConf.update(config, field.key_or_group, field.value(), merge=True, force_add=new)
    return config


def _reach(sections: Sections, fields: Sequence[Override]) -> tuple[list[str], list[str]] | None:
    """Return the sections that overrides change, those that look at such too, and all that these look at."""
    looks = {name: whole.looks.get(name, frozenset()) for name, whole in sections.items()}
    if any(looks_at(field.value()) for field in fields):
        return None
    changed = {field.key_or_group.split(".")[0] for field in fields}
    while more := {name for name, seen in looks.items() if seen & {*changed, ANY}} - changed:
        changed |= more
    needed = set(changed)
    while more := {seen for name in needed & looks.keys() for seen in looks[name]} - needed:
        needed |= more
    return (sorted(changed), sorted(needed)) if needed <= looks.keys() else None
