"""Promises of times: written in a unit, never read in another."""

from __future__ import annotations

import re
from dataclasses import replace

import numpy as np
import pytest

from offtarget.errors import InputError
from offtarget.models.sbml import read_model
from offtarget.simulation.clock import parse_times, settle

MODEL = replace(read_model("model m\n a' = -a\n a = 1\nend", where="m"), time_unit="h")


@pytest.mark.parametrize(
    ("text", "values", "unit"),
    [
        ("0:180:60 day", [0, 60, 120, 180], "day"),
        ("0:1:0.3h", [0, 0.3, 0.6, 0.9], "h"),
        ("0, 1, 2.5 h", [0, 1, 2.5], "h"),
        ("1e1 week", [10], "week"),
        (" 2:3:.5  month ", [2, 2.5, 3], "month"),
        ("0:2:1", [0, 1, 2], None),
    ],
)
def test_times_are_what_they_say(text: str, values: list[float], unit: str | None) -> None:
    found = parse_times(text)
    assert found.values.tolist() == values
    assert found.unit == unit


@pytest.mark.parametrize(
    "text",
    ["", "day", "0:10 day", "0:10:0 day", "0:10:-1 day", "10:0:1 day", "2, 1 h", "1, 1 h", "-1, 0 h", "0:1:1 mg",
     "0:1:1 dayz", "1, x h", "nan h", "inf:1:1 h", "0:1e9:1e-9 h", "0::1 h", "0:1:1:1 h", "1 2 h", "0:1:1 h h",
     "1e999 h", "--1 h", "1,,2 h", "0:1:1 day; rm", "\x00", "9" * 2_000_000],
)  # fmt: skip
def test_what_is_no_times_is_a_sentence(text: str) -> None:
    with pytest.raises(InputError, match=r"^times") as problem:
        parse_times(text)
    assert "\n" not in str(problem.value)


def test_times_of_a_range_are_the_decimals_that_were_written() -> None:
    assert parse_times("0:1:0.1 day").values.tolist() == [0, 0.1, 0.2, 0.3, 0.4, 0.5, 0.6, 0.7, 0.8, 0.9, 1.0]


def test_a_model_with_a_unit_of_time_needs_one_beside_the_times() -> None:
    with pytest.raises(InputError, match='write "h" after the numbers'):
        settle(MODEL, stated=True, times=parse_times("0:1:1"), header=None, has_events=False)
    _, clock, notes = settle(
        MODEL, stated=True, times=parse_times("0:1:1 day"), header=None, has_events=False
    )
    assert (clock.model, clock.shown, notes) == ("h", "day", ())
    assert clock.to_model(np.array([2.0]), "day").tolist() == [48.0]


def test_a_model_without_a_unit_of_time_runs_in_the_one_that_is_stated() -> None:
    model, clock, notes = settle(
        MODEL, stated=False, times=parse_times("0:1:1 day"), header=None, has_events=True
    )
    assert (model.time_unit, clock.model, clock.bare, clock.shown) == ("day", "day", "day", "day")
    assert "states no unit of time" in notes[0]
    model, clock, _ = settle(MODEL, stated=False, times=None, header="week", has_events=True)
    assert (model.time_unit, clock.shown) == ("week", "week")
    model, clock, _ = settle(MODEL, stated=False, times=parse_times("0:1:1"), header=None, has_events=True)
    assert (model.time_unit, clock.shown) == ("", "")


@pytest.mark.parametrize("unit", ["7200 s", "unit t", "mol", "s^2"])
def test_a_model_in_a_unit_of_time_without_a_name_is_refused_and_not_read_in_days(unit: str) -> None:
    with pytest.raises(InputError, match=rf"^{MODEL.id}: time: expected .* got .?{re.escape(unit)}"):
        settle(
            replace(MODEL, time_unit=unit),
            stated=True, times=parse_times("0:180:1 day"), header=None, has_events=False,
        )  # fmt: skip


def test_event_times_without_a_unit_are_never_guessed_between_two() -> None:
    with pytest.raises(
        InputError, match=r"regimen: TIME: expected a unit in the header, such as .TIME \[day\]."
    ):
        settle(MODEL, stated=True, times=parse_times("0:1:1 day"), header=None, has_events=True)
    _, clock, notes = settle(MODEL, stated=True, times=parse_times("0:1:1 h"), header=None, has_events=True)
    assert clock.bare == "h"
    assert "read in h" in notes[0]
