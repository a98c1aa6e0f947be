"""From the words of a command line to the words of each of its jobs: sweeps multiplied, suites united."""

from collections.abc import Iterable, Iterator, Sequence
from itertools import product
from typing import Any

from hydra.core.override_parser.types import Override

from coaddc.config.keys import AXES, Catalog, Value
from coaddc.config.words import candidates, checked, parse
from coaddc.model.errors import ConfigError

#: The overrides of one job.
Words = tuple[str, ...]


def jobs(words: Sequence[str], catalog: Catalog, suite: str | None = None) -> list[Words]:
    """Return the jobs that a command line asks for, each once.

    Parameters
    ----------
    words
        Overrides, Hydra's own apart, as `checked`.
    catalog
        What there is to choose from.
    suite
        The suite that the primary config names, where the words name none.

    Raises
    ------
    ConfigError
        Where the file of a suite is at fault.
    """
    overrides = parse(words)
    said = [override for override in overrides if override.key_or_group == "suite"]
    if said:
        suites = [] if said[-1].is_delete() else candidates(said[-1], catalog)
    else:
        suites = [suite] if suite else []
    rest = [override for override in overrides if override.key_or_group != "suite"]
    sweeps = [sweep for name in suites for sweep in _sweeps(catalog.groups["suite"][name], catalog)]
    found: dict[Words, None] = {}
    for sweep in sweeps or [[]]:
        merged = {_name(override): override for override in (*sweep, *rest)}  # the command line wins
        found |= dict.fromkeys(product(*(_spread(override, catalog) for override in merged.values())))
    return list(found)


def _name(override: Override) -> str:
    return str(override.get_key_element()).lstrip("+~")


def _spread(override: Override, catalog: Catalog) -> list[str]:
    """Return the words that one override stands for."""
    if not override.is_sweep_override():
        return [str(override.input_line)]
    if override.key_or_group in AXES:
        return [_folded(override)]
    key = override.get_key_element()
    return [f"{key}={text}" for text in _texts(override, catalog)]


def _texts(override: Override, catalog: Catalog) -> Iterable[str]:
    if hasattr(override.value(), "filter"):
        return candidates(override, catalog)
    return override.sweep_string_iterator()


def _folded(override: Override) -> str:
    """Write a sweep of bands, tracts or patches as a list: it is composed once, and expanded by the plan."""
    texts = [text[1:-1] if text.startswith("[") else text for text in override.sweep_string_iterator()]
    return f"{override.key_or_group}=[{','.join(texts)}]"


def _sweeps(value: Value, catalog: Catalog) -> Iterator[list[Override]]:
    """Go through the sweeps of a suite."""
    items = value.content
    if not isinstance(items, list) or not all(isinstance(i, dict) and "suite" not in i for i in items):
        raise ConfigError(
            f"{value.file}: a suite is a list of sweeps, each a mapping like {{warp: 'a,b'}} without suite"
        )
    for number, item in enumerate(items, 1):
        words = [f"{key}={_text(text)}" for key, text in item.items()]
        try:
            yield parse(checked(words, catalog))
        except ConfigError as error:
            raise ConfigError(f"{value.file}, sweep {number}: {error}") from error


def _text(value: Any) -> str:
    """Write what YAML read as Hydra would read it again; text stays as it is, so that commas sweep."""
    if value is None or isinstance(value, bool):
        return {None: "null", True: "true", False: "false"}[value]
    if isinstance(value, list):
        return f"[{','.join(map(_text, value))}]"
    if isinstance(value, dict):
        return "{" + ",".join(f"{key}:{_text(item)}" for key, item in value.items()) + "}"
    return str(value)
