"""What a store is from its creation on: store.json at its root."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import asdict, dataclass, replace
from pathlib import Path

from coaddc.model.errors import StoreError
from coaddc.model.run_options import StoreOptions
from coaddc.store.disk import replace_text

#: Number of the layout of a store; raised when a reader of the former would go wrong.
FORMAT = 1
FILE = "store.json"


@dataclass(frozen=True)
class Settings:
    """The template of its paths, the default of each key, and other names of keys."""

    template: str
    implied: Mapping[str, str]
    aliases: Mapping[str, str]


def read_settings(root: Path) -> Settings | None:
    """Return the settings of a store, None where there is no store.

    Raises
    ------
    StoreError
        Where store.json is broken, or of another format.
    """
    path = root / FILE
    try:
        data = json.loads(path.read_text(encoding="utf-8"))
        if data["format"] != FORMAT:
            raise StoreError(f"{path}: a store of format {data['format']}; this coaddc reads {FORMAT}")
        return Settings(data["template"], data["implied"], data["aliases"])
    except (FileNotFoundError, NotADirectoryError):
        return None
    except (ValueError, KeyError, TypeError) as error:
        raise StoreError(f"{path}: broken ({error}); restore it, or use another store.root") from error


def write_settings(root: Path, settings: Settings) -> None:
    """Write store.json; the caller holds the lock."""
    text = json.dumps({"format": FORMAT, **asdict(settings)}, indent=2)
    replace_text(root, root / FILE, text + "\n")


def merge(root: Path, stored: Settings | None, options: StoreOptions, implied: Mapping[str, str]) -> Settings:
    """Return what holds from now on: what is stored stays, keys and aliases that are new are added.

    Raises
    ------
    StoreError
        Where the store has another template.
    """
    if stored is None:
        return Settings(options.template, dict(implied), dict(options.aliases))
    if stored.template != options.template:
        raise StoreError(
            f"{root}: its products lie by the template {stored.template}\nand not by {options.template}; "
            "use another store.root, or leave store.template as it was when this store was made"
        )
    return replace(
        stored,
        implied={**stored.implied, **{key: implied[key] for key in implied if key not in stored.implied}},
        aliases={**options.aliases, **stored.aliases},
    )
