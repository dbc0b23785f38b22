"""A model's own events: what SBML says happens, happens, on the engine and on its slow twin."""

from __future__ import annotations

from dataclasses import replace
from types import SimpleNamespace

import numpy as np
import pytest
from numba import njit
from numpy.testing import assert_allclose, assert_array_equal

from offtarget.arrays.cohort import Cohort
from offtarget.arrays.schedule import Action, Schedule
from offtarget.arrays.trajectories import Status, Trajectories
from offtarget.engine import luck
from offtarget.engine.codegen import generate
from offtarget.engine.ensemble import Kernel, Method, advance, begin, build, simulate
from offtarget.engine.reference import simulate_reference
from offtarget.errors import InputError
from offtarget.models.model import Event, Model
from offtarget.randomness import stream

METHODS: tuple[Method, ...] = ("auto", "explicit", "implicit")
NEVER = 1e9
TIMES = np.linspace(0.0, 10.0, 41)


def event(write: SimpleNamespace, name: str, trigger: str, then: str, **more: object) -> Event:
    """``then``: "a = 1; b = c + 2". Delay and priority are given as text."""
    texts = {key: write.formula(str(more.pop(key))) for key in ("delay", "priority") if key in more}
    pairs = (part.split("=", 1) for part in then.split(";"))
    values = tuple((species.strip(), write.formula(value.strip())) for species, value in pairs)
    return Event(name, write.formula(trigger), values, **texts, **more)  # type: ignore[arg-type]


@pytest.fixture(scope="session")
def laboratory(write: SimpleNamespace) -> Model:
    """Experiments side by side, each with its own species, all of them idle until a parameter says otherwise."""
    plain = write.model(
        "laboratory",
        parameters={
            "gravity": 0.0, "bounce": 0.8, "height": 10.0, "decay": 0.5, "dose": 100.0, "every": 1.0, "first": NEVER,
            "growth": 0.0, "kill": 0.0, "burden": 1e9, "mark": NEVER, "wait": 2.0, "opens": NEVER, "shuts": NEVER,
            "fair": NEVER, "p1": 0.0, "p2": 0.0, "p3": 0.0, "chain": NEVER, "quarrel": 0.0, "zero": 0.0, "tick": NEVER,
            "late": 5.0, "peak": 2.0, "omega": 0.0, "sudden": NEVER, "stride": 0.01,
        },
        species={
            "x": ("height", "m"), "v": ("0", "m"), "bounces": ("0", "1"),
            "drug": ("0", "1"), "next": ("first", "1"),
            "N": ("burden", "1"), "on": ("0", "1"), "switches": ("0", "1"),
            "clock": ("0", "1"), "early": ("0", "1"), "then": ("0", "1"), "fleeting": ("0", "1"),
            "order": ("0", "1"), "lots": ("0", "1"), "c1": ("0", "1"), "c2": ("0", "1"), "c3": ("0", "1"),
            "flip": ("0", "1"), "start": ("0", "1"), "old": ("0", "1"), "beat": ("tick", "1"), "odd": ("0", "1"),
            "landed": ("0", "1"), "a": ("0", "1"), "b": ("1", "1"), "peaks": ("0", "1"), "swap1": ("1", "1"),
            "swap2": ("2", "1"),
        },
        rules={"double": "2 * clock", "total": "c1 + c2 + c3"},
        rates={"x": "v", "v": "-gravity", "drug": "-decay * drug", "N": "(growth - kill * on) * N", "clock": "1",
               "a": "omega * b", "b": "-omega * a",
               **dict.fromkeys(("bounces", "next", "on", "switches", "early", "then", "fleeting", "order", "lots", "c1",
                                "c2", "c3", "flip", "start", "old", "beat", "odd", "landed", "peaks", "swap1",
                                "swap2"), "0")},
    )  # fmt: skip
    give = {
        "bounces": ("x < 0", "v = -bounce * v; bounces = bounces + 1", {}),
        "doses": ("time >= next", "drug = drug + dose; next = next + every", {}),
        "treat": ("N >= 1e10 and on < 0.5", "on = 1; switches = switches + 1", {}),
        "pause": ("N <= 1e8 and on > 0.5", "on = 0; switches = switches + 1", {}),
        "early": ("time >= mark", "early = double + 1", {"delay": "wait"}),
        "then": ("time >= mark", "then = double + 1", {"delay": "wait", "from_trigger_time": False}),
        "fleeting": ("clock >= opens and clock < shuts", "fleeting = fleeting + 1",
                     {"delay": "wait", "persistent": False}),
        "one": ("time >= fair", "order = 10 * order + 1", {"priority": "p1", "from_trigger_time": False}),
        "two": ("time >= fair", "order = 10 * order + 2", {"priority": "p2", "from_trigger_time": False}),
        "three": ("time >= fair", "order = 10 * order + 3", {"priority": "p3 - order", "from_trigger_time": False}),
        "lot1": ("time >= fair", "lots = 10 * lots + 1", {"from_trigger_time": False}),
        "lot2": ("time >= fair", "lots = 10 * lots + 2", {"from_trigger_time": False}),
        "lot3": ("time >= fair", "lots = 10 * lots + 3", {"from_trigger_time": False}),
        "link1": ("time >= chain", "c1 = clock", {}),
        "link2": ("c1 > 0", "c2 = c1 + 1", {}),
        "link3": ("total > c1 + 0.5", "c3 = 10 * c2", {}),
        "tick": ("quarrel > 0 and flip < 0.5 and time >= sudden", "flip = 1", {}),
        "tock": ("quarrel > 0 and flip > 0.5", "flip = 0", {}),
        "start": ("zero > 0", "start = start + 1", {"initially": False}),
        "old": ("zero > 0", "old = old + 1", {}),
        "beats": ("time >= beat", "beat = beat + stride; odd = 1 - odd", {}),
        "lands": ("odd > 0.5", "landed = landed + 1", {"delay": "late", "from_trigger_time": False}),
        "peaks": ("a > peak", "peaks = peaks + 1", {}),
        "swap": ("time >= sudden", "swap1 = swap2; swap2 = swap1", {}),
    }  # fmt: skip
    return replace(
        plain, events=tuple(event(write, name, *two, **more) for name, (*two, more) in give.items())
    )


