"""Looking into the middle of a step of counted cells: drawn between what is known at its ends.

Where somebody looks changes nothing that happens, and looking twice shows the same. Compiled with the model.
"""

from __future__ import annotations

from math import floor, sqrt

from offtarget.engine.branching_draws import between, binomial
from offtarget.engine.branching_step import (
    AFTER,
    BIRTHS,
    DEATHS,
    FIRST,
    FIRST_TURN,
    LINES,
    SECOND_TURN,
)
from offtarget.engine.hybrid_layout import Own, Rules
from offtarget.engine.layout import BEFORE, TIME, Floats, Ints, Patient
from offtarget.engine.luck import pair
from offtarget.engine.march import read
from offtarget.engine.steppers import compiled

__all__ = ["look"]


@compiled
def look(one: Patient, mine: Own, net: Rules, counts: Ints, at: float, y: Floats) -> None:
    """The state at an instant of the last step: what flows is read off, counted cells are drawn."""
    before, time = one.clock[BEFORE], one.clock[TIME]
    inside = before < at < time
    read(one.clock, one.state, one.dense, counts, at, y)
    if inside:
        share = (at - before) / (time - before)
        _births_and_deaths(mine, net, time - before, share, y)
        _turns(mine, net, share, y)
        _flows(mine, net, share, y)


@compiled
def _flows(mine: Own, net: Rules, share: float, y: Floats) -> None:
    """What flows has the spread of the time that has passed, as its square root; below the threshold it is counted."""
    for j in range(net.counted.shape[0]):
        if mine.passed[j, 0, FIRST] < 0.0:
            m = net.counted[j]
            y[m] = max(0.0, y[m] + mine.passed[j, 0, AFTER] * (sqrt(share) - share))
            if y[m] < net.low[j]:
                y[m] = floor(y[m] + 0.5)


@compiled
def _births_and_deaths(mine: Own, net: Rules, h: float, share: float, y: Floats) -> None:
    part = 0 if share < FIRST_TURN else (1 if share < SECOND_TURN else 2)
    begin = 0.0 if part == 0 else (FIRST_TURN if part == 1 else SECOND_TURN)
    end = FIRST_TURN if part == 0 else (SECOND_TURN if part == 1 else 1.0)
    for j in range(net.counted.shape[0]):
        passed = mine.passed[j, part]
        n, b, d = passed[FIRST], passed[BIRTHS], passed[DEATHS]
        if n < 0.0:
            continue
        if n > 0.0 and b + d > 0.0:
            turn = 6 * (mine.steps[0] - 1) + 2 * part
            first, second = pair(net.look_keys[j], mine.number, turn)
            third, fourth = pair(net.look_keys[j], mine.number, turn + 1)
            ends, past = (n, passed[LINES], passed[AFTER]), min(h * (end - begin), h * (share - begin))
            n = between((first, second, third, fourth), ends, b, d, h * (end - begin), past)
        y[net.counted[j]] = n


@compiled
def _turns(mine: Own, net: Rules, share: float, y: Floats) -> None:
    """Cells that turn at one instant of each half of a step do so, to the eye, at any time in it.

    The numbers of counted cells say so from that instant on; the interpolant of what flows does not know of them.
    """
    for c in range(net.reaction.shape[0]):
        for half in range(2):
            count = mine.turned[c, half]
            if count == 0.0:
                continue
            passed = min(1.0, max(0.0, 2.0 * share - half))
            first, second = pair(net.look_turned_keys[c], mine.number, 2 * (mine.steps[0] - 1) + half)
            done = binomial(first, second, count, passed)
            known = count if share >= (FIRST_TURN if half == 0 else SECOND_TURN) else 0.0
            change = _possible(mine, net, c, done - known, y)
            for entry in range(net.first[c], net.first[c + 1]):
                m, j = net.target[entry], net.place[entry]
                counted = j >= 0 and mine.passed[j, 0, FIRST] >= 0.0
                y[m] += net.amount[entry] * (change if counted else change + known)


@compiled
def _possible(mine: Own, net: Rules, c: int, change: float, y: Floats) -> float:
    """So much of a change that no counted species falls below zero: who turned early may have died since."""
    for entry in range(net.first[c], net.first[c + 1]):
        j = net.place[entry]
        if j >= 0 and mine.passed[j, 0, FIRST] >= 0.0:
            have, amount = y[net.target[entry]], net.amount[entry]
            if have + amount * change < 0.0:
                change = (have // abs(amount)) * (1.0 if change > 0.0 else -1.0)
    return change
