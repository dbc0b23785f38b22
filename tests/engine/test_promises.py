"""What the engine promises where numbers get extreme: scales, instants, counts, and patients who fail."""

from __future__ import annotations

import time
from types import SimpleNamespace

import numpy as np
import pytest
from numpy.testing import assert_allclose, assert_array_equal

from offtarget.arrays.schedule import Action, Schedule
from offtarget.arrays.trajectories import Status, Trajectories
from offtarget.engine.ensemble import Kernel, Method, advance, begin, build, simulate
from offtarget.errors import InputError

METHODS: tuple[Method, ...] = ("auto", "explicit", "implicit")


def one(result: Trajectories, name: str) -> np.ndarray:
    assert result.status[0] == Status.FINISHED, Status(result.status[0]).sentence
    return result.of(name)[0]


@pytest.fixture(scope="session")
def wide(write: SimpleNamespace) -> Kernel:
    """A pool of 1e12 that leaks one part in 1e24 a day into a pool of 1e-12, and two that grow and shrink between."""
    return build(
        write.model(
            "wide",
            parameters={"k": 0.3, "leak": 1e-24, "m": 2.0, "rate": 55.0},
            species={"huge": ("1e12", "1"), "tiny": ("0", "1"), "up": ("1e-12", "1"), "down": ("1e12", "1")},
            rates={"huge": "-k * huge", "tiny": "leak * huge - m * tiny", "up": "rate * up", "down": "-rate * down"},
        )
    )  # fmt: skip


@pytest.mark.parametrize("method", METHODS)
def test_states_twenty_four_orders_of_magnitude_apart_keep_their_digits(
    wide: Kernel, write: SimpleNamespace, method: Method
) -> None:
    times = np.linspace(0.0, 1.0, 21)
    result = simulate(wide, write.cohort(1), Schedule.empty(1), times=times, tolerance=1e-9, method=method)
    assert_allclose(one(result, "huge"), 1e12 * np.exp(-0.3 * times), rtol=1e-7)
    assert_allclose(one(result, "tiny"), 1e-12 / 1.7 * (np.exp(-0.3 * times) - np.exp(-2 * times)), rtol=1e-6)
    assert_allclose(one(result, "up"), 1e-12 * np.exp(55 * times), rtol=1e-6)  # to 7.7e11
    # below a millionth of its peak a state of such a unit is followed to that size, not to its own
    assert_allclose(one(result, "down"), 1e12 * np.exp(-55 * times), rtol=1e-6, atol=1e12 * 1e-6 * 1e-7)


@pytest.mark.parametrize("method", METHODS)
def test_intervals_of_no_length_are_no_trouble(
    closed: Kernel, write: SimpleNamespace, method: Method
) -> None:
    dose = write.events(
        1, *((0, 1.0, Action.ADD, "gut", 10.0) for _ in range(3)), (0, 0.0, Action.ADD, "gut", 7.0)
    )
    times = [0.0, 0.0, 1.0, 1.0, 1.0, 1.5]
    gut = one(simulate(closed, write.cohort(1), dose, times=times, tolerance=1e-9, method=method), "gut")
    rest = 7 * np.exp(-8)
    assert_allclose(gut, [0, 0, rest, rest, rest, (rest + 30) * np.exp(-4)], rtol=1e-6)
    course = begin(closed, write.cohort(1))
    for at, value in zip(times, gut, strict=True):
        assert advance(closed, course, dose, at, tolerance=1e-9, method=method)[0, 6] == value


@pytest.mark.parametrize("method", METHODS)
def test_instants_that_the_clock_can_barely_tell_apart_are_both_served(
    closed: Kernel, write: SimpleNamespace, method: Method
) -> None:
    for first in (0.0, 1e-300, 0.1, 3.2, 1000.0):
        second = np.nextafter(first, np.inf)
        doses = write.events(1, (0, first, Action.ADD, "gut", 10.0), (0, second, Action.ADD, "gut", 5.0))
        result = simulate(closed, write.cohort(1), doses, times=[first, second, first + 0.25], method=method)
        assert_allclose(one(result, "gut"), [0.0, 10.0, 15 * np.exp(-2)], rtol=1e-5)