@pytest.fixture(scope="session")
def lab(laboratory: Model) -> Kernel:
    return build(laboratory, outputs=(*(one.id for one in laboratory.species), "total", "time"))


def go(
    lab: Kernel, patients: Cohort, times: object = TIMES, plan: Schedule | None = None, **how: object
) -> Trajectories:
    """What becomes of them, closely followed."""
    schedule = plan or Schedule.empty(patients.size)
    return simulate(lab, patients, schedule, times=times, **{"tolerance": 1e-9, **how})  # type: ignore[arg-type]


def one(result: Trajectories, name: str) -> np.ndarray:
    assert result.status[0] == Status.FINISHED, Status(result.status[0]).sentence
    return result.of(name)[0]


def ball(times: np.ndarray, height: float, gravity: float, bounce: float) -> tuple[np.ndarray, np.ndarray]:
    """Height, and bounces so far, of a ball that is dropped."""
    heights, counts = np.empty(times.size), np.empty(times.size)
    for j, time in enumerate(times):
        landing, speed, count = np.sqrt(2 * height / gravity), np.sqrt(2 * height * gravity) * bounce, 0
        heights[j] = height - gravity * time**2 / 2
        while time >= landing:
            count, since = count + 1, time - landing
            heights[j] = speed * since - gravity * since**2 / 2
            landing, speed = landing + 2 * speed / gravity, speed * bounce
        counts[j] = count
    return heights, counts


@pytest.mark.parametrize("method", METHODS)
def test_a_ball_bounces_when_and_as_high_as_mechanics_says(
    lab: Kernel, write: SimpleNamespace, method: Method
) -> None:
    result = go(lab, write.cohort(1, gravity=9.81), method=method)
    heights, counts = ball(TIMES, 10.0, 9.81, 0.8)
    assert counts[-1] >= 5
    assert_array_equal(one(result, "bounces"), counts)
    assert_allclose(one(result, "x"), heights, atol=1e-6)


