import pytest

from offtarget.reports.words import (
    count,
    found,
    interval,
    joined,
    months,
    number,
    percent,
    points,
    short_source,
)


@pytest.mark.parametrize(
    ("value", "digits", "shown"),
    [(979.23, 3, "979"), (0.00321, 2, "0.0032"), (2690.4, 4, "2690"), (0.0, 3, "0"), (1e-9, 3, "1.00e-09"),
     (12345.6, 3, "12346"), (0.5, 3, "0.5")],
)  # fmt: skip
def test_a_number_keeps_its_digits_and_avoids_exponents(value, digits, shown):
    assert number(value, digits) == shown


def test_what_is_not_a_number_is_said_in_words():
    nan = float("nan")
    assert {percent(nan), points(nan), number(nan)} == {"not estimable"}
    assert interval(1.0, nan) == "no interval"


def test_small_words():
    assert (months(24.0), months(1.5)) == ("24", "1.5")
    assert (count(1, "clone"), count(0, "clone")) == ("1 clone", "0 clones")
    assert (joined([]), joined(["a"]), joined(["a", "b", "c"])) == ("", "a", "a, b and c")


def test_a_source_that_is_not_in_the_list_is_named_by_its_key():
    assert found("nobody1900") is None
    assert short_source("nobody1900") == "nobody1900"
    assert short_source("larson2008").startswith("Larson")
    assert short_source("larson2008").endswith("2008")
