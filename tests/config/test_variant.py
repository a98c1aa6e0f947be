import re

import pytest
from hypothesis import given
from hypothesis import strategies as st

from coaddc.config.variant import LONGEST, variant

BASE = {
    "stack": {
        "doc": "mean",
        "nsigma": 4.0,
        "reject": ["BAD", "SAT"],
        "propagate": {"SAT": 0.1},
        "where": None,
    },
    "survey": {"name": "demo", "path": None, "strict": False, "start": None},
}


def with_(**fields):
    return {**BASE, "stack": {**BASE["stack"], **fields}}


def name(config):
    return variant(BASE, config, ("stack", "survey"))


def test_fields_of_a_key_name_a_variant(ask):
    plain, other = ask("stack.nsigma=4,3").assemblies
    assert "variant" not in plain.keys
    assert list(other.keys.items())[-1] == ("variant", "stack.nsigma:3")
    assert other.overrides == ("stack.nsigma=3",)
    assert other.stack.nsigma == 3.0


def test_whole_numbers_and_floats_are_one_product(ask):
    one, *more = ask("stack.nsigma=3,3.0").assemblies
    assert more == []
    assert one.keys["variant"] == "stack.nsigma:3"
    assert isinstance(one.stack.nsigma, float)


def test_an_override_that_changes_nothing_names_nothing(ask):
    assert "variant" not in ask("stack.nsigma=4", "stack.doc=mine", "survey.strict=true").assembly.keys


def test_what_is_no_key_names_nothing_but_the_survey(ask):
    assembly = ask(
        "engine.workers=2", "store.root=x", "skymap.patch_border=50", "survey.start=59000"
    ).assembly
    assert assembly.keys["variant"] == "survey.start:59000"


def test_the_same_field_is_the_same_variant_whatever_the_value_of_its_key(ask):
    names = {a.keys["variant"] for a in ask("stack=mean,clipped", "stack.nsigma=3").assemblies}
    assert names == {"stack.nsigma:3"}


def test_a_variant_is_what_differs_not_what_was_said(ask):
    assert "variant" not in ask("stack=clipped", "stack.statistic=clipped").assembly.keys


def test_names_are_short_and_readable():
    assert name(with_(nsigma=2.5)) == "stack.nsigma:2.5"
    assert name(with_(nsigma=2.5, where="visit")) == "stack.nsigma:2.5,stack.where:visit"
    assert name(with_(propagate={"SAT": 0.1, "CR": 0.2})) == "stack.propagate.CR:0.2"
    assert name({**BASE, "survey": {**BASE["survey"], "start": 1.0}}) == "survey.start:1"
    assert name(with_(reject=["BAD"])).startswith("stack.reject:BAD-")
    assert name(with_(where="visit % 2 == 1")).startswith("stack.where:visit_2_1-")


def test_where_the_survey_lies_and_what_is_said_of_it_name_nothing():
    assert name({**BASE, "survey": {"name": "x", "path": "/y", "strict": True, "start": None}}) is None
    assert name(with_(doc="another")) is None


VALUES = st.one_of(
    st.none(),
    st.booleans(),
    st.integers(),
    st.floats(allow_nan=False, allow_infinity=False),
    st.text(max_size=120),
)


@given(st.one_of(VALUES, st.lists(VALUES, max_size=4)), st.one_of(VALUES, st.lists(VALUES, max_size=4)))
def test_names_are_safe_in_paths_and_differ_where_configs_do(one, other):
    from coaddc.model.digest import canonical

    names = [name(with_(where=value)) for value in (one, other)]
    for text in names:
        assert text is None or (re.fullmatch(r"[A-Za-z0-9_.:,+-]+", text) and len(text) <= LONGEST)
    same = repr(canonical(one)) == repr(canonical(other))
    assert (names[0] == names[1]) is same


@pytest.mark.parametrize(("one", "other"), [("null", None), ("3", 3), ("true", True), (["A", "B"], "A+B")])
def test_text_that_reads_as_something_else_is_another_variant(one, other):
    assert name(with_(where=one)) != name(with_(where=other))
