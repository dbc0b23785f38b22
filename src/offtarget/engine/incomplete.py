"""Incomplete gamma and beta functions and the normal quantile, compiled: what draws from distributions need.

Each comes as a pair, the share below and the share above, so that the smaller of the two is never a difference.

Sources: Gil A, Segura J, Temme NM. Numerical Methods for Special Functions. SIAM (2007), chapters 6 and 8; Abramowitz
M, Stegun IA. Handbook of Mathematical Functions (1964), 6.5.29, 6.5.31, 26.2.23 and 26.5.8.
"""

from __future__ import annotations

from math import erfc, exp, inf, lgamma, log, log1p, nan, pi, sqrt

from offtarget.engine.steppers import compiled

__all__ = ["beta_shares", "gamma_quantile", "gamma_shares", "normal_quantile", "normal_shares"]

_MOST = 200_000
_TINY = 1e-300
#: From this shape on the first two terms of the uniform expansion are right to 1e-11.
_LARGE = 1e6


@compiled
def normal_shares(z: float) -> tuple[float, float]:
    """The shares of a standard normal below and above z."""
    return 0.5 * erfc(-z / sqrt(2.0)), 0.5 * erfc(z / sqrt(2.0))


@compiled
def normal_quantile(below: float, above: float) -> float:
    """Where a standard normal has these shares below and above: a rational start, then Halley's steps."""
    tail = min(below, above)
    if not tail > 0.0:
        return (inf if above == 0.0 else -inf) if tail == 0.0 else nan
    t = sqrt(-2.0 * log(tail))
    bottom = 1.0 + t * (1.432788 + t * (0.189269 + t * 0.001308))
    z = t - (2.515517 + t * (0.802853 + t * 0.010328)) / bottom
    for _ in range(3):
        miss = (0.5 * erfc(z / sqrt(2.0)) - tail) * sqrt(2.0 * pi) * exp(0.5 * z * z)
        z += miss / (1.0 - 0.5 * z * miss)
    return z if above < below else -z


@compiled
def gamma_shares(shape: float, x: float) -> tuple[float, float]:
    """The shares of a gamma distribution of scale 1 below and above x."""
    if not x > 0.0:
        return 0.0, 1.0
    if x == inf:
        return 1.0, 0.0
    if shape > _LARGE:
        return _gamma_uniform(shape, x)
    density = exp(shape * log(x) - x - lgamma(shape))
    if x < shape + 1.0:
        term, total, n = 1.0 / shape, 1.0 / shape, shape
        for _ in range(_MOST):
            n += 1.0
            term *= x / n
            total += term
            if term < total * 1e-17:
                break
        below = min(1.0, density * total)
        return below, 1.0 - below
    # the continued fraction, by Lentz's method
    b = x + 1.0 - shape
    c, d = 1.0 / _TINY, 1.0 / b
    h = d
    for i in range(1, _MOST):
        a = -i * (i - shape)
        b += 2.0
        d = 1.0 / _solid(a * d + b)
        c = _solid(b + a / c)
        h *= c * d
        if abs(c * d - 1.0) < 1e-16:
            break
    above = min(1.0, density * h)
    return 1.0 - above, above


@compiled
def _gamma_uniform(shape: float, x: float) -> tuple[float, float]:
    """Temme's expansion for a large shape."""
    excess = (x - shape) / shape
    eta = sqrt(2.0 * max(0.0, excess - log1p(excess)))
    eta = eta if excess >= 0.0 else -eta
    first = 1.0 / excess - 1.0 / eta if abs(excess) > 1e-4 else -1.0 / 3.0 + excess / 12.0
    rest = exp(-0.5 * shape * eta * eta) / sqrt(2.0 * pi * shape) * first
    below, above = normal_shares(eta * sqrt(shape))
    return max(0.0, below - rest), max(0.0, above + rest)


@compiled
def gamma_quantile(shape: float, below: float, above: float) -> float:
    """Where a gamma distribution of scale 1 has these shares: Newton's steps inside a bracket, in the logarithm."""
    if not (shape > 0.0 and below >= 0.0 and above >= 0.0):
        return nan
    if below == 0.0 or above == 0.0:
        return 0.0 if below == 0.0 else inf
    start = 1.0 - 1.0 / (9.0 * shape) + normal_quantile(below, above) / (3.0 * sqrt(shape))
    # where the cube of a normal does not fit: the leading term at zero
    at = log(shape) + 3.0 * log(start) if start > 0.1 else (log(below) + lgamma(shape + 1.0)) / shape
    low, high = -inf, inf
    for _ in range(200):
        x = exp(at)
        p, q = gamma_shares(shape, x)
        miss = p - below if below < above else above - q
        if miss == 0.0:
            break
        low, high = (low, at) if miss > 0.0 else (at, high)
        density = exp(shape * at - x - lgamma(shape))
        next = at - miss / density if density > 0.0 else nan
        if not low < next < high:
            next = 0.5 * (low + high) if high - low < inf else at - 1.0 if miss > 0.0 else at + 1.0
        if abs(next - at) < 1e-15 * max(1.0, abs(at)):
            break
        at = next
    return exp(at)


@compiled
def _solid(x: float) -> float:
    """The number, or one beside zero: a continued fraction divides by it."""
    return x if abs(x) > _TINY else _TINY


@compiled
def beta_shares(a: float, b: float, x: float) -> tuple[float, float]:
    """The shares of a beta distribution below and above x; not a number where it would take too long to say."""
    if x <= 0.0 or x >= 1.0:
        return (0.0, 1.0) if x <= 0.0 else (1.0, 0.0)
    density = exp(lgamma(a + b) - lgamma(a) - lgamma(b) + a * log(x) + b * log1p(-x))
    if x < (a + 1.0) / (a + b + 2.0):
        below = density * _beta_fraction(a, b, x) / a
        return below, 1.0 - below
    above = density * _beta_fraction(b, a, 1.0 - x) / b
    return 1.0 - above, above


@compiled
def _beta_fraction(a: float, b: float, x: float) -> float:
    c, d = 1.0, 1.0 / _solid(1.0 - (a + b) * x / (a + 1.0))
    h = d
    for m in range(1, _MOST):
        up = m * (b - m) * x / ((a + 2.0 * m - 1.0) * (a + 2.0 * m))
        d = 1.0 / _solid(1.0 + up * d)
        c = _solid(1.0 + up / c)
        h *= c * d
        down = -(a + m) * (a + b + m) * x / ((a + 2.0 * m) * (a + 2.0 * m + 1.0))
        d = 1.0 / _solid(1.0 + down * d)
        c = _solid(1.0 + down / c)
        h *= c * d
        if abs(c * d - 1.0) < 1e-15:
            return h
    return nan
