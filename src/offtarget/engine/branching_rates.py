"""What is known of counted cells before a step is drawn: the rates of each, how far ahead they reach, what they do.

Compiled with the model. The model gives how often each reaction happens in all; here that becomes the lot of one cell.
"""

from __future__ import annotations

from math import exp, expm1
from typing import NamedTuple

import numpy as np

from offtarget.engine.hybrid_layout import BIRTH, EXCHANGE, Own, Rules
from offtarget.engine.layout import NEGATIVE, STATUS, Floats, Ints, Patient
from offtarget.engine.steppers import compiled, inlined

__all__ = [
    "HERE",
    "NEAR",
    "OPEN",
    "PACE",
    "SWAPS",
    "Bench",
    "bench",
    "crowd",
    "dependence",
    "forecast",
    "late_comers",
    "loosen",
    "near",
    "pace",
    "parabola",
    "per_cell",
    "roll_call",
    "through",
    "turns",
]

#: A step is no longer than the busiest of the counted cells needs to do this many things.
PACE = 3.0
#: A turn weighs as much as this many births or deaths when the length of a step is chosen: it concerns two species.
_TURN = 12.0
#: From so many thresholds on, what births and deaths spread is left out of what flows: below 3 % for a hundred cells.
NEAR = 10.0
#: A species that is not there is not waited for where less than this arrives for each thing that the busiest cell does:
#: should one come, it ends its step.
_SELDOM = 0.01
#: Places in ``Bench.sizes``.
HERE, OPEN, SWAPS = 0, 1, 2
#: By what share cells become more, to see what their number does to each.
_MORE = 0.125


class Bench(NamedTuple):
    """Work space of one thread. A step has three nodes: its start, middle and end."""

    rates: Floats  #: how often each reaction of chance happens, (3, reactions)
    births: Floats  #: a cell's rate of birth, (3, counted)
    deaths: Floats  #: a cell's rate of death, (3, counted)
    turns: Floats  #: a cell's rate of taking each channel out of a counted species, (3, channels)
    lean: Floats  #: what one cell more does to a cell's rates of birth and death, (2, counted)
    newcomer: Floats  #: rates of birth and of death of a cell where there was none, (2, counted)
    newcomer_turns: Floats  #: its rate of taking each channel, (channels,)
    first: Ints  #: 1 where a channel's first cell ends the step, (channels,)
    kept: Floats  #: the state at the start, before anything happens, (species,)
    here: Ints  #: counted species that are there or likely to come, ``sizes[HERE]`` of them, (counted,)
    open: Ints  #: channels by which anything may pass, ``sizes[OPEN]`` of them, (channels,)
    swaps: Ints  #: those of them by which cells pass between the parts of a step, ``sizes[SWAPS]`` of them, (channels,)
    sizes: Ints  #: (3,)
    arriving: Floats  #: cells that arrive in all, at the start, 1/day, (counted,)
    turning: Floats  #: a cell's rate of turning into anything, at the start, (counted,)


@inlined
def bench(species: int, reactions: int, counted: int, channels: int) -> Bench:
    """An empty one."""
    return Bench(
        np.zeros((3, reactions)), np.zeros((3, counted)), np.zeros((3, counted)), np.zeros((3, channels)),
        np.zeros((2, counted)), np.zeros((2, counted)), np.zeros(channels), np.zeros(channels, np.int64),
        np.zeros(species), np.zeros(counted, np.int64), np.zeros(channels, np.int64), np.zeros(channels, np.int64),
        np.zeros(3, np.int64), np.zeros(counted), np.zeros(counted),
    )  # fmt: skip


