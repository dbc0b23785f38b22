"""A short step between two firings that are close: of order 3, with an error estimate and an interpolant.

Where firings hold steps far below what the flow allows, a method of order 5 computes digits that nobody asked for. This
one has the three stages of Bogacki and Shampine (Appl Math Lett 1989;2:321), is judged against the midpoint rule in
them, and leaves the slope at its end to be computed where no firing comes before it. Its interpolant is the integral
of the parabola through the three slopes.
"""

from __future__ import annotations

from typing import Any

from offtarget.engine.control import below, norm, weigh
from offtarget.engine.layout import (
    BEFORE,
    BELOW,
    IMPLICIT,
    SLOPE_KNOWN,
    STEPS,
    TIME,
    Floats,
    Patient,
    Scratch,
    Settings,
)
from offtarget.engine.steppers import compiled, compiled_for

__all__ = ["short_stepper"]


def short_stepper(rhs: Any, n: int) -> Any:
    """The short step of one model."""

    @compiled_for(rhs)
    def short_step(one: Patient, settings: Settings, w: Scratch, end: float) -> bool:
        """Take a step to ``end``, unless it is wrong by more than the tolerance; whether it was taken."""
        t, y, p, s, k = one.clock[TIME], one.state, one.parameters, one.static, w.stages
        h = end - t
        if one.flags[IMPLICIT] or one.flags[STEPS] >= settings.budget[0] or not h > 4e-16 * abs(t):
            return False
        for m in range(n):
            k[0, m] = one.slope[m]
            w.points[1, m] = y[m] + 0.5 * h * k[0, m]
        rhs(t + 0.5 * h, w.points[1], p, s, k[1])
        for m in range(n):
            w.points[2, m] = y[m] + 0.75 * h * k[1, m]
        rhs(t + 0.75 * h, w.points[2], p, s, k[2])
        for m in range(n):
            w.next[m] = y[m] + h * (2.0 * k[0, m] + 3.0 * k[1, m] + 4.0 * k[2, m]) / 9.0
        for m in range(n):
            w.points[7, m] = h * (2.0 * k[0, m] - 6.0 * k[1, m] + 4.0 * k[2, m]) / 9.0
        weigh(t, h, y, one.peak, settings, w)
        if not norm(w) <= 1.0 or below(one, settings, w):
            return False
        short_dense(h, y, w, one.dense)
        for m in range(n):
            if settings.counts[m] and w.next[m] < 0.0:
                w.next[m] = 0.0
            y[m] = w.next[m]
            one.peak[m] = max(one.peak[m], abs(y[m]))
        one.flags[STEPS] += 1
        one.flags[SLOPE_KNOWN] = one.flags[BELOW] = 0
        one.clock[BEFORE] = t
        one.clock[TIME] = end
        return True

    return short_step


@compiled
def short_dense(h: float, y: Floats, w: Scratch, dense: Floats) -> None:
    """Keep the interpolant in the form of ``steppers.interpolate``."""
    for m in range(y.shape[0]):
        rise = w.next[m] - y[m]
        last = (w.stages[0, m] - 6.0 * w.stages[1, m] + 8.0 * w.stages[2, m]) / 3.0
        dense[0, m] = y[m]
        dense[1, m] = w.next[m]
        dense[2, m] = h * w.stages[0, m] - rise
        dense[3, m] = 2.0 * rise - h * (w.stages[0, m] + last)
        dense[4, m] = 0.0
