"""What a complaint looks like."""

import pytest

from offtarget.errors import (
    Cancelled,
    InputError,
    OfftargetError,
    TooManyFailures,
    UnsupportedError,
    nearest,
    sentence,
    short,
)


def test_a_sentence_says_where_what_was_expected_what_came_and_what_to_do() -> None:
    said = sentence(
        "stop.toml: arm 2: regimen", expected='a duration such as "24 h"', got="24", then="Add a unit."
    )
    assert said == 'stop.toml: arm 2: regimen: expected a duration such as "24 h", got "24". Add a unit.'


def test_a_number_is_shown_as_a_number_and_a_text_in_quotes() -> None:
    assert sentence("a", expected="b", got=24).endswith("got 24.")
    assert sentence("a", expected="b", got="24").endswith('got "24".')
    assert sentence("a", expected="b", got=None).endswith("got nothing.")


_ODD = {
    "long text": "x" * 10_000, "control characters": "a\nb\r\nc\x00\x1b[31m\u2028", "long list": ["y"] * 10_000,
    "integer of thousands of digits": 10**5000, "bytes": b"\xff" * 999,
}  # fmt: skip


@pytest.mark.parametrize("got", _ODD.values(), ids=_ODD.keys())
def test_whatever_came_the_sentence_is_one_short_printable_line(got: object) -> None:
    said = sentence("file.toml: key", expected="a number", got=got)
    assert said.isprintable() and len(said) < 200


def test_a_value_nested_too_deep_to_print_still_gives_a_sentence() -> None:
    deep: list[object] = []
    for _ in range(100_000):
        deep = [deep]
    assert "too large to print" in sentence("a", expected="b", got=deep)
    while deep:  # unwind by hand: freeing it in one go recurses
        deep = deep[0]  # type: ignore[assignment]


@pytest.mark.parametrize("kind", [InputError, UnsupportedError, TooManyFailures, Cancelled])
def test_no_error_can_carry_more_than_one_printable_line(kind: type[OfftargetError]) -> None:
    said = str(kind('drug "\x1b[31m\ud800\n' + "x" * 5_000_000))
    assert said.isprintable() and len(said) == 2000 and said.startswith('drug "')


def test_short_keeps_what_fits_and_cuts_what_does_not() -> None:
    assert short("plain") == "plain"
    assert short("0123456789", 9) == "012345..."
    assert len(short("z" * 81)) == 80


def test_nearest_names_the_likeliest_and_stays_silent_when_nothing_is_near() -> None:
    assert nearest("imatinb", ["dasatinib", "imatinib"], kind="drug").endswith('Did you mean "imatinib"?')
    assert "Did you mean" not in nearest("zzz", ["dasatinib", "imatinib"], kind="drug")
    assert nearest("a", [], kind="drug") == "There are no drugs to choose from."


def test_nearest_lists_a_dozen_names_and_says_there_are_more() -> None:
    said = nearest("q", [f"name{number:02d}" for number in range(20)])
    assert "name11, ..." in said and "name12" not in said


@pytest.mark.parametrize("kind", [InputError, UnsupportedError, TooManyFailures, Cancelled])
def test_one_except_clause_catches_everything_raised_on_purpose(kind: type[OfftargetError]) -> None:
    assert issubclass(kind, OfftargetError)
    assert issubclass(kind, InputError) == (kind in (InputError, UnsupportedError))
