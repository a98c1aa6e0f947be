"""Predicates and ranks of conf/: SQL expressions over the exposure table, checked on DuckDB's own parse tree.

An expression may hold columns, constants, comparisons, arithmetic, AND, OR, NOT, IN, BETWEEN, IS NULL, CASE,
CAST and the functions of `FUNCTIONS`; nothing that reads a file, another table or another row.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterable, Mapping
from enum import Enum
from functools import cache
from typing import TYPE_CHECKING, Any, NoReturn, get_type_hints

from coaddc.model.errors import ConfigError, near
from coaddc.model.exposures import COLUMNS, ExposureRow
from coaddc.plan.functions import FUNCTIONS, Kind, Signature

if TYPE_CHECKING:
    import duckdb

#: What each column of the exposure table holds.
COLUMN_KINDS: dict[str, Kind] = {
    name: Kind.text if hint is str else Kind.number
    for name, hint in get_type_hints(ExposureRow).items()
    if name in COLUMNS
}


_FOREIGN = {"--": "a comment", "/*": "a comment", ";": "another statement", "?": "a parameter"}


class Wanted(Enum):
    """What an expression is for."""

    where = Kind.truth
    order_by = Kind.number


def check(text: str, key: str, wanted: Wanted) -> None:
    """Check an expression of a config.

    Parameters
    ----------
    text
        The expression.
    key
        Where it stands, for messages: ``selection.where``.
    wanted
        A predicate, true or false; or a number to rank by.

    Raises
    ------
    ConfigError
        Where it cannot be read, names a column that is not there, mixes numbers with text, or holds what
        has no place in a selection. The message names the key and what is near.
    """
    if not isinstance(text, str):
        raise ConfigError(f"{key}={text!r}: expected text, an SQL expression over the exposure table")
    kind = _Checker(text, key).kind(_parse(text, key))
    if kind not in (wanted.value, Kind.null):
        what = "a predicate, true or false" if wanted is Wanted.where else "one number to rank by"
        raise ConfigError(f"{key}: {text!r} is {kind.value}, but {what}, is expected")


def _parse(text: str, key: str) -> Mapping[str, Any]:
    """Return the node of a lone expression."""
    outside = re.sub(r"'(?:[^']|'')*'|\"(?:[^\"]|\"\")*\"", "''", text)
    for sign, what in _FOREIGN.items():
        if sign in outside:
            raise ConfigError(f"{key}: {text!r} holds {sign!r}: {what} has no place in an expression")
    tree = _tree(text)
    if tree["error"]:
        hint = "; one expression, smallest first: write -(x) for largest first" if "order_by" in key else ""
        raise ConfigError(f"{key}: cannot read {text!r}: {tree['error_message']}{hint}")
    if len(tree["statements"]) != 1 or _skeleton(tree) != _skeleton(_tree("true")):
        raise ConfigError(
            f"{key}: {text!r} is more than an expression (GROUP BY, ORDER BY, LIMIT, UNION and the like)"
        )
    node: Mapping[str, Any] = tree["statements"][0]["node"]["where_clause"]
    return node


def _tree(text: str) -> dict[str, Any]:
    # on lines of its own, and without parentheses: "1=1) OR (1=1" must not read as an expression
    rows = _parser().execute("SELECT json_serialize_sql(?)", [f"SELECT 1 FROM t WHERE\n{text}\n"])
    tree: dict[str, Any] = json.loads(rows.fetchone()[0])
    return tree


@cache
def _parser() -> duckdb.DuckDBPyConnection:
    import duckdb  # takes a while, and where nothing is selected it is not needed

    connection = duckdb.connect(":memory:", config={"threads": 1})
    lock(connection)
    return connection


def lock(connection: duckdb.DuckDBPyConnection) -> None:
    """Shut a connection off from files, the network and its own settings."""
    connection.execute("SET enable_external_access=false")
    connection.execute("SET lock_configuration=true")


def _skeleton(tree: Any) -> Any:
    """Return a parsed statement without its predicate and without positions."""
    if isinstance(tree, dict):
        dropped = ("where_clause", "query_location", "query_location_length")
        return {key: _skeleton(value) for key, value in tree.items() if key not in dropped}
    return [_skeleton(item) for item in tree] if isinstance(tree, list) else tree


class _Checker:
    """Walks one parse tree, and says of what kind each node is."""

    def __init__(self, text: str, key: str) -> None:
        self.text, self.key = text, key

    def kind(self, node: Mapping[str, Any]) -> Kind:
        """Return the kind of a node; ConfigError where it has no place here."""
        match node["class"]:
            case "COLUMN_REF":
                return self._column(node["column_names"])
            case "CONSTANT":
                return self._constant(node["literal"]["kind"])
            case "FUNCTION":
                return self._function(node)
            case "CASE":
                return self._case(node)
            case "CAST":
                return self._cast(node)
            case "OPERATOR":
                return self._operator(node["type"], node["children"])
            case _:
                return self._condition(node)

    def _condition(self, node: Mapping[str, Any]) -> Kind:
        match node["class"]:
            case "COMPARISON":
                return self._comparison(node)
            case "BETWEEN":
                self._alike([node["input"], node["lower"], node["upper"]])
                return Kind.truth
            case "CONJUNCTION":
                return self._all_truth(node["children"])
            case other:
                return self._refuse(f"{other.lower().replace('_', ' ')} has no place in a selection")

    def _column(self, names: list[str]) -> Kind:
        name = names[-1].lower()  # SQL names do not mind their case
        if len(names) == 1 and name in COLUMN_KINDS:
            return COLUMN_KINDS[name]
        written = ".".join(names)
        quotes = " (text is written in single quotes: 'g')" if f'"{written}"' in self.text else ""
        return self._refuse(f"no column {written!r} in the exposure table{quotes}{near(written, COLUMNS)}")

    def _constant(self, literal: str) -> Kind:
        match literal:
            case "INTEGER" | "NUMERIC":
                return Kind.number
            case "STRING":
                return Kind.text
            case "BOOLEAN":
                return Kind.truth
            case "NULL_LITERAL":
                return Kind.null
            case other:
                return self._refuse(f"a constant of type {other.lower()} has no place in a selection")

    def _comparison(self, node: Mapping[str, Any]) -> Kind:
        kind = self._alike([node["left"], node["right"]])
        nulls = [side for side in ("left", "right") if self.kind(node[side]) is Kind.null]
        if kind is Kind.null or (nulls and "DISTINCT" not in node["type"]):
            return self._refuse("a comparison with NULL is never true: write IS NULL or IS NOT NULL")
        return Kind.truth

    def _operator(self, name: str, children: list[Mapping[str, Any]]) -> Kind:
        match name:
            case "OPERATOR_NOT":
                return self._all_truth(children)
            case "OPERATOR_IS_NULL" | "OPERATOR_IS_NOT_NULL":
                self._alike(children)
                return Kind.truth
            case "COMPARE_IN" | "COMPARE_NOT_IN":
                self._alike(children)
                return Kind.truth
            case "OPERATOR_COALESCE":
                return self._alike(children)
            case other:
                return self._refuse(f"the operator {other.lower()} has no place in a selection")

    def _function(self, node: Mapping[str, Any]) -> Kind:
        name = node["function_name"].lower()
        if name == "isnan":
            return self._refuse("a number that is not known is NULL here: write IS NULL")
        if name not in FUNCTIONS or node["schema"] or node["catalog"]:
            words = [known for known in FUNCTIONS if known.isidentifier()]
            return self._refuse(f"no function {name!r} for selections{near(name, words)}")
        if node["filter"] or node["distinct"] or node["order_bys"]["orders"]:
            return self._refuse(f"{name} takes no DISTINCT, FILTER or ORDER BY")
        return self._apply(name, FUNCTIONS[name], [item["expression"] for item in node["arguments"]])

    def _apply(self, name: str, signature: Signature, arguments: list[Mapping[str, Any]]) -> Kind:
        if not signature.least <= len(arguments) <= signature.most:
            return self._refuse(f"{name} does not take {len(arguments)} arguments")
        for argument in arguments:
            kind = self.kind(argument)
            if kind not in (signature.takes, Kind.null):
                return self._refuse(f"{name} takes {signature.takes.value}, not {kind.value}")
        return signature.gives

    def _case(self, node: Mapping[str, Any]) -> Kind:
        self._all_truth([branch["when_expr"] for branch in node["case_checks"]])
        return self._alike([*(branch["then_expr"] for branch in node["case_checks"]), node["else_expr"]])

    def _cast(self, node: Mapping[str, Any]) -> Kind:
        kind = self.kind(node["child"])
        match node["type_expr"]["type_name"].upper():
            case "INTEGER" | "BIGINT" | "DOUBLE" | "FLOAT":
                return Kind.number
            case "VARCHAR":
                return Kind.text
            case "BOOLEAN" if kind is Kind.truth:  # IS TRUE is parsed as this
                return kind
            case other:
                return self._refuse(f"no cast of {kind.value} to {other}; there are INTEGER, DOUBLE, VARCHAR")

    def _all_truth(self, children: Iterable[Mapping[str, Any]]) -> Kind:
        for child in children:
            kind = self.kind(child)
            if kind not in (Kind.truth, Kind.null):
                return self._refuse(f"AND, OR, NOT and WHEN take comparisons, not {kind.value}")
        return Kind.truth

    def _alike(self, children: Iterable[Mapping[str, Any]]) -> Kind:
        """Return the one kind of all children; ConfigError where they differ."""
        kinds = list(dict.fromkeys(k for k in map(self.kind, children) if k is not Kind.null))
        if len(kinds) > 1:
            return self._refuse(f"{kinds[0].value} and {kinds[1].value} do not compare")
        return kinds[0] if kinds else Kind.null

    def _refuse(self, reason: str) -> NoReturn:
        raise ConfigError(f"{self.key}: {reason}, in {self.text!r}")
