"""What an instant asks for: lines that bend, rates anew, triggers seen, events executed. Compiled with the model."""

from __future__ import annotations

from typing import Any

import numpy as np

from offtarget.engine.event_layout import Own, Plan
from offtarget.engine.layout import FINISHED, NEGATIVE, NOT_COUNTABLE, NOT_FINITE, TOO_MANY_STEPS
from offtarget.engine.race import LARGEST, rerate
from offtarget.engine.replicate_layout import JUMPED, NOW, STATUS, STEPS, Desk, Limits, Net, Run
from offtarget.engine.steppers import compiled, compiled_for

__all__ = ["bender", "refresher", "settler"]

#: A count this far from a whole number, as a share of it, is that number: a product of a concentration and a volume.
_ROUNDING = 1e-9


@compiled
def whole(run: Run, net: Net) -> int:
    """Counts as whole numbers, past all rounding; a status comes back."""
    for m in range(run.y.shape[0]):
        if not np.isfinite(run.y[m]):
            return NOT_FINITE
    for one in range(net.counted.shape[0]):
        m = net.counted[one]
        near = float(np.rint(run.y[m]))
        if near < 0.0:
            return NEGATIVE
        if near > LARGEST or abs(run.y[m] - near) > _ROUNDING * max(1.0, near):
            return NOT_COUNTABLE
        run.y[m] = near
    return FINISHED


def bender(propensity: Any, slopes: Any) -> Any:
    """Lines that begin anew, for one model."""

    @compiled_for(propensity)
    def bend(run: Run, net: Net, desk: Desk, at: float) -> None:
        """Lines whose slope or value has changed begin here; the others keep their beginning, and so every bit."""
        if not net.lines.shape[0]:
            return
        slopes(at, run.y, run.p, run.s, desk.slope)
        for line in range(net.lines.shape[0]):
            m = net.lines[line]
            if not np.isfinite(desk.slope[m]):
                run.flags[STATUS] = NOT_FINITE
            followed = run.base[m] + run.slope[m] * (at - run.since[m])
            if desk.slope[m] != run.slope[m] or run.y[m] != followed:
                run.base[m], run.since[m], run.slope[m] = run.y[m], at, desk.slope[m]

    return bend


def refresher(propensity: Any, static: Any, bend: Any) -> Any:
    """Everything that follows from the state, anew after a jump, for one model."""

    @compiled_for(propensity)
    def refresh(run: Run, net: Net, desk: Desk, at: float) -> None:
        """Counts looked at, lines begun anew where they bend, every rate computed."""
        static(run.p, run.s, run.dice)
        run.flags[STATUS] = whole(run, net)
        bend(run, net, desk, at)
        for k in range(net.page.shape[0]):
            if run.flags[STATUS] == FINISHED:
                run.flags[STATUS] = rerate(run.race, k, at, propensity(k, at, run.y, run.p, run.s))

    return refresh


def settler(propensity: Any, bend: Any, refresh: Any, notice: Any, execute: Any, look_ahead: Any) -> Any:
    """Doing all that an instant asks for, for one model."""

    @compiled_for(propensity)
    def settle(run: Run, mine: Own, net: Net, plan: Plan, limits: Limits, desk: Desk, at: float) -> None:
        """See the triggers, execute what is due, and find the next instant at which something may change."""
        run.clock[NOW] = at
        run.flags[STEPS] += 1
        if run.flags[STEPS] > limits.budget:
            run.flags[STATUS] = TOO_MANY_STEPS
        if run.flags[STATUS] != FINISHED:
            return
        if run.flags[JUMPED]:
            refresh(run, net, desk, at)
        else:
            bend(run, net, desk, at)
        if run.flags[STATUS] == FINISHED:
            run.flags[STATUS] = notice(run, mine, net, plan, desk, at)
        if execute(run, mine, net, plan, desk, at) and run.flags[STATUS] == FINISHED:
            refresh(run, net, desk, at)
        if run.flags[STATUS] == FINISHED:
            look_ahead(run, net, plan, desk, at, limits.end)

    return settle
