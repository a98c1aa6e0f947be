"""The command: words in, a suite out, everything refused that makes no sense.

Hydra is imported when there is something to compose, so that help comes at once.
"""

import os
import sys
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from typing import Any

from coaddc.config import flags, keys
from coaddc.config.help import help_text
from coaddc.model.errors import CoaddcError
from coaddc.model.suite import Suite

#: Variable of the environment by which Hydra raises its errors instead of printing them.
_RAISE = "HYDRA_FULL_ERROR"


def run(build: Callable[[Suite], bool], argv: Sequence[str]) -> int:
    """Compose a command line and have the suite built that it asks for.

    Parameters
    ----------
    build
        Makes a suite (or plans it); returns whether all its coadds stand.
    argv
        Words of the command line, without the name of the program.

    Returns
    -------
    status
        0 where all stands, else 1. What is refused is said on stderr, and leaves no file.
    """
    try:
        if "--help" in argv or "-h" in argv:
            sys.stdout.write(help_text(flags.catalog_for(argv)))
            return 0
        return _compose_and_build(build, argv)
    except CoaddcError as error:
        return _say(str(error))


def _compose_and_build(build: Callable[[Suite], bool], argv: Sequence[str]) -> int:
    catalog = flags.catalog_for(argv)
    from coaddc.config import launcher, messages
    from coaddc.config.words import checked

    words, options = flags.split(argv)
    if not flags.completes(options):
        words = checked(words, catalog)
        flags.check(options, words)
    full_error = os.environ.get(_RAISE) == "1"
    try:
        if options or not flags.sweeps(words, catalog):
            _hydra_main(launcher.Task(build), [*words, *options])
        else:
            _multirun(launcher.Task(build), words)
    except launcher.Unfinished:
        return 1
    except SystemExit as stop:
        return int(bool(stop.code))
    except messages.EXPLAINED as error:
        if full_error:
            raise
        return _say(messages.explain(error, catalog))
    return 0


def _multirun(task: Callable[[Any], None], words: list[str]) -> None:
    """Do what `hydra.main` comes to, where the mode is known: without composing all once to learn it."""
    from hydra import initialize_config_dir
    from hydra.core.global_hydra import GlobalHydra

    with initialize_config_dir(str(keys.packaged_conf()), job_name="coaddc", version_base="1.3"):
        GlobalHydra.instance().hydra.multirun(config_name="config", task_function=task, overrides=words)


def _hydra_main(task: Callable[[Any], None], words: Sequence[str]) -> None:
    """Have Hydra do what its flags say."""
    import hydra

    with _command_line(words):
        hydra.main(str(keys.packaged_conf()), "config", version_base="1.3")(task)()


def _say(message: str) -> int:
    sys.stderr.write(f"coaddc: {message}\n")
    return 1


@contextmanager
def _command_line(words: Sequence[str]) -> Iterator[None]:
    """Let Hydra, which reads the command line of the process, read these words, and raise its errors."""
    argv, raised = sys.argv, os.environ.get(_RAISE)
    sys.argv, os.environ[_RAISE] = ["coaddc", *words], "1"
    try:
        yield
    finally:
        sys.argv = argv
        if raised is None:
            del os.environ[_RAISE]
        else:
            os.environ[_RAISE] = raised
