"""Arrays in, arrays out: compiled loops over pixels, which know nothing of coaddc."""

from contextlib import suppress
from pathlib import Path


def forget_stale(folder: Path) -> None:
    """Remove what was compiled before any of the sources in a folder was changed.

    numba keeps compiled code beside its source, for as long as that file is as it was; but what it calls, and
    has within it, may lie in another.
    """
    newest = max(source.stat().st_mtime for source in folder.glob("*.py"))
    for compiled in folder.glob("__pycache__/*.nb[ic]"):
        with suppress(OSError):  # another process is quicker, or the folder is not ours
            if compiled.stat().st_mtime < newest:
                compiled.unlink()


forget_stale(Path(__file__).parent)
