"""The next instant at which a condition may change should no reaction fire. Compiled with the model.

Between two jumps what has a rate of its own is a straight line in time. The code of ``appointments`` knows where a
condition made of such lines changes, up to a few roundings; here it becomes the first instant, to the last bit.
"""

from __future__ import annotations

from typing import Any

import numpy as np

from offtarget.engine.event_layout import Plan
from offtarget.engine.event_search import side
from offtarget.engine.layout import Floats
from offtarget.engine.march import copy
from offtarget.engine.replicate_layout import NEXT, Desk, Net, Run
from offtarget.engine.steppers import compiled, compiled_for

__all__ = ["at_instant", "drift", "prophet", "unforeseen"]


@compiled
def unforeseen(run: Run, net: Net, plan: Plan, desk: Desk, at: float, end: float) -> None:
    """The next appointment of a model in which time alone changes nothing."""
    run.clock[NEXT] = np.inf


@compiled
def drift(run: Run, net: Net, at: float) -> None:
    """Take the lines on to an instant."""
    for line in range(net.lines.shape[0]):
        m = net.lines[line]
        run.y[m] = run.base[m] + run.slope[m] * (at - run.since[m])


@compiled
def at_instant(run: Run, net: Net, at: float, y: Floats) -> None:
    """The state at an instant at or after the present one, should nothing jump in between."""
    copy(run.y, y)
    for line in range(net.lines.shape[0]):
        m = net.lines[line]
        y[m] = run.base[m] + run.slope[m] * (at - run.since[m])


def prophet(propensity: Any, watched: Any, appointments: Any) -> Any:
    """The next instant at which a condition may change should no reaction fire, for one model."""

    @compiled_for(propensity)
    def differs(run: Run, net: Net, plan: Plan, desk: Desk, at: float) -> bool:
        """Whether a comparison is then another than now."""
        at_instant(run, net, at, desk.look)
        watched(at, desk.look, run.p, run.s, desk.gaps)
        different = False
        for c in range(plan.kinds.shape[0]):
            different |= side(plan.kinds[c], desk.gaps[c]) != desk.sides[c]
        return different

    @compiled_for(propensity)
    def look_ahead(run: Run, net: Net, plan: Plan, desk: Desk, at: float, end: float) -> None:
        """Set the next appointment, to the last bit of the first instant at which a comparison differs.

        Up to the next appointment or the end, what is watched is made of straight lines: each comparison changes once.
        """
        run.clock[NEXT] = np.inf
        watched(at, run.y, run.p, run.s, desk.gaps)
        for c in range(plan.kinds.shape[0]):
            desk.sides[c] = side(plan.kinds[c], desk.gaps[c])
        appointments(at, run.y, run.p, run.s, desk.appointments)
        # an appointment now is kept once more the least while later: what is true just after it
        soon, then = max(4e-15 * abs(at), 1e-300), end if end > at else np.inf
        for k in range(plan.appointments):
            if desk.appointments[k] > at - 0.1 * soon:
                then = min(then, max(desk.appointments[k], at + soon))
        if then == np.inf:
            return
        low, high = at, then
        if not differs(run, net, plan, desk, high):
            low, high = then, then + max(4e-15 * abs(then), 1e-300)
            if not differs(run, net, plan, desk, high):
                high = low
        while True:
            middle = low + 0.5 * (high - low)
            if not low < middle < high:
                break
            if differs(run, net, plan, desk, middle):
                high = middle
            else:
                low = middle
        run.clock[NEXT] = high

    return look_ahead
