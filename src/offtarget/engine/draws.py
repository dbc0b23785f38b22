"""Draws from distributions, compiled: each a quantile of one uniform number.

So a larger uniform number never gives a smaller draw, patients who share their luck stay alike whatever their
parameters, and a draw within bounds costs as much as one without. Bounds of counts belong to what may be drawn. A draw
that makes no sense (a negative spread, bounds that leave no room) is not a number.

Source of the distributions' parameters: the package Distributions of SBML Level 3, Version 1.
"""

from __future__ import annotations

from math import atan, ceil, exp, expm1, floor, inf, log, log1p, nan, pi, sqrt, tan

from offtarget.engine.incomplete import (
    beta_shares,
    gamma_quantile,
    gamma_shares,
    normal_quantile,
    normal_shares,
)
from offtarget.engine.luck import uniform
from offtarget.engine.replicate_layout import Dice
from offtarget.engine.steppers import compiled

__all__ = ["bernoulli", "binomial", "cauchy", "chisquare", "exponential", "gamma", "laplace", "lognormal", "normal",
           "poisson", "rayleigh", "roll", "uniform_between"]  # fmt: skip

#: Shares below and above a point.
Shares = tuple[float, float]


@compiled
def roll(dice: Dice, site: int) -> float:
    """The uniform number of a replicate's present draw at a place in its model; asked again, the same."""
    return uniform(dice.streams[site], dice.number, dice.thrown[site])


@compiled
def between(u: float, low: Shares, high: Shares) -> Shares:
    """The shares below and above a draw, from those at its bounds; not numbers where there is no room between."""
    # only the nearer tail's difference is exact; the farther one may round to nothing
    wide = high[0] - low[0] if low[0] < 0.5 else low[1] - high[1]
    if not wide > 0.0:
        return nan, nan
    return low[0] + u * wide, high[1] + (1.0 - u) * wide


@compiled
def held(x: float, low: float, high: float) -> float:
    """A draw within its bounds, past all rounding."""
    return min(max(x, low), high) if x == x else nan


@compiled
def uniform_between(u: float, low: float, high: float) -> float:
    """Uniform from ``low`` to ``high``."""
    return low + u * (high - low) if low <= high else nan


@compiled
def bernoulli(u: float, probability: float) -> float:
    """1 with this probability, or 0."""
    if not 0.0 <= probability <= 1.0:
        return nan
    return 1.0 if 1.0 - u < probability else 0.0


@compiled
def normal(u: float, mean: float, sd: float, low: float, high: float) -> float:
    """Normal."""
    if sd == 0.0 and low <= mean <= high:
        return mean
    if not sd > 0.0:
        return nan
    p, q = between(u, normal_shares((low - mean) / sd), normal_shares((high - mean) / sd))
    return held(mean + sd * normal_quantile(p, q), low, high)


@compiled
def lognormal(u: float, mean: float, sd: float, low: float, high: float) -> float:
    """The exponential of a normal of this mean and spread."""
    floor_ = log(low) if low > 0.0 else -inf
    ceiling = log(high) if high > 0.0 else -inf
    return held(exp(normal(u, mean, sd, floor_, ceiling)), low, high)


@compiled
def exponential(u: float, rate: float, low: float, high: float) -> float:
    """Exponential of this rate."""
    if not rate > 0.0:
        return nan
    p, q = between(u, _exponential(rate * low), _exponential(rate * high))
    return held((-log1p(-p) if p < q else -log(q)) / rate, low, high)


@compiled
def _exponential(x: float) -> Shares:
    return (-expm1(-x), exp(-x)) if x > 0.0 else (0.0, 1.0)


@compiled
def rayleigh(u: float, scale: float, low: float, high: float) -> float:
    """The length of a vector of two normals of this spread."""
    if not scale > 0.0:
        return nan
    square = exponential(u, 0.5, max(0.0, low / scale) ** 2, max(0.0, high / scale) ** 2)
    return held(scale * sqrt(square), low, high)


@compiled
def laplace(u: float, location: float, scale: float, low: float, high: float) -> float:
    """Two exponentials back to back."""
    if not scale > 0.0:
        return nan
    p, q = between(u, _laplace((low - location) / scale), _laplace((high - location) / scale))
    return held(location + scale * (log(2.0 * p) if p < q else -log(2.0 * q)), low, high)


