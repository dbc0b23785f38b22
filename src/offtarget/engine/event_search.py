"""Where inside a step a comparison changes that an event's trigger is made of. Compiled with the model."""

from __future__ import annotations

from typing import Any

import numpy as np

from offtarget.engine.event_layout import LOOKS, Desk, Own, Plan
from offtarget.engine.layout import BEFORE, TIME, Floats, Ints, Patient
from offtarget.engine.march import copy
from offtarget.engine.steppers import compiled, compiled_for

__all__ = ["searcher", "side", "view"]


@compiled
def view(one: Patient, counts: Ints, at: float, y: Floats) -> None:
    """The state at an instant of the last step.

    The interpolant is that of ``steppers.interpolate``, written so that what did not move in the step is constant to
    the last bit: rounding must not set an event off.
    """
    before, time = one.clock[BEFORE], one.clock[TIME]
    if at >= time or time <= before:
        copy(one.state, y)
        return
    theta = (at - before) / (time - before)
    rest, dense = 1.0 - theta, one.dense
    for m in range(y.shape[0]):
        bend = rest * (dense[2, m] + theta * (dense[3, m] + theta * dense[4, m]))
        y[m] = dense[0, m] + theta * ((dense[1, m] - dense[0, m]) + bend)
        if counts[m] and y[m] < 0.0:
            y[m] = 0.0


@compiled
def side(kind: int, gap: float) -> int:
    """On which side of its change a comparison is (see ``event_code.EventCode.kinds``)."""
    if kind == 0:
        return 1 if gap >= 0.0 else 0
    if kind == 1:
        return 1 if gap > 0.0 else 0
    return 1 if gap > 0.0 else (-1 if gap < 0.0 else 0)


@compiled
def changed(mine: Own, plan: Plan, gaps: Floats) -> bool:
    """Whether any comparison is not as it was where the search began."""
    different = False
    for c in range(plan.kinds.shape[0]):
        different |= side(plan.kinds[c], gaps[c]) != mine.sides[c]
    return different


@compiled
def dip(plan: Plan, a: Floats, b: Floats, c: Floats) -> float:
    """Where, in units of one look, a comparison dips over its change and back between three looks; else infinite.

    The parabola through the three differences has its vertex on the other side.
    """
    for k in range(plan.kinds.shape[0]):
        bend, slope = a[k] - 2.0 * b[k] + c[k], c[k] - a[k]
        if (
            bend * b[k] > 0.0
            and abs(slope) < 2.0 * abs(bend)
            and (b[k] - slope * slope / (8.0 * bend)) * b[k] <= 0.0
        ):
            return float(1.0 - 0.5 * slope / bend)
    return np.inf


def searcher(rhs: Any, watched: Any) -> Any:
    """The search of a step, for one model."""
    measure = _measurer(rhs, watched)
    bisect = _bisector(rhs, measure)

    @compiled_for(rhs)
    def search(one: Patient, mine: Own, plan: Plan, counts: Ints, desk: Desk) -> None:
        """Note where, from ``seen`` to the end of the step, a comparison changes first."""
        seen, end, gaps, spare = mine.seen[0], one.clock[TIME], desk.gaps, LOOKS + 1
        stride = (end - seen) / LOOKS
        mine.change[0] = np.inf
        if not stride > 0.0 or plan.kinds.shape[0] == 0:
            return
        measure(one, counts, desk, seen, 0)
        for j in range(1, LOOKS + 1):
            at = end if j == LOOKS else seen + j * stride
            measure(one, counts, desk, at, j)
            if changed(mine, plan, gaps[j]):
                mine.change[0] = bisect(one, mine, plan, counts, desk, seen + (j - 1) * stride, at)
                return
            vertex = dip(plan, gaps[j - 2], gaps[j - 1], gaps[j]) if j > 1 else np.inf
            if vertex < np.inf:
                turning = seen + (j - 2 + vertex) * stride
                measure(one, counts, desk, turning, spare)
                if changed(mine, plan, gaps[spare]):
                    mine.change[0] = bisect(one, mine, plan, counts, desk, seen, turning)
                    return

    return search


def _measurer(rhs: Any, watched: Any) -> Any:
    """The comparisons at an instant of the last step, for one model."""

    @compiled_for(rhs)
    def measure(one: Patient, counts: Ints, desk: Desk, at: float, row: int) -> None:
        view(one, counts, at, desk.look)
        watched(at, desk.look, one.parameters, one.static, desk.gaps[row])

    return measure


def _bisector(rhs: Any, measure: Any) -> Any:
    """The instant of a change between two instants, for one model."""

    @compiled_for(rhs)
    def bisect(
        one: Patient, mine: Own, plan: Plan, counts: Ints, desk: Desk, low: float, high: float
    ) -> float:
        """The first instant that the clock can tell at which something has changed."""
        least = 1e-18 * (one.clock[TIME] - one.clock[BEFORE])
        middle = 0.5 * (low + high)
        while low < middle < high and high - low > least:
            measure(one, counts, desk, middle, LOOKS + 1)
            if changed(mine, plan, desk.gaps[LOOKS + 1]):
                high = middle
            else:
                low = middle
            middle = 0.5 * (low + high)
        return high

    return bisect
