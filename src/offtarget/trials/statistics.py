"""The statistics a trial reports: Kaplan-Meier, log-rank, restricted mean, hazard ratio, proportions; weighted or not.

Weights count as importance weights: estimates use them as they are, variances come from the weighted sums of squares
(so that a weight of two on one patient is not two patients). Every function works on plain arrays.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike, NDArray

from offtarget.errors import InputError
from offtarget.trials.hazard import Ratio, hazard_ratio

__all__ = [
    "Curve", "Interval", "LogRank", "Ratio", "hazard_ratio", "kaplan_meier", "logrank", "proportion",
    "restricted_mean", "restricted_mean_difference",
]  # fmt: skip

Floats = NDArray[np.float64]
#: The normal quantile of a two-sided 95 % interval.
Z95 = 1.959963984540054


@dataclass(frozen=True, slots=True)
class Interval:
    """A value with its 95 % interval."""

    value: float
    low: float
    high: float


@dataclass(frozen=True, slots=True, eq=False)
class Curve:
    """A Kaplan-Meier curve: steps at the distinct times, beginning with 1 at time 0.

    Attributes:
        time: ascending, first 0, shape (k,).
        survival: share free of the event just after each time.
        low, high: 95 % interval, Greenwood's variance on the complementary log-log scale.
        variance: Greenwood's variance of ``survival``.
        at_risk: weighted number followed just before each time.
        events, censored: weighted numbers at each time.
    """

    time: Floats
    survival: Floats
    low: Floats
    high: Floats
    variance: Floats
    at_risk: Floats
    events: Floats
    censored: Floats

    def at(self, time: float) -> tuple[float, float, float]:
        """Survival and its interval at a time; NaN once nobody is followed, unless all had the event."""
        if self.at_risk[0] == 0 or (time > self.time[-1] + 1e-9 and self.survival[-1] > 0):
            return (np.nan, np.nan, np.nan)
        step = int(np.searchsorted(self.time, time + 1e-9, side="right")) - 1
        return (float(self.survival[step]), float(self.low[step]), float(self.high[step]))


def _columns(
    time: ArrayLike, event: ArrayLike, weight: ArrayLike | None
) -> tuple[Floats, NDArray[np.bool_], Floats]:
    """Checked columns: times zero or more, events true or false, weights zero or more."""
    t, e = np.asarray(time, np.float64), np.asarray(event, bool)
    w = np.ones(t.shape) if weight is None else np.asarray(weight, np.float64)
    if not (t.shape == e.shape == w.shape and t.ndim == 1):
        raise InputError(
            f"survival data: expected three columns of one length, got {t.shape}, {e.shape}, {w.shape}."
        )
    if t.size and not (np.isfinite(t).all() and t.min() >= 0 and np.isfinite(w).all() and w.min() >= 0):
        raise InputError("survival data: expected finite times and weights of zero or more, got others.")
    return t, e, w


def kaplan_meier(time: ArrayLike, event: ArrayLike, weight: ArrayLike | None = None) -> Curve:
    """The Kaplan-Meier curve with 95 % intervals.

    Args:
        time: to event or censoring, shape (n,).
        event: True where the event happened, shape (n,).
        weight: how much each patient counts, shape (n,); one each unless given.

    Raises:
        InputError: columns of different lengths, negative or infinite times or weights.

    Source: Kaplan and Meier, JASA 1958 (kaplan1958); variance Greenwood 1926 (greenwood1926), for weights with the sum
    of squares of the weights at risk in place of their sum; interval on the complementary log-log scale.

    Example:
        >>> kaplan_meier([1, 2, 3], [True, False, True]).at(1.5)[0]
        0.6666666666666667
    """
    t, e, w = _columns(time, event, weight)
    at = np.unique(np.append(t, 0.0))
    place = np.searchsorted(at, t)
    died = np.bincount(place[e], weights=w[e], minlength=at.size).astype(np.float64)
    left = np.bincount(place[~e], weights=w[~e], minlength=at.size).astype(np.float64)
    risk = _followed(died + left)
    with np.errstate(divide="ignore", invalid="ignore"):
        survival = np.asarray(np.cumprod(np.where(risk > 0, 1 - died / risk, 1.0)), np.float64)
        survival[survival < 1e-14] = 0.0
        hazard = np.where(died > 0, died / (risk * (risk - died)), 0.0)
        squares = _followed(np.bincount(place, weights=w * w, minlength=at.size).astype(np.float64))
        inflation = np.where(risk > 0, squares / risk, 1.0)  # one where every weight is one
        spread = np.asarray(np.cumsum(hazard * inflation), np.float64)
        variance = np.where(survival > 0, survival**2 * spread, 0.0)
    low, high = _log_log(survival, spread)
    return Curve(at, survival, low, high, variance, risk, died, left)


def _followed(leaving: Floats) -> Floats:
    return np.asarray(np.cumsum(leaving[::-1])[::-1], np.float64)


def _log_log(survival: Floats, spread: Floats) -> tuple[Floats, Floats]:
    """The interval exp(-exp(log(-log S) +- z se)); where S is 1 or 0 there is no spread to speak of."""
    inside = (survival > 0) & (survival < 1)
    low, high = np.where(survival >= 1, 1.0, np.nan), np.where(survival >= 1, 1.0, np.nan)
    low[survival == 0], high[survival == 0] = 0.0, np.nan
    s = survival[inside]
    width = Z95 * np.sqrt(spread[inside]) / np.abs(np.log(s))
    low[inside], high[inside] = s ** np.exp(width), s ** np.exp(-width)
    return low, high


@dataclass(frozen=True, slots=True)
class LogRank:
    """The log-rank test: chi-square, its degrees of freedom, and p."""

    statistic: float
    freedom: int
    p: float


def logrank(
    time: ArrayLike, event: ArrayLike, group: ArrayLike, *, weight: ArrayLike | None = None
) -> LogRank:
    """The log-rank test that two or more groups share one hazard.

    Args:
        time, event, weight: as ``kaplan_meier``.
        group: label of each patient's group, shape (n,).

    Returns:
        NaN p where there is one group only, or no event to judge by.

    Source: Mantel 1966 (mantel1966), hypergeometric variance; with weights that of Xie and Liu, Stat Med
    2005;24:3089, where a patient's weight is squared.
    """
    from scipy.special import chdtrc

    t, e, w = _columns(time, event, weight)
    counted = w > 0  # the variance counts patients, and one of no weight is none
    t, e, w = t[counted], e[counted], w[counted]
    labels, which = np.unique(np.asarray(group)[counted], return_inverse=True)
    freedom = int(labels.size) - 1
    if freedom < 1 or not e.any():
        return LogRank(np.nan, max(freedom, 0), np.nan)
    groups = np.arange(labels.size)
    at = np.unique(t[e])
    died = np.stack([_at_times(t, w * (e & (which == g)), at) for g in groups], axis=1)
    risk = np.stack([_at_risk(t, w * (which == g), at) for g in groups], axis=1)
    squares = np.stack([_at_risk(t, w * w * (which == g), at) for g in groups], axis=1)
    deaths, number = _at_times(t, np.where(e, 1.0, 0.0), at), _at_risk(t, np.ones(t.shape), at)
    with np.errstate(divide="ignore", invalid="ignore"):
        share = np.where(risk.sum(axis=1)[:, None] > 0, risk / risk.sum(axis=1)[:, None], 0.0)
        size = np.where(number > 1, deaths * (number - deaths) / (number * (number - 1)), 0.0)
    excess = (died - share * died.sum(axis=1)[:, None]).sum(axis=0)
    # sum over those at risk of w^2 (e - share)(e - share)', e the unit vector of a patient's group
    crossed = np.einsum("t,ti,tj->ij", size, squares, share)
    spread = np.diag(size @ squares) - crossed - crossed.T
    spread += np.einsum("t,ti,tj->ij", size * squares.sum(axis=1), share, share)
    statistic = float(excess[:-1] @ np.linalg.pinv(spread[:-1, :-1]) @ excess[:-1])
    return LogRank(statistic, freedom, float(chdtrc(freedom, statistic)))


def _at_times(time: Floats, weight: Floats, at: Floats) -> Floats:
    place = np.searchsorted(at, time)
    here = (place < at.size) & (at[np.minimum(place, at.size - 1)] == time)
    return np.bincount(place[here], weights=weight[here], minlength=at.size).astype(np.float64)


def _at_risk(time: Floats, weight: Floats, at: Floats) -> Floats:
    order = np.argsort(time, kind="stable")
    followed = np.append(_followed(weight[order]), 0.0)
    return np.asarray(followed[np.searchsorted(time[order], at, side="left")])


def restricted_mean(
    time: ArrayLike, event: ArrayLike, *, horizon: float, weight: ArrayLike | None = None
) -> tuple[float, float]:
    """The mean time free of the event up to a horizon, and its standard error.

    Args:
        time, event, weight: as ``kaplan_meier``.
        horizon: upper limit of the time, in the unit of ``time``.

    Returns:
        NaN where nobody is followed to the horizon and some are still free of the event.

    Source: area under the Kaplan-Meier curve; Royston and Parmar 2013 (royston2013).
    """
    t, e, w = _columns(time, event, weight)
    area, pull = _area(t, e, w, horizon)
    return area, float(np.sqrt((pull**2).sum()))


def _area(time: Floats, event: NDArray[np.bool_], weight: Floats, horizon: float) -> tuple[float, Floats]:
    """The area under the curve up to the horizon, and how much each patient's presence pulls on it, shape (n,).

    The pulls are the infinitesimal jackknife: their sum of squares is the variance, equal to Greenwood's without
    weights, and pulls of one patient in two arms may be subtracted before they are squared.
    """
    curve = kaplan_meier(time, event, weight)
    if not time.size or np.isnan(curve.at(horizon)[0]):
        return np.nan, np.full(time.shape, np.nan)
    pieces = curve.survival * np.diff(np.minimum(np.append(curve.time, np.inf), horizon))
    right = np.append(_followed(pieces)[1:], 0.0) + pieces  # area to the right of each step
    alive = curve.at_risk - curve.events
    with np.errstate(divide="ignore", invalid="ignore"):  # nobody left alive leaves no area to pull on
        lost = np.where(right > 0, right / alive, 0.0)
        summed = np.cumsum(np.where(right > 0, lost * curve.events / curve.at_risk, 0.0))
    place = np.searchsorted(curve.time, time)
    return float(pieces.sum()), weight * (summed[place] - np.where(event, lost[place], 0.0))


def restricted_mean_difference(
    time: ArrayLike, event: ArrayLike, treated: ArrayLike, *, horizon: float,
    weight: ArrayLike | None = None, cluster: ArrayLike | None = None,
) -> Interval:  # fmt: skip
    """The difference in restricted mean time, treated less the others, with a 95 % interval.

    Args:
        time, event, weight: as ``kaplan_meier``.
        treated: True in the group whose mean comes first, shape (n,).
        horizon: upper limit of the time, in the unit of ``time``.
        cluster: label of the patient a row belongs to, shape (n,): rows of one patient in two arms share luck, so that
            their difference varies less than that of independent groups, which is what is taken without it.

    Source: as ``restricted_mean``.
    """
    t, e, w = _columns(time, event, weight)
    x = np.asarray(treated, bool)
    one, pull = _area(t[x], e[x], w[x], horizon)
    other, against = _area(t[~x], e[~x], w[~x], horizon)
    pulls = np.empty(t.shape)
    pulls[x], pulls[~x] = pull, -against
    labels = np.arange(t.size) if cluster is None else np.unique(np.asarray(cluster), return_inverse=True)[1]
    width = Z95 * float(np.sqrt((np.bincount(labels, weights=pulls) ** 2).sum()))
    return Interval(one - other, one - other - width, one - other + width)


def proportion(success: ArrayLike, weight: ArrayLike | None = None) -> tuple[float, float, float]:
    """A share with Wilson's 95 % interval; with weights, n is the effective number (sum w)^2 / sum w^2.

    Args:
        success: True where it happened, shape (n,).
        weight: how much each patient counts, shape (n,).

    Source: Wilson, JASA 1927 (wilson1927).

    Example:
        >>> tuple(round(value, 4) for value in proportion([True] * 8 + [False] * 2))
        (0.8, 0.4902, 0.9433)
    """
    x = np.asarray(success, bool)
    w = np.ones(x.shape) if weight is None else np.asarray(weight, np.float64)
    if w.sum() <= 0:
        return np.nan, np.nan, np.nan
    share = float((w * x).sum() / w.sum())
    n = float(w.sum() ** 2 / (w * w).sum())
    centre = (share + Z95**2 / (2 * n)) / (1 + Z95**2 / n)
    width = Z95 / (1 + Z95**2 / n) * np.sqrt(share * (1 - share) / n + Z95**2 / (4 * n * n))
    low = 0.0 if share == 0 else max(centre - width, 0.0)
    high = 1.0 if share == 1 else min(centre + width, 1.0)
    return share, float(low), float(high)
