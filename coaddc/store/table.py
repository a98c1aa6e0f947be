"""Products as an astropy table."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from astropy.table import Table


def as_table(rows: Sequence[Mapping[str, Any]], names: Iterable[str]) -> Table:
    """Return rows as a table with these columns; what a row has not is masked."""
    from astropy.table import MaskedColumn, Table

    table = Table()
    for name in names:
        values = [row.get(name) for row in rows]
        absent = [value is None for value in values]
        filler = next((type(value)() for value in values if value is not None), "")
        data = [filler if value is None else value for value in values]
        table[name] = MaskedColumn(data, mask=absent) if any(absent) else data
    return table
