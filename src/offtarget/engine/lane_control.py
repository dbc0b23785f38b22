"""The control of eight patients' steps at once, each with a clock, a step length and an error of its own.

What ``control`` decides by branches, a lane chooses here. Compiled with the model.
"""

from __future__ import annotations

from typing import Any

import numpy as np

from offtarget.engine import lane_explicit, lane_implicit
from offtarget.engine import lane_layout as at
from offtarget.engine.control import MOST_BELOW, NO_TIME, YOUNG
from offtarget.engine.lane_layout import Places
from offtarget.engine.lane_math import rough_exp2, rough_log2
from offtarget.engine.lanes import absolute, bits, choose, higher, lower, of_bits, put, take, wide
from offtarget.engine.layout import (
    FINISHED,
    NEGATIVE,
    NOT_FINITE,
    STEP_TOO_SMALL,
    TOO_MANY_STEPS,
    Floats,
    Settings,
)
from offtarget.engine.steppers import compiled_for, inlined, merged

__all__ = ["leaper", "starter"]

#: log2 of the safety factor 0.9.
_SAFETY = -0.15200309344504997


def leaper(rhs: Any, jacobian: Any, where: Places, *, implicit: bool) -> Any:
    """One try of a step in every lane, for one model and method."""
    step = lane_implicit.stepper(rhs, jacobian, where) if implicit else lane_explicit.stepper(rhs, where)
    keep = _keeper(rhs, where, implicit)

    @compiled_for(rhs, merged)
    def leap(a: Floats, settings: Settings) -> int:
        """Try one step in every lane; which lanes have something to see to comes back, as bits."""
        t, due, until = take(a, at.TIME), take(a, at.DUE), take(a, at.UNTIL)
        h = take(a, at.STEP)
        ahead = due - t
        h = choose(h >= 0.999999 * ahead, ahead, choose(h > 0.5 * ahead, 0.5 * ahead, h))
        end = choose(h == ahead, due, t + h)
        count = take(a, at.STEPS) + 1.0
        put(a, at.STEPS, count)
        over = count > float(settings.budget[0])
        stuck = ~(h > 4e-16 * absolute(t)) | (h < 1e-250)
        step(t, h, a)
        error = measure(t, h, a, where, settings)
        under = below(a, where, settings)
        bad = ~(error < np.inf)
        ok = (error <= 1.0) & ~under & ~over & ~stuck
        lengthen(a, h, error, ok, under)
        fine = keep(h, end, ok, ok & (end >= until), a, settings)
        sunk = take(a, at.BELOW)
        hollow = bad & (0.1 * h <= 1e-14 * higher(absolute(t), 1e-200))
        status = choose((ok & ~fine) | hollow, float(NOT_FINITE), float(FINISHED))
        status = choose(under & (sunk > float(MOST_BELOW)), float(NEGATIVE), status)
        status = choose(stuck, choose(sunk > 0.0, float(NEGATIVE), float(STEP_TOO_SMALL)), status)
        status = choose(over, float(TOO_MANY_STEPS), status)
        put(a, at.STATUS, status)
        turn = take(a, at.TURN) != 0.0
        seen: int = bits((status != float(FINISHED)) | (ok & ((end >= until) | (end >= due) | turn)))
        return seen

    return leap


@merged
def measure(t: Any, h: Any, a: Floats, where: Places, settings: Settings) -> Any:
    """The largest error of any species, in tolerances (see ``control.weigh``); infinite when one is not a number."""
    worst, sound, age = wide(0.0), wide(0.0), absolute(t)
    youth = choose(h > NO_TIME * age, higher(1.0, YOUNG * age / h), np.inf)
    for m in range(where.n):
        there = absolute(take(a, where.next + m))
        floor = settings.floor[m] + settings.share[m] * take(a, where.peak + m)
        size = higher(absolute(take(a, where.state + m)), there)
        size = choose((take(a, where.peak + m) == 0.0) & (size > 0.0), size * youth, size)
        size = higher(size, floor)
        weight = 1.0 / (settings.tolerance * size + 1e-280)
        put(a, where.weight + m, weight)
        error = absolute(take(a, where.error + m)) * weight
        worst = higher(worst, error)
        sound = sound + 0.0 * (error + there)  # nan as soon as one is not finite
    return choose(sound == 0.0, worst, np.inf)


@merged
def below(a: Floats, where: Places, settings: Settings) -> Any:
    """Which lanes take a species that cannot be negative further below zero than its floor excuses."""
    found = wide(0.0)
    for m in range(where.n):
        if settings.counts[m]:
            floor = settings.floor[m] + settings.share[m] * take(a, where.peak + m)
            found = choose(take(a, where.next + m) < -10.0 * settings.tolerance * floor, 1.0, found)
    return found != 0.0


@merged
def lengthen(a: Floats, h: Any, error: Any, ok: Any, under: Any) -> None:
    """The next step's length, and the error to remember, as in ``control``; the powers to five digits."""
    last = take(a, at.ERROR)
    size = rough_log2(lower(higher(error, 1e-8), 1e30))
    kept = _SAFETY + 0.04 * rough_log2(absolute(last)) - 0.17 * size
    factor = rough_exp2(choose(ok, kept, _SAFETY - 0.2 * size))
    factor = higher(0.2, lower(choose(ok & (last > 0.0), 10.0, 1.0), factor))
    factor = choose(ok | (error > 1.0), factor, 0.25)
    factor = choose(error < np.inf, factor, 0.1)
    put(a, at.STEP, h * factor)
    put(a, at.ERROR, choose(ok, higher(error, 1e-4), -absolute(last)))
    put(a, at.BELOW, take(a, at.BELOW) + choose(under & (error <= 1.0), 1.0, 0.0))


