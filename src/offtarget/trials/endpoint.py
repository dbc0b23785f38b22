"""Endpoints as clocks: started by an origin, stopped by an event, read at the end as Outcomes.

A clock sees what the clinic sees, and the truth where its event asks for that. Patients whose simulation failed are
censored at their last visit; in "at visit" endpoints a patient without a sample near the visit counts as one in whom
the event did not happen, or, where the study says "at visit, measured", not at all; nor does a patient for whom the
trial ends before the visit.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from offtarget.trials.cells import NO_CLONE
from offtarget.trials.history import History, Mask
from offtarget.trials.result import Outcome
from offtarget.trials.trial import START, Arm, Endpoint
from offtarget.units import DAYS_PER_MONTH

__all__ = ["LATE", "STALE", "Clock"]

#: A sample this much older than the visit it should stand for no longer does, day: half of a three-monthly interval.
STALE = 1.5 * DAYS_PER_MONTH
#: A sample this much later still stands for it, day.
LATE = 1.0


class Clock:
    """One endpoint in one arm, for n patients. Mutable: it is read visit by visit.

    Attributes:
        origin: day the clock started, NaN where it has not, shape (n,).
        event: day of the event, NaN where there is none, shape (n,).
        seen: day of the last sample since the origin, shape (n,).
        clone: the resistant clone that led at the event (``cells.Cells.leading``), shape (n,).
    """

    def __init__(self, endpoint: Endpoint, arm: Arm, patients: int, horizon: float) -> None:
        self.endpoint = endpoint
        self.horizon = horizon
        self.arm = arm
        self.origin = np.full(patients, 0.0 if endpoint.origin == START else np.nan)
        self.event = np.full(patients, np.nan)
        self.seen = self.origin.copy()
        self.clone = np.full(patients, NO_CLONE)
        self._unseen = endpoint.condition.unseen()
        self._state = np.zeros((patients, len(endpoint.report_at)), bool)
        self._measured = np.zeros_like(self._state)

    def start(self, then: str, rows: Mask, day: NDArray[np.float64]) -> None:
        """A rule that does ``then`` fired for ``rows`` on ``day``; the first such firing starts the clock."""
        if then == self.endpoint.origin:
            fresh = rows & np.isnan(self.origin)
            self.origin = np.where(fresh, day, self.origin)
            self.seen = np.where(fresh, day, self.seen)

    def look(self, history: History, rows: Mask) -> None:
        """Read the clock at a visit of ``rows``; samples on the day of the origin belong to what came before."""
        with np.errstate(invalid="ignore"):
            running = rows & (history.fresh | self._unseen) & (history.now > self.origin)
        holds = running & self.endpoint.condition.holds(history)
        first = holds & np.isnan(self.event)
        self.event = np.where(first, history.now, self.event)
        self.clone = np.where(first, history.leading, self.clone)
        self.seen = np.where(running, history.now, self.seen)
        if self.endpoint.at_visit:
            for column, month in enumerate(self.endpoint.report_at):
                due = self.origin + month * DAYS_PER_MONTH
                near = running & (history.now >= due - STALE) & (history.now <= due + LATE)
                self._state[:, column] = np.where(near, holds, self._state[:, column])
                self._measured[:, column] |= near

    def outcomes(self, patients: NDArray[np.uint64]) -> tuple[Outcome, ...]:
        """What happened to the patients whose clock started: one Outcome, or one a reported visit."""
        counted = ~np.isnan(self.origin)
        if self.endpoint.at_visit:
            return tuple(
                self._visit(patients, counted, column) for column in range(len(self.endpoint.report_at))
            )
        who, origin = patients[counted], self.origin[counted]
        happened = ~np.isnan(self.event[counted])
        time = np.where(happened, self.event[counted], self.seen[counted]) - origin
        clone = self.clone[counted] if self.endpoint.condition.of_clones() else np.zeros(0, np.int64)
        ones = np.ones(who.shape)
        return (Outcome(self.arm.name, self.endpoint.name, who, origin, time, happened, ones, clone),)

    def _visit(self, patients: NDArray[np.uint64], counted: Mask, column: int) -> Outcome:
        day = self.endpoint.report_at[column] * DAYS_PER_MONTH
        with np.errstate(invalid="ignore"):
            counted = counted & (self.origin + day <= self.horizon + LATE)  # the trial is over before
        if self.endpoint.measure == "at visit, measured":
            counted = counted & self._measured[:, column]
        who = patients[counted]
        state, origin = self._state[counted, column], self.origin[counted]
        return Outcome(
            self.arm.name, self.endpoint.name, who, origin, np.full(who.shape, day), state, np.ones(who.shape)
        )
