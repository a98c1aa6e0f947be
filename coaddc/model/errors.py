"""What can go wrong, one class a layer; a message names the file, the key or the field, and what is near."""

from collections.abc import Iterable
from difflib import get_close_matches


class CoaddcError(Exception):
    """Anything that coaddc refuses or cannot do; shown to users without a traceback."""


class ConfigError(CoaddcError):
    """A choice, a field or a predicate that makes no sense."""


class PlanError(CoaddcError):
    """Choices that make sense one by one but not together, or not with these exposures."""


class DataError(CoaddcError):
    """An input file that cannot be used."""


class StoreError(CoaddcError):
    """A product that cannot be found, or that would clobber another."""


def near(name: str, known: Iterable[str]) -> str:
    """Say which of the known names come near, as the end of a message.

    Examples
    --------
    >>> near("seing", ["seeing", "airmass"])
    "; did you mean 'seeing'? (there are: airmass, seeing)"
    """
    names = sorted(known)
    close = get_close_matches(name, names, n=3, cutoff=0.6)
    hint = f"; did you mean {' or '.join(map(repr, close))}?" if close else ""
    return f"{hint} (there are: {', '.join(names) or 'none'})"
