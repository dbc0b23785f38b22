"""Promises of the assay: counts are Poisson, luck belongs to patient and day, and scoring follows Cross et al. 2015."""

from dataclasses import replace
from itertools import pairwise
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy.stats import poisson

from offtarget.errors import InputError
from offtarget.evidence import cite
from offtarget.records import Table
from offtarget.trials.assay import (
    CONTROLS,
    LEVELS,
    ROW,
    Assay,
    Sample,
    default_assay,
    poisson_quantile,
    read_assay,
)

PEOPLE = np.arange(40_000, dtype=np.uint64)


def _with(**numbers: float) -> Assay:
    assay = default_assay()
    return replace(
        assay, **{key: replace(getattr(assay, key), value=value) for key, value in numbers.items()}
    )


def _measure(assay: Assay, truth: float, *, people: Any = PEOPLE, day: float = 90.0, seed: int = 7) -> Sample:
    size = people.size
    return assay.measure(np.full(size, truth), people, day=np.full(size, day), seed=seed)


def _sample(measured: float, copies: float, taken: bool = True) -> Sample:
    return Sample(
        measured=np.array([measured]), detected=np.array([measured > 0]), copies=np.array([copies]),
        taken=np.array([taken]),
    )  # fmt: skip


def _meets(assay: Assay, level: str, sample: Sample) -> bool:
    return bool(assay.scored(sample)[ROW[level], 0])


@given(st.lists(st.tuples(st.floats(1e-12, 1 - 1e-12), st.floats(-6, 6)), min_size=1, max_size=50))
def test_the_count_is_the_exact_poisson_quantile(pairs: list[tuple[float, float]]) -> None:
    probability = np.array([pair[0] for pair in pairs])
    mean = 10.0 ** np.array([pair[1] for pair in pairs])
    np.testing.assert_array_equal(poisson_quantile(probability, mean), poisson.ppf(probability, mean))


def test_a_quantile_on_the_edge_of_a_step_is_not_one_off() -> None:
    mean = np.repeat([0.5, 7.0, 120.0], 20)
    count = np.floor(mean) + np.tile(np.arange(20.0), 3) - np.minimum(np.floor(mean), 10)
    edge = poisson.cdf(count, mean)
    inside = (edge > 1e-9) & (edge < 1 - 1e-9)
    np.testing.assert_array_equal(poisson_quantile(edge[inside] * (1 - 1e-12), mean[inside]), count[inside])
    np.testing.assert_array_equal(
        poisson_quantile(edge[inside] * (1 + 1e-12), mean[inside]), count[inside] + 1
    )


@pytest.mark.parametrize("mean", [1e7, 1e9, 5e10, 1e12])
def test_a_count_too_large_to_tell_from_the_next_is_still_the_normal_quantile(mean: float) -> None:
    probability = np.array([1e-6, 0.3, 0.5, 0.999])
    normal = np.array([-4.753424308822899, -0.5244005127080409, 0.0, 3.090232306167813])
    count = poisson_quantile(probability, np.full(4, mean))
    np.testing.assert_allclose((count - mean) / np.sqrt(mean), normal, atol=0.01)


def test_without_end_is_a_great_many_and_no_number_is_none() -> None:
    count = poisson_quantile(np.array([0.5, 0.5]), np.array([np.inf, np.nan]))
    np.testing.assert_array_equal(count, [1e15, 0.0])


def test_a_mean_that_is_next_to_nothing_gives_nothing_or_next_to_nothing() -> None:
    """Of so small a mean the chance of two or more is half its square: 5e-17 is left out of every probability below."""
    mean = np.full(4, 1e-8)
    probability = np.array([1e-16, 0.5, 1 - 2e-8, 1 - 1e-9])
    np.testing.assert_array_equal(poisson_quantile(probability, mean), [0, 0, 0, 1])
    np.testing.assert_array_equal(poisson_quantile(probability, np.zeros(4)), 0)


def test_counts_vary_as_poisson_when_nothing_else_does() -> None:
    """40,000 samples of 100,000 controls at 0.02 %: mean and variance 20, each within five standard errors."""
    sample = _measure(_with(copies=100_000, copies_log_sd=0, error_log10_sd=0, missed=0), 0.02)
    count, n = sample.measured / 100 * 100_000, PEOPLE.size
    assert abs(count.mean() - 20) < 5 * np.sqrt(20 / n)
    assert abs(count.var() - 20) < 5 * 20 * np.sqrt((2 + 1 / 20) / n)


def test_runs_scatter_around_the_truth_by_the_stated_error() -> None:
    """At 1 % counts are large: log10 of the result has the error's spread and no bias, within five standard errors."""
    sample = _measure(_with(copies=1e7, copies_log_sd=0, error_log10_sd=0.15, missed=0), 1.0)
    logs = np.log10(sample.measured)
    assert abs(logs.mean()) < 5 * 0.15 / np.sqrt(PEOPLE.size)
    assert abs(logs.std() - 0.15) < 5 * 0.15 / np.sqrt(2 * PEOPLE.size) + 1e-5


def test_control_transcripts_have_the_stated_median_and_spread() -> None:
    assay = _with(missed=0)
    logs = np.log(_measure(assay, 10.0).copies)
    spread = assay.copies_log_sd.value
    assert abs(np.median(logs) - np.log(assay.copies.value)) < 5 * 1.2533 * spread / np.sqrt(PEOPLE.size)
    assert abs(logs.std() - spread) < 5 * spread / np.sqrt(2 * PEOPLE.size)


