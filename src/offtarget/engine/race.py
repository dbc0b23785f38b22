"""Which reaction fires next, and when: exact, one reaction after another. Compiled with the model.

Each reaction is a Poisson process of rate one in a time of its own that runs at the reaction's present rate, and has
its own stream of random numbers. Only reactions whose rate a firing has changed are computed anew; who is first is kept
in a tree. A reaction's luck is its own: another reaction, dose or arm leaves it alone.

Sources: Gibson MA, Bruck J. J Phys Chem A 2000;104:1876 (next reactions, dependency graph); Anderson DF. J Chem Phys
2007;127:214107 (the times of their own, and what to keep when a rate passes through zero).
"""

from __future__ import annotations

from math import log
from typing import Any

import numpy as np

from offtarget.engine.foresight import drift
from offtarget.engine.layout import (
    FINISHED,
    NEGATIVE,
    NOT_COUNTABLE,
    NOT_FINITE,
    TOO_MANY_STEPS,
    Ints,
)
from offtarget.engine.luck import pair
from offtarget.engine.replicate_layout import (
    DUE,
    LEFT,
    NOW,
    PEAK,
    RATE,
    SINCE,
    SPARE,
    STATUS,
    STEPS,
    Fortune,
    Limits,
    Net,
    Race,
    Run,
)
from offtarget.engine.steppers import compiled, compiled_for, inlined, merged

__all__ = ["competitor", "new_race", "rerate", "start"]

#: Counts from here on lose single molecules to rounding.
LARGEST = 9007199254740992.0
#: A rate below zero by less than this share of the largest it has had is a rounding error.
_ROUNDING = 1e-9


@inlined
def new_race(reactions: int) -> Race:
    """Room for so many reactions."""
    leaves = 1
    while leaves < reactions:
        leaves *= 2
    return Race(np.zeros((leaves, 6)), np.zeros(reactions, np.int64), np.zeros(2 * leaves, np.int64))


@compiled
def start(race: Race, streams: Ints, number: int, at: float) -> None:
    """All reactions at the start, none with a rate yet."""
    leaves = race.lanes.shape[0]
    for k in range(leaves):
        race.winner[leaves + k] = k
        race.lanes[k, SINCE] = at
        race.lanes[k, RATE] = race.lanes[k, PEAK] = 0.0
        race.lanes[k, DUE] = np.inf
    for k in range(race.fired.shape[0]):
        race.fired[k] = 0
        race.lanes[k, LEFT] = ahead(race, streams, number, k)
    for node in range(leaves - 1, 0, -1):
        race.winner[node] = race.winner[2 * node]


@merged
def ahead(race: Race, streams: Ints, number: int, k: int) -> float:
    """Own time to the next firing: exponential, from the reaction's own stream."""
    turn = race.fired[k]
    race.fired[k] = turn + 1
    if turn & 1:
        return float(race.lanes[k, SPARE])
    first, second = pair(streams[k], number, turn >> 1)
    race.lanes[k, SPARE] = -log(second)
    return -log(first)


@merged
def place(race: Race, k: int, due: float) -> None:
    """Set when a reaction fires, and who is first."""
    race.lanes[k, DUE] = due
    node = (race.lanes.shape[0] + k) >> 1
    while node:
        left, right, before = race.winner[2 * node], race.winner[2 * node + 1], race.winner[node]
        first = left if race.lanes[left, DUE] <= race.lanes[right, DUE] else right
        if first == before and first != k:
            break  # another one was earlier and still is: further up nothing changes
        race.winner[node] = first
        node >>= 1


@merged
def rerate(race: Race, k: int, at: float, rate: float) -> int:
    """Give a reaction the rate it has from now on; a status comes back."""
    lane = race.lanes
    if rate == lane[k, RATE]:
        return FINISHED
    if not 0.0 <= rate < np.inf:
        if not np.isfinite(rate):
            return NOT_FINITE
        if rate < -_ROUNDING * lane[k, PEAK]:
            return NEGATIVE
        rate = 0.0
    lane[k, PEAK] = max(lane[k, PEAK], rate)
    left = max(0.0, lane[k, LEFT] - lane[k, RATE] * (at - lane[k, SINCE]))
    lane[k, LEFT] = left
    lane[k, SINCE] = at
    lane[k, RATE] = rate
    place(race, k, at + left / rate if rate > 0.0 else np.inf)
    return FINISHED


def competitor(propensity: Any) -> Any:
    """The race of one model's reactions."""

    @compiled_for(propensity)
    def compete(run: Run, net: Net, fortune: Fortune, limits: Limits, horizon: float) -> bool:
        """Fire all that is due up to ``horizon``, or up to a firing that an event may watch; whether there was one."""
        race, y, p, s = run.race, run.y, run.p, run.s
        lane, book, steps, status = race.lanes, net.book, run.flags[STEPS], FINISHED
        seen, at = False, run.clock[NOW]
        while status == FINISHED and not seen:
            k = race.winner[1]
            due = lane[k, DUE]
            if not due <= horizon:
                break
            at = due
            steps += 1
            if net.lines.shape[0]:
                drift(run, net, at)
            line = net.page[k]
            changes = book[line]
            for _ in range(changes):
                i = book[line + 1]
                count = y[i] + book[line + 2]
                y[i] = count
                if not 0.0 <= count <= LARGEST:
                    status = NEGATIVE if count < 0.0 else NOT_COUNTABLE
                line += 2
            if status == FINISHED:
                lane[k, LEFT] = ahead(race, fortune.reactions, run.dice.number, k)
                lane[k, SINCE] = at
                lane[k, RATE] = -1.0  # no rate is: whatever it is now, the reaction gets a new place
                status = rerate(race, k, at, propensity(k, at, y, p, s))
            others = book[line + 1]
            for entry in range(line + 2, line + 2 + others):
                if status == FINISHED:
                    j = book[entry]
                    status = rerate(race, j, at, propensity(j, at, y, p, s))
            seen = book[line + 2 + others] != 0
            if steps > limits.budget:
                status = TOO_MANY_STEPS
        run.clock[NOW] = at
        run.flags[STEPS] = steps
        run.flags[STATUS] = status
        return seen and status == FINISHED

    return compete
