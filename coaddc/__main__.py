"""``python -m coaddc``, and the command ``coaddc``."""

import atexit
import os
import sys
import threading
from typing import Any, NoReturn

from coaddc.cli import main


def command() -> NoReturn:
    """Run the command line, and end the process.

    What is registered for the end of a process is done, and what was written is flushed. Then the process is
    left at once: to take apart its modules and objects one by one takes longer than many a command.
    """
    status = main()
    if _alone():
        atexit._run_exitfuncs()
        try:
            for stream in filter(None, (sys.stdout, sys.stderr)):
                stream.flush()
        except OSError:  # nobody reads any more: Python has its own way to say so
            sys.exit(status)
        os._exit(status)
    sys.exit(status)


def _alone() -> bool:
    """Say whether nothing but the command is left: no thread, debugger, profiler or interactive session."""
    monitoring: Any = getattr(sys, "monitoring", None)  # of Python 3.12, where profilers are
    watched = monitoring is not None and any(map(monitoring.get_tool, range(6)))
    watched = watched or sys.gettrace() is not None or sys.getprofile() is not None
    return not watched and threading.active_count() == 1 and not sys.flags.inspect


if __name__ == "__main__":
    command()