@compiled
def _laplace(x: float) -> Shares:
    tail = 0.5 * exp(-abs(x))
    return (tail, 1.0 - tail) if x < 0.0 else (1.0 - tail, tail)


@compiled
def cauchy(u: float, location: float, scale: float, low: float, high: float) -> float:
    """The ratio of two normals, moved and scaled."""
    if not scale > 0.0:
        return nan
    p, q = between(u, _cauchy((low - location) / scale), _cauchy((high - location) / scale))
    return held(location + (-scale / tan(pi * p) if p < q else scale / tan(pi * q)), low, high)


@compiled
def _cauchy(x: float) -> Shares:
    if abs(x) < 1.0:
        return 0.5 + atan(x) / pi, 0.5 - atan(x) / pi
    tail = atan(1.0 / abs(x)) / pi
    return (tail, 1.0 - tail) if x < 0.0 else (1.0 - tail, tail)


@compiled
def gamma(u: float, shape: float, scale: float, low: float, high: float) -> float:
    """Gamma, of mean shape x scale."""
    if not (shape > 0.0 and scale > 0.0):
        return nan
    p, q = between(u, gamma_shares(shape, low / scale), gamma_shares(shape, high / scale))
    return held(scale * gamma_quantile(shape, p, q), low, high)


@compiled
def chisquare(u: float, degrees: float, low: float, high: float) -> float:
    """The sum of so many squared standard normals."""
    return gamma(u, 0.5 * degrees, 2.0, low, high)


@compiled
def poisson(u: float, mean: float, low: float, high: float) -> float:
    """Poisson."""
    if not 0.0 <= mean < inf:
        return nan
    return _count(u, -1.0, mean, mean, sqrt(mean), max(0.0, ceil_(low)), floor_(high))


@compiled
def binomial(u: float, trials: float, probability: float, low: float, high: float) -> float:
    """The number of successes in so many trials."""
    if not (0.0 <= trials < inf and trials == floor_(trials) and 0.0 <= probability <= 1.0):
        return nan
    mean = trials * probability
    spread = sqrt(mean * (1.0 - probability))
    return _count(u, trials, probability, mean, spread, max(0.0, ceil_(low)), min(trials, floor_(high)))


@compiled
def _count_shares(trials: float, parameter: float, k: float) -> Shares:
    """The shares of a count up to and including k, and above: Poisson where trials are negative, else binomial."""
    if k < 0.0:
        return 0.0, 1.0
    if k == inf or (trials >= 0.0 and k >= trials):
        return 1.0, 0.0
    if trials >= 0.0:
        below, above = beta_shares(k + 1.0, trials - k, parameter)
    else:
        below, above = gamma_shares(k + 1.0, parameter)
    return above, below


@compiled
def _count(
    u: float, trials: float, parameter: float, mean: float, spread: float, low: float, high: float
) -> float:
    """The least count that leaves no more than its share above, by bisection from where it should be."""
    if not low <= high:
        return nan
    p, q = between(u, _count_shares(trials, parameter, low - 1.0), _count_shares(trials, parameter, high))
    if not p >= 0.0:
        return nan
    guess = floor_(min(max(mean + spread * normal_quantile(p, q), low), high))
    step = 1.0
    left, right = guess, guess
    while left >= low and _reached(trials, parameter, left, p, q):
        left -= step
        step *= 2.0
    step = 1.0
    while right < high and not _reached(trials, parameter, right, p, q):
        right += step
        step *= 2.0
    left, right = max(left, low - 1.0), min(right, high)
    while right - left > 1.0:
        middle = floor_(0.5 * (left + right))
        if _reached(trials, parameter, middle, p, q):
            right = middle
        else:
            left = middle
    return float(right)


@compiled
def _reached(trials: float, parameter: float, k: float, p: float, q: float) -> bool:
    below, above = _count_shares(trials, parameter, k)
    return below >= p if p < q else above <= q


@compiled
def floor_(x: float) -> float:
    """The largest whole number not above x, infinite ones too."""
    return float(floor(x)) if abs(x) < 1e18 else x


@compiled
def ceil_(x: float) -> float:
    """The smallest whole number not below x, infinite ones too."""
    return float(ceil(x)) if abs(x) < 1e18 else x
