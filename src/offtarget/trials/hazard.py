"""The hazard ratio of two groups: Cox's partial likelihood with Efron's ties and a variance clustered by patient."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike, NDArray

from offtarget.errors import InputError

__all__ = ["Ratio", "hazard_ratio"]

Floats = NDArray[np.float64]
_Z95 = 1.959963984540054
_ITERATIONS = 60


@dataclass(frozen=True, slots=True)
class Ratio:
    """A hazard ratio with its 95 % interval, and the log ratio's standard error."""

    value: float
    low: float
    high: float
    log_error: float


def hazard_ratio(
    time: ArrayLike, event: ArrayLike, treated: ArrayLike, *, weight: ArrayLike | None = None,
    cluster: ArrayLike | None = None,
) -> Ratio:  # fmt: skip
    """The hazard of the treated relative to the others.

    Args:
        time: to event or censoring, shape (n,).
        event: True where the event happened, shape (n,).
        treated: True in the group whose hazard is the numerator, shape (n,).
        weight: how much each patient counts, shape (n,).
        cluster: label of the patient a row belongs to, shape (n,): rows of one patient in two arms are not independent.
            Given, or with weights, the variance is the sandwich; otherwise the inverse information.

    Returns:
        0 or infinity, with NaN for the bound that a variance cannot give, where the likelihood has no maximum: only one
        group has events, or every event falls to the same group while both are at risk. NaN where nothing can be told.

    Raises:
        InputError: columns of different lengths.

    Source: Cox 1972 (cox1972); ties Efron 1977 (efron1977); sandwich Lin and Wei, JASA 1989;84:1074.
    """
    t, e = np.asarray(time, np.float64), np.asarray(event, bool)
    x = np.asarray(treated, bool).astype(np.float64)
    w = np.ones(t.shape) if weight is None else np.asarray(weight, np.float64)
    if not t.shape == e.shape == x.shape == w.shape:
        raise InputError(
            f"survival data: expected columns of one length, got {t.size}, {e.size}, {x.size}, {w.size}."
        )
    counted = w > 0
    if not (e & counted).any():
        return Ratio(np.nan, np.nan, np.nan, np.nan)
    table = _Table(t[counted], e[counted], x[counted], w[counted])
    falls, rises = table.limits()
    if falls and rises:  # at every event all at risk were of one group
        return Ratio(np.nan, np.nan, np.nan, np.nan)
    if falls:
        return Ratio(0.0, 0.0, np.nan, np.nan)
    if rises:
        return Ratio(np.inf, np.nan, np.inf, np.nan)
    beta = _maximum(table)
    _, information = table.score(beta)
    variance = 1 / information
    if cluster is not None or weight is not None:
        owner = np.arange(t.size) if cluster is None else np.asarray(cluster)
        labels = np.unique(owner[counted], return_inverse=True)[1]
        influence = np.bincount(labels, weights=table.weight * table.residuals(beta))
        variance = float((influence**2).sum()) / information**2
    error = float(np.sqrt(variance))
    with np.errstate(over="ignore"):  # an interval too wide for a number is open
        value, low, high = np.exp(beta + np.array([0.0, -_Z95, _Z95]) * error)
    return Ratio(float(value), float(low), float(high), error)


def _maximum(table: _Table) -> float:
    """Newton's method, no step longer than two."""
    beta = 0.0
    for _ in range(_ITERATIONS):
        slope, curvature = table.score(beta)
        step = float(np.clip(slope / curvature, -2.0, 2.0))
        beta += step
        if abs(step) < 1e-12:
            break
    return beta


class _Table:
    """Risk sets at the distinct event times, split by group, with Efron's shares for ties."""

    def __init__(self, time: Floats, event: NDArray[np.bool_], x: Floats, weight: Floats) -> None:
        self.time, self.event, self.x, self.weight = time, event, x, weight
        self.at = np.unique(time[event])
        place = np.searchsorted(self.at, time)
        last = np.searchsorted(self.at, time, side="right")  # event times up to and including one's own
        size = self.at.size
        self.risk = np.stack([_later(last, weight * (x == g), size) for g in (0, 1)])
        self.died = np.stack([_here(place, weight * (event & (x == g)), event, size) for g in (0, 1)])
        self.count = np.bincount(place[event], minlength=size)
        self.place, self.last = place, last
        self._spread_ties()

    def _spread_ties(self) -> None:
        """One entry a tied death: the l-th of d deaths sees the risk set less l/d of the dying."""
        self.owner = np.repeat(np.arange(self.at.size), self.count)
        starts = np.cumsum(self.count) - self.count
        number = np.arange(self.owner.size) - starts[self.owner]
        self.share = number / self.count[self.owner]
        self.each = (self.died.sum(axis=0) / self.count)[self.owner]  # mean weight of the dying

    def _sums(self, beta: float) -> tuple[Floats, Floats]:
        risk = self.risk[:, self.owner] - self.share * self.died[:, self.owner]
        treated = risk[1] * np.exp(beta)
        return risk[0] + treated, treated

    def limits(self) -> tuple[bool, bool]:
        """Whether the likelihood still rises as the log ratio goes to minus, and to plus infinity."""
        risk = self.risk[:, self.owner] - self.share * self.died[:, self.owner]
        treated = float(self.died[1].sum())
        tiny = 1e-12 * float(self.each.sum())
        only_treated, any_treated = self.each[risk[0] <= 0].sum(), self.each[risk[1] > 0].sum()
        return treated - only_treated <= tiny, treated - any_treated >= -tiny

    def score(self, beta: float) -> tuple[float, float]:
        """Slope of the log partial likelihood and the information."""
        total, treated = self._sums(beta)
        mean = treated / total
        slope = self.died[1].sum() - (self.each * mean).sum()
        return float(slope), float((self.each * mean * (1 - mean)).sum())

    def residuals(self, beta: float) -> Floats:
        """Score residuals, one a row, before weighting."""
        total, treated = self._sums(beta)
        mean = treated / total
        size = self.at.size
        full = [np.bincount(self.owner, weights=self.each / total * m, minlength=size) for m in (1.0, mean)]
        tied = [
            np.bincount(self.owner, weights=self.share * self.each / total * m, minlength=size)
            for m in (1.0, mean)
        ]
        average = np.bincount(self.owner, weights=mean, minlength=size) / self.count
        summed = [np.append(0.0, np.cumsum(part)) for part in full]
        hazard = np.exp(beta * self.x)
        own = np.minimum(self.place, size - 1)
        expected = hazard * (self.x * summed[0][self.last] - summed[1][self.last])
        back = np.where(self.event, hazard * (self.x * tied[0][own] - tied[1][own]), 0.0)
        observed = np.where(self.event, self.x - average[own], 0.0)
        return np.asarray(observed - expected + back)


def _later(last: NDArray[np.intp], weight: Floats, size: int) -> Floats:
    """Weight still at risk at each event time."""
    counted = np.bincount(last, weights=weight, minlength=size + 1)
    return np.asarray(np.cumsum(counted[::-1])[::-1][1:], np.float64)


def _here(place: NDArray[np.intp], weight: Floats, event: NDArray[np.bool_], size: int) -> Floats:
    return np.bincount(place[event], weights=weight[event], minlength=size).astype(np.float64)
