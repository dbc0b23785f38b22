"""Promises of paired differences: the textbook interval without censoring, honest coverage, less spread for pairs."""

from __future__ import annotations

import numpy as np
import pytest
from numpy.typing import NDArray

from offtarget.trials.differences import differences, paired_difference
from offtarget.trials.result import Outcome
from offtarget.trials.statistics import kaplan_meier
from offtarget.units import DAYS_PER_MONTH

Z = 1.959963984540054


def _wilson(events: int, n: int) -> tuple[float, float]:
    p = events / n
    centre, width = (p + Z * Z / (2 * n)), Z * np.sqrt(p * (1 - p) / n + Z * Z / (4 * n * n))
    return (centre - width) / (1 + Z * Z / n), (centre + width) / (1 + Z * Z / n)


def _newcombe(a: int, b: int, c: int, d: int) -> tuple[float, float, float]:
    """Newcombe's paired interval from the four-fold table: both, first only, second only, neither."""
    n = a + b + c + d
    p, q = (a + b) / n, (a + c) / n
    (l1, u1), (l2, u2) = _wilson(a + b, n), _wilson(a + c, n)
    margin = (a + b) * (c + d) * (a + c) * (b + d)
    phi = (a * d - b * c) / np.sqrt(margin) if margin else 0.0
    low = np.sqrt((p - l1) ** 2 - 2 * phi * (p - l1) * (u2 - q) + (u2 - q) ** 2)
    high = np.sqrt((u1 - p) ** 2 - 2 * phi * (u1 - p) * (q - l2) + (q - l2) ** 2)
    return p - q, p - q - low, p - q + high


def _fourfold(a: int, b: int, c: int, d: int) -> tuple[NDArray[np.bool_], NDArray[np.int64]]:
    """Who is free of the event in the first arm and in the second, and of which patient the row is."""
    first, second = np.repeat([1, 1, 0, 0], [a, b, c, d]), np.repeat([1, 0, 1, 0], [a, b, c, d])
    n = first.size
    return np.concatenate([first, second]) == 1, np.tile(np.arange(n), 2)


@pytest.mark.parametrize(
    "table", [(36, 12, 2, 0), (10, 5, 5, 30), (0, 3, 0, 97), (20, 0, 0, 30), (0, 0, 0, 50)]
)
def test_without_censoring_the_interval_is_newcombe_s_for_pairs(table: tuple[int, int, int, int]) -> None:
    free, patient = _fourfold(*table)
    treated = np.arange(free.size) < free.size // 2
    time = np.where(free, 100.0, 10.0)
    found = paired_difference(time, ~free, treated, patient, at=50.0)
    np.testing.assert_allclose((found.value, found.low, found.high), _newcombe(*table), atol=1e-12)
    ever = paired_difference(time, ~free, treated, patient, at=np.inf)
    assert ever == found


def test_pairs_that_go_together_have_a_narrower_interval_than_strangers() -> None:
    free, patient = _fourfold(60, 10, 5, 25)
    treated = np.arange(free.size) < free.size // 2
    pairs = paired_difference(np.where(free, 9.0, 1.0), ~free, treated, patient, at=5.0)
    apart = paired_difference(np.where(free, 9.0, 1.0), ~free, treated, np.arange(free.size), at=5.0)
    assert pairs.value == apart.value
    assert pairs.high - pairs.low < 0.8 * (apart.high - apart.low)


def test_each_patient_s_pull_is_what_a_little_more_of_that_patient_does_to_the_curve() -> None:
    from offtarget.trials.differences import _share

    luck = np.random.Generator(np.random.Philox(5))
    n, at = 60, 8.0
    time, event = np.ceil(luck.exponential(8.0, n)), luck.random(n) < 0.6
    weight = 0.5 + luck.random(n)
    found, pull = _share(time, event, weight, at)
    assert found.value == pytest.approx(kaplan_meier(time, event, weight).at(at)[0])
    step = 1e-6
    for i in range(n):
        more = weight.copy()
        more[i] *= 1 + step
        moved = (kaplan_meier(time, event, more).at(at)[0] - found.value) / step
        assert pull[i] == pytest.approx(moved, abs=1e-5)
    assert pull.sum() == pytest.approx(0.0, abs=1e-12)


