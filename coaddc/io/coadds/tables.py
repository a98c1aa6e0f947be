"""Tables of a coadd's file: what went in, and the config that asked for it.

Every column has a fixed width: a single variable-length column makes SExtractor refuse the whole file.
"""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import fields
from typing import Any, get_args, get_type_hints

import numpy as np
from astropy.io.fits import BinTableHDU
from numpy.typing import NDArray

from coaddc.io.coadds.cards import ascii_text, plain_text
from coaddc.io.plain_yaml import dump_plain, load_plain
from coaddc.model.exposures import ExposureRow
from coaddc.model.images import CoaddInput

Rows = NDArray[np.void]

#: How FITS spells units that the exposure table spells otherwise.
_UNITS = {"px": "pixel"}


def inputs_table(inputs: Sequence[CoaddInput]) -> Rows:
    """Return one row an input: weight, note, background, and all that the exposure table says of it."""
    columns = {f.name: [getattr(item.row, f.name) for item in inputs] for f in fields(ExposureRow)}
    own = {"weight": float, "note": str, "background": float}
    types = get_type_hints(ExposureRow) | own
    columns |= {name: [getattr(item, name) for item in inputs] for name in own}
    arrays = {name: _column(values, types[name]) for name, values in columns.items()}
    rows = np.empty(len(inputs), [(name, array.dtype, array.shape[1:]) for name, array in arrays.items()])
    for name, array in arrays.items():
        rows[name] = array
    return rows


def _column(values: list[Any], kind: Any) -> NDArray[Any]:
    if kind is str:
        return _texts([ascii_text(value) for value in values])
    if kind is bool:
        return np.array(values, np.uint8)  # astropy writes rows of bools without the letters of FITS
    if kind is int:
        return np.array(values, ">i8")
    if kind is float:
        return np.array(values, ">f8")
    return np.array(values, ">f8").reshape(len(values), len(get_args(kind)))


def _texts(values: Iterable[str]) -> NDArray[np.bytes_]:
    encoded = [value.encode("ascii") for value in values]
    return np.array(encoded, f"S{max([1, *map(len, encoded)])}")


def table_hdu(extension: str, rows: Rows) -> Any:
    """Return the HDU of a table; its columns have the units that the exposure table gives them."""
    hdu = BinTableHDU(rows, name=extension)
    units = {f.name: f.metadata["unit"] for f in fields(ExposureRow)} | {
        "weight": "nJy-2",
        "background": "nJy",
    }
    for number, name in enumerate(rows.dtype.names or (), start=1):
        if unit := units.get(name):
            hdu.header.set(f"TUNIT{number}", _UNITS.get(unit, unit), after=f"TFORM{number}")
    return hdu


def inputs_of(rows: Any) -> tuple[CoaddInput, ...]:
    """Return the inputs in the rows of a table that `inputs_table` made."""
    types = get_type_hints(ExposureRow)
    return tuple(
        CoaddInput(
            row=ExposureRow(**{name: _value(row[name], kind) for name, kind in types.items()}),
            weight=float(row["weight"]),
            note=plain_text(str(row["note"])),
            background=float(row["background"]) if "background" in rows.dtype.names else 0.0,
        )
        for row in rows
    )


def _value(value: Any, kind: Any) -> Any:
    if kind is str:
        return plain_text(str(value))
    return kind(value) if kind in (bool, int, float) else tuple(map(float, value))


def config_table(config: Mapping[str, Any]) -> Rows:
    """Return the config as lines of YAML, one a row."""
    lines = _texts(dump_plain(config).removesuffix("\n").split("\n"))
    rows = np.empty(len(lines), [("yaml", lines.dtype)])
    rows["yaml"] = lines
    return rows


def config_of(rows: Any) -> dict[str, Any]:
    """Return the config in the rows of a table that `config_table` made."""
    return load_plain("\n".join(str(line) for line in rows["yaml"]) + "\n")


def artifacts_table(artifacts: Mapping[int, NDArray[np.int32]]) -> Rows:
    """Return one row a run of rejected pixels: visit, row, first column, and the column after the last."""
    kind = [("visit", ">i8"), ("y", ">i4"), ("x0", ">i4"), ("x1", ">i4")]
    rows = np.empty(sum(map(len, artifacts.values())), kind)
    visits = [np.full(len(runs), visit) for visit, runs in artifacts.items()]
    rows["visit"] = np.concatenate([*visits, np.empty(0, np.int64)])
    runs = np.concatenate([*artifacts.values(), np.empty((0, 3), np.int32)])
    rows["y"], rows["x0"], rows["x1"] = runs.T
    return rows


def artifacts_of(rows: Rows) -> dict[int, NDArray[np.int32]]:
    """Return the runs of rejected pixels of each visit; the inverse of `artifacts_table`."""
    visits = np.array(rows["visit"], np.int64)
    runs = np.stack([np.array(rows[name], np.int32) for name in ("y", "x0", "x1")], axis=1)
    return {int(visit): runs[visits == visit] for visit in np.unique(visits)}
