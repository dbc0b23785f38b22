"""How much more often an event happens in one arm than in another that holds the same patients, with an interval.

Each arm's own 95 % limits are put together as distances are (the square-and-add method: Newcombe, Stat Med
1998;17:2635; Zou and Donner, Stat Med 2008;27:1693), less what the arms have in common: what befalls a patient in one
arm goes with what befalls the same patient in the other. Without censoring this is Newcombe's interval for paired
proportions.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import ArrayLike, NDArray

from offtarget.trials.result import Difference, Outcome
from offtarget.trials.statistics import Interval, kaplan_meier, proportion
from offtarget.trials.trial import Endpoint, Trial
from offtarget.units import DAYS_PER_MONTH

__all__ = ["differences", "paired_difference"]

Floats = NDArray[np.float64]
#: A little after an instant, so that what happens on that very day has happened, day.
_SAME = 1e-9


def differences(trial: Trial, outcomes: tuple[Outcome, ...]) -> tuple[Difference, ...]:
    """Every arm less the first, in percentage points, for every endpoint at every reported time.

    Args:
        trial: the study.
        outcomes: what happened to the patients.
    """
    found = []
    for endpoint in trial.endpoints:
        for place, month in enumerate(endpoint.report_at):
            row = place if endpoint.at_visit else 0
            by_arm = {arm.name: _of(outcomes, arm.name, endpoint)[row] for arm in trial.arms}
            first = by_arm[trial.arms[0].name]
            for arm in trial.arms[1:]:
                if first.patients.size and by_arm[arm.name].patients.size:
                    found.append(_against(endpoint, month, by_arm[arm.name], first))
    return tuple(found)


def _of(outcomes: tuple[Outcome, ...], arm: str, endpoint: Endpoint) -> list[Outcome]:
    return [one for one in outcomes if (one.arm, one.endpoint) == (arm, endpoint.name)]


def _against(endpoint: Endpoint, month: float, one: Outcome, other: Outcome) -> Difference:
    """An outcome less another, as the endpoint reports it: free of the event, or with it."""
    at = np.inf if endpoint.at_visit else month * DAYS_PER_MONTH
    time = np.concatenate([one.time, other.time])
    event = np.concatenate([one.event, other.event])
    treated = np.repeat([True, False], [one.time.size, other.time.size])
    found = paired_difference(
        time, event, treated, np.concatenate([one.patients, other.patients]), at=at,
        weight=np.concatenate([one.weight, other.weight]),
    )  # fmt: skip
    if endpoint.measure == "free of event":
        value, low, high = (100 * each for each in (found.value, found.low, found.high))
    else:
        value, low, high = (0.0 - 100 * each for each in (found.value, found.high, found.low))
    shared = np.intersect1d(one.patients, other.patients).size
    return Difference(endpoint.name, one.arm, other.arm, month, int(shared), value, low, high)


def paired_difference(
    time: ArrayLike, event: ArrayLike, treated: ArrayLike, patient: ArrayLike, *, at: float,
    weight: ArrayLike | None = None,
) -> Interval:  # fmt: skip
    """The share free of the event at a time, treated less the others, with a 95 % interval.

    Args:
        time: to event or censoring, shape (n,).
        event: True where the event happened, shape (n,).
        treated: True in the arm that comes first, shape (n,).
        patient: the patient a row belongs to, shape (n,): rows of one patient in both arms are a pair.
        at: the time, in the unit of ``time``; infinite counts everybody as followed to the end.
        weight: how much each patient counts, shape (n,).

    Returns:
        NaN where nobody is followed to that time in one of the arms.
    """
    t, e, x = np.asarray(time, np.float64), np.asarray(event, bool), np.asarray(treated, bool)
    w = np.ones(t.shape) if weight is None else np.asarray(weight, np.float64)
    labels = np.unique(np.asarray(patient), return_inverse=True)[1]
    (one, pull), (other, against) = (_share(t[rows], e[rows], w[rows], at) for rows in (x, ~x))
    both = [np.bincount(labels[rows], weights=each, minlength=labels.max() + 1)
            for rows, each in ((x, pull), (~x, against))]  # fmt: skip
    spread = float(np.sqrt((both[0] ** 2).sum() * (both[1] ** 2).sum()))
    common = float((both[0] * both[1]).sum()) / spread if spread > 0 else 0.0
    below, above = (
        (one.value - one.low, one.high - one.value),
        (other.value - other.low, other.high - other.value),
    )
    value = one.value - other.value
    return Interval(
        value, value - _added(below[0], above[1], common), value + _added(below[1], above[0], common)
    )


def _added(one: float, other: float, common: float) -> float:
    """Two distances as one, of estimates that go together."""
    return float(np.sqrt(max(0.0, one**2 - 2 * common * one * other + other**2)))


def _share(t: Floats, e: NDArray[np.bool_], w: Floats, at: float) -> tuple[Interval, Floats]:
    """The share free of the event at a time, and how much each patient pulls on it (infinitesimal jackknife)."""
    followed = np.where(e, t, np.inf) if np.isinf(at) else t
    happened = e if np.isinf(at) else e & (t <= at + _SAME)
    if not (~happened & (followed < at - _SAME)).any():  # nobody lost: a plain proportion
        value, low, high = proportion(~happened, w)
        return Interval(value, low, high), w * (~happened - value) / w.sum()
    curve = kaplan_meier(t, e, w)
    value, low, high = curve.at(at)
    if low == high:  # no event, or nothing else, has no spread on the log-log scale
        low, high = proportion(np.full(t.shape, value > 0.5), w)[1:]
    return Interval(value, low, high), w * value * _log_pull(
        t, happened, curve.time, curve.at_risk, curve.events, at
    )


def _log_pull(
    t: Floats, happened: NDArray[np.bool_], times: Floats, risk: Floats, died: Floats, at: float
) -> Floats:
    """How much each patient's presence moves the logarithm of the curve at a time."""
    alive = risk - died
    with np.errstate(divide="ignore", invalid="ignore"):  # where nobody is left alive the share is nought
        held = np.where((times <= at + _SAME) & (died > 0) & (alive > 0), died / (risk * alive), 0.0)
        lost = np.where(alive > 0, 1.0 / alive, 0.0)
    place = np.searchsorted(times, t)
    return np.asarray(np.cumsum(held)[place] - np.where(happened, lost[place], 0.0))
