"""``coaddc explain``: why a product exists, whether it is stale, and how it differs from another."""

from __future__ import annotations

import io
import shlex
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import redirect_stderr
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from rich.console import Console

from coaddc.build import compile_parts, open_store
from coaddc.engine.report import terminal
from coaddc.model.errors import CoaddcError
from coaddc.model.suite import Suite
from coaddc.plan.why import compare_inputs, some, why_outdated
from coaddc.store.butler import Butler
from coaddc.store.objects import read_config
from coaddc.store.provenance import read_provenance

#: Composes words, and has something done with the suite that they are; returns an exit status.
Compose = Callable[[Callable[[Suite], bool], Sequence[str]], int]
#: Words that say where a product lies; they are said anew.
_PLACE = frozenset({"band", "tract", "patch", "store.root"})


@dataclass(frozen=True)
class Found:
    """A product of a store, with what lies beside it."""

    path: Path
    versions: int
    provenance: Mapping[str, Any]
    config: Mapping[str, Any]

    @classmethod
    def of(cls, root: str, data_id: Mapping[str, str]) -> Found:
        """Find a product.

        Raises
        ------
        StoreError
            Where there is none, or more than one fits.
        """
        butler = Butler(root)
        path = butler.uri("coadd", data_id)
        folder = path.resolve().parent
        versions = len(butler.versions("coadd", data_id))
        return cls(path, versions, read_provenance(folder), read_config(folder))

    @property
    def data_id(self) -> Mapping[str, Any]:
        """Its data ID, every key that is set."""
        known: Mapping[str, Any] = self.provenance["data_id"]
        return known

    @property
    def name(self) -> str:
        """Its data ID in one line."""
        return _named(self.data_id)


def explain_one(root: str, data_id: Mapping[str, str], compose: Compose) -> None:
    """Print why a product exists, what went into it, and whether it is what its words ask for now."""
    found = Found.of(root, data_id)
    lines = [found.name, *_made(found), "", "choices", *_choices(found), "", "inputs", *_inputs(found)]
    _print([*lines, "", "now", *(f"  {line}" for line in _now(root, found, compose))])


def explain_two(root: str, one: Mapping[str, str], two: Mapping[str, str]) -> None:
    """Print how two products differ: in their config, their exposures, and the versions that made them."""
    first, second = Found.of(root, one), Found.of(root, two)
    lines = [f"1: {first.name}", *_made(first), f"2: {second.name}", *_made(second)]
    lines += ["", "config", *(f"  {line}" for line in _other_config(first, second))]
    lines += ["", "inputs", *(f"  {line}" for line in _other_inputs(first, second))]
    lines += ["", "versions", *(f"  {line}" for line in _other_versions(first, second))]
    _print(lines)


def _print(lines: Sequence[str]) -> None:
    terminal().print("\n".join(lines), markup=False, highlight=False, soft_wrap=True)


def _named(data_id: Mapping[str, Any]) -> str:
    return " ".join(f"{key}={value}" for key, value in data_id.items())


def _made(found: Found) -> Iterator[str]:
    made = found.provenance
    several = f", the newest of {found.versions} versions" if found.versions > 1 else ""
    yield f"  {found.path}{several}"
    yield f"  made {made.get('published', 'at an unknown time')} by: {_command(made.get('command', ()))}"


def _command(argv: Sequence[str]) -> str:
    """Write the command as it was given, whatever the path of the program."""
    return shlex.join(["coaddc", *argv[1:]]) if argv else "an unknown command"


def _choices(found: Found) -> Iterator[str]:
    """Tell each key's value and what it means, and the words that were said."""
    keys = [key for key in found.data_id if isinstance(found.config.get(key), Mapping)]
    names = [f"{key}={found.data_id[key]}" for key in keys if key != "skymap"]
    width = max(map(len, names), default=0)
    for name in names:
        doc = found.config[name.partition("=")[0]].get("doc") or ""
        yield f"  {name:<{width}}  {doc}".rstrip()
    if "variant" in found.data_id:
        yield f"  variant: fields of its own: {found.data_id['variant']}"
    words = found.provenance.get("overrides", ())
    yield f"  said: {shlex.join(words)}" if words else "  said: nothing; all at its default"


