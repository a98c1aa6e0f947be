"""What the config of a product asks for: the part of it that the product depends on."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict
from enum import Enum
from typing import Any

from coaddc.model.assembly import Assembly, Matching, Rejection

#: Fields that any section may have.
SELECTING = ("where", "order_by", "keep")
#: Fields of a survey that say where it is, what it is called and how it came to be, not how it is read.
SURVEY_LABELS = frozenset({"doc", "name", "path", "strict", "simulation"})
#: Fields of a survey that only the sub-bands of a band depend on.
OF_SUBBANDS = frozenset({"air", "passbands"})
#: Fields of a survey that its exposures' pixels do not depend on.
NOT_READING = SURVEY_LABELS | OF_SUBBANDS | {"start"}


def recipe(assembly: Assembly) -> dict[str, Any]:
    """Return what an assembly asks for, as plain data: no doc, no name, no field that changes nothing.

    Two assemblies with one recipe make the same coadd of the same exposures, whatever their keys are called.
    """
    idle = _idle(assembly)
    sections = {
        key: _stripped(assembly.config[key], selecting_only=key in idle)
        for key in assembly.sections
        if key in assembly.config
    }
    if matched := assembly.sky_matching:
        sections["background"] = _stripped(plain(asdict(matched)), selecting_only=False)
    unread = SURVEY_LABELS if assembly.wavelength else SURVEY_LABELS | OF_SUBBANDS
    survey = {k: v for k, v in assembly.config.get("survey", {}).items() if k not in unread}
    return {**{key: fields for key, fields in sections.items() if fields}, "survey": survey}


def reading(assembly: Assembly) -> dict[str, Any]:
    """Return the fields of the survey that say how pixels are read."""
    return {k: v for k, v in assembly.config.get("survey", {}).items() if k not in NOT_READING}


def making(assembly: Assembly) -> list[Any]:
    """Return what the tasks of an assembly depend on besides its exposures: how they are read, and stages."""
    stages = assembly.warp, assembly.psf_model, assembly.stack, assembly.artifacts, assembly.sky_matching
    return [
        *(fields_of(stage) if stage else None for stage in (*stages, assembly.wavelength)),
        reading(assembly),
    ]


def fields_of(section: Any) -> dict[str, Any]:
    """Return the fields of a section that tasks depend on, plain data."""
    found: dict[str, Any] = plain(asdict(section))
    return {k: v for k, v in found.items() if k not in ("doc", *SELECTING)}


def _idle(assembly: Assembly) -> frozenset[str]:
    """Return the sections whose stage does not run."""
    idle = set()
    if assembly.warp.matching is not Matching.psf_model:
        idle.add("psf_model")
    if assembly.artifacts.method is Rejection.none:
        idle.add("artifacts")
    if assembly.sky_matching is None:
        idle.add("background")
    return frozenset(idle)


def _stripped(section: Mapping[str, Any], *, selecting_only: bool) -> dict[str, Any]:
    """Return the fields of a section without docs, those of the sections within it too."""
    fields = {
        k: _stripped(v, selecting_only=False) if isinstance(v, Mapping) else v
        for k, v in section.items()
        if k != "doc" and not (k in SELECTING and v is None)
    }
    return {k: v for k, v in fields.items() if k in SELECTING} if selecting_only else fields


def plain(value: Any) -> Any:
    """Return a value of a section as plain data: the name of a choice for the choice."""
    if isinstance(value, Enum):
        return value.value
    if isinstance(value, Mapping):
        return {k: plain(v) for k, v in value.items()}
    return [plain(v) for v in value] if isinstance(value, list | tuple) else value
