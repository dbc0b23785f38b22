"""Steady states: where endless repetition of a dose leads, found by giving it until nothing changes.

The state just before a dose is compared from dose to dose, after 16, 32, 64, ... doses. What is left to go is estimated
from the last two changes (a geometric series) and from the way since the last look, so that slowness is not
taken for an arrival.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from offtarget.arrays.cohort import Cohort
from offtarget.arrays.schedule import Action, Events, Schedule
from offtarget.arrays.trajectories import Status
from offtarget.engine.ensemble import Course, Kernel, advance, begin
from offtarget.simulation.sheet import Floats
from offtarget.simulation.timeline import SteadyDose

__all__ = ["MOST_DOSES", "steady_states"]

#: After this many doses without a steady state there is none.
MOST_DOSES = 5_000
#: An infusion without end is looked at after 1, 2, 4, ... units of time, this often.
_DOUBLINGS = 24
#: The steady state is computed with steps this much more exact than the simulation that starts from it.
_FINER = 1e-3
_FIRST_LOOK = 16
#: Changes below this share of the tolerance are rounding.
_NOISE = 0.01
_BUDGET = 10_000_000


def steady_states(
    kernel: Kernel, cohort: Cohort, doses: Sequence[SteadyDose], names: Sequence[tuple[str, str]], *,
    tolerance: float, threads: int | None,
) -> tuple[Floats, NDArray[np.bool_]]:  # fmt: skip
    """The state just before the next dose, shape (n, species), and which patients have one, shape (n,).

    Args:
        kernel: the compiled model, with all species among its outputs.
        cohort: n patients; one who needs two steady states is there twice.
        doses: the dose of each.
        names: the state and the input parameter of each dose's compartment; no name for the input where none is needed.
        tolerance: how far from the steady state, relative to each species' size, counts as there.
        threads: worker threads.
    """
    columns = [kernel.outputs.index(name) for name in kernel.species]
    repeated = np.array([dose.interval > 0 for dose in doses])
    state = np.full((cohort.size, len(kernel.species)), np.nan)
    found = np.zeros(cohort.size, bool)
    fine = max(tolerance * _FINER, 1e-12)
    for group, approach in ((repeated, _by_doses), (~repeated, _by_doubling)):
        rows = [int(row) for row in np.flatnonzero(group)]
        if rows:
            course = begin(kernel, cohort.take(np.array(rows)))
            ours = [doses[row] for row in rows], [names[row] for row in rows]
            there, at = approach(_Walk(kernel, course, columns, fine, tolerance, threads), *ours)
            found[rows], state[rows] = there, at
    return state, found


class _Walk:
    """Patients on their way to a steady state; those who have arrived stand still."""

    def __init__(self, kernel: Kernel, course: Course, columns: list[int], fine: float, tolerance: float,
                 threads: int | None) -> None:  # fmt: skip
        self.kernel, self.course, self.columns, self.fine = kernel, course, columns, fine
        self.tolerance, self.threads = tolerance, threads
        n = course.patients.shape[0]
        self.there: NDArray[np.bool_] = np.zeros(n, bool)
        self.at = np.full((n, len(columns)), np.nan)
        self.moved = np.full((n, len(columns)), np.nan)

    @property
    def going(self) -> NDArray[np.bool_]:
        return np.asarray(np.logical_not(self.there) & (self.course.status == Status.FINISHED))

    def arrived(self) -> tuple[NDArray[np.bool_], Floats]:
        """Who has arrived, and where; NaN for the others."""
        return self.there, np.where(self.there[:, None], self.at, np.nan)

    def go(self, schedule: Schedule, until: Floats) -> Floats:
        """The states at these times; whoever is not going stays where they are."""
        until = np.where(self.going, until, self.course.now)
        outputs = advance(self.kernel, self.course, schedule, until, tolerance=self.fine, threads=self.threads,
                          budget=_BUDGET)  # fmt: skip
        return outputs[:, self.columns]

    def judge(self, before: Floats, between: Floats, now: Floats) -> None:
        """Who has arrived: for every species, what is left to go and the way since the last look are within tolerance.

        Args:
            before, between, now: the states at three looks, shape (n, species).
        """
        last, step = np.abs(now - between), np.abs(between - before)
        # a species far below its own peak is not followed to its own precision; neither is it here
        floor = self.kernel.floor + self.kernel.share * self.course.arrays.peak
        size = np.maximum(np.maximum(np.abs(now), np.abs(between)), floor) + 1e-280
        with np.errstate(divide="ignore", invalid="ignore"):
            ratio = np.where(last <= _NOISE * self.tolerance * size, 0.0, last / step)
            left = np.where(ratio < 1, last * ratio / (1 - ratio), np.inf)
        moved = np.abs(now - self.at)
        # what moves by more the longer it goes is a slow part that has hardly begun
        settling = (moved <= _NOISE * self.tolerance * size) | (moved < 0.5 * self.moved)
        near = (left <= self.tolerance * size) & (moved <= self.tolerance * size) & settling
        arrived = self.going & near.all(axis=1)
        staying: NDArray[np.bool_] = np.logical_not(self.there)
        self.at[staying], self.moved = now[staying], moved
        self.there |= arrived


def _by_doses(
    walk: _Walk, doses: list[SteadyDose], names: list[tuple[str, str]]
) -> tuple[NDArray[np.bool_], Floats]:
    """Dose after dose, with looks that grow apart."""
    interval = np.array([dose.interval for dose in doses])
    done, block = 0, _FIRST_LOOK
    while walk.going.any() and done < MOST_DOSES:
        schedule = _given(doses, names, done, block)
        looks = [walk.go(schedule, (done + block - back) * interval) for back in (2, 1, 0)]
        walk.judge(*looks)
        done, block = done + block, done + block
    return walk.arrived()


def _by_doubling(
    walk: _Walk, doses: list[SteadyDose], names: list[tuple[str, str]]
) -> tuple[NDArray[np.bool_], Floats]:
    """An infusion without end, looked at after times that double."""
    parts = [Events(name, Action.SET, np.array([i]), np.zeros(1), np.array([dose.rate]))
             for i, (dose, (_, name)) in enumerate(zip(doses, names, strict=True))]  # fmt: skip
    schedule = Schedule.joined(len(doses), parts)
    looks = [walk.go(schedule, np.full(len(doses), time)) for time in (0.25, 0.5)]
    for number in range(_DOUBLINGS):
        if not walk.going.any():
            break
        looks = [*looks[-2:], walk.go(schedule, np.full(len(doses), 2.0**number))]
        walk.judge(*looks)
    return walk.arrived()


def _given(doses: list[SteadyDose], names: list[tuple[str, str]], first: int, count: int) -> Schedule:
    """The doses from number ``first`` on, for every patient at their own interval."""
    parts: list[Events] = []
    numbers = np.arange(first, first + count, dtype=np.float64)
    for i, (dose, (state, flow)) in enumerate(zip(doses, names, strict=True)):
        row, starts = np.full(count, i), numbers * dose.interval
        if dose.rate == 0:
            parts.append(Events(state, Action.ADD, row, starts, np.full(count, dose.amount)))
            continue
        always = dose.overlapping * dose.rate
        rest = dose.duration - dose.overlapping * dose.interval
        flows = rest > 1e-12 * dose.duration
        parts.append(Events(flow, Action.SET, row, starts, np.full(count, always + flows * dose.rate)))
        if flows:
            parts.append(Events(flow, Action.SET, row, starts + rest, np.full(count, always)))
    return Schedule.joined(len(doses), parts)
