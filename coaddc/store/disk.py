"""Whole or absent: how files and links come to be, whoever is killed meanwhile."""

import fcntl
import os
import secrets
import shutil
import socket
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

from coaddc.model.errors import StoreError

#: Folder of the store in which everything is written before it is renamed to its place.
SCRATCH = "scratch"
#: Age, seconds, at which what is left in it can belong to no living writer.
ABANDONED = 86400.0


def scratch(root: Path, stem: str) -> Path:
    """Return a path in the scratch folder that nobody else has; its name says whose it is."""
    folder = root / SCRATCH
    folder.mkdir(parents=True, exist_ok=True)
    return folder / f"{stem}.{socket.gethostname()}.{os.getpid()}.{secrets.token_hex(4)}"


def sweep(root: Path, *, age: float = ABANDONED) -> None:
    """Remove what killed writers left in the scratch folder long ago.

    Only age tells: the process number in a name says nothing about a writer on another machine, nor in
    another container of this one.
    """
    limit = time.time() - age
    for entry in sorted((root / SCRATCH).glob("*")):
        with suppress(OSError):
            if max(path.lstat().st_mtime for path in (entry, *entry.glob("*"))) < limit:
                if entry.is_dir() and not entry.is_symlink():
                    shutil.rmtree(entry)
                else:
                    entry.unlink()


def sync(path: Path) -> None:
    """Wait until a file, or a folder's list of names, is on disk."""
    descriptor = os.open(path, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


def write_text(path: Path, text: str) -> None:
    """Write a new file and wait until it is on disk."""
    with path.open("x", encoding="utf-8") as file:
        file.write(text)
        file.flush()
        os.fsync(file.fileno())


def replace_text(root: Path, path: Path, text: str) -> None:
    """Write a file of the store at once: readers see the former one or this one."""
    draft = scratch(root, path.name)
    write_text(draft, text)
    path.parent.mkdir(parents=True, exist_ok=True)
    draft.replace(path)
    sync(path.parent)


def replace_link(root: Path, link: Path, target: Path) -> None:
    """Point a link at a path at once, and relatively, so that the store can be moved."""
    draft = scratch(root, "link")
    draft.symlink_to(os.path.relpath(target, link.parent))
    try:
        draft.replace(link)
    except OSError:
        draft.unlink()
        raise


@contextmanager
def locked(root: Path) -> Iterator[None]:
    """Hold the one lock of the store: for switching links and writing its settings, not for pixels.

    Raises
    ------
    StoreError
        Where the file system has no locks.
    """
    root.mkdir(parents=True, exist_ok=True)
    with (root / "lock").open("a") as file:
        try:
            fcntl.flock(
                file, fcntl.LOCK_EX
            )  # of this opening of the file, so that it holds between threads too
        except OSError as error:
            raise StoreError(
                f"{root}: cannot be locked ({error}); put the store on a file system with locks "
                "(Lustre: mounted with -o flock)"
            ) from error
        yield
