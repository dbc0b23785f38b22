"""Between a patient's row and a lane: what is done before the first step, taking a seat, leaving it."""

from __future__ import annotations

from typing import Any

import numpy as np

from offtarget.engine import lane_layout as at
from offtarget.engine.control import WORTH, finite
from offtarget.engine.lane_layout import Desk, Places
from offtarget.engine.lanes import WIDTH
from offtarget.engine.layout import (
    BEFORE,
    BEGUN,
    BELOW,
    CALM,
    CHANGED,
    COLUMN,
    CURSOR,
    ERROR,
    FINISHED,
    IMPLICIT,
    JUMPED,
    NOT_FINITE,
    NOW,
    OUT_OF_DATE,
    PATIENCE,
    STATUS,
    STEP,
    STEPS,
    STIFF,
    TIME,
    Events,
    Floats,
    Ints,
    Patient,
    Patients,
    Settings,
)
from offtarget.engine.march import apply, blank, find, read
from offtarget.engine.steppers import compiled, compiled_for, inlined

__all__ = ["arrive", "boarder", "expect", "fail", "join", "leave", "opener", "renewer", "shower", "strike"]

#: Steps in favour of the explicit method before it is taken again.
_PATIENCE_BACK = 10


def renewer(static: Any, parameters: int, statics: int) -> Any:
    """Static expressions of one model for up to eight patients at once."""

    @inlined
    def renew(patients: Patients, first: int, last: int, desk: Desk) -> int:
        """Compute them anew for those of at most eight patients who need it: so many, and the desk lists whom."""
        count: int = gather(patients, first, last, parameters, desk.table, desk.listed)
        if count and statics:
            static(desk.table)
            for k in range(count):
                for j in range(statics):
                    patients.static[desk.listed[k], j] = desk.table[parameters + j, k]
        return count

    return renew


@compiled
def gather(patients: Patients, first: int, last: int, parameters: int, table: Floats, listed: Ints) -> int:
    """Parameters of those whose static expressions are out of date; lanes without a patient repeat the first."""
    count = 0
    for i in range(first, last):
        if patients.flags[i, STATUS] == FINISHED and patients.flags[i, CHANGED] == OUT_OF_DATE:
            patients.flags[i, CHANGED] = JUMPED
            listed[count] = i
            count += 1
    for l in range(WIDTH if count else 0):
        i = listed[l] if l < count else listed[0]
        for j in range(parameters):
            table[j, l] = patients.parameters[i, j]
    return count


def opener(initial: Any, renew: Any, show: Any) -> Any:
    """Everything before the first step, for one model."""

    @inlined
    def open_up(
        patients: Patients, events: Events, settings: Settings, times: Floats, out: Floats, first: int, last: int,
        desk: Desk,
    ) -> None:  # fmt: skip
        """Static expressions, initial states, what the last step already covers, a place to wait for a seat."""
        for round in range(2):  # before the events that are due, which may change parameters, and after them
            for block in range(first, last, WIDTH):
                end = min(block + WIDTH, last)
                for i in range(block, end if round else block):
                    if catch_up(patients, events, settings, times, out, i, desk.look):
                        join(desk, i, patients.flags[i, IMPLICIT])
                for k in range(renew(patients, block, end, desk)):
                    i = desk.listed[k]
                    if not patients.flags[i, BEGUN]:
                        initial(
                            patients.clock[i, TIME],
                            patients.parameters[i],
                            patients.static[i],
                            patients.state[i],
                        )
                        begin(patients, i, settings.method)

    @compiled_for(show)
    def catch_up(
        patients: Patients,
        events: Events,
        settings: Settings,
        times: Floats,
        out: Floats,
        i: int,
        look: Floats,
    ) -> bool:
        """See to what lies within the patient's last step; whether there is more to come."""
        clock, flags = patients.clock[i], patients.flags[i]
        flags[CURSOR], flags[COLUMN] = find(events, i, clock[NOW]), 0
        while flags[STATUS] == FINISHED:
            until, due = times[min(i, times.shape[0] - 1), flags[COLUMN]], np.inf
            if flags[CURSOR] < events.offsets[i + 1]:
                due = events.time[flags[CURSOR]]
            if due < until and due <= clock[TIME]:
                strike(patients, events, settings.counts, i)
            elif flags[CHANGED] or until > clock[TIME]:
                return True
            else:
                read(clock, patients.state[i], patients.dense[i], settings.counts, until, look)
                if not show(patients, times, out, i, look):
                    return False
        fail(patients, times, out, i)
        return False

    return open_up


@compiled
def begin(patients: Patients, i: int, method: int) -> None:
    """The patient's first state of all has been computed."""
    flags = patients.flags[i]
    flags[BEGUN] = 1
    flags[IMPLICIT] = 1 if method == 2 else 0
    flags[PATIENCE] = 15
    if not finite(patients.state[i]):
        flags[STATUS] = NOT_FINITE


def shower(outputs: Any) -> Any:
    """What is looked at, for one model."""

    @compiled_for(outputs)
    def show(patients: Patients, times: Floats, out: Floats, i: int, look: Floats) -> bool:
        """Write the outputs of a state at the patient's next time; whether there are more times."""
        column = patients.flags[i, COLUMN]
        until = times[min(i, times.shape[0] - 1), column]
        outputs(until, look, patients.parameters[i], patients.static[i], out[i, column])
        patients.clock[i, NOW] = max(until, patients.clock[i, NOW])
        patients.flags[i, COLUMN] = column + 1
        return bool(column + 1 < times.shape[1])

    return show


