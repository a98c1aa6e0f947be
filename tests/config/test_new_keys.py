import pytest

ODD = "doc: visits of odd number\nwhere: visit % 2 == 1\n"


def test_a_dropped_folder_is_a_key_that_sweeps_without_a_plus(ask, write):
    write("parity/odd", ODD)
    write("parity/even", "where: visit % 2 == 0\n")
    odd, even = ask("parity=odd,even", "-m").assemblies
    assert (odd.keys["parity"], even.keys["parity"]) == ("odd", "even")
    assert odd.sections["parity"].where == "visit % 2 == 1"
    assert odd.config["parity"]["doc"] == "visits of odd number"


def test_new_keys_come_after_the_packaged_ones_by_name(ask, write):
    write("zenith/low", "where: airmass > 1.5\n")
    write("alt/high", "where: airmass < 1.5\n")
    assert list(ask("zenith=low", "alt=high").assembly.keys)[-3:] == ["stack", "alt", "zenith"]


def test_a_key_that_is_not_used_changes_nothing(ask, write):
    before = ask().assembly
    write("parity/odd", ODD)
    after = ask().assembly
    assert (before.keys, before.config) == (after.keys, after.config)


def test_a_value_of_the_users_stands_in_for_ours_and_a_new_one_beside_it(ask, write):
    write("stack/mean", "doc: mine\nstatistic: mean\nweighting: uniform\n")
    write("stack/sharp", "doc: also mine\nstatistic: clipped\nnsigma: 2\n")
    mine, sharp, median = ask("stack=mean,sharp,median").assemblies
    assert (mine.stack.doc, mine.stack.weighting.name) == ("mine", "uniform")
    assert (sharp.stack.statistic.name, sharp.stack.nsigma) == ("clipped", 2.0)
    assert median.stack.weighting.name == "inverse_variance"


def test_a_further_folder_adds_keys_and_never_shadows(ask, write, folder):
    write("parity/odd", ODD)
    write("stack/mean", "doc: not heard\n")
    (folder / "conf").rename(folder / "more")
    assembly = ask("parity=odd", "--config-dir", str(folder / "more")).assembly
    assert assembly.keys["parity"] == "odd"
    assert assembly.stack.doc == "weighted mean"


def test_a_new_key_may_choose_values_of_others(ask, write):
    write(
        "purpose/difference",
        "# @package _global_\ndefaults:\n  - override /warp: psfMatched\npurpose:\n  doc: d\n",
    )
    assembly = ask("purpose=difference").assembly
    assert (assembly.keys["warp"], assembly.keys["purpose"]) == ("psfMatched", "difference")


def test_a_bundle_of_the_users_may_choose_a_new_key(ask, write):
    write("parity/odd", ODD)
    write("coadd_type/halves", "# @package _global_\ndefaults:\n  - override /parity: odd\n")
    assert ask("coadd_type=halves").assembly.keys["parity"] == "odd"


def test_a_primary_config_of_the_users_gives_a_new_key_a_default(ask, write):
    from coaddc.config.keys import packaged_conf

    write("parity/odd", ODD)
    text = (packaged_conf() / "config.yaml").read_text()
    write("config", text.replace("  - found_keys", "  - parity: odd\n  - found_keys"))
    outcome = ask()
    assert outcome.assembly.keys["parity"] == "odd"
    assert "parity" not in outcome.suites[0].implied  # whose paths others read too


def test_a_conf_of_another_program_is_told_apart(ask, write):
    write("config", "defaults:\n  - model: net\n")
    write("model/net", "layers: 3\n")
    assert "conf/config.yaml stands in for coaddc's own" in ask().refusal


@pytest.mark.parametrize(
    ("name", "reason"),
    [
        ("band/mine", "'band' cannot be a key: it is part of every data ID"),
        ("patch/mine", "'patch' cannot be a key"),
        ("variant/mine", "'variant' cannot be a key: it names a coadd whose fields were overridden"),
        ("my-key/mine", "a key begins with a letter"),
        ("year/2026", "'2026' cannot be the name of a value"),
        ("year/1_2", "cannot be the name of a value"),
        ("flag/null", "'null' cannot be the name of a value"),
        ("flag/yes", "'yes' cannot be the name of a value"),
        ("flag/True", "'True' cannot be the name of a value"),
        ("flag/nan", "'nan' cannot be the name of a value"),
        ("flag/a b", "'a b' cannot be the name of a value"),
        ("filter/narrow", "store.aliases gives that name to another"),
    ],
)
def test_names_that_cannot_be_are_refused_with_the_reason(ask, write, folder, name, reason):
    file = write(name, "doc: x\n")
    words = ["filter=narrow"] if name.startswith("filter") else []
    refusal = ask(*words).refusal
    assert reason in refusal
    assert "filter" in name or str(file.parent) in refusal


def test_a_file_that_hydra_would_overlook_is_named(ask, write, folder):
    file = write("parity/odd", ODD)
    file.rename(file.with_suffix(".yml"))
    assert "odd.yml: only .yaml is read" in ask().refusal
