"""Agenda: when each patient is seen next. A rule may put a patient on visits of its own, counted from that day."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from offtarget.trials.history import Mask
from offtarget.trials.trial import Arm, Trial
from offtarget.units import DAYS_PER_MONTH

__all__ = ["Agenda"]


_SLACK = 1.0  #: a visit on the very last day of a gap is in time, day


class Agenda:
    """The next visit of each of n patients in one arm. Mutable: it is turned page by page.

    Attributes:
        due: day of the next visit, infinite once there is none before the horizon, shape (n,).
    """

    def __init__(self, trial: Trial, arm: Arm, patients: int) -> None:
        self._plans = [trial.visits, *(rule.visits for rule in arm.rules)]
        self._days = [np.zeros(0) if plan is None else plan.days(trial.horizon) for plan in self._plans]
        self._horizon = trial.horizon
        self._plan = np.zeros(patients, np.int64)
        self._number = np.zeros(patients, np.int64)
        self._anchor = np.zeros(patients)
        self.due = np.zeros(patients)  # everyone is seen on the day treatment starts

    def turn(self, rows: Mask) -> None:
        """``rows`` have been seen: find their next visits."""
        for plan, days in enumerate(self._days):
            mine = rows & (self._plan == plan)
            if mine.any():
                self.due[mine] = self._day(days, self._number[mine], self._anchor[mine])
        self._number[rows] += 1

    def longest_gap(self, day: NDArray[np.float64]) -> NDArray[np.float64]:
        """The longest time between two samples that show a level in which it counts as held, days, shape (n,).

        Half a year, or two of the intervals at which the patient is being seen where those are longer, so that one
        visit may fail: a choice of ours, in the spirit of protocols that want several samples in the years before a
        stop, not a published number.

        Args:
            day: day of each patient's visit, shape (n,).
        """
        gap = np.full(day.shape, 6 * DAYS_PER_MONTH)
        for number, plan in enumerate(self._plans):
            mine = self._plan == number
            if plan is not None and mine.any():
                gap[mine] = np.maximum(gap[mine], 2 * plan.interval((day - self._anchor)[mine]))
        return gap + _SLACK

    def rebook(self, rule: int, rows: Mask, day: NDArray[np.float64]) -> None:
        """From ``day`` on, ``rows`` follow the visits of rule number ``rule`` of the arm."""
        self._plan[rows] = rule + 1
        self._anchor[rows] = day[rows]
        self._number[rows] = 0

    def drop(self, rows: Mask) -> None:
        """``rows`` are not seen again: their simulation failed."""
        self.due[rows] = np.inf

    def _day(
        self, days: NDArray[np.float64], number: NDArray[np.int64], anchor: NDArray[np.float64]
    ) -> NDArray[np.float64]:
        there = number < days.size
        day = np.where(there, anchor + np.append(days, np.inf)[np.minimum(number, days.size)], np.inf)
        return np.where(day <= self._horizon + 1e-6, day, np.inf)
