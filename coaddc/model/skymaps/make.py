"""Options, or a frozen definition, to a sky map."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, assert_never

from coaddc.model.errors import PlanError
from coaddc.model.exposures import ExposureRow
from coaddc.model.skymap import Skymap
from coaddc.model.skymap_options import Layout, SkymapOptions
from coaddc.model.skymaps.discrete import discrete_for, discrete_from
from coaddc.model.skymaps.ring import RingSkymap

_SHARED = ("pixel_scale", "patch_inner", "patch_border", "clip_border")
_RING = ("rings", "ra_start", "tract_overlap", "numbering")


def make_skymap(options: SkymapOptions, table: Sequence[ExposureRow] | None) -> Skymap:
    """Make the sky map that options ask for.

    A discrete map follows the exposures; keep its ``definition``, and use `reopen_skymap` from then on, so
    that patches stay where they are when exposures are added.

    Raises
    ------
    PlanError
        Where a discrete map has no exposures to follow, or they do not fit on one tract.
    """
    match options.layout:
        case Layout.ring:
            return RingSkymap.make(options)
        case Layout.discrete:
            return discrete_for(options, table or ())
        case never:
            assert_never(never)


def skymap_from(name: str, definition: Mapping[str, Any]) -> Skymap:
    """Make a map again from its definition, plain data.

    Raises
    ------
    PlanError
        Where the definition is of no layout that is known, or lacks a number.
    """
    try:
        match definition.get("layout"):
            case "discrete":
                return discrete_from(name, definition)
            case "ring":
                values = {key: definition[key] for key in _SHARED + _RING}
                return RingSkymap.make(SkymapOptions(name=name, layout=Layout.ring, **values))
            case other:
                raise PlanError(
                    f"skymap {name}: its frozen definition has the layout {other!r}, not discrete or ring"
                )
    except KeyError as missing:
        raise PlanError(f"skymap {name}: its frozen definition lacks {missing}") from None


def reopen_skymap(options: SkymapOptions, definition: Mapping[str, Any]) -> Skymap:
    """Make the map of a frozen definition, unless the options ask for another one under its name.

    Raises
    ------
    PlanError
        Where they do, naming every field that differs.
    """
    fields = _SHARED if options.layout is Layout.discrete else _SHARED + _RING
    asked = {"layout": options.layout.value} | {key: getattr(options, key) for key in fields}
    if asked["pixel_scale"] is None:
        del asked["pixel_scale"]
    differ = [
        f"skymap.{key}={value} (was {definition.get(key)})"
        for key, value in asked.items()
        if value != definition.get(key)
    ]
    if differ:
        raise PlanError(
            f"skymap {options.name}: made before with other numbers: {', '.join(differ)}; its patches "
            "must not move: give the new sky map a name of its own (skymap.name=…), or use another store"
        )
    return skymap_from(options.name, definition)
