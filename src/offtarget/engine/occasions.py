"""Events of one replicate: triggers seen, what waits executed, each with draws of its own. Compiled with the model.

The semantics are those of ``event_queue``: SBML Level 3 Version 2 Core, section 4.12.
"""

from __future__ import annotations

from typing import Any

import numpy as np

from offtarget.engine.event_layout import WAITING, Own, Plan
from offtarget.engine.event_queue import MOST_AT_ONCE, earliest, forget, leave, turn, wait
from offtarget.engine.layout import ENDLESS_EVENTS, FINISHED, NO_DELAY, TOO_MANY_WAITING
from offtarget.engine.replicate_layout import STATUS, Desk, Dice, Net, Run
from offtarget.engine.steppers import compiled, compiled_for

__all__ = ["executor", "noticer", "unexecuted", "unnoticed"]


@compiled
def unnoticed(run: Run, mine: Own, net: Net, plan: Plan, desk: Desk, at: float) -> int:
    """Seeing the triggers of a model without events."""
    return FINISHED


@compiled
def unexecuted(run: Run, mine: Own, net: Net, plan: Plan, desk: Desk, at: float) -> bool:
    """Executing what a model without events has waiting."""
    return False


@compiled
def throw(net: Net, dice: Dice, event: int, late: int) -> None:
    """An event's draws have been used: the next ones are others."""
    for site in range(net.site_event.shape[0]):
        if net.site_event[site] == event and net.site_late[site] == late:
            dice.thrown[site] += 1


def noticer(propensity: Any, triggers: Any, effects: Any) -> Any:
    """Seeing which triggers have changed, for one model."""

    @compiled_for(propensity)
    def notice(run: Run, mine: Own, net: Net, plan: Plan, desk: Desk, at: float) -> int:
        """Put events whose trigger has turned true into the queue, take out others; a status comes back."""
        triggers(at, run.y, run.p, run.s, desk.truth)
        count, known = mine.truth.shape[0], False
        for event in range(count):
            now = desk.truth[event] != 0.0
            if now and not mine.truth[event]:
                if not known:
                    effects(at, run.y, run.p, run.s, run.dice, desk.effects)
                    known = True
                delay = desk.effects[event]
                if not delay >= 0.0:
                    return NO_DELAY
                if mine.notes[WAITING] == mine.due.shape[0]:
                    return TOO_MANY_WAITING
                if delay < np.inf:
                    wait(mine, plan, event, at + delay, desk.effects[2 * count :])
                throw(net, run.dice, event, 0)
            elif not now and mine.truth[event] and not plan.persistent[event]:
                forget(mine, event)
            mine.truth[event] = 1 if now else 0
        return FINISHED

    return notice


def executor(propensity: Any, effects: Any, notice: Any) -> Any:
    """Executing what is due, for one model."""

    @compiled_for(propensity)
    def execute(run: Run, mine: Own, net: Net, plan: Plan, desk: Desk, at: float) -> bool:
        """One event after another, each seen by the triggers before the next has its turn; whether there was any."""
        count, done = mine.truth.shape[0], 0
        while earliest(mine) <= at and run.flags[STATUS] == FINISHED:
            done += 1
            if done > MOST_AT_ONCE:
                run.flags[STATUS] = ENDLESS_EVENTS
                break
            effects(at, run.y, run.p, run.s, run.dice, desk.effects)
            k = turn(mine, at, desk.effects[count:])
            event = mine.which[k]
            first = plan.first[event]
            for m in range(first, plan.first[event + 1]):
                value = mine.kept[k, m - first] if plan.early[event] else desk.effects[2 * count + m]
                run.y[plan.target[m]] = value
            leave(mine, k)
            throw(net, run.dice, event, 1)
            run.flags[STATUS] = notice(run, mine, net, plan, desk, at)
        return done > 0

    return execute
