"""Follow the patients of one arm visit by visit: integrate, measure, decide, and note what the endpoints need.

Patients are independent, so each round takes every patient to that patient's own next visit, stopping on the way on the
days on which a trajectory is recorded. Nothing a rule decides can reach back in time.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Mapping
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from offtarget.arrays.cohort import Cohort
from offtarget.arrays.schedule import Events, Schedule
from offtarget.arrays.trajectories import Status
from offtarget.engine.ensemble import advance, begin
from offtarget.engine.kernel import Kernel
from offtarget.trials.agenda import Agenda
from offtarget.trials.assay import Sample
from offtarget.trials.cells import Cells
from offtarget.trials.chance import switched
from offtarget.trials.endpoint import Clock
from offtarget.trials.extinction import extinctions
from offtarget.trials.history import Days, History, Mask
from offtarget.trials.result import Outcome
from offtarget.trials.setup import MEASURED, Setup
from offtarget.trials.treatment import Treatment
from offtarget.trials.trial import Arm

__all__ = ["Followed", "follow"]


@dataclass(frozen=True, slots=True, eq=False)
class Followed:
    """What one arm left behind for some patients.

    Attributes:
        values: outputs on the recorded days, shape (n, days, outputs).
        measured, detected: assay results at the visits nearest to the recorded days, shape (n, days).
        status: shape (n,).
        fired: rule in words -> how many patients it fired for.
        cell_free: patients who ended without a leukaemic cell.
        final: outputs at each patient's last visit, shape (n, outputs); NaN where there was none.
    """

    outcomes: tuple[Outcome, ...]
    values: NDArray[np.float64]
    measured: NDArray[np.float64]
    detected: NDArray[np.bool_]
    status: NDArray[np.int8]
    fired: Mapping[str, int]
    cell_free: int
    final: NDArray[np.float64]


def follow(
    setup: Setup,
    arm: Arm,
    kernel: Kernel,
    cohort: Cohort,
    *,
    seed: int,
    days: NDArray[np.float64],
    threads: int | None,
) -> Followed:
    """Treat and observe every patient of the cohort in one arm, to the horizon.

    Args:
        setup: the trial, set up.
        arm: one of its arms.
        kernel: the compiled treated model.
        cohort: patients with every parameter the model and the drugs need.
        seed: the run's seed; a patient has the same luck in every arm.
        days: days on which outputs are recorded, ascending, starting with 0.
        threads: worker threads; None lets the engine choose.
    """
    ward = _Ward(setup, arm, kernel, cohort, seed, days)
    course = begin(kernel, cohort, seed=seed)
    while (day := ward.next_visit()) is not None:
        for stop in ward.stops(day):
            outputs = advance(kernel, course, ward.schedule(stop), stop, threads=threads)
            ward.record(stop, outputs)
        ward.seen(day, outputs, course.status)
    return ward.discharge(course.status)


class _Ward:
    """The work arrays of one arm: who is due when, what is known, what is recorded."""

    def __init__(
        self, setup: Setup, arm: Arm, kernel: Kernel, cohort: Cohort, seed: int, days: NDArray[np.float64]
    ) -> None:
        trial, n = setup.trial, cohort.size
        self.arm, self.trial, self.seed, self.days, self.cohort = arm, trial, seed, days, cohort
        self.kernel, self.clones = kernel, setup.model.clones
        self.cells, self.cell_free = Cells(kernel, self.clones), np.zeros(n, bool)
        self.final = np.full((n, len(kernel.outputs)), np.nan)
        self.switched, self.gone = switched(arm, n), list[Events]()
        self.agenda = Agenda(trial, arm, n)
        self.treatment = Treatment(trial, arm, cohort, seed)
        self.history = History(n, trial.drugs, trial.assay, self.clones)
        self.clocks = [Clock(endpoint, arm, n, trial.horizon) for endpoint in trial.endpoints]
        self.fired = np.zeros((len(arm.rules), n), np.int64)
        self.column = kernel.outputs.index(MEASURED)
        self.values = np.full((n, days.size, len(kernel.outputs)), np.nan)
        self.measured = np.full((n, days.size), np.nan)
        self.detected = np.zeros((n, days.size), bool)
        self.records, self.recorded = np.append(days, np.inf), np.zeros(n, np.int64)
        self.now = np.zeros(n)

    def next_visit(self) -> Days | None:
        """The day of each patient's next visit, of the last record where no visit is left, shape (n,).

        Who has neither stays; None when that is everyone.
        """
        visit, records = np.isfinite(self.agenda.due), self.recorded < self.days.size
        if not (visit | records).any():
            return None
        return np.where(visit, self.agenda.due, np.where(records, self.days[-1], self.now))

    def stops(self, day: Days) -> Iterator[Days]:
        """The way to ``day``, shape (n,) each: from record to record; who has arrived waits for the others."""
        arrived = False
        while not arrived:
            stop = np.minimum(self.records[self.recorded], day)
            yield stop
            arrived = bool((stop == day).all())

    def schedule(self, until: Days) -> Schedule:
        """What happens to each patient from now on: doses, switches on day 0, clones found gone at the last visit."""
        parts = [*self.switched, *self.gone, *self.treatment.events(self.now, until)]
        self.gone = []
        if until.min() > 0:  # an event at ``until`` itself is one of the next call
            self.switched = []
        return Schedule.joined(self.cohort.size, parts)

    def record(self, day: Days, outputs: NDArray[np.float64]) -> None:
        """Everyone has reached ``day``: keep the outputs of those for whom it is a day to record."""
        who = np.flatnonzero(self.records[self.recorded] == day)
        self.values[who, self.recorded[who]] = outputs[who]
        self.recorded[who] += 1
        self.now = day

    def seen(self, day: Days, outputs: NDArray[np.float64], status: NDArray[np.int8]) -> None:
        """Everyone has reached ``day``: hold the visits that are due. Who has failed is not seen again."""
        alive = status == Status.FINISHED
        self.recorded[~alive] = self.days.size
        self.agenda.drop(~alive)
        visiting = alive & (self.agenda.due == day)
        if visiting.any():
            self._visit(visiting, day, outputs)
            self.final[visiting] = outputs[visiting]
            self.gone = extinctions(self.kernel, self.cells.flowing, outputs, visiting, day)
        self.cell_free = alive & self.cells.none_left(outputs)

    def _visit(self, rows: Mask, day: Days, outputs: NDArray[np.float64]) -> None:
        sample = self._measure(rows, day, outputs[:, self.column])
        shares = self.trial.assay.sequenced(self.cells.proliferating(outputs), sample)
        self.treatment.enter(self.history, rows, day)
        self.history.record(rows, day, sample, gap=self.agenda.longest_gap(day), shares=shares)
        self.history.know(rows, self.cells.none_left(outputs), self.cells.leading(outputs))
        for clock in self.clocks:
            clock.look(self.history, rows)
        self.agenda.turn(rows)
        self._decide(rows & self.history.fresh, day)

    def _measure(self, rows: Mask, day: Days, truth: NDArray[np.float64]) -> Sample:
        sample = self.trial.assay.measure(
            np.where(rows, truth, 0.0), self.cohort.patients, day=day, seed=self.seed
        )
        half = 0.5 * self.days[1] if self.days.size > 1 else 0.0
        nearest = np.clip(np.searchsorted(self.days, day - half), 0, self.days.size - 1)
        who = np.flatnonzero(rows & sample.taken)
        self.measured[who, nearest[who]] = sample.measured[who]
        self.detected[who, nearest[who]] = sample.detected[who]
        return sample

    def _decide(self, rows: Mask, day: Days) -> None:
        """Apply the rules in their order. A rule fires only where it changes what the patient is given."""
        decided = {
            drug: np.zeros(rows.shape, bool) for drug in self.trial.drugs
        }  # one decision a drug and visit
        for number, rule in enumerate(self.arm.rules):
            able = rows & (self.fired[number] < rule.times)
            for drug in rule.regimens:
                able &= ~decided[drug]
            firing = able & rule.condition.holds(self.history) & self.treatment.would_change(number, day)
            if not firing.any():
                continue
            self.fired[number] += firing
            for drug in rule.regimens:
                decided[drug] |= firing
            self.treatment.change(number, firing, day)
            if rule.visits is not None:
                self.agenda.rebook(number, firing, day)
                self.agenda.turn(firing)
            for clock in self.clocks:
                clock.start(rule.then, firing, day)

    def discharge(self, status: NDArray[np.int8]) -> Followed:
        """The arm is over: what it leaves behind."""
        outcomes = tuple(outcome for clock in self.clocks for outcome in clock.outcomes(self.cohort.patients))
        fired: Counter[str] = Counter()
        for rule, times in zip(self.arm.rules, self.fired, strict=True):
            fired[f"{rule.when}: {rule.then}"] += int(np.count_nonzero(times))
        return Followed(
            outcomes,
            self.values,
            self.measured,
            self.detected,
            status.copy(),
            dict(fired),
            int(np.count_nonzero(self.cell_free)),
            self.final,
        )
