"""The two methods are of the order they claim, and stiffness is found without being declared."""

from __future__ import annotations

from math import cos, exp, sin
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest
from numba import njit
from numpy.testing import assert_allclose
from scipy.integrate import solve_ivp

from offtarget.arrays.schedule import Action, Schedule
from offtarget.arrays.trajectories import Status
from offtarget.engine import tableaus
from offtarget.engine.ensemble import Kernel, advance, begin, build, simulate
from offtarget.engine.layout import Scratch
from offtarget.engine.reference import simulate_reference
from offtarget.engine.steppers import (
    compiled,
    explicit_dense,
    explicit_stepper,
    factorise,
    implicit_dense,
    implicit_stepper,
    interpolate,
    solve,
)


@compiled
def rhs(t: float, y: Any, p: Any, s: Any, f: Any) -> None:
    """Solved by exp(sin t) and 1 / (1 + t), from which any error leads away non-linearly."""
    f[0] = y[0] * cos(t) + y[0] * (y[1] * (1.0 + t) - 1.0)
    f[1] = -y[1] * y[1] + (y[0] - exp(sin(t))) * y[1]


@compiled
def jacobian(t: float, y: Any, out: Any, by_time: Any) -> None:
    out[0, 0] = cos(t) + y[1] * (1.0 + t) - 1.0
    out[0, 1] = y[0] * (1.0 + t)
    out[1, 0] = y[1]
    out[1, 1] = -2.0 * y[1] + y[0] - exp(sin(t))
    by_time[0] = -y[0] * sin(t) + y[0] * y[1]
    by_time[1] = -cos(t) * exp(sin(t)) * y[1]


explicit_step, implicit_step = explicit_stepper(rhs, 2), implicit_stepper(rhs)


@njit
def fixed_steps(implicit: bool, count: int, length: float) -> tuple[float, float]:
    """The worst error at the ends of ``count`` equal steps, and inside them."""
    n = 2
    w = Scratch(np.zeros((8, n)), np.zeros((8, n)), np.zeros(n), np.ones(n), np.zeros((n, n)), np.zeros((n, n)),
                np.zeros(n), np.zeros(n, np.int64))  # fmt: skip
    y, f, look, nothing = np.array([1.0, 1.0]), np.zeros(n), np.zeros(n), np.zeros(0)
    dense, counts = np.zeros((5, n)), np.zeros(n, np.int64)
    h = length / count
    ends = inside = 0.0
    for i in range(count):
        t = i * h
        if implicit:
            jacobian(t, y, w.jacobian, w.by_time)
            implicit_step(t, h, y, nothing, nothing, w)
            implicit_dense(y, w, dense)
        else:
            rhs(t, y, nothing, nothing, f)
            explicit_step(t, h, y, f, nothing, nothing, w)
            explicit_dense(h, y, w, dense)
        for theta in (0.21, 0.5, 0.83):
            interpolate(theta, dense, counts, look)
            at = t + theta * h
            inside = max(inside, abs(look[0] - exp(sin(at))), abs(look[1] - 1.0 / (1.0 + at)))
        y[0], y[1] = w.next[0], w.next[1]
        ends = max(ends, abs(y[0] - exp(sin(t + h))), abs(y[1] - 1.0 / (1.0 + t + h)))
    return ends, inside


@pytest.mark.parametrize("implicit", [False, True])
def test_each_method_and_its_interpolant_have_the_order_they_claim(implicit: bool) -> None:
    errors = np.array([fixed_steps(implicit, count, 3.0) for count in (20, 40, 80)])
    orders = np.log2(errors[:-1] / errors[1:])
    assert np.all(orders[:, 0] > 4.7), orders
    assert np.all(orders[:, 1] > 3.8), orders


def test_the_explicit_weights_satisfy_every_condition_of_order_five() -> None:
    a, c, b = tableaus.EXPLICIT_A, tableaus.EXPLICIT_C, tableaus.EXPLICIT_A[6]
    assert_allclose(a.sum(axis=1), c, atol=1e-14)
    ac, conditions = (
        a @ c,
        [(b.sum(), 1), (b @ c, 1 / 2), (b @ c**2, 1 / 3), (b @ c**3, 1 / 4), (b @ c**4, 1 / 5)],
    )
    conditions += [(b @ ac, 1 / 6), (b @ (c * ac), 1 / 8), (b @ (a @ c**2), 1 / 12), (b @ (a @ ac), 1 / 24)]
    conditions += [(b @ (c**2 * ac), 1 / 10), (b @ ac**2, 1 / 20), (b @ (c * (a @ c**2)), 1 / 15)]
    conditions += [(b @ (a @ c**3), 1 / 20), (b @ (c * (a @ ac)), 1 / 30), (b @ (a @ (c * ac)), 1 / 40)]
    conditions += [(b @ (a @ (a @ c**2)), 1 / 60), (b @ (a @ (a @ ac)), 1 / 120)]
    for got, wanted in conditions:
        assert got == pytest.approx(wanted, abs=2e-14)


