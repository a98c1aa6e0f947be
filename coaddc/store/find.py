"""Which products a data ID means, and what to say where that is none or many."""

from collections.abc import Mapping
from typing import Any

from coaddc.model.errors import near
from coaddc.model.product import PLACE_KEYS

Rows = list[dict[str, Any]]

#: How many products a message lists.
_LISTED = 5


def matching(wanted: Mapping[str, str], rows: Rows) -> Rows:
    """Return the products that a data ID means.

    Parameters
    ----------
    wanted
        The data ID as text, defaults filled in. Those of `PLACE_KEYS` that are left off fit anything; any
        other key left off must not be set.
    rows
        Of the index.
    """
    return [row for row in rows if not _differing(wanted, row)]


def _differing(wanted: Mapping[str, str], row: Mapping[str, Any]) -> list[str]:
    keys = {**wanted, **row["data_id"]}
    return [
        key
        for key in keys
        if not (key in PLACE_KEYS and key not in wanted) and wanted.get(key) != _text(row, key)
    ]


def _distance(differing: list[str]) -> tuple[int, int]:
    """Rank differences: another place is further away than another coadd of the same place."""
    places = len({*PLACE_KEYS} & set(differing))
    return len(differing) + places, places


def _text(row: Mapping[str, Any], key: str) -> str | None:
    value = row.get(key)  # defaults filled in, unlike its data ID
    return None if value is None else str(value)


def missing(wanted: Mapping[str, str], given: Mapping[str, str | int], rows: Rows) -> str:
    """Say that there is no such product: the value that none has, or what the nearest ones have instead."""
    name = _named(given)
    if not rows:
        return f"no coadd {name}: the store is empty"
    for key, value in wanted.items():
        values = {text for row in rows if (text := _text(row, key)) is not None}
        if value not in values:
            implied = "" if key in given else " (its default)"
            return f"no coadd {name}: none has {key}={value}{implied}{near(value, values)}"
    nearest = sorted(rows, key=lambda row: _distance(_differing(wanted, row)))[:_LISTED]
    lines = [
        "  " + " ".join(f"{key}={_text(row, key) or 'not set'}" for key in _differing(wanted, row))
        for row in nearest
    ]
    return f"no coadd {name}; the nearest have instead:\n" + "\n".join(dict.fromkeys(lines))


def ambiguous(given: Mapping[str, str | int], rows: Rows) -> str:
    """Say that several products fit, and in which keys they differ."""
    parts = []
    for key in PLACE_KEYS:
        values = list(dict.fromkeys(str(_text(row, key)) for row in rows))
        if len(values) > 1:
            more = ", ..." if len(values) > _LISTED else ""
            parts.append(f"{key} ({', '.join(values[:_LISTED])}{more})")
    return f"{_named(given)}: {len(rows)} coadds fit; say which {' and which '.join(parts)}"


def _named(data_id: Mapping[str, str | int]) -> str:
    return " ".join(f"{key}={value}" for key, value in data_id.items()) or "without any key"
