"""The averaged form against the dosed form, which shares only the mechanism equations with it."""

from __future__ import annotations

from itertools import product
from types import SimpleNamespace

import numpy as np
import pytest
from scipy.integrate import solve_ivp

from offtarget.arrays.cohort import Cohort
from offtarget.models.model import Model
from offtarget.pharmacology.drug import Drug
from offtarget.pharmacology.mechanism import mechanisms_for, treat
from offtarget.pharmacology.profile import average_concentration, nodes, steady_state_concentration

SITES = ("KIT_dendritic_cell", "BCR_ABL1_wt", "LCK_effector_T_cell", "LCK_regulatory_T_cell")
COLUMNS = ("CL", "V", "ka", "fu", "molar_mass")


@pytest.fixture(scope="module")
def averaged(cml: Model, imatinib: Drug) -> Model:
    return treat(cml, [imatinib], mechanisms_for(cml, [imatinib]), exposure="averaged")


@pytest.fixture(scope="module")
def dosed(cml: Model, imatinib: Drug) -> Model:
    return treat(cml, [imatinib], mechanisms_for(cml, [imatinib]), exposure="dosed")


def given(cohort: Cohort, rows: slice | int, **more: float) -> dict[str, np.ndarray | float]:
    return {f"{name}_imatinib": cohort.column(f"{name}_imatinib")[rows] for name in COLUMNS} | {
        f"{name}_imatinib": value for name, value in more.items()
    }


def test_the_equations_say_what_the_arrays_say(
    averaged: Model, imatinib: Drug, cohort: Cohort, maths: SimpleNamespace
) -> None:
    rows = slice(0, 200)
    some, fu = cohort.take(np.arange(200)), cohort.column("fu_imatinib")[rows]
    kinetics, dose, interval, adherence = imatinib.kinetics(some), 300.0, 0.5, 0.85
    found = maths.values(averaged, given(cohort, rows, dose=dose, interval=interval, adherence=adherence))
    regimen = {"dose": dose, "interval": interval}
    trough = 1000 * steady_state_concentration(kinetics, fraction=1.0, **regimen)
    mean = 1000 * average_concentration(kinetics, adherence=adherence, **regimen)
    np.testing.assert_allclose(found["trough_imatinib"], trough, rtol=1e-9)
    np.testing.assert_allclose(found["average_imatinib"], mean, rtol=1e-12)
    np.testing.assert_allclose(found["free_average_imatinib"], mean * fu * 1000 / 493.603, rtol=1e-12)
    for number, at in enumerate(nodes()[0], 1):
        for pattern in ((1, 1), (1, 0), (0, 1), (0, 0)):
            mg = steady_state_concentration(
                kinetics, fraction=at, taken=pattern, adherence=adherence, **regimen
            )
            free = found[f"free_imatinib_{pattern[0]}{pattern[1]}_{number}"]
            np.testing.assert_allclose(free, fu * mg * 1e6 / 493.603, rtol=1e-9)


def test_absorption_as_fast_as_elimination_is_no_trouble(averaged: Model, maths: SimpleNamespace) -> None:
    def trough(ka: float) -> float:
        same = {"CL_imatinib": 300.0, "V_imatinib": 300.0, "ka_imatinib": ka, "dose_imatinib": 400.0}
        return float(maths.values(averaged, same)["trough_imatinib"])

    exact = 1000 * 400 / 300 * np.exp(-1) / (1 - np.exp(-1)) ** 2  # sum over k of k exp(-k), k from 1
    assert trough(1.0) == pytest.approx(exact, rel=2e-6)
    assert trough(1 - 1e-5) > trough(1.0) or trough(1 + 1e-5) > trough(1.0)
    assert abs(trough(1 + 1e-5) - trough(1 - 1e-5)) < 1e-4 * exact


def steady_day(cohort: Cohort, row: int, dose: float, interval: float) -> tuple[np.ndarray, np.ndarray]:
    """Times in one interval and the amount in the body, mg, after 80 doses through the differential equations."""
    clearance, volume, ka = (cohort.column(f"{name}_imatinib")[row] for name in ("CL", "V", "ka"))
    edges = np.concatenate(([0.0], np.geomspace(1e-3, 1, 400))) * interval
    state = np.zeros(2)
    for _ in range(80):
        state[0] += dose
        run = solve_ivp(
            lambda _, y: [-ka * y[0], ka * y[0] - clearance / volume * y[1]], (0, interval), state, t_eval=edges,
            rtol=1e-9, atol=1e-9,
        )  # fmt: skip
        state = run.y[:, -1].copy()
    return edges, run.y[1]


@pytest.mark.parametrize(("dose", "interval"), [(400.0, 1.0), (400.0, 0.5), (100.0, 1.0)])
def test_with_every_dose_taken_both_forms_have_the_same_mean_effects(
    dose: float, interval: float, averaged: Model, dosed: Model, cohort: Cohort, maths: SimpleNamespace
) -> None:
    for row in (0, 1, 2):
        edges, central = steady_day(cohort, row, dose, interval)
        followed = maths.values(dosed, given(cohort, row) | {"central_imatinib": central})
        static = maths.values(averaged, given(cohort, row, dose=dose, interval=interval))
        for site in SITES:
            mean = np.trapezoid(followed[f"occupancy_{site}"], edges) / interval
            assert static[f"occupancy_{site}"] == pytest.approx(mean, abs=3e-4), site