@pytest.mark.parametrize("method", METHODS)
def test_doses_by_the_clock_add_up_and_outputs_show_the_state_after_them(
    lab: Kernel, write: SimpleNamespace, method: Method
) -> None:
    result = go(lab, write.cohort(1, first=1.0), method=method)
    given = [100 * np.where(day <= TIMES, np.exp(-0.5 * (TIMES - day)), 0.0) for day in range(1, 11)]
    assert_allclose(one(result, "drug"), sum(given), rtol=1e-7, atol=1e-12)


def test_an_instant_known_beforehand_costs_no_accuracy(lab: Kernel, write: SimpleNamespace) -> None:
    """The dose comes at that number of the clock exactly, whatever its neighbours are."""
    for first in (np.pi, 0.1 + 0.2, 3.2):
        times = [0.0, np.nextafter(first, 0.0), first, 5.0]
        result = go(lab, write.cohort(1, first=first, every=NEVER), times=times)
        assert_array_equal(one(result, "drug")[:3], [0.0, 0.0, 100.0])


@pytest.mark.parametrize("method", METHODS)
def test_treatment_starts_and_stops_at_its_thresholds(
    lab: Kernel, write: SimpleNamespace, method: Method
) -> None:
    times = np.linspace(0.0, 60.0, 121)
    result = go(lab, write.cohort(1, growth=0.5, kill=1.5, burden=1e9), times=times, method=method)
    rise, fall = np.log(1e10 / 1e8) / 0.5, np.log(1e10 / 1e8) / 1.0
    since = times - np.log(1e10 / 1e9) / 0.5  # since the first start of treatment
    place = np.mod(since, rise + fall)
    expected = np.where(place < fall, 1e10 * np.exp(-place), 1e8 * np.exp(0.5 * (place - fall)))
    expected = np.where(since < 0, 1e9 * np.exp(0.5 * times), expected)
    assert_allclose(one(result, "N"), expected, rtol=1e-6)
    cycles = np.floor(since / (rise + fall))
    switches = np.where(since < 0, 0, 2 * cycles + 1 + (place >= fall))
    assert_array_equal(one(result, "switches"), switches)


def test_delayed_values_are_those_of_the_trigger_or_of_the_execution_as_asked(
    lab: Kernel, write: SimpleNamespace
) -> None:
    result = go(lab, write.cohort(1, mark=3.0, wait=2.25), times=[3.0, 5.0, 5.25, 6.0])
    assert_allclose(one(result, "early"), [0.0, 0.0, 7.0, 7.0], rtol=1e-12)
    assert_allclose(one(result, "then"), [0.0, 0.0, 11.5, 11.5], rtol=1e-12)


def test_an_event_that_does_not_persist_is_dropped_when_its_trigger_turns_false(
    lab: Kernel, write: SimpleNamespace
) -> None:
    patients = write.cohort(3, opens=3.0, wait=2.0, shuts=[4.0, 4.999, 5.001])
    assert_array_equal(go(lab, patients).of("fleeting")[:, -1], [0.0, 0.0, 1.0])


def test_a_window_far_shorter_than_a_step_is_not_missed(lab: Kernel, write: SimpleNamespace) -> None:
    patients = write.cohort(2, opens=[5.0, 7.3], shuts=[5.0 + 1e-6, 7.3 + 1e-9], wait=0.0)
    assert_array_equal(go(lab, patients).of("fleeting")[:, -1], [1.0, 1.0])


def test_a_crest_that_barely_touches_a_threshold_between_two_looks_is_seen(
    lab: Kernel, write: SimpleNamespace
) -> None:
    """Of five crests of height 1, all pass 1 - 1e-6; none passes 1 + 1e-6."""
    patients = write.cohort(2, omega=np.pi, peak=[1 - 1e-6, 1 + 1e-6])
    for method in METHODS:
        assert_array_equal(go(lab, patients, method=method).of("peaks")[:, -1], [5.0, 0.0])


def test_the_highest_priority_comes_first_and_is_weighed_anew_after_each_execution(
    lab: Kernel, write: SimpleNamespace
) -> None:
    patients = write.cohort(4, fair=1.0, p1=[3, 1, 2, 1], p2=[2, 2, 3, 2], p3=[1, 3, 1, 3.5])
    # of the last two: after "2" three's priority is below one's; after "3" it is gone
    assert_array_equal(go(lab, patients).of("order")[:, -1], [123.0, 321.0, 213.0, 321.0])


