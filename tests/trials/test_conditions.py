"""Promises of rules: a condition sees samples, one visit at a time, and means what its words say."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from offtarget.errors import InputError
from offtarget.trials.assay import Sample
from offtarget.trials.conditions import parse_condition
from offtarget.trials.history import History
from offtarget.units import DAYS_PER_MONTH

EVERYONE = np.array([True])
GAP = 6 * DAYS_PER_MONTH + 1


def _sample(measured: float, copies: float = 200_000, taken: bool = True) -> Sample:
    return Sample(
        measured=np.array([measured]), detected=np.array([measured > 0]), copies=np.array([copies]),
        taken=np.array([taken]),
    )  # fmt: skip


def _after(values: list[float | None], *, months: float = 1.0, history: Any = None) -> History:
    """The history of one patient seen every ``months``; None is a missed sample, 0 an undetectable one."""
    from offtarget.trials.assay import default_assay

    history = history or History(1, ("imatinib",), default_assay())
    for number, value in enumerate(values):
        day = np.array([number * months * DAYS_PER_MONTH])
        sample = _sample(0.0, taken=False) if value is None else _sample(value)
        history.record(EVERYONE, day, sample, gap=GAP)
    return history


def _holds(text: str, history: History) -> bool:
    return bool(parse_condition(text, where="x").holds(history)[0])


def test_a_level_is_met_at_its_threshold_and_not_above_it() -> None:
    assert _holds("MMR", _after([0.1]))
    assert not _holds("MMR", _after([0.1001]))
    assert _holds("MR4.5", _after([0.0032]))
    assert _holds("MR5", _after([0.0]))


def test_a_deep_response_counts_as_held_only_without_a_break() -> None:
    assert _holds("MR4.5 held 3 months", _after([50, 0.001, 0.002, 0.003, 0.001]))
    assert not _holds("MR4.5 held 3 months", _after([50, 0.001, 0.004, 0.003, 0.001]))
    assert not _holds("MR4.5 held 4 months", _after([50, 0.001, 0.002, 0.003, 0.001]))


def test_a_missed_sample_neither_makes_nor_breaks_a_response() -> None:
    assert _holds("MR4.5 held 3 months", _after([50, 0.001, None, None, 0.001]))
    history = _after([50, 0.001, None])
    assert not history.fresh[0]


def test_an_undetectable_sample_that_is_too_small_does_not_start_a_deep_response() -> None:
    history = _after([50.0])
    history.record(EVERYONE, np.array([30.0]), _sample(0.0, copies=12_000), gap=GAP)
    assert _holds("MR4", history)
    assert not _holds("MR4.5", history)


def test_mmr_can_be_lost_only_after_it_was_met() -> None:
    assert not _holds("MMR lost", _after([50, 20, 5]))
    assert _holds("MMR lost", _after([50, 0.05, 0.2]))
    assert not _holds("MMR lost, confirmed", _after([50, 0.05, 0.2]))
    assert _holds("MMR lost, confirmed", _after([50, 0.05, 0.2, 0.3]))


def test_a_rise_is_over_the_first_positive_sample_and_needs_a_second_one() -> None:
    assert _holds("1-log rise", _after([0.001, 0.01]))
    assert not _holds("1-log rise", _after([0.001, 0.009]))
    assert _holds(
        "1-log rise", _after([0.001, 0.004, 0.012])
    )  # tenfold over the first, though not over the last
    assert not _holds("1-log rise", _after([0.0, 0.05]))
    assert not _holds(
        "1-log rise", _after([0.001, 0.0, 0.02])
    )  # a negative sample between begins the count anew
    assert _holds("1-log rise", _after([0.001, None, 0.02]))


def test_a_level_is_met_by_the_latest_sample_not_by_an_earlier_one() -> None:
    history = _after([50.0, 0.0])
    assert _holds("MR4.5", history)
    history.record(EVERYONE, np.array([60.0]), _sample(0.0, copies=12_000), gap=GAP)
    assert not _holds("MR4.5", history)  # too small a sample to say so
    assert _holds("MR4", history)
    assert not _holds("MR4.5 held 20 days", history)  # nor does it show that the response still holds
    history.record(EVERYONE, np.array([90.0]), _sample(0.0), gap=GAP)
    assert _holds("MR4.5 held 50 days", history)  # but nothing broke the response


def test_a_response_cannot_be_held_over_a_gap_in_which_no_sample_showed_it() -> None:
    small = _sample(0.0, copies=12_000)  # undetectable, and too small to say MR4.5
    history = _after([0.0])
    for month in range(1, 6):
        history.record(EVERYONE, np.array([month * DAYS_PER_MONTH]), small, gap=GAP)
    history.record(EVERYONE, np.array([6 * DAYS_PER_MONTH]), _sample(0.0), gap=GAP)
    assert _holds("MR4.5 held 6 months", history)  # six months apart is near enough
    for month in range(7, 13):
        history.record(EVERYONE, np.array([month * DAYS_PER_MONTH]), small, gap=GAP)
    history.record(EVERYONE, np.array([13 * DAYS_PER_MONTH]), _sample(0.0), gap=GAP)
    assert not _holds("MR4.5 held 1 month", history)  # seven is not: the count begins anew
    history.record(EVERYONE, np.array([14 * DAYS_PER_MONTH]), _sample(0.0), gap=GAP)
    assert _holds("MR4.5 held 1 month", history)
    assert _holds("MR4 held 14 months", history)  # those samples were large enough for MR4


def test_a_confirmed_level_needs_the_sample_right_before_it() -> None:
    history = _after([0.0])
    history.record(EVERYONE, np.array([30.0]), _sample(0.0, copies=12_000), gap=GAP)
    history.record(EVERYONE, np.array([60.0]), _sample(0.0), gap=GAP)
    assert not _holds("MR4.5, confirmed", history)
    assert _holds("MR4, confirmed", history)


def test_and_binds_tighter_than_or() -> None:
    history = _after([50, 0.05])
    assert _holds("MMR or MR5 and MR5", history)
    assert not _holds("MR5 and MR5 or MR4", history)


def test_days_on_and_off_a_drug_are_counted_at_visits() -> None:
    history = _after([50.0])
    history.dose("imatinib", EVERYONE, np.array([90.0]), taking=EVERYONE, ended=np.array([0.0]))
    history.now = np.array([90.0])
    assert _holds("on imatinib 90 days", history)
    assert not _holds("on imatinib 91 days", history)
    assert not _holds("off imatinib 1 day", history)
    history.dose("imatinib", EVERYONE, np.array([0.0]), taking=~EVERYONE, ended=np.array([90.0]))
    history.now = np.array([120.0])
    assert _holds("off imatinib 30 days", history)
    assert not _holds("off imatinib 31 days", history)


@pytest.mark.parametrize(
    "text",
    ["", "MR9 held 3 months", "MMR held", "MMR held 3", "MMR held -3 months", "MMR lost for ever", "happy",
     "BCR-ABL1 > ten %", "x-log rise", "on imatinib", "after", "MMR and", "or MMR", "MMR held 3 mg",
     "BCR-ABL1 > 1.2.3 %", "400-log rise", "BCR-ABL1 > 101 %", f"BCR-ABL1 > {'9' * 400} %"],
)  # fmt: skip
def test_words_that_are_no_condition_get_one_sentence(text: str) -> None:
    with pytest.raises(InputError) as caught:
        parse_condition(text, where="study: rule 1: when")
    assert str(caught.value).startswith("study: rule 1: when")
    assert str(caught.value).count("\n") == 0


def test_the_earliest_day_of_a_condition_is_a_bound() -> None:
    assert (
        parse_condition("MMR held 12 months and on imatinib 36 months", where="x").earliest()
        == 36 * DAYS_PER_MONTH
    )
    assert (
        parse_condition("MMR held 12 months or on imatinib 36 months", where="x").earliest()
        == 12 * DAYS_PER_MONTH
    )
