"""The index: a disposable copy of what all provenance says, for questions over many products."""

from __future__ import annotations

import json
import logging
import re
import sqlite3
from collections.abc import Mapping
from contextlib import closing, suppress
from pathlib import Path
from typing import Any

from coaddc.model.errors import StoreError, near
from coaddc.store.facts import FACTS, SHOWN
from coaddc.store.objects import addresses, object_folder
from coaddc.store.provenance import read_provenance

FILE = "index.sqlite3"
#: Raised when the tables change; an index of another number is made anew.
FORMAT = 1
Row = dict[str, Any]
log = logging.getLogger(__name__)


def select(root: Path, where: str | None, implied: Mapping[str, str]) -> list[Row]:
    """Return what is known of the products that a predicate admits, older versions too.

    Parameters
    ----------
    root
        The store.
    where
        A condition in SQL over the keys and `SHOWN`; None admits all.
    implied
        Defaults of the keys that a product's data ID may lack.

    Returns
    -------
    list of dict
        Facts, and keys; a key that is not set is None. The data ID is exact under ``data_id``.

    Raises
    ------
    StoreError
        Where the predicate is none, or names a column that is not there.
    """
    with closing(_connect(root)) as database:
        columns = [name for name in _columns(database) if name not in FACTS]
        source = _filled(columns, implied)
        names = [*columns, *(key for key in implied if key not in columns)]
        if where is not None:
            _check_names(where, [*names, *SHOWN])
        rows = _run(database, source, where, [*names, *SHOWN])
    return [{**row, "data_id": json.loads(row["data_id"])} for row in rows]


def _filled(columns: list[str], implied: Mapping[str, str]) -> str:
    """Return SQL for all products with defaults filled in; comparing text to a number works as text."""
    parts = [*FACTS]
    for key in [*columns, *(key for key in implied if key not in columns)]:
        if key not in implied:
            parts.append(_quoted(key))
        else:
            value = _text(implied[key])
            found = f"COALESCE({_quoted(key)}, {value})" if key in columns else value
            parts.append(f"CAST({found} AS TEXT) AS {_quoted(key)}")
    return f"(SELECT {', '.join(parts)} FROM product)"


def _run(database: sqlite3.Connection, source: str, where: str | None, known: list[str]) -> list[Row]:
    condition = "" if where is None else f" WHERE (\n{where}\n)"
    database.row_factory = lambda cursor, row: {c[0]: v for c, v in zip(cursor.description, row, strict=True)}
    database.set_authorizer(_only_reading)
    try:
        rows: list[Row] = database.execute(
            f"SELECT * FROM {source} AS coadd{condition} ORDER BY published, address"
        ).fetchall()
    except (sqlite3.Error, sqlite3.Warning) as error:
        missing = re.fullmatch(r"no such column: (?:coadd\.)?(.*)", str(error))
        if missing:
            raise StoreError(f"{where}: no column {missing[1]!r}{near(missing[1], known)}") from error
        raise StoreError(f"{where}: no condition in SQL: {error}") from error
    return rows


def _only_reading(action: int, *_: str | None) -> int:
    reading = (sqlite3.SQLITE_SELECT, sqlite3.SQLITE_READ, sqlite3.SQLITE_FUNCTION)
    return sqlite3.SQLITE_OK if action in reading else sqlite3.SQLITE_DENY


def _check_names(where: str, known: list[str]) -> None:
    """Refuse a name in double quotes that is no column: SQLite would silently take it for text."""
    without_text = re.sub(r"'(?:[^']|'')*'", "''", where)
    for name in re.findall(r'"((?:[^"]|"")*)"', without_text):
        if name.replace('""', '"').lower() not in [key.lower() for key in known]:
            raise StoreError(f"{where}: no column {name!r}{near(name, known)}; text stands in single quotes")


def _connect(root: Path) -> sqlite3.Connection:
    """Return the index, brought up to date: in its file, or in memory where that cannot be written."""
    path = root / FILE
    for _ in range(2):
        try:
            return _synced(root, path)
        except sqlite3.OperationalError as error:
            log.debug("%s: %s; the index is made in memory", path, error)
            break
        except sqlite3.DatabaseError as error:  # no database, or a broken one
            log.debug("%s: %s; made anew", path, error)
            with suppress(OSError):
                path.unlink()
    try:
        return _synced(root, ":memory:")
    except sqlite3.Error as error:
        raise StoreError(f"{root}: its products cannot be listed: {error}") from error


def _synced(root: Path, path: Path | str) -> sqlite3.Connection:
    database = sqlite3.connect(path, timeout=10.0, isolation_level=None)
    try:
        _check_whole(database)
        there = set(addresses(root))
        if _known(database) != there:
            _update(root, database, there)
    except BaseException:
        database.close()
        raise
    return database


def _check_whole(database: sqlite3.Connection) -> None:
    (found,) = database.execute("PRAGMA quick_check(1)").fetchone()
    if found != "ok":
        raise sqlite3.DatabaseError(found)


def _known(database: sqlite3.Connection) -> set[str] | None:
    """Return the addresses in the index, None where there is none of this format."""
    if database.execute("PRAGMA user_version").fetchone()[0] != FORMAT:
        return None
    return {row[0] for row in database.execute("SELECT address FROM product")}


def _update(root: Path, database: sqlite3.Connection, there: set[str]) -> None:
    """Add products that are new, drop those that are gone, all at once for other readers."""
    database.execute("BEGIN IMMEDIATE")
    known = _known(database)
    if known is None:
        database.execute("DROP TABLE IF EXISTS product")
        database.execute(f"CREATE TABLE product ({', '.join(f'{k} {v}' for k, v in FACTS.items())})")
        database.execute(f"PRAGMA user_version = {FORMAT}")
        known = set()
    database.executemany("DELETE FROM product WHERE address = ?", [(a,) for a in known - there])
    for address in sorted(there - known):
        _add(database, address, object_folder(root, address))
    database.execute("COMMIT")


def _add(database: sqlite3.Connection, address: str, folder: Path) -> None:
    try:
        record = read_provenance(folder)
    except StoreError as error:
        log.warning("left out: %s", error)
        return
    data_id = record["data_id"]
    facts = {
        "address": address,
        "data_id": json.dumps(data_id),
        "digest": record["digest"],
        "recipe": record["recipe"],
        "published": record.get("published"),
        "n_inputs": len(record.get("inputs", [])),
    }
    row = {**{key: value for key, value in data_id.items() if key.lower() not in FACTS}, **facts}
    there = _columns(database)
    for key in [key for key in row if key not in there]:
        kind = "INTEGER" if isinstance(row[key], int) else "TEXT"
        database.execute(f"ALTER TABLE product ADD COLUMN {_quoted(key)} {kind}")
    names = ", ".join(map(_quoted, row))
    marks = ", ".join("?" * len(row))
    database.execute(f"INSERT OR REPLACE INTO product ({names}) VALUES ({marks})", list(row.values()))


def _columns(database: sqlite3.Connection) -> list[str]:
    return [row[1] for row in database.execute("PRAGMA table_info(product)")]


def _quoted(name: str) -> str:
    return '"' + name.replace('"', '""') + '"'


def _text(value: str) -> str:
    return "'" + value.replace("'", "''") + "'"
