"""What happens to counted cells in one step of the flow: births and deaths, and exchange at two instants in between.

The flow runs from end to end of a step with the numbers that counted cells are expected to have in its middle. The
cells themselves are born and die in three parts of the step, at the rates that it has there; between the parts they
turn into others, arrive and leave, as the integrals of the rates over each half say. The two instants are those of
Gauss, so that the mean is right to fourth order in the length of the step; each part by itself is drawn from its own
law. What flows and is not many times the threshold has the spread of its births and deaths, so that a clone comes to
the threshold from above with the spread that it has in truth. Compiled with the model.

Source: Strang G. SIAM J Numer Anal 1968;5:506 (parts of an evolution in turn).
"""

from __future__ import annotations

from math import expm1, floor, sqrt

import numpy as np

from offtarget.engine.branching_draws import binomial, births_and_deaths, lines, normal
from offtarget.engine.branching_rates import HERE, NEAR, OPEN, PACE, SWAPS, Bench, parabola, through
from offtarget.engine.hybrid_layout import Own, Passed, Rules
from offtarget.engine.hybrid_race import ahead, sort, switch
from offtarget.engine.layout import NEGATIVE, STATUS, Floats, Patient
from offtarget.engine.luck import pair
from offtarget.engine.steppers import compiled

__all__ = [
    "AFTER",
    "BIRTHS",
    "DEATHS",
    "FIRST",
    "FIRST_TURN",
    "LINES",
    "SECOND_TURN",
    "clear",
    "exchange",
    "expect",
    "first_arrival",
    "happen",
    "live",
    "spread",
    "wait",
]


#: When cells turn, as shares of a step.
FIRST_TURN, SECOND_TURN = 0.5 - sqrt(1.0 / 12.0), 0.5 + sqrt(1.0 / 12.0)
#: Of a rate below zero by so little, against what rates of it are, rounding is to blame.
_ROUNDING = 1e-9
# The columns as plain integers: what an enumeration's members become inside compiled code.
FIRST, LINES, AFTER, BIRTHS, DEATHS = (int(column) for column in Passed)


@compiled
def live(one: Patient, mine: Own, net: Rules, w: Bench, part: int, h: float) -> None:
    """Births and deaths in one of the three parts of a step of length ``h``, at the rates of the part's middle."""
    begin = 0.0 if part == 0 else (FIRST_TURN if part == 1 else SECOND_TURN)
    end = FIRST_TURN if part == 0 else (SECOND_TURN if part == 1 else 1.0)
    for i in range(w.sizes[HERE]):
        j = w.here[i]
        m, passed = net.counted[j], mine.passed[j, part]
        n, b, d = one.state[m], 0.0, 0.0
        alive = n
        if mine.whole[j] and n > 0.0:
            b, d = parabola(w.births, j, 0.5 * (begin + end)), parabola(w.deaths, j, 0.5 * (begin + end))
        if b + d > 0.0:
            first, second = pair(net.life_keys[j], mine.number, 3 * mine.steps[0] + part)
            one.state[m], alive = births_and_deaths(first, second, n, b, d, h * (end - begin))
            one.peak[m] = max(one.peak[m], one.state[m])
        passed[FIRST] = n if mine.whole[j] else -1.0
        passed[LINES], passed[AFTER], passed[BIRTHS], passed[DEATHS] = alive, one.state[m], b, d


@compiled
def clear(mine: Own, net: Rules) -> None:
    """Nothing has passed in the last step."""
    for j in range(net.counted.shape[0]):
        for part in range(3):
            mine.passed[j, part, FIRST] = 0.0 if mine.whole[j] else -1.0
        mine.passed[j, 0, AFTER] = 0.0
    for c in range(net.reaction.shape[0]):
        mine.turned[c, 0] = mine.turned[c, 1] = 0.0


@compiled
def expect(mine: Own, net: Rules, w: Bench, h: float, always: bool) -> None:
    """Sort the open channels: those by which a first cell comes that ends its step, and those between its parts.

    A first cell ends its step where nobody waits for it, or where it would do much in the rest of the step.

    Args:
        mine, net, w: the patient.
        h: length of the step, day.
        always: whether nothing else is busy, or the step is taken again for such a cell.
    """
    w.sizes[SWAPS] = 0
    for i in range(w.sizes[OPEN]):
        c = w.open[i]
        w.first[c] = 0
        for entry in range(net.first[c], net.first[c + 1]):
            j = net.place[entry]
            if net.amount[entry] > 0.0 and j >= 0 and mine.whole[j] and w.kept[net.target[entry]] == 0.0:
                awaited = False
                for k in range(w.sizes[HERE]):
                    awaited |= w.here[k] == j
                if always or not awaited or h * (w.newcomer[0, j] + w.newcomer[1, j]) > PACE:
                    w.first[c] = 1
        if not w.first[c]:
            w.swaps[w.sizes[SWAPS]] = c
            w.sizes[SWAPS] += 1


