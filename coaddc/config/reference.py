"""The reference pages of values and fields, as Markdown.

``python -m coaddc.config.reference docs/reference`` writes them; a test holds them to what conf/ and the
dataclasses say.
"""

import sys
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Any

import yaml

from coaddc.config import keys
from coaddc.config.fields import Field, fields_of
from coaddc.config.help import written
from coaddc.config.keys import NOT_KEYS, Catalog, Value
from coaddc.config.read import describe
from coaddc.config.schema import SECTIONS, section_class
from coaddc.model.assembly import Section

_KEYS = """\
# Keys and values

<!-- Written by python -m coaddc.config.reference docs/reference: change conf/, and run that. -->

Each key is a folder of `conf/`, each value a file in it. What a file says beside its `doc` stands in the
last column; all that it does not say is at the default that [fields](fields.md) lists. `*` marks the
value that a key has where nothing is said; a key without one is then no part of the data ID. A file of
`./conf`, or of a folder given with `--config-dir`, adds a value or a key
([how](../how-to/add-a-key.md)); `coaddc --help` lists those too.
"""
_REST = """\
# Groups that are no keys

They say from what and how, or choose values of keys. No data ID holds them, but for the name of the sky map.
"""
_FIELDS = """\
# Fields

<!-- Written by python -m coaddc.config.reference docs/reference: change the dataclass, and run that. -->

The fields that the files of `conf/` may set, and `SECTION.FIELD=VALUE` on the command line. A coadd with
such an override of a key's or the survey's field is another coadd: its data ID has the key `variant`,
which names what differs. Defaults are those of coaddc; a value's file may say otherwise
([values](keys.md)).
"""
_SHARED = """\
## Every key

The fields by which a key selects. [Predicates](predicates.md) says what the expressions may hold.
"""


def keys_page(catalog: Catalog) -> str:
    """Return the page of all keys and groups, each with its values."""
    groups = [group for group in NOT_KEYS if group in catalog.groups]
    parts = [_KEYS, *(_group(k, catalog) for k in catalog.keys), _REST, *(_group(g, catalog) for g in groups)]
    return "\n".join(parts)


def fields_page() -> str:
    """Return the page of all fields, each with its type, default and meaning."""
    shared = [_row(field) for field in fields_of(Section, "KEY")]
    sections = [_section(group) for group in SECTIONS if group != "coadd_type"]
    return "\n".join([_FIELDS, _SHARED, _table(("field", "type", "default", "meaning"), shared), *sections])


def pages(catalog: Catalog) -> dict[str, str]:
    """Return each page by the name of its file."""
    return {"keys.md": keys_page(catalog), "fields.md": fields_page()}


def _group(group: str, catalog: Catalog) -> str:
    cls = section_class(group)
    meaning = "" if cls is Section or group in ("coadd_type", "suite") else f"{_first_line(cls)}\n\n"
    values = catalog.groups[group].values()
    rows = [_value(value, implied=catalog.implied.get(group) == value.name) for value in values]
    return f"## {group}\n\n{meaning}{_table(('value', 'meaning', 'its file says'), rows)}"


def _value(value: Value, *, implied: bool) -> tuple[str, ...]:
    if value.group == "survey":  # too much for a table
        said = f"[many fields](../../conf/survey/{value.file.name})"
    elif isinstance(value.content, list):
        said = _code(_flow(value.content))
    else:
        said = _code(", ".join(f"{name}: {_flow(item)}" for name, item in _said(value)))
    return f"`{value.name}`{' *' if implied else ''}", value.doc, said


def _said(value: Value) -> Iterator[tuple[str, Any]]:
    """Go through what a file says beside its doc; of a bundle, what it chooses."""
    for choice in value.choices:
        yield from ((name.removeprefix("override ").lstrip("/"), chosen) for name, chosen in choice.items())
    content = dict(value.content or {})
    for name, item in {**content, **(content.get(value.group) or {})}.items():
        if name not in ("doc", "defaults", value.group):
            yield name, item


def _flow(item: Any) -> str:
    """Write plain data as YAML in one line."""
    text = yaml.safe_dump(item, default_flow_style=True, sort_keys=False, width=10**6)
    return text.removesuffix("\n").removesuffix("\n...")


def _section(group: str) -> str:
    cls = section_class(group)
    own = {field.path for field in fields_of(Section, group)} if issubclass(cls, Section) else set()
    rows = [_row(f) for f in fields_of(cls, group) if f.path not in own and not f.path.endswith(".doc")]
    return f"## {group}\n\n{_first_line(cls)}\n\n{_table(('field', 'type', 'default', 'meaning'), rows)}"


def _row(field: Field) -> tuple[str, ...]:
    return f"`{field.path}`", describe(field.kind), _code(written(field.default)), field.doc


def _first_line(cls: type) -> str:
    return (cls.__doc__ or "").strip().partition("\n")[0]


def _code(text: str) -> str:
    return f"`{text}`" if text else ""


def _table(head: tuple[str, ...], rows: Iterable[tuple[str, ...]]) -> str:
    lines = [head, tuple("---" for _ in head), *rows]
    return "".join(f"| {' | '.join(cell.replace('|', chr(92) + '|') for cell in line)} |\n" for line in lines)


if __name__ == "__main__":
    for page, text in pages(keys.find([keys.packaged_conf()])).items():
        Path(sys.argv[1], page).write_text(text, encoding="utf-8")
