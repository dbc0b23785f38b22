"""One patient's events: which triggers have just turned true, what waits, whose turn it is, what changes.

The semantics are those of SBML Level 3 Version 2 Core, section 4.12. Compiled with the model.
"""

from __future__ import annotations

from typing import Any

import numpy as np

from offtarget.engine.event_layout import COUNT, DRAWS, FULL, MIDWAY, WAITING, Desk, Own, Plan
from offtarget.engine.layout import (
    BEFORE,
    CHANGED,
    ENDLESS_EVENTS,
    FINISHED,
    NO_DELAY,
    OUT_OF_DATE,
    STATUS,
    TIME,
    Floats,
    Patient,
)
from offtarget.engine.luck import uniform
from offtarget.engine.steppers import compiled, compiled_for

__all__ = ["earliest", "executor", "noticer", "roomy"]

#: Executions at one instant after which events are taken to set each other off for ever.
MOST_AT_ONCE = 20_000


@compiled
def earliest(mine: Own) -> float:
    """When the next waiting event is due."""
    found = np.inf
    for k in range(mine.notes[WAITING]):
        found = min(found, mine.due[k])
    return found


@compiled
def roomy(mine: Own) -> bool:
    """Whether the queue can take every event once more; a patient for whom it can't stands still."""
    if mine.notes[WAITING] + mine.truth.shape[0] > mine.due.shape[0]:
        mine.notes[FULL] = 1
        return False
    return True


@compiled
def wait(mine: Own, plan: Plan, event: int, due: float, values: Floats) -> None:
    """The last in the queue: an event with what its values are now, if it wants these."""
    k = mine.notes[WAITING]
    mine.notes[WAITING] = k + 1
    mine.due[k] = due
    mine.which[k] = event
    if plan.early[event]:
        start = plan.first[event]
        for m in range(plan.first[event + 1] - start):
            mine.kept[k, m] = values[start + m]


@compiled
def leave(mine: Own, k: int) -> None:
    """Take one out of the queue; the others keep their order."""
    mine.notes[WAITING] -= 1
    for later in range(k, mine.notes[WAITING]):
        mine.due[later] = mine.due[later + 1]
        mine.which[later] = mine.which[later + 1]
        for m in range(mine.kept.shape[1]):
            mine.kept[later, m] = mine.kept[later + 1, m]


@compiled
def forget(mine: Own, event: int) -> None:
    """An event that does not persist: none of it waits any longer."""
    for k in range(mine.notes[WAITING] - 1, -1, -1):
        if mine.which[k] == event:
            leave(mine, k)


@compiled
def turn(mine: Own, at: float, priorities: Floats) -> int:
    """Whose turn it is of those due: the highest priority, or one without any; by lot where that leaves a choice."""
    highest = -np.inf
    for k in range(mine.notes[WAITING]):
        priority = priorities[mine.which[k]]
        if mine.due[k] <= at and priority > highest:
            highest = priority
    place, choices = 0, 0
    for k in range(mine.notes[WAITING]):
        choices += 1 if eligible(mine, k, at, priorities, highest) else 0
    if choices > 1:
        place = int(uniform(mine.stream, mine.patient, mine.notes[DRAWS]) * choices)
        mine.notes[DRAWS] += 1
    for k in range(mine.notes[WAITING]):
        if eligible(mine, k, at, priorities, highest):
            if place == 0:
                return k
            place -= 1
    return 0


@compiled
def eligible(mine: Own, k: int, at: float, priorities: Floats, highest: float) -> bool:
    """Whether a waiting event may be executed now."""
    priority = priorities[mine.which[k]]
    return mine.due[k] <= at and not priority < highest


def noticer(rhs: Any, triggers: Any, effects: Any) -> Any:
    """Seeing which triggers have changed, for one model."""

    @compiled_for(rhs)
    def notice(t: float, y: Floats, p: Floats, s: Floats, mine: Own, plan: Plan, desk: Desk) -> int:
        """Put events whose trigger has turned true into the queue, take out others; a status comes back."""
        triggers(t, y, p, s, desk.truth)
        count, known = mine.truth.shape[0], False
        for event in range(count):
            now = desk.truth[event] != 0.0
            if now and not mine.truth[event]:
                if not known:
                    effects(t, y, p, s, desk.effects)
                    known = True
                delay = desk.effects[event]
                if not delay >= 0.0:
                    return NO_DELAY
                if delay < np.inf:
                    wait(mine, plan, event, t + delay, desk.effects[2 * count :])
            elif not now and mine.truth[event] and not plan.persistent[event]:
                forget(mine, event)
            mine.truth[event] = 1 if now else 0
        return FINISHED

    return notice


def executor(rhs: Any, effects: Any, notice: Any) -> Any:
    """Executing what is due, for one model."""

    @compiled_for(rhs)
    def execute(one: Patient, mine: Own, plan: Plan, desk: Desk, at: float) -> None:
        """One event after another, each seen by the triggers before the next has its turn."""
        one.clock[BEFORE] = one.clock[TIME] = at
        one.flags[CHANGED], mine.notes[MIDWAY] = OUT_OF_DATE, 1
        y, p, s, count = one.state, one.parameters, one.static, mine.truth.shape[0]
        while earliest(mine) <= at:
            if not roomy(mine):
                return
            mine.notes[COUNT] += 1
            if mine.notes[COUNT] > MOST_AT_ONCE:
                one.flags[STATUS] = ENDLESS_EVENTS
                return
            effects(at, y, p, s, desk.effects)
            k = turn(mine, at, desk.effects[count:])
            event = mine.which[k]
            start = plan.first[event]
            for m in range(start, plan.first[event + 1]):
                value = mine.kept[k, m - start] if plan.early[event] else desk.effects[2 * count + m]
                y[plan.target[m]] = value
            leave(mine, k)
            one.flags[STATUS] = notice(at, y, p, s, mine, plan, desk)
            if one.flags[STATUS] != FINISHED:
                return
        mine.notes[MIDWAY] = 0

    return execute
