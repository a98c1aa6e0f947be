"""Where things that can be made again are kept: the environment decides, or the caller."""

from __future__ import annotations

import os
import tempfile
from pathlib import Path


def cache_folder(folder: Path | None = None) -> Path:
    """Return the cache: the folder given, else $COADDC_CACHE, $XDG_CACHE_HOME/coaddc or ~/.cache/coaddc."""
    if folder is not None:
        return folder
    if own := os.environ.get("COADDC_CACHE"):
        return Path(own)
    base = os.environ.get("XDG_CACHE_HOME")
    return (Path(base) if base else Path.home() / ".cache") / "coaddc"


def write_whole(path: Path, content: bytes) -> None:
    """Write a file of the cache whole or not at all; where the disk refuses, go without."""
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        with tempfile.NamedTemporaryFile(dir=path.parent, prefix=".", delete=False) as draft:
            draft.write(content)
        os.replace(draft.name, path)
    except OSError:
        return