@compiled
def first_arrival(mine: Own, net: Rules, w: Bench, h: float, known: int) -> tuple[float, int]:
    """When in the step a first cell arrives that has to end it, as a share of it, and by which channel; 2: never.

    Args:
        mine, net, w: the patient.
        h: length of the step, day.
        known: a channel whose arrival at the step's end is known.
    """
    best, which = 2.0, 0
    for i in range(w.sizes[OPEN]):
        c = w.open[i]
        r = net.reaction[c]
        if not w.first[c] or c == known:
            continue
        if through(w.rates, r, h, min(best, 1.0)) >= mine.left[c]:
            low, high = 0.0, min(best, 1.0)
            for _ in range(60):
                middle = 0.5 * (low + high)
                if through(w.rates, r, h, middle) >= mine.left[c]:
                    high = middle
                else:
                    low = middle
            best, which = high, c
    return best, which


@compiled
def wait(mine: Own, net: Rules, w: Bench, h: float) -> None:
    """A step has passed in which no first cell came by these channels, except at its end."""
    for i in range(w.sizes[OPEN]):
        c = w.open[i]
        if w.first[c]:
            mine.left[c] = max(0.0, mine.left[c] - max(0.0, through(w.rates, net.reaction[c], h, 1.0)))


@compiled
def exchange(one: Patient, mine: Own, net: Rules, w: Bench, half: int, h: float) -> None:
    """Cells that turn into others, arrive and leave in one half of a step of length ``h``.

    One channel after the other, for half of the time, and then the other way round for the rest: who has just turned
    may turn back, and ways out of one species compete.
    """
    channels = w.sizes[SWAPS]
    for turn in range(2 * channels):
        back = turn >= channels
        c = w.swaps[2 * channels - 1 - turn if back else turn]
        count = _count(one, mine, net, w, c, 2 * half + back, h)
        if count > 0.0:
            mine.turned[c, half] += count
            fire(one, net, c, count)


@compiled
def fire(one: Patient, net: Rules, c: int, count: float) -> None:
    """A channel fires so often."""
    for entry in range(net.first[c], net.first[c + 1]):
        m = net.target[entry]
        one.state[m] += net.amount[entry] * count
        one.peak[m] = max(one.peak[m], one.state[m])
        if one.state[m] < 0.0:
            one.flags[STATUS] = NEGATIVE


@compiled
def _in_quarter(values: Floats, r: int, quarter: int, h: float) -> float:
    """Half of what a rate adds up to in one half of a step."""
    until = through(values, r, h, 0.5)
    return 0.5 * (until if quarter < 2 else through(values, r, h, 1.0) - until)


@compiled
def _count(one: Patient, mine: Own, net: Rules, w: Bench, c: int, quarter: int, h: float) -> float:
    """How often a channel fires: each cell of a counted source on its own, from all else as a Poisson process."""
    j = net.source[c]
    if j >= 0 and mine.whole[j]:
        n, amount = one.state[net.counted[j]], _in_quarter(w.turns, c, quarter, h)
        if n == 0.0 or amount <= 0.0:
            return 0.0
        first, second = pair(net.turning_keys[c], mine.number, 4 * mine.steps[0] + quarter)
        return binomial(first, second, n, -expm1(-amount))
    amount = _in_quarter(w.rates, net.reaction[c], quarter, h)
    if amount < -_ROUNDING * h * abs(w.rates[1, net.reaction[c]]):
        one.flags[STATUS] = NEGATIVE
    mine.left[c] -= max(0.0, amount)
    count, most = 0.0, np.inf if j < 0 else floor(one.state[net.counted[j]])
    while mine.left[c] <= 0.0 and count < most:
        mine.left[c] += ahead(mine, net, c)
        count += 1.0
    return count


@compiled
def spread(one: Patient, mine: Own, net: Rules, w: Bench, h: float) -> None:
    """The spread that births, deaths and arrivals in a step give to what flows near the threshold.

    What has come on top of the descendants of those at the start has arrived, and has spread by births since.
    """
    for i in range(w.sizes[HERE]):
        j = w.here[i]
        m = net.counted[j]
        before, now = w.kept[m], one.state[m]
        if mine.whole[j]:
            continue
        mine.passed[j, 0, AFTER] = 0.0
        if before <= 0.0 or not 0.0 < now < NEAR * net.low[j]:
            continue
        b = (w.births[0, j] + 4.0 * w.births[1, j] + w.births[2, j]) / 6.0
        d = (w.deaths[0, j] + 4.0 * w.deaths[1, j] + w.deaths[2, j]) / 6.0
        if b + d <= 0.0:
            continue
        grown, alive = lines(b, d, h)
        variance = (
            before * grown * max(0.0, 2.0 * alive - 1.0 - grown) + max(0.0, now - before * grown) * alive
        )
        first, second = pair(net.spread_keys[j], mine.number, mine.steps[0])
        one.state[m] = max(0.0, now + sqrt(variance) * normal(first, second))
        one.dense[1, m] += one.state[m] - now
        mine.passed[j, 0, AFTER] = one.state[m] - now
        one.peak[m] = max(one.peak[m], one.state[m])


@compiled
def happen(one: Patient, mine: Own, net: Rules) -> None:
    """What the last step ended for: a first cell arrives, or a clone becomes few."""
    c = mine.which[0]
    mine.next[0] = np.inf
    if c < 0:
        mine.whole[-1 - c] = 1  # whatever the last bit of the instant says
        switch(one, mine, net)
    else:
        if (
            net.source[c] < 0 or one.state[net.counted[net.source[c]]] >= 1.0
        ):  # else its last cell died in the step
            fire(one, net, c, 1.0)
        mine.left[c] = ahead(mine, net, c)
    sort(one, mine, net)
