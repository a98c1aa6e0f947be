"""What made a product: provenance.json beside it."""

from __future__ import annotations

import json
import math
import platform
import socket
from collections.abc import Mapping, Sequence
from datetime import UTC, datetime
from functools import cache
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from typing import Any

from coaddc.model.errors import StoreError
from coaddc.model.images import CoaddInput
from coaddc.model.product import Product

FILE = "provenance.json"
FORMAT = 1
_PACKAGES = ("coaddc", "numpy", "scipy", "astropy", "numba", "sep", "photutils", "duckdb", "hydra-core")


def make_provenance(product: Product, inputs: Sequence[CoaddInput], run: Mapping[str, Any]) -> dict[str, Any]:
    """Return all that is known of how a product came to be, as plain data.

    Parameters
    ----------
    product, inputs
        What it is, and what went in.
    run
        What the engine knows: ``op_versions``, ``started``, ``finished``, ``command``, ``sequence`` (number
        of the patch in its tract), and whatever else is worth keeping.
    """
    listed = [
        {
            "visit": item.row.visit,
            "detector": item.row.detector,
            "file": item.row.file,
            "weight": item.weight,
            "digest": item.row.digest,
            "note": item.note,
            "background": item.background,
        }
        for item in inputs
    ]
    record: dict[str, Any] = _plain(
        {
            "format": FORMAT,
            "data_id": product.data_id,
            "digest": product.digest,
            "recipe": product.recipe,
            "overrides": product.overrides,
            "inputs": listed,
            "versions": package_versions(),
            "python": platform.python_version(),
            "host": socket.gethostname(),
            "published": datetime.now(UTC).isoformat(timespec="milliseconds"),
        }
    )
    return {**_plain(run), **record}


def _plain(value: Any) -> Any:
    """Return what JSON can hold: numbers that it has no word for become null, other objects their text."""
    if hasattr(value, "item") and not isinstance(value, Mapping):
        value = value.item()  # a number of numpy's
    if isinstance(value, float):
        return value if math.isfinite(value) else None
    if isinstance(value, Mapping):
        return {str(key): _plain(item) for key, item in value.items()}
    if isinstance(value, list | tuple):
        return [_plain(item) for item in value]
    return value if value is None or isinstance(value, bool | int | str) else str(value)


@cache
def package_versions() -> dict[str, str]:
    """Return the versions of the packages that pixels go through."""
    found = {}
    for package in _PACKAGES:
        try:
            found[package] = version(package)
        except PackageNotFoundError:
            continue
    return found


def dump_provenance(record: Mapping[str, Any]) -> str:
    """Return provenance as the text of its file."""
    return json.dumps(record, indent=1, allow_nan=False) + "\n"


def read_provenance(folder: Path) -> dict[str, Any]:
    """Return the provenance in a product's folder.

    Raises
    ------
    StoreError
        Where it is missing or broken; it names the file.
    """
    path = folder / FILE
    try:
        record: dict[str, Any] = json.loads(path.read_text(encoding="utf-8"))
        for key in ("data_id", "digest", "recipe"):
            record[key]
    except (OSError, ValueError, KeyError, TypeError) as error:
        raise StoreError(f"{path}: unusable provenance: {error}") from error
    return record