@pytest.mark.parametrize("method", METHODS)
def test_a_dose_at_the_first_and_at_the_last_instant(
    closed: Kernel, write: SimpleNamespace, method: Method
) -> None:
    """The first visit sees none of the first dose, and the last none of the last, but the course holds it."""
    doses = write.events(1, (0, 0.0, Action.ADD, "gut", 100.0), (0, 2.0, Action.ADD, "gut", 50.0))
    result = simulate(closed, write.cohort(1), doses, times=[0.0, 2.0], tolerance=1e-9, method=method)
    assert_allclose(one(result, "gut"), [0.0, 100 * np.exp(-16)], rtol=1e-5)
    course = begin(closed, write.cohort(1))
    advance(closed, course, doses, 2.0, method=method)
    after = advance(closed, course, doses, np.nextafter(2.0, 3.0), method=method)
    assert_allclose(after[0, 6], 50 + 100 * np.exp(-16), rtol=1e-5)


@pytest.mark.parametrize("method", METHODS)
def test_ten_thousand_doses_of_one_patient_add_up(
    closed: Kernel, write: SimpleNamespace, method: Method
) -> None:
    n, every = 10_000, 0.01
    doses = write.events(1, *((0, j * every, Action.ADD, "central", 1.0) for j in range(n)))
    times = np.array([0.0, 10.0, 50.0, 100.0])
    central = one(
        simulate(closed, write.cohort(1), doses, times=times, tolerance=1e-9, method=method), "central"
    )
    count, step = np.round(times / every), np.exp(-0.9 * every)
    assert_allclose(central, step * (1 - step**count) / (1 - step), rtol=1e-6)


@pytest.mark.parametrize("method", METHODS)
def test_a_state_that_is_exactly_zero_stays_there(
    closed: Kernel, write: SimpleNamespace, method: Method
) -> None:
    names = ("D", "L", "a", "b", "gut", "central")
    rows = [(0, 2.0, Action.SET, name, 0.0) for name in names]
    times = np.linspace(0.0, 12.0, 25)
    result = simulate(closed, write.cohort(1), write.events(1, *rows), times=times, method=method)
    for name in names:
        assert_array_equal(one(result, name)[times > 2], 0.0)
    assert_allclose(one(result, "u"), np.cos(2 * times), atol=1e-3)
    assert result.steps[0] < 5000


#: A supply of an empty pool that something switches, and what has come in by a time.
SWITCHED = {
    "by the clock": ("piecewise(1, time >= 1, 0)", lambda t: np.maximum(t - 1, 0)),
    "by a parameter": ("piecewise(1, time > k, 0)", lambda t: np.maximum(t - 1, 0)),
    "by a state": ("piecewise(1, y > 1, 0)", lambda t: np.maximum(t - 2 * np.log(1.5), 0)),
    "for a moment": ("piecewise(1, time > k and time < k + 0.001, 0)", lambda t: np.clip(t - 1, 0, 1e-3)),
    "every week": ("piecewise(1, rem(time, 7) < 0.25, 0)", lambda t: np.floor(t / 7) / 4 + np.minimum(t % 7, 0.25)),
    "in steps": ("floor(time)", lambda t: np.floor(t) * (np.floor(t) - 1) / 2 + np.floor(t) * (t % 1)),
}  # fmt: skip


@pytest.mark.parametrize("method", METHODS)
@pytest.mark.parametrize("way", SWITCHED)
def test_a_supply_that_is_switched_on_inside_a_step_fills_an_empty_pool(
    write: SimpleNamespace, way: str, method: Method
) -> None:
    """Its error is as large as itself in every step over the switch, and a pulse fits between two stages of one."""
    text, exact = SWITCHED[way]
    rates, times = {"x": text, "y": "1 + y / 2"}, np.array([0, 0.5, 1, 1.0005, 2, 5, 30, 40.0])
    kernel = build(
        write.model(
            "switched", parameters={"k": 1.0}, species={"x": ("0", "1"), "y": ("0", "1")}, rates=rates
        )
    )
    for tolerance in (1e-4, 1e-8, 1e-12):
        result = simulate(
            kernel, write.cohort(1), Schedule.empty(1), times=times, tolerance=tolerance, method=method
        )
        assert_allclose(one(result, "x"), exact(times), rtol=300 * tolerance, atol=10 * tolerance + 1e-14)


