"""Promises of the statistics: what lifelines, theory and repeated sampling say, ours says too."""

from __future__ import annotations

from typing import Any

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from lifelines import CoxPHFitter, KaplanMeierFitter
from lifelines.statistics import multivariate_logrank_test
from lifelines.utils import restricted_mean_survival_time

from offtarget.errors import InputError
from offtarget.randomness import stream
from offtarget.trials.statistics import (
    hazard_ratio,
    kaplan_meier,
    logrank,
    proportion,
    restricted_mean,
    restricted_mean_difference,
)

# Freireich et al. 1963: weeks of remission on 6-mercaptopurine (censored ones marked) and on placebo.
DRUG = np.array([6, 6, 6, 7, 10, 13, 16, 22, 23, 6, 9, 10, 11, 17, 19, 20, 25, 32, 32, 34, 35], float)
DRUG_EVENT = np.array([True] * 9 + [False] * 12)
PLACEBO = np.array([1, 1, 2, 2, 3, 4, 4, 5, 5, 8, 8, 8, 8, 11, 11, 12, 12, 15, 17, 22, 23], float)
TIME = np.concatenate([DRUG, PLACEBO])
EVENT = np.concatenate([DRUG_EVENT, np.ones(21, bool)])
TREATED = np.repeat([True, False], 21)

tables = st.lists(
    st.tuples(st.integers(0, 12), st.booleans(), st.booleans(), st.integers(1, 4)), min_size=4, max_size=60
)


def _split(rows: list[Any]) -> tuple[Any, Any, Any, Any]:
    time, event, treated, weight = map(np.array, zip(*rows, strict=True))
    return time.astype(float) + 1, event, treated, weight.astype(float)


def test_freireich_s_trial_gives_the_figures_in_every_textbook() -> None:
    curve = kaplan_meier(DRUG, DRUG_EVENT)
    assert curve.at(6)[0] == pytest.approx(0.857, abs=5e-4)
    assert curve.at(10)[0] == pytest.approx(0.753, abs=5e-4)
    assert curve.at(23)[0] == pytest.approx(0.448, abs=5e-4)
    assert logrank(TIME, EVENT, TREATED).statistic == pytest.approx(16.79, abs=5e-3)
    assert np.log(hazard_ratio(TIME, EVENT, TREATED).value) == pytest.approx(-1.572, abs=1e-3)


@settings(max_examples=60, deadline=None)
@given(tables)
def test_kaplan_meier_with_greenwood_agrees_with_lifelines(rows: list[Any]) -> None:
    time, event, _, weight = _split(rows)
    theirs = KaplanMeierFitter().fit(time, event)
    ours = kaplan_meier(time, event)
    for at in np.unique(time):
        survival, low, high = ours.at(at)
        assert survival == pytest.approx(float(theirs.predict(at)), abs=1e-9)
        band = theirs.confidence_interval_survival_function_.loc[at].to_numpy()
        if 0 < survival < 1:
            np.testing.assert_allclose([low, high], band, atol=1e-9)
    weighted = KaplanMeierFitter().fit(time, event, weights=weight.astype(int))
    mine = kaplan_meier(time, event, weight)
    for at in np.unique(time):
        assert mine.at(at)[0] == pytest.approx(float(weighted.predict(at)), abs=1e-9)


@settings(max_examples=60, deadline=None)
@given(tables)
def test_the_log_rank_test_agrees_with_lifelines(rows: list[Any]) -> None:
    time, event, treated, weight = _split(rows)
    group = treated.astype(int) + 2 * (weight > 2)
    ours = logrank(time, event, group)
    if np.unique(group).size < 2 or not event.any():
        assert np.isnan(ours.p)
        return
    theirs = multivariate_logrank_test(time, group, event)
    if np.isfinite(theirs.test_statistic) and theirs.p_value > 1e-12:
        assert ours.statistic == pytest.approx(theirs.test_statistic, abs=1e-6)


