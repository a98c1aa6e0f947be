import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from coaddc.model.errors import ConfigError, PlanError
from coaddc.model.run_options import DEFAULT_TEMPLATE
from coaddc.store.layout import Layout, encode
from tests.coadds import make_product
from tests.store.conftest import IMPLIED, REQUEST

DEFAULT = Layout(DEFAULT_TEMPLATE, IMPLIED)
BASE = {"skymap": "demo", "tract": 3, "patch": "2,11", "band": "g"}
PLACE = "coadd/skymap=demo/band=g/tract=3/patch=2,11"


def test_the_usual_product_lies_at_the_path_of_the_design():
    data_id = {**BASE, "warp": "psfMatched", "selection": "deep", "baseline": "all"}
    assert DEFAULT.path(data_id) == f"{PLACE}/warp=psfMatched/selection=deep"


def test_a_key_left_off_takes_its_default():
    assert DEFAULT.path(BASE) == f"{PLACE}/warp=direct/selection=deep"


def test_other_keys_follow_in_the_order_of_the_defaults_then_by_name_and_variant_last():
    data_id = {**BASE, "variant": "v", "zeta": "1", "stack": "median", "Alpha": "2", "baseline": "y1"}
    tail = "baseline=y1/stack=median/Alpha=2/zeta=1/variant=v"
    assert DEFAULT.path(data_id) == f"{PLACE}/warp=direct/selection=deep/{tail}"


def test_the_path_does_not_depend_on_the_order_in_which_keys_are_given():
    data_id = {**BASE, "b": "1", "a": "2", "variant": "x", "baseline": "y2"}
    assert DEFAULT.path(data_id) == DEFAULT.path(dict(reversed(data_id.items())))


def test_the_template_of_the_request_works():
    layout = Layout(REQUEST, IMPLIED)
    assert layout.is_file
    assert layout.path({**BASE, "warp": "direct"}) == "coadd/g/3/2,11/deepCoadddirect.fits"


def test_others_includes_keys_of_the_place_that_the_template_does_not_name():
    assert Layout("c/{band}/{others}", IMPLIED).path(BASE) == "c/g/skymap=demo/tract=3/patch=2,11"


@pytest.mark.parametrize(
    ("value", "part"),
    [
        ("0,0", "0,0"),
        ("a/b", "a%2Fb"),
        ("..", "%2E."),
        (".hidden", "%2Ehidden"),
        ("stack.nsigma=4", "stack.nsigma%3D4"),
        ("50% é", "50%25%20%C3%A9"),
        ("{band}", "%7Bband%7D"),
        ("a\nb\0", "a%0Ab%00"),
    ],
)
def test_values_are_encoded_where_a_path_needs_it(value, part):
    assert encode(value) == part


@settings(deadline=None)
@given(st.sets(st.text(min_size=1, max_size=400), min_size=2, max_size=2))
def test_different_values_stay_different_safe_and_short(values):
    one, two = map(encode, values)
    assert one != two
    for part in (one, two):
        assert len(part.encode()) < 200
        assert part.isascii()
        assert not set(part) & set("/\\\0 =?*\"'")
        assert not part.startswith(".")


def test_long_values_that_differ_at_their_end_stay_different():
    assert len({encode("é" * 100 + end) for end in "abc"}) == 3
    assert "%" not in encode("é" * 100)[158:163].rstrip("0123456789ABCDEF~")


@pytest.mark.parametrize(
    ("template", "message"),
    [
        ("coadd/{bnad}", "no key 'bnad'.*did you mean 'band'"),
        ("coadd/{parity}/{band}", "no key 'parity', or it is not set in skymap=demo"),
    ],
)
def test_a_field_that_is_no_key_is_refused_with_the_near_names(template, message):
    with pytest.raises(ConfigError, match=message):
        Layout(template, IMPLIED).path(BASE)


@pytest.mark.parametrize(
    "template",
    ["", "/abs/{band}", "../{band}", "a/./{band}", "objects/{band}", "runs/{band}", "{band!r}", "{}", "{band",
     "x/{tract:04d}"],
)  # fmt: skip
def test_a_template_that_is_no_path_below_the_root_is_refused(template):
    with pytest.raises(ConfigError, match=r"store\.template"):
        Layout(template, IMPLIED)


def test_an_empty_value_is_refused():
    with pytest.raises(ConfigError, match="band has an empty value"):
        DEFAULT.path({**BASE, "band": ""})


def test_products_that_would_share_a_path_are_refused_with_the_key_that_the_template_lacks():
    layout = Layout(REQUEST, IMPLIED)
    products = [make_product("a" * 32, baseline="y1"), make_product("b" * 32, baseline="y2")]
    with pytest.raises(PlanError, match=r"baseline=y1(.|\n)*baseline=y2(.|\n)*lacks \{baseline\}; add it"):
        layout.check(products)
    DEFAULT.check(products)


def test_products_of_equal_digest_but_other_data_ids_may_not_share_a_path_either():
    with pytest.raises(PlanError, match=r"lacks \{baseline\}"):
        Layout(REQUEST, IMPLIED).check([make_product(baseline="all"), make_product(baseline="y10")])


def test_one_data_id_asked_for_as_two_different_coadds_is_refused():
    with pytest.raises(PlanError, match="asked for twice, as different coadds"):
        DEFAULT.check([make_product("a" * 32), make_product("b" * 32)])


def test_one_product_asked_for_twice_is_no_collision():
    Layout(REQUEST, IMPLIED).check([make_product(), make_product()])


def test_values_that_only_look_alike_in_a_path_do_not_collide():
    DEFAULT.check([make_product("a" * 32, x="a/b"), make_product("b" * 32, x="a%2Fb")])
