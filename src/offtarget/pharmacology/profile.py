"""The steady-state profile of a drug taken by mouth at even intervals: one compartment, first-order absorption.

Source: Gibaldi M, Perrier D. Pharmacokinetics, 2nd edition (1982), the one-compartment model with first-order
absorption. One dose gives

    g(t) = dose * ka / (V (ka - ke)) * (exp(-ke t) - exp(-ka t)),    ke = CL / V,

and doses add up. Taken at even intervals tau since long ago, the exponentials sum as geometric series. With a share
of doses missed at random, the last two doses are either taken or not, and all earlier ones stand at their mean.

Everything here is numbers in arrays; ``exposure`` writes the same profile as equations of a model.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike, NDArray

__all__ = [
    "APART",
    "NODES",
    "PATTERNS",
    "Kinetics",
    "average_concentration",
    "nodes",
    "steady_state_concentration",
]

#: Absorption and elimination closer than this (relative) are held this far apart: the two-exponential form divides by
#: their difference. At a millionth the profile changes by less than a millionth.
APART = 1e-6

#: Nodes in one interval. With 14 no patient's mean occupancy is off by more than 1e-4 at intervals up to a day.
NODES = 14
#: How strongly nodes crowd after the dose, where absorption bends the profile.
_CROWD = 3.0

#: Whether the last dose, and the one before it, were taken.
PATTERNS = ((1, 1), (1, 0), (0, 1), (0, 0))

Array = NDArray[np.float64]


@dataclass(frozen=True, slots=True, eq=False)
class Kinetics:
    """How patients handle a drug: apparent clearance (L/day), apparent volume (L), absorption (1/day), shape (n,)."""

    clearance: Array
    volume: Array
    absorption: Array

    def rates(self) -> tuple[Array, Array]:
        """Elimination and absorption rate constants (1/day), held apart where they coincide."""
        ke = self.clearance / self.volume
        near = np.abs(self.absorption - ke) < APART * ke
        return ke, np.where(near, ke * (1 + APART), self.absorption)


def nodes(count: int = NODES) -> tuple[Array, Array]:
    """Nodes and weights that average over the unit interval, to 15 digits, each of shape (count,).

    Gauss-Legendre in u, where the fraction of the interval is (exp(3 u) - 1) / (exp(3) - 1): nodes crowd where the
    profile rises.

    Args:
        count: how many.
    """
    at, weight = np.polynomial.legendre.leggauss(count)
    u, scale = (at + 1) / 2, np.expm1(_CROWD)
    where, share = np.expm1(_CROWD * u) / scale, weight / 2 * _CROWD * np.exp(_CROWD * u) / scale
    return _rounded(where), _rounded(share)


def _rounded(values: Array) -> Array:
    """To 15 digits: what an SBML file keeps of a number."""
    return np.array([float(f"{value:.15g}") for value in values])


def steady_state_concentration(
    kinetics: Kinetics,
    *,
    dose: ArrayLike,
    interval: ArrayLike,
    fraction: ArrayLike,
    taken: tuple[float, float] = (1.0, 1.0),
    adherence: ArrayLike = 1.0,
) -> Array:
    """Total plasma concentration at steady state, mg/L.

    Args:
        kinetics: of n patients.
        dose: mg, broadcast against shape (n,); 0 gives 0.
        interval: day, between doses.
        fraction: of the interval since the last dose was due, from 0 to 1.
        taken: share of the last dose, and of the one before it, that was taken.
        adherence: share of all earlier doses that were taken.

    Example:
        >>> one = Kinetics(np.array([264.0]), np.array([347.0]), np.array([14.6]))
        >>> float(steady_state_concentration(one, dose=400, interval=1.0, fraction=1.0)[0].round(3))
        1.073
    """
    ke, ka = kinetics.rates()
    tau = np.asarray(interval, np.float64)
    time = np.asarray(fraction, np.float64) * tau
    scale = np.asarray(dose, np.float64) * ka / (kinetics.volume * (ka - ke))

    earlier = np.asarray(adherence, np.float64)

    def kind(rate: Array) -> Array:
        left, once = np.exp(-rate * time), np.exp(-rate * tau)
        return np.asarray(left * (taken[0] + once * taken[1] + earlier * once * once / (1 - once)))

    return np.asarray(scale * (kind(ke) - kind(ka)))


def average_concentration(
    kinetics: Kinetics, *, dose: ArrayLike, interval: ArrayLike, adherence: ArrayLike = 1.0
) -> Array:
    """Mean total plasma concentration at steady state, mg/L: what comes in over what is cleared.

    Args:
        kinetics: of n patients.
        dose: mg.
        interval: day.
        adherence: share of doses taken.
    """
    rate = np.asarray(dose, np.float64) * np.asarray(adherence, np.float64) / np.asarray(interval, np.float64)
    return np.asarray(rate / kinetics.clearance)
