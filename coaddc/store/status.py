"""What may lie under a data ID, seen from a product that wants to lie there."""

from __future__ import annotations

import difflib
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from coaddc.io.plain_yaml import dump_plain
from coaddc.model.product import DataId, Product


@dataclass(frozen=True)
class Absent:
    """Nothing lies under this data ID yet."""

    path: Path


@dataclass(frozen=True)
class Current:
    """The product itself lies there."""

    path: Path


@dataclass(frozen=True)
class Outdated:
    """A product of the same recipe lies there, made of other inputs or by other versions of the ops."""

    path: Path
    provenance: Mapping[str, Any]


@dataclass(frozen=True)
class Conflict:
    """Something else lies there: another recipe or data ID. The message says what, and the ways out."""

    path: Path
    message: str


Status = Absent | Current | Outdated | Conflict


def edited(product: Product, path: Path, stored: Mapping[str, Any]) -> Conflict:
    """Return the conflict of a product with one of another recipe, whose config was this."""
    diff = config_diff(stored, product.config, f"{path}: in the store", "asked for now")
    return Conflict(
        path,
        f"{product.name}: what lies in the store was made by another recipe:\n"
        f"{diff or '(the configs are equal: another version of coaddc understands them differently)'}\n"
        "Nothing is overwritten. Ways out: give what you edited a name of its own (a new value of the key); "
        "override the field on the command line, which makes a variant; use another store.root; or restore "
        "the YAML.",
    )


def taken(product: Product, path: Path, other: DataId, differ: list[str]) -> Conflict:
    """Return the conflict of a product with one of another data ID at the same path."""
    return Conflict(
        path,
        f"{product.name}: {path} already holds {' '.join(f'{key}={other[key]}' for key in other)}; the "
        f"store's template does not tell them apart by {', '.join(differ)}. Use another store.root, with "
        f"{' '.join(f'{{{key}}}' for key in differ)} or {{others}} in store.template.",
    )


def config_diff(one: Mapping[str, Any], two: Mapping[str, Any], name_one: str, name_two: str) -> str:
    """Return how two configs differ, as a unified diff; empty where only their docs do."""
    before, after = (dump_plain(_without_docs(config)).splitlines() for config in (one, two))
    return "\n".join(difflib.unified_diff(before, after, name_one, name_two, lineterm=""))


def _without_docs(data: Any) -> Any:
    if isinstance(data, Mapping):
        return {key: _without_docs(item) for key, item in data.items() if key != "doc"}
    return data
