"""Between a patient's row and a lane: what is done before the first step, taking a seat, leaving it."""

from __future__ import annotations

from typing import Any

import numpy as np

from offtarget.engine import lane_layout as at
from offtarget.engine.control import WORTH, finite
from offtarget.engine.lane_layout import Gang, Queue, Table
from offtarget.engine.lanes import WIDTH
from offtarget.engine.layout import (
    BEFORE,
    BEGUN,
    BELOW,
    CALM,
    CHANGED,
    ERROR,
    FINISHED,
    IMPLICIT,
    NOT_FINITE,
    NOW,
    PATIENCE,
    STATUS,
    STEP,
    STEPS,
    STIFF,
    TIME,
    Events,
    Floats,
    Patient,
    Patients,
    Settings,
)
from offtarget.engine.march import apply, find
from offtarget.engine.steppers import compiled, inlined

__all__ = ["boarder", "join", "leave", "opener", "pick", "renewer"]

#: In ``Flag.CHANGED``: slope and step are unknown after a jump, but the static expressions are up to date.
_TABULATED = 2
#: Steps in favour of the explicit method before it is taken again.
_PATIENCE_BACK = 10


@inlined
def pick(patients: Patients, i: int) -> Patient:
    """The patient's row."""
    return Patient(patients.clock[i], patients.state[i], patients.slope[i], patients.parameters[i], patients.static[i],
                   patients.peak[i], patients.dense[i], patients.spread[i], patients.flags[i])  # fmt: skip


def renewer(static: Any) -> Any:
    """Static expressions of one model for up to eight patients at once."""

    @inlined
    def renew(patients: Patients, first: int, last: int, table: Table) -> int:
        """Compute them anew for those of at most eight patients who need it: so many, and the table says who."""
        count: int = gather(patients, first, last, table)
        if count and table.static.shape[0]:
            static(table.parameters, table.static)
            scatter(patients, count, table)
        return count

    return renew


@compiled
def gather(patients: Patients, first: int, last: int, table: Table) -> int:
    """Parameters of those whose static expressions are out of date; lanes without a patient repeat the first."""
    count = 0
    for i in range(first, last):
        if patients.flags[i, STATUS] == FINISHED and patients.flags[i, CHANGED] == 1:
            patients.flags[i, CHANGED] = _TABULATED
            table.rows[count] = i
            count += 1
    for l in range(WIDTH if count else 0):
        i = table.rows[l] if l < count else table.rows[0]
        for j in range(table.parameters.shape[0]):
            table.parameters[j, l] = patients.parameters[i, j]
    return count


@compiled
def scatter(patients: Patients, count: int, table: Table) -> None:
    """Static expressions to the rows of their patients."""
    for l in range(count):
        for j in range(table.static.shape[0]):
            patients.static[table.rows[l], j] = table.static[j, l]


def opener(initial: Any, renew: Any) -> Any:
    """Everything before the first step, for one model."""

    @inlined
    def open_up(
        patients: Patients, events: Events, settings: Settings, times: Floats, first: int, last: int, queue: Queue,
        table: Table,
    ) -> None:  # fmt: skip
        """Static expressions, initial states, events that are already due, a place to wait."""
        for round in range(2):  # before the events that are due, which may change parameters, and after them
            for block in range(first, last, WIDTH):
                end = min(block + WIDTH, last)
                for i in range(block, end if round else block):
                    catch_up(patients, events, settings, times, i, queue)
                    join(queue, i, patients.flags[i, IMPLICIT])
                for k in range(renew(patients, block, end, table)):
                    one = pick(patients, table.rows[k])
                    if not one.flags[BEGUN]:
                        initial(one.clock[TIME], one.parameters, one.static, one.state)
                        begin(one, settings.method)

    return open_up


@compiled
def begin(one: Patient, method: int) -> None:
    """The first state of all has been computed."""
    one.flags[BEGUN] = 1
    one.flags[IMPLICIT] = 1 if method == 2 else 0
    one.flags[PATIENCE] = 15
    if not finite(one.state):
        one.flags[STATUS] = NOT_FINITE