@settings(max_examples=40, deadline=None)
@given(tables)
def test_the_hazard_ratio_agrees_with_lifelines(rows: list[Any]) -> None:
    time, event, treated, weight = _split(rows)
    if not ((event & treated).sum() > 1 and (event & ~treated).sum() > 1 and (~event).any()):
        return
    frame = pd.DataFrame(
        {"t": time, "e": event, "x": treated.astype(float), "w": weight, "id": np.arange(time.size) // 2}
    )
    ours = hazard_ratio(time, event, treated)
    if not 1e-2 < ours.value < 1e2:
        return
    theirs = CoxPHFitter().fit(frame[["t", "e", "x"]], "t", "e")
    assert np.log(ours.value) == pytest.approx(theirs.params_["x"], abs=1e-4)
    assert ours.log_error == pytest.approx(theirs.standard_errors_["x"], abs=1e-4)


def test_the_clustered_variance_agrees_with_lifelines() -> None:
    luck = stream(3, "test")
    time = -np.log(luck.uniform(np.arange(200))) * 10
    event = luck.uniform(np.arange(200), 1) < 0.7
    treated = np.arange(200) % 2 == 0
    patient = np.arange(200) // 2
    frame = pd.DataFrame({"t": time, "e": event, "x": treated.astype(float), "id": patient})
    theirs = CoxPHFitter().fit(frame, "t", "e", cluster_col="id", robust=True)
    ours = hazard_ratio(time, event, treated, cluster=patient)
    # lifelines stops Newton's method a little early: its slope is not quite zero
    assert np.log(ours.value) == pytest.approx(theirs.params_["x"], abs=2e-4)
    assert ours.log_error == pytest.approx(theirs.standard_errors_["x"], rel=1e-3)


@pytest.mark.filterwarnings("ignore::scipy.integrate.IntegrationWarning")
def test_the_restricted_mean_agrees_with_lifelines() -> None:
    theirs = restricted_mean_survival_time(KaplanMeierFitter().fit(DRUG, DRUG_EVENT), t=20.0)
    assert restricted_mean(DRUG, DRUG_EVENT, horizon=20.0)[0] == pytest.approx(float(theirs), abs=1e-6)
    difference = restricted_mean_difference(TIME, EVENT, TREATED, horizon=20.0)
    assert difference.low < difference.value < difference.high


def test_without_censoring_the_restricted_mean_is_a_mean_with_the_error_of_a_mean() -> None:
    kept = np.minimum(PLACEBO, 10.0)
    area, error = restricted_mean(PLACEBO, np.ones(21, bool), horizon=10.0)
    assert area == pytest.approx(kept.mean())
    assert error == pytest.approx(kept.std() / np.sqrt(21))


def test_the_error_of_the_restricted_mean_is_its_spread_over_repeated_trials() -> None:
    """2,000 censored trials of 80: the spread of the means is known to 1.6 %; the bound is 5 %."""
    luck = stream(13, "area")
    rows = np.arange(2000)[:, None]
    time = -np.log(luck.uniform(rows, np.arange(80))) * 10.0
    stop = 6.0 - 6.0 * np.log(luck.uniform(rows, 1000 + np.arange(80)))
    found = np.array(
        [restricted_mean(np.minimum(t, c), t <= c, horizon=6.0) for t, c in zip(time, stop, strict=True)]
    )
    assert found[:, 0].std() == pytest.approx(found[:, 1].mean(), rel=0.05)


def test_arms_that_share_their_patients_differ_with_less_error_than_arms_that_do_not() -> None:
    """Arms without censoring: the clustered interval is the paired t statistic's, up to n for n - 1."""
    luck = stream(14, "pairs")
    patient = np.arange(400)
    one = -np.log(luck.uniform(patient)) * 10.0
    other = np.minimum(one * 1.2 + luck.uniform(patient, 1), 8.0)
    time = np.minimum(np.concatenate([one, other]), 8.0)
    event, treated = np.ones(800, bool), np.repeat([True, False], 400)
    apart = restricted_mean_difference(time, event, treated, horizon=8.0)
    paired = restricted_mean_difference(time, event, treated, horizon=8.0, cluster=np.tile(patient, 2))
    assert apart.value == pytest.approx(paired.value)
    gap = time[:400] - time[400:]
    assert paired.high - paired.value == pytest.approx(1.959964 * gap.std() / 20.0, rel=1e-6)
    assert paired.high - paired.low < (apart.high - apart.low) / 2


@settings(max_examples=60, deadline=None)
@given(tables)
def test_any_table_gives_numbers_and_never_a_traceback(rows: list[Any]) -> None:
    time, event, treated, weight = _split(rows)
    for w in (None, weight):
        curve = kaplan_meier(time - 1, event, w)
        assert (np.diff(curve.survival) <= 1e-15).all()
        inside = (curve.survival > 0) & (curve.survival < 1)
        assert ((curve.low <= curve.survival) & (curve.survival <= curve.high))[inside].all()
        ratio = hazard_ratio(time, event, treated, weight=w, cluster=np.arange(time.size) // 2)
        assert np.isnan(ratio.value) or ratio.value >= 0
        assert (
            np.isnan(logrank(time, event, treated, weight=w).p) or 0 <= logrank(time, event, treated).p <= 1
        )
        mean = restricted_mean_difference(time, event, treated, horizon=3.0, weight=w)
        assert np.isnan(mean.value) or mean.low <= mean.value <= mean.high


@settings(max_examples=40, deadline=None)
@given(tables)
def test_equal_weights_change_nothing_and_whole_weights_count_patients(rows: list[Any]) -> None:
    time, event, _, weight = _split(rows)
    plain, doubled = kaplan_meier(time, event), kaplan_meier(time, event, np.full(time.shape, 2.0))
    np.testing.assert_allclose(plain.survival, doubled.survival)
    np.testing.assert_allclose(plain.variance, doubled.variance, atol=1e-12)
    repeated = np.repeat(np.arange(time.size), weight.astype(int))
    many = kaplan_meier(time[repeated], event[repeated])
    np.testing.assert_allclose(kaplan_meier(time, event, weight).survival, many.survival, atol=1e-12)


def test_ninety_five_percent_intervals_cover_between_93_and_97_percent() -> None:
    """2,000 trials of 80 patients, exponential times, half censored; the binomial error of a coverage is 0.5 %."""
    trials, n, at = 2000, 80, 8.0
    luck = stream(11, "coverage")
    rows = np.arange(trials)[:, None]
    time = -np.log(luck.uniform(rows, np.arange(n))) * 10.0
    stop = -np.log(luck.uniform(rows, 1000 + np.arange(n))) * 20.0
    held, wilson = 0, 0
    for trial in range(trials):
        curve = kaplan_meier(np.minimum(time[trial], stop[trial]), time[trial] <= stop[trial])
        _, low, high = curve.at(at)
        held += low <= np.exp(-0.8) <= high
        _, low, high = proportion(time[trial] > at)
        wilson += low <= np.exp(-0.8) <= high
    assert 0.93 < held / trials < 0.97
    assert 0.93 < wilson / trials < 0.97


def test_the_log_rank_test_rejects_one_true_null_in_twenty() -> None:
    """2,000 trials without a difference; the binomial error of a rate of 5 % is 0.5 %."""
    luck = stream(12, "null")
    time = -np.log(luck.uniform(np.arange(2000)[:, None], np.arange(60)))
    group = np.arange(60) % 2
    rejected = np.mean([logrank(row, np.ones(60, bool), group).p < 0.05 for row in time])
    assert 0.03 < rejected < 0.07


@settings(max_examples=40, deadline=None)
@given(tables)
def test_the_unit_of_the_weights_changes_no_test_and_no_interval(rows: list[Any]) -> None:
    time, event, treated, weight = _split(rows)
    one, ten = (
        (
            logrank(time, event, treated, weight=w).p,
            hazard_ratio(time, event, treated, weight=w).high,
            kaplan_meier(time, event, w).at(4.0)[1],
            proportion(event, w)[1],
            restricted_mean(time, event, horizon=4.0, weight=w)[1],
        )
        for w in (weight, 10 * weight)
    )
    np.testing.assert_allclose(one, ten, rtol=1e-6, atol=1e-9)
    np.testing.assert_allclose(
        logrank(time, event, treated).p, logrank(time, event, treated, weight=np.full(time.shape, 3.0)).p
    )


def test_weighted_tests_and_intervals_keep_their_error_rates() -> None:
    """2,000 trials of 100 whose weights vary fourfold and do not matter: 5 % errors within 2 percentage points."""
    luck = stream(15, "weighted")
    rows, who = np.arange(2000)[:, None], np.arange(100)
    time = -np.log(luck.uniform(rows, who)) * 10.0
    stop = -np.log(luck.uniform(rows, 1000 + who)) * 20.0
    weights = 4.0 ** luck.uniform(rows, 2000 + who)
    group = who % 2 == 0
    wrong = np.zeros(4)
    for t, c, w in zip(time, stop, weights, strict=True):
        seen, event = np.minimum(t, c), t <= c
        _, low, high = kaplan_meier(seen, event, w).at(8.0)
        ratio = hazard_ratio(seen, event, group, weight=w)
        mean = restricted_mean_difference(seen, event, group, horizon=8.0, weight=w)
        wrong += [
            not low <= np.exp(-0.8) <= high,
            not ratio.low <= 1 <= ratio.high,
            logrank(seen, event, group, weight=w).p < 0.05,
            not mean.low <= 0 <= mean.high,
        ]
    assert (wrong / 2000 > 0.03).all()
    assert (wrong / 2000 < 0.07).all()


@pytest.mark.parametrize(
    ("time", "treated", "expected"),
    [
        (
            [1, 2, 3, 4],
            [1, 1, 0, 0],
            np.inf,
        ),  # every treated event comes while both are at risk, then only others are
        ([1, 2, 3, 4], [0, 0, 1, 1], 0.0),
        ([1, 1], [1, 1], np.nan),
        ([2, 2, 1, 1], [1, 1, 1, 1], np.nan),
    ],
)
def test_a_likelihood_without_a_maximum_gives_zero_or_infinity(
    time: list[int], treated: list[int], expected: float
) -> None:
    ratio = hazard_ratio(time, np.ones(len(time), bool), treated, cluster=np.arange(len(time)))
    np.testing.assert_equal(ratio.value, expected)
    with pytest.raises(InputError, match="one length"):
        hazard_ratio(time, [True], treated)


def test_edges_are_said_honestly() -> None:
    nobody = kaplan_meier([], [])
    assert np.isnan(nobody.at(1.0)).all()
    assert np.isnan(proportion([])).all()
    all_free = kaplan_meier([5.0, 6.0], [False, False])
    assert all_free.at(5.0) == (1.0, 1.0, 1.0)
    assert np.isnan(all_free.at(7.0)).all()
    all_gone = kaplan_meier([1.0, 1.0], [True, True])
    assert all_gone.at(3.0)[0] == 0.0
    assert np.isnan(logrank([1.0, 2.0], [True, True], [1, 1]).p)
    assert np.isnan(hazard_ratio([1.0, 2.0], [False, False], [True, False]).value)
    assert hazard_ratio([3.0, 2.0], [False, True], [True, False]).value == 0.0
    assert np.isnan(hazard_ratio([1.0, 2.0], [False, True], [True, False]).value)  # the treated one had left
    assert hazard_ratio([1.0, 2.0], [True, False], [True, False]).value == np.inf
    assert proportion([False] * 10)[1] == 0.0
    assert proportion([True] * 10)[2] == 1.0
    for time, weight in (([-1.0], [1.0]), ([np.nan], [1.0]), ([1.0], [-1.0]), ([1.0, 2.0], [1.0])):
        with pytest.raises(InputError, match="expected"):
            kaplan_meier(time, [True] * len(time), weight)
