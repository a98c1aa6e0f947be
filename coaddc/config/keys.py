"""What conf/ holds: the groups on the search path, their values, and which groups are keys."""

import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any

import yaml

from coaddc.model.errors import ConfigError

#: Groups that say from what, how to run, or which choices at once: they are not part of a data ID.
NOT_KEYS = ("survey", "skymap", "engine", "store", "coadd_type", "suite")

#: Fields that restrict what is made.
AXES = ("band", "tract", "patch")

#: Names that a folder of conf/ cannot have, and why.
RESERVED = {
    **dict.fromkeys(AXES, "it is part of every data ID"),
    "variant": "it names a coadd whose fields were overridden",
    "others": "it stands for further keys in the store's template",
    "key": "it is the section of a key that has no fields of its own",
    "visit": "it is an exposure's",
    "detector": "it is an exposure's",
}

#: What YAML or Hydra read as something else than a name.
_NOT_NAMES = {"true", "false", "null", "yes", "no", "on", "off", "nan", "inf", "infinity", "y", "n"}
_NAME = re.compile(r"[A-Za-z][\w.-]*")
_KEY = re.compile(r"[A-Za-z]\w*")


@dataclass(frozen=True)
class Value:
    """One value of a group: a file of conf/.

    Attributes
    ----------
    group, name
        Folder and file, without suffix.
    file
        Where it is.
    own
        Whether it is the user's, not coaddc's.
    """

    group: str
    name: str
    file: Path
    own: bool

    @cached_property
    def content(self) -> Any:
        """The file as plain data, as it stands: nothing composed."""
        return load(self.file)

    @cached_property
    def reaches(self) -> bool:
        """Whether it may speak of other sections than its group's."""
        if not isinstance(self.content, Mapping) or "defaults" in self.content:
            return self.content is not None
        return self.packaged

    @cached_property
    def packaged(self) -> bool:
        """Whether it names a package, so that its fields are not its group's."""
        return "@package" in self.file.read_text(encoding="utf-8")

    @property
    def choices(self) -> list[Mapping[str, Any]]:
        """The entries of its defaults list that name a group and a value; none, where it cannot be read."""
        try:
            listed = self.content.get("defaults") if isinstance(self.content, Mapping) else None
        except ConfigError:
            return []
        return [entry for entry in listed or [] if isinstance(entry, Mapping)]

    @property
    def doc(self) -> str:
        """Its line of help, or nothing; that of a suite, which is a list, is its first comment."""
        try:
            return self._doc()
        except ConfigError as error:  # must not hide the help of all else
            return f"({error})"

    def _doc(self) -> str:
        if isinstance(self.content, list):
            first = self.file.read_text(encoding="utf-8").partition("\n")[0]
            return first.lstrip("# ") if first.startswith("#") else ""
        if not isinstance(self.content, Mapping):
            return ""
        inner = self.content.get(self.group)
        return str(self.content.get("doc") or (isinstance(inner, Mapping) and inner.get("doc")) or "")


@dataclass(frozen=True)
class Catalog:
    """All that can be chosen.

    Attributes
    ----------
    roots
        Folders, those that win first.
    groups
        Group to the names of its values, each with its file. In the order of the primary config, then by
        name.
    implied
        The value that each group has when nothing is said, as the packaged primary config lists them.
    found
        The keys that the primary config in force does not list: unset when nothing is said.
    primary
        The primary config in force: the user's, or coaddc's own.
    """

    roots: tuple[Path, ...]
    groups: Mapping[str, Mapping[str, Value]]
    implied: Mapping[str, str]
    found: tuple[str, ...]
    primary: Path

    @property
    def keys(self) -> tuple[str, ...]:
        """The groups that are keys of data IDs, in the order of data IDs."""
        return tuple(group for group in self.groups if group not in NOT_KEYS)

    @property
    def implied_keys(self) -> dict[str, str]:
        """Every key that has a value when nothing is said, with it."""
        return {key: self.implied[key] for key in self.keys if key in self.implied}


def load(file: Path) -> Any:
    """Read a YAML file.

    Raises
    ------
    ConfigError
        Where it is not YAML; with the line.
    """
    try:
        return yaml.load(
            file.read_text(encoding="utf-8"), Loader=getattr(yaml, "CSafeLoader", yaml.SafeLoader)
        )
    except yaml.MarkedYAMLError as error:
        mark = error.problem_mark or error.context_mark
        line = f", line {mark.line + 1}" if mark else ""
        raise ConfigError(f"{file}{line}: not YAML: {error.problem or error.context}") from error
    except (yaml.YAMLError, UnicodeDecodeError) as error:
        raise ConfigError(f"{file}: not YAML: {error}") from error


