"""Compiled code does not outlive the sources of what it calls."""

import os
from pathlib import Path

from coaddc.kernels import forget_stale


def test_what_was_compiled_before_any_source_changed_is_removed_and_nothing_else(tmp_path: Path) -> None:
    cache = tmp_path / "__pycache__"
    cache.mkdir()
    ages = {
        "caller.py": 10, "called.py": 30, "__pycache__/caller.f.nbi": 20, "__pycache__/caller.f.1.nbc": 20,
        "__pycache__/called.g.nbi": 40, "__pycache__/caller.cpython-311.pyc": 20,
    }  # fmt: skip
    for name, time in ages.items():
        (tmp_path / name).write_text("")
        os.utime(tmp_path / name, (time, time))
    forget_stale(tmp_path)
    left = {str(path.relative_to(tmp_path)) for path in tmp_path.rglob("*.*")}
    assert left == {
        "caller.py", "called.py", "__pycache__/called.g.nbi", "__pycache__/caller.cpython-311.pyc"
    }  # fmt: skip