@pytest.mark.parametrize("method", METHODS)
def test_a_population_of_nobody_from_the_start(
    window: Kernel, write: SimpleNamespace, method: Method
) -> None:
    result = simulate(
        window, write.cohort(1, Y0=0.0), Schedule.empty(1), times=[0.0, 60.0, 120.0], method=method
    )
    assert_array_equal(one(result, "Y"), 0.0)
    assert_array_equal(one(result, "X"), 0.0)
    assert_allclose(one(result, "Z"), 100.0, rtol=1e-6)


def test_one_bad_patient_in_ten_thousand_changes_nobody_else_s_bits(
    window: Kernel, write: SimpleNamespace
) -> None:
    n, where = 10_000, 4321
    draw = np.random.default_rng(8)
    healthy = write.cohort(
        n, pz=2210 * np.exp(0.3 * draw.normal(size=n)), kill=draw.uniform(2, 14, n), Ky=1e6, rz=200.0
    )
    plan, months = Schedule.empty(n), np.arange(0.0, 13.0, 3.0)
    before = simulate(window, healthy, plan, times=months)
    others = np.arange(n) != where
    assert before.finished.all()
    faults = {
        "not a number": ({"pz": np.nan}, Status.NOT_FINITE),
        "infinite": ({"kill": np.inf}, Status.NOT_FINITE),
        "explodes": ({"Ky": -1e6, "kill": 0.0}, None),
        "overflows": ({"pz": 1e308}, None),
        "negative": ({"rz": -2e4}, Status.NEGATIVE),
    }
    for name, (fault, status) in faults.items():
        columns = {key: np.where(others, healthy.columns[key], value) for key, value in fault.items()}
        after = simulate(window, healthy.with_columns(columns, {}), plan, times=months)
        assert_array_equal(after.values[others], before.values[others], err_msg=name)
        assert_array_equal(after.steps[others], before.steps[others], err_msg=name)
        assert after.counts()[Status.FINISHED] == n - 1, name
        assert after.status[where] != Status.FINISHED and status in (None, after.status[where]), name
        assert np.isnan(after.values[where, -1]).all(), name


def test_a_plain_mean_over_patients_is_not_a_number_once_one_of_them_has_failed(
    window: Kernel, write: SimpleNamespace
) -> None:
    """Forgetting who failed shows: nothing is filled in, nobody is left out unless asked."""
    result = simulate(
        window, write.cohort(3, pz=[2210.0, np.nan, 2210.0]), Schedule.empty(3), times=[0.0, 12.0]
    )
    assert np.isnan(result.of("Y").mean(axis=0)).all()
    assert np.isfinite(result.of("Y")[result.finished].mean(axis=0)).all()
    assert result.of("Y").shape[0] == 3 and result.counts()[Status.NOT_FINITE] == 1


def test_the_allowance_of_steps_is_a_time_limit_that_is_the_same_everywhere(
    window: Kernel, write: SimpleNamespace
) -> None:
    """A patient who needs more than the others runs out alone, at the same step on any machine and in any company."""
    patients = write.cohort(40, pxy=np.where(np.arange(40) == 5, 5e4, 0.0483))
    months = np.arange(0.0, 181.0, 12.0)
    free = simulate(window, patients, Schedule.empty(40), times=months, method="explicit")
    limit = int(np.delete(free.steps, 5).max())
    assert free.finished.all() and free.steps[5] > 10 * limit
    results = [
        simulate(
            window,
            patients,
            Schedule.empty(40),
            times=months,
            method="explicit",
            budget=limit,
            threads=threads,
        )
        for threads in (1, 4)
    ]
    for result in results:
        assert_array_equal(np.flatnonzero(~result.finished), [5])
        assert result.status[5] == Status.TOO_MANY_STEPS
        assert_array_equal(np.delete(result.values, 5, axis=0), np.delete(free.values, 5, axis=0))
    assert_array_equal(results[0].values, results[1].values)


