import subprocess
import sys
import time

from coaddc.config import keys
from coaddc.config.fields import fields_of
from coaddc.config.schema import SECTIONS

CATALOG = keys.find([keys.packaged_conf()])


def test_every_value_is_listed_with_what_it_means(ask):
    text = ask("--help").out
    for group, values in CATALOG.groups.items():
        lines = text.split(f"\n  {group}\n")[1].splitlines()[: len(values)]
        assert [line[5:].split()[0] for line in lines] == list(values)
        assert [value.doc in line for line, value in zip(lines, values.values(), strict=True)] == [
            True
        ] * len(values)


def test_every_field_is_listed_with_its_type_its_default_and_its_help(ask):
    text = ask("--help").out
    for group, cls in SECTIONS.items():
        for field in fields_of(cls, group):
            own = field.path.split(".")[1] not in ("where", "order_by", "keep")
            if own and not field.path.endswith(".doc"):
                assert f"  {field.path} (" in text
                assert field.doc
                assert field.doc in text
    assert "  stack.nsigma (a number) = 4.0\n      clipped: reject what" in text
    assert "  KEY.where (text or null) = null" in text


def test_defaults_and_the_users_own_values_are_marked(ask, write):
    write("parity/odd", "doc: visits of odd number\n")
    write("stack/mean", "doc: my mean\n")
    lines = ask("--help").out.splitlines()
    assert "   *  direct             resampled, otherwise as observed" in lines
    assert "   *+ mean               my mean" in lines
    assert "    + odd                visits of odd number" in lines


def test_a_file_that_cannot_be_read_does_not_hide_the_rest(ask, write):
    file = write("stack/bad", "reject: [BAD\n")
    text = ask("--help").out
    assert f"{file}, line 2: not YAML" in text
    assert "psfMatched" in text


def test_help_comes_at_once_without_what_computing_needs(tmp_path):
    """Import times alone decide: none of these may be imported."""
    code = (
        "import sys, coaddc.cli; from coaddc.config.app import run; "
        "status = run(lambda suite: False, ['--help']); "
        "heavy = {'numba', 'scipy', 'astropy', 'hydra', 'omegaconf', 'numpy'} & set(sys.modules); "
        "sys.exit(repr(heavy) if heavy or status else 0)"
    )
    start = time.process_time(), time.monotonic()
    done = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, cwd=tmp_path, timeout=60
    )
    assert done.returncode == 0, done.stderr
    assert "KEYS of the data ID" in done.stdout
    assert time.monotonic() - start[1] < 10.0  # a fifth of a second on an idle machine
