"""Eight patients abreast: each lane's numbers are right, and its own."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from types import SimpleNamespace

import numpy as np
import pytest
from numba import njit
from numpy.testing import assert_allclose, assert_array_equal

from offtarget.arrays.schedule import Action, Schedule
from offtarget.arrays.trajectories import Status
from offtarget.engine import lane_implicit, lane_math, reference
from offtarget.engine.ensemble import Kernel, build, simulate
from offtarget.engine.lanes import put, take, wide

ODD = np.array([0.0, -1.0, 1e-310, np.inf, np.nan, 1e300, -2.0, 1.0])
POWERS = np.array([2.0, 3.0, 0.5, 2.0, 1.0, 2.0, 0.5, np.nan])


@njit(error_model="numpy")
def functions(x: np.ndarray, y: np.ndarray, out: np.ndarray) -> None:
    for i in range(x.shape[0]):
        a, b = take(x, i), take(y, i)
        put(out[0], i, lane_math.exp(b))
        put(out[1], i, lane_math.log(a))
        put(out[2], i, lane_math.power(a, b))
        put(out[3], i, lane_math.rem(b, a))


def test_functions_of_lanes_are_those_of_the_library() -> None:
    luck = np.random.default_rng(4)
    x, y = np.exp(8 * luck.normal(size=(4000, 8))), 8 * luck.normal(size=(4000, 8))
    x[0], y[0] = ODD, POWERS
    x[1], y[1] = 0.0, np.array([0.0, 0.5, -1.0, np.inf, -np.inf, np.nan, 2.0, 1e-300])
    y[2] = [-1e9, -745.1, -708.5, 0.0, 1e-300, 709.7, 709.9, 1e9]
    out = np.zeros((4, 4000, 8))
    functions(x, y, out)
    with np.errstate(all="ignore"):
        assert_allclose(out[0], np.exp(y), rtol=4e-16, atol=5e-324)
        assert_allclose(out[1], np.log(x), rtol=4e-16)
        assert_allclose(out[2], x**y, rtol=3e-15, atol=5e-324)
        small = (np.abs(y) < 1e6 * x) & (x > 0) & np.isfinite(x)
        assert_allclose(out[3][small], np.fmod(y, x)[small], rtol=1e-9, atol=1e-9)


@njit(error_model="numpy")
def solved(table: np.ndarray, n: int) -> None:
    lane_implicit.factorise(table, 0, n * n, n)
    lane_implicit.solve(table, 0, n * n, 2 * n * n, n)


@pytest.mark.parametrize("n", [1, 2, 5, 9])
def test_linear_systems_are_solved_with_rows_exchanged_in_each_lane_by_itself(n: int) -> None:
    luck = np.random.default_rng(n)
    a, b = luck.normal(size=(n, n, 8)), luck.normal(size=(n, 8))
    a[0, 0, ::2] = 0.0 if n > 1 else 2.0
    table = np.concatenate([a.reshape(n * n, 8), np.zeros((n * n, 8)), b])
    solved(table, n)
    assert_allclose(np.einsum("ijl,jl->il", a, table[-n:]), b, atol=1e-11)


def test_what_branches_for_one_patient_is_chosen_for_eight(write: SimpleNamespace) -> None:
    """Conditions, logic and rare functions in a right-hand side: every patient follows the closed form."""
    model = write.model(
        "branches", parameters={"k": 1.0, "top": 2.0}, species={"x": ("0", "1"), "y": ("0", "1"), "z": ("0", "1")},
        rates={
            "x": "piecewise(1, k > 2 and top == 2, 3, not (k > 1), 2)",
            "y": "min(k, top, 3) + max(k, 1.5) + floor(k) + abs(-k) + (k > 1)",
            "z": "sin(k) + factorial(3) + k ** 2.5 + quotient(7 * k, 2) + sqrt(k) + log10(k) + implies(k > 1, k > 2)",
        },
    )  # fmt: skip
    k = np.array([0.5, 1.0, 1.5, 2.0, 2.5, 3.0, 4.0, 5.5, 6.0])
    found = simulate(build(model), write.cohort(9, k=k), Schedule.empty(9), times=[1.0]).values[:, 0]
    assert_allclose(found[:, 0], np.where(k > 2, 1.0, np.where(k > 1, 2.0, 3.0)))
    assert_allclose(found[:, 1], np.minimum(k, 2) + np.maximum(k, 1.5) + np.floor(k) + k + (k > 1))
    rest = np.sin(k) + 6 + k**2.5 + np.trunc(7 * k / 2) + np.sqrt(k) + np.log10(k) + ((k <= 1) | (k > 2))
    assert_allclose(found[:, 2], rest, rtol=1e-12)


#: Every operator that an expression of parameters may have, with branches that some of the patients take.
STATIC = (
    "a + b - c * 2", "a - b", "-a / b", "a ** 2 + b ** 3 + c ** 4", "a ** -1 + a ** -2 + b ** -3",
    "a ** 0.5 + a ** -0.5", "a ** b", "a ** (b - c)", "exp(-a) + ln(b) + log10(c)", "sqrt(a * b)",
    "abs(a - b) + floor(c) + ceil(a)",
    "min(a, b, c) + max(a, b, c)", "rem(7 * a, b) + quotient(7 * a, b)", "factorial(floor(a))",
    "piecewise(1, a > 2, b, c > 2, a * b)", "piecewise(a, a > b)",
    "(a > b) + (a >= b) + (a < b) + (a <= b) + (a == b) + (a != b)",
    "piecewise(1, a > 1 and b > 1 and c > 1, 2, a > 1 or b > 1, 3)", "piecewise(1, xor(a > 1, b > 1), 0)",
    "piecewise(1, not (a > 1), 0) + piecewise(1, implies(a > 1, b > 1), 0)", "sin(a) + cos(b) + tan(c / 9)",
    "sinh(a) + cosh(b) + tanh(c)", "asin(a / 9) + acos(b / 9) + atan(c)", "asinh(a) + acosh(1 + b) + atanh(c / 9)",
    "(a + (b * (c - (a / (b + (c * (a + b)))))))", "3", "a", "a * b * c * (a + b) * (b + c) * (c + a)",
)  # fmt: skip


def test_expressions_of_parameters_are_what_the_slow_twin_makes_of_them(write: SimpleNamespace) -> None:
    """In the kernel they are a list of steps over rows (``lane_program``), in the twin a tree."""
    rules = {f"r{k}": text for k, text in enumerate(STATIC)}
    rules |= {
        "last": " + ".join(f"r{k} * r{k}" for k in (0, 3, 15)),
        "again": "piecewise(last, last > r0, r1)",
    }
    model = write.model("static", parameters={"a": 1.0, "b": 2.0, "c": 3.0}, species={"x": ("a", "1")},
                        rates={"x": "last"}, rules=rules)  # fmt: skip
    luck = np.random.default_rng(8)
    who = write.cohort(21, **{name: luck.choice([0.5, 1.0, 1.5, 2.0, 3.7], 21) for name in "abc"})
    found = simulate(build(model, outputs=(*rules, "x")), who, Schedule.empty(21), times=[0.0, 1.0])
    twin = reference.simulate_reference(
        model, who, Schedule.empty(21), times=[0.0, 1.0], outputs=(*rules, "x")
    )
    assert_allclose(found.values, twin.values, rtol=1e-6)
    assert_allclose(found.values[:, 0], twin.values[:, 0], rtol=1e-13, atol=1e-15)


def test_no_bound_hides_what_is_no_number_and_a_remainder_keeps_its_sign(write: SimpleNamespace) -> None:
    """min, max and rem agree in the kernel's three ways of reading an expression: steps, lanes, one patient."""
    texts = ("min(1, sqrt(a))", "min(sqrt(a), 1)", "max(ln(a), -5)", "max(-5, ln(a))", "rem(b, c)")
    rules = {f"still{k}": text for k, text in enumerate(texts)}
    rules |= {f"moving{k}": f"{text} + 0 * time" for k, text in enumerate(texts)}
    model = write.model(
        "hidden", parameters={"a": 4.0, "b": 1.0, "c": 0.1},
        species={f"x{k}": ("0", "1") for k in range(5)} | {"free": ("0", "1")}, rules=rules,
        rates={f"x{k}": f"moving{k}" for k in range(5)} | {"free": "1"},
    )  # fmt: skip
    kernel = build(model, outputs=(*rules, *(f"x{k}" for k in range(5))))
    b = np.array([1.0, -1.0, 2.0, 0.5, 7.5, -3.0])
    fine = simulate(kernel, write.cohort(6, b=b), Schedule.empty(6), times=[1.0]).values[:, 0]
    for first in (0, 5, 10):
        assert_allclose(fine[:, first : first + 4], [[1.0, 1.0, np.log(4.0), np.log(4.0)]] * 6, rtol=1e-12)
        assert_allclose(fine[:, first + 4], np.fmod(b, 0.1), rtol=1e-9)
    still = build(write.model("hidden_still", parameters={"a": -1.0, "b": 1.0, "c": 0.1}, rules=rules,
                              species={"x": ("0", "1")}, rates={"x": "1"}))  # fmt: skip
    found = simulate(still, write.cohort(1), Schedule.empty(1), times=[1.0])
    for first in ("still", "moving"):
        assert np.isnan([found.of(f"{first}{k}")[0, 0] for k in range(4)]).all()
    for text in texts[:4]:
        each = write.model(
            "hidden_rate", parameters={"a": -1.0}, species={"x": ("0", "1")}, rates={"x": text}
        )
        assert (
            simulate(build(each), write.cohort(1), Schedule.empty(1), times=[1.0]).status[0]
            == Status.NOT_FINITE
        )


