"""How a quantity varies between patients: a distribution with a unit and evidence, drawn by inversion.

Sampling by inverse distribution function keeps a patient's quantile the same whatever else is drawn,
and lets correlated parameters share a Gaussian copula.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from types import MappingProxyType
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from offtarget.errors import InputError, nearest, sentence
from offtarget.evidence import Evidence
from offtarget.units import convert

__all__ = ["SHAPES", "Distribution", "correlate"]

#: Shape -> (arguments that carry the unit, arguments that are plain numbers).
SHAPES = MappingProxyType({
    "constant": (("value",), ()),
    "normal": (("mean", "sd"), ()),
    "truncated_normal": (("mean", "sd", "low", "high"), ()),
    "lognormal": (("median",), ("log_sd",)),
    "uniform": (("low", "high"), ()),
    "loguniform": (("low", "high"), ()),
    "beta": ((), ("a", "b")),
    "bernoulli": ((), ("probability",)),
    "poisson": ((), ("mean",)),
})  # fmt: skip


@dataclass(frozen=True, slots=True)
class Distribution:
    """A named shape, its arguments in ``unit`` (or plain), and where they came from."""

    shape: str
    arguments: dict[str, float]
    unit: str
    evidence: Evidence = field(compare=False)

    def quantile(self, probability: ArrayLike) -> NDArray[np.float64]:
        """The value below which this share of patients lies, in ``self.unit``.

        Args:
            probability: in the open interval (0, 1), any shape.
        """
        u = np.asarray(probability, dtype=np.float64)
        return np.asarray(_QUANTILES[self.shape](u, **self.arguments), dtype=np.float64)

    def median(self) -> float:
        """The median, in ``self.unit``."""
        return float(self.quantile(0.5))

    def to(self, unit: str) -> Distribution:
        """The same distribution expressed in another unit of the same dimension.

        Raises:
            InputError: units that do not convert, or values without a scale (beta, bernoulli, poisson).
        """
        carry, plain = SHAPES[self.shape]
        if not carry and convert(1.0, self.unit, unit) != 1.0:
            raise InputError(
                sentence(f"{self.shape} distribution", expected=f'the unit "{self.unit}"', got=unit)
            )
        moved = {name: convert(self.arguments[name], self.unit, unit) for name in carry}
        return Distribution(
            self.shape, moved | {name: self.arguments[name] for name in plain}, unit, self.evidence
        )

    def check(self, where: str) -> Distribution:
        """Itself, if its arguments make sense.

        Raises:
            InputError: an unknown shape, a missing or impossible argument.
        """
        if self.shape not in SHAPES:
            raise InputError(
                f'{where}: distribution "{self.shape}" is not known. '
                f"{nearest(self.shape, SHAPES, kind='shape')}"
            )
        problem = _complaint(self.shape, self.arguments)
        if problem:
            raise InputError(sentence(where, expected=problem, got=str(self.arguments)))
        return self


def _complaint(shape: str, given: dict[str, float]) -> str:
    """What is wrong with the arguments, as an expectation; empty when nothing is."""
    wanted = set().union(*SHAPES[shape])
    if set(given) != wanted:
        return f"{shape} to have exactly {', '.join(sorted(wanted))}"
    if not all(np.isfinite(value) for value in given.values()):
        return "finite numbers"
    rules: dict[str, tuple[bool, str]] = {
        "sd": (given.get("sd", 0.0) >= 0, "sd to be zero or more"),
        "log_sd": (given.get("log_sd", 0.0) >= 0, "log_sd to be zero or more"),
        "median": (given.get("median", 1.0) > 0, "the median of a lognormal to be positive"),
        "order": (given.get("low", 0.0) < given.get("high", 1.0), "low to be below high"),
        "positive": (shape != "loguniform" or given["low"] > 0, "low to be positive in a loguniform"),
        "beta": (min(given.get("a", 1.0), given.get("b", 1.0)) > 0, "a and b to be positive"),
        "probability": (0 <= given.get("probability", 0.5) <= 1, "a probability between 0 and 1"),
        "poisson": (shape != "poisson" or given["mean"] >= 0, "the mean of a poisson to be zero or more"),
    }
    return next((said for holds, said in rules.values() if not holds), "")


def correlate(normals: NDArray[np.float64], correlation: NDArray[np.float64]) -> NDArray[np.float64]:
    """Correlated standard normals from independent ones, in the order given (lower Cholesky factor).

    Args:
        normals: independent standard normals, shape (patients, parameters).
        correlation: correlation matrix, shape (parameters, parameters).

    Raises:
        InputError: not a correlation matrix: not symmetric, no unit diagonal, or not positive definite.
    """
    if not np.array_equal(correlation, correlation.T) or not (np.diag(correlation) == 1).all():
        raise InputError("correlations: expected a symmetric matrix with ones on its diagonal, got another.")
    try:
        factor = np.linalg.cholesky(correlation)
    except np.linalg.LinAlgError:
        raise InputError(
            "correlations: expected a positive definite matrix, got one that no set of patients can have. "
            "Weaken the strongest correlations."
        ) from None
    mixed = np.zeros(normals.shape)
    for row in range(
        factor.shape[0]
    ):  # one product and sum after the other: the same bits for any number of patients
        for column in range(row + 1):
            mixed[:, row] += factor[row, column] * normals[:, column]
    return mixed


def _special() -> Any:
    from scipy import special

    return special


def _truncated(
    u: NDArray[np.float64], mean: float, sd: float, low: float, high: float
) -> NDArray[np.float64]:
    if sd == 0:
        return np.full(u.shape, np.clip(mean, low, high))
    if (
        low > mean
    ):  # the upper tail has no digits left near probability 1: use the lower tail of the mirror image
        return -_truncated(1.0 - u, -mean, sd, -high, -low)
    below, above = _special().ndtr((low - mean) / sd), _special().ndtr((high - mean) / sd)
    return np.asarray(np.clip(mean + sd * _special().ndtri(below + u * (above - below)), low, high))


def _poisson(u: NDArray[np.float64], mean: float) -> NDArray[np.float64]:
    from scipy.stats import poisson

    return np.asarray(poisson.ppf(u, mean)) if mean > 0 else np.zeros(u.shape)


_QUANTILES: dict[str, Callable[..., NDArray[np.float64]]] = {
    "constant": lambda u, value: np.full(u.shape, value),
    "normal": lambda u, mean, sd: mean + sd * _special().ndtri(u),
    "truncated_normal": _truncated,
    "lognormal": lambda u, median, log_sd: median * np.exp(log_sd * _special().ndtri(u)),
    "uniform": lambda u, low, high: low + u * (high - low),
    "loguniform": lambda u, low, high: low * (high / low) ** u,
    "beta": lambda u, a, b: _special().betaincinv(a, b, u),
    "bernoulli": lambda u, probability: (u < probability).astype(np.float64),
    "poisson": _poisson,
}
