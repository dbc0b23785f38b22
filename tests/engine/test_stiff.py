"""Stiffness is detected, not declared: known stiff problems finish with the error they promise, under ``auto``.

The published values are those of the Test Set for IVP Solvers (F. Mazzia and C. Magherini, University of Bari).
"""

from __future__ import annotations

from functools import lru_cache
from pathlib import Path

import numpy as np
import pytest
from numpy.testing import assert_array_equal

from offtarget.arrays.cohort import Cohort
from offtarget.arrays.schedule import Schedule
from offtarget.arrays.trajectories import Status
from offtarget.engine.ensemble import advance, begin, build, simulate
from offtarget.engine.reference import simulate_reference
from offtarget.models.model import Model
from offtarget.models.sbml import load_model

PUBLISHED = {
    "robertson": (1e11, [0.2083340149701255e-07, 0.8333360770334713e-13, 0.9999999791665050]),
    "hires": (321.8122, [0.7371312573325668e-3, 0.1442485726316185e-3, 0.5888729740967575e-4, 0.1175651343283149e-2,
                         0.2386356198831331e-2, 0.6238968252742796e-2, 0.2849998395185769e-2,
                         0.2850001604814231e-2]),
    "oregonator": (360.0, [0.1000814870318523e1, 0.1228178521549917e4, 0.1320554942846706e3]),
}  # fmt: skip
#: A tolerance is a promise about each step. What is left of it at the end may be this much more.
FACTOR = 10.0
#: More steps than a method needs that is not held up by stability.
MANY = 20_000


@lru_cache
def problem(name: str) -> tuple[Model, tuple[str, ...]]:
    model = load_model(str(Path(__file__).parent / "stiff" / f"{name}.ant"))
    return model, tuple(one.id for one in model.species)


def patients(n: int) -> Cohort:
    return Cohort(np.arange(n, dtype=np.uint64), {}, {})


@pytest.mark.parametrize("tolerance", [1e-4, 1e-6, 1e-8])
@pytest.mark.parametrize("name", PUBLISHED)
def test_a_stiff_problem_ends_at_its_published_values(name: str, tolerance: float) -> None:
    model, states = problem(name)
    end, right = PUBLISHED[name]
    kernel = build(model, outputs=states)
    found = simulate(kernel, patients(1), Schedule.empty(1), times=[end], tolerance=tolerance, budget=MANY)
    assert found.status[0] == Status.FINISHED
    assert np.all(np.abs(found.values[0, 0] / right - 1.0) < FACTOR * tolerance)


def test_twenty_states_of_an_antibody_and_its_target_agree_with_the_slow_twin() -> None:
    model, states = problem("antibody")
    assert len(states) == 20
    times = np.array([0.01, 0.3, 2.0, 14.0, 60.0])
    kernel = build(model, outputs=states)
    slow = simulate_reference(
        model, patients(1), Schedule.empty(1), times=times, outputs=states, tolerance=1e-10, solver="LSODA"
    )
    for tolerance in (1e-4, 1e-6):
        found = simulate(
            kernel, patients(1), Schedule.empty(1), times=times, tolerance=tolerance, budget=MANY
        )
        assert found.status[0] == Status.FINISHED
        size = np.maximum(np.abs(slow.values), 1e-6 * np.abs(slow.values).max(axis=1, keepdims=True))
        assert np.max(np.abs(found.values - slow.values) / size) < FACTOR * tolerance


def test_the_method_is_chosen_and_nobody_has_to_say_so() -> None:
    model, states = problem("robertson")
    kernel = build(model, outputs=states)
    course = begin(kernel, patients(1))
    advance(kernel, course, Schedule.empty(1), 1e-6)
    assert not course.implicit[0]
    advance(kernel, course, Schedule.empty(1), 1e6)
    assert course.implicit[0]


def test_who_turns_out_stiff_has_the_same_bits_in_any_company() -> None:
    """Rate constants from harmless to hopeless: patients change gangs at times of their own, and meet others there."""
    model, states = problem("hires")
    kernel = build(model, outputs=states)
    alone = simulate(kernel, patients(1), Schedule.empty(1), times=[1.0, 321.8122], tolerance=1e-5)
    many = simulate(kernel, patients(21), Schedule.empty(21), times=[1.0, 321.8122], tolerance=1e-5)
    assert_array_equal(many.values, np.repeat(alone.values, 21, axis=0))
