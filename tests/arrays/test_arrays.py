"""The engine's contract: arrays in, arrays and a Status a patient out."""

from dataclasses import FrozenInstanceError

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from offtarget.arrays.cohort import Cohort
from offtarget.arrays.schedule import Action, Schedule
from offtarget.arrays.trajectories import Status, Trajectories
from offtarget.errors import InputError


def _cohort(size: int = 5) -> Cohort:
    who = np.arange(10, 10 + size, dtype=np.uint64)
    return Cohort(
        who,
        {"age": np.linspace(20, 80, size), "weight": np.full(size, 70.0)},
        {"age": "year", "weight": "kg"},
    )


def test_a_cohort_hands_out_its_columns_and_suggests_when_a_name_is_wrong() -> None:
    assert _cohort().size == 5
    assert _cohort().column("age")[0] == 20
    with pytest.raises(InputError, match=r'no "wieght".*Did you mean "weight"'):
        _cohort().column("wieght")


def test_adding_columns_leaves_the_first_cohort_as_it_was() -> None:
    before = _cohort()
    after = before.with_columns({"age": np.zeros(5), "CL": np.ones(5)}, {"age": "month", "CL": "L/day"})
    assert before.column("age")[0] == 20 and before.units["age"] == "year" and "CL" not in before.columns
    assert after.column("age")[0] == 0 and after.units == {"age": "month", "weight": "kg", "CL": "L/day"}
    with pytest.raises(FrozenInstanceError):
        before.units = {}  # type: ignore[misc]


def test_a_column_of_another_length_is_refused_by_name() -> None:
    with pytest.raises(InputError, match="cohort column CL: expected 5 values"):
        _cohort().with_columns({"CL": np.ones(4)}, {"CL": "L/day"})


@pytest.mark.parametrize("rows", [np.array([4, 0]), np.array([True, False, False, False, True])])
def test_taking_some_patients_keeps_their_numbers_with_their_values(rows: np.ndarray) -> None:
    some = _cohort().take(rows)
    assert some.patients.tolist() == _cohort().patients[rows].tolist()
    assert some.column("age").tolist() == _cohort().column("age")[rows].tolist()


def _build(patients: int, events: list[tuple[int, float]]) -> Schedule:
    return Schedule.build(
        patients,
        row=np.array([row for row, _ in events], np.int64),
        time=np.array([time for _, time in events], float),
        action=np.full(len(events), Action.SET, np.int8),
        target=np.zeros(len(events), np.int64),
        value=np.arange(len(events), dtype=float),
        names=("dose",),
    )


@given(
    st.integers(1, 6).flatmap(
        lambda n: st.tuples(
            st.just(n), st.lists(st.tuples(st.integers(0, n - 1), st.sampled_from([0.0, 1.0, 1.5, 7.0])))
        )
    )
)
def test_a_schedule_sorts_each_patients_events_by_time_and_keeps_ties_in_order(
    case: tuple[int, list[tuple[int, float]]],
) -> None:
    patients, events = case
    schedule = _build(patients, events)
    assert (
        schedule.offsets[0] == 0
        and schedule.offsets[-1] == len(events)
        and len(schedule.offsets) == patients + 1
    )
    for patient in range(patients):
        own = slice(schedule.offsets[patient], schedule.offsets[patient + 1])
        wanted = sorted((time, number) for number, (row, time) in enumerate(events) if row == patient)
        assert list(zip(schedule.time[own], schedule.value[own], strict=True)) == wanted


def test_an_empty_schedule_gives_nobody_an_event() -> None:
    nothing = Schedule.empty(3)
    assert nothing.offsets.tolist() == [0, 0, 0, 0] and nothing.time.size == 0 and nothing.names == ()


def _trajectories() -> Trajectories:
    status = np.array([Status.FINISHED, Status.NOT_FINITE, Status.FINISHED], np.int8)
    values = np.arange(12, dtype=float).reshape(3, 2, 2)
    who = np.arange(3, dtype=np.uint64)
    return Trajectories(
        who, np.array([0.0, 1.0]), ("L", "T"), ("cell", "cell"), values, status, np.ones(3, np.int64)
    )


def test_an_output_is_found_by_name_and_a_wrong_name_gets_a_suggestion() -> None:
    assert _trajectories().of("T").tolist() == [[1, 3], [5, 7], [9, 11]]
    with pytest.raises(InputError, match=r'no output "l".*Known outputs: L, T'):
        _trajectories().of("l")


def test_failures_are_counted_and_never_dropped() -> None:
    result = _trajectories()
    assert result.finished.tolist() == [True, False, True]
    counts = result.counts()
    assert set(counts) == set(Status) and sum(counts.values()) == 3
    assert counts[Status.FINISHED] == 2 and counts[Status.NOT_FINITE] == 1


@pytest.mark.parametrize("status", list(Status))
def test_every_status_is_a_sentence(status: Status) -> None:
    assert status.sentence.endswith(".") and status.sentence[0].isupper()
    assert len({one.sentence for one in Status}) == len(Status)
