"""The promises of build, begin, advance and simulate."""

from __future__ import annotations

import math
from types import SimpleNamespace

import numpy as np
import pytest
from numpy.testing import assert_allclose, assert_array_equal

from offtarget.arrays.cohort import Cohort
from offtarget.arrays.schedule import Action, Schedule
from offtarget.arrays.trajectories import Status, Trajectories
from offtarget.engine.ensemble import Kernel, Method, advance, begin, build, simulate
from offtarget.engine.kernel import _never_negative
from offtarget.engine.layout import Clock
from offtarget.engine.reference import simulate_reference
from offtarget.errors import InputError
from offtarget.models.expression import Call, Number, Symbol
from offtarget.models.model import Model, Reaction, Rule, Species

TIMES = np.linspace(0.0, 12.0, 49)
METHODS: tuple[Method, ...] = ("auto", "explicit", "implicit")


def one(result: Trajectories, name: str) -> np.ndarray:
    assert result.status[0] == Status.FINISHED, Status(result.status[0]).sentence
    return result.of(name)[0]


@pytest.mark.parametrize("method", METHODS)
def test_systems_with_a_closed_form_follow_it(closed: Kernel, write: SimpleNamespace, method: Method) -> None:
    result = simulate(closed, write.cohort(1), Schedule.empty(1), times=TIMES, tolerance=1e-9, method=method)
    assert_allclose(one(result, "D"), np.exp(-0.7 * TIMES), rtol=1e-7)
    assert_allclose(one(result, "L"), 1000 / (1 + 99 * np.exp(-0.9 * TIMES)), rtol=1e-7)
    assert_allclose(one(result, "u"), np.cos(2 * TIMES), atol=1e-7)
    assert_allclose(one(result, "v"), -np.sin(2 * TIMES), atol=1e-7)
    assert_allclose(one(result, "a"), np.exp(-TIMES) + np.exp(-3 * TIMES), rtol=1e-7)
    assert_allclose(one(result, "b"), np.exp(-TIMES) - np.exp(-3 * TIMES), rtol=1e-7, atol=1e-12)
    assert_allclose(one(result, "clock"), np.sin(TIMES) + 0.125 * (1 - np.exp(-TIMES)), atol=1e-7)
    assert_allclose(one(result, "time"), TIMES, rtol=0)


def pk(time: np.ndarray, dose: float, ka: float = 8.0, ke: float = 0.9) -> np.ndarray:
    """Amount in the central compartment after one oral dose at time zero."""
    after = np.maximum(time, 0.0)
    return np.where(time > 0, dose * ka / (ka - ke) * (np.exp(-ke * after) - np.exp(-ka * after)), 0.0)


@pytest.mark.parametrize("method", METHODS)
def test_repeated_doses_add_up(closed: Kernel, write: SimpleNamespace, method: Method) -> None:
    doses = write.events(1, *((0, float(day), Action.ADD, "gut", 400.0) for day in range(10)))
    result = simulate(closed, write.cohort(1), doses, times=TIMES, tolerance=1e-9, method=method)
    expected = sum(pk(TIMES - day, 400.0) for day in range(10))
    assert_allclose(one(result, "central"), expected, rtol=1e-6, atol=1e-9)
    assert_allclose(one(result, "share"), expected / (expected + 100), rtol=1e-6, atol=1e-11)


def test_a_set_event_changes_a_parameter_and_what_depends_on_it(
    closed: Kernel, write: SimpleNamespace
) -> None:
    stop = write.events(1, (0, 2.0, Action.SET, "drive", 0.0), (0, 5.5, Action.SET, "drive", 2.0))
    result = simulate(closed, write.cohort(1), stop, times=TIMES, tolerance=1e-9)
    exposure = np.minimum(TIMES, 2.0) + 2 * np.maximum(TIMES - 5.5, 0.0)
    assert_allclose(one(result, "D"), np.exp(-0.7 * exposure), rtol=1e-7)
    assert_allclose(one(result, "twice"), np.where(TIMES <= 2, 1.4, np.where(TIMES <= 5.5, 0.0, 2.8)))


def test_a_set_event_can_replace_a_state(closed: Kernel, write: SimpleNamespace) -> None:
    reset = write.events(1, (0, 3.0, Action.SET, "D", 5.0))
    result = simulate(closed, write.cohort(1), reset, times=TIMES, tolerance=1e-9)
    assert_allclose(
        one(result, "D"), np.where(TIMES <= 3, 1.0, 5 * np.exp(2.1)) * np.exp(-0.7 * TIMES), rtol=1e-7
    )