def test_with_doses_missed_both_forms_have_the_same_mean_effects(
    averaged: Model, dosed: Model, cohort: Cohort, maths: SimpleNamespace
) -> None:
    """Monte Carlo over 20,000 doses, patients 90, 70 and 40 % adherent.

    Batch means of 100 doses give the standard error. Five of them would be exceeded by chance once in 1.7 million
    comparisons. On top, 3e-3: earlier doses stand at their mean in the averaged form, and effects are not linear.
    """
    at, weight = nodes(30)
    count, batches = 20_000, 200
    luck = np.random.default_rng(5)
    for row, adherence in ((0, 0.9), (1, 0.7), (2, 0.4)):
        ke = cohort.column("CL_imatinib")[row] / cohort.column("V_imatinib")[row]
        ka, volume = cohort.column("ka_imatinib")[row], cohort.column("V_imatinib")[row]
        taken = luck.random(count) < adherence
        left = [np.zeros(count), np.zeros(count)]  # of each exponential, just after each dose was due
        for number, rate in enumerate((ke, ka)):
            amount = 0.0
            for dose in range(count):
                amount = amount * np.exp(-rate) + taken[dose]
                left[number][dose] = amount
        scale = 400 * ka / (volume * (ka - ke))
        mg = scale * (np.outer(left[0], np.exp(-ke * at)) - np.outer(left[1], np.exp(-ka * at)))
        followed = maths.values(dosed, given(cohort, row) | {"central_imatinib": mg * volume})
        static = maths.values(averaged, given(cohort, row, dose=400.0, interval=1.0, adherence=adherence))
        for site in SITES:
            each = followed[f"occupancy_{site}"] @ weight
            mean, means = each.mean(), each.reshape(batches, -1).mean(axis=1)
            error = means.std(ddof=1) / np.sqrt(batches)
            assert abs(static[f"occupancy_{site}"] - mean) < 5 * error + 3e-3, site


def every_pattern(cohort: Cohort, rows: slice, adherence: float, half: float, hill: float) -> np.ndarray:
    """Mean occupancy at 400 mg a day over all 512 ways to take or miss the last nine doses, earlier ones at their mean.

    Nine days are nearly ten half-lives of the typical patient: what is left of earlier doses hardly varies.
    """
    kinetics = [cohort.column(f"{name}_imatinib")[rows, None] for name in ("CL", "V", "ka")]
    ke, ka, volume = kinetics[0] / kinetics[1], kinetics[2], kinetics[1]
    root, weight = np.polynomial.legendre.leggauss(24)
    at, weight = ((root + 1) / 2) ** 2, weight * (root + 1) / 2  # nodes crowd after the dose
    height = 400 * ka / (volume * (ka - ke)) * cohort.column("fu_imatinib")[rows, None] * 1e6 / 493.603
    doses = [height * (np.exp(-ke * (at + day)) - np.exp(-ka * (at + day))) for day in range(9)]
    tail = np.exp(-ke * (at + 9)) / -np.expm1(-ke) - np.exp(-ka * (at + 9)) / -np.expm1(-ka)
    total = np.zeros(ke.shape[0])
    for taken in product((0.0, 1.0), repeat=9):
        chance = adherence ** sum(taken) * (1 - adherence) ** (9 - sum(taken))
        free = sum(share * one for share, one in zip(taken, doses, strict=True)) + adherence * height * tail
        power = (free / half) ** hill
        total += chance * (power / (1 + power)) @ weight
    return total


def test_at_four_doses_in_five_the_populations_mean_effects_are_right_to_two_thousandths(
    averaged: Model, cohort: Cohort, maths: SimpleNamespace
) -> None:
    """In one patient the error is larger: earlier doses stand at their mean, and steep effects are not linear."""
    rows = slice(0, 200)
    static = maths.values(averaged, given(cohort, rows, dose=400.0, interval=1.0, adherence=0.8))
    for site in SITES:
        hill = float(static.get(f"hill_imatinib_{site}", np.ones(())))
        exact = every_pattern(cohort, rows, 0.8, float(static[f"half_imatinib_{site}"]), hill)
        error = static[f"occupancy_{site}"] - exact
        assert abs(error.mean()) < 2e-3 and np.abs(error).max() < 1e-2, site


def test_missing_doses_matters_to_the_kill(averaged: Model, cohort: Cohort, maths: SimpleNamespace) -> None:
    full, most, half = (
        maths.values(averaged, given(cohort, slice(0, 300), dose=400.0, adherence=p))["occupancy_BCR_ABL1_wt"]
        for p in (1.0, 0.9, 0.5)
    )
    assert np.all(full > most) and np.all(most > half) and np.mean(full - half) > 0.1