def test_no_leukaemia_is_undetectable() -> None:
    sample = _measure(default_assay(), 0.0)
    assert not sample.detected.any()
    assert (sample.measured == 0).all()


def test_the_lower_the_load_the_more_often_nothing_is_found() -> None:
    """A patient's luck is one quantile: whoever is undetectable at a load is so at every lower one."""
    found = [_measure(default_assay(), truth).detected for truth in (1e-5, 1e-4, 1e-3, 1e-2, 1e-1)]
    for lower, higher in pairwise(found):
        assert not (lower & ~higher).any()
        assert lower.sum() < higher.sum()
    exact = _measure(_with(copies=100_000, copies_log_sd=0, error_log10_sd=0), 1e-3)
    assert abs((~exact.detected).mean() - np.exp(-1)) < 5 * np.sqrt(0.2325 / PEOPLE.size)


def test_the_stated_share_of_visits_brings_no_sample() -> None:
    """40,000 visits at 5 %: the binomial standard error is 0.11 %; the bound is five of them."""
    taken = _measure(_with(missed=0.05), 1.0).taken
    assert abs((~taken).mean() - 0.05) < 5 * np.sqrt(0.05 * 0.95 / PEOPLE.size)
    assert _measure(_with(missed=0, copies_log_sd=0), 1.0).taken.all()


def test_the_first_hundred_of_a_thousand_are_the_hundred() -> None:
    few, many = (_measure(default_assay(), 0.01, people=PEOPLE[:n]) for n in (100, 1000))
    for name in ("measured", "detected", "copies", "taken"):
        np.testing.assert_array_equal(getattr(few, name), getattr(many, name)[:100])


def test_a_patient_has_the_same_luck_in_two_arms_on_one_day_and_other_luck_on_another() -> None:
    people = PEOPLE[:500]
    truth, day = np.full(500, 0.05), np.linspace(30, 3000, 500)
    one, other = (default_assay().measure(truth, people, day=day, seed=3) for _ in range(2))
    np.testing.assert_array_equal(one.measured, other.measured)
    halved = default_assay().measure(truth / 2, people, day=day, seed=3)
    np.testing.assert_array_equal(one.copies, halved.copies)
    assert (halved.measured <= one.measured).all()
    next_week = default_assay().measure(truth, people, day=day + 7, seed=3)
    assert (next_week.copies != one.copies).mean() > 0.99
    reseeded = default_assay().measure(truth, people, day=day, seed=4)
    assert (reseeded.copies != one.copies).mean() > 0.99


def test_missing_visits_changes_no_result_that_was_had() -> None:
    never, often = _measure(_with(missed=0), 0.05), _measure(_with(missed=0.5), 0.05)
    np.testing.assert_array_equal(never.measured, often.measured)


@pytest.mark.parametrize("level", [name for name in LEVELS if name != "undetectable"])
def test_a_level_is_met_at_its_threshold_and_not_above_it(level: str) -> None:
    assay, at = default_assay(), LEVELS[level]
    assert _meets(assay, level, _sample(at, 1e6))
    assert not _meets(assay, level, _sample(at * 1.0001, 1e6))
    assert not _meets(assay, level, _sample(at / 2, 1e6, taken=False))


@pytest.mark.parametrize(("level", "needed"), CONTROLS.items())
def test_a_deep_level_needs_a_large_enough_sample_found_or_not(level: str, needed: float) -> None:
    assay = default_assay()
    for measured in (0.0, LEVELS[level] / 2):
        assert _meets(assay, level, _sample(measured, needed))
        assert not _meets(assay, level, _sample(measured, needed - 1))
    of_this_study = replace(assay, sensitivity=level)
    assert _meets(of_this_study, "undetectable", _sample(0.0, needed))
    assert not _meets(of_this_study, "undetectable", _sample(0.0, needed - 1))
    assert not _meets(of_this_study, "undetectable", _sample(1e-4, 1e7))


def test_whoever_meets_a_level_meets_the_shallower_ones() -> None:
    sample = _measure(default_assay(), 2e-3)
    scored = default_assay().scored(sample)
    met = [scored[ROW[level]] for level in ("MMR", "MR4", "MR4.5", "MR5")]
    for shallow, deep in pairwise(met):
        assert not (deep & ~shallow).any()
        assert deep.any()


def test_a_study_says_only_what_differs_and_each_number_keeps_its_grade() -> None:
    assert read_assay(Table({}, "s.toml: assay")) == default_assay()
    deep = read_assay(Table({"sensitivity": "MR5", "missed": 0.1}, "s.toml: assay"))
    assert deep.sensitivity == "MR5"
    assert deep.missed.value == 0.1
    assert deep.copies.value > default_assay().copies.value
    assert deep.can_show("MR5")
    assert deep.limit() == 0.001
    assert not _with(copies=500, copies_log_sd=0.1).can_show("MR4")
    assert [one.key for one in cite(deep)] == ["cross2015"]


@pytest.mark.parametrize(
    "wrong",
    [
        {"sensitivity": "MR6"}, {"sensitivity": 4.5}, {"copies": 0}, {"copies": "many"}, {"missed": 1.0},
        {"missed": -0.1}, {"error_log10_sd": -0.2}, {"error_log10_sd": float("nan")}, {"copies_log_sd": True},
        {"colour": "red"},
    ],
)  # fmt: skip
def test_a_wrong_assay_is_one_sentence_that_names_its_key(wrong: dict[str, Any]) -> None:
    with pytest.raises(InputError, match=rf"s\.toml: assay: {next(iter(wrong))}"):
        read_assay(Table(wrong, "s.toml: assay"))