@compiled
def roll_call(one: Patient, mine: Own, net: Rules, w: Bench) -> None:
    """Note which counted species are there, from the rates of the start; the others cost nothing more in this step."""
    w.sizes[HERE] = 0
    for j in range(net.counted.shape[0]):
        w.turning[j] = w.arriving[j] = 0.0
        if one.state[net.counted[j]] > 0.0:
            w.here[w.sizes[HERE]] = j
            w.sizes[HERE] += 1
    for c in range(net.reaction.shape[0]):
        r = net.reaction[c]
        if w.rates[0, r] > 0.0 and one.parameters[net.switch[r]] != 0.0:
            for entry in range(net.first[c], net.first[c + 1]):
                if net.amount[entry] > 0.0 and net.place[entry] >= 0:
                    w.arriving[net.place[entry]] += net.amount[entry] * w.rates[0, r]
            j = net.source[c]
            if j >= 0 and mine.whole[j]:
                w.turning[j] += w.rates[0, r] / one.state[net.counted[j]]


@compiled
def late_comers(one: Patient, mine: Own, net: Rules, w: Bench, busy: float) -> None:
    """Note which species that are not there are likely to come in this step, and which channels are open."""
    for j in range(net.counted.shape[0]):
        n = one.state[net.counted[j]]
        if mine.whole[j] and n == 0.0 and busy > 0.0 and w.arriving[j] > _SELDOM * busy:
            w.here[w.sizes[HERE]] = j
            w.sizes[HERE] += 1
            w.births[0, j] = w.deaths[0, j] = 0.0
    w.sizes[OPEN] = 0
    for c in range(net.reaction.shape[0]):
        r, j = net.reaction[c], net.source[c]
        if one.parameters[net.switch[r]] != 0.0:
            comes = j >= 0 and one.state[net.counted[j]] == 0.0 and w.arriving[j] > _SELDOM * busy > 0.0
            if w.rates[0, r] != 0.0 or comes:
                w.open[w.sizes[OPEN]] = c
                w.sizes[OPEN] += 1


@compiled
def per_cell(one: Patient, net: Rules, w: Bench, node: int, y: Floats) -> None:
    """Rates of birth and death of one cell of each species that is there, from how often each happens in all.

    A birth that happens less often than never is a death: growth above what the place holds. Of what turns, and flows,
    only the part in the spread is wanted.
    """
    rates = w.rates[node]
    for i in range(w.sizes[HERE]):
        j, births, deaths = w.here[i], 0.0, 0.0
        for place in range(net.life_first[j], net.life_first[j + 1]):
            r = net.life[place]
            if net.kind[r] == EXCHANGE:
                deaths += max(0.0, rates[r]) * (1.0 - one.parameters[net.switch[r]])
                continue
            if rates[r] < 0.0 and not net.both[r]:
                one.flags[STATUS] = NEGATIVE
            if (net.kind[r] == BIRTH) == (rates[r] > 0.0):
                births += abs(rates[r])
            else:
                deaths += abs(rates[r])
        n = y[net.counted[j]]
        w.births[node, j] = births / n if n > 0.0 else 0.0
        w.deaths[node, j] = deaths / n if n > 0.0 else 0.0


@compiled
def turns(mine: Own, net: Rules, w: Bench, node: int, y: Floats) -> None:
    """Rates at which one counted cell takes each open channel."""
    for i in range(w.sizes[OPEN]):
        c = w.open[i]
        j = net.source[c]
        n = y[net.counted[j]] if j >= 0 else 0.0
        w.turns[node, c] = w.rates[node, net.reaction[c]] / n if n > 0.0 and mine.whole[j] else 0.0


@compiled
def near(one: Patient, mine: Own, net: Rules) -> bool:
    """Whether chance is at work in any species: it is counted and there, or flows not far above the threshold."""
    for j in range(net.counted.shape[0]):
        n = one.state[net.counted[j]]
        if n > 0.0 and (mine.whole[j] or n < NEAR * net.low[j]):
            return True
    return False


@compiled
def pace(one: Patient, mine: Own, net: Rules, w: Bench) -> float:
    """How often the busiest of the counted cells does anything, 1/day."""
    fastest = 0.0
    for i in range(w.sizes[HERE]):
        j = w.here[i]
        if mine.whole[j]:
            fastest = max(fastest, w.births[0, j] + w.deaths[0, j] + _TURN * w.turning[j])
    return fastest


