"""Take patients through time: from event to event and visit to visit.

Compiled with the model. A visit is read off the last step's interpolant; a step is cut short, or gone back on, only
where an event changes something. What must survive between two calls lives in ``Patients``.
"""

from __future__ import annotations

from typing import Any

import numpy as np

from offtarget.engine.control import (
    BEGUN,
    BELOW,
    CHANGED,
    FINISHED,
    IMPLICIT,
    NOT_FINITE,
    PATIENCE,
    SLOPE_KNOWN,
    STATUS,
    attempter,
    finite,
    starter,
    weigh,
)
from offtarget.engine.layout import Events, Floats, Ints, Patients, Scratch, Settings
from offtarget.engine.steppers import compiled, inlined, interpolate

__all__ = ["marcher"]


def marcher(static: Any, initial: Any, rhs: Any, jacobian: Any, outputs: Any) -> Any:
    """The march of one model, from its compiled functions.

    Functions are bound here rather than passed as arguments: numba does not cache code that holds a function as a
    value.
    """
    refresh = _refresher(static, initial, rhs)
    reach = _reacher(refresh, attempter(rhs, jacobian))

    @inlined
    def march(patients: Patients, events: Events,
              settings: Settings, times: Floats, out: Floats, first: int, last: int) -> None:  # fmt: skip
        """Take patients ``first`` to ``last`` through ``times`` (one row for all, or one each), writing outputs."""
        n = patients.state.shape[1]
        scratch = Scratch(np.zeros((8, n)), np.zeros((8, n)), np.zeros(n), np.ones(n), np.zeros((n, n)),
                          np.zeros((n, n)), np.zeros(n), np.zeros(n, np.int64))  # fmt: skip
        look = np.zeros(n)
        for i in range(first, last):
            patients.flags[i, SLOPE_KNOWN] = 0
            row = min(i, times.shape[0] - 1)
            cursor = find(events, i, patients.now[i])
            for j in range(times.shape[1]):
                until = times[row, j]
                cursor = reach(patients, events, settings, scratch, i, cursor, until)
                patients.now[i] = max(until, patients.now[i])
                if patients.flags[i, STATUS] != FINISHED:
                    blank(out, i, j)
                    break
                read(patients, settings.counts, i, until, look)
                outputs(until, look, patients.parameters[i], patients.static[i], out[i, j])

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
def read(patients: Patients, counts: Ints, i: int, at: float, y: Floats) -> None:
    """The patient's state at an instant of the last step."""
    before, time = patients.before[i], patients.time[i]
    if at >= time or time <= before:
        copy(patients.state[i], y)
    else:
        interpolate((at - before) / (time - before), patients.dense[i], counts, y)


def _reacher(refresh: Any, attempt: Any) -> Any:
    """Going on to a time, for one model."""

    @inlined
    def reach(patients: Patients, events: Events, settings: Settings,
              w: Scratch, i: int, cursor: int, until: float) -> int:  # fmt: skip
        """Step until the last step covers ``until``, applying events before it; the next event comes back."""
        flags, end = patients.flags[i], events.offsets[i + 1]
        while flags[STATUS] == FINISHED:
            if flags[CHANGED]:
                refresh(patients, settings, w, i)
                continue
            due = events.time[cursor] if cursor < end else np.inf
            if due < until and due <= patients.time[i]:
                cursor = apply(patients, events, settings, i, cursor)
            elif patients.time[i] >= until:
                break
            else:
                attempt(patients, settings, w, i, due, until)
        return cursor

    return reach


@compiled
def apply(patients: Patients, events: Events, settings: Settings, i: int, cursor: int) -> int:
    """Apply every event of the next event's instant, going back to it when it lies inside the last step."""
    at, end = events.time[cursor], events.offsets[i + 1]
    state, parameters = patients.state[i], patients.parameters[i]
    if at < patients.time[i]:
        read(patients, settings.counts, i, at, state)
    while cursor < end and events.time[cursor] == at:
        target = events.target[cursor]
        known = parameters.shape[0]
        if target < known:
            parameters[target] = events.value[cursor]
        elif events.add[cursor]:
            state[target - known] += events.value[cursor]
        else:
            state[target - known] = events.value[cursor]
        cursor += 1
    patients.before[i] = at
    patients.time[i] = at
    patients.flags[i, CHANGED] = 1
    return cursor


def _refresher(static: Any, initial: Any, rhs: Any) -> Any:
    """Starting anew after a jump, for one model."""
    first_step = starter(rhs)

    @inlined
    def refresh(patients: Patients, settings: Settings, w: Scratch, i: int) -> None:
        """After a jump: static expressions, slope, and the length of the next step anew."""
        flags, y, f = patients.flags[i], patients.state[i], patients.slope[i]
        p, s = patients.parameters[i], patients.static[i]
        static(p, s)
        if not flags[BEGUN]:
            initial(patients.time[i], p, s, y)
            flags[BEGUN] = 1
            flags[IMPLICIT] = 1 if settings.method == 2 else 0
            flags[PATIENCE] = 15
        rhs(patients.time[i], y, p, s, f)
        flags[CHANGED] = 0
        flags[SLOPE_KNOWN] = 0
        flags[BELOW] = 0
        if not finite(y) or not finite(f):
            flags[STATUS] = NOT_FINITE
            return
        for m in range(y.shape[0]):
            patients.peak[i, m] = max(patients.peak[i, m], abs(y[m]))
            w.next[m] = y[m]
        weigh(y, patients.peak[i], settings, w)
        patients.step[i] = first_step(patients.time[i], y, f, p, s, w)
        patients.error[i] = 1e-4

    return refresh
