"""How the command leaves its process."""

import os
import subprocess
import sys

import pytest

#: A command that says something, in a process that says so when it is left at once.
BEGINNING = """
import atexit, os, sys, threading, time
import coaddc.__main__ as command

def leave(status, leave=os._exit):
    print("left at once", flush=True)
    leave(status)

os._exit = leave
atexit.register(print, "registered")

def main():
    sys.stdout.write("said, ")
    return 3

command.main = main
"""


BUFFERED = {**os.environ, "PYTHONUNBUFFERED": ""}


def left(middle: str = "") -> list[str]:
    """Return what a process says that runs the command, and its exit status."""
    code = f"{BEGINNING}\n{middle}\ncommand.command()"
    run = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, check=False, env=BUFFERED
    )
    return [*run.stdout.splitlines(), str(run.returncode), run.stderr]


def test_what_is_said_and_registered_comes_out_and_the_process_is_left_at_once() -> None:
    assert left() == ["said, registered", "left at once", "3", ""]


@pytest.mark.parametrize(
    "watcher",
    [
        "sys.setprofile(lambda *_: None)",
        "sys.settrace(lambda *_: None)",
        "if hasattr(sys, 'monitoring'): sys.monitoring.use_tool_id(2, 'profiler')\n"
        "else: sys.setprofile(lambda *_: None)",
    ],
)
def test_where_a_debugger_or_a_profiler_looks_on_python_ends_as_ever(watcher: str) -> None:
    assert left(watcher) == ["said, registered", "3", ""]


def test_threads_are_waited_for() -> None:
    late = "threading.Thread(target=lambda: (time.sleep(0.3), print('late, ', end=''))).start()"
    assert left(late) == ["said, late, registered", "3", ""]


def test_an_error_is_told_as_ever() -> None:
    *said, status, told = left("command.main = lambda: 1 // 0")
    assert (said, status) == (["registered"], "1")
    assert "ZeroDivisionError" in told


def test_where_nobody_reads_python_says_so() -> None:
    code = f"{BEGINNING}\ncommand.command()"
    pipe, command = subprocess.PIPE, [sys.executable, "-c", code]
    with subprocess.Popen(command, stdout=pipe, stderr=pipe, text=True, env=BUFFERED) as run:
        assert run.stdout is not None
        assert run.stderr is not None
        run.stdout.close()
        told = run.stderr.read()
    assert run.returncode == 120
    assert "BrokenPipeError" in told
