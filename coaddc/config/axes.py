"""What restricts the coadds made: bands, tracts and patches, as values or lists."""

import re
from typing import Any

from coaddc.model.errors import ConfigError

#: How to write a patch so that Hydra leaves it whole.
PATCH_HELP = (
    "an unquoted comma is a sweep. Quote an x,y twice, once for the shell: 'patch=\"0,0\"' (or "
    "'patch=\"0,0\",\"0,1\"'); bracket sequence numbers: 'patch=[0,1]'"
)

_X_Y = re.compile(r"(\d+)\s*,\s*(\d+)")


def bands(value: Any) -> tuple[str, ...] | None:
    """Read the field ``band``."""
    return _several(value, _band)


def tracts(value: Any) -> tuple[int, ...] | None:
    """Read the field ``tract``."""
    return _several(value, _tract)


def patches(value: Any) -> tuple[int | str, ...] | None:
    """Read the field ``patch``."""
    return _several(value, _patch)


#: The fields, each with its reader.
READERS = {"band": bands, "tract": tracts, "patch": patches}


def check_patch_word(word: str, value: Any, *, bare_sweep: bool) -> None:
    """Refuse a ``patch=`` that Hydra would read as something else than it says.

    Parameters
    ----------
    word
        As written: ``patch=0,0``.
    value
        What it was parsed to, or the values of its sweep.
    bare_sweep
        Whether the sweep is commas and no more.

    Raises
    ------
    ConfigError
        Where whole numbers are joined by bare commas, or digits by underscores: 1_2 reads as 12.
    """
    if bare_sweep and any(isinstance(item, int) for item in value):
        raise ConfigError(f"{word}: {PATCH_HELP}")
    if re.search(r"\d_\d", word):
        raise ConfigError(f"{word}: digits joined by _ read as one number; write an x,y as 'patch=\"1,2\"'")


def _several(value: Any, one: Any) -> Any:
    if value is None:
        return None
    items = value if isinstance(value, list | tuple) else [value]
    if not items:
        raise ConfigError(f"{one.__name__[1:]}=[]: an empty list would make nothing; null makes all")
    return tuple(dict.fromkeys(one(item) for item in items))


def _band(value: Any) -> str:
    text = str(value)
    if isinstance(value, bool | dict | list) or not re.fullmatch(r"[\w.+-]+", text):
        raise ConfigError(f"band={value}: expected the short name of a filter, or a list of them")
    return text


def _tract(value: Any) -> int:
    if isinstance(value, bool) or not re.fullmatch(r"\d+", str(value)):
        raise ConfigError(f"tract={value}: expected the number of a tract, or a list of them")
    return int(value)


def _patch(value: Any) -> int | str:
    if not isinstance(value, bool):
        if re.fullmatch(r"\d+", str(value)):
            return int(value)
        if match := _X_Y.fullmatch(str(value)):
            return f"{int(match[1])},{int(match[2])}"
    raise ConfigError(f'patch={value}: expected a sequence number, an "x,y", or a list of these')