def test_an_event_can_multiply_a_state(closed: Kernel, write: SimpleNamespace) -> None:
    halved = write.events(1, (0, 3.0, Action.MULTIPLY, "D", 0.5), (0, 6.0, Action.MULTIPLY, "D", 0.0))
    result = simulate(closed, write.cohort(1), halved, times=TIMES, tolerance=1e-9)
    factor = np.where(TIMES <= 3, 1.0, np.where(TIMES <= 6, 0.5, 0.0))
    assert_allclose(one(result, "D"), factor * np.exp(-0.7 * TIMES), rtol=1e-7)


def test_outputs_at_the_instant_of_an_event_are_those_before_it(
    closed: Kernel, write: SimpleNamespace
) -> None:
    dose = write.events(1, (0, 0.0, Action.ADD, "gut", 100.0), (0, 1.0, Action.ADD, "gut", 50.0))
    result = simulate(closed, write.cohort(1), dose, times=[0.0, 1.0, 1.0 + 1e-9], tolerance=1e-9)
    assert_allclose(one(result, "gut"), [0.0, 100 * np.exp(-8), 100 * np.exp(-8) + 50], rtol=1e-6)


def test_events_of_one_instant_keep_their_order(closed: Kernel, write: SimpleNamespace) -> None:
    both = write.events(1, (0, 1.0, Action.SET, "gut", 10.0), (0, 1.0, Action.ADD, "gut", 5.0))
    result = simulate(closed, write.cohort(1), both, times=[1.0, 1.0 + 1e-12])
    assert_allclose(one(result, "gut"), [0.0, 15.0], rtol=1e-9)


def test_a_cohort_column_overrides_a_parameter_and_other_columns_do_not_matter(
    closed: Kernel, write: SimpleNamespace
) -> None:
    patients = write.cohort(3, decay=[0.1, 0.2, 0.3], age=[50.0, 60.0, 70.0], start=[1.0, 2.0, 3.0])
    result = simulate(closed, patients, Schedule.empty(3), times=[0.0, 1.0], tolerance=1e-9)
    assert_allclose(result.of("D")[:, 1], np.exp([-0.1, -0.2, -0.3]), rtol=1e-8)
    assert_allclose(result.of("L")[:, 0], [1.0, 2.0, 3.0])


def many(write: SimpleNamespace, n: int) -> tuple[object, Schedule]:
    luck = np.random.default_rng(5)
    patients = write.cohort(n, pz=2210 * np.exp(0.3 * luck.normal(size=n)), kill=luck.uniform(2, 14, size=n))
    stops = luck.uniform(60, 100, size=n)
    return patients, write.events(n, *((i, float(stops[i]), Action.SET, "on", 0.0) for i in range(n)))


MONTHS = np.arange(0.0, 181.0)


@pytest.mark.parametrize("threads", [2, 4])
def test_the_same_bits_on_any_number_of_threads(window: Kernel, write: SimpleNamespace, threads: int) -> None:
    patients, stops = many(write, 150)
    alone = simulate(window, patients, stops, times=MONTHS, threads=1)
    shared = simulate(window, patients, stops, times=MONTHS, threads=threads)
    assert_array_equal(alone.values, shared.values)
    assert_array_equal(alone.steps, shared.steps)
    assert alone.finished.all()


