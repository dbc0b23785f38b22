"""The control of one patient's steps: how long, how wrong, kept or refused, and by which method.

Compiled with the model. The length of a step depends on the solution and on scheduled events only, never on when
somebody looks: results are the same however a run is cut into pieces.
"""

from __future__ import annotations

from math import exp, log
from typing import Any

import numpy as np

from offtarget.engine.layout import (
    BEFORE,
    BELOW,
    CALM,
    ERROR,
    IMPLICIT,
    NEGATIVE,
    NOT_FINITE,
    PATIENCE,
    SLOPE_KNOWN,
    STATUS,
    STEP,
    STEP_TOO_SMALL,
    STEPS,
    STIFF,
    TIME,
    TOO_MANY_STEPS,
    Floats,
    Patient,
    Scratch,
    Settings,
)  # fmt: skip
from offtarget.engine.steppers import (
    compiled,
    compiled_for,
    explicit_dense,
    explicit_stepper,
    implicit_dense,
    implicit_stepper,
    inlined,
    stiffness,
    stretch,
)

__all__ = ["attempter", "finite", "starter", "weigh"]

#: Where the explicit method loses stability on the negative real axis (step times eigenvalue).
EXPLICIT_LIMIT = 3.3
#: A step this close to the limit is short for stability, not for accuracy.
NEAR_LIMIT = 2.2
#: What an implicit step costs, in explicit ones, grows with the species (measured with 3 and 9): it pays once it is
#: 1 + WORTH * species times longer than stability allows.
WORTH = 0.4
#: What has never been anything is judged against what it would be after this share of the time so far; and in steps as
#: short as roundings of the clock, which only a jump asks for, not at all.
YOUNG, NO_TIME = 1e-6, 1e-14
#: Shortening a step this often does not keep a species above zero: it is the equations that take it there.
MOST_BELOW = 40


@compiled
def finite(values: Floats) -> bool:
    """Whether all values are finite."""
    total = 0.0
    for m in range(values.shape[0]):
        total += 0.0 * values[m]  # nan as soon as one is not
    return total == 0.0


@compiled
def weigh(t: float, h: float, y: Floats, peak: Floats, settings: Settings, w: Scratch) -> None:
    """One over the error each species may make in this step.

    That is ``tolerance`` times its own size, but never less than the floor: an extinct species does not force steps.
    What has never been anything has no scale yet: where its supply is switched on inside a step, its error is as large
    as itself, however short the step. It is judged against what it would become in a millionth of the time so far.
    """
    youth = max(1.0, YOUNG * abs(t) / h) if h > NO_TIME * abs(t) else np.inf
    for m in range(y.shape[0]):
        size = max(abs(y[m]), abs(w.next[m]))
        if peak[m] == 0.0 and size > 0.0:
            size *= youth
        floor = settings.floor[m] + settings.share[m] * peak[m]
        w.weight[m] = 1.0 / (settings.tolerance * max(size, floor) + 1e-280)


def starter(rhs: Any) -> Any:
    """The first step after a jump, for one model."""

    @compiled_for(rhs)
    def first_step(t: float, y: Floats, f: Floats, p: Floats, s: Floats, w: Scratch) -> float:
        """How far the first step after a jump may go, from slope and curvature.

        E. Hairer, S. P. Norsett and G. Wanner, Solving Ordinary Differential Equations I, section II.4. A species
        at exactly zero has no scale of its own yet and has no say.
        """
        size = slope = bend = 0.0
        for m in range(y.shape[0]):
            if y[m] != 0.0:
                size = max(size, abs(y[m]) * w.weight[m])
                slope = max(slope, abs(f[m]) * w.weight[m])
        h = 0.01 * size / slope if size > 1e-5 and slope > 1e-5 else 1e-6
        for m in range(y.shape[0]):
            w.points[1, m] = y[m] + h * f[m]
        rhs(t + h, w.points[1], p, s, w.points[2])
        for m in range(y.shape[0]):
            if y[m] != 0.0:
                bend = max(bend, abs(w.points[2, m] - f[m]) * w.weight[m] / h)
        most = max(slope, bend)
        guess = (0.01 / most) ** 0.2 if most > 1e-15 else max(1e-6, h * 1e-3)
        return min(100.0 * h, guess) if np.isfinite(guess) else h

    return first_step


def attempter(rhs: Any, jacobian: Any, n: int) -> Any:
    """One try of a step, for one model."""
    explicit_step, implicit_step, accept = explicit_stepper(rhs, n), implicit_stepper(rhs), _accepter(rhs)

    @inlined
    def attempt(one: Patient, settings: Settings, w: Scratch, due: float,
                until: float) -> None:  # fmt: skip
        """Try one step; keep it when its error is within tolerance."""
        flags, y, t = one.flags, one.state, one.clock[TIME]
        p, s = one.parameters, one.static
        ahead = due - t
        h = within(one.clock[STEP], ahead)
        flags[STEPS] += 1
        if flags[STEPS] > settings.budget[0]:
            flags[STATUS] = TOO_MANY_STEPS
            return
        if not h > 4e-16 * abs(t) or h < 1e-250:
            flags[STATUS] = NEGATIVE if flags[BELOW] else STEP_TOO_SMALL
            return
        done = True
        if flags[IMPLICIT]:
            if not flags[SLOPE_KNOWN]:
                jacobian(t, y, p, s, w.jacobian, w.by_time)
                flags[SLOPE_KNOWN] = 1
            done = implicit_step(t, h, y, p, s, w)
        else:
            explicit_step(t, h, y, one.slope, p, s, w)
        weigh(t, h, y, one.peak, settings, w)
        error = norm(w) if done else np.inf
        if not error < np.inf:
            shorten(one, h, 0.1)
            if one.clock[STEP] <= 1e-14 * max(abs(t), 1e-200):
                flags[STATUS] = NOT_FINITE
        elif error > 1.0:
            shorten(one, h, max(0.2, 0.9 * error**-0.2))
        elif below(one, settings, w):
            flags[BELOW] += 1
            shorten(one, h, 0.25)
            if flags[BELOW] > MOST_BELOW:
                flags[STATUS] = NEGATIVE
        else:
            accept(one, settings, w, h, due if h == ahead else t + h, error, until)

    return attempt


