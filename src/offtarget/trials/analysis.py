"""From outcomes to what a paper reports: estimates at the reported times, and arms held against each other."""

from __future__ import annotations

import numpy as np

from offtarget.trials.result import Comparison, Estimate, Outcome
from offtarget.trials.statistics import (
    Curve,
    hazard_ratio,
    kaplan_meier,
    logrank,
    proportion,
    restricted_mean_difference,
)
from offtarget.trials.trial import MEASURES, Endpoint, Trial
from offtarget.units import DAYS_PER_MONTH

__all__ = ["compare", "estimate"]


def estimate(trial: Trial, outcomes: tuple[Outcome, ...]) -> tuple[Estimate, ...]:
    """Every endpoint in every arm at every reported time, beside the published figures.

    Args:
        trial: the study.
        outcomes: what happened to the patients.

    Returns:
        Estimates in percent with 95 % intervals: Kaplan-Meier with Greenwood's variance on the log-log scale (while no
        event has happened, Wilson's interval for those still followed), or a proportion with Wilson's interval. An
        endpoint whose clock never started has n = 0 and NaN.
    """
    found: list[Estimate] = []
    for endpoint in trial.endpoints:
        for arm in trial.arms:
            mine = [one for one in outcomes if (one.arm, one.endpoint) == (arm.name, endpoint.name)]
            if endpoint.at_visit:
                found += [
                    _at_visit(trial, endpoint, one, month)
                    for one, month in zip(mine, endpoint.report_at, strict=True)
                ]
            else:
                found += _over_time(trial, endpoint, mine[0])
    return tuple(found)


def _at_visit(trial: Trial, endpoint: Endpoint, outcome: Outcome, month: float) -> Estimate:
    n = int(outcome.patients.size)
    value, low, high = proportion(outcome.event, outcome.weight)
    published = trial.published_for(endpoint.name, outcome.arm, month)
    words = MEASURES[endpoint.measure]
    return Estimate(
        endpoint.name, outcome.arm, words, month, n, n, 100 * value, 100 * low, 100 * high, published
    )


def _over_time(trial: Trial, endpoint: Endpoint, outcome: Outcome) -> list[Estimate]:
    curve = kaplan_meier(outcome.time, outcome.event, outcome.weight)
    return [_at_time(trial, endpoint, outcome, curve, month) for month in endpoint.report_at]


def _at_time(trial: Trial, endpoint: Endpoint, outcome: Outcome, curve: Curve, month: float) -> Estimate:
    day = month * DAYS_PER_MONTH
    free, low, high = curve.at(day)
    n = int(outcome.patients.size)
    at_risk = int(np.count_nonzero(outcome.time >= day - 1e-6))
    if low == high and at_risk:  # no event yet, or only events: a curve without spread, not a certainty
        low, high = proportion(np.full(at_risk, free > 0.5))[1:]
    if endpoint.measure == "reached by":
        free, low, high = 1 - free, 1 - high, 1 - low
    published = trial.published_for(endpoint.name, outcome.arm, month)
    words = MEASURES[endpoint.measure]
    return Estimate(
        endpoint.name, outcome.arm, words, month, n, at_risk, 100 * free, 100 * low, 100 * high, published
    )


def compare(trial: Trial, outcomes: tuple[Outcome, ...]) -> tuple[Comparison, ...]:
    """Every arm against the first, on every time-to-event endpoint both have patients for.

    The arms hold the same patients, so intervals come from a variance clustered by patient; the log-rank test, which
    knows nothing of pairs, is the one a trial of independent patients would report.
    """
    found: list[Comparison] = []
    for endpoint in trial.endpoints:
        if endpoint.at_visit:
            continue
        by_arm = {one.arm: one for one in outcomes if one.endpoint == endpoint.name}
        first = by_arm[trial.arms[0].name]
        for arm in trial.arms[1:]:
            if first.patients.size and by_arm[arm.name].patients.size:
                found.append(_against(endpoint, by_arm[arm.name], first))
    return tuple(found)


def _against(endpoint: Endpoint, arm: Outcome, reference: Outcome) -> Comparison:
    time = np.concatenate([arm.time, reference.time])
    event = np.concatenate([arm.event, reference.event])
    weight = np.concatenate([arm.weight, reference.weight])
    patient = np.concatenate([arm.patients, reference.patients])
    treated = np.repeat([True, False], [arm.time.size, reference.time.size])
    horizon = min(
        float(arm.time.max()), float(reference.time.max()), max(endpoint.report_at) * DAYS_PER_MONTH
    )
    ratio = hazard_ratio(time, event, treated, weight=weight, cluster=patient)
    mean = restricted_mean_difference(time, event, treated, horizon=horizon, weight=weight, cluster=patient)
    return Comparison(
        endpoint.name, arm.arm, reference.arm, ratio.value, ratio.low, ratio.high,
        logrank(time, event, treated, weight=weight).p, mean.value / DAYS_PER_MONTH, mean.low / DAYS_PER_MONTH,
        mean.high / DAYS_PER_MONTH, horizon / DAYS_PER_MONTH,
    )  # fmt: skip