def test_equals_come_in_every_order_equally_often_and_the_seed_settles_it(
    lab: Kernel, write: SimpleNamespace
) -> None:
    patients = write.cohort(3000, fair=1.0)
    found = go(lab, patients, times=[0.0, 1.0], seed=5).of("lots")[:, -1]
    orders, counts = np.unique(found, return_counts=True)
    assert_array_equal(orders, [123, 132, 213, 231, 312, 321])
    assert (
        np.sum((counts - 500.0) ** 2 / 500.0) < 20.5
    )  # chi-square with 5 degrees of freedom: one run in a thousand
    again = go(lab, patients.take(np.arange(2999, -1, -1)), times=[0.0, 1.0], seed=5, threads=1).of("lots")[
        :, -1
    ]
    assert_array_equal(again[::-1], found)
    assert np.any(go(lab, patients, times=[0.0, 1.0], seed=6).of("lots")[:, -1] != found)


def test_compiled_draws_are_those_of_the_project_s_streams() -> None:
    compiled = luck.uniform
    call = njit(lambda key, patient, counter: compiled(key, patient, counter))
    patients = np.array([0, 1, 17, 65536, 2**31, 2**32 - 1])
    for seed in (0, 7, 123456789):
        orders = stream(seed, "event order")
        key = np.array([*orders.key, orders.salt], np.int64)
        for counter in (0, 1, 99, 2**31 + 5, 2**32 - 1):
            assert_array_equal(
                [call(key, one, counter) for one in patients], orders.uniform(patients, counter)
            )


def test_an_event_sets_off_another_at_the_same_instant(lab: Kernel, write: SimpleNamespace) -> None:
    result = go(lab, write.cohort(1, chain=2.5), times=[2.25, 2.5, 2.75])
    for name, value in (("c1", 2.5), ("c2", 3.5), ("c3", 35.0), ("total", 41.0)):
        assert_allclose(one(result, name), [0.0, value, value], rtol=1e-12)


def test_events_that_set_each_other_off_for_ever_end_in_a_status(lab: Kernel, write: SimpleNamespace) -> None:
    patients = write.cohort(3, quarrel=[0.0, 1.0, 0.0], sudden=5.0)
    result = go(lab, patients)
    assert_array_equal(result.status, [Status.FINISHED, Status.ENDLESS_EVENTS, Status.FINISHED])
    assert "without end" in Status(result.status[1]).sentence
    assert_array_equal(np.isnan(result.of("clock")[1]), TIMES >= 5.0)
    assert_array_equal(result.values[0], result.values[2])


def test_events_without_number_use_up_the_allowance(lab: Kernel, write: SimpleNamespace) -> None:
    patients = write.cohort(2, tick=1.0, stride=[1e-9, 1.0])
    result = go(lab, patients, times=[0.5, 2.0], budget=5000)
    assert list(result.status) == [Status.TOO_MANY_STEPS, Status.FINISHED]
    assert_array_equal(np.isfinite(result.of("clock")), [[True, False], [True, True]])


def test_a_trigger_that_is_true_at_the_start_fires_when_it_was_false_before(
    lab: Kernel, write: SimpleNamespace
) -> None:
    result = go(lab, write.cohort(2, zero=[0.0, 1.0]), times=[0.0, 1.0])
    assert_array_equal(result.of("start"), [[0.0, 0.0], [1.0, 1.0]])
    assert_array_equal(result.of("old"), 0.0)


def test_all_values_of_an_event_are_taken_before_any_is_written(lab: Kernel, write: SimpleNamespace) -> None:
    result = go(lab, write.cohort(1, sudden=5.0))
    assert_array_equal(one(result, "swap1"), np.where(TIMES >= 5, 2.0, 1.0))
    assert_array_equal(one(result, "swap2"), np.where(TIMES >= 5, 1.0, 2.0))


def test_an_event_can_wait_many_times_over(lab: Kernel, write: SimpleNamespace) -> None:
    """Triggered every 0.02 and executed 5 later: 250 wait at a time, far more than there is room for at first."""
    result = go(lab, write.cohort(1, tick=0.01, late=5.0), times=[4.999, 5.015, 6.015, 9.015])
    assert_array_equal(one(result, "landed"), [0.0, 1.0, 51.0, 201.0])


