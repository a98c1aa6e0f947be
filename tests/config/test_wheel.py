import os
import subprocess
import sys
import zipfile
from pathlib import Path

import pytest

REPOSITORY = Path(__file__).parents[2]

CODE = """
import sys
from pathlib import Path
import coaddc
from coaddc.config.app import run
from coaddc.config.keys import packaged_conf

def build(suite):
    print([a.keys["parity"] for a in suite.assemblies])
    return True

assert Path(coaddc.__file__).is_relative_to(sys.path[1]), coaddc.__file__
assert packaged_conf().parent.name == "coaddc"
sys.exit(run(build, ["parity=odd,even", "-m"]))
"""


@pytest.fixture(scope="module")
def unpacked(tmp_path_factory) -> Path:
    folder = tmp_path_factory.mktemp("wheel")
    command = [sys.executable, "-m", "pip", "wheel", "--quiet", "--no-deps", "--no-build-isolation"]
    subprocess.run([*command, "--wheel-dir", str(folder), str(REPOSITORY)], check=True, timeout=120)
    (wheel,) = folder.glob("*.whl")
    with zipfile.ZipFile(wheel) as archive:
        archive.extractall(folder / "site")
    return folder / "site"


def test_a_wheel_holds_all_of_conf(unpacked):
    names = {str(path.relative_to(REPOSITORY / "conf")) for path in (REPOSITORY / "conf").rglob("*.yaml")}
    inside = {
        str(path.relative_to(unpacked / "coaddc/conf")) for path in (unpacked / "coaddc/conf").rglob("*.yaml")
    }
    assert inside >= names
    assert not (unpacked / "conf").exists()


def test_a_wheel_finds_its_conf_and_the_users(unpacked, tmp_path):
    (tmp_path / "conf/parity").mkdir(parents=True)
    for name, rest in (("odd", 1), ("even", 0)):
        (tmp_path / f"conf/parity/{name}.yaml").write_text(f"where: visit % 2 == {rest}\n")
    done = subprocess.run(
        [sys.executable, "-c", CODE],
        capture_output=True,
        text=True,
        cwd=tmp_path,
        env={**os.environ, "PYTHONPATH": str(unpacked)},
        timeout=120,
    )
    assert done.returncode == 0, done.stderr
    assert done.stdout == "['odd', 'even']\n"
