"""Promises of delay(): the past as it was, for every patient, or a refusal by name."""

from __future__ import annotations

import numpy as np
import pytest

from offtarget.arrays.cohort import Cohort
from offtarget.arrays.schedule import Action, Events, Schedule
from offtarget.arrays.trajectories import Status
from offtarget.engine.ensemble import build, simulate
from offtarget.engine.reference import simulate_reference
from offtarget.errors import UnsupportedError
from offtarget.models.model import Model
from offtarget.models.sbml import parse_expression, read_model
from offtarget.simulation.simulate import simulate_table

NOBODY = Cohort(np.array([0], np.uint64), {}, {})


def _read(text: str) -> Model:
    return read_model(f"model *m()\n{text}\nend", where="m.ant")


def _at(model: Model, times: np.ndarray | list[float], *names: str) -> np.ndarray:
    found = simulate_reference(model, NOBODY, Schedule.empty(1), times=times, outputs=names)
    return np.asarray(found.values[0])


def test_before_the_start_states_are_what_they_start_from_and_rules_go_on() -> None:
    model = _read("x = 2; x' = -x; w := sin(time); p = 1 + time; "
                  "a := delay(x, 0.5); b := delay(w, 0.5); c := delay(p, 0.5); d := delay(x * w, 0.5)")  # fmt: skip
    times = np.array([0.0, 0.2, 0.5, 1.0, 2.0])
    past = times - 0.5
    x = 2 * np.exp(-np.maximum(past, 0.0))
    expected = [x, np.sin(past), np.where(past < 0, 1 + past, 1.0), x * np.sin(past)]
    np.testing.assert_allclose(_at(model, times, "a", "b", "c", "d").T, expected, rtol=1e-8, atol=1e-8)


COURSES = {
    "reactions": "S = 3; R = 1; J: S -> 2 R; k * S; k = 0.7; K: R -> ; 0.3 * R",
    "a growing compartment": "compartment C = 1; C' = 0.2; species S in C; S = 3; J: S -> ; 0.7 * S * C; k := S",
    "time in the equations": "S = 3; S' = cos(3 * time) - S * time",
    "rules between": "S = 3; S' = -r; r := q^2 / (1 + q); q := S + T; T = 1; T' = -0.1 * T * S",
    "a start from a start": "S = 2 * T; T = 1.5; S' = -T; T' = -0.5 * T",
}


@pytest.mark.parametrize("course", COURSES)
def test_what_was_is_what_it_had_been(course: str) -> None:
    model = _read(f"{COURSES[course]}; y := delay(S, 0.75); z := delay(rateOf(S) + time, 0.75)")
    times = np.linspace(0.0, 3.0, 13)
    now = _at(_read(f"{COURSES[course]}; y := S; z := rateOf(S) + time"), times, "y", "z")
    then = _at(model, times + 0.75, "y", "z")
    np.testing.assert_allclose(then, now, rtol=1e-7, atol=1e-8)
    np.testing.assert_allclose(
        _at(model, times, "S"), _at(_read(COURSES[course]), times, "S"), rtol=1e-7, atol=1e-8
    )


def test_a_delay_in_an_event_and_in_a_reaction_is_the_past() -> None:
    model = _read(
        "x = 0; x' = 1; y = 0; n = 0; E: at delay(x, 0.5) > 1: n = 10 + delay(x, 0.25); y' = delay(x, 1)"
    )
    np.testing.assert_allclose(_at(model, [1.45, 1.55, 3.0], "n", "y"),
                               [[0.0, 0.45**2 / 2], [11.25, 0.55**2 / 2], [11.25, 2.0]], rtol=1e-7)  # fmt: skip


def test_the_engine_and_its_twin_agree_on_what_rises_from_nothing_for_every_patients_own_delay() -> None:
    model = _read("x = 0; x' = 2; tau = 1; y := delay(x, tau)")
    cohort = Cohort(np.arange(3, dtype=np.uint64), {"tau": np.array([0.0, 0.3, 2.0])}, {"tau": ""})
    times, wanted = np.array([0.0, 1.0, 3.0]), [[0, 2, 6], [0, 1.4, 5.4], [0, 0, 2]]
    kernel = build(model, outputs=("y",))
    for found in (
        simulate(kernel, cohort, Schedule.empty(3), times=times),
        simulate_reference(model, cohort, Schedule.empty(3), times=times, outputs=("y",)),
    ):
        np.testing.assert_allclose(found.values[:, :, 0], wanted, atol=1e-5)
    from_the_future = Cohort(np.array([0], np.uint64), {"tau": np.array([-1.0])}, {"tau": ""})
    assert simulate(kernel, from_the_future, Schedule.empty(1), times=times).status[0] == Status.NOT_FINITE


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("x = 1; x' = -delay(x, 1)", "a delay of what depends on a delay"),
        ("x = 1; x' = -x; y := delay(x, 1); z := delay(y, 1)", "a delay of what depends on a delay"),
        ("x = 1; x' = -x; y := delay(delay(x, 1), 1)", "a delay of a delay"),
        ("x = 1; x' = -x; y := delay(x, x)", r"delay\(x, x\)"),
        ("x = 1; x' = -x; y := delay(x, time / 2)", r"delay\(x, time / 2\)"),
        ("x = 1; x' = -x; y := delay(x, -1)", "below zero"),
        ("x = 1; x' = -x; y := delay(x, 1); E: at time > 1: x = 2", "a delay of what an event changes"),
        (
            "x = 1; x' = -k * x; k = 1; y := delay(x, 1); E: at time > 1: k = 2",
            "a delay of what an event changes",
        ),
        ("x = 1; x' = -x; " + "; ".join(f"y{i} := delay(x, {i})" for i in range(1, 30)), "more than 20"),
    ],
)
def test_a_past_that_would_have_to_be_remembered_is_refused(text: str, said: str) -> None:
    with pytest.raises(UnsupportedError, match=said):
        _read(text)


def test_nothing_from_outside_may_change_a_course_whose_past_is_asked_for() -> None:
    model = _read("species x, z; x = 1; x' = -k * x; k = 1; y := delay(x, 1); z = 0; z' = 0")
    dose = Events("x", Action.ADD, np.array([0]), np.array([0.5]), np.array([1.0]))
    schedule = Schedule.joined(1, [dose])
    with pytest.raises(UnsupportedError, match="a schedule for a model that uses delay"):
        simulate_reference(model, NOBODY, schedule, times=[1.0], outputs=("y",))
    with pytest.raises(UnsupportedError, match="a schedule for a model that uses delay"):
        simulate(build(model, outputs=("y",)), NOBODY, schedule, times=[1.0])
    for tables in ({"regimen": {"TIME": [0], "AMT": [100], "CMT": ["x"]}}, {"cohort": {"x": [2.0]}}):
        with pytest.raises(UnsupportedError, match=r"not supported with a model that uses delay\(\)"):
            simulate_table(model, times="0:2:1 day", outputs=["y"], **tables)
    found = simulate_table(model, times="0:2:1 day", outputs=["y"], cohort={"k": [1.0, 2.0]})
    np.testing.assert_allclose(found.table["y"], [1, 1, np.exp(-1), 1, 1, np.exp(-2)], rtol=1e-5)


def test_a_delay_in_a_formula_without_a_model_is_refused() -> None:
    with pytest.raises(UnsupportedError, match=r"delay\(\)"):
        parse_expression("delay(x, 1)", where="here")
