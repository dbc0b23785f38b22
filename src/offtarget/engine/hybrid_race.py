"""Whole cells inside a flow: when the next one is born, dies or turns, and when a clone becomes few or many.

Each reaction that happens by chance is a Poisson process of rate one in a time of its own. Over a step of the flow that
time runs on by the integral of the reaction's rate, which the step computes along with the state, under the same error
control. A firing is the instant at which the integral reaches the own time that was left; the step goes back to it.
Compiled with the model.

Sources: Salis H, Kaznessis Y. J Chem Phys 2005;122:054103 and Alfonsi A et al. ESAIM Proc 2005;14:1 (jumps whose rates
follow a flow, by integrated rates); Anderson DF. J Chem Phys 2007;127:214107 (times of their own).
"""

from __future__ import annotations

from math import floor, log
from typing import Any

import numpy as np

from offtarget.engine.control import finite
from offtarget.engine.hybrid_layout import Own, Rules
from offtarget.engine.layout import (
    BEFORE,
    BELOW,
    NEGATIVE,
    NOT_COUNTABLE,
    NOT_FINITE,
    SLOPE_KNOWN,
    STATUS,
    TIME,
    Floats,
    Ints,
    Patient,
    Settings,
)
from offtarget.engine.luck import pair, uniform
from offtarget.engine.march import read
from offtarget.engine.steppers import compiled, compiled_for

__all__ = ["ahead", "commit", "happener", "next_event", "pace", "sort", "switch", "view"]

#: A count this close to a whole number is one.
_WHOLE = 1e-9
#: Counts from here on lose single cells to rounding.
_LARGEST = 9007199254740992.0
#: Looks at the interpolant to find an instant: each at least halves every second one's bracket.
_LOOKS = 100


@compiled
def ahead(mine: Own, net: Rules, c: int) -> float:
    """Own time to a channel's next firing: exponential, from its own stream, as in ``race``."""
    turn = mine.fired[c]
    mine.fired[c] = turn + 1
    if turn & 1:
        return float(mine.spare[c])
    first, second = pair(net.clock_keys[c], mine.number, turn >> 1)
    mine.spare[c] = -log(second)
    return -log(first)


@compiled
def view(one: Patient, mine: Own, net: Rules, counts: Ints, at: float, y: Floats) -> None:
    """The state at an instant of the last step; an interpolant of a whole number is that number to rounding only."""
    read(one.clock, one.state, one.dense, counts, at, y)
    for j in range(net.counted.shape[0]):
        if mine.whole[j]:
            y[net.counted[j]] = floor(y[net.counted[j]] + 0.5)


@compiled
def commit(one: Patient, mine: Own, net: Rules, counts: Ints, at: float) -> None:
    """Take a patient to an instant of the last step for good: own times have run on to there."""
    species = one.state.shape[0] - mine.left.shape[0]
    view(one, mine, net, counts, at, one.state)
    for c in range(mine.left.shape[0]):
        mine.left[c] = max(0.0, mine.left[c] - one.state[species + c])
        one.state[species + c] = 0.0
    one.clock[BEFORE] = one.clock[TIME] = at
    mine.next[0] = np.inf


@compiled
def pace(one: Patient, mine: Own) -> float:
    """How many firings a day there are at present."""
    species, total = one.state.shape[0] - mine.left.shape[0], 0.0
    for c in range(mine.left.shape[0]):
        total += max(0.0, one.slope[species + c])
    return total


@compiled
def value(dense: Floats, m: int, theta: float) -> float:
    """One component of the last step's interpolant (see ``steppers.interpolate``)."""
    rest = 1.0 - theta
    inner = dense[2, m] + theta * (dense[3, m] + theta * dense[4, m])
    return float(rest * dense[0, m] + theta * (dense[1, m] + rest * inner))


@compiled
def reach(dense: Floats, m: int, level: float, theta: float) -> float:
    """Where a component first is at a level that lies between its values at 0 and at ``theta``.

    The Illinois variant of regula falsi (Dowell M, Jarratt P. BIT 1971;11:168).
    """
    low, high = 0.0, theta
    left, right = value(dense, m, low) - level, value(dense, m, high) - level
    side = 0
    for _ in range(_LOOKS):
        if left == 0.0 or right == 0.0 or high - low <= 1e-15:
            break
        middle = (low * right - high * left) / (right - left)
        if not low < middle < high:
            middle = 0.5 * (low + high)
        found = value(dense, m, middle) - level
        if abs(found) <= 1e-14 * abs(level):
            return float(middle)
        if (found > 0.0) == (right > 0.0):
            high, right = middle, found
            left = 0.5 * left if side == 1 else left
            side = 1
        else:
            low, left = middle, found
            right = 0.5 * right if side == -1 else right
            side = -1
    return float(low if left == 0.0 else high)


