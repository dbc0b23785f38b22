"""The functions of the SBML formula language that Python's ``math`` does not have, for generated code."""

from __future__ import annotations

import math

import numpy as np

from offtarget.engine.layout import Floats
from offtarget.engine.steppers import compiled

__all__ = ["ceil", "clear", "cube", "factorial", "floor", "fourth", "largest", "least", "quotient", "real_power", "rem",
           "square"]  # fmt: skip


@compiled
def clear(matrix: Floats, vector: Floats) -> None:
    """Zeros everywhere."""
    for i in range(vector.shape[0]):
        vector[i] = 0.0
        for j in range(vector.shape[0]):
            matrix[i, j] = 0.0


@compiled
def square(x: float) -> float:
    """x^2."""
    return x * x


@compiled
def cube(x: float) -> float:
    """x^3."""
    return x * x * x


@compiled
def fourth(x: float) -> float:
    """x^4."""
    return (x * x) * (x * x)


@compiled
def floor(x: float) -> float:
    """The largest whole number not above x, as a float of any size."""
    return float(np.floor(x))


@compiled
def ceil(x: float) -> float:
    """The smallest whole number not below x, as a float of any size."""
    return float(np.ceil(x))


@compiled
def factorial(x: float) -> float:
    """x! of a whole number."""
    return float(np.rint(math.gamma(x + 1.0))) if x < 22.0 else math.gamma(x + 1.0)


@compiled
def real_power(x: float, y: float) -> float:
    """x^y; not a number where there is no real one."""
    return x**y if x >= 0.0 or y == np.rint(y) else np.nan


@compiled
def quotient(x: float, y: float) -> float:
    """x / y without its fraction."""
    return float(np.trunc(x / y))


@compiled
def rem(x: float, y: float) -> float:
    """What is left of x after taking away whole y, with the sign of x: exact, where a rounded x / y is a y too many."""
    return float(np.fmod(x, y))


@compiled
def least(x: float, y: float) -> float:
    """The smaller; not a number if either is none, so that what is wrong is not hidden behind a bound."""
    return x if x < y or x != x else y


@compiled
def largest(x: float, y: float) -> float:
    """The larger; not a number if either is none."""
    return x if x > y or x != x else y
