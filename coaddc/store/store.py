"""Products on disk: each whole or absent, none ever overwritten."""

from __future__ import annotations

import json
import os
from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from coaddc.model.errors import StoreError
from coaddc.model.geom import Box
from coaddc.model.images import Coadd, Stacked, Surroundings
from coaddc.model.product import DataId, Product
from coaddc.model.run_options import StoreOptions
from coaddc.model.wcs import Wcs
from coaddc.store.disk import locked, replace_link, replace_text, sweep, sync
from coaddc.store.facts import check_keys
from coaddc.store.layout import Layout, encode
from coaddc.store.objects import COADD, FILES, Draft, address_of, object_folder, read_config
from coaddc.store.provenance import read_provenance
from coaddc.store.rates import Measured, add_run, read_rates
from coaddc.store.settings import FILE, Settings, merge, read_settings, write_settings
from coaddc.store.status import Absent, Conflict, Current, Outdated, Status, edited, taken

__all__ = ["Absent", "Conflict", "Current", "Outdated", "Status", "Store"]

#: The one link in a data ID's folder that is ever switched; the links to files go through it.
CURRENT = ".current"


class Store:
    """A folder of products.

    Objects lie under ``objects/``, by digest; the path of a data ID leads to the current one by links. Making
    a Store writes nothing: the folder is made by the first product. Any number of processes and threads may
    share one.

    Parameters
    ----------
    root
        Its folder.
    options
        Template of its paths, and other names of keys.
    implied
        Every key that has a default, with it, in order.

    Raises
    ------
    StoreError
        Where the store at root has another template, or is broken.
    """

    def __init__(self, root: Path, options: StoreOptions, implied: Mapping[str, str]) -> None:
        self.root = Path(root)
        self._options, self._implied = options, implied
        self._ready = False
        self._use(merge(self.root, read_settings(self.root), options, implied))

    @classmethod
    def open(cls, root: Path) -> Store:
        """Open a store that exists, as it was made.

        Raises
        ------
        StoreError
            Where there is none.
        """
        settings = read_settings(root)
        if settings is None:
            below = sorted(str(path.parent) for path in root.glob(f"*/{FILE}"))
            hint = f"; did you mean {' or '.join(below)}?" if below else ""
            raise StoreError(f"{root}: no store (there is no {FILE}){hint}")
        aliases = dict(settings.aliases)
        return cls(root, StoreOptions(template=settings.template, aliases=aliases), settings.implied)

    def _use(self, settings: Settings) -> None:
        self.settings = settings
        self.layout = Layout(settings.template, settings.implied)

    def _prepare(self) -> None:
        """Make the store's folder, or add to its settings what is new; once a process."""
        if self._ready:
            return
        with locked(self.root):
            stored = read_settings(self.root)
            settings = merge(self.root, stored, self._options, self._implied)
            if settings != stored:
                write_settings(self.root, settings)
            self._use(settings)
        sweep(self.root)
        self._ready = True

    def place(self, data_id: DataId) -> Path:
        """Return the path of a data ID: of a file where the template ends in .fits, else of a folder."""
        return self.root / self.layout.path(data_id)

    def file(self, data_id: DataId) -> Path:
        """Return the path at which the coadd of a data ID is read."""
        place = self.place(data_id)
        return place if self.layout.is_file else place / COADD

    def object_of(self, data_id: DataId) -> Path | None:
        """Return the folder of the object that the path of a data ID leads to, None where there is none.

        The object may be of another data ID where the template does not tell the two apart.
        """
        return self._leads_to(str(self.place(data_id)))

    def _leads_to(self, place: str) -> Path | None:
        # Texts, not paths: a suite may ask for 100 000 products.
        link, file = (place, place) if self.layout.is_file else (f"{place}/{CURRENT}", f"{place}/{COADD}")
        try:
            target = os.readlink(link)
        except OSError:
            return None
        address = target.split("/")[-2 if self.layout.is_file else -1]
        # The link to the file is made last: without it, a writer was killed midway.
        return object_folder(self.root, address) if os.path.exists(file) else None

    def check(self, products: Iterable[Product]) -> None:
        """Refuse products that would lie at the same path, and keys that tables cannot show.

        Raises
        ------
        PlanError, ConfigError
            See `Layout.check` and `check_keys`.
        """
        listed = list(products)
        check_keys(set().union(*[product.data_id for product in listed]))
        self.layout.check(listed)

    def held(self, products: Iterable[Product]) -> tuple[set[str], set[str]]:
        """Return the digests of products that are here, and of those of which another version is.

        Raises
        ------
        StoreError
            Where any would clobber another one: a message for all of them.
        """
        if not os.path.isdir(self.root / "objects"):  # most large suites are made into a new store
            return set(), set()
        status = {product.digest: self.status(product) for product in products}
        conflicts = [found.message for found in status.values() if isinstance(found, Conflict)]
        if conflicts:
            raise StoreError("\n\n".join(conflicts))
        current = {digest for digest, found in status.items() if isinstance(found, Current)}
        return current, {digest for digest, found in status.items() if isinstance(found, Outdated)}

    def status(self, product: Product) -> Status:
        """Say what lies under the data ID of a product.

        Raises
        ------
        StoreError
            Where the provenance of what lies there is broken.
        """
        path = self.place(product.data_id)
        folder = self._leads_to(str(path))
        if folder is None:
            return Absent(path)
        if folder.name == address_of(product):
            return Current(path)
        made = read_provenance(folder)
        if differ := self.layout.lacking(product.data_id, made["data_id"]):
            return taken(product, path, made["data_id"], differ)
        if made["digest"] == product.digest:
            return Current(path)
        if made["recipe"] == product.recipe:
            return Outdated(path, made)
        return edited(product, path, read_config(folder))

    def publish(self, product: Product, coadd: Coadd, provenance: Mapping[str, Any]) -> Path:
        """Put a product into the store, and let its data ID lead to it.

        Parameters
        ----------
        product, coadd
            What it is.
        provenance
            What the run knows of how it came to be; see `make_provenance`.

        Returns
        -------
        Path
            The path of its data ID.

        Raises
        ------
        StoreError
            Where something else lies there, also if another process has just put it there; it stays. And
            where the disk is full, or nothing may be written.
        """
        begun = self.begin(product, coadd.wcs, coadd.stacked.box, lambda: provenance)
        try:
            begun.put(coadd.stacked)
            return begun.publish(coadd.surroundings)
        finally:
            begun.discard()

    def begin(self, product: Product, wcs: Wcs, box: Box, run: Callable[[], Mapping[str, Any]]) -> Begun:
        """Begin a product whose pixels come one part after the other.

        Parameters
        ----------
        product
            What it is.
        wcs, box
            Of the tract, and the pixels of the coadd in it.
        run
            Tells in the end what the run knows of how it came to be; see `make_provenance`.

        Raises
        ------
        StoreError
            As `publish`.
        """
        with self._writing(product.name):
            self._prepare()
            self._refuse_conflict(product)
            return Begun(self, product, Draft(self.root, product, wcs, box), run)

    def _let_lead(self, product: Product, folder: Path) -> Path:
        """Let a product's data ID lead to its folder; return the path of the data ID."""
        with locked(self.root):
            self._refuse_conflict(product)
            self._link(product.data_id, folder)
        return self.place(product.data_id)

    @contextmanager
    def _writing(self, what: str) -> Iterator[None]:
        try:
            yield
        except OSError as error:
            raise StoreError(f"{what}: cannot be written to {self.root}: {error}") from error

    def _refuse_conflict(self, product: Product) -> None:
        status = self.status(product)
        if isinstance(status, Conflict):
            raise StoreError(status.message)

    def _link(self, data_id: DataId, folder: Path) -> None:
        place = self.place(data_id)
        place.parent.mkdir(parents=True, exist_ok=True)
        if self.layout.is_file:
            replace_link(self.root, place, folder / COADD)
            sync(place.parent)
            return
        place.mkdir(exist_ok=True)
        replace_link(self.root, place / CURRENT, folder)
        for name in reversed(FILES):
            if not (place / name).is_symlink():
                replace_link(self.root, place / name, place / CURRENT / name)
        sync(place)

    @property
    def rates(self) -> Mapping[str, float]:
        """Seconds of one thread that a pixel took, by op, in what ran here; empty where nothing did."""
        return read_rates(self.root)

    def add_rates(self, measured: Measured) -> None:
        """Remember how fast a run was; see `add_run`."""
        add_run(self.root, measured)

    def freeze(self, name: str, data: Any) -> Any:
        """Keep plain data under a name for good.

        The first writer's data stay; every caller gets those.

        Parameters
        ----------
        name
            Such as ``skymaps/demo``: the file is this with .json.
        data
            Text, numbers, lists and mappings.
        """
        with self._writing(name):
            self._prepare()
            with locked(self.root):
                if self.frozen(name) is None:
                    replace_text(self.root, self._frozen_file(name), json.dumps(data, indent=1) + "\n")
                return self.frozen(name)

    def frozen(self, name: str) -> Any:
        """Return the data that were frozen under a name, None where none were.

        Raises
        ------
        StoreError
            Where the file is broken.
        """
        path = self._frozen_file(name)
        try:
            return json.loads(path.read_text(encoding="utf-8"))
        except FileNotFoundError:
            return None
        except ValueError as error:
            raise StoreError(f"{path}: broken: {error}") from error

    def _frozen_file(self, name: str) -> Path:
        *folders, last = map(encode, name.split("/"))
        return self.root.joinpath(*folders, f"{last}.json")


class Begun:
    """A product that has been begun in a store; nothing of it is found there until it is published.

    Parameters
    ----------
    store, product
        Where, and what it is.
    draft
        Its files.
    run
        Tells in the end what the run knows of how it came to be.
    """

    def __init__(
        self, store: Store, product: Product, draft: Draft, run: Callable[[], Mapping[str, Any]]
    ) -> None:
        self._store, self._product, self._draft, self._run = store, product, draft, run

    def put(self, part: Stacked) -> None:
        """Take the pixels of some rows, as wide as the coadd; safe from several threads.

        Raises
        ------
        StoreError
            Where the disk is full.
        """
        with self._store._writing(self._product.name):
            self._draft.put(part)

    def publish(self, around: Surroundings) -> Path:
        """Put the product, which has all its pixels, into its place; see `Store.publish`."""
        with self._store._writing(self._product.name):
            return self._store._let_lead(self._product, self._draft.settle(around, self._run()))

    def discard(self) -> None:
        """Leave nothing of it, unless it was published."""
        self._draft.discard()