@compiled
def next_event(one: Patient, mine: Own, net: Rules, settings: Settings) -> None:
    """Note the first instant of the step just taken at which a channel fires or a species becomes few."""
    species, y, dense = one.state.shape[0] - mine.left.shape[0], one.state, one.dense
    best = 2.0
    for c in range(mine.left.shape[0]):
        m = species + c
        if y[m] < -10.0 * settings.tolerance:
            one.flags[STATUS] = NEGATIVE
        if y[m] >= mine.left[c] and y[m] > 0.0:
            end = min(best, 1.0)
            if best > 1.0 or value(dense, m, end) >= mine.left[c]:
                best = reach(dense, m, mine.left[c], end)
                mine.which[0] = c
    for j in range(net.counted.shape[0]):
        m = net.counted[j]
        if not mine.whole[j] and y[m] < net.low[j]:
            end = min(best, 1.0)
            if best > 1.0 or value(dense, m, end) < net.low[j]:
                best = reach(dense, m, net.low[j], end)
                mine.which[0] = -1 - j
    before, time = one.clock[BEFORE], one.clock[TIME]
    mine.next[0] = min(time, before + best * (time - before)) if best <= 1.0 else np.inf


@compiled
def rounded(mine: Own, net: Rules, j: int, count: float) -> float:
    """A count as a whole number: the one below or above it, by a draw that keeps the mean."""
    near = floor(count + 0.5)
    if abs(count - near) <= _WHOLE * max(1.0, near):
        return float(near)
    draw = uniform(net.rounding_keys[j], mine.number, mine.rounded[j])
    mine.rounded[j] += 1
    below = floor(count)
    return float(below + 1.0 if draw < count - below else below)


@compiled
def sort(one: Patient, mine: Own, net: Rules) -> None:
    """Decide which species are few and counted, and so which reactions happen by chance."""
    moved = False
    for j in range(net.counted.shape[0]):
        m = net.counted[j]
        count = one.state[m]
        few = 1 if count < (net.high[j] if mine.whole[j] else net.low[j]) else 0
        moved |= few != mine.whole[j]
        mine.whole[j] = few
        if mine.whole[j]:
            if not abs(count) <= _LARGEST:
                one.flags[STATUS] = NOT_COUNTABLE
                return
            one.state[m] = rounded(mine, net, j, count)
            if one.state[m] < 0.0:
                one.flags[STATUS] = NEGATIVE
    if moved:
        switch(one, mine, net)


@compiled
def switch(one: Patient, mine: Own, net: Rules) -> None:
    """Turn each reaction's switch: by chance where it changes what is counted."""
    for r in range(net.switch.shape[0]):
        chance = 0
        for j in range(net.counted.shape[0]):
            chance |= mine.whole[j] & net.touched[r, j]
        one.parameters[net.switch[r]] = float(chance)


def happener(rhs: Any) -> Any:
    """What happens at an instant by chance, for one model."""

    @compiled_for(rhs)
    def happen(one: Patient, mine: Own, net: Rules, counts: Ints) -> None:
        """Go back to the instant, change whole numbers, and know the slope from there on."""
        at, c = mine.next[0], mine.which[0]
        commit(one, mine, net, counts, at)
        if c >= 0:
            for entry in range(net.first[c], net.first[c + 1]):
                m = net.target[entry]
                one.state[m] += net.amount[entry]
                one.peak[m] = max(one.peak[m], one.state[m])
                if one.state[m] < 0.0:
                    one.flags[STATUS] = NEGATIVE
            mine.left[c] = ahead(mine, net, c)
        else:
            mine.whole[-1 - c] = 1  # whatever the last bit of the instant says
            switch(one, mine, net)
        sort(one, mine, net)
        renew(one)

    @compiled_for(rhs)
    def renew(one: Patient) -> None:
        rhs(one.clock[TIME], one.state, one.parameters, one.static, one.slope)
        one.flags[SLOPE_KNOWN] = one.flags[BELOW] = 0
        if not finite(one.slope):
            one.flags[STATUS] = NOT_FINITE

    return happen, renew