@compiled
def strike(patients: Patients, events: Events, counts: Ints, i: int) -> None:
    """Apply the patient's next events."""
    one = Patient(patients.clock[i], patients.state[i], patients.slope[i], patients.parameters[i], patients.static[i],
                  patients.peak[i], patients.dense[i], patients.spread[i], patients.flags[i])  # fmt: skip
    one.flags[CURSOR] = apply(one, events, counts, one.flags[CURSOR], events.offsets[i + 1])


@compiled
def fail(patients: Patients, times: Floats, out: Floats, i: int) -> None:
    """The patient cannot go on: no outputs from the next time on."""
    column = patients.flags[i, COLUMN]
    patients.clock[i, NOW] = max(times[min(i, times.shape[0] - 1), column], patients.clock[i, NOW])
    blank(out, i, column)


@compiled
def join(desk: Desk, i: int, method: int) -> None:
    """The patient waits for a seat among those of a method."""
    desk.waiting[method, desk.length[method]] = i
    desk.length[method] += 1


def boarder(held: list[int], where: Places) -> Any:
    """Taking a seat, for one model: ``held`` names parameters by their place, static expressions after them."""
    whence = np.array(held, np.int64)

    @compiled
    def board(patients: Patients, i: int, a: Floats, l: int) -> None:
        """Row to lane. The next time to be looked at lies ahead, so the last step's interpolant stays behind."""
        clock, flags = patients.clock, patients.flags
        a[at.TIME, l], a[at.BEFORE, l] = clock[i, TIME], clock[i, BEFORE]
        a[at.STEP, l], a[at.ERROR, l] = clock[i, STEP], clock[i, ERROR]
        a[at.STEPS, l], a[at.BELOW, l] = float(flags[i, STEPS]), float(flags[i, BELOW])
        a[at.STIFF, l], a[at.CALM, l] = float(flags[i, STIFF]), float(flags[i, CALM])
        a[at.PATIENCE, l] = float(_PATIENCE_BACK if flags[i, IMPLICIT] else flags[i, PATIENCE])
        a[at.STATUS, l], a[at.TURN, l] = float(flags[i, STATUS]), 0.0
        for m in range(where.n):
            a[where.state + m, l], a[where.slope + m, l] = patients.state[i, m], patients.slope[i, m]
            a[where.peak + m, l], a[where.spread + m, l] = patients.peak[i, m], patients.spread[i, m]
        parameters = patients.parameters.shape[1]
        for j in range(whence.shape[0]):
            place = whence[j]
            a[where.held + j, l] = (
                patients.parameters[i, place]
                if place < parameters
                else patients.static[i, place - parameters]
            )

    return board


@compiled
def expect(patients: Patients, events: Events, times: Floats, i: int, a: Floats, l: int) -> None:
    """What the lane steps towards: the next event, the next time to be looked at."""
    cursor = patients.flags[i, CURSOR]
    a[at.DUE, l] = events.time[cursor] if cursor < events.offsets[i + 1] else np.inf
    a[at.UNTIL, l] = times[min(i, times.shape[0] - 1), patients.flags[i, COLUMN]]


@compiled
def leave(patients: Patients, i: int, a: Floats, where: Places, l: int) -> None:
    """Lane to row, all but the last step's interpolant."""
    clock, flags, n = patients.clock, patients.flags, where.n
    clock[i, TIME], clock[i, BEFORE] = a[at.TIME, l], a[at.BEFORE, l]
    clock[i, STEP], clock[i, ERROR] = a[at.STEP, l], a[at.ERROR, l]
    flags[i, STEPS], flags[i, BELOW] = int(a[at.STEPS, l]), int(a[at.BELOW, l])
    flags[i, STIFF], flags[i, CALM] = int(a[at.STIFF, l]), int(a[at.CALM, l])
    flags[i, STATUS] = int(a[at.STATUS, l])
    flags[i, CHANGED] = 0
    for m in range(n):
        patients.state[i, m], patients.slope[i, m] = a[where.state + m, l], a[where.slope + m, l]
        patients.peak[i, m], patients.spread[i, m] = a[where.peak + m, l], a[where.spread + m, l]
    if a[at.TURN, l] != 0.0:
        turn(patients, i)


@compiled
def arrive(patients: Patients, i: int, a: Floats, where: Places, l: int) -> None:
    """``leave``, and be ready to be looked at inside the last step."""
    leave(patients, i, a, where, l)
    if patients.clock[i, TIME] > patients.clock[i, NOW]:
        for row in range(5):
            for m in range(where.n):
                patients.dense[i, row, m] = a[where.dense + row * where.n + m, l]


@compiled
def turn(patients: Patients, i: int) -> None:
    """Change the method, as ``control.choose`` does."""
    flags, clock = patients.flags[i], patients.clock[i]
    if flags[IMPLICIT]:
        flags[PATIENCE] = min(2 * flags[PATIENCE], 240)
        worth = 1.0 + WORTH * patients.state.shape[1]
        clock[STEP] = min(clock[STEP], (clock[TIME] - clock[BEFORE]) / worth)
    flags[IMPLICIT] = 1 - flags[IMPLICIT]
    flags[STIFF] = 0
    flags[CALM] = 0
