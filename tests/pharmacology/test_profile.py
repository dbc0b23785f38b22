"""The closed-form profile, held against sums of doses and against the differential equations."""

from __future__ import annotations

from itertools import pairwise

import numpy as np
import pytest
from scipy.integrate import solve_ivp

from offtarget.arrays.cohort import Cohort
from offtarget.pharmacology.drug import Drug
from offtarget.pharmacology.profile import (
    APART,
    NODES,
    PATTERNS,
    Kinetics,
    average_concentration,
    nodes,
    steady_state_concentration,
)

FRACTIONS = np.array([0.0, 0.01, 0.1, 0.3, 0.7, 1.0])
#: Clearance (L/day), volume (L), absorption (1/day): usual, slow, flip-flop, nearly equal, equal.
HANDLING = {
    "usual": (270.0, 347.0, 14.6),
    "slow": (60.0, 900.0, 14.6),
    "flip-flop": (3000.0, 300.0, 2.0),
    "nearly equal": (300.0, 300.0, 1.0 + 1e-7),
    "equal": (300.0, 300.0, 1.0),
}


def one(handling: str) -> Kinetics:
    return Kinetics(*(np.array([value]) for value in HANDLING[handling]))


def single(time: np.ndarray, dose: float, handling: str) -> np.ndarray:
    """One dose, the two-exponential form written apart, with its limit where the rates are equal."""
    clearance, volume, ka = HANDLING[handling]
    ke = clearance / volume
    if abs(ka - ke) < 1e-3 * ke:
        middle = (ka + ke) / 2  # error of the second order in the difference
        return dose / volume * ka * time * np.exp(-middle * time)
    return dose * ka / (volume * (ka - ke)) * (np.exp(-ke * time) - np.exp(-ka * time))


@pytest.mark.parametrize("interval", [0.5, 1.0, 3.0])
@pytest.mark.parametrize("handling", HANDLING)
def test_the_closed_form_is_the_sum_of_all_past_doses(handling: str, interval: float) -> None:
    for fraction in FRACTIONS:
        ago = (fraction + np.arange(2000)) * interval
        expected = single(ago, 400.0, handling).sum()
        found = steady_state_concentration(one(handling), dose=400, interval=interval, fraction=fraction)
        assert found[0] == pytest.approx(expected, rel=3 * APART)


@pytest.mark.parametrize("handling", ["usual", "flip-flop", "equal"])
def test_the_closed_form_solves_the_differential_equations(handling: str) -> None:
    clearance, volume, ka = HANDLING[handling]
    state, interval = np.zeros(2), 1.0

    def rates(_: float, y: np.ndarray) -> list[float]:
        return [-ka * y[0], ka * y[0] - clearance / volume * y[1]]

    for _ in range(60):
        state[0] += 400.0
        run = solve_ivp(rates, (0, interval), state, t_eval=FRACTIONS, rtol=1e-10, atol=1e-10)
        state = run.y[:, -1].copy()
    found = [
        steady_state_concentration(one(handling), dose=400, interval=1, fraction=f)[0] for f in FRACTIONS
    ]
    np.testing.assert_allclose(found, run.y[1] / volume, rtol=1e-5)


@pytest.mark.parametrize("handling", HANDLING)
def test_missed_doses_leave_out_just_those_doses(handling: str) -> None:
    interval = 0.5
    for taken in PATTERNS:
        for fraction in FRACTIONS:
            ago = (fraction + np.arange(2000)) * interval
            share = np.concatenate((taken, np.full(1998, 0.8)))
            expected = (share * single(ago, 400.0, handling)).sum()
            found = steady_state_concentration(
                one(handling), dose=400, interval=interval, fraction=fraction, taken=taken, adherence=0.8
            )
            assert found[0] == pytest.approx(expected, rel=3 * APART, abs=1e-12)


@pytest.mark.parametrize("handling", HANDLING)
def test_the_nodes_average_the_profile_to_what_comes_in_over_what_is_cleared(handling: str) -> None:
    at, weight = nodes()
    profile = [steady_state_concentration(one(handling), dose=400, interval=1, fraction=f)[0] for f in at]
    expected = average_concentration(one(handling), dose=400, interval=1)[0]
    assert float(weight @ profile) == pytest.approx(expected, rel=1e-5)
    assert weight.sum() == pytest.approx(1, abs=1e-13) and at.size == NODES


def test_no_dose_is_exactly_nothing() -> None:
    found = steady_state_concentration(one("usual"), dose=0, interval=1, fraction=FRACTIONS, adherence=0.5)
    assert np.all(found == 0)


def test_mean_occupancies_are_right_to_a_ten_thousandth_in_every_patient(
    imatinib: Drug, cohort: Cohort
) -> None:
    """Against 200-point quadrature in pieces, over doses, intervals, potencies, steepness and adherence."""
    some = cohort.take(np.arange(500))
    fine = _pieces(np.concatenate(([0.0], np.geomspace(0.01, 1, 9))), 25)
    worst = 0.0
    for interval in (0.5, 1.0):
        for dose, half, hill in (
            (100, 64, 2.6),
            (400, 64, 2.6),
            (800, 183, 3.4),
            (400, 92, 1.0),
            (400, 1143, 1.0),
        ):
            for adherence in (0.5, 0.9, 1.0):
                case = (imatinib, some, dose, interval, half, hill, adherence)
                worst = max(worst, float(np.abs(_mean(nodes(), *case) - _mean(fine, *case)).max()))
    assert worst < 1e-4


def _pieces(edges: np.ndarray, points: int) -> tuple[np.ndarray, np.ndarray]:
    at, weight = np.polynomial.legendre.leggauss(points)
    pairs = [(a + (b - a) * (at + 1) / 2, (b - a) * weight / 2) for a, b in pairwise(edges)]
    return np.concatenate([pair[0] for pair in pairs]), np.concatenate([pair[1] for pair in pairs])


def _mean(
    rule: tuple[np.ndarray, np.ndarray], drug: Drug, cohort: Cohort, dose: float, interval: float, half: float,
    hill: float, adherence: float,
) -> np.ndarray:  # fmt: skip
    kinetics, fu, total = drug.kinetics(cohort), cohort.column("fu_imatinib"), np.zeros(cohort.size)
    for pattern in PATTERNS:
        chance = np.prod([adherence if taken else 1 - adherence for taken in pattern])
        for at, weight in zip(*rule, strict=True):
            mg = steady_state_concentration(
                kinetics, dose=dose, interval=interval, fraction=at, taken=pattern, adherence=adherence
            )
            relative = (fu * mg * 1e6 / 493.603 / half) ** hill
            total += chance * weight * relative / (1 + relative)
    return total
