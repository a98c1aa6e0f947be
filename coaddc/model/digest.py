"""Identity: the digest of plain data in a canonical form."""

import hashlib
import json
import math
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

#: Characters of a digest: 128 bits in hexadecimal.
LENGTH = 32


def canonical(value: Any) -> Any:
    """Return plain data in the one form that equal values share.

    Mappings are sorted by key, tuples become lists, and a whole float becomes an integer, so that ``3`` and
    ``3.0`` are one value. Text, numbers, booleans, None, lists and mappings are plain; nothing else is.

    Raises
    ------
    TypeError
        Where a value is not plain, or not a number.
    """
    if value is None or isinstance(value, bool | str | int):
        return value
    if isinstance(value, float):
        if math.isnan(value) or math.isinf(value):
            raise TypeError(f"{value} has no place in an identity")
        return int(value) if value.is_integer() else value
    if isinstance(value, Mapping):
        return {str(key): canonical(value[key]) for key in sorted(value, key=str)}
    if isinstance(value, list | tuple):
        return [canonical(item) for item in value]
    raise TypeError(f"{type(value).__name__} {value!r} is not plain data")


def digest(*values: Any) -> str:
    """Return the digest of plain data: 32 hexadecimal characters."""
    text = json.dumps(canonical(values), ensure_ascii=True, separators=(",", ":"))
    return hashlib.blake2b(text.encode(), digest_size=LENGTH // 2).hexdigest()


def digest_file(path: Path, chunk: int = 1 << 22) -> str:
    """Return the digest of a file's bytes."""
    state = hashlib.blake2b(digest_size=LENGTH // 2)
    for block in _blocks(path, chunk):
        state.update(block)
    return state.hexdigest()


def _blocks(path: Path, chunk: int) -> Iterator[bytes]:
    with path.open("rb") as file:
        while block := file.read(chunk):
            yield block
