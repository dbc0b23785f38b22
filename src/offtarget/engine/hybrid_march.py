"""The march of patients whose cells are counted where they are few: a flow with firings in it, one patient at a time.

A step is taken as always, but no longer than a few firings are apart. Then its interpolant is searched for the first
firing, and for the instant at which a clone becomes few; what lies beyond is decided only once the caller has asked for
it, so that a course that an event changes is followed from there. The length of the next step is that of the flow:
firings do not start it anew. Compiled with the model; ``march`` is the road of a flow without chance.
"""

from __future__ import annotations

from typing import Any

import numpy as np

from offtarget.engine.control import attempter
from offtarget.engine.hybrid_layout import Luck, Own, Rules
from offtarget.engine.hybrid_race import ahead, commit, happener, next_event, pace, sort, switch, view
from offtarget.engine.hybrid_step import short_stepper
from offtarget.engine.layout import (
    BEGUN,
    CHANGED,
    FINISHED,
    NOW,
    SLOPE_KNOWN,
    STATUS,
    STEP,
    TIME,
    Events,
    Floats,
    Patient,
    Patients,
    Scratch,
    Settings,
)
from offtarget.engine.march import apply, at_once, blank, find, refresher
from offtarget.engine.steppers import compiled_for, inlined

__all__ = ["marcher"]

#: A step reaches as far as this many firings are expected: further would be thrown away, less would seldom see one.
_FIRINGS = 3.0
#: A step that firings hold to this share of what the flow allows is taken by the method of lower order.
_SHORT = 0.25


def marcher(static: Any, initial: Any, rhs: Any, jacobian: Any, outputs: Any, _rates: Any, n: int) -> Any:
    """The march of one model, from its compiled functions (see ``march.marcher``); rates are in its own times."""
    happen, renew = happener(rhs)
    step = _stepper(rhs, attempter(rhs, jacobian, n), short_stepper(rhs, n), renew)
    reach = _reacher(rhs, refresher(static, initial, rhs), step, happen, renew)

    @inlined
    def march(
        patients: Patients, luck: Luck, net: Rules, events: Events, settings: Settings, times: Floats, out: Floats,
        first: int, last: int,
    ) -> None:  # fmt: skip
        """Take patients ``first`` to ``last`` on through ``times`` (one row for all, or one each), writing outputs."""
        scratch = Scratch(np.zeros((8, n)), np.zeros((8, n)), np.zeros(n), np.ones(n), np.zeros((n, n)),
                          np.zeros((n, n)), np.zeros(n), np.zeros(n, np.int64))  # fmt: skip
        look = np.zeros(n)
        for i in range(first, last):
            one = Patient(patients.clock[i], patients.state[i], patients.slope[i], patients.parameters[i],
                          patients.static[i], patients.peak[i], patients.dense[i], patients.spread[i],
                          patients.flags[i])  # fmt: skip
            mine = Own(luck.numbers[i], luck.left[i], luck.spare[i], luck.fired[i], luck.whole[i], luck.rounded[i],
                       luck.steps[i], luck.passed[i], luck.turned[i], luck.next[i], luck.which[i])  # fmt: skip
            one.flags[SLOPE_KNOWN] = 0
            row = min(i, times.shape[0] - 1)
            cursor, end = find(events, i, one.clock[NOW]), events.offsets[i + 1]
            for j in range(times.shape[1]):
                until = times[row, j]
                cursor = reach(one, mine, net, events, settings, scratch, cursor, end, until)
                one.clock[NOW] = max(until, one.clock[NOW])
                if one.flags[STATUS] != FINISHED:
                    blank(out, i, j)
                    break
                view(one, mine, net, settings.counts, until, look)
                outputs(until, look, one.parameters, one.static, out[i, j])

    return march


def _reacher(rhs: Any, refresh: Any, step: Any, happen: Any, renew: Any) -> Any:
    """Going on to a time, for one model."""
    start = _starter(rhs, refresh, renew)

    @inlined
    def reach(
        one: Patient, mine: Own, net: Rules, events: Events, settings: Settings, w: Scratch, cursor: int, end: int,
        until: float,
    ) -> int:  # fmt: skip
        """Let happen all that does up to ``until``, but the schedule's events at it; the next event comes back."""
        while one.flags[STATUS] == FINISHED:
            if one.flags[CHANGED]:
                start(one, mine, net, settings, w)
                continue
            due = events.time[cursor] if cursor < end else np.inf
            if due < until and due <= min(one.clock[TIME], mine.next[0]):
                commit(one, mine, net, settings.counts, due)
                cursor = apply(one, events, settings.counts, cursor, end)
            elif mine.next[0] <= until:
                happen(one, mine, net, settings.counts)
            elif one.clock[TIME] >= until:
                break
            else:
                commit(one, mine, net, settings.counts, one.clock[TIME])
                if not at_once(one, due):
                    step(one, mine, net, settings, w, due)
        return cursor

    return reach


def _starter(rhs: Any, refresh: Any, renew: Any) -> Any:
    """Going on after a jump, for one model."""

    @compiled_for(rhs)
    def start(one: Patient, mine: Own, net: Rules, settings: Settings, w: Scratch) -> None:
        """Begin, or begin anew: what is few becomes whole."""
        if not one.flags[BEGUN]:
            for c in range(mine.left.shape[0]):
                mine.left[c] = ahead(mine, net, c)
        refresh(one, settings, w)
        if one.flags[STATUS] == FINISHED:
            sort(one, mine, net)
            switch(one, mine, net)
            renew(one)

    return start


def _stepper(rhs: Any, attempt: Any, short_step: Any, renew: Any) -> Any:
    """One try of a step, and the search of it, for one model."""

    @compiled_for(rhs)
    def step(one: Patient, mine: Own, net: Rules, settings: Settings, w: Scratch, due: float) -> None:
        """Try a step that ends at ``due`` or before; once it is kept, look for what happens in it."""
        begun, natural, often = one.clock[TIME], one.clock[STEP], pace(one, mine)
        end = min(due, begun + _FIRINGS / often) if often > 0.0 else due
        short = end - begun < _SHORT * natural and short_step(one, settings, w, end)
        if not short:
            attempt(one, settings, w, end, -np.inf)
        if one.clock[TIME] > begun:
            if one.clock[TIME] == end:
                one.clock[STEP] = max(one.clock[STEP], natural)
            next_event(one, mine, net, settings)
            if short and mine.next[0] == np.inf:
                renew(one)

    return step