def test_a_neighbour_who_fails_in_any_way_changes_nobody(window: Kernel, write: SimpleNamespace) -> None:
    """Sound patients beside one who explodes, one without a number, and one who is stiff."""
    n = 40
    kill = np.linspace(2.0, 14.0, n)
    sound = simulate(window, write.cohort(n, kill=kill), Schedule.empty(n), times=[10.0, 60.0], budget=3000)
    bad = {"kill": kill.copy(), "py": np.full(n, 1.658), "m": np.full(n, 1e-4)}
    bad["kill"][3], bad["kill"][17], bad["py"][21], bad["m"][30] = np.nan, 1e7, -1e300, -1e9
    mixed = simulate(window, write.cohort(n, **bad), Schedule.empty(n), times=[10.0, 60.0], budget=3000)
    others = np.ones(n, bool)
    others[[3, 17, 21, 30]] = False
    assert_array_equal(mixed.values[others], sound.values[others])
    assert (mixed.status[[3, 21]] != Status.FINISHED).all()


def test_without_a_compiler_patients_go_one_by_one_to_the_same_place(tmp_path: object) -> None:
    words = (
        "import numpy as np\n"
        "from offtarget.arrays.schedule import Action, Schedule\n"
        "from offtarget.engine.ensemble import build, simulate\n"
        "from offtarget.models.sbml import load_model\n"
        "from offtarget.patients import load_patients\n"
        "some = load_patients('hahnel2020').take(np.arange(3))\n"
        "stop = Schedule.build(3, row=np.arange(3), time=np.full(3, 20.0), action=np.full(3, Action.SET, np.int8),\n"
        "                      target=np.zeros(3, np.int64), value=np.zeros(3), names=('on_tki',))\n"
        "found = simulate(build(load_model('hahnel2020')), some, stop, times=[10, 30, 60], tolerance=1e-9)\n"
        "print(found.values.tolist())\n"
    )
    answers = []
    for off in "01":
        surroundings = {**os.environ, "NUMBA_DISABLE_JIT": off, "OFFTARGET_CACHE": f"{tmp_path}/{off}"}
        ran = subprocess.run(
            [sys.executable, "-c", words], env=surroundings, capture_output=True, text=True, check=True
        )
        answers.append(np.array(json.loads(ran.stdout.splitlines()[-1])))
    assert_allclose(answers[1], answers[0], rtol=1e-7)


def test_doses_find_each_lane_at_a_time_of_its_own(closed: Kernel, write: SimpleNamespace) -> None:
    """Seventeen patients, each dosed at other times: the sums of their closed forms."""
    n, ka, ke = 17, 8.0, 0.9
    doses = [(i, 0.13 * i + 0.7 * j, Action.ADD, "gut", 100.0 + i) for i in range(n) for j in range(5)]
    times = np.linspace(0.5, 12.0, 24)
    found = simulate(closed, write.cohort(n), write.events(n, *doses), times=times, tolerance=1e-9).of(
        "central"
    )
    expected = np.zeros((n, 24))
    for i, at, _, _, dose in doses:
        after = np.maximum(times - at, 0.0)
        expected[i] += dose * ka / (ka - ke) * (np.exp(-ke * after) - np.exp(-ka * after))
    assert_allclose(found, expected, rtol=1e-6, atol=1e-9)


def test_a_number_is_the_same_in_all_lanes() -> None:
    @njit
    def fill(out: np.ndarray) -> None:
        put(out, 0, wide(2.5) + 1)

    out = np.zeros((1, 8))
    fill(out)
    assert_array_equal(out, 3.5)
