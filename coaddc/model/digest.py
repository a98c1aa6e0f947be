"""Identity: the digest of plain data in a canonical form."""

import hashlib
import json
import math
from collections.abc import Mapping
from pathlib import Path
from typing import Any

#: Characters of a digest: 128 bits in hexadecimal.
LENGTH = 32

#: Types whose values are in canonical form already.
_CANONICAL = frozenset({type(None), bool, str, int})
_NUMBERS = frozenset({int, float})
_encode = json.JSONEncoder(ensure_ascii=True, separators=(",", ":")).encode


def canonical(value: Any) -> Any:
    """Return plain data in the one form that equal values share.

    Mappings are sorted by key, tuples become lists, and a whole float becomes an integer, so that ``3`` and
    ``3.0`` are one value. Text, numbers, booleans, None, lists and mappings are plain; nothing else is.

    Raises
    ------
    TypeError
        Where a value is not plain, or not a number.
    """
    if type(value) in _CANONICAL or isinstance(value, bool | str | int):  # the first is the faster
        return value
    if isinstance(value, float):
        if math.isnan(value) or math.isinf(value):
            raise TypeError(f"{value} has no place in an identity")
        return int(value) if value.is_integer() else value
    if isinstance(value, dict | Mapping):
        return {str(key): canonical(value[key]) for key in sorted(value, key=str)}
    if isinstance(value, list | tuple):
        return [canonical(item) for item in value]
    raise TypeError(f"{type(value).__name__} {value!r} is not plain data")


def digest(*values: Any) -> str:
    """Return the digest of plain data: 32 hexadecimal characters."""
    return digest_text(rendered(values))


def rendered(value: Any) -> str:
    """Return plain data as text: equal values as equal texts."""
    plain = canonical(value)
    return repr(plain) if type(plain) in _NUMBERS else _encode(plain)  # the same text, sooner


def digest_text(text: str) -> str:
    """Return the digest of what is rendered already."""
    return hashlib.blake2b(text.encode(), digest_size=LENGTH // 2).hexdigest()


def digest_file(path: Path, chunk: int = 1 << 18) -> str:
    """Return the digest of a file's bytes.

    Half of its SHA-256, for which today's processors have instructions.
    """
    with path.open("rb", buffering=0) as file:
        state = hashlib.sha256()
        block = memoryview(bytearray(chunk))
        while size := file.readinto(block):
            state.update(block[:size])
    return state.hexdigest()[:LENGTH]