@pytest.mark.parametrize("chunk", [1, 7, 64])
def test_the_same_bits_for_any_chunk(
    window: Kernel, write: SimpleNamespace, chunk: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    patients, stops = many(write, 60)
    whole = simulate(window, patients, stops, times=MONTHS, threads=1)
    monkeypatch.setattr("offtarget.engine.ensemble._CHUNK", chunk)
    assert_array_equal(simulate(window, patients, stops, times=MONTHS, threads=1).values, whole.values)


def test_a_patient_is_the_same_in_any_company_and_any_order(window: Kernel, write: SimpleNamespace) -> None:
    patients, stops = many(write, 40)
    whole = simulate(window, patients, stops, times=MONTHS)
    order = np.random.default_rng(1).permutation(40)
    turned = simulate(window, patients.take(order), pick(stops, order), times=MONTHS)
    assert_array_equal(turned.values, whole.values[order])
    few = np.arange(10)
    assert_array_equal(
        simulate(window, patients.take(few), pick(stops, few), times=MONTHS).values, whole.values[:10]
    )


def pick(schedule: Schedule, rows: np.ndarray) -> Schedule:
    where = [np.arange(schedule.offsets[i], schedule.offsets[i + 1]) for i in rows]
    index = np.concatenate(where)
    return Schedule.build(
        rows.size, row=np.repeat(np.arange(rows.size), [w.size for w in where]), time=schedule.time[index],
        action=schedule.action[index], target=schedule.target[index], value=schedule.value[index], names=schedule.names,
    )  # fmt: skip


@pytest.mark.parametrize("method", METHODS)
def test_looking_more_often_does_not_change_what_is_seen(
    window: Kernel, write: SimpleNamespace, method: Method
) -> None:
    patients, stops = many(write, 12)
    seldom = simulate(window, patients, stops, times=MONTHS[::12], method=method)
    often = simulate(window, patients, stops, times=np.arange(0.0, 180.25, 0.25), method=method)
    assert_array_equal(often.values[:, ::48], seldom.values)
    assert_array_equal(often.steps, seldom.steps)


@pytest.mark.parametrize("method", METHODS)
def test_advancing_in_pieces_is_simulating_in_one_go(
    window: Kernel, write: SimpleNamespace, method: Method
) -> None:
    patients, stops = many(write, 12)
    whole = simulate(window, patients, stops, times=MONTHS, method=method)
    course = begin(window, patients)
    for j, month in enumerate(MONTHS):
        assert_array_equal(advance(window, course, stops, month, method=method), whole.values[:, j])
    assert_array_equal(course.steps, whole.steps)
    assert_array_equal(course.now, np.full(12, 180.0))


def test_each_patient_can_be_taken_to_a_time_of_its_own(window: Kernel, write: SimpleNamespace) -> None:
    patients, stops = many(write, 4)
    course, until = begin(window, patients), np.array([3.0, 90.0, 12.0, 45.5])
    values = advance(window, course, stops, until)
    for i in range(4):
        alone = simulate(window, patients, stops, times=[until[i]])
        assert_array_equal(values[i], alone.values[i, 0])
    assert_array_equal(course.now, until)
    assert_array_equal(advance(window, course, stops, until), values)


@pytest.mark.parametrize("method", METHODS)
def test_a_decision_at_a_visit_inside_a_step_takes_effect_there(
    closed: Kernel, write: SimpleNamespace, method: Method
) -> None:
    course, nothing = begin(closed, write.cohort(1)), Schedule.empty(1)
    advance(closed, course, nothing, 2.0, tolerance=1e-9, method=method)
    assert course.arrays.clock[0, Clock.TIME] > 2.0  # the last step goes on past the visit
    stop = write.events(1, (0, 2.0, Action.SET, "drive", 0.0))
    values = advance(closed, course, stop, 5.0, tolerance=1e-9, method=method)
    assert_allclose(values[0, 0], np.exp(-1.4), rtol=1e-7)


def test_a_patient_with_a_parameter_that_is_no_number_fails_alone(
    window: Kernel, write: SimpleNamespace
) -> None:
    patients, stops = many(write, 30)
    healthy = simulate(window, patients, stops, times=MONTHS)
    pz = patients.columns["pz"].copy()
    pz[[3, 17]] = np.nan, np.inf
    spoiled = simulate(window, patients.with_columns({"pz": pz}, {"pz": "1"}), stops, times=MONTHS)
    others = np.setdiff1d(np.arange(30), [3, 17])
    assert_array_equal(spoiled.values[others], healthy.values[others])
    assert_array_equal(spoiled.status[[3, 17]], [Status.NOT_FINITE] * 2)
    assert np.isnan(spoiled.values[[3, 17]]).all()
    assert spoiled.counts()[Status.FINISHED] == 28


def test_a_patient_who_exhausts_the_allowance_of_steps_keeps_what_was_reached(
    window: Kernel, write: SimpleNamespace
) -> None:
    result = simulate(window, write.cohort(1), Schedule.empty(1), times=MONTHS, budget=50)
    reached = np.isfinite(result.of("Y")[0])
    assert result.status[0] == Status.TOO_MANY_STEPS
    assert 0 < reached.sum() < MONTHS.size
    assert not np.any(np.diff(reached.astype(int)) > 0)


def test_a_state_that_explodes_is_not_called_finished(window: Kernel, write: SimpleNamespace) -> None:
    patients = write.cohort(2, Ky=[1e6, -1e6])  # a negative ceiling: growth without end, in finite time
    patients = patients.with_columns({"kill": np.array([13.9, 0.0])}, {})
    result = simulate(window, patients, Schedule.empty(2), times=MONTHS)
    assert result.status[0] == Status.FINISHED
    assert result.status[1] in (Status.NOT_FINITE, Status.STEP_TOO_SMALL)
    assert np.isnan(result.values[1, -1]).all()


def test_equations_that_take_a_count_below_zero_are_found_out(window: Kernel, write: SimpleNamespace) -> None:
    result = simulate(window, write.cohort(2, rz=[200.0, -200.0]), Schedule.empty(2), times=MONTHS)
    assert list(result.status) == [Status.FINISHED, Status.NEGATIVE]


def test_only_what_reactions_cannot_take_below_zero_is_held_to_that() -> None:
    species = tuple(Species(id, Number(1.0), "mole") for id in ("fed", "drained", "steered"))
    model = Model(
        id="m", title="", time_unit="h", parameters=(), species=species,
        rules=(Rule("speed", Call("*", (Number(2.0), Symbol("fed"))), ""),),
        reactions=(Reaction("by_itself", Symbol("speed"), (("fed", -1.0), ("drained", 1.0))),
                   Reaction("for_ever", Number(3.0), (("drained", -1.0),))),
        rates=(Rule("steered", Number(-1.0), "mole"),),
    )  # fmt: skip
    assert _never_negative(model) == {"fed"}
    made = build(model, outputs=("fed", "drained", "steered"))
    result = simulate(made, Cohort(np.array([0], np.uint64), {}, {}), Schedule.empty(1), times=[0.0, 2.0])
    assert result.status[0] == Status.FINISHED
    fed = math.exp(-4.0)
    assert_allclose(result.values[0, 1], [fed, 2.0 - fed - 6.0, -1.0], rtol=1e-4)


def test_an_extinct_population_does_not_hold_the_others_up(closed: Kernel, write: SimpleNamespace) -> None:
    times = [0.0, 1000.0, 1001.0]
    result = simulate(closed, write.cohort(1, growth=-1.0, omega=1e-9), Schedule.empty(1), times=times)
    steps = result.steps[0]
    assert one(result, "L")[1] < 1e-8
    assert np.all(one(result, "L") >= 0)
    assert steps < 20000


def test_a_time_that_goes_back_is_refused(window: Kernel, write: SimpleNamespace) -> None:
    course = begin(window, write.cohort(2))
    advance(window, course, Schedule.empty(2), 5.0)
    with pytest.raises(InputError, match="not before"):
        advance(window, course, Schedule.empty(2), [6.0, 4.0])
    with pytest.raises(InputError, match="ascending"):
        simulate(window, write.cohort(1), Schedule.empty(1), times=[1.0, 0.5])


def test_an_event_on_an_unknown_name_is_refused(window: Kernel, write: SimpleNamespace) -> None:
    with pytest.raises(InputError, match='Did you mean "kill"'):
        simulate(window, write.cohort(1), write.events(1, (0, 1.0, Action.SET, "kil", 1.0)), times=[2.0])
    for action, verb in ((Action.ADD, "adds to"), (Action.MULTIPLY, "multiplies")):
        with pytest.raises(InputError, match=f'{verb} "kill", which is a parameter'):
            simulate(window, write.cohort(1), write.events(1, (0, 1.0, action, "kill", 1.0)), times=[2.0])
    with pytest.raises(InputError, match="2 patients"):
        simulate(window, write.cohort(2), Schedule.empty(3), times=[2.0])


@pytest.mark.parametrize("method", METHODS)
def test_the_engine_agrees_with_its_slow_twin(window: Kernel, write: SimpleNamespace, method: Method) -> None:
    patients, stops = many(write, 6)
    fast = simulate(window, patients, stops, times=MONTHS, tolerance=1e-9, method=method)
    slow = simulate_reference(
        write.WINDOW, patients, stops, times=MONTHS, outputs=window.outputs, tolerance=1e-12
    )
    assert fast.names == slow.names
    assert_allclose(fast.values, slow.values, rtol=1e-5)


def test_the_twin_and_the_engine_read_schedules_the_same_way(closed: Kernel, write: SimpleNamespace) -> None:
    plan = write.events(
        2, (0, 0.0, Action.ADD, "gut", 100.0), (0, 4.0, Action.SET, "ke", 0.1), (0, 4.0, Action.ADD, "central", 7.0),
        (1, 3.3, Action.SET, "D", 2.0), (1, 12.0, Action.SET, "drive", 0.0), (1, 3.3, Action.SET, "decay", 0.0),
        (1, 5.0, Action.MULTIPLY, "b", 3.0), (0, 4.0, Action.MULTIPLY, "central", 0.5),
    )  # fmt: skip
    patients = write.cohort(2, start=[3.0, 4.0])
    fast = simulate(closed, patients, plan, times=TIMES, tolerance=1e-10)
    slow = simulate_reference(
        write.CLOSED, patients, plan, times=TIMES, outputs=closed.outputs, tolerance=1e-12
    )
    assert_allclose(fast.values, slow.values, rtol=1e-6, atol=1e-8)


def test_no_patients_and_no_times_are_no_trouble(window: Kernel, write: SimpleNamespace) -> None:
    assert simulate(window, write.cohort(0), Schedule.empty(0), times=[1.0]).values.shape == (0, 1, 6)
    assert simulate(window, write.cohort(2), Schedule.empty(2), times=[]).values.shape == (2, 0, 6)
