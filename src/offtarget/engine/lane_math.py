"""Elementary functions of eight numbers at once, to the last digit or two. Each lane's result is its own.

The logarithm follows fdlibm (Sun Microsystems, 1993); what is not an ordinary positive number goes to the C library.
"""

from __future__ import annotations

from typing import Any

from offtarget.engine import lanes as v
from offtarget.engine.lanes import (
    absolute,
    bits,
    choose,
    exponent,
    fused,
    nearest,
    power_of_two,
    significand,
    trunc,
    whole,
)
from offtarget.engine.steppers import compiled

__all__ = ["acos", "acosh", "asin", "asinh", "atan", "atanh", "ceil", "cos", "cosh", "exp", "factorial", "floor",
           "largest", "least", "log", "log10", "power", "quotient", "rem", "rough_exp2", "rough_log2", "sin", "sinh",
           "tan", "tanh"]  # fmt: skip

_LOG2E = 1.4426950408889634
#: ln 2 in two parts: the first has zeros enough at its end to be multiplied by an exponent exactly.
_LN2, _LN2_REST = 6.93147180369123816490e-01, 1.90821492927058770002e-10
_SMALLEST, _LARGEST = 2.2250738585072014e-308, 1.7976931348623157e308
#: Coefficients of 1/k!, and fdlibm's of the logarithm.
_F = tuple(
    1.0 / f for f in (1, 1, 2, 6, 24, 120, 720, 5040, 40320, 362880, 3628800, 39916800, 479001600, 6227020800)
)
_L1, _L2, _L3, _L4, _L5, _L6, _L7 = (
    6.666666666666735130e-01, 3.999999999940941908e-01, 2.857142874366239149e-01, 2.222219843214978396e-01,
    1.818357216161805012e-01, 1.531383769920937332e-01, 1.479819860511658591e-01,
)  # fmt: skip
_F2, _F3, _F4, _F5, _F6, _F7, _F8, _F9, _F10, _F11, _F12, _F13 = _F[2:]


def _by_library(name: str, arity: int = 1) -> Any:
    return v.lanewise(name, arity)


_library_log, _library_power, _remainder = _by_library("log"), _by_library("pow", 2), _by_library("fmod", 2)

# Rare enough to be computed lane by lane.
acos, acosh, asin, asinh, atan, atanh, cos, cosh, log10, sin, sinh, tan, tanh, _gamma = map(_by_library, (
    "acos", "acosh", "asin", "asinh", "atan", "atanh", "cos", "cosh", "log10", "sin", "sinh", "tan", "tanh", "tgamma",
))  # fmt: skip


floor, ceil = whole, v.ceiling


@compiled
def exp(x: Any) -> Any:
    """e^x."""
    inside = v.lower(v.higher(x, -800.0), 800.0)
    k = nearest(inside * _LOG2E)
    r = fused(k, -_LN2_REST, fused(k, -_LN2, inside))
    p = fused(r, fused(r, fused(r, _F13, _F12), _F11), _F10)
    p = fused(r, fused(r, fused(r, fused(r, p, _F9), _F8), _F7), _F6)
    p = fused(r, fused(r, fused(r, fused(r, p, _F5), _F4), _F3), _F2)
    p = fused(r * r, p, r) + 1.0
    half = whole(0.5 * k)  # in two steps, for results near the ends of the range
    return choose(x == x, p * power_of_two(half) * power_of_two(k - half), x)


@compiled
def log(x: Any) -> Any:
    """The natural logarithm."""
    high, low = _log(x)
    odd = ~((x >= _SMALLEST) & (x <= _LARGEST))
    found = high + low
    if bits(odd):
        found = choose(odd, _library_log(x), found)
    return found


@compiled
def _log(x: Any) -> Any:
    """The logarithm of an ordinary positive number as a sum of two parts."""
    m = significand(x)
    large = m > 1.4142135623730951
    e = choose(large, exponent(x) + 1.0, exponent(x))
    m = choose(large, 0.5 * m, m)
    f = m - 1.0
    bottom = 2.0 + f
    s = f / bottom
    rest = fused(-s, bottom, f) / bottom
    z = s * s
    series = fused(z, fused(z, fused(z, fused(z, fused(z, fused(z, _L7, _L6), _L5), _L4), _L3), _L2), _L1) * z
    main = e * _LN2
    twice = 2.0 * s
    high = main + twice
    lost = choose(absolute(main) >= absolute(twice), (main - high) + twice, (twice - high) + main)
    small = lost + fused(e, _LN2_REST, fused(s, series, 2.0 * rest))
    both = high + small
    return both, (high - both) + small


@compiled
def power(x: Any, y: Any) -> Any:
    """x^y."""
    base, index = v.wide(x), v.wide(y)
    high, low = _log(base)
    product = index * high
    found = exp(product) * (1.0 + fused(index, high, -product) + index * low)
    nothing = (base == 0.0) & (index > 0.0) & (index < _LARGEST)
    found = choose(nothing, 0.0, found)
    odd = ~((base >= _SMALLEST) & (base <= _LARGEST) & (absolute(product) < 700.0)) & ~nothing
    if bits(odd):
        found = choose(odd, _library_power(base, index), found)
    return found


@compiled
def factorial(x: Any) -> Any:
    """x! of a whole number."""
    found = _gamma(x + 1.0)
    return choose(x < 22.0, nearest(found), found)


@compiled
def quotient(x: Any, y: Any) -> Any:
    """x / y without its fraction."""
    return trunc(v.wide(x) / y)


@compiled
def rem(x: Any, y: Any) -> Any:
    """What is left of x after taking away whole y, with the sign of x."""
    return _remainder(v.wide(x), v.wide(y))


@compiled
def least(x: Any, y: Any) -> Any:
    """The smaller; not a number if either is none (see ``functions.least``)."""
    a = v.wide(x)
    return choose(a == a, v.lower(a, y), a)


@compiled
def largest(x: Any, y: Any) -> Any:
    """The larger; not a number if either is none."""
    a = v.wide(x)
    return choose(a == a, v.higher(a, y), a)


@compiled
def rough_log2(x: Any) -> Any:
    """The logarithm to base 2 of an ordinary positive number, to five digits: enough to control a step."""
    m = significand(x) - 1.0
    p = fused(
        m, fused(m, fused(m, fused(m, 0.045254475, -0.193486127), 0.415222762), -0.708858568), 1.441879302
    )
    return fused(m, p, exponent(x))


@compiled
def rough_exp2(x: Any) -> Any:
    """2^x of a number from -1000 to 1000, to five digits."""
    k = whole(x)
    r = x - k
    return power_of_two(k) * fused(
        r, fused(r, fused(r, fused(r, 0.013582852, 0.051945949), 0.241449662), 0.693017374), 1.0
    )