@compiled
def within(h: float, ahead: float) -> float:
    """The step, cut so that it ends at a scheduled event, and never just before one; nothing else shortens it."""
    if h >= 0.999999 * ahead:
        return ahead
    return 0.5 * ahead if h > 0.5 * ahead else h


@compiled
def shorten(one: Patient, h: float, factor: float) -> None:
    """The step is refused: the next try is shorter, and the step after it no longer than it."""
    one.clock[STEP] = h * factor
    one.clock[ERROR] = -abs(one.clock[ERROR])


@compiled
def norm(w: Scratch) -> float:
    """The largest error of any species, in tolerances; infinite when one is not a number."""
    worst = 0.0
    for m in range(w.next.shape[0]):
        error = abs(w.points[7, m]) * w.weight[m]
        if not (error < np.inf and abs(w.next[m]) < np.inf):
            return np.inf
        worst = max(worst, error)
    return worst


@compiled
def below(one: Patient, settings: Settings, w: Scratch) -> bool:
    """Whether the step takes a species that cannot be negative further below zero than its floor excuses."""
    for m in range(w.next.shape[0]):
        if settings.counts[m] and w.next[m] < 0.0:
            floor = settings.floor[m] + settings.share[m] * one.peak[m]
            if w.next[m] < -10.0 * settings.tolerance * floor:
                return True
    return False


def _accepter(rhs: Any) -> Any:
    """Keeping a step, for one model."""

    @inlined
    def accept(one: Patient, settings: Settings, w: Scratch, h: float, end: float, error: float,
               until: float) -> None:  # fmt: skip
        """Keep the step: its interpolant, the new state and slope, the next length, the next method.

        The length comes from the proportional-integral controller of K. Gustafsson, ACM Transactions on Mathematical
        Software 17 (1991) 533, with the exponents Hairer and Wanner give for order 5.
        """
        flags, y, f = one.flags, one.state, one.slope
        if end >= until:
            if flags[IMPLICIT]:
                implicit_dense(y, w, one.dense)
            else:
                explicit_dense(h, y, w, one.dense)
        clipped = False
        for m in range(y.shape[0]):
            if settings.counts[m] and w.next[m] < 0.0:
                w.next[m] = 0.0
                clipped = True
            y[m] = w.next[m]
            f[m] = w.stages[6, m]
            one.peak[m] = max(one.peak[m], abs(y[m]))
        if clipped or flags[IMPLICIT]:
            rhs(end, y, one.parameters, one.static, f)
        if not clipped:
            flags[BELOW] = 0
        factor = 0.9 * exp(0.04 * log(abs(one.clock[ERROR])) - 0.17 * log(max(error, 1e-8)))
        factor = min(10.0, max(0.2, factor))
        if one.clock[ERROR] < 0.0:
            factor = min(1.0, factor)
        one.clock[ERROR] = max(error, 1e-4)
        one.clock[BEFORE] = one.clock[TIME]
        one.clock[TIME] = end
        one.clock[STEP] = h * factor
        choose(one, settings, w, h)
        flags[SLOPE_KNOWN] = 0
        if not finite(f):
            flags[STATUS] = NOT_FINITE

    return accept


@inlined
def choose(one: Patient, settings: Settings, w: Scratch, h: float) -> None:
    """Change the method when the other one has looked better for a while.

    Explicit steps that sit at the limit of stability speak for the implicit method. Implicit steps shorter than a few
    such limits speak against it; a return doubles the patience, so that a borderline patient does not swing for ever.
    """
    flags = one.flags
    if settings.method != 0:
        return
    worth = 1.0 + WORTH * w.next.shape[0]
    if flags[IMPLICIT]:
        favour = h * stretch(one.spread, w) < worth * EXPLICIT_LIMIT
        patience = 10
    else:
        favour = stiffness(h, w) > NEAR_LIMIT
        patience = flags[PATIENCE]
    flags[CALM] = 0 if favour else flags[CALM] + 1
    flags[STIFF] += 1 if favour else 0
    if flags[CALM] >= 6:
        flags[STIFF] = 0
    if flags[STIFF] < patience:
        return
    if flags[IMPLICIT]:
        flags[PATIENCE] = min(2 * flags[PATIENCE], 240)
        one.clock[STEP] = min(one.clock[STEP], h / worth)
    flags[IMPLICIT] = 1 - flags[IMPLICIT]
    flags[STIFF] = 0
    flags[CALM] = 0
