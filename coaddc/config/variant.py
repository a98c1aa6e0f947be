"""The name of a coadd whose fields were overridden: what differs in its config, in a short form."""

import json
import re
from collections.abc import Iterable, Mapping
from typing import Any

from coaddc.model.digest import canonical, digest

#: Longest name, characters; what is longer ends in a digest.
LONGEST = 80

#: Fields that say where, or in words: another one is not another coadd.
_UNNAMED = {"survey": ("name", "path", "strict", "simulation")}
_SAFE = re.compile(r"[A-Za-z0-9_.+-]+")


def variant(base: Mapping[str, Any], config: Mapping[str, Any], groups: Iterable[str]) -> str | None:
    """Name what differs between the sections of two configs, or return None where nothing does.

    The name is safe as a part of a path: it has no ``/``, no ``=`` and no space. Two configs that differ
    from the base in other ways have other names.

    Parameters
    ----------
    base, config
        Resolved configs, plain data: without and with overrides.
    groups
        The sections compared.

    Examples
    --------
    >>> variant({"stack": {"nsigma": 4.0}}, {"stack": {"nsigma": 3}}, ["stack"])
    'stack.nsigma:3'
    """
    changes: dict[str, Any] = {}
    for group in groups:
        changes |= _changes(_named(group, base), _named(group, config), group)
    if not changes:
        return None
    parts = [f"{path}:{_short(value)}" for path, value in changes.items()]
    name = ",".join(parts)
    exact = all(
        part.endswith(f":{_exact(value)}") for part, value in zip(parts, changes.values(), strict=True)
    )
    if exact and len(name) <= LONGEST:
        return name
    return f"{name[: LONGEST - 9].rstrip('.,:-')}-{digest(changes)[:8]}"


def _named(group: str, config: Mapping[str, Any]) -> Any:
    section = config.get(group)
    if not isinstance(section, Mapping):
        return section
    return {name: value for name, value in section.items() if name not in _UNNAMED.get(group, ())}


def _changes(base: Any, value: Any, path: str) -> dict[str, Any]:
    """Return what is not as in the base, by path; what is gone is null."""
    if isinstance(base, Mapping) and isinstance(value, Mapping):
        found: dict[str, Any] = {}
        for name in dict.fromkeys((*base, *value)):
            if name != "doc":
                found |= _changes(base.get(name), value.get(name), f"{path}.{name}")
        return found
    return {} if canonical(base) == canonical(value) else {path: canonical(value)}


def _exact(value: Any) -> str | None:
    """Write a value so that no other is written the same; None where that takes too much."""
    if isinstance(value, str):
        return value if _SAFE.fullmatch(value) and not _reads_as_other(value) else None
    return None if isinstance(value, list | dict) else json.dumps(value)


def _short(value: Any) -> str:
    """Write what can be seen of a value in a name."""
    exact = _exact(value)
    if exact is not None:
        return exact
    if isinstance(value, list):
        return "+".join(map(_short, value)) or "none"
    text = value if isinstance(value, str) else json.dumps(value)
    return re.sub(r"[^A-Za-z0-9_.+-]+", "_", text).strip("_")


def _reads_as_other(text: str) -> bool:
    try:
        return not isinstance(json.loads(text), str)
    except ValueError:
        return False
