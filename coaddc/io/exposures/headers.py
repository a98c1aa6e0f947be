"""What the cards of an exposure's headers say, whatever a survey calls them."""

from __future__ import annotations

import math
import re
from collections.abc import Mapping
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from typing import Any

from astropy.io.fits import Header, VerifyError

from coaddc.io.exposures.fits_file import quiet
from coaddc.model.errors import DataError
from coaddc.model.survey import AngleUnit

#: Julian date of MJD 0.
JD_OF_MJD = 2400000.5
MJD_0 = datetime(1858, 11, 17, tzinfo=UTC)


@dataclass(frozen=True, slots=True)
class Headers:
    """Cards of one exposure: named groups of its path, its HDU's header, the primary header, FILE and HDU.

    A *card* argument is a keyword, several of which the first that is there counts, or None.
    """

    name: str
    chain: tuple[Mapping[str, Any], ...]

    def with_last(self, cards: Mapping[str, Any]) -> Headers:
        """Return this chain with more cards behind the others."""
        return replace(self, chain=(*self.chain, cards))

    def value(self, card: Any) -> Any:
        """Return what the card says, None where no header has it."""
        for keyword in keywords(card):
            for header in self.chain:
                try:
                    value = header.get(keyword)
                except VerifyError as error:
                    raise DataError(f"{self.name}: card {keyword} cannot be read: {error}") from error
                if value is not None and not _undefined(value):
                    return value
        return None

    def text(self, card: Any) -> str:
        """Return what the card says as text, empty where there is none."""
        value = self.value(card)
        return "" if value is None else str(value).strip()

    def number(self, card: Any) -> float:
        """Return what the card says as a number, NaN where there is none.

        Raises
        ------
        DataError
            Where it says something else.
        """
        value = self.value(card)
        if value is None:
            return math.nan
        try:
            return float(value)
        except (TypeError, ValueError) as error:
            raise DataError(f"{self.name}: card {shown(card)} = {value!r}: expected a number") from error

    def mjd(self, card: Any) -> float:
        """Return the MJD of a card in MJD, JD or ISO 8601; NaN where there is none."""
        value = self.value(card)
        if value is None:
            return math.nan
        try:
            day = float(value)
        except (TypeError, ValueError):
            return self._mjd_of_iso(card, str(value))
        return day - JD_OF_MJD if day > JD_OF_MJD else day

    def _mjd_of_iso(self, card: Any, value: str) -> float:
        try:
            time = datetime.fromisoformat(value.strip()).replace(tzinfo=UTC)
        except ValueError as error:
            raise DataError(f"{self.name}: card {shown(card)} = {value!r}: expected a time") from error
        return (time - MJD_0).total_seconds() / 86400.0

    def angle(self, card: Any, unit: AngleUnit) -> float:
        """Return degrees of a card in hours or degrees, decimal or sexagesimal; NaN where there is none."""
        text = self.text(card)
        if not text:
            return math.nan
        parts = re.split(r"[:\s]+", text.lstrip("+-"))
        try:
            size = sum(float(part) / 60**place for place, part in enumerate(parts))
        except ValueError as error:
            raise DataError(f"{self.name}: card {shown(card)} = {text!r}: expected an angle") from error
        sign = -1.0 if text.startswith("-") else 1.0
        return sign * float(size) * (15.0 if unit is AngleUnit.hours else 1.0)


def headers_of(name: str, groups: Mapping[str, str], *headers: Header) -> Headers:
    """Make a chain of cards that outlives the file."""
    with quiet():
        return Headers(name, (dict(groups), *(header.copy() for header in headers)))


def keywords(card: Any) -> tuple[str, ...]:
    """Return the keywords that a card of a survey's description means."""
    if card is None:
        return ()
    return (card,) if isinstance(card, str) else tuple(map(str, card))


def shown(card: Any) -> str:
    """Say which card, in a message."""
    return " or ".join(keywords(card)) or "(none named)"


def _undefined(value: Any) -> bool:
    return type(value).__name__ == "Undefined" or (isinstance(value, str) and not value.strip())