def test_a_queue_that_grows_changes_nobody_s_bits(lab: Kernel, write: SimpleNamespace) -> None:
    crowded = write.cohort(3, tick=[NEVER, 0.01, NEVER], gravity=9.81, first=[0.5, NEVER, NEVER], fair=2.0)
    calm = crowded.with_columns({"tick": np.full(3, NEVER)}, {})
    both = [go(lab, patients) for patients in (crowded, calm)]
    assert both[0].finished.all()
    assert_array_equal(both[0].values[[0, 2]], both[1].values[[0, 2]])
    assert_array_equal(both[0].steps[[0, 2]], both[1].steps[[0, 2]])


def test_more_waiting_events_than_the_engine_keeps_end_in_a_status(
    lab: Kernel, write: SimpleNamespace
) -> None:
    patients = write.cohort(2, tick=[0.01, NEVER], late=1e6)
    result = go(lab, patients, times=[0.0, 50.0, 100.0])
    assert list(result.status) == [Status.TOO_MANY_WAITING, Status.FINISHED]
    assert_array_equal(np.isnan(result.of("landed")), [[False, False, True], [False, False, False]])


def test_a_delay_that_is_no_delay_ends_in_a_status(lab: Kernel, write: SimpleNamespace) -> None:
    result = go(lab, write.cohort(3, mark=1.0, wait=[-1.0, 0.0, 1.0]))
    assert list(result.status) == [Status.NO_DELAY, Status.FINISHED, Status.FINISHED]


def busy(write: SimpleNamespace, n: int) -> tuple[Cohort, Schedule]:
    """Patients to whom everything happens, each at their own times, with doses by schedule between."""
    draw = np.random.default_rng(3)
    columns = {
        "gravity": draw.uniform(1, 10, n), "first": draw.uniform(0, 2, n), "every": draw.uniform(0.3, 2, n),
        "growth": draw.uniform(0.5, 2, n), "kill": draw.uniform(3, 6, n), "mark": draw.uniform(1, 6, n),
        "wait": draw.uniform(0, 3, n), "opens": draw.uniform(1, 3, n), "shuts": draw.uniform(4, 9, n),
        "fair": draw.uniform(0, 9, n),
        "p1": draw.uniform(0, 1, n), "p2": draw.uniform(0, 1, n), "p3": draw.uniform(0, 40, n),
        "chain": draw.uniform(1, 9, n), "omega": draw.uniform(1, 5, n), "peak": draw.uniform(0.5, 1.5, n),
        "sudden": draw.uniform(1, 9, n), "zero": np.arange(n) % 2.0,
    }  # fmt: skip
    doses = [(i, float(time), Action.ADD, "drug", 50.0) for i in range(n) for time in (0.0, 2.5, 5.0)]
    doses += [(i, 4.0, Action.SET, "omega", 1.0) for i in range(n)]
    doses += [(i, 6.0, Action.SET, "a", 2.0) for i in range(0, n, 2)]
    return write.cohort(n, **columns), write.events(n, *doses)


@pytest.fixture(scope="module")
def slowly(lab: Kernel, laboratory: Model, write: SimpleNamespace) -> Trajectories:
    return simulate_reference(
        laboratory, *busy(write, 6), times=TIMES, outputs=lab.outputs, tolerance=1e-12, seed=9
    )


@pytest.mark.parametrize("method", METHODS)
def test_the_engine_and_its_slow_twin_agree_on_events(
    lab: Kernel, slowly: Trajectories, write: SimpleNamespace, method: Method
) -> None:
    patients, doses = busy(write, 6)
    fast, slow = go(lab, patients, plan=doses, method=method, tolerance=1e-10, seed=9), slowly
    assert fast.finished.all() and slow.finished.all()
    assert_allclose(fast.values, slow.values, rtol=1e-6, atol=1e-7)
    for name in ("bounces", "switches", "order", "lots", "peaks", "fleeting", "c3"):
        assert np.any(fast.of(name)[:, -1] != 0), name


