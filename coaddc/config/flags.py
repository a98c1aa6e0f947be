"""The flags of the command line: Hydra's, of which some cannot be meant here."""

from collections.abc import Sequence
from pathlib import Path

from coaddc.config import keys
from coaddc.model.errors import ConfigError

#: A comma always sweeps, so these say no more than what is done anyway.
_MULTIRUN = ("-m", "--multirun")
#: Those that show something instead of running.
_SHOW = ("--cfg", "-c", "--info", "-i")
#: Those that take the word after them.
_WITH_ARGUMENT = (*_SHOW, "--package", "-p", "--config-dir", "-cd")
#: Those that would take conf/ away.
_REFUSED = ("--config-path", "-cp", "--config-name", "-cn", "--experimental-rerun")


def catalog_for(argv: Sequence[str]) -> keys.Catalog:
    """Look for values on the search path of a command line, ``--config-dir`` included.

    Raises
    ------
    ConfigError
        Where that folder is not there, or something in conf/ has a name it cannot have.
    """
    further = []
    for word, following in zip(argv, [*argv, ""][1:], strict=True):
        if word in ("--config-dir", "-cd"):
            further.append(Path(following))
        elif word.startswith("--config-dir="):
            further.append(Path(word.partition("=")[2]))
    for folder in further:
        if not folder.is_dir():
            raise ConfigError(f"--config-dir {folder}: no such folder")
    return keys.find(keys.search_path([folder.resolve() for folder in further]))


def split(argv: Sequence[str]) -> tuple[list[str], list[str]]:
    """Part overrides from flags, each with its argument; both may stand anywhere.

    Returns
    -------
    words, flags
        ``-m`` is among the words: it says in which mode Hydra runs, whatever the primary config says.
    """
    words: list[str] = []
    flags: list[str] = []
    left = iter(argv)
    for word in left:
        if word.split("=")[0] in _REFUSED:
            raise ConfigError(f"{word}: the primary config is ./conf/config.yaml, or else coaddc's own")
        if word in _MULTIRUN:
            words.append("hydra.mode=MULTIRUN")
        elif word.startswith("-"):
            flags += [word, *([next(left, "")] if word in _WITH_ARGUMENT else [])]
        else:
            words.append(word)
    return words, flags


def completes(flags: Sequence[str]) -> bool:
    """Tell whether the words are for the shell's completion, and no overrides."""
    return "-sc" in flags or "--shell-completion" in flags


def sweeps(words: Sequence[str], catalog: keys.Catalog) -> bool:
    """Tell whether Hydra is to sweep, as ``hydra.mode`` says: the last word on it, or the primary config."""
    said = [word.partition("=")[2] for word in words if word.startswith("hydra.mode=")]
    hydra = keys.load(catalog.primary).get("hydra") or {}
    return (said[-1] if said else str(hydra.get("mode"))) == "MULTIRUN"


def check(flags: Sequence[str], words: Sequence[str]) -> None:
    """Refuse flags that do not go together.

    Raises
    ------
    ConfigError
        Where one job is to be shown, but two are asked for.
    """
    from coaddc.config.words import parse

    shown = [flag for flag in flags if flag.split("=")[0] in _SHOW]
    if len(shown) > 1:
        raise ConfigError(f"{' '.join(shown)}: one of them at a time")
    if "--resolve" in flags and not shown:
        raise ConfigError("--resolve: only with --cfg")
    if shown and any(override.is_sweep_override() for override in parse(words)):
        raise ConfigError(f"{shown[0]} shows one job, not a sweep: give each key one value")