def test_the_implicit_method_forgets_a_stiff_mode_in_one_step() -> None:
    """L-stability: the stability function goes to zero at minus infinity."""

    def growth(z: float) -> float:
        u = np.zeros(8)
        for i in range(8):
            point = 1.0 + tableaus.IMPLICIT_A[i] @ u
            u[i] = (z * point + tableaus.IMPLICIT_G[i] @ u) / (1 / tableaus.IMPLICIT_GAMMA - z)
        return float(1.0 + tableaus.IMPLICIT_B @ u)

    assert growth(-0.1) == pytest.approx(np.exp(-0.1), abs=1e-9)
    assert abs(growth(-1e6)) < 1e-4
    assert abs(growth(-1e9)) < 1e-7


def test_linear_systems_are_solved_with_exchanged_rows() -> None:
    @njit
    def solved(a: Any, b: Any, pivots: Any) -> bool:
        good = factorise(a, pivots)
        if good:
            solve(a, pivots, b)
        return good

    luck = np.random.default_rng(3)
    for n in (1, 2, 5, 9):
        a, b = luck.normal(size=(n, n)), luck.normal(size=n)
        a[0, 0] = 0.0 if n > 1 else 2.0
        x = b.copy()
        assert solved(a.copy(), x, np.zeros(n, np.int64))
        assert_allclose(a @ x, b, atol=1e-12)
    assert not solved(np.ones((2, 2)), np.ones(2), np.zeros(2, np.int64))


def test_robertsons_reactions_finish_without_being_declared_stiff(
    robertson: Kernel, write: SimpleNamespace
) -> None:
    times = np.append(0.0, np.logspace(-5, 7, 49))
    result = simulate(robertson, write.cohort(1), Schedule.empty(1), times=times, tolerance=1e-8)
    right = solve_ivp(
        lambda t, y: [
            -0.04 * y[0] + 1e4 * y[1] * y[2], 0.04 * y[0] - 1e4 * y[1] * y[2] - 3e7 * y[1] ** 2, 3e7 * y[1] ** 2,
        ],
        (0, 1e7), [1, 0, 0], method="Radau", t_eval=times, rtol=1e-11, atol=1e-16,
    )  # fmt: skip
    assert result.status[0] == Status.FINISHED
    assert_allclose(result.values[0, :, :3], right.y.T, rtol=1e-5)
    assert_allclose(result.values[0, :, :3].sum(axis=1), 1.0, rtol=1e-7)
    assert result.steps[0] < 1500


def test_the_explicit_method_alone_gives_up_on_robertsons_reactions(
    robertson: Kernel, write: SimpleNamespace
) -> None:
    result = simulate(
        robertson, write.cohort(1), Schedule.empty(1), times=[1e5], method="explicit", budget=20_000
    )
    assert result.status[0] == Status.TOO_MANY_STEPS


def test_only_the_stiff_patient_is_switched(robertson: Kernel, write: SimpleNamespace) -> None:
    patients = write.cohort(2, k2=[3e7, 1.0], k3=[1e4, 1.0])
    course = begin(robertson, patients)
    advance(robertson, course, Schedule.empty(2), 40.0)
    assert list(course.implicit) == [True, False]


def test_a_patient_returns_to_the_explicit_method_when_stiffness_ends(
    closed: Kernel, write: SimpleNamespace
) -> None:
    course = begin(closed, write.cohort(1, ke=1e5))
    calm = write.events(1, (0, 0.0, Action.ADD, "gut", 1e3), (0, 4.0, Action.SET, "ke", 0.9))
    advance(closed, course, calm, 4.0)
    assert course.implicit[0]
    advance(
        closed, course, calm, 40.0
    )  # what is left is an oscillation, and that costs either method the same steps
    assert not course.implicit[0]
    assert course.status[0] == Status.FINISHED


def test_a_stiff_pharmacology_model_agrees_with_its_slow_twin(write: SimpleNamespace) -> None:
    model = write.model(
        "binding",
        parameters={"kon": 5e3, "koff": 50.0, "kel": 0.3, "kint": 2.0, "kin": 1.0, "kout": 0.5, "ka": 40.0},
        species={"depot": ("0", "nM"), "C": ("0", "nM"), "R": ("kin / kout", "nM"), "RC": ("0", "nM")},
        rules={"bound": "kon * C * R - koff * RC"},
        rates={
            "depot": "-ka * depot", "C": "ka * depot - kel * C - bound", "R": "kin - kout * R - bound",
            "RC": "bound - kint * RC",
        },
    )  # fmt: skip
    kernel = build(model)
    doses = write.events(1, *((0, 7.0 * week, Action.ADD, "depot", 10.0) for week in range(4)))
    times = np.linspace(0.25, 28, 112)
    fast = simulate(kernel, write.cohort(1), doses, times=times, tolerance=1e-8)
    slow = simulate_reference(model, write.cohort(1), doses, times=times, tolerance=1e-11)
    assert fast.status[0] == Status.FINISHED
    for name in ("C", "R", "RC"):
        assert_allclose(fast.of(name), slow.of(name), rtol=2e-5, atol=1e-9)
    forced = simulate(kernel, write.cohort(1), doses, times=times, tolerance=1e-8, method="explicit")
    assert fast.steps[0] < forced.steps[0] / 4
