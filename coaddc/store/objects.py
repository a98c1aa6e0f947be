"""The products themselves: a folder each, written once, under its digest."""

from __future__ import annotations

import os
import shutil
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

from coaddc.io.plain_yaml import dump_plain, load_plain
from coaddc.model.digest import digest
from coaddc.model.errors import StoreError
from coaddc.model.images import Coadd
from coaddc.model.product import Product
from coaddc.store import provenance as provenance_file
from coaddc.store.disk import scratch, sync, write_text
from coaddc.store.provenance import dump_provenance, make_provenance

COADD = "coadd.fits"
CONFIG = "config.yaml"
#: The files of a product.
FILES = (COADD, CONFIG, provenance_file.FILE)


def address_of(product: Product) -> str:
    """Return the name of a product's folder.

    Its digest, and that of its data ID: coadds of two data IDs may be equal in every pixel (two selections
    that admit the same visits), but each file says in its header which one it is.
    """
    return f"{product.digest}.{digest(dict(product.data_id))[:8]}"


def object_folder(root: Path, address: str) -> Path:
    """Return where the folder of this name lies."""
    return root / "objects" / address[:2] / address


def addresses(root: Path) -> Iterator[str]:
    """Yield the names of all folders of products."""
    try:
        with os.scandir(root / "objects") as shelves:
            for shelf in shelves:
                with os.scandir(shelf) as folders:
                    yield from (folder.name for folder in folders)
    except FileNotFoundError:
        return


def write_object(root: Path, product: Product, coadd: Coadd, run: Mapping[str, Any]) -> Path:
    """Write a product whole, rename it to its place, and return that; what is there already stays."""
    from coaddc.io.coadds.write import write_coadd  # with astropy slow to import

    folder = object_folder(root, address_of(product))
    if _is_whole(folder):
        return folder
    draft = scratch(root, folder.name)
    draft.mkdir()
    try:
        write_coadd(draft / COADD, coadd, product)
        sync(draft / COADD)
        write_text(draft / CONFIG, dump_plain(product.config))
        write_text(draft / provenance_file.FILE, dump_provenance(make_provenance(product, coadd, run)))
        for name in FILES:  # a tool that edits in place, through a link, shall fail
            (draft / name).chmod((draft / name).stat().st_mode & ~0o222)
        sync(draft)
        folder.parent.mkdir(parents=True, exist_ok=True)
        _settle(draft, folder)
        sync(folder.parent)
    finally:
        shutil.rmtree(draft, ignore_errors=True)
    return folder


def _is_whole(folder: Path) -> bool:
    return all((folder / name).is_file() for name in FILES)


def _settle(draft: Path, folder: Path) -> None:
    """Rename a finished draft to its place; where another writer came first, what is there stays."""
    try:
        draft.rename(folder)
    except OSError:
        if _is_whole(folder):
            return
        if not folder.exists():
            raise
        folder.rename(draft.with_name(f"{draft.name}.broken"))  # somebody took files out of it
        draft.rename(folder)


def read_config(folder: Path) -> dict[str, Any]:
    """Return the config in a product's folder.

    Raises
    ------
    StoreError
        Where it is missing or broken; it names the file.
    """
    path = folder / CONFIG
    try:
        return load_plain(path.read_text(encoding="utf-8"))
    except (OSError, ValueError) as error:
        raise StoreError(f"{path}: unusable config: {error}") from error