def _keeper(rhs: Any, where: Places, implicit: bool) -> Any:
    """Keeping a step, for one model and method."""
    dense = lane_implicit.dense if implicit else lane_explicit.dense
    watch = lane_implicit.watch if implicit else lane_explicit.watch
    n = where.n

    @inlined
    def keep(h: Any, end: Any, ok: Any, passing: Any, a: Floats, settings: Settings) -> Any:
        """Where the step is kept: interpolant, state, slope, peak, clock, method. Where all is finite comes back."""
        if bits(passing):
            dense(h, passing, a, where)
        if settings.method == 0:
            favour(watch(h, a, where), ok, a)
        slope, low, sound = where.slope, wide(0.0), wide(0.0)
        last, spare = slope + 6 * n, slope + n
        for m in range(n):
            y = take(a, where.next + m)
            if settings.counts[m]:
                low = lower(low, y)
                y = higher(y, 0.0)
            y = choose(ok, y, take(a, where.state + m))
            put(a, where.state + m, y)
            put(a, where.peak + m, higher(absolute(y), take(a, where.peak + m)))
            if not implicit:
                put(a, slope + m, choose(ok, take(a, last + m), take(a, slope + m)))
        clipped = ok & (low < 0.0)
        if implicit:
            rhs(end, a, where.state, slope)
        elif bits(clipped):
            rhs(end, a, where.state, spare)
            for m in range(n):
                put(a, slope + m, choose(clipped, take(a, spare + m), take(a, slope + m)))
        for m in range(n):
            sound = sound + 0.0 * take(a, slope + m)
        put(a, at.BELOW, choose(ok & ~clipped, 0.0, take(a, at.BELOW)))
        put(a, at.BEFORE, choose(ok, take(a, at.TIME), take(a, at.BEFORE)))
        put(a, at.TIME, choose(ok, end, take(a, at.TIME)))
        return sound == 0.0

    return keep


@merged
def favour(other: Any, ok: Any, a: Floats) -> None:
    """Count the steps that speak for the other method, as ``control.choose`` does."""
    calm = choose(other, 0.0, take(a, at.CALM) + 1.0)
    stiff = choose(calm >= 6.0, 0.0, take(a, at.STIFF) + choose(other, 1.0, 0.0))
    put(a, at.CALM, choose(ok, calm, take(a, at.CALM)))
    put(a, at.STIFF, choose(ok, stiff, take(a, at.STIFF)))
    put(a, at.TURN, choose(ok & (stiff >= take(a, at.PATIENCE)), 1.0, 0.0))


def starter(rhs: Any, where: Places) -> Any:
    """Slope and first step after a jump, for one model."""
    n = where.n

    @compiled_for(rhs, merged)
    def start(which: int, a: Floats, settings: Settings) -> None:
        """Slope and length of the next step in these lanes (bits), as ``control.starter`` finds them."""
        mine, t = of_bits(which), take(a, at.TIME)
        slopes, bends = where.slope + n, where.slope + 2 * n
        rhs(t, a, where.state, slopes)
        size, slope, bend, sound = wide(0.0), wide(0.0), wide(0.0), wide(0.0)
        for m in range(n):
            y, f = take(a, where.state + m), take(a, slopes + m)
            put(a, where.slope + m, choose(mine, f, take(a, where.slope + m)))
            peak = choose(mine, higher(absolute(y), take(a, where.peak + m)), take(a, where.peak + m))
            put(a, where.peak + m, peak)
            floor = settings.floor[m] + settings.share[m] * peak
            weight = 1.0 / (settings.tolerance * higher(absolute(y), floor) + 1e-280)
            weight = choose(y != 0.0, weight, 0.0)
            put(a, where.weight + m, weight)
            size = higher(size, absolute(y) * weight)
            slope = higher(slope, absolute(f) * weight)
            sound = sound + 0.0 * (y + f)
        h = choose((size > 1e-5) & (slope > 1e-5), 0.01 * size / slope, 1e-6)
        for m in range(n):
            put(a, where.point + m, take(a, where.state + m) + h * take(a, slopes + m))
        rhs(t + h, a, where.point, bends)
        for m in range(n):
            change = absolute(take(a, bends + m) - take(a, slopes + m))
            bend = higher(bend, change * take(a, where.weight + m) / h)
        most = lower(higher(slope, bend), 1e200)
        guess = rough_exp2(0.2 * rough_log2(0.01 / higher(most, 1e-200)))
        guess = choose(most > 1e-15, guess, higher(1e-6, 1e-3 * h))
        step = choose(guess == guess, lower(100.0 * h, guess), h)
        put(a, at.STEP, choose(mine, step, take(a, at.STEP)))
        put(a, at.ERROR, choose(mine, 1e-4, take(a, at.ERROR)))
        put(a, at.BELOW, choose(mine, 0.0, take(a, at.BELOW)))
        put(a, at.STATUS, choose(mine & (sound != 0.0), float(NOT_FINITE), take(a, at.STATUS)))

    return start
