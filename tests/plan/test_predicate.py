"""Predicates and ranks are checked before they are run."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from coaddc.model.errors import ConfigError
from coaddc.plan.columns import Columns
from coaddc.plan.functions import FUNCTIONS, Kind
from coaddc.plan.predicate import COLUMN_KINDS, Wanted, check
from tests.model.skymap_rows import row

ROWS = [
    row(visit=7, detector="3", seeing=0.7, band="g", file="o'ne.fits"),
    row(visit=8, detector="N4", seeing=float("nan"), band="r", exptime=0.0),
    row(visit=9, detector="5", seeing=1.3, band="g", hour_angle=-20.0),
]
COLUMNS = Columns(ROWS)


@pytest.mark.parametrize(
    ("where", "expected"),
    [
        ("seeing < 0.8", [True, False, False]),
        ("NOT seeing < 0.8", [False, False, True]),
        ("seeing > 0.8", [False, False, True]),  # to DuckDB NaN is larger than all numbers
        ("seeing IS NULL", [False, True, False]),
        ("seeing IS NOT NULL AND band = 'g'", [True, False, True]),
        ("coalesce(seeing, 2.0) > 1", [False, True, True]),
        ("band IN ('g', 'z') OR visit = 8", [True, True, True]),
        ("band NOT IN ('g')", [False, True, False]),
        ("Visit % 2 = 0", [False, True, False]),
        ("visit BETWEEN 8 AND 9 AND abs(hour_angle) < 15", [False, True, False]),
        ("-seeing < -1 OR seeing ** 2 < 0.5", [True, False, True]),
        ("band LIKE 'g%' AND file LIKE '%''%'", [True, False, False]),
        ("exptime / 0 > 1", [False, False, False]),  # has no value, so it is not true
        ("30 / exptime < 2", [True, False, True]),
        ("sqrt(hour_angle) > 1", [True, True, False]),
        ("detector::INTEGER IN (3, 5)", [True, False, True]),
        ("CASE WHEN band = 'g' THEN seeing ELSE airmass END > 1.1", [False, True, True]),
        ("(seeing < 1) IS NOT TRUE", [False, True, True]),
        ("seeing IS DISTINCT FROM 0.7", [False, True, True]),
        ("starts_with(detector, 'N') AND physical_filter ILIKE '%decam'", [False, True, False]),
        ("true", [True, True, True]),
        ("NULL", [False, False, False]),
        ("\n  seeing\n < 0.8\n", [True, False, False]),
    ],
)
def test_a_predicate_holds_where_it_is_true_and_not_where_it_is_unknown(
    where: str, expected: list[bool]
) -> None:
    np.testing.assert_array_equal(COLUMNS.mask(where, "selection.where"), expected)


@pytest.mark.parametrize(
    ("where", "message"),
    [
        ("seing < 0.8", r"selection\.where: no column 'seing' .* did you mean 'seeing'\?"),
        ("corner_ra < 3", "no column 'corner_ra'"),
        ("_row < 3", "no column '_row'"),
        ("exposures.seeing < 3", r"no column 'exposures\.seeing'"),
        ('band = "g"', "text is written in single quotes"),
        ("seeing < 'deep'", "a number and text do not compare, in"),
        ("seeing = '0.8'", "a number and text do not compare"),
        ("band = 5", "text and a number do not compare"),
        ("band IN ('g', 3)", "text and a number do not compare"),
        ("seeing BETWEEN 0 AND 'x'", "a number and text do not compare"),
        ("band + 1 > 2", r"\+ takes a number, not text"),
        ("band LIKE 3", "~~ takes text, not a number"),
        ("(seeing < 1) = 1", "a comparison and a number do not compare"),
        ("coalesce(seeing, 'x') = 'x'", "a number and text do not compare"),
        ("seeing", "is a number, but a predicate"),
        ("band", "is text, but a predicate"),
        ("seeing AND airmass < 2", "take comparisons, not a number"),
        ("seeing = NULL", "write IS NULL"),
        ("isnan(seeing)", "write IS NULL"),
        ("seeing <", "cannot read 'seeing <': syntax error"),
        ("", "cannot read ''"),
        ("1=1) OR (1=1", "cannot read"),
        ("true; DROP TABLE exposures", "';': another statement"),
        ("true -- and more", "'--': a comment"),
        ("true /* more */", "a comment"),
        ("true ORDER BY 1", "more than an expression"),
        ("true LIMIT 1", "more than an expression"),
        ("true GROUP BY band", "more than an expression"),
        ("true UNION SELECT 1", "more than an expression"),
        ("true QUALIFY true", "more than an expression"),
        ("seeing < (SELECT 1)", "subquery has no place"),
        ("seeing IN (SELECT 1)", "subquery has no place"),
        ("EXISTS (SELECT * FROM read_text('/etc/passwd'))", "subquery has no place"),
        ("row_number() OVER () < 3", "window has no place"),
        ("avg(seeing) < 1", "no function 'avg'"),
        ("count(*) > 1", "no function 'count_star'"),
        ("read_text('/etc/passwd') = 'x'", "no function 'read_text'"),
        ("getenv('HOME') = 'x'", "no function 'getenv'"),
        ("random() < 0.5", "no function 'random'"),
        ("main.abs(seeing) < 1", "no function 'abs'"),
        ("sqr(seeing) < 1", r"no function 'sqr' .* did you mean 'sqrt'\?"),
        ("abs(DISTINCT seeing) < 1", "takes no DISTINCT"),
        ("pow(seeing) < 1", "pow does not take 1 arguments"),
        ("seeing < ?", "a parameter has no place"),
        ("mjd > DATE '2020-01-01'", "no cast of text to DATE"),
        ("band COLLATE nocase = 'G'", "collate has no place"),
        ("[1, 2] = [1, 2]", "no function 'list_value'"),
        ("file[1] = 'a'", "operator array_extract has no place"),
        ("*", "star has no place"),
    ],
)
def test_what_is_no_predicate_over_the_columns_is_refused(where: str, message: str) -> None:
    with pytest.raises(ConfigError, match=message) as caught:
        Columns(()).mask(where, "selection.where")  # with no exposures at all
    assert "selection.where" in str(caught.value)


@pytest.mark.parametrize(
    ("order_by", "message"),
    [
        ("seeing DESC", "smallest first: write -"),
        ("seeing, airmass", "one expression"),
        ("band", "is text, but one number to rank by"),
        ("seeing < 1", "is a comparison, but one number"),
        ("seing", "did you mean 'seeing'"),
        ("seeing AS x", "cannot read"),
    ],
)
def test_what_is_no_number_cannot_rank(order_by: str, message: str) -> None:
    with pytest.raises(ConfigError, match=message):
        Columns(()).values(order_by, "selection.order_by")


def test_what_is_not_text_is_refused() -> None:
    with pytest.raises(ConfigError, match=r"selection\.where=True: expected text"):
        check(True, "selection.where", Wanted.where)  # type: ignore[arg-type]


def test_values_are_numbers_and_nan_where_unknown() -> None:
    np.testing.assert_array_equal(COLUMNS.values("-seeing * 2", "k.order_by"), [-1.4, np.nan, -2.6])
    np.testing.assert_array_equal(COLUMNS.values("visit", "k.order_by"), [7, 8, 9])
    np.testing.assert_array_equal(COLUMNS.values("1 / exptime", "k.order_by"), [1 / 30, np.nan, 1 / 30])
    np.testing.assert_array_equal(COLUMNS.values("1.5 * 2", "k.order_by"), [3, 3, 3])


def test_the_whole_numbers_of_visits_stay_exact() -> None:
    visit = 2_025_052_000_177
    columns = Columns([row(visit=visit), row(visit=visit + 1)])
    np.testing.assert_array_equal(columns.mask(f"visit = {visit + 1}", "k.where"), [False, True])


@pytest.mark.parametrize("name", sorted(FUNCTIONS))
def test_every_function_offered_is_there(name: str) -> None:
    signature = FUNCTIONS[name]
    argument = "0.5" if signature.takes is Kind.number else "'a'"
    arguments = [argument] * (signature.least if name not in ("+", "-") else 2)
    operators = {"~~": "LIKE", "!~~": "NOT LIKE", "~~*": "ILIKE", "!~~*": "NOT ILIKE"}
    call = f"{name}({', '.join(arguments)})"
    if not name.isidentifier():
        call = f"{argument} {operators.get(name, name)} {argument}"
    if signature.gives is Kind.number:
        assert np.isfinite(COLUMNS.values(call, "k.order_by")).all()
    else:
        where = call if signature.gives is Kind.truth else f"{call} = 'a' OR {call} = 'A'"
        assert COLUMNS.mask(where, "k.where").dtype == bool


WORDS = (
    "seeing band exposures < = ( ) 'g' 1 AND OR NOT SELECT FROM read_text('/etc/passwd') , * IN UNION "
    "WHERE ; -- /* */ IS NULL OVER PIVOT COPY ATTACH ' \" $$ :: DATE [ ] x-> . \n"
)


@settings(deadline=None, max_examples=150)
@given(st.lists(st.sampled_from(WORDS.split(" ")), max_size=9))
def test_no_text_does_anything_but_select_or_be_refused(words: list[str]) -> None:
    try:
        mask = COLUMNS.mask(" ".join(words), "k.where")
    except ConfigError:
        return
    assert mask.shape == (3,)
    assert "read_text" not in words


def test_each_column_of_the_exposures_is_there() -> None:
    for name, kind in COLUMN_KINDS.items():
        assert not COLUMNS.mask(f"{name} IS NULL", "k.where").all(), (name, kind)
