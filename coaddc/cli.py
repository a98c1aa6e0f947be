"""The command line: ``coaddc key=value,value ...`` builds, ``coaddc VERB ...`` tells."""

from __future__ import annotations

import os
import sys
from collections.abc import Callable, Sequence
from pathlib import Path

#: Languages in which a graph can be written.
GRAPHS = ("mermaid", "dot")


def main(argv: Sequence[str] | None = None) -> int:
    """Run the command line; return the exit status."""
    for library in ("OPENBLAS", "MKL"):  # its threads would wait, busily, for ours
        os.environ.setdefault(f"{library}_NUM_THREADS", "1")
    words = list(sys.argv[1:] if argv is None else argv)
    if words and "=" not in words[0] and not words[0].startswith(("-", "+", "~")):
        return _verb(words[0], words[1:])
    return _compose(words)


def _compose(words: Sequence[str]) -> int:
    from coaddc.config.app import run
    from coaddc.model.suite import Suite

    def act(suite: Suite) -> bool:
        from coaddc.build import build

        return build(suite)

    return run(act, words)


def _plan(words: Sequence[str]) -> int:
    from coaddc.config.app import run
    from coaddc.model.suite import Suite

    left, form, passes = _plan_flags(words)

    def act(suite: Suite) -> bool:
        from coaddc.tell import View, show_plan

        return show_plan(suite, View(form, passes))

    return run(act, left)


def _plan_flags(words: Sequence[str]) -> tuple[list[str], str, bool]:
    """Part the words of a plan: those that compose, the form that it is shown in, whether its passes are.

    Raises
    ------
    ConfigError
        Where a form is none, or there are two.
    """
    from coaddc.model.errors import ConfigError, near

    left, forms, passes, rest = [], [], False, iter(words)
    for word in rest:
        flag, equals, value = word.partition("=")
        if word == "--json":
            forms.append("json")
        elif flag == "--graph":
            forms.append(value if equals else next(rest, ""))
            if forms[-1] not in GRAPHS:
                raise ConfigError(f"{flag}={forms[-1]}: no such graph{near(forms[-1], GRAPHS)}")
        elif word == "--passes":
            passes = True
        else:
            left.append(word)
    if len(forms) > 1:
        raise ConfigError(f"{' and '.join(forms)}: one form of a plan at a time")
    return left, forms[0] if forms else "table", passes


def _verb(verb: str, words: Sequence[str]) -> int:
    from coaddc.model.errors import CoaddcError, near

    if verb == "help":
        return _compose(["--help"])
    if verb not in VERBS:
        print(f"coaddc: no verb {verb!r}{near(verb, VERBS)}; a choice is written key=value", file=sys.stderr)
        return 2
    try:
        return VERBS[verb](words)
    except CoaddcError as error:
        print(f"coaddc {verb}: {error}", file=sys.stderr)
        return 1


def _root(words: Sequence[str]) -> tuple[str, dict[str, str]]:
    """Part the words into the root of a store and a data ID."""
    from coaddc.model.errors import ConfigError

    roots = [word for word in words if "=" not in word]
    if len(roots) > 1:
        raise ConfigError(f"expected one folder of a store, and key=value; got {' '.join(roots)}")
    pairs = (word.split("=", 1) for word in words if "=" in word)
    return (roots[0] if roots else "coadds"), {key: value.strip("\"'") for key, value in pairs}


def _ls(words: Sequence[str]) -> int:
    from coaddc.store.butler import Butler

    root, data_id = _root(words)
    table = Butler(root).query(**data_id)
    print("\n".join(table.pformat(max_lines=-1, max_width=-1)) if len(table) else "no products")
    return 0


def _explain(words: Sequence[str]) -> int:
    from coaddc.config.app import run
    from coaddc.explain import explain_one, explain_two
    from coaddc.model.errors import ConfigError

    quoted = [word for word in words if "=" in word and len(word.split()) > 1]
    root, loose = _root([word for word in words if word not in quoted])
    wanted = [*([loose] if loose else []), *(_root(text.split())[1] for text in quoted)]
    if not 1 <= len(wanted) <= 2:
        raise ConfigError(
            'expected: coaddc explain [ROOT] KEY=VALUE..., or two data IDs, "key=value ..." each'
        )
    if len(wanted) == 1:
        explain_one(root, wanted[0], run)
    else:
        explain_two(root, *wanted)
    return 0


def _show(words: Sequence[str]) -> int:
    from coaddc.store.butler import Butler

    root, data_id = _root(words)
    butler = Butler(root)
    folder = Path(butler.uri("coadd", **data_id)).resolve()
    folder = folder if folder.is_dir() else folder.parent
    print(folder)
    print((folder / "provenance.json").read_text())
    print((folder / "config.yaml").read_text())
    return 0


def _diff(words: Sequence[str]) -> int:
    from coaddc.model.errors import ConfigError
    from coaddc.store.butler import Butler
    from coaddc.store.status import config_diff

    if len(words) != 3:
        raise ConfigError('expected: coaddc diff ROOT "key=value ..." "key=value ..."')
    butler = Butler(words[0])
    first, second = (butler.get("coadd.config", **_root(text.split())[1]) for text in words[1:])
    print(config_diff(first, second, words[1], words[2]) or "no difference")
    return 0


def _template(words: Sequence[str]) -> int:
    from coaddc.model.errors import ConfigError
    from coaddc.store.butler import Butler
    from coaddc.template import Sight, make_template

    root, data_id = _root(words)
    file = Path(data_id.pop("file", "template.fits"))
    try:
        sight = {name: float(data_id.pop(name)) for name in ("airmass", "parallactic_angle")}
    except (KeyError, ValueError) as error:
        raise ConfigError(f"airmass=NUMBER parallactic_angle=DEGREES are both needed: {error}") from error
    if file.exists():
        raise ConfigError(f"file={file}: is there already, and nothing is overwritten")
    make_template(Butler(root), Sight(**sight), file, **data_id)
    print(file)
    return 0


VERBS: dict[str, Callable[[Sequence[str]], int]] = {
    "plan": _plan,
    "ls": _ls,
    "show": _show,
    "explain": _explain,
    "diff": _diff,
    "template": _template,
}
