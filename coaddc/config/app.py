"""The command: words in, a suite out, everything refused that makes no sense.

Hydra is imported when there is something to compose, so that help comes at once.
"""

import os
import sys
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager

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
    import hydra

    from coaddc.config import launcher, messages
    from coaddc.config.words import checked

    words, options = flags.split(argv)
    if not flags.completes(options):
        words = checked(words, catalog)
        flags.check(options, words)
    main = hydra.main(str(keys.packaged_conf()), "config", version_base="1.3")
    full_error = os.environ.get(_RAISE) == "1"
    try:
        with _command_line([*words, *options]):
            main(launcher.Task(build))()
    except launcher.Unfinished:
        return 1
    except SystemExit as stop:
        return int(bool(stop.code))
    except messages.EXPLAINED as error:
        if full_error:
            raise
        return _say(messages.explain(error, catalog))
    return 0


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
