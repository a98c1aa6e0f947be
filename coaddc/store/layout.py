"""Where a product lies: from its data ID to a path, by a template."""

from __future__ import annotations

import string
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from functools import cached_property, lru_cache
from urllib.parse import quote

from coaddc.model.digest import digest
from coaddc.model.errors import ConfigError, PlanError, near
from coaddc.model.product import PLACE_KEYS, DataId, Product

#: The field of a template that stands for all keys which it does not name.
OTHERS = "others"
#: The key that tells overridden products apart; last in every path.
VARIANT = "variant"
#: What a store has at its root for itself.
RESERVED = ("objects", "scratch", "skymaps", "store.json", "index.sqlite3", "lock", "runs")
#: Characters that values keep in paths, besides letters, digits and ``_.-~``.
_SAFE = ",+@^():"
#: Stands for the patch in a path that is otherwise that of many products; no value has it.
_BLANK = "\0"
#: Bytes of a value in a path; file systems allow 255 in a name.
_LONGEST = 160


@lru_cache(maxsize=65536)
def encode(value: str) -> str:
    """Return a value as a part of a path, percent-encoded as in Hive partitions.

    Different values stay different, whatever is in them: a long one is cut and ends in its digest, one that
    begins with a dot would be hidden, or be the folder itself.
    """
    text = quote(value, safe=_SAFE)
    if text.startswith("."):
        text = "%2E" + text[1:]
    if len(text) > _LONGEST:
        text = text[:_LONGEST].rpartition("%")[0] if "%" in text[_LONGEST - 2 : _LONGEST] else text[:_LONGEST]
        text += "~" + digest(value)[:16]
    return text


@dataclass(frozen=True)
class Layout:
    """A template for paths, with the defaults that leave a key out of them.

    Attributes
    ----------
    template
        Path below the root of the store. ``{key}`` is the value of a key, ``{others}`` is ``key=value/`` of
        every key which the template does not name and which is not at its default. Where it ends in
        ``.fits`` it is the path of the coadd's file, otherwise that of its folder.
    implied
        Key to default value, in the order that paths have.

    Raises
    ------
    ConfigError
        Where the template is no path below the root, or malformed.
    """

    template: str
    implied: Mapping[str, str]

    def __post_init__(self) -> None:
        _ = self._parts

    @cached_property
    def _parts(self) -> tuple[tuple[str, str | None], ...]:
        return tuple(_parse(self.template))

    @cached_property
    def fields(self) -> frozenset[str]:
        """The keys that the template names, and ``others`` where it has it."""
        return frozenset(name for _, name in self._parts if name is not None)

    @property
    def is_file(self) -> bool:
        """Whether a path is that of the coadd's file, not of a folder."""
        return self.template.endswith(".fits")

    def path(self, data_id: DataId) -> str:
        """Return where a product of this data ID lies, relative to the root.

        Raises
        ------
        ConfigError
            Where the template names a key that the data ID has not, or a value is empty.
        """
        blank = {**data_id, "patch": _BLANK}
        name = (*blank, *blank.values())
        pieces = self._pieces.get(name)
        if pieces is None:
            text = "".join([literal + self._text(key, blank) for literal, key in self._parts])
            whole = "/".join(filter(None, text.split("/")))
            pieces = self._pieces[name] = whole.split(encode(_BLANK))
        return _value("patch", data_id["patch"]).join(pieces)

    @cached_property
    def _pieces(self) -> dict[tuple[str | int, ...], list[str]]:
        """Paths in the pieces that the patch stands between, of what was asked for: patches are many."""
        return {}

    def _text(self, name: str | None, data_id: DataId) -> str:
        if name is None:
            return ""
        if name == OTHERS:
            return "".join([f"{encode(key)}={_value(key, data_id[key])}/" for key in self._others(data_id)])
        if name in data_id:
            return _value(name, data_id[name])
        if name in self.implied:
            return _value(name, self.implied[name])
        known = {*PLACE_KEYS, *self.implied, *data_id, OTHERS}
        raise ConfigError(
            f"store.template={self.template}: there is no key {name!r}, or it is not set in "
            + " ".join(f"{key}={value}" for key, value in data_id.items() if value != _BLANK)
            + near(name, known)
        )

    def _others(self, data_id: DataId) -> list[str]:
        fields, implied = self.fields, self.implied
        names = [key for key in data_id if key not in fields and str(data_id[key]) != implied.get(key)]
        return sorted(names, key=self._order)

    def _order(self, key: str) -> tuple[bool, int, str]:
        names = [*PLACE_KEYS, *self.implied]
        return key == VARIANT, names.index(key) if key in names else len(names), key

    def filled(self, data_id: DataId) -> dict[str, str]:
        """Return a data ID with the defaults of the keys that it leaves off, as text: for comparison."""
        return {**self.implied, **{key: str(value) for key, value in data_id.items()}}

    def check(self, products: Iterable[Product]) -> None:
        """Refuse products that would lie at the same path.

        Raises
        ------
        PlanError
            Where two do; it names both, and the key that the template lacks or what else tells them apart.
        """
        taken: dict[str, Product] = {}
        for product in products:
            path = self.path(product.data_id)
            other = taken.setdefault(path, product)
            if other is not product and (other.data_id, other.digest) != (product.data_id, product.digest):
                self._refuse(path, other, product)

    def _refuse(self, path: str, one: Product, two: Product) -> None:
        lacking = self.lacking(one.data_id, two.data_id)
        if lacking:
            raise PlanError(
                f"{one.name}\nand {two.name}\nwould both lie at {path}: store.template={self.template} "
                f"lacks {' '.join(f'{{{key}}}' for key in lacking)}; add it, or {{{OTHERS}}}"
            )
        if one.digest != two.digest:
            raise PlanError(
                f"{one.name} is asked for twice, as different coadds: by {' '.join(one.overrides)!r} and by "
                f"{' '.join(two.overrides)!r}. What differs is no key of its data ID: make it one, or use "
                "two stores"
            )

    def lacking(self, one: DataId, two: DataId) -> list[str]:
        """Return the keys in which two data IDs differ, defaults filled in."""
        a, b = self.filled(one), self.filled(two)
        return [key for key in {**a, **b} if a.get(key) != b.get(key)]


def _value(key: str, value: str | int) -> str:
    if str(value) == "":
        raise ConfigError(f"{key} has an empty value, which no path can show")
    return encode(str(value))


def _parse(template: str) -> Iterable[tuple[str, str | None]]:
    try:
        parts = list(string.Formatter().parse(template))
    except ValueError as error:
        raise ConfigError(f"store.template={template}: {error}") from error
    segments = template.split("/")
    if not template or template.startswith("/") or {"..", "."} & set(segments) or segments[0] in RESERVED:
        raise ConfigError(
            f"store.template={template}: expected a path below the root of the store, "
            f"which does not begin with any of {', '.join(RESERVED)}"
        )
    for _, name, spec, conversion in parts:
        if spec or conversion or name == "":
            raise ConfigError(
                f"store.template={template}: expected fields such as {{band}}, without a format"
            )
    return [(literal, name) for literal, name, _, _ in parts]
