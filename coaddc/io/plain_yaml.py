"""Resolved configs as text: plain data to YAML and back."""

from collections.abc import Mapping
from typing import Any

import yaml


def dump_plain(data: Mapping[str, Any]) -> str:
    """Return plain data as YAML, ASCII only, in the order given; equal data give equal text."""
    return yaml.safe_dump(_plain(data), sort_keys=False, allow_unicode=False, width=1 << 30)


def load_plain(text: str) -> dict[str, Any]:
    """Return what `dump_plain` was given, tuples as lists."""
    data: dict[str, Any] = yaml.safe_load(text)
    return data


def _plain(value: Any) -> Any:
    if isinstance(value, Mapping):
        return {str(key): _plain(item) for key, item in value.items()}
    if isinstance(value, list | tuple):
        return [_plain(item) for item in value]
    return value
