"""The march of a model that has events of its own: each is executed where its trigger turns true.

A step is taken as always. Then its interpolant is searched for the first instant at which a comparison in a trigger
changes; there the triggers are evaluated, and if an event is due, the step goes back to it. Nothing beyond the time
that the caller asked for is decided, so that a course that changes there is followed from there. At one instant the
model's events come first, then the schedule's, then what those set off.

``march`` is the road of models without events; what both need is there.
"""

from __future__ import annotations

from typing import Any

import numpy as np

from offtarget.engine.control import attempter
from offtarget.engine.event_layout import (
    COLUMN,
    COUNT,
    CURSOR,
    FULL,
    LOOK,
    LOOKS,
    MIDWAY,
    Desk,
    Own,
    Pending,
    Plan,
)
from offtarget.engine.event_queue import earliest, executor, noticer, roomy
from offtarget.engine.event_search import searcher, side, view
from offtarget.engine.layout import (
    BEFORE,
    CHANGED,
    FINISHED,
    IMPLICIT,
    NOW,
    SLOPE_KNOWN,
    STATUS,
    STEP,
    STEPS,
    TIME,
    TOO_MANY_STEPS,
    Events,
    Floats,
    Ints,
    Patient,
    Patients,
    Scratch,
    Settings,
)
from offtarget.engine.march import apply, at_once, blank, copy, find, refresher
from offtarget.engine.steppers import compiled, compiled_for, inlined

__all__ = ["marcher"]


def marcher(
    static: Any, initial: Any, rhs: Any, jacobian: Any, outputs: Any, triggers: Any, watched: Any, effects: Any,
    appointments: Any, n: int,
) -> Any:  # fmt: skip
    """The march of one model with events, from its compiled functions (see ``march.marcher``)."""
    notice, search = noticer(rhs, triggers, effects), searcher(rhs, watched)
    settle = _settler(rhs, watched, notice, executor(rhs, effects, notice), search)
    step = _stepper(rhs, appointments, attempter(rhs, jacobian, n), search)
    reach = _reacher(refresher(static, initial, rhs), settle, step)

    @inlined
    def march(
        patients: Patients, pending: Pending, plan: Plan, events: Events, settings: Settings, times: Floats,
        out: Floats, first: int, last: int,
    ) -> None:  # fmt: skip
        """Take patients ``first`` to ``last`` on through ``times`` (one row for all, or one each), writing outputs."""
        scratch = Scratch(np.zeros((8, n)), np.zeros((8, n)), np.zeros(n), np.ones(n), np.zeros((n, n)),
                          np.zeros((n, n)), np.zeros(n), np.zeros(n, np.int64))  # fmt: skip
        count, values = plan.initially.shape[0], plan.target.shape[0]
        desk = Desk(np.zeros(n), np.zeros(count), np.zeros(2 * count + values),
                    np.zeros((LOOKS + 2, plan.kinds.shape[0])), np.zeros(plan.appointments))  # fmt: skip
        for i in range(first, last):
            one = Patient(patients.clock[i], patients.state[i], patients.slope[i], patients.parameters[i],
                          patients.static[i], patients.peak[i], patients.dense[i], patients.spread[i],
                          patients.flags[i])  # fmt: skip
            mine = Own(pending.truth[i], pending.sides[i], pending.seen[i], pending.change[i], pending.notes[i],
                       pending.due[i], pending.which[i], pending.kept[i], pending.patients[i],
                       pending.stream)  # fmt: skip
            one.flags[SLOPE_KNOWN] = 0
            row, end = min(i, times.shape[0] - 1), events.offsets[i + 1]
            cursor = mine.notes[CURSOR] if mine.notes[FULL] else find(events, i, one.clock[NOW])
            mine.notes[FULL] = 0
            for j in range(mine.notes[COLUMN], times.shape[1]):
                until = times[row, j]
                cursor = reach(one, mine, plan, events, settings, scratch, desk, cursor, end, until)
                mine.notes[CURSOR] = cursor
                if mine.notes[FULL]:
                    break
                one.clock[NOW] = max(until, one.clock[NOW])
                if one.flags[STATUS] != FINISHED:
                    blank(out, i, j)
                    mine.notes[COLUMN] = times.shape[1]
                    break
                view(one, settings.counts, until, desk.look)
                outputs(until, desk.look, one.parameters, one.static, out[i, j])
                mine.notes[COLUMN] = j + 1

    return march


