"""Ranks: how many visits of a ranked list are kept."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from coaddc.model.errors import ConfigError, near
from coaddc.model.skymaps.cover import Index
from coaddc.model.wcs import Floats

Mask = NDArray[np.bool_]

#: What `keep` may say; part of every message about it.
UNDERSTOOD = (
    "understood are a whole number of visits (12), a fraction below 1 (0.33), {number: 12}, "
    "{fraction: 0.33, at_least: 6, at_most: 50} and {column: exptime, sum: 3000}"
)


@dataclass(frozen=True, slots=True)
class Ranked:
    """Visits of many patches: patch by patch, on each the best first and those of unknown rank last.

    Attributes
    ----------
    patch : (n,)
        Number of the patch, ascending.
    known : (n,)
        Whether the rank is known.
    column : (n,)
        What `Sum` adds up.
    """

    patch: Index
    known: Mask
    column: Floats

    @property
    def place(self) -> Index:
        """Place of each visit on its patch, the best 0."""
        return np.arange(len(self.patch)) - np.searchsorted(self.patch, self.patch)


@dataclass(frozen=True, slots=True)
class Number:
    """The first visits, so many of them; those whose rank is not known come last."""

    number: int

    def keeps(self, ranked: Ranked) -> Mask:
        """Say which visits are kept."""
        return np.asarray(ranked.place < self.number)


@dataclass(frozen=True, slots=True)
class Fraction:
    """A part of the visits whose rank is known, within limits; never one whose rank is not known."""

    fraction: float
    at_least: int = 1
    at_most: int | None = None

    def keeps(self, ranked: Ranked) -> Mask:
        """Say which visits are kept."""
        known = np.bincount(ranked.patch, ranked.known)
        # rounded half to even, as lsst.pipe.tasks does for goodSeeing
        wanted = np.maximum(np.rint(self.fraction * known), self.at_least)
        if self.at_most is not None:
            wanted = np.minimum(wanted, self.at_most)
        return np.asarray(ranked.known & (ranked.place < wanted[ranked.patch]))


@dataclass(frozen=True, slots=True)
class Sum:
    """The fewest first visits that reach a sum; all, where it is not reached."""

    column: str
    sum: float

    def keeps(self, ranked: Ranked) -> Mask:
        """Say which visits are kept: those before which the sum is not reached."""
        column = np.nan_to_num(ranked.column)
        before = np.cumsum(column) - column
        before -= before[np.searchsorted(ranked.patch, ranked.patch)]
        # the hair lets 30 exposures of 0.1 reach 3.0
        return np.asarray(before < self.sum * (1 - 1e-9))


Keep = Number | Fraction | Sum


def read_keep(value: Any, key: str) -> Keep:
    """Read what a section's `keep` says.

    The number 1 written as a float is refused: configs, digests and some readers do not tell 1 and 1.0
    apart, and one visit is not all visits.

    Raises
    ------
    ConfigError
        Where it is nothing that is understood.
    """
    match value:
        case bool():
            raise _refused(value, key)
        case int() if value >= 1:
            return Number(value)
        case float() if value == 1:
            raise ConfigError(
                f"{key}={value}: one visit, or all of them? Write {{number: 1}} or {{fraction: 1}}"
            )
        case float() if 0 < value < 1:
            return Fraction(value)
        case float() if value > 1 and value.is_integer():
            return Number(int(value))
        case Mapping():
            return _read_mapping(value, key)
        case _:
            raise _refused(value, key)


def _read_mapping(value: Mapping[str, Any], key: str) -> Keep:
    names = set(value)
    known = {"number", "fraction", "at_least", "at_most", "column", "sum"}
    for name in sorted(names - known, key=str):
        raise ConfigError(f"{key}: no field {str(name)!r}{near(str(name), known)}; {UNDERSTOOD}")
    if names == {"number"}:
        return Number(_whole(value["number"], f"{key}.number", 1))
    if "fraction" in names and names <= {"fraction", "at_least", "at_most"}:
        return _fraction(value, key)
    if names == {"column", "sum"}:
        if not isinstance(value["column"], str):
            raise ConfigError(f"{key}.column={value['column']!r}: expected the name of a column")
        return Sum(value["column"], _number(value["sum"], f"{key}.sum", "above 0", 0.0, np.inf))
    raise _refused(dict(value), key)


def _fraction(value: Mapping[str, Any], key: str) -> Fraction:
    fraction = _number(value["fraction"], f"{key}.fraction", "above 0 and 1 at most", 0.0, 1.0)
    least = _whole(value.get("at_least", 1), f"{key}.at_least", 0)
    most = value.get("at_most")
    if most is not None:
        most = _whole(most, f"{key}.at_most", 1)
        if most < least:
            raise ConfigError(f"{key}: at_most={most} is less than at_least={least}")
    return Fraction(fraction, least, most)


def _whole(value: Any, key: str, least: int) -> int:
    if isinstance(value, bool) or not isinstance(value, int | float) or value != value // 1 or value < least:
        raise ConfigError(f"{key}={value!r}: expected a whole number, {least} at least")
    return int(value)


def _number(value: Any, key: str, range_: str, low: float, high: float) -> float:
    if isinstance(value, bool) or not isinstance(value, int | float) or not low < value <= high:
        raise ConfigError(f"{key}={value!r}: expected a number {range_}")
    return float(value)


def _refused(value: Any, key: str) -> ConfigError:
    return ConfigError(f"{key}={value!r} is not understood; {UNDERSTOOD}")
