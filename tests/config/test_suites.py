KINDS = """\
# a release
- {warp: "direct,psfMatched", selection: deep}
- {coadd_type: bestSeeing, stack: "mean,median"}
- {warp: direct}
"""


def kinds(assemblies):
    return [(a.keys["warp"], a.keys["selection"], a.keys["stack"]) for a in assemblies]


def test_a_suite_is_the_union_of_its_sweeps_each_coadd_once(ask, write):
    write("suite/release", KINDS)
    assert kinds(ask("suite=release").assemblies) == [
        ("direct", "deep", "mean"),
        ("psfMatched", "deep", "mean"),
        ("direct", "bestSeeing", "mean"),
        ("direct", "bestSeeing", "median"),
    ]


def test_the_command_line_wins_over_every_sweep_of_a_suite(ask, write):
    write("suite/release", KINDS)
    assert kinds(ask("suite=release", "stack=clipped", "warp=direct").assemblies) == [
        ("direct", "deep", "clipped"),
        ("direct", "bestSeeing", "clipped"),
    ]


def test_suites_unite_too(ask, write):
    write("suite/one", "- {warp: direct}\n")
    write("suite/two", "- {warp: psfMatched}\n- {warp: direct}\n")
    assert [a.keys["warp"] for a in ask("suite=one,two").assemblies] == ["direct", "psfMatched"]


def test_a_suite_may_override_fields_and_restrict_what_is_made(ask, write):
    write(
        "suite/test", "- {stack.nsigma: 3, band: [g, r], patch: '\"0,0\"', baseline.where: '\"visit < 9\"'}\n"
    )
    assembly = ask("suite=test").assembly
    assert (assembly.bands, assembly.patches) == (("g", "r"), ("0,0",))
    assert (assembly.stack.nsigma, assembly.sections["baseline"].where) == (3.0, "visit < 9")


def test_the_packaged_suite_has_the_kinds_it_names(ask):
    assert len(ask("suite=kinds").assemblies) == 5
