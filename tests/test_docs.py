"""The documentation says what is there: all is named, commands compose, Python runs, links lead on."""

import contextlib
import io
import os
import subprocess
import sys
from pathlib import Path

import pytest

from coaddc.config import keys, reference
from coaddc.config.app import run
from coaddc.config.fields import fields_of
from coaddc.config.schema import SECTIONS
from coaddc.model.exposures import COLUMNS
from coaddc.model.suite import Suite
from coaddc.plan.functions import FUNCTIONS
from tests.pages import PAGES, ROOT, blocks, commands, links, write_files
from tests.test_end_to_end import SMALL

CATALOG = keys.find([keys.packaged_conf()])
REFERENCE = ROOT / "docs/reference"
RENEW = "python -m coaddc.config.reference docs/reference"


def named(page: Path) -> str:
    return str(page.relative_to(ROOT))


@pytest.mark.parametrize("name", ["keys.md", "fields.md"])
def test_the_reference_is_what_conf_and_the_dataclasses_say(name: str) -> None:
    page = REFERENCE / name
    assert page.read_text() == reference.pages(CATALOG)[name], f"{named(page)} is old: run {RENEW}"


def test_every_group_value_and_field_is_in_the_reference() -> None:
    values, fields = (REFERENCE / "keys.md").read_text(), (REFERENCE / "fields.md").read_text()
    for group, members in CATALOG.groups.items():
        section = values.split(f"\n## {group}\n")[1].split("\n## ")[0]
        for value in members.values():
            assert f"`{value.name}`" in section
            assert value.doc
            assert value.doc.replace("|", "\\|") in section
    for group, cls in SECTIONS.items():
        for field in fields_of(cls, group):
            name = field.path if field.path.split(".")[1] not in ("where", "order_by", "keep") else None
            assert name is None or name.endswith(".doc") or f"`{name}`" in fields


def test_every_column_and_function_of_an_expression_is_in_the_reference() -> None:
    columns = (REFERENCE / "exposure-table.md").read_text()
    for name, (unit, doc) in COLUMNS.items():
        assert f"| `{name}` | {unit} | {doc} |" in columns
    functions = (REFERENCE / "predicates.md").read_text()
    for name in FUNCTIONS:
        assert not name.isidentifier() or f"`{name}`" in functions


def test_every_page_is_reached_from_the_index() -> None:
    found: set[Path] = set()
    queue = [ROOT / "README.md"]
    while queue:
        page = queue.pop()
        if page.is_dir():
            queue += page.glob("*.md")
        elif page.suffix == ".md" and page not in found:
            found.add(page)
            queue += [(page.parent / link.split("#")[0]).resolve() for link in links(page)]
    assert set(map(named, PAGES)) - set(map(named, found)) == set()


@pytest.mark.parametrize("page", PAGES, ids=named)
def test_every_link_leads_somewhere(page: Path) -> None:
    for link in links(page):
        target, _, part = link.partition("#")
        file = (page.parent / target).resolve() if target else page
        assert file.exists(), link
        if part:
            assert part in anchors(file), link


def anchors(page: Path) -> set[str]:
    """Return the anchors of a page's headings, as GitHub makes them."""
    heads = [line.lstrip("#").strip() for line in page.read_text().splitlines() if line.startswith("#")]
    return {"".join(c for c in head.lower().replace(" ", "-") if c.isalnum() or c in "-_") for head in heads}


#: Verbs that compose nothing, and what makes a word an argument of theirs.
VERBS = ("ls", "show", "explain", "diff", "template", "help")


@pytest.mark.parametrize("page", [page for page in PAGES if commands(page)], ids=named)
def test_every_command_composes(page: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """With the files that the page tells its reader to write, and no others."""
    monkeypatch.chdir(tmp_path)
    write_files(page, tmp_path)
    for words in commands(page):
        if words[:1] == ["--help"] or (words and words[0] in VERBS) or any("..." in word for word in words):
            continue
        suites: list[Suite] = []

        def keep(suite: Suite, suites: list[Suite] = suites) -> bool:
            suites.append(suite)
            return True

        said = io.StringIO()
        with contextlib.redirect_stderr(said):
            status = run(keep, words[1:] if words[:1] == ["plan"] else words)
        assert (status, said.getvalue()) == (0, ""), words
        assert suites[0].assemblies


@pytest.fixture(scope="module")
def store(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder in which the commands whose coadds the pages look at have been run, on a small survey."""
    folder = tmp_path_factory.mktemp("reader")
    suite = folder / "conf/suite/read.yaml"
    suite.parent.mkdir(parents=True)
    suite.write_text(
        '- {warp: "direct,psfMatched"}\n- {stack: "median", band: g}\n- {baseline: y1, band: g}\n'
    )
    command = [sys.executable, "-m", "coaddc", "suite=read", *SMALL]
    made = subprocess.run(command, cwd=folder, capture_output=True, text=True, check=False)
    assert made.returncode == 0, made.stdout + made.stderr
    return folder


#: Followed as a whole by tests/test_use_cases.py.
FOLLOWED = ROOT / "docs/how-to/your-use-case.md"
RUN = {
    page: [text for text, why in blocks(page, "python") if why is None] for page in PAGES if page != FOLLOWED
}


@pytest.mark.parametrize("page", [page for page, python in RUN.items() if python], ids=named)
def test_python_of_the_pages_runs(page: Path, store: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The blocks of a page one after the other, where its reader would be."""
    monkeypatch.chdir(store)
    monkeypatch.setitem(os.environ, "MPLBACKEND", "Agg")
    space: dict[str, object] = {}
    with contextlib.redirect_stdout(io.StringIO()):
        for text in RUN[page]:
            exec(compile(text, named(page), "exec"), space)
