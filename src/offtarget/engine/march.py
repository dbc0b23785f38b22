"""Take patients through time one by one, from event to event and visit to visit; and what every march needs.

Compiled with the model. A visit is read off the last step's interpolant; a step is cut short, or gone back on, only
where an event changes something. What must survive between two calls lives in ``Patients``. Compiled code takes eight
patients at once instead (``abreast``); this is the road without a compiler, and its slow twin.
"""

from __future__ import annotations

from typing import Any

import numpy as np

from offtarget.arrays.schedule import Action
from offtarget.engine.control import attempter, finite, starter, weigh
from offtarget.engine.layout import (
    BEFORE,
    BEGUN,
    BELOW,
    CHANGED,
    ERROR,
    FINISHED,
    IMPLICIT,
    JUMPED,
    NOT_FINITE,
    NOW,
    OUT_OF_DATE,
    PATIENCE,
    SLOPE_KNOWN,
    STATUS,
    STEP,
    TIME,
    Events,
    Floats,
    Ints,
    Patient,
    Patients,
    Scratch,
    Settings,
)  # fmt: skip
from offtarget.engine.steppers import compiled, inlined, interpolate

__all__ = ["apply", "at_once", "blank", "copy", "find", "marcher", "refresher"]

# Plain integers: what an enumeration's members become inside compiled code.
ADD, MULTIPLY = int(Action.ADD), int(Action.MULTIPLY)


def marcher(static: Any, initial: Any, rhs: Any, jacobian: Any, outputs: Any, n: int) -> Any:
    """The march of one model, from its compiled functions.

    Functions are bound here rather than passed as arguments: numba does not cache code that holds a function as a
    value.
    """
    refresh = refresher(static, initial, rhs)
    reach = _reacher(refresh, attempter(rhs, jacobian, n))

    @inlined
    def march(
        patients: Patients,
        events: Events,
        settings: Settings,
        times: Floats,
        out: Floats,
        first: int,
        last: int,
    ) -> None:
        """Take patients ``first`` to ``last`` through ``times`` (one row for all, or one each), writing outputs."""
        scratch = Scratch(np.zeros((8, n)), np.zeros((8, n)), np.zeros(n), np.ones(n), np.zeros((n, n)),
                          np.zeros((n, n)), np.zeros(n), np.zeros(n, np.int64))  # fmt: skip
        look = np.zeros(n)
        for i in range(first, last):
            one = Patient(patients.clock[i], patients.state[i], patients.slope[i], patients.parameters[i],
                          patients.static[i], patients.peak[i], patients.dense[i], patients.spread[i],
                          patients.flags[i])  # fmt: skip
            one.flags[SLOPE_KNOWN] = 0
            row = min(i, times.shape[0] - 1)
            cursor, end = find(events, i, one.clock[NOW]), events.offsets[i + 1]
            for j in range(times.shape[1]):
                until = times[row, j]
                cursor = reach(one, events, settings, scratch, cursor, end, until)
                one.clock[NOW] = max(until, one.clock[NOW])
                if one.flags[STATUS] != FINISHED:
                    blank(out, i, j)
                    break
                read(one.clock, one.state, one.dense, settings.counts, until, look)
                outputs(until, look, one.parameters, one.static, out[i, j])

    return march


@compiled
def find(events: Events, i: int, now: float) -> int:
    """The patient's first event that is not before ``now``."""
    low, high = int(events.offsets[i]), int(events.offsets[i + 1])
    while low < high:
        middle = (low + high) // 2
        if events.time[middle] < now:
            low = middle + 1
        else:
            high = middle
    return low


@compiled
def blank(out: Floats, i: int, first: int) -> None:
    """The patient failed: no outputs from this time on."""
    for j in range(first, out.shape[1]):
        for m in range(out.shape[2]):
            out[i, j, m] = np.nan


@compiled
def copy(source: Floats, target: Floats) -> None:
    """Copy a vector; a loop compiles faster than a slice."""
    for m in range(source.shape[0]):
        target[m] = source[m]