@pytest.mark.parametrize("method", METHODS)
def test_advancing_in_pieces_gives_the_same_bits_with_events(
    lab: Kernel, write: SimpleNamespace, method: Method
) -> None:
    patients, doses = busy(write, 8)
    whole = go(lab, patients, plan=doses, method=method)
    course = begin(lab, patients)
    for j, time in enumerate(TIMES):
        assert_array_equal(
            advance(lab, course, doses, time, method=method, tolerance=1e-9), whole.values[:, j]
        )
    assert_array_equal(course.steps, whole.steps)
    seldom = go(lab, patients, times=TIMES[::8], plan=doses, method=method)
    assert_array_equal(seldom.values, whole.values[:, ::8])


@pytest.mark.parametrize("threads", [2, 4])
def test_the_same_bits_on_any_number_of_threads_and_in_any_order_with_events(
    lab: Kernel, write: SimpleNamespace, threads: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    patients, doses = busy(write, 90)
    alone = go(lab, patients, plan=doses, threads=1)
    assert_array_equal(go(lab, patients, plan=doses, threads=threads).values, alone.values)
    monkeypatch.setattr("offtarget.engine.ensemble._CHUNK", 7)
    assert_array_equal(go(lab, patients, plan=doses, threads=1).values, alone.values)
    few = patients.take(np.arange(10, 20))
    own = Schedule.build(
        10, row=np.repeat(np.arange(10), np.diff(doses.offsets)[10:20]),
        **{key: getattr(doses, key)[slice(*doses.offsets[[10, 20]])] for key in ("time", "action", "target", "value")},
        names=doses.names,
    )  # fmt: skip
    assert_array_equal(go(lab, few, plan=own).values, alone.values[10:20])


def test_a_decision_inside_a_step_forgets_what_the_step_held_beyond_it(
    lab: Kernel, write: SimpleNamespace
) -> None:
    """A step that already saw the tumour pass its threshold is gone back on when growth is stopped before that."""
    course = begin(lab, write.cohort(1, growth=0.5, burden=1e9))
    advance(lab, course, Schedule.empty(1), 4.6, tolerance=1e-4)
    stop = write.events(1, (0, 4.6, Action.SET, "growth", 0.0))
    values = advance(lab, course, stop, 50.0, tolerance=1e-4)
    assert values[0, lab.outputs.index("switches")] == 0
    assert values[0, lab.outputs.index("N")] == pytest.approx(1e9 * np.exp(2.3), rel=1e-3)


def test_a_dose_by_schedule_sets_off_an_event_at_its_instant_and_is_seen_after_the_visit(
    lab: Kernel, write: SimpleNamespace
) -> None:
    """At one instant: the model's events, then the visit, then the dose and what it sets off."""
    dose = write.events(1, (0, 3.0, Action.SET, "a", 5.0))
    result = go(lab, write.cohort(1, peak=2.0, chain=3.0), times=[3.0, 3.0 + 1e-9], plan=dose)
    assert_array_equal(one(result, "peaks"), [0.0, 1.0])
    assert_array_equal(one(result, "a"), [0.0, 5.0])
    assert_array_equal(one(result, "c1") > 0, [True, True])


def test_a_value_that_is_not_a_number_fails_its_patient_alone(lab: Kernel, write: SimpleNamespace) -> None:
    healthy = write.cohort(20, first=0.5)
    spoiled = healthy.with_columns({"dose": np.where(np.arange(20) == 7, 1e308, 100.0)}, {"dose": "1"})
    before, after = go(lab, healthy), go(lab, spoiled)
    others = np.arange(20) != 7
    assert_array_equal(after.values[others], before.values[others])
    assert after.status[7] == Status.NOT_FINITE and before.finished.all()


def test_a_model_without_events_knows_nothing_of_them(laboratory: Model) -> None:
    text = generate(replace(laboratory, events=()), ("x",))
    for word in ("trigger", "pending", "event_layout", "state_events"):
        assert word not in text


def test_patient_numbers_that_would_share_their_luck_are_refused(lab: Kernel) -> None:
    with pytest.raises(InputError, match="patient"):
        begin(lab, Cohort(np.array([2**32], np.uint64), {}, {}))


@pytest.fixture(scope="session")
def calendar(write: SimpleNamespace) -> Kernel:
    """Nothing moves but clocks, so that only what is known beforehand stops a step from passing over events."""
    give = {
        "weekly": "rem(time, week) < 0.01",
        "eve": "rem(time, week) > week - 0.001",
        "crest": "sin(omega * time) > 0.999999",
        "midnight": "rem(hours, 24) < 0.001",
        "once": "abs(time - 500) < 1e-6",
        "pulse": "piecewise(1, time < 100, 0, time < 100.0001, 1) < 0.5",
        "later": "time > 300",
        "either": "minute > 50 and minute < 50.01",
    }
    plain = write.model(
        "calendar",
        parameters={"week": 7.0, "omega": 2 * np.pi / 3},
        species={"hours": ("0", "1"), **{name: ("0", "1") for name in give}},
        rules={"minute": "rem(1440 * time, 60)"},
        rates={"hours": "24", **dict.fromkeys(give, "0")},
    )
    own = (event(write, name, trigger, f"{name} = {name} + 1") for name, trigger in give.items())
    return build(replace(plain, events=tuple(own)), outputs=tuple(give))


@pytest.mark.parametrize("method", METHODS)
def test_what_waits_for_a_clock_is_never_stepped_over(
    calendar: Kernel, write: SimpleNamespace, method: Method
) -> None:
    end = 999.6
    result = simulate(calendar, write.cohort(2), Schedule.empty(2), times=[0.0, end], method=method)
    expected = {"weekly": end // 7, "eve": (end + 0.001) // 7, "crest": (end - 0.75) // 3 + 1, "midnight": end // 1,
                "once": 1, "pulse": 1, "later": 1, "either": end * 24 // 1 + 1 - (end * 24 % 1 < 5 / 6)}  # fmt: skip
    for name, count in expected.items():
        assert_array_equal(result.of(name)[:, -1], count, err_msg=name)


def test_what_turns_true_just_after_an_instant_is_not_seen_at_it(
    calendar: Kernel, write: SimpleNamespace
) -> None:
    result = simulate(calendar, write.cohort(1), Schedule.empty(1), times=[300.0, 300.0 * (1 + 1e-14)])
    assert_array_equal(one(result, "later"), [0.0, 1.0])


def test_a_state_that_crosses_its_line_is_passed_in_a_few_steps_whatever_it_is_rounded_to(
    write: SimpleNamespace,
) -> None:
    plain = write.model(
        "line", parameters={"slope": 1.0, "begin": 5.0, "line": 5.1},
        species={"level": ("begin", "1"), "below": ("0", "1"), "above": ("0", "1")},
        rates={"level": "slope", "below": "0", "above": "0"},
    )  # fmt: skip
    crossing = replace(plain, events=(
        event(write, "leaves", "level > line", "above = above + 1"),
        event(write, "ends", "not (level <= line)", "below = below + 1"),
    ))  # fmt: skip
    luck_of = np.random.Generator(np.random.Philox(11))
    n = 300
    slope = 10.0 ** luck_of.uniform(-6, 6, n)
    start = 10.0 ** luck_of.uniform(-3, 6, n)
    line = start + slope * luck_of.uniform(0.1, 9.0, n)  # crossed within the ten days that are simulated
    cohort = Cohort(np.arange(n, dtype=np.uint64), {"slope": slope, "begin": start, "line": line}, {})
    kernel = build(crossing, outputs=("above", "below"))
    found = simulate(kernel, cohort, Schedule.empty(n), times=[0.0, 10.0])
    assert_array_equal(found.status, Status.FINISHED)
    assert found.steps.max() < 100
    assert_array_equal(found.values[:, -1], 1.0)


def test_at_a_threshold_and_just_beyond_it_are_two_instants(write: SimpleNamespace) -> None:
    """time >= 3 and time > 3 are one difference with two changes."""
    plain = write.model(
        "edges", parameters={"rate": 1.0}, species={"x": ("1", "1"), "at": ("0", "1"), "after": ("0", "1")},
        rates={"x": "-rate * x", "at": "0", "after": "0"},
    )  # fmt: skip
    edges = replace(plain, events=(
        event(write, "reached", "time >= 3", "at = 1"), event(write, "passed", "time > 3", "after = 1"),
    ))  # fmt: skip
    times = [2.9, 3.0, 3.0 * (1 + 1e-14)]
    found = simulate(build(edges, outputs=("at", "after")), write.cohort(1), Schedule.empty(1), times=times)
    assert_array_equal(found.values[0], [[0, 0], [1, 0], [1, 1]])
