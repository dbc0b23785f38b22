"""Promises of visits: a protocol's words become the days it means, and nothing else."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from offtarget.errors import InputError
from offtarget.trials.visits import duration, parse_visits
from offtarget.units import DAYS_PER_MONTH

HORIZON = 15 * 365.25


def test_a_protocol_with_two_phases_gives_monthly_then_quarterly_visits() -> None:
    visits = parse_visits("every 1 month until 12 months, then every 3 months", where="x", horizon=HORIZON)
    months = visits.days(36 * DAYS_PER_MONTH) / DAYS_PER_MONTH
    np.testing.assert_allclose(months, [*range(1, 13), *range(15, 37, 3)], rtol=0, atol=1e-9)


def test_visits_end_when_the_last_phase_does() -> None:
    visits = parse_visits("every 1 week until 4 weeks", where="x", horizon=HORIZON)
    np.testing.assert_allclose(visits.days(HORIZON), [7, 14, 21, 28])


@given(
    st.lists(st.tuples(st.integers(1, 6), st.integers(1, 24)), min_size=1, max_size=5), st.integers(1, 200)
)
def test_visits_are_ascending_and_within_the_horizon(phases: list[tuple[int, int]], horizon: int) -> None:
    until, texts = 0, []
    for every, more in phases:
        until += more
        texts.append(f"every {every} months until {until} months")
    visits = parse_visits(", then ".join(texts), where="x", horizon=horizon * DAYS_PER_MONTH)
    days = visits.days(horizon * DAYS_PER_MONTH)
    assert (np.diff(days) > 0).all()
    assert (days > 0).all()
    assert (days <= horizon * DAYS_PER_MONTH + 1e-6).all()


@given(st.integers(1, 100), st.integers(1, 100))
def test_a_longer_horizon_only_adds_visits(short: int, more: int) -> None:
    visits = parse_visits("every 1 month until 12 months, then every 3 months", where="x", horizon=HORIZON)
    few, many = visits.days(short * 30.0), visits.days((short + more) * 30.0)
    np.testing.assert_array_equal(few, many[: few.size])


@pytest.mark.parametrize(
    "text",
    ["", "monthly", "every", "every 1", "every -1 month", "every 0 days", "every 3 mg", "every month",
     "every 1 month, then every 3 months", "every 1 month until 12 months, then every 1 month until 6 months",
     "every 1 second", "every 1 month until", "every inf months", "every 1 month until 12"],
)  # fmt: skip
def test_words_that_are_not_a_visit_schedule_get_one_sentence(text: str) -> None:
    with pytest.raises(InputError, match=r"^study: visits: .*expected.*got.*\.$"):
        parse_visits(text, where="study: visits", horizon=HORIZON)


def test_a_duration_needs_a_unit_and_a_positive_number() -> None:
    assert duration("2 years", where="x") == 730.5
    for text in ("2", "-1 month", "0 h", "two months", "1 mg"):
        with pytest.raises(InputError, match="expected"):
            duration(text, where="x")
