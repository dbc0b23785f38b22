"""Evaluate a covariate equation on the columns of a cohort."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from functools import reduce

import numpy as np
from numpy.typing import NDArray

from offtarget.errors import InputError, UnsupportedError, nearest
from offtarget.models.expression import Call, Expression, Number, Symbol

__all__ = ["evaluate"]

Array = NDArray[np.float64]

_FUNCTIONS: Mapping[str, Callable[..., Array]] = {
    "+": lambda *parts: reduce(np.add, parts), "*": lambda *parts: reduce(np.multiply, parts),
    "-": np.subtract, "/": np.divide, "^": np.power, "neg": np.negative, "exp": np.exp, "ln": np.log,
    "sqrt": np.sqrt, "abs": np.abs, "min": lambda *parts: reduce(np.minimum, parts),
    "max": lambda *parts: reduce(np.maximum, parts), "<": np.less, "<=": np.less_equal, ">": np.greater,
    ">=": np.greater_equal, "==": np.equal, "!=": np.not_equal,
    "piecewise": lambda *parts: np.select(
        [np.asarray(part, bool) for part in parts[1::2]], parts[: len(parts) - 1 : 2], parts[-1]
    ),
}  # fmt: skip


def evaluate(expression: Expression, columns: Mapping[str, Array], *, where: str) -> Array:
    """The value of an expression for every patient, shape (n,) or ().

    Args:
        expression: of column names and numbers.
        columns: name -> values, shape (n,).
        where: the place, for the error sentence.

    Raises:
        InputError: a name that is not a column.
        UnsupportedError: a function that covariate equations do not have.
    """
    if isinstance(expression, Number):
        return np.asarray(expression.value)
    if isinstance(expression, Symbol):
        if expression.name not in columns:
            raise InputError(
                f'{where}: the cohort has no "{expression.name}". '
                f"{nearest(expression.name, columns, kind='column')}"
            )
        return columns[expression.name]
    return _call(expression, columns, where)


def _call(call: Call, columns: Mapping[str, Array], where: str) -> Array:
    if call.operator not in _FUNCTIONS:
        raise UnsupportedError(f'{where}: covariate equations have no "{call.operator}".')
    parts = [evaluate(part, columns, where=where) for part in call.arguments]
    if call.operator == "piecewise" and len(parts) % 2 == 0:
        raise UnsupportedError(f"{where}: a piecewise in a covariate equation needs an otherwise.")
    return np.asarray(_FUNCTIONS[call.operator](*parts), np.float64)
