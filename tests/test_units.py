"""Units at the edge."""

import math

import pytest
from hypothesis import given
from hypothesis import strategies as st

from offtarget.errors import InputError
from offtarget.units import (
    DAYS_PER_MONTH,
    DAYS_PER_YEAR,
    convert,
    dimension,
    exponents,
    parse,
    same_dimension,
)

_KNOWN = [
    "h",
    "day",
    "week",
    "month",
    "year",
    "mg",
    "g",
    "ng/mL",
    "mg/L",
    "nM",
    "umol/L",
    "L/h",
    "1/day",
    "cell",
    "%",
]


@pytest.mark.parametrize(
    ("value", "unit", "to", "wanted"),
    [
        (24, "h", "day", 1),
        (15, "years", "day", 15 * 365.25),
        (12, "months", "day", 365.25),
        (979, "ng/mL", "mg/L", 0.979),
        (14.3, "L/h", "L/day", 343.2),
        (1, "umol/L", "nM", 1000),
        (0.0032, "%", "", 3.2e-5),
        (2, "1/month", "1/day", 2 / 30.4375),
        (5, "cells", "cell", 5),
        (1, "g/mol", "ng/nmol", 1),
    ],
)  # fmt: skip
def test_conversions_known_from_the_clinic(value: float, unit: str, to: str, wanted: float) -> None:
    assert convert(value, unit, to) == pytest.approx(wanted, rel=1e-12)


def test_a_month_is_a_twelfth_of_a_julian_year() -> None:
    assert DAYS_PER_MONTH == 30.4375 and DAYS_PER_YEAR == 365.25
    assert convert(1, "month", "day") == DAYS_PER_MONTH


@given(st.floats(-1e12, 1e12), st.sampled_from(_KNOWN), st.sampled_from(_KNOWN))
def test_converting_there_and_back_gives_the_number_again(value: float, unit: str, to: str) -> None:
    if same_dimension(unit, to):
        assert convert(convert(value, unit, to), to, unit) == pytest.approx(value, rel=1e-12, abs=1e-300)
    else:
        with pytest.raises(InputError, match="expected a unit that converts"):
            convert(value, unit, to)


@pytest.mark.parametrize(
    ("unit", "other"), [("cell", ""), ("cell", "mg"), ("ng/mL", "nM"), ("1/day", "day"), ("%", "mg")]
)
def test_things_that_must_never_be_added_have_different_dimensions(unit: str, other: str) -> None:
    assert not same_dimension(unit, other)


@pytest.mark.parametrize(
    ("text", "wanted"),
    [("24 h", (24.0, "h")), ("  .5day ", (0.5, "day")), ("1e3 h", (1000.0, "h")),
     ("-3 h", (-3.0, "h")), ("2. week", (2.0, "week"))],
)  # fmt: skip
def test_a_quantity_is_a_number_and_a_unit(text: str, wanted: tuple[float, str]) -> None:
    assert parse(text, where="x", of="day", example="24 h") == wanted


@pytest.mark.parametrize(
    "text",
    ["24", "h", "", "24 mg", "24 hh", "1e999 h", "nan h", "inf h", "24,5 h", "1 2 h",
     "24 h; rm", "__import__('os')", "1" * 300 + " h",
     "1 " + " " * 100_000 + "x", "24 degC", "3 dB", "1 9**9**9**9", "1 h**9999999"],
)  # fmt: skip
def test_what_is_not_a_quantity_is_refused_with_the_place_and_an_example(text: str) -> None:
    with pytest.raises(
        InputError, match=r'^stop\.toml: horizon: expected a quantity such as "24 h", got '
    ) as caught:
        parse(text, where="stop.toml: horizon", of="day", example="24 h")
    assert str(caught.value).isprintable() and len(str(caught.value)) < 300


def test_a_missing_unit_and_a_wrong_dimension_are_told_apart() -> None:
    with pytest.raises(InputError, match=r"Add a unit\.$"):
        parse("24", where="x", of="day", example="24 h")
    with pytest.raises(InputError, match=r'"mg" is \[mass\], not \[time\]\.$'):
        parse("24 mg", where="x", of="day", example="24 h")


def test_a_bare_number_is_enough_where_no_dimension_is_wanted() -> None:
    assert parse("0.9", where="x", of="", example="0.9") == (0.9, "")


@pytest.mark.parametrize(
    "unit",
    ["9**9**9**9", "9^9^9^9", "((9**99)**99)**99", "2**99999999", "m**1e9", "h**1e400", "1/0", "mg/L/", "()"],
)
def test_a_unit_that_would_hang_or_crash_the_parser_is_refused_at_once(unit: str) -> None:
    with pytest.raises(InputError, match="expected a unit"):
        dimension(unit)


@given(st.text(max_size=150))
def test_any_text_at_all_is_a_unit_or_a_sentence(text: str) -> None:
    try:
        dimension(text)
    except InputError as problem:
        assert str(problem).isprintable()


@given(st.text(alphabet="0123456789.eE+-*/^() hdaymgLnMµ%", max_size=40))
def test_any_quantity_text_gives_a_finite_number_or_a_sentence(text: str) -> None:
    try:
        value, unit = parse(text, where="x", of="day", example="24 h")
    except InputError as problem:
        assert str(problem).startswith("x: expected")
    else:
        assert math.isfinite(value) and same_dimension(unit, "day")


def test_exponents_are_those_of_the_dimension_and_nothing_for_a_plain_number() -> None:
    assert exponents("mg/(L*h)") == {"[mass]": 1, "[length]": -3, "[time]": -1}
    assert exponents("percent") == exponents("") == exponents("h/day") == {}
    with pytest.raises(InputError):
        exponents("mgg")
