"""Commands run in this process, in an empty folder, with a build that only keeps what it is asked for."""

import logging
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from pathlib import Path

import pytest

from coaddc.config.app import run
from coaddc.model.assembly import Assembly
from coaddc.model.suite import Suite


@dataclass
class Outcome:
    """What a command came to."""

    status: int
    out: str
    err: str
    suites: list[Suite] = field(default_factory=list)

    @property
    def assemblies(self) -> tuple[Assembly, ...]:
        """Of the one suite."""
        assert self.status == 0, self.err
        (suite,) = self.suites
        return suite.assemblies

    @property
    def assembly(self) -> Assembly:
        """The only one."""
        (assembly,) = self.assemblies
        return assembly

    @property
    def refusal(self) -> str:
        """What was said to it."""
        assert self.status == 1
        assert self.suites == []
        assert "Traceback" not in self.err
        return self.err


Ask = Callable[..., Outcome]


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.chdir(tmp_path)
    return tmp_path


@pytest.fixture
def write(folder: Path) -> Callable[[str, str], Path]:
    """Drop a file into ./conf."""

    def write(name: str, text: str) -> Path:
        file = folder / "conf" / f"{name}.yaml"
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_text(text)
        return file

    return write


@pytest.fixture
def ask(folder: Path, capsys: pytest.CaptureFixture[str]) -> Iterator[Ask]:
    root = logging.getLogger()
    handlers, level = root.handlers[:], root.level

    def ask(*argv: str, stands: bool = True) -> Outcome:
        suites: list[Suite] = []

        def build(suite: Suite) -> bool:
            suites.append(suite)
            return stands

        status = run(build, argv)
        out, err = capsys.readouterr()
        return Outcome(status, out, err, suites)

    yield ask
    for handler in set(root.handlers) - set(handlers):
        handler.close()
    root.handlers[:] = handlers
    root.setLevel(level)
