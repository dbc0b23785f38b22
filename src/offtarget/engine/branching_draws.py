"""What becomes of n cells in a while, when each is born and dies on its own: drawn from the law itself.

A cell that gives birth at rate b and dies at rate d has, after a time h, with m = exp((b - d) h) and
w = 1 + b (m - 1) / (b - d): no descendants with chance 1 - m/w, else one and a geometric number more, of mean w - 1. So
n cells have a binomial number of lines alive, and a negative binomial number of cells beyond one a line.

Distributions are inverted at one uniform number each: the same luck gives nearly the same number where rates differ
little, which is what makes two arms of one patient comparable.

Sources: Kendall DG. Ann Math Stat 1948;19:1; Bailey NTJ. The Elements of Stochastic Processes, 1964, section 8.6.
"""

from __future__ import annotations

from math import cos, exp, expm1, floor, log, log1p, pi, sqrt

from offtarget.engine.steppers import compiled

__all__ = ["MANY", "between", "binomial", "births_and_deaths", "lines", "normal"]

#: From so many cells on, a draw is a rounded normal one of the same mean and spread: of the law's further shape,
#: skewness is left, which is below 0.1.
MANY = 600.0
#: A chance that is nothing next to one.
_NOTHING = 1e-18


@compiled
def lines(b: float, d: float, h: float) -> tuple[float, float]:
    """Mean number of descendants of a cell, and the mean number of those whose line is alive.

    Args:
        b, d: rates of birth and of death, 1/day.
        h: time, day.
    """
    exponent = (b - d) * h
    grown = expm1(exponent) / exponent if abs(exponent) > 1e-8 else 1.0 + 0.5 * exponent
    return exp(exponent), 1.0 + b * h * grown


@compiled
def normal(first: float, second: float) -> float:
    """A normal draw of mean 0 and spread 1 from two uniform ones (Box and Muller)."""
    return sqrt(-2.0 * log(first)) * cos(2.0 * pi * second)


@compiled
def binomial(first: float, second: float, n: float, p: float) -> float:
    """How many of n cells something happens to, when to each with chance p.

    Args:
        first, second: uniform draws; the second serves many cells only.
        n: cells, a whole number.
        p: a chance.
    """
    if p <= 0.0 or n <= 0.0:
        return 0.0
    if p >= 1.0:
        return n
    if n > MANY:
        return min(n, max(0.0, floor(n * p + sqrt(n * p * (1.0 - p)) * normal(first, second) + 0.5)))
    turned = p > 0.5
    level, share = (1.0 - first, 1.0 - p) if turned else (first, p)
    odds = share / (1.0 - share)
    chance = exp(n * log1p(-share))
    total, k = chance, 0.0
    while total < level and k < n:
        chance *= odds * (n - k) / (k + 1.0)
        k += 1.0
        total += chance
    return n - k if turned else k


@compiled
def _more(u: float, lines_alive: float, w: float) -> float:
    """How many cells there are beyond one in each line that is alive: negative binomial, inverted at u.

    A line has no more than e cells in a step, so that the chance of none stays above the smallest number.
    """
    share = 1.0 - 1.0 / w
    chance = exp(-lines_alive * log(w))
    mean = lines_alive * (w - 1.0)
    total, k = chance, 0.0
    while total < u and (k < mean or chance > _NOTHING):
        chance *= share * (lines_alive + k) / (k + 1.0)
        k += 1.0
        total += chance
    return k


@compiled
def births_and_deaths(
    first: float, second: float, n: float, b: float, d: float, h: float
) -> tuple[float, float]:
    """How many cells n cells have become, and how many of the n have descendants; -1 where so many are not told apart.

    Args:
        first, second: uniform draws.
        n: cells, a whole number.
        b, d: rates of birth and of death of each, 1/day.
        h: time, day.
    """
    m, w = lines(b, d, h)
    if n > MANY:
        spread = sqrt(n * m * max(0.0, 2.0 * w - 1.0 - m))
        return max(0.0, floor(n * m + spread * normal(first, second) + 0.5)), -1.0
    alive = binomial(first, second, n, min(1.0, m / w))
    return (alive if b == 0.0 or alive == 0.0 else alive + _more(second, alive, w)), alive


@compiled
def between(
    draws: tuple[float, float, float, float],
    ends: tuple[float, float, float],
    b: float,
    d: float,
    h: float,
    past: float,
) -> float:
    """How many cells there were in between, once it is known what has become of them.

    Lines that are alive at the end have split at times that are independent of each other (the reconstructed tree is
    a coalescent point process). Of the other cells that were there, each line in sight and each that has died out since
    carried a geometric number.

    Args:
        draws: four uniform ones.
        ends: cells at the start; those of them who have descendants at the end; cells at the end.
        b, d: rates of birth and of death of each, 1/day.
        h: time from start to end, day.
        past: time since the start, from 0 to h, day.

    Source: Nee S, May RM, Harvey PH. Phil Trans R Soc Lond B 1994;344:305; Popovic L. Ann Appl Probab 2004;14:2120.
    """
    n, alive, now = ends
    if alive < 0.0:
        return floor(n + (now - n) * past / h + 0.5)
    grown, whole = lines(b, d, h)[1] - 1.0, lines(b, d, past)
    later, until = lines(b, d, h - past)
    early = (1.0 / until - 1.0 / (1.0 + grown)) / (grown / (1.0 + grown)) if grown > 0.0 else 0.0
    seen = alive + binomial(draws[0], draws[3], now - alive, min(1.0, max(0.0, early)))
    lost = 1.0 - min(1.0, later / until)
    share = (1.0 - 1.0 / whole[1]) * lost
    dying = min(1.0, whole[0] / whole[1]) / whole[1] * lost / (1.0 - share)
    never = 1.0 - min(1.0, whole[0] / whole[1])
    doomed = binomial(draws[1], draws[3], n - alive, dying / (dying + never)) if dying > 0.0 else 0.0
    rest = seen + alive + doomed
    return seen + doomed + (_more(draws[2], rest, 1.0 / (1.0 - share)) if share > 0.0 and rest > 0.0 else 0.0)