def _inputs(found: Found) -> Iterator[str]:
    inputs = found.provenance.get("inputs", ())
    visits = sorted({item["visit"] for item in inputs})
    yield f"  {len(inputs)} exposures of {len(visits)} visits: {some([str(visit) for visit in visits], 12)}"


def _now(root: str, found: Found, compose: Compose) -> list[str]:
    """Compose the words of a product afresh, and say how what they ask for stands to it."""
    told: list[str] = []

    def look(suite: Suite) -> bool:
        told.extend(_compared(suite, found))
        return True

    refused = io.StringIO()
    with redirect_stderr(refused):
        compose(look, _words(root, found))
    if told:
        return told
    return ["its words cannot be composed any more:", *refused.getvalue().strip().splitlines()]


def _words(root: str, found: Found) -> list[str]:
    """Return the words that ask for a product: those that were said, here."""
    said = [word for word in found.provenance.get("overrides", ()) if word.split("=")[0] not in _PLACE]
    place = {key: found.data_id[key] for key in ("band", "tract", "patch")}
    return [
        *said,
        f"band='{place['band']}'",
        f"tract={place['tract']}",
        f'patch="{place["patch"]}"',
        f"store.root='{root}'",
    ]


def _compared(suite: Suite, found: Found) -> list[str]:
    try:
        parts = compile_parts(suite, open_store(suite), Console(stderr=True))
    except CoaddcError as error:
        return ["stale: what its words ask for now is refused:", *str(error).splitlines()]
    for plan in (part.plan for part in parts):
        if any(product.name == found.name for product in plan.current):
            return ["up to date: the same words make the same product"]
        for target in (target for unit in plan.units for target in unit.targets):
            if target.product.name == found.name:
                return ["stale: a new version would be made", *why_outdated(target, found.provenance)]
        for request in plan.empty:
            if request.name == found.name:
                return ["stale: no exposures are left for it", *request.notes]
    names = [request.name for part in parts for request in part.plan.requests]
    return ["stale: the same words ask for another product:", *(names or ["none"])]


def _other_config(first: Found, second: Found) -> Iterator[str]:
    one, two = (dict(_fields(found.config)) for found in (first, second))
    names = [name for name in dict.fromkeys((*one, *two)) if one.get(name) != two.get(name)]
    for name in names:
        yield f"{name}: {one.get(name, 'not there')} and {two.get(name, 'not there')}"
    if not names:
        yield "the same"


def _fields(config: Mapping[str, Any], above: str = "") -> Iterator[tuple[str, Any]]:
    """Go through the fields of a config, those of sections within it by their path; docs are left out."""
    for name, value in config.items():
        if isinstance(value, Mapping):
            yield from _fields(value, f"{above}{name}.")
        elif name != "doc":
            yield above + str(name), value


def _other_inputs(first: Found, second: Found) -> Iterator[str]:
    one, two = (found.provenance.get("inputs", ()) for found in (first, second))
    differ = compare_inputs(one, two)
    parts = ((differ.lost, "in 1 only"), (differ.new, "in 2 only"), (differ.other, "with other content"))
    yield f"{len(one)} and {len(two)} exposures"
    for names, what in parts:
        if names:
            yield f"{len(names)} {what}: {some(names)}"
    weights = [{(i["visit"], i["detector"]): i.get("weight") for i in inputs} for inputs in (one, two)]
    reweighed = [key for key in weights[0] if key in weights[1] and weights[0][key] != weights[1][key]]
    if reweighed:
        yield f"{len(reweighed)} of those in both with another weight"
    elif not any(names for names, _ in parts):
        yield "the same exposures with the same weights"


def _other_versions(first: Found, second: Found) -> Iterator[str]:
    same = True
    for what in ("ops", "versions"):
        one, two = (found.provenance.get(what, {}) for found in (first, second))
        for name in dict.fromkeys((*one, *two)):
            if one.get(name) != two.get(name):
                same = False
                yield f"{name}: {one.get(name, 'none')} and {two.get(name, 'none')}"
    if same:
        yield "the same ops and packages"