@compiled
def catch_up(
    patients: Patients, events: Events, settings: Settings, times: Floats, i: int, queue: Queue
) -> None:
    """Apply the events that the patient's last step has reached or passed."""
    one, until = pick(patients, i), times[min(i, times.shape[0] - 1), 0]
    cursor, end = find(events, i, one.clock[NOW]), events.offsets[i + 1]
    while cursor < end and events.time[cursor] < until and events.time[cursor] <= one.clock[TIME]:
        cursor = apply(one, events, settings.counts, cursor, end)
    queue.cursor[i - queue.first] = cursor


@compiled
def join(queue: Queue, i: int, method: int) -> None:
    """The patient waits for a seat among those of a method."""
    queue.waiting[method, queue.length[method]] = i
    queue.length[method] += 1


def boarder(constants: list[int]) -> Any:
    """Taking a seat, for one model: ``constants`` names parameters by their place, static expressions after them."""
    places = np.array(constants, np.int64)

    @compiled
    def board(one: Patient, a: Gang, l: int) -> None:
        """Row to lane."""
        clock, flags, n = a.clock, one.flags, one.state.shape[0]
        clock[at.TIME, l], clock[at.BEFORE, l] = one.clock[TIME], one.clock[BEFORE]
        clock[at.STEP, l], clock[at.ERROR, l] = one.clock[STEP], one.clock[ERROR]
        clock[at.STEPS, l], clock[at.BELOW, l] = float(flags[STEPS]), float(flags[BELOW])
        clock[at.STIFF, l], clock[at.CALM, l] = float(flags[STIFF]), float(flags[CALM])
        clock[at.PATIENCE, l] = float(_PATIENCE_BACK if flags[IMPLICIT] else flags[PATIENCE])
        clock[at.STATUS, l], clock[at.TURN, l] = float(flags[STATUS]), 0.0
        for m in range(n):
            a.state[m, l], a.stages[m, l], a.peak[m, l] = one.state[m], one.slope[m], one.peak[m]
            a.spread[m, l] = one.spread[m]
        if one.clock[TIME] > one.clock[NOW]:
            for m in range(n):
                for row in range(5):
                    a.dense[row * n + m, l] = one.dense[row, m]
        parameters = one.parameters.shape[0]
        for j in range(places.shape[0]):
            place = places[j]
            a.constants[j, l] = (
                one.parameters[place] if place < parameters else one.static[place - parameters]
            )

    return board


@compiled
def turn(one: Patient) -> None:
    """Change the method, as ``control.choose`` does."""
    flags = one.flags
    if flags[IMPLICIT]:
        flags[PATIENCE] = min(2 * flags[PATIENCE], 240)
        worth = 1.0 + WORTH * one.state.shape[0]
        one.clock[STEP] = min(one.clock[STEP], (one.clock[TIME] - one.clock[BEFORE]) / worth)
    flags[IMPLICIT] = 1 - flags[IMPLICIT]
    flags[STIFF] = 0
    flags[CALM] = 0


@compiled
def leave(one: Patient, a: Gang, l: int) -> None:
    """Lane to row."""
    clock, flags, n = a.clock, one.flags, one.state.shape[0]
    one.clock[TIME], one.clock[BEFORE] = clock[at.TIME, l], clock[at.BEFORE, l]
    one.clock[STEP], one.clock[ERROR] = clock[at.STEP, l], clock[at.ERROR, l]
    flags[STEPS], flags[BELOW] = int(clock[at.STEPS, l]), int(clock[at.BELOW, l])
    flags[STIFF], flags[CALM] = int(clock[at.STIFF, l]), int(clock[at.CALM, l])
    flags[STATUS] = int(clock[at.STATUS, l])
    flags[CHANGED] = 0
    for m in range(n):
        one.state[m], one.slope[m], one.peak[m] = a.state[m, l], a.stages[m, l], a.peak[m, l]
        one.spread[m] = a.spread[m, l]
    if one.clock[TIME] > one.clock[NOW]:
        for m in range(n):
            for row in range(5):
                one.dense[row, m] = a.dense[row * n + m, l]
    if clock[at.TURN, l] != 0.0:
        turn(one)