def packaged_conf() -> Path:
    """Return coaddc's own conf/: inside the package in a wheel, beside it in a checkout."""
    package = Path(__file__).resolve().parent.parent
    return next(folder for folder in (package / "conf", package.parent / "conf") if folder.is_dir())


def user_conf() -> Path | None:
    """Return ./conf, where there is one and it is not coaddc's own."""
    folder = Path.cwd() / "conf"
    return folder if folder.is_dir() and not folder.samefile(packaged_conf()) else None


def search_path(further: Sequence[Path] = ()) -> tuple[Path, ...]:
    """Return the folders in which values are looked for: ./conf, coaddc's own, then any further ones."""
    user = user_conf()
    return (*((user,) if user else ()), packaged_conf(), *further)


def find(roots: Iterable[Path] | None = None) -> Catalog:
    """Look through folders for groups and their values; of two files for one value the first counts.

    Parameters
    ----------
    roots
        Those of `search_path`, where none are given.

    Raises
    ------
    ConfigError
        Where a folder or file has a name that cannot be a key or a value.
    """
    roots = tuple(search_path() if roots is None else roots)
    found: dict[str, dict[str, Value]] = {}
    for root in roots:
        for folder in sorted(path for path in root.iterdir() if path.is_dir()):
            values = list(_values(folder, own=root != packaged_conf()))
            for value in values:
                found.setdefault(folder.name, {}).setdefault(value.name, value)
    implied = listed(packaged_conf() / "config.yaml")
    order = [*implied, *sorted(found.keys() - implied.keys())]
    groups = {group: dict(sorted(found[group].items(), key=_natural)) for group in order if group in found}
    primary = next(file for root in roots if (file := root / "config.yaml").is_file())
    return Catalog(
        roots=roots,
        groups=groups,
        implied={group: value for group, value in implied.items() if value is not None},
        found=tuple(sorted(groups.keys() - listed(primary).keys() - set(NOT_KEYS))),
        primary=primary,
    )


def listed(primary: Path) -> dict[str, str | None]:
    """Return the groups that the defaults list of a primary config names, each with its default value."""
    content = load(primary)
    defaults = content.get("defaults") if isinstance(content, Mapping) else None
    if not isinstance(defaults, list) or "schema" not in defaults or "found_keys" not in defaults:
        raise ConfigError(
            f"{primary} stands in for coaddc's own config.yaml, but its defaults do not list 'schema' and "
            "'found_keys': rename it, or begin with a copy of coaddc's"
        )
    groups: dict[str, str | None] = {}
    for entry in defaults:
        if isinstance(entry, Mapping):
            groups |= {key: value for key, value in entry.items() if not key.startswith("override ")}
    return groups


def _values(folder: Path, *, own: bool) -> Iterable[Value]:
    """Go through the files of one folder; a folder without YAML is nothing to us."""
    files = sorted(folder.glob("*.yaml"))
    if folder.name == "hydra" or folder.name[0] in "._":
        return
    if wrong := sorted(folder.glob("*.yml")):
        raise ConfigError(f"{wrong[0]}: only .yaml is read; rename it to {wrong[0].stem}.yaml")
    if files:
        _check_key(folder)
    for file in files:
        _check_name(file)
        yield Value(folder.name, file.stem, file, own)


def _check_key(folder: Path) -> None:
    if folder.name in RESERVED:
        raise ConfigError(f"{folder}: {folder.name!r} cannot be a key: {RESERVED[folder.name]}")
    if not _KEY.fullmatch(folder.name):
        raise ConfigError(f"{folder}: a key begins with a letter and has only letters, digits and _")


def _check_name(file: Path) -> None:
    if not _NAME.fullmatch(file.stem) or file.stem.lower() in _NOT_NAMES:
        raise ConfigError(
            f"{file}: {file.stem!r} cannot be the name of a value: it must begin with a letter, have only "
            "letters, digits, '_', '-' and '.', and not read as a number, true, false or null"
        )


def _natural(item: tuple[str, Any]) -> tuple[Any, ...]:
    """Sort y2 before y10."""
    return tuple((int(part), "") if part.isdigit() else (-1, part) for part in re.split(r"(\d+)", item[0]))