def _reacher(refresh: Any, settle: Any, step: Any) -> Any:
    """Going on to a time, for one model."""

    @inlined
    def reach(
        one: Patient, mine: Own, plan: Plan, events: Events, settings: Settings, w: Scratch, desk: Desk, cursor: int,
        end: int, until: float,
    ) -> int:  # fmt: skip
        """Step until the last step covers ``until``; events of the model up to and at it, of the schedule before it."""
        while one.flags[STATUS] == FINISHED and not mine.notes[FULL]:
            if one.flags[CHANGED] and not mine.notes[MIDWAY]:
                refresh(one, settings, w)
                mine.seen[0] = one.clock[TIME]
                mine.change[0] = np.inf
                continue
            time = one.clock[TIME]
            scheduled = events.time[cursor] if cursor < end else np.inf
            waiting = earliest(mine)
            at = time if mine.notes[LOOK] else min(mine.change[0], waiting)
            if at <= min(time, until, scheduled):
                settle(one, mine, plan, settings, desk, at)
            elif scheduled <= time and scheduled < until:
                go_back(one, settings.counts, scheduled, desk)
                cursor = apply(one, events, settings.counts, cursor, end)
                mine.notes[LOOK] = 1
                mine.notes[COUNT] = 0
            elif time >= until:
                break
            else:
                step(one, mine, plan, settings, w, desk, min(scheduled, waiting))
        return cursor

    return reach


@compiled
def go_back(one: Patient, counts: Ints, at: float, desk: Desk) -> None:
    """Make an instant of the last step its end, as a point without a before."""
    if at < one.clock[TIME]:
        view(one, counts, at, desk.look)
        copy(desk.look, one.state)
    one.clock[BEFORE] = at
    one.clock[TIME] = at


def _settler(rhs: Any, watched: Any, notice: Any, execute: Any, search: Any) -> Any:
    """Doing all that an instant asks for, for one model."""

    @compiled_for(rhs)
    def settle(one: Patient, mine: Own, plan: Plan, settings: Settings, desk: Desk, at: float) -> None:
        """Look at the triggers at an instant of the last step, and go back there if something is due."""
        p, s, counts = one.parameters, one.static, settings.counts
        if not mine.notes[MIDWAY]:
            if not roomy(mine):
                return
            if at > mine.seen[0]:
                mine.notes[COUNT] = 0
            view(one, counts, at, desk.look)
            mine.seen[0] = at
            mine.notes[LOOK] = 0
            one.flags[STATUS] = notice(at, desk.look, p, s, mine, plan, desk)
            one.flags[STEPS] += 1  # counted, so that instants without end use up the allowance
            if one.flags[STEPS] > settings.budget[0]:
                one.flags[STATUS] = TOO_MANY_STEPS
            if one.flags[STATUS] != FINISHED:
                return
            if earliest(mine) <= at:
                go_back(one, counts, at, desk)
        due = earliest(mine) <= at
        if due:
            execute(one, mine, plan, desk, at)
            copy(one.state, desk.look)
        watched(at, desk.look, p, s, desk.gaps[0])
        for c in range(plan.kinds.shape[0]):
            mine.sides[c] = side(plan.kinds[c], desk.gaps[0, c])
        if not due:
            search(one, mine, plan, counts, desk)

    return settle


def _stepper(rhs: Any, appointments: Any, attempt: Any, search: Any) -> Any:
    """One try of a step that ends at the next appointment at the latest, for one model."""

    @compiled_for(rhs)
    def step(
        one: Patient, mine: Own, plan: Plan, settings: Settings, w: Scratch, desk: Desk, due: float
    ) -> None:
        """Try a step; search it when it was kept."""
        time, planned, method = one.clock[TIME], one.clock[STEP], one.flags[IMPLICIT]
        soon = 4e-15 * abs(time)
        appointments(time, one.state, one.parameters, one.static, desk.appointments)
        for k in range(plan.appointments):
            at = desk.appointments[k]
            if (
                at > time - 0.1 * soon
            ):  # what turns true just after an instant does so after the least of steps
                due = min(due, max(at, time + soon))
        if not at_once(one, due):
            attempt(one, settings, w, due, -np.inf)
        if one.clock[TIME] > time and one.flags[STATUS] == FINISHED:
            if due - time < planned and one.flags[IMPLICIT] == method:
                one.clock[STEP] = max(
                    one.clock[STEP], planned
                )  # an appointment says nothing about the solution
            mine.seen[0] = time
            search(one, mine, plan, settings.counts, desk)

    return step
