"""How the fields of conf/ are declared."""

from dataclasses import field
from typing import Any


def option(default: Any, doc: str) -> Any:
    """Declare a field of a section: its default and its one line of help.

    A section is a frozen dataclass; the schema that configs are checked against while composing is derived
    from it, so each field is declared once.
    """
    if isinstance(default, dict | list):
        return field(default_factory=lambda: type(default)(default), metadata={"doc": doc})
    return field(default=default, metadata={"doc": doc})