@compiled
def crowd(mine: Own, net: Rules, w: Bench, y: Floats) -> None:
    """Somewhat more of all counted cells, and one where there is none: what that does to each tells much."""
    for i in range(w.sizes[HERE]):
        m = net.counted[w.here[i]]
        if mine.whole[w.here[i]]:
            y[m] = y[m] * (1.0 + _MORE) if y[m] > 0.0 else 1.0


@compiled
def dependence(one: Patient, mine: Own, net: Rules, w: Bench) -> float:
    """How fast the number of counted cells draws itself back, 1/day, from rates as they are and in a crowd (node 1).

    Notes what one cell more does to the births and deaths of each, and how busy the first cell of a species would be.
    """
    strongest = 0.0
    for i in range(w.sizes[HERE]):
        j = w.here[i]
        n = one.state[net.counted[j]]
        w.newcomer[0, j], w.newcomer[1, j] = w.births[1, j], w.deaths[1, j]
        w.lean[0, j] = w.lean[1, j] = 0.0
        if mine.whole[j] and n > 0.0:
            w.lean[0, j] = (w.births[1, j] - w.births[0, j]) / (_MORE * n)
            w.lean[1, j] = (w.deaths[1, j] - w.deaths[0, j]) / (_MORE * n)
            strongest = max(strongest, n * abs(w.lean[0, j] - w.lean[1, j]))
    for i in range(w.sizes[OPEN]):
        w.newcomer_turns[w.open[i]] = w.turns[1, w.open[i]]
    return strongest


@compiled
def loosen(mine: Own, net: Rules, w: Bench, h: float) -> None:
    """Rates that a number of cells has on the mean, where they depend on it: that number has a spread within the step.

    The mean of n r(n) is that of n at its mean, and the variance of n times what one cell more does to r. Where there
    was no cell at the start, rates are those of one cell.
    """
    for i in range(w.sizes[HERE]):
        j = w.here[i]
        if mine.whole[j] and w.kept[net.counted[j]] == 0.0:
            for node in range(3):
                w.births[node, j], w.deaths[node, j] = w.newcomer[0, j], w.newcomer[1, j]
        elif mine.whole[j]:
            spread_over_mean = (w.births[0, j] + w.deaths[0, j]) * h
            for node in range(1, 3):
                w.births[node, j] += 0.5 * node * spread_over_mean * w.lean[0, j]
                w.deaths[node, j] += 0.5 * node * spread_over_mean * w.lean[1, j]
    for i in range(w.sizes[OPEN]):
        c = w.open[i]
        j = net.source[c]
        if j >= 0 and mine.whole[j] and w.kept[net.counted[j]] == 0.0:
            for node in range(3):
                w.turns[node, c] = w.newcomer_turns[c]


@compiled
def forecast(mine: Own, net: Rules, w: Bench, h: float, y: Floats) -> None:
    """The numbers of counted cells to be expected after a time, at the rates of the step's start."""
    for i in range(w.sizes[HERE]):
        j = w.here[i]
        m = net.counted[j]
        n = w.kept[m]
        if mine.whole[j] and n > 0.0:
            g = w.births[0, j] - w.deaths[0, j] - w.turning[j]
            grown = expm1(g * h) / g if abs(g * h) > 1e-8 else h
            y[m] = n * exp(g * h) + w.arriving[j] * grown


@compiled
def parabola(values: Floats, j: int, theta: float) -> float:
    """A rate at a share of the step, never below zero, from those at its nodes."""
    start, middle, end = values[0, j], values[1, j], values[2, j]
    slope = 4.0 * middle - 3.0 * start - end
    return float(max(0.0, start + theta * (slope + theta * 2.0 * (start - 2.0 * middle + end))))


@compiled
def through(values: Floats, r: int, h: float, theta: float) -> float:
    """The integral of a rate over the first part of a step, by the parabola through its nodes."""
    start, middle, end = values[0, r], values[1, r], values[2, r]
    bend = theta * 2.0 * (start - 2.0 * middle + end) / 3.0
    return float(h * theta * (start + theta * (0.5 * (4.0 * middle - 3.0 * start - end) + bend)))
