"""The exposure table in DuckDB: expressions to arrays."""

from __future__ import annotations

from collections.abc import Sequence
from functools import cached_property
from typing import TYPE_CHECKING, Any, get_type_hints

import numpy as np
from numpy.typing import NDArray

from coaddc.model.errors import ConfigError
from coaddc.model.exposures import COLUMNS, ExposureRow
from coaddc.model.wcs import Floats
from coaddc.plan.predicate import Wanted, check, lock

if TYPE_CHECKING:
    import duckdb

_SQL = {bool: "BOOLEAN", int: "BIGINT", float: "DOUBLE", str: "VARCHAR"}
_NUMPY: dict[type, Any] = {bool: np.bool_, int: np.int64, float: np.float64, str: object}
_TYPES: dict[str, type] = {name: get_type_hints(ExposureRow)[name] for name in COLUMNS}


class Columns:
    """The columns of exposures, for expressions over them; each distinct expression is run once.

    A number that is not known, NaN in the rows, is NULL here: no comparison with it is true, and
    ``seeing IS NULL`` asks for it. So is what an expression has no value for, as a division by zero.

    Parameters
    ----------
    rows
        The exposures; none is enough to check expressions.
    """

    def __init__(self, rows: Sequence[ExposureRow]) -> None:
        self._rows = rows
        self._masks: dict[str, NDArray[np.bool_]] = {}
        self._values: dict[str, Floats] = {}

    def mask(self, text: str, key: str) -> NDArray[np.bool_]:
        """Say for which exposures a predicate is true.

        Raises
        ------
        ConfigError
            Where it is not a predicate over the columns; it begins with the key.
        """
        if text not in self._masks:
            found = self._run(text, key, Wanted.where, "BOOLEAN")
            self._masks[text] = np.asarray(np.ma.filled(found, False), bool)
        return self._masks[text]

    def values(self, text: str, key: str) -> Floats:
        """Return a number for each exposure; NaN where it is not known.

        Raises
        ------
        ConfigError
            Where the expression is not a number over the columns; it begins with the key.
        """
        if text not in self._values:
            found = self._run(text, key, Wanted.order_by, "DOUBLE")
            self._values[text] = np.asarray(np.ma.filled(found.astype(np.float64), np.nan))
        return self._values[text]

    @cached_property
    def _connection(self) -> duckdb.DuckDBPyConnection:
        return _load(self._rows)

    def _run(self, text: str, key: str, wanted: Wanted, sql_type: str) -> NDArray[Any]:
        import duckdb

        check(text, key, wanted)
        # TRY: what fails for one exposure is not known of it, and does not stop the others
        sql = f"SELECT TRY(CAST((\n{text}\n) AS {sql_type})) AS x FROM exposures ORDER BY _row"
        try:
            found: NDArray[Any] = self._connection.execute(sql).fetchnumpy()["x"]
        except duckdb.Error as error:
            raise ConfigError(f"{key}: cannot evaluate {text!r}: {str(error).splitlines()[0]}") from error
        return found


def _load(rows: Sequence[ExposureRow]) -> duckdb.DuckDBPyConnection:
    """Return a locked connection with the table ``exposures`` and nothing else."""
    import duckdb  # takes a while, and where nothing is selected it is not needed

    connection = duckdb.connect(":memory:", config={"threads": 1})
    schema = ", ".join(f"{name} {_SQL[kind]}" for name, kind in _TYPES.items())
    connection.execute(f"CREATE TABLE exposures (_row BIGINT, {schema})")
    if rows:
        given: dict[str, NDArray[Any]] = {"_row": np.arange(len(rows))}
        for name, kind in _TYPES.items():
            given[name] = np.array([getattr(row, name) for row in rows], _NUMPY[kind])
        connection.register("given", given)
        # NaN is larger than every number to DuckDB, and equal to itself; NULL is unknown
        known = [
            f"CASE WHEN isnan({n}) THEN NULL ELSE {n} END" if k is float else n for n, k in _TYPES.items()
        ]
        connection.execute(f"INSERT INTO exposures SELECT _row, {', '.join(known)} FROM given")
        connection.unregister("given")
    connection.execute("SET ieee_floating_point_ops=false")  # 0/0 fails, and so is NULL, not NaN
    # the optimiser would move parts of an expression out of TRY
    connection.execute("PRAGMA disable_optimizer")
    lock(connection)
    return connection
