"""Course: patients of a user's tables through the engine."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from offtarget.arrays.cohort import Cohort
from offtarget.arrays.schedule import Schedule
from offtarget.arrays.trajectories import Status
from offtarget.engine.ensemble import Kernel, advance, begin, simulate
from offtarget.simulation.sheet import Floats
from offtarget.simulation.steady import steady_states
from offtarget.simulation.timeline import AT_ZERO, INITIAL, Timeline

__all__ = ["NO_STEADY_STATE", "OUTPUT_NOT_FINITE", "STATUS_SENTENCES", "Ward", "follow"]

NO_STEADY_STATE, OUTPUT_NOT_FINITE = "no_steady_state", "output_not_finite"
#: Status of a patient in the result -> what it means.
STATUS_SENTENCES = {status.name.lower(): status.sentence for status in Status} | {
    NO_STEADY_STATE: "Repeating the dose did not lead to a steady state.",
    OUTPUT_NOT_FINITE: "Simulated to the end, but an output is no finite number at some time.",
}


@dataclass(frozen=True, slots=True, eq=False)
class Ward:
    """Patients and what happens to them.

    Attributes:
        kernel: the compiled model; where something goes back to a start or a steady state, all states are outputs.
        ids: what the user calls each patient.
        cohort: their parameters.
        states: the states of the model.
        inputs: state -> the parameter that holds the rate of infusion into it.
        timelines: the distinct ones.
        which: the timeline of each patient, shape (n,).
    """

    kernel: Kernel
    ids: tuple[str, ...]
    cohort: Cohort
    states: tuple[str, ...]
    inputs: Mapping[str, str]
    timelines: tuple[Timeline, ...]
    which: NDArray[np.int64]

    def line(self, i: int) -> Timeline:
        """The timeline of one patient."""
        return self.timelines[int(self.which[i])]


def follow(
    ward: Ward, first: int, last: int, *, tolerance: float, threads: int | None, seed: int,
    deadline: float | None = None,
) -> tuple[list[Floats], list[str]]:  # fmt: skip
    """Some patients to their ends: outputs of each, shape (their times, outputs), and a status each.

    Args:
        ward: everybody.
        first, last: from which patient to before which.
        tolerance: largest error of a step relative to each species' size.
        threads: worker threads.
        seed: settles what is left to chance: the order of a model's own events of one instant and equal priority.
        deadline: see ``engine.ensemble.advance``.
    """
    cohort = ward.cohort.take(np.arange(first, last))
    lines = [ward.line(i) for i in range(first, last)]
    schedule, lost = _schedule(ward, cohort, lines, tolerance, threads)
    most = max((line.reads.size for line in lines), default=0)
    looks = np.array([np.pad(line.reads, (0, most - line.reads.size), "edge") if line.reads.size else np.zeros(most)
                      for line in lines]).reshape(len(lines), most)  # fmt: skip
    course = begin(ward.kernel, cohort, seed=seed)
    if most and (looks == looks[0]).all():
        ran = simulate(ward.kernel, cohort, schedule, times=looks[0], tolerance=tolerance, threads=threads,
                       deadline=deadline, seed=seed)  # fmt: skip
        values, status = ran.values, ran.status
    else:
        values = np.empty((len(lines), most, len(ward.kernel.outputs)))
        for j in range(most):
            values[:, j] = advance(ward.kernel, course, schedule, looks[:, j], tolerance=tolerance, threads=threads,
                                   deadline=deadline)  # fmt: skip
        status = course.status
    _still(values, looks)
    return _judged([values[i, : line.reads.size] for i, line in enumerate(lines)], status, lost)


def _still(values: Floats, looks: Floats) -> None:
    """What flows within the ticks of time zero is nothing: zero is shown as zero."""
    at_zero = (looks > 0) & (looks < 1e20 * AT_ZERO)
    values[at_zero] = np.where(np.abs(values[at_zero]) < 1e40 * AT_ZERO, 0.0, values[at_zero])


def _judged(
    values: list[Floats], status: NDArray[np.int8], lost: NDArray[np.bool_]
) -> tuple[list[Floats], list[str]]:
    """A word for how each patient ended."""
    words = []
    for i, own in enumerate(values):
        found = Status(int(status[i]))
        if lost[i] and found is Status.NOT_FINITE:
            words.append(NO_STEADY_STATE)
        elif found is Status.FINISHED and not np.isfinite(own).all():
            words.append(OUTPUT_NOT_FINITE)
        else:
            words.append(found.name.lower())
    return values, words


def _schedule(
    ward: Ward, cohort: Cohort, lines: list[Timeline], tolerance: float, threads: int | None
) -> tuple[Schedule, NDArray[np.bool_]]:
    """Everybody's events with every value filled in, and who has no steady state where one is needed."""
    row = np.repeat(np.arange(len(lines)), [line.time.size for line in lines])
    time, action, target, value, source = (
        np.concatenate([getattr(line, name) for line in lines])
        for name in ("time", "action", "target", "value", "source")
    )
    lost = np.zeros(len(lines), bool)
    back = source == INITIAL
    if back.any():
        value[back] = _starts(ward, cohort, threads)[row[back], target[back]]
    who = np.array([i for i, line in enumerate(lines) for _ in line.steady], np.int64)
    if who.size:
        doses = [dose for line in lines for dose in line.steady]
        names = [(ward.states[dose.place], ward.inputs.get(ward.states[dose.place], "")) for dose in doses]
        state, found = steady_states(
            ward.kernel, cohort.take(who), doses, names, tolerance=tolerance, threads=threads
        )
        first = np.searchsorted(who, np.arange(len(lines)))
        from_steady = source > INITIAL
        value[from_steady] = state[first[row[from_steady]] + source[from_steady] - 1, target[from_steady]]
        lost[who[~found]] = True
    names_touched = (*ward.states, *(ward.inputs.get(state, state) for state in ward.states))
    schedule = Schedule.build(
        len(lines), row=row, time=time, action=action, target=target, value=value, names=names_touched
    )
    return schedule, lost


def _starts(ward: Ward, cohort: Cohort, threads: int | None) -> Floats:
    """Where each patient starts from, shape (n, states)."""
    outputs = advance(
        ward.kernel, begin(ward.kernel, cohort), Schedule.empty(cohort.size), 0.0, threads=threads
    )
    return outputs[:, [ward.kernel.outputs.index(state) for state in ward.states]]