@compiled
def read(clock: Floats, state: Floats, dense: Floats, counts: Ints, at: float, y: Floats) -> None:
    """The patient's state at an instant of the last step."""
    before, time = clock[BEFORE], clock[TIME]
    if at >= time or time <= before:
        copy(state, y)
    else:
        interpolate((at - before) / (time - before), dense, counts, y)


def _reacher(refresh: Any, attempt: Any) -> Any:
    """Going on to a time, for one model."""

    @inlined
    def reach(
        one: Patient, events: Events, settings: Settings, w: Scratch, cursor: int, end: int, until: float
    ) -> int:
        """Step until the last step covers ``until``, applying events before it; the next event comes back."""
        while one.flags[STATUS] == FINISHED:
            if one.flags[CHANGED]:
                refresh(one, settings, w)
                continue
            due = events.time[cursor] if cursor < end else np.inf
            if due < until and due <= one.clock[TIME]:
                cursor = apply(one, events, settings.counts, cursor, end)
            elif one.clock[TIME] >= until:
                break
            elif at_once(one, due):
                continue
            else:
                attempt(one, settings, w, due, until)
        return cursor

    return reach


@compiled
def at_once(one: Patient, due: float) -> bool:
    """Whether what is due is too close for a step; the clock then goes on to it alone."""
    if not due - one.clock[TIME] <= max(1e-15 * abs(one.clock[TIME]), 1e-250):
        return False
    one.clock[BEFORE] = one.clock[TIME] = due
    return True


@compiled
def apply(one: Patient, events: Events, counts: Ints, cursor: int, end: int) -> int:
    """Apply every event of the next event's instant, going back to it when it lies inside the last step."""
    at, known = events.time[cursor], one.parameters.shape[0]
    changed = one.flags[CHANGED] if one.flags[CHANGED] else JUMPED
    if at < one.clock[TIME]:
        read(one.clock, one.state, one.dense, counts, at, one.state)
    while cursor < end and events.time[cursor] == at:
        target = events.target[cursor]
        if target < known:
            one.parameters[target] = events.value[cursor]
            changed = OUT_OF_DATE
        elif events.action[cursor] == ADD:
            one.state[target - known] += events.value[cursor]
        elif events.action[cursor] == MULTIPLY:
            one.state[target - known] *= events.value[cursor]
        else:
            one.state[target - known] = events.value[cursor]
        cursor += 1
    one.clock[BEFORE] = at
    one.clock[TIME] = at
    one.flags[CHANGED] = changed
    return cursor


def refresher(static: Any, initial: Any, rhs: Any) -> Any:
    """Starting anew after a jump, for one model."""
    first_step = starter(rhs)

    @inlined
    def refresh(one: Patient, settings: Settings, w: Scratch) -> None:
        """After a jump: static expressions, slope, and the length of the next step anew."""
        flags, y, f = one.flags, one.state, one.slope
        p, s = one.parameters, one.static
        if flags[CHANGED] == OUT_OF_DATE:
            static(p, s)
        if not flags[BEGUN]:
            initial(one.clock[TIME], p, s, y)
            flags[BEGUN] = 1
            flags[IMPLICIT] = 1 if settings.method == 2 else 0
            flags[PATIENCE] = 15
        rhs(one.clock[TIME], y, p, s, f)
        flags[CHANGED] = 0
        flags[SLOPE_KNOWN] = 0
        flags[BELOW] = 0
        if not finite(y) or not finite(f):
            flags[STATUS] = NOT_FINITE
            return
        for m in range(y.shape[0]):
            one.peak[m] = max(one.peak[m], abs(y[m]))
            w.next[m] = y[m]
        weigh(0.0, 1.0, y, one.peak, settings, w)
        one.clock[STEP] = first_step(one.clock[TIME], y, f, p, s, w)
        one.clock[ERROR] = 1e-4

    return refresh