def test_who_has_not_arrived_at_the_deadline_has_timed_out(window: Kernel, write: SimpleNamespace) -> None:
    """A second patient has thousands of millions of steps to go: only the deadline can end that."""
    patients = write.cohort(2, kill=np.array([2.0, 1e12]))
    result = simulate(window, patients, Schedule.empty(2), times=[1.0, 1e6], method="explicit", budget=2**61,
                      deadline=time.monotonic() + 0.5)  # fmt: skip
    assert result.status.tolist()[1] == Status.TIMED_OUT
    assert 0 < result.steps[1] < 2**61
    assert np.isnan(result.values[1, -1]).all()
    assert "seconds" in Status.TIMED_OUT.sentence


def test_a_deadline_that_is_over_takes_nobody_further_and_one_to_come_changes_no_bit(
    window: Kernel, write: SimpleNamespace
) -> None:
    patients, nothing = write.cohort(30, kill=np.linspace(2.0, 14.0, 30)), Schedule.empty(30)
    over = simulate(window, patients, nothing, times=[0.0, 10.0], deadline=time.monotonic() - 1.0)
    assert (over.status == Status.TIMED_OUT).all()
    assert np.isnan(over.values[:, 1]).all() and np.isfinite(over.values[:, 0]).all()
    ahead = simulate(window, patients, nothing, times=[0.0, 10.0], deadline=time.monotonic() + 1e4)
    assert_array_equal(ahead.values, simulate(window, patients, nothing, times=[0.0, 10.0]).values)


@pytest.mark.filterwarnings("error::pytest.PytestUnhandledThreadExceptionWarning")
@pytest.mark.parametrize("seconds", [1e10, 1e300, np.inf])
def test_a_deadline_further_away_than_a_clock_can_be_set_is_none(
    window: Kernel, write: SimpleNamespace, seconds: float
) -> None:
    assert simulate(
        window, write.cohort(1), Schedule.empty(1), times=[1.0], deadline=time.monotonic() + seconds
    ).finished.all()


def test_a_time_or_a_deadline_that_is_no_number_is_refused(window: Kernel, write: SimpleNamespace) -> None:
    """Nobody arrives at such a time, so nobody may be called finished there."""
    course, nothing = begin(window, write.cohort(2)), Schedule.empty(2)
    for until in (np.nan, np.inf, [1.0, np.nan], [1.0, 2.0, 3.0]):
        with pytest.raises(InputError, match="until"):
            advance(window, course, nothing, until)
    with pytest.raises(InputError, match="deadline"):
        advance(window, course, nothing, 1.0, deadline=np.nan)
    assert np.isfinite(advance(window, course, nothing, 1.0)).all()


@pytest.mark.parametrize("method", ["explicit", "implicit"])
def test_a_method_is_insisted_on_by_the_call_that_names_it(
    window: Kernel, write: SimpleNamespace, method: Method
) -> None:
    other: Method = "implicit" if method == "explicit" else "explicit"
    course, nothing = begin(window, write.cohort(9)), Schedule.empty(9)
    advance(window, course, nothing, 1.0, method=other)
    found = advance(window, course, nothing, 6.0, method=method, tolerance=1e-8)
    assert (course.implicit == (method == "implicit")).all()
    whole = simulate(window, write.cohort(9), nothing, times=[6.0], tolerance=1e-8)
    assert_allclose(found, whole.values[:, 0], rtol=1e-4)


@pytest.mark.parametrize("bad", [0.0, -1e-6, np.nan, 1.0])
def test_a_tolerance_that_promises_nothing_is_refused(
    window: Kernel, write: SimpleNamespace, bad: float
) -> None:
    with pytest.raises(InputError, match="tolerance"):
        simulate(window, write.cohort(1), Schedule.empty(1), times=[1.0], tolerance=bad)


@pytest.mark.parametrize("budget", [-5, 2.5, 10**30])
def test_an_allowance_that_is_no_number_of_steps_is_refused(
    window: Kernel, write: SimpleNamespace, budget: int
) -> None:
    with pytest.raises(InputError, match="budget: expected a whole number of steps"):
        simulate(window, write.cohort(1), Schedule.empty(1), times=[1.0], budget=budget)


def test_a_dose_without_a_time_is_refused_not_forgotten(window: Kernel, write: SimpleNamespace) -> None:
    with pytest.raises(InputError, match="time of each event"):
        simulate(window, write.cohort(1), write.events(1, (0, np.nan, Action.ADD, "Y", 1.0)), times=[1.0])
