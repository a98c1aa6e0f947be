"""Surveys for tests: read from conf/survey/ without the composer, and where the real sets are."""

import os
import types
from dataclasses import fields, is_dataclass
from enum import Enum
from pathlib import Path
from typing import Any, get_args, get_origin, get_type_hints

import pytest
import yaml

from coaddc.model.survey import Survey

ROOT = Path(__file__).parents[2]
SHARED = Path(os.environ.get("COADDC_SHARED", ROOT.parent / "shared"))


def survey(name: str, **changes: Any) -> Survey:
    """Read conf/survey/NAME.yaml, with nested changes on top."""
    found = yaml.safe_load((ROOT / "conf" / "survey" / f"{name}.yaml").read_text())
    return typed(Survey, merged(found, changes))


def plain(path: Path, **changes: Any) -> Survey:
    """Describe a survey in a folder by what differs from the defaults."""
    return typed(Survey, {"name": "test", "path": str(path), **changes})


def real(name: str) -> Path:
    """Return the folder of a real set, or skip the test where it is not on this machine."""
    path = SHARED / "data" / name
    if not path.is_dir():
        pytest.skip(f"{path} is absent: real data are not part of the repository (see COADDC_SHARED)")
    return path


def merged(base: dict[str, Any], changes: dict[str, Any]) -> dict[str, Any]:
    out = dict(base)
    for key, value in changes.items():
        old = out.get(key)
        out[key] = merged(old, value) if isinstance(old, dict) and isinstance(value, dict) else value
    return out


def typed(kind: Any, value: Any) -> Any:
    """Turn plain data into the dataclasses of the schema; an unknown field is an error."""
    if is_dataclass(kind) and isinstance(value, dict):
        hints = get_type_hints(kind)
        assert set(value) <= {f.name for f in fields(kind)}, (kind, set(value))
        return kind(**{key: typed(hints[key], item) for key, item in value.items()})
    if get_origin(kind) is types.UnionType:
        rest = [arg for arg in get_args(kind) if arg is not type(None)]
        return None if value is None else typed(rest[0], value)
    if get_origin(kind) is list:
        return [typed(get_args(kind)[0], item) for item in value]
    if isinstance(kind, type) and issubclass(kind, Enum):
        return kind(value)
    return value
