"""Every model of the catalogue runs on the engine and on its slow twin, and both say the same."""

from __future__ import annotations

from functools import lru_cache
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest
from numpy.testing import assert_allclose, assert_array_equal

from offtarget.arrays.cohort import Cohort
from offtarget.arrays.schedule import Action, Schedule
from offtarget.arrays.trajectories import Status, Trajectories
from offtarget.catalog import ids
from offtarget.engine.codegen import generate
from offtarget.engine.ensemble import Method, build, simulate
from offtarget.engine.reference import simulate_reference
from offtarget.models.model import Model
from offtarget.models.sbml import load_model
from offtarget.patients import load_patients
from offtarget.units import DAYS_PER_MONTH


def published() -> tuple[Cohort, Schedule]:
    """The 21 patients of hahnel2020, each with the month in which the drug was stopped."""
    patients = load_patients("hahnel2020")
    n = patients.size
    stops = Schedule.build(
        n, row=np.arange(n), time=patients.column("cessation_month"), action=np.full(n, Action.SET, np.int8),
        target=np.zeros(n, np.int64), value=np.zeros(n), names=("on_tki",),
    )  # fmt: skip
    return patients, stops


@lru_cache(maxsize=1)
def published_slowly() -> Trajectories:
    return simulate_reference(
        load_model("hahnel2020"), *published(), times=np.arange(0.0, 181.0), tolerance=1e-12
    )


@pytest.mark.parametrize("method", ["auto", "explicit", "implicit"])
def test_the_published_patients_agree_with_the_slow_twin(method: Method) -> None:
    model = load_model("hahnel2020")
    patients, stops = published()
    months = np.arange(0.0, 181.0)
    fast = simulate(build(model), patients, stops, times=months, tolerance=1e-8, method=method)
    slow = published_slowly()
    assert patients.size == 21
    assert fast.finished.all() and slow.finished.all()
    assert fast.names == slow.names and fast.units == slow.units
    assert_allclose(fast.values, slow.values, rtol=1e-5)


def test_the_published_patients_relapse_or_not_as_the_published_model_says() -> None:
    """Relapse: above 0.1 % within 60 months of stopping. All six of class A, none of eight of B, four of seven of C."""
    patients, stops = published()
    months = np.arange(0.0, 231.0, 0.5)
    ratio = simulate(build(load_model("hahnel2020")), patients, stops, times=months).of("bcr_abl1")
    stopped = patients.column("cessation_month")[:, None]
    after = (months >= stopped) & (months <= stopped + 60)
    relapsed = (np.where(after, ratio, 0.0) > 0.1).any(axis=1)
    assert_array_equal(relapsed, patients.column("relapse") == 1)
    assert relapsed.sum() == 10
    assert (
        np.where(months < stopped, ratio, np.inf).min(axis=1) < 0.02
    ).all()  # everyone had responded deeply


def newly_diagnosed(model: Model, write: SimpleNamespace) -> tuple[Cohort, Schedule]:
    """Eight patients of several kinds, on a drug that kills both clones until day 1500, with a T cell infusion."""
    luck = np.random.default_rng(11)
    spread = {"activation": 1.0, "growth": 0.2, "K_T": 0.5, "expand_T": 0.5, "K_PD1": 0.2, "kill_T": 0.3}
    columns = {
        name: model.parameter(name).value * np.exp(width * luck.normal(size=8))
        for name, width in spread.items()
    }
    columns["initial_T315I"] = np.array([0.0, 0, 0, 0, 1, 10, 1e3, 1e5])
    plan = [(i, 0.0, Action.SET, "kill_drug_wt", 0.09 + 0.01 * i) for i in range(8)]
    plan += [(i, 0.0, Action.SET, "kill_drug_T315I", 0.02) for i in range(8)]
    plan += [(i, 1500.0, Action.SET, "kill_drug_wt", 0.0) for i in range(0, 8, 2)]
    plan += [(3, 700.5, Action.ADD, "T", 500.0), (4, 365.25, Action.SET, "NK_drive", 1.5)]
    return write.cohort(8, **columns), write.events(8, *plan)


@pytest.mark.parametrize("method", ["auto", "explicit", "implicit"])
def test_the_flagship_agrees_with_the_slow_twin(write: SimpleNamespace, method: Method) -> None:
    model = load_model("cml")
    patients, plan = newly_diagnosed(model, write)
    days = np.arange(0, 121) * DAYS_PER_MONTH
    fast = simulate(build(model), patients, plan, times=days, tolerance=1e-8, method=method)
    slow = simulate_reference(model, patients, plan, times=days, tolerance=1e-11)
    assert fast.finished.all() and slow.finished.all()
    assert fast.names == slow.names and fast.units == slow.units
    assert_allclose(fast.values, slow.values, rtol=1e-5, atol=1e-5)  # a hundred-thousandth of a cell


def test_the_default_tolerance_is_good_enough_for_a_measurement(write: SimpleNamespace) -> None:
    model = load_model("cml")
    patients, plan = newly_diagnosed(model, write)
    days = np.arange(0, 121) * DAYS_PER_MONTH
    kernel = build(model)
    usual = simulate(kernel, patients, plan, times=days).of("bcr_abl1")
    exact = simulate(kernel, patients, plan, times=days, tolerance=1e-11).of("bcr_abl1")
    assert_allclose(usual, exact, rtol=1e-3, atol=1e-9)  # far below what an assay can tell


def test_a_clone_that_is_not_there_stays_away(write: SimpleNamespace) -> None:
    model = load_model("cml")
    result = simulate(build(model), write.cohort(1), Schedule.empty(1), times=[0.0, 1000.0, 5000.0])
    assert result.status[0] == Status.FINISHED
    assert_array_equal(result.of("P_T315I"), 0.0)


@pytest.mark.parametrize("name", ids("models"))
def test_the_jacobian_of_every_model_is_that_of_its_equations(name: str) -> None:
    model = load_model(name)
    text = generate(model, model.outputs).split("march = marcher")[0]
    space: dict[str, Any] = {}
    exec(text.replace("@compiled", "").replace("@inlined", ""), space)
    plain = {key: getattr(value, "py_func", value) for key, value in space.items()}
    space |= plain
    n, luck = len(model.species), np.random.default_rng(2)
    p = np.array([one.value for one in model.parameters])
    s, start = np.zeros(int(plain["STATICS"])), np.zeros(n)
    plain["static"](p, s)
    plain["initial"](0.0, p, s, start)

    def slope(y: np.ndarray) -> np.ndarray:
        f = np.zeros(n)
        plain["rhs"](1.0, y, p, s, f)
        return f

    for _ in range(20):
        y = np.maximum(start, 1.0) * np.exp(luck.normal(size=n) * 2)
        out, by_time = np.zeros((n, n)), np.zeros(n)
        plain["jacobian"](1.0, y, p, s, out, by_time)
        for j in range(n):
            h = 1e-6 * y[j]
            up, down = y.copy(), y.copy()
            up[j], down[j] = y[j] + h, y[j] - h
            column = (slope(up) - slope(down)) / (up[j] - down[j])
            noise = 1e-9 * np.abs(slope(y)).max() / h
            assert np.all(np.abs(out[:, j] - column) <= 1e-5 * np.abs(column) + noise), (
                model.species[j].id,
                column,
            )
