"""Butler: coadds by their data ID."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from coaddc.io.coadds.read import COMPONENTS, read_coadd, read_component
from coaddc.model.errors import StoreError, near
from coaddc.model.product import PLACE_KEYS
from coaddc.store.facts import SHOWN
from coaddc.store.find import Rows, ambiguous, matching, missing
from coaddc.store.index import select
from coaddc.store.layout import VARIANT
from coaddc.store.objects import COADD, object_folder
from coaddc.store.provenance import read_provenance
from coaddc.store.store import Store
from coaddc.store.table import as_table

if TYPE_CHECKING:
    from astropy.table import Table

#: The one kind of product.
DATASET = "coadd"


@dataclass(frozen=True)
class Version:
    """One of the coadds that a data ID has led to.

    Attributes
    ----------
    digest
        What it is.
    published
        When, ISO 8601 in UTC.
    current
        Whether the data ID leads to it now.
    path
        Its file, which stays where it is.
    """

    digest: str
    published: str
    current: bool
    path: Path


class Butler:
    """The products of one store.

    A data ID is given as keywords. Keys left off take the store's default (``warp=direct``), or mean that
    the key is not set; ``skymap``, ``tract``, ``patch`` and ``band`` may be left off where only one fits. The
    names that the store declares as aliases, such as ``filter`` for ``band``, are understood.

    Parameters
    ----------
    root
        Folder of the store.
    **data_id
        Keys to assume where a call leaves them off.

    Raises
    ------
    StoreError
        Where there is no store; or a key is not known.

    Examples
    --------
    >>> butler = Butler("coadds", skymap="demo")  # doctest: +SKIP
    >>> butler.get("coadd", band="g", tract=0, patch="0,0", warp="psfMatched")  # doctest: +SKIP
    >>> butler.get("coadd.image", band="g", tract=0, patch=4)  # doctest: +SKIP
    """

    def __init__(self, root: str | Path, **data_id: str | int | None) -> None:
        self._store = Store.open(Path(root))
        self._default = self._known(data_id)

    def get(self, name: str = DATASET, data_id: Mapping[str, Any] | None = None, /, **keys: Any) -> Any:
        """Read a coadd, or a part of one.

        Parameters
        ----------
        name
            ``coadd`` for the whole, a `Coadd`; ``coadd.image``, ``coadd.mask``, ``coadd.variance``,
            ``coadd.n_image``, ``coadd.wcs`` (of the tract), ``coadd.box`` (where in the tract),
            ``coadd.header`` (of the array, with its own WCS), ``coadd.psf``, ``coadd.correlation``,
            ``coadd.inputs``, ``coadd.config``, ``coadd.data_id``.
        data_id, **keys
            The data ID.

        Raises
        ------
        StoreError
            Where there is none, or more than one fits: the message names what is near, or what differs.
        DataError
            Where its file is broken.
        """
        component = _component(name)
        path = self._one({**(data_id or {}), **keys}) / COADD
        return read_coadd(path) if component is None else read_component(path, component)

    def exists(self, name: str = DATASET, data_id: Mapping[str, Any] | None = None, /, **keys: Any) -> bool:
        """Say whether there is such a coadd; a key that is not known is an error all the same."""
        _component(name)
        return bool(self._found(self._known({**self._default, **(data_id or {}), **keys})))

    def uri(self, name: str = DATASET, data_id: Mapping[str, Any] | None = None, /, **keys: Any) -> Path:
        """Return the path of a coadd's file: that of its data ID, which leads to the newest version."""
        _component(name)
        folder = self._one({**(data_id or {}), **keys})
        return self._store.file(read_provenance(folder)["data_id"])

    def versions(
        self, name: str = DATASET, data_id: Mapping[str, Any] | None = None, /, **keys: Any
    ) -> list[Version]:
        """Return all coadds that a data ID has led to, newest first."""
        _component(name)
        folder = self._one({**(data_id or {}), **keys})
        wanted = self._store.layout.filled(read_provenance(folder)["data_id"])
        return [
            Version(
                digest=row["digest"],
                published=row["published"],
                current=row["address"] == folder.name,
                path=object_folder(self._store.root, row["address"]) / COADD,
            )
            for row in reversed(self._rows())
            if self._store.layout.filled(row["data_id"]) == wanted
        ]

    def query(self, where: str | None = None, /, **keys: Any) -> Table:
        """Return the coadds that a condition admits, one a row.

        Parameters
        ----------
        where
            SQL over the keys, and ``n_inputs``, ``published``, ``digest``, ``recipe``; such as
            ``"band IN ('g', 'r') AND n_inputs > 5"``.
        **keys
            Values that keys must have as well; nothing is implied for those left off.

        Raises
        ------
        StoreError
            Where the condition is none, or names a column that is not there.
        """
        given = self._located(self._known({**self._default, **keys}))
        rows = [row for row in self._current(where) if all(str(row.get(k)) == str(given[k]) for k in given)]
        for row in rows:
            row["path"] = str(self._store.file(row["data_id"]))
        return as_table(rows, [*self.keys(), *SHOWN, "path"])

    def keys(self) -> tuple[str, ...]:
        """Return the keys of data IDs in this store: those of every data ID, then the rest in order."""
        implied = self._store.settings.implied
        used = {key for row in self._rows() for key in row["data_id"]}
        rest = sorted(used - {*PLACE_KEYS, *implied}, key=lambda key: (key == VARIANT, key))
        return (*PLACE_KEYS, *implied, *rest)

    def values(self, key: str, /) -> tuple[str | int, ...]:
        """Return the values that a key has in this store, sorted."""
        name = next(iter(self._known({key: ""})))
        found = {row[name] for row in self._current() if row.get(name) is not None}
        return tuple(sorted(found))

    def _known(self, data_id: Mapping[str, Any]) -> dict[str, str | int]:
        """Return a data ID in the store's own names of keys."""
        settings, known = self._store.settings, {*PLACE_KEYS, *self._store.settings.implied}
        named = {key if key in known else settings.aliases.get(key, key): data_id[key] for key in data_id}
        if not named.keys() <= known:
            known.update(self.keys())
        for key in named:
            if key not in known:
                raise StoreError(
                    f"no key {key!r} in {self._store.root}{near(key, {*known, *settings.aliases})}"
                )
        return {key: value for key, value in named.items() if value is not None}

    def _one(self, keys: Mapping[str, Any]) -> Path:
        """Return the folder of the one object that a data ID means."""
        given = self._known({**self._default, **keys})
        found = self._found(given)
        if len(found) == 1:
            return found[0]
        wanted = self._store.layout.filled(self._located(given))
        if not found:
            raise StoreError(f"{self._store.root}: {missing(wanted, given, self._current())}")
        raise StoreError(f"{self._store.root}: {ambiguous(given, matching(wanted, self._current()))}")

    def _found(self, given: dict[str, str | int]) -> list[Path]:
        """Return the folders of all objects that a data ID may mean; most calls read one link only."""
        given = self._located(given)
        wanted = self._store.layout.filled(given)
        if all(key in given for key in PLACE_KEYS):
            folder = self._store.object_of(given)
            if folder is not None and self._store.layout.filled(read_provenance(folder)["data_id"]) == wanted:
                return [folder]
            return []
        found = matching(wanted, self._current())
        return [object_folder(self._store.root, row["address"]) for row in found]

    def _located(self, given: dict[str, str | int]) -> dict[str, str | int]:
        """Turn a patch's number in the sequence of its tract into its name."""
        patch = str(given.get("patch", "x,y"))
        if not patch.isdecimal():
            return given
        from coaddc.model.skymaps.make import skymap_from

        skymap, tract = (given[k] if k in given else self._only(k, patch) for k in ("skymap", "tract"))
        definition = self._store.frozen(f"skymaps/{skymap}")
        if definition is None:
            raise StoreError(f"patch={patch}: the store has no sky map {skymap!r}; give patch as 'x,y'")
        patches = skymap_from(str(skymap), definition).patches(int(tract))
        names = [found.name for found in patches if found.sequence == int(patch)]
        if not names:
            raise StoreError(
                f"patch={patch}: tract {tract} of {skymap!r} has patches 0 to {len(patches) - 1}"
            )
        return {**given, "patch": names[0]}

    def _only(self, key: str, patch: str) -> str | int:
        values = self.values(key)
        if len(values) != 1:
            raise StoreError(
                f"patch={patch}: give {key} too (there are: {', '.join(map(str, values)) or 'none'})"
            )
        return values[0]

    def _rows(self, where: str | None = None) -> Rows:
        return select(self._store.root, where or None, self._store.settings.implied)

    def _current(self, where: str | None = None) -> Rows:
        """Return rows of the objects that data IDs lead to now."""
        return [row for row in self._rows(where) if self._leads_to(row)]

    def _leads_to(self, row: Mapping[str, Any]) -> bool:
        folder = self._store.object_of(row["data_id"])
        return folder is not None and folder.name == row["address"]


def _component(name: str) -> str | None:
    """Return the part that the name of a dataset means, None for the whole."""
    whole, dot, part = name.partition(".")
    if whole == DATASET and not dot:
        return None
    if whole != DATASET or part not in COMPONENTS:
        raise StoreError(
            f"no dataset {name!r}{near(name, [DATASET, *(f'{DATASET}.{c}' for c in COMPONENTS)])}"
        )
    return part
