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
from coaddc.model.geom import Box
from coaddc.model.images import Stacked, Surroundings
from coaddc.model.product import Product
from coaddc.model.wcs import Wcs
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


class Draft:
    """A product that is being written, in the scratch folder, until it is whole.

    Parameters
    ----------
    root
        Folder of the store.
    product
        What it is.
    wcs, box
        Of the tract, and the pixels of the coadd in it.
    """

    def __init__(self, root: Path, product: Product, wcs: Wcs, box: Box) -> None:
        from coaddc.io.coadds.write import CoaddFile  # with astropy slow to import

        self._product = product
        self._folder = object_folder(root, address_of(product))
        self._draft = scratch(root, self._folder.name)
        self._draft.mkdir()
        try:
            self._file = CoaddFile(self._draft / COADD, product, wcs, box)
        except BaseException:
            self.discard()
            raise

    def put(self, part: Stacked) -> None:
        """Take the pixels of some rows; safe from several threads."""
        self._file.put(part)

    def settle(self, around: Surroundings, run: Mapping[str, Any]) -> Path:
        """Write all else, rename the whole to its place, and return that; what is there already stays."""
        draft, product, folder = self._draft, self._product, self._folder
        try:
            self._file.finish(around)
            sync(draft / COADD)
            write_text(draft / CONFIG, dump_plain(product.config))
            provenance = make_provenance(product, around.inputs, run)
            write_text(draft / provenance_file.FILE, dump_provenance(provenance))
            for name in FILES:  # a tool that edits in place, through a link, shall fail
                (draft / name).chmod((draft / name).stat().st_mode & ~0o222)
            sync(draft)
            folder.parent.mkdir(parents=True, exist_ok=True)
            _settle(draft, folder)
            sync(folder.parent)
        finally:
            self.discard()
        return folder

    def discard(self) -> None:
        """Leave nothing of it, unless it is in its place."""
        shutil.rmtree(self._draft, ignore_errors=True)


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
