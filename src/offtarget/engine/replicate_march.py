"""Replicates of a reaction network through time: whole numbers that change by chance, one reaction after another.

Between two reactions every count stands still, and what has a rate of its own is a straight line in time, so that each
instant at which an event's condition or a rate can change is known beforehand and met exactly. At one instant reactions
come first, then the model's events, then the outputs, then the schedule's events. Compiled with the model.
"""

from __future__ import annotations

from typing import Any

import numpy as np

from offtarget.engine.event_layout import Own, Plan
from offtarget.engine.event_queue import earliest
from offtarget.engine.foresight import at_instant, drift, prophet, unforeseen
from offtarget.engine.layout import FINISHED, Events, Floats
from offtarget.engine.march import ADD, MULTIPLY, blank, copy, find
from offtarget.engine.occasions import executor, noticer, unexecuted, unnoticed
from offtarget.engine.race import competitor, new_race, start
from offtarget.engine.replicate_layout import (
    JUMPED,
    NEXT,
    NOW,
    STATUS,
    STEPS,
    Desk,
    Dice,
    Fortune,
    Limits,
    Net,
    Replicates,
    Run,
)
from offtarget.engine.settling import bender, refresher, settler
from offtarget.engine.steppers import compiled, compiled_for, inlined

__all__ = ["replicator"]


def replicator(
    static: Any, initial: Any, propensity: Any, slopes: Any, outputs: Any, triggers: Any, watched: Any, effects: Any,
    appointments: Any, species: int, statics: int, eventful: bool, timed: bool,
) -> Any:  # fmt: skip
    """The march of one network's replicates, from its compiled functions (see ``replicate_code``).

    ``eventful``: whether the model has events. ``timed``: whether time alone can change something. Code for what it
    does not have would only take time to compile.
    """
    notice = noticer(propensity, triggers, effects) if eventful else unnoticed
    execute = executor(propensity, effects, notice) if eventful else unexecuted
    look_ahead = prophet(propensity, watched, appointments) if timed else unforeseen
    bend = bender(propensity, slopes)
    refresh = refresher(propensity, static, bend)
    settle = settler(propensity, bend, refresh, notice, execute, look_ahead)
    reach = _reacher(propensity, competitor(propensity), settle)
    begin = _beginner(propensity, static, initial)

    @inlined
    def march(
        replicates: Replicates, fortune: Fortune, net: Net, plan: Plan, events: Events, limits: Limits, times: Floats,
        out: Floats, first: int, last: int,
    ) -> None:  # fmt: skip
        """Take replicates ``first`` to ``last`` through ``times``, writing outputs."""
        reactions, sites = net.page.shape[0], net.site_event.shape[0]
        count, values, kinds = plan.initially.shape[0], plan.target.shape[0], plan.kinds.shape[0]
        race = new_race(reactions)
        desk = Desk(np.zeros(species), np.zeros(species), np.zeros(count), np.zeros(2 * count + values),
                    np.zeros(kinds), np.zeros(kinds, np.int64), np.zeros(plan.appointments))  # fmt: skip
        room = limits.room if count else 0
        due, which = np.zeros(room), np.zeros(room, np.int64)
        kept, truth, notes = np.zeros((room, values)), np.zeros(count, np.int64), np.zeros(8, np.int64)
        y, s, p = np.zeros(species), np.zeros(statics), np.zeros(replicates.parameters.shape[1])
        base, since, slope = np.zeros(species), np.zeros(species), np.zeros(species)
        clock, flags, thrown = np.zeros(2), np.zeros(3, np.int64), np.zeros(sites, np.int64)
        for i in range(first, last):
            number = fortune.numbers[i]
            run = Run(clock, flags, y, p, s, base, since, slope, race, Dice(fortune.draws, number, thrown))
            mine = Own(truth, desk.sides, clock, clock, notes, due, which, kept, number, fortune.order)
            copy(replicates.parameters[i], p)
            flags[STATUS] = replicates.status[i]
            begin(run, mine, net, plan, fortune, limits)
            settle(run, mine, net, plan, limits, desk, limits.start)
            cursor, end = find(events, i, limits.start), events.offsets[i + 1]
            for j in range(times.shape[0]):
                cursor = reach(run, mine, net, plan, fortune, events, limits, desk, cursor, end, times[j])
                if flags[STATUS] != FINISHED:
                    blank(out, i, j)
                    break
                at_instant(run, net, times[j], desk.look)
                outputs(times[j], desk.look, p, s, out[i, j])
            replicates.status[i] = flags[STATUS]
            replicates.steps[i] = flags[STEPS]

    return march


def _beginner(propensity: Any, static: Any, initial: Any) -> Any:
    """A replicate at the start, for one model."""

    @compiled_for(propensity)
    def begin(run: Run, mine: Own, net: Net, plan: Plan, fortune: Fortune, limits: Limits) -> None:
        """Nothing has happened yet."""
        for m in range(mine.notes.shape[0]):
            mine.notes[m] = 0
        for event in range(mine.truth.shape[0]):
            mine.truth[event] = plan.initially[event]
        for site in range(run.dice.thrown.shape[0]):
            run.dice.thrown[site] = 0
        run.clock[NOW] = limits.start
        run.clock[NEXT] = np.inf
        run.flags[STEPS] = 0
        run.flags[JUMPED] = 1
        static(run.p, run.s, run.dice)
        initial(limits.start, run.p, run.s, run.dice, run.y)
        for m in range(run.y.shape[0]):
            run.base[m], run.since[m], run.slope[m] = run.y[m], limits.start, 0.0
        start(run.race, fortune.reactions, run.dice.number, limits.start)

    return begin


@compiled
def apply(run: Run, events: Events, cursor: int, end: int) -> int:
    """Apply every event of the schedule of the next one's instant; the one after comes back."""
    at, known = events.time[cursor], run.p.shape[0]
    while cursor < end and events.time[cursor] == at:
        target = events.target[cursor]
        if target < known:
            run.p[target] = events.value[cursor]
        elif events.action[cursor] == ADD:
            run.y[target - known] += events.value[cursor]
        elif events.action[cursor] == MULTIPLY:
            run.y[target - known] *= events.value[cursor]
        else:
            run.y[target - known] = events.value[cursor]
        cursor += 1
    return cursor


def _reacher(propensity: Any, compete: Any, settle: Any) -> Any:
    """Going on to a time, for one model."""

    @compiled_for(propensity)
    def reach(
        run: Run, mine: Own, net: Net, plan: Plan, fortune: Fortune, events: Events, limits: Limits, desk: Desk,
        cursor: int, end: int, until: float,
    ) -> int:  # fmt: skip
        """Let happen all that does up to ``until``, but the schedule's events at it."""
        while run.flags[STATUS] == FINISHED:
            own = min(run.clock[NEXT], earliest(mine))
            scheduled = events.time[cursor] if cursor < end else np.inf
            horizon = min(until, own, scheduled)
            run.flags[JUMPED] = 0
            if compete(run, net, fortune, limits, horizon):
                settle(run, mine, net, plan, limits, desk, run.clock[NOW])
            elif run.flags[STATUS] != FINISHED:
                break
            elif own <= horizon:
                run.flags[JUMPED] = 1
                drift(run, net, own)
                settle(run, mine, net, plan, limits, desk, own)
            elif scheduled < until:
                run.flags[JUMPED] = 1
                drift(run, net, scheduled)
                cursor = apply(run, events, cursor, end)
                settle(run, mine, net, plan, limits, desk, scheduled)
            else:
                break
        return cursor

    return reach
