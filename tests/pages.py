"""What the pages of the documentation hold: files to write, commands, Python, links."""

import re
import shlex
from collections.abc import Iterator
from pathlib import Path

ROOT = Path(__file__).parents[1]
#: Every page that is written for users or contributors.
PAGES = [ROOT / "README.md", ROOT / "CONTRIBUTING.md", *sorted((ROOT / "docs").rglob("*.md"))]

_FENCE = re.compile(r"(?ms)(?:<!-- not run: (?P<why>[^>]+) -->\n)?^```(?P<kind>\w*)\n(?P<text>.*?)^```$")
_FILE = re.compile(
    r"(?ms)`(?P<name>conf/[\w/.-]+\.yaml)`(?:(?!```|`conf/[\w/.-]+\.yaml`).)*?```yaml\n(?P<text>.*?)^```$"
)
#: A command in a block, with what it is said to do after three spaces or a hash.
_COMMAND = re.compile(r"^(?: {4})?(?:scripts/demo|coaddc)(?: .*)?$", re.MULTILINE)


def write_files(page: Path, folder: Path) -> list[str]:
    """Write the YAML files that a page tells its reader to write; return their names."""
    names = []
    for found in _FILE.finditer(page.read_text()):
        file = folder / found["name"]
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_text(found["text"])
        names.append(found["name"])
    return names


def blocks(page: Path, kind: str) -> Iterator[tuple[str, str | None]]:
    """Go through the fenced blocks of a kind; with the reason, where one is not to be run."""
    for found in _FENCE.finditer(page.read_text()):
        if found["kind"] == kind:
            yield found["text"], found["why"]


def commands(page: Path) -> list[list[str]]:
    """Return the words of every ``coaddc`` command in the blocks of a page, without ``coaddc`` itself."""
    text = page.read_text()
    fences = list(_FENCE.finditer(text))
    shell = "".join(fence["text"] for fence in fences if fence["kind"] == "sh")
    indented = "\n".join(line for line in _FENCE.sub("", text).splitlines() if line.startswith("    "))
    lines = (line.strip() for line in _COMMAND.findall(f"{shell}\n{indented}"))
    return [shlex.split(re.split(r" {3,}|\s+# ", line)[0])[1:] for line in lines]


def links(page: Path) -> list[str]:
    """Return where the links of a page lead, those to other sites left out."""
    text = _FENCE.sub("", page.read_text())
    found = [*re.findall(r"\]\(([^)\s]+)\)", text), *re.findall(r'src="([^"]+)"', text)]
    return [link for link in found if not re.match(r"\w+:", link)]
