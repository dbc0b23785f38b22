"""What each patient is on: which regimen of each drug, since when; and the events that reach the engine from it."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from offtarget.arrays.cohort import Cohort
from offtarget.arrays.schedule import Events
from offtarget.pharmacology.regimen import Regimen, dosing_events
from offtarget.trials.history import History, Mask
from offtarget.trials.trial import Arm, Trial

__all__ = ["Treatment"]

_NOTHING = -1
Days = NDArray[np.float64]


class _Course:
    """One drug: the regimens an arm may give of it, and each patient's place in them. Mutable."""

    def __init__(self, first: Regimen | None, patients: int) -> None:
        self.regimens = [] if first is None else [first]
        self.which = np.full(patients, _NOTHING if first is None else 0)
        self.start = np.zeros(patients)
        self.changed = np.ones(patients, bool)  # not yet told to the engine

    def number(self, regimen: Regimen | None) -> int:
        """The number of a regimen, new or known."""
        if regimen is None:
            return _NOTHING
        if regimen not in self.regimens:
            self.regimens.append(regimen)
        return self.regimens.index(regimen)

    def taking(self, drug: str, day: NDArray[np.float64]) -> Mask:
        """Who is to take the drug on a day, by the phase of their regimen, shape (n,)."""
        taking = np.zeros(day.shape, bool)
        for number, regimen in enumerate(self.regimens):
            mine = self.which == number
            taking[mine] = regimen.dose(drug, np.maximum(day - self.start, 0.0)[mine]) > 0
        return taking

    def taken(self, drug: str, since: Days, until: Days) -> tuple[Days, Days]:
        """Days of the drug between two days, by the phases of each regimen, and the day it was last to be taken."""
        days, last = np.zeros(since.shape), self.start.copy()
        for number, regimen in enumerate(self.regimens):
            begins, doses, _ = regimen.changes(drug)
            for begin, end, dose in zip(begins, np.append(begins[1:], np.inf), doses, strict=True):
                if dose > 0:
                    mine = self.which == number
                    low, high = np.maximum(since, self.start + begin), np.minimum(until, self.start + end)
                    days = np.where(mine, days + np.maximum(high - low, 0.0), days)
                    last = np.where(mine & (self.start + end <= until), self.start + end, last)
        return days, last


class Treatment:
    """The treatment of n patients in one arm. Mutable: rules change it, visits read it."""

    def __init__(self, trial: Trial, arm: Arm, cohort: Cohort, seed: int) -> None:
        self._arm, self._cohort, self._seed, self._exposure = arm, cohort, seed, trial.exposure
        self._courses = {drug: _Course(arm.regimens.get(drug), cohort.size) for drug in trial.drugs}
        self._seen = np.zeros(cohort.size)

    def events(self, now: NDArray[np.float64], until: NDArray[np.float64]) -> list[Events]:
        """Dosing events of every patient from ``now`` up to, not including, ``until`` (days, shape (n,))."""
        parts: list[Events] = []
        for drug, course in self._courses.items():
            parts += dosing_events(
                drug, tuple(course.regimens), course.which, course.start, now, until, fresh=course.changed,
                cohort=self._cohort, exposure=self._exposure, seed=self._seed,
            )  # fmt: skip
            course.changed = course.changed & (until <= now)
        return parts

    def enter(self, history: History, rows: Mask, day: NDArray[np.float64]) -> None:
        """Write into the history how long ``rows`` have been on each drug since their last visit."""
        for drug, course in self._courses.items():
            days, ended = course.taken(drug, self._seen, day)
            history.dose(drug, rows, days, taking=course.taking(drug, day), ended=ended)
        self._seen = np.where(rows, day, self._seen)

    def would_change(self, rule: int, day: Days) -> Mask:
        """Where firing a rule of the arm would give a patient something else than now, shape (n,).

        Beginning a regimen again is a change once its first phase is over.
        """
        differs = np.zeros(self._cohort.size, bool)
        for drug, regimen in self._arm.rules[rule].regimens.items():
            course = self._courses[drug]
            first = np.inf if regimen is None else regimen.phases(drug)[0].until
            differs |= (course.which != course.number(regimen)) | (day - course.start >= first)
        return differs

    def change(self, rule: int, rows: Mask, day: NDArray[np.float64]) -> None:
        """Fire a rule of the arm for ``rows``: their new regimens start on ``day``."""
        for drug, regimen in self._arm.rules[rule].regimens.items():
            course = self._courses[drug]
            course.which[rows] = course.number(regimen)
            course.start[rows] = day[rows]
            course.changed |= rows
