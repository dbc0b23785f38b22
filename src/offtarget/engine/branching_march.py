"""The march of patients whose counted cells are born, die and turn step by step, one patient at a time.

A step of the flow is taken as always, with counted cells held at the numbers expected in its middle, and no longer than
a counted cell needs for a few births or deaths. The first cell of a clone, and a clone that becomes few, end a step:
where one is found inside, the step is taken again up to there. Compiled with the model; ``hybrid_march`` goes from
firing to firing instead and is its slow twin.
"""

from __future__ import annotations

from typing import Any

import numpy as np

from offtarget.engine.branching_look import look
from offtarget.engine.branching_rates import (
    HERE,
    PACE,
    Bench,
    bench,
    crowd,
    dependence,
    forecast,
    late_comers,
    loosen,
    near,
    pace,
    per_cell,
    roll_call,
    turns,
)
from offtarget.engine.branching_step import clear, exchange, expect, first_arrival, happen, live, spread, wait
from offtarget.engine.control import attempter, finite, within
from offtarget.engine.hybrid_layout import Luck, Own, Rules
from offtarget.engine.hybrid_race import ahead, reach, sort, switch, value
from offtarget.engine.hybrid_step import short_stepper
from offtarget.engine.layout import (
    BEFORE,
    BEGUN,
    BELOW,
    CHANGED,
    FINISHED,
    NOT_FINITE,
    NOW,
    PATIENCE,
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
from offtarget.engine.march import apply, at_once, blank, copy, find, refresher
from offtarget.engine.steppers import compiled_for, inlined, interpolate, merged

__all__ = ["marcher"]

#: A step is not so long that a number which draws itself back, towards what a place holds, does so by more than this.
_FAR = 0.03
#: Steps in favour of the implicit method before it is taken: cells that are counted keep steps too short for it.
_PATIENCE = 120
#: Where chance is at work it moves everything in every step: what follows it is good to this many tolerances.
_ROUGH = 100.0
#: A step that this holds to less than this share of what the flow allows is taken by the method of lower order.
_SHORT = 0.25


def marcher(static: Any, initial: Any, rhs: Any, jacobian: Any, outputs: Any, rates: Any, n: int) -> Any:
    """The march of one model, from its compiled functions (see ``march.marcher``)."""
    step = _stepper(rhs, rates, attempter(rhs, jacobian, n), short_stepper(rhs, n))
    go = _goer(rhs, refresher(static, initial, rhs), step)

    @inlined
    def march(
        patients: Patients, luck: Luck, net: Rules, events: Events, settings: Settings, times: Floats, out: Floats,
        first: int, last: int,
    ) -> None:  # fmt: skip
        """Take patients ``first`` to ``last`` on through ``times`` (one row for all, or one each), writing outputs."""
        scratch = Scratch(np.zeros((8, n)), np.zeros((8, n)), np.zeros(n), np.ones(n), np.zeros((n, n)),
                          np.zeros((n, n)), np.zeros(n), np.zeros(n, np.int64))  # fmt: skip
        place = bench(n, net.kind.shape[0], net.counted.shape[0], net.reaction.shape[0])
        rough = Settings(_ROUGH * settings.tolerance, settings.budget, settings.method, settings.floor, settings.share,
                         settings.counts)  # fmt: skip
        seen = np.zeros(n)
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
                cursor = go(one, mine, net, events, settings, rough, scratch, place, cursor, end, until)
                one.clock[NOW] = max(until, one.clock[NOW])
                if one.flags[STATUS] != FINISHED:
                    blank(out, i, j)
                    break
                look(one, mine, net, settings.counts, until, seen)
                outputs(until, seen, one.parameters, one.static, out[i, j])

    return march


def _goer(rhs: Any, refresh: Any, step: Any) -> Any:
    """Going on to a time, for one model."""
    start, renew = _starter(rhs, refresh), _renewer(rhs)

    @inlined
    def go(
        one: Patient, mine: Own, net: Rules, events: Events, settings: Settings, rough: Settings, w: Scratch,
        bench: Bench, cursor: int, end: int, until: float,
    ) -> int:  # fmt: skip
        """Step until the last step covers ``until``, applying events before it; the next event comes back."""
        while one.flags[STATUS] == FINISHED:
            if one.flags[CHANGED]:
                start(one, mine, net, settings, w)
                continue
            due = events.time[cursor] if cursor < end else np.inf
            if due < until and due <= one.clock[TIME]:
                if due < one.clock[TIME]:
                    look(one, mine, net, settings.counts, due, one.state)
                    one.clock[TIME] = due
                cursor = apply(one, events, settings.counts, cursor, end)
            elif mine.next[0] <= min(until, one.clock[TIME]):
                happen(one, mine, net)
                renew(one)
            elif one.clock[TIME] >= until:
                break
            elif not at_once(one, due):
                step(one, mine, net, rough if near(one, mine, net) else settings, w, bench, due)
        return cursor

    return go


def _starter(rhs: Any, refresh: Any) -> Any:
    """Going on after a jump, for one model."""

    @compiled_for(rhs)
    def start(one: Patient, mine: Own, net: Rules, settings: Settings, w: Scratch) -> None:
        """Begin, or begin anew: what is few becomes whole."""
        new = not one.flags[BEGUN]
        refresh(one, settings, w)
        if new:
            one.flags[PATIENCE] = _PATIENCE
            for c in range(mine.left.shape[0]):
                mine.left[c] = ahead(mine, net, c)
        mine.next[0] = np.inf
        if one.flags[STATUS] == FINISHED:
            sort(one, mine, net)
            switch(one, mine, net)
            rhs(one.clock[TIME], one.state, one.parameters, one.static, one.slope)

    return start


def _stepper(rhs: Any, rates: Any, attempt: Any, short_step: Any) -> Any:
    """One step and what happens in it, for one model."""
    plan = _planner(rates)
    renew = _renewer(rhs)

    @compiled_for(rhs)
    def step(
        one: Patient, mine: Own, net: Rules, settings: Settings, w: Scratch, place: Bench, due: float
    ) -> None:
        """Try a step that ends at ``due`` or before, and take it back where it has to end earlier."""
        begun, natural, p, s = one.clock[TIME], one.clock[STEP], one.parameters, one.static
        copy(one.state, place.kept)
        busy, reach = plan(one, mine, net, w, place)
        end = min(due, mine.next[0], begun + reach)
        short = end - begun < _SHORT * natural
        h = end - begun if short else within(natural, end - begun)
        if busy > 0.0:
            forecast(mine, net, place, 0.5 * h, one.state)
            rhs(begun, one.state, p, s, one.slope)
        if not (short and short_step(one, settings, w, end)):
            attempt(one, settings, w, end, -np.inf)
        if one.clock[TIME] > begun and one.flags[STATUS] == FINISHED:
            h = one.clock[TIME] - begun
            one.clock[STEP] = max(one.clock[STEP], natural) if one.clock[TIME] == end else one.clock[STEP]
            interpolate(0.5, one.dense, settings.counts, w.points[1])
            rates(begun + 0.5 * h, w.points[1], p, s, place.rates[1])
            copy(one.state, w.points[2])
            forecast(mine, net, place, h, w.points[2])
            rates(begun + h, w.points[2], p, s, place.rates[2])
            for node in range(1, 3):
                per_cell(one, net, place, node, w.points[node])
                turns(mine, net, place, node, w.points[node])
            if not _found(one, mine, net, place, h, busy):
                _finish(one, mine, net, place, h)
                renew(one)
                return
        one.clock[TIME] = begun
        copy(place.kept, one.state)
        renew(one)

    return step


def _planner(rates: Any) -> Any:
    """How far a step may reach, for one model."""

    @compiled_for(rates)
    def plan(one: Patient, mine: Own, net: Rules, w: Scratch, place: Bench) -> tuple[float, float]:
        """How busy the busiest of the counted cells is, 1/day, and how far that lets the step reach, day."""
        t, p, s = one.clock[TIME], one.parameters, one.static
        rates(t, one.state, p, s, place.rates[0])
        roll_call(one, mine, net, place)
        per_cell(one, net, place, 0, one.state)
        busy = pace(one, mine, net, place)
        late_comers(one, mine, net, place, busy)
        turns(mine, net, place, 0, one.state)
        if busy == 0.0:
            return 0.0, np.inf
        copy(one.state, w.points[1])
        crowd(mine, net, place, w.points[1])
        rates(t, w.points[1], p, s, place.rates[1])
        per_cell(one, net, place, 1, w.points[1])
        turns(mine, net, place, 1, w.points[1])
        return busy, 1.0 / max(busy / PACE, dependence(one, mine, net, place) / _FAR)

    return plan


def _renewer(rhs: Any) -> Any:
    """The slope after a jump, for one model."""

    @compiled_for(rhs)
    def renew(one: Patient) -> None:
        rhs(one.clock[TIME], one.state, one.parameters, one.static, one.slope)
        one.flags[SLOPE_KNOWN] = one.flags[BELOW] = 0
        if not finite(one.slope):
            one.flags[STATUS] = NOT_FINITE

    return renew


@merged
def _found(one: Patient, mine: Own, net: Rules, w: Bench, h: float, busy: float) -> bool:
    """Whether a step has to be taken again because a first cell arrives in it or a clone becomes few; notes when.

    What a step was shortened for is not looked for again: it happens at its end, whatever the last bit says.
    """
    again = mine.next[0] == one.clock[TIME]
    known = mine.which[0] if again else net.reaction.shape[0]
    if busy > 0.0:
        loosen(mine, net, w, h)
    expect(mine, net, w, h, again or busy == 0.0)
    best, which = first_arrival(mine, net, w, h, known)
    for i in range(w.sizes[HERE]):
        j = w.here[i]
        m = net.counted[j]
        if not mine.whole[j] and one.state[m] < net.low[j] and known != -1 - j:
            level = min(best, 1.0)
            if best > 1.0 or value(one.dense, m, level) < net.low[j]:
                best, which = reach(one.dense, m, net.low[j], level), -1 - j
    at = one.clock[BEFORE] + best * h
    if best > 1.0 or not at < one.clock[TIME]:
        return False
    mine.next[0], mine.which[0] = at, which
    return True


@merged
def _finish(one: Patient, mine: Own, net: Rules, w: Bench, h: float) -> None:
    """Let happen all that does in a step."""
    for i in range(w.sizes[HERE]):
        m = net.counted[w.here[i]]
        if mine.whole[w.here[i]]:
            one.state[m] = w.kept[m]
    clear(mine, net)
    wait(mine, net, w, h)
    live(one, mine, net, w, 0, h)
    exchange(one, mine, net, w, 0, h)
    live(one, mine, net, w, 1, h)
    exchange(one, mine, net, w, 1, h)
    live(one, mine, net, w, 2, h)
    spread(one, mine, net, w, h)
    mine.steps[0] += 1
    sort(one, mine, net)
