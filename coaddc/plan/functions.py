"""The functions and operators that a predicate or a rank may use."""

from __future__ import annotations

from dataclasses import dataclass
from enum import Enum


class Kind(Enum):
    """What an expression yields."""

    number = "a number"
    text = "text"
    truth = "a comparison"
    null = "NULL"


@dataclass(frozen=True, slots=True)
class Signature:
    """What a function takes, all arguments alike, and gives.

    Attributes
    ----------
    takes, gives
        Kind of the arguments and of the result.
    least, most
        Number of arguments.
    """

    takes: Kind
    gives: Kind
    least: int = 1
    most: int = 1


_NUMBER = Signature(Kind.number, Kind.number)
_SIGN = Signature(Kind.number, Kind.number, 1, 2)
_TWO_NUMBERS = Signature(Kind.number, Kind.number, 2, 2)
_NUMBERS = Signature(Kind.number, Kind.number, 1, 99)
_TEXT = Signature(Kind.text, Kind.text)
_MATCH = Signature(Kind.text, Kind.truth, 2, 2)

#: By the names of DuckDB's parser, operators included: ``~~`` is LIKE, ``~~*`` is ILIKE.
FUNCTIONS: dict[str, Signature] = {
    **dict.fromkeys(("+", "-"), _SIGN),
    **dict.fromkeys(("*", "/", "//", "%", "**", "^"), _TWO_NUMBERS),
    **dict.fromkeys(("abs", "sign", "floor", "ceil", "ceiling", "trunc", "sqrt", "cbrt", "exp"), _NUMBER),
    **dict.fromkeys(("ln", "log10", "log2", "radians", "degrees"), _NUMBER),
    **dict.fromkeys(("sin", "cos", "tan", "asin", "acos", "atan"), _NUMBER),
    **dict.fromkeys(("mod", "fmod", "pow", "power", "atan2"), _TWO_NUMBERS),
    "round": _SIGN,
    "pi": Signature(Kind.number, Kind.number, 0, 0),
    **dict.fromkeys(("least", "greatest"), _NUMBERS),
    **dict.fromkeys(("lower", "upper", "trim"), _TEXT),
    "length": Signature(Kind.text, Kind.number),
    **dict.fromkeys(("~~", "!~~", "~~*", "!~~*", "starts_with", "ends_with", "contains"), _MATCH),
    **dict.fromkeys(("regexp_matches", "regexp_full_match"), _MATCH),
}