@pytest.mark.parametrize("rare", [False, True])
def test_the_interval_holds_the_truth_as_often_as_it_says(rare: bool) -> None:
    """400 trials of 300 pairs with censoring: fewer than 92 or more than 98 % would be chance once in 200."""
    luck = np.random.Generator(np.random.Philox(9))
    runs, n = 400, 300
    slow, fast = (0.0005, 0.0015) if rare else (0.03, 0.05)
    truth, hits = np.exp(-10 * fast) - np.exp(-10 * slow), 0
    for _ in range(runs):
        shared = -np.log(luck.random(n))  # the same luck in both arms, at another speed
        times = [np.maximum(shared / rate, 1e-9) for rate in (fast, slow)]
        lost = [luck.exponential(40.0, n) for _ in range(2)]
        time = np.concatenate([np.minimum(one, other) for one, other in zip(times, lost, strict=True)])
        event = np.concatenate([one <= other for one, other in zip(times, lost, strict=True)])
        found = paired_difference(time, event, np.repeat([True, False], n), np.tile(np.arange(n), 2), at=10.0)
        hits += found.low <= truth <= found.high
    assert 0.92 <= hits / runs <= (1.0 if rare else 0.98)


def test_two_arms_without_any_event_differ_by_nothing_with_an_interval() -> None:
    n = 50
    found = paired_difference(np.full(2 * n, 30.0), np.zeros(2 * n, bool), np.repeat([True, False], n),
                              np.tile(np.arange(n), 2), at=20.0)  # fmt: skip
    assert found.value == 0.0
    assert -0.15 < found.low < -0.05 and 0.05 < found.high < 0.15
    late = paired_difference(np.full(2 * n, 30.0), np.zeros(2 * n, bool), np.repeat([True, False], n),
                             np.tile(np.arange(n), 2), at=40.0)  # fmt: skip
    assert np.isnan(late.value)


def test_a_difference_is_reported_as_its_endpoint_is(make_trial: object) -> None:
    trial = make_trial()  # type: ignore[operator]
    n, month = 40, DAYS_PER_MONTH

    def outcome(arm: str, endpoint: str, events: int, time: float) -> Outcome:
        event = np.arange(n) < events
        when = np.where(event, time, 60 * month)
        return Outcome(arm, endpoint, np.arange(n, dtype=np.uint64), np.zeros(n), when, event, np.ones(n))

    outcomes = tuple(
        outcome(arm, endpoint, events, 5 * month)
        for arm, events in (("stop", 10), ("go on", 20)) for endpoint in ("free", "MMR by", "MMR at")
    )  # fmt: skip
    found = {(one.endpoint, one.month): one for one in differences(trial, outcomes)}
    assert found["free", 6.0].value == pytest.approx(-25.0)
    assert found["MMR by", 12.0].value == pytest.approx(25.0)
    assert found["MMR at", 12.0].value == pytest.approx(25.0)
    assert found["MMR by", 12.0].low == pytest.approx(-found["free", 6.0].high)
    for one in found.values():
        assert (one.arm, one.reference, one.pairs) == ("go on", "stop", n)
        assert one.low < one.value < one.high


def test_arms_without_patients_in_common_time_are_left_out(make_trial: object) -> None:
    trial = make_trial()  # type: ignore[operator]
    empty = np.zeros(0)
    outcomes = tuple(
        Outcome(arm, endpoint, np.zeros(0, np.uint64), empty, empty, empty.astype(bool), empty)
        for arm in ("stop", "go on") for endpoint in ("free", "MMR by", "MMR at")
    )  # fmt: skip
    assert differences(trial, outcomes) == ()
