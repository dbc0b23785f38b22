"""Trajectories: what was simulated, with a Status a patient. A failure is data, never dropped."""

from __future__ import annotations

from dataclasses import dataclass
from enum import IntEnum

import numpy as np
from numpy.typing import NDArray

from offtarget.errors import InputError, nearest

__all__ = ["Status", "Trajectories"]


class Status(IntEnum):
    """How a patient's simulation ended."""

    FINISHED = 0
    TOO_MANY_STEPS = 1
    NOT_FINITE = 2
    STEP_TOO_SMALL = 3
    NEGATIVE = 4
    ENDLESS_EVENTS = 5
    TOO_MANY_WAITING = 6
    NO_DELAY = 7
    TIMED_OUT = 8
    NOT_COUNTABLE = 9

    @property
    def sentence(self) -> str:
        """The status as a sentence for a report."""
        return _SENTENCES[self]


_SENTENCES = {
    Status.FINISHED: "Simulated to the end.",
    Status.TOO_MANY_STEPS: "The solver used its allowance of steps before the end.",
    Status.NOT_FINITE: "The state or its rate of change stopped being a finite number.",
    Status.STEP_TOO_SMALL: "The solver needed steps too small for the clock to tell apart.",
    Status.NEGATIVE: "A quantity that cannot be negative fell below zero by more than the tolerance.",
    Status.ENDLESS_EVENTS: "The model's events kept setting each other off at one instant, without end.",
    Status.TOO_MANY_WAITING: "More delayed events of the model waited to be executed than the engine keeps.",
    Status.NO_DELAY: "The delay of an event of the model was negative or not a number.",
    Status.TIMED_OUT: "The time allowed in seconds was over before the end.",
    Status.NOT_COUNTABLE: "A count was no whole number, or too large for one more to make a difference.",
}


@dataclass(frozen=True, slots=True, eq=False)
class Trajectories:
    """Outputs of n patients at m times.

    ``values`` of a patient who failed are NaN from the first time that was not reached: a mean over all patients is NaN
    there, so that forgetting them shows. Use ``of`` with ``finished`` so that a mean over patients says whom it leaves
    out; what skips NaN would average other patients at each time.

    Attributes:
        patients: patient numbers, shape (n,).
        times: day, shape (m,).
        names: output names; the last axis of ``values``.
        units: unit of each output.
        values: shape (n, m, outputs).
        status: shape (n,), int8, a Status.
        steps: solver steps taken, shape (n,).
    """

    patients: NDArray[np.uint64]
    times: NDArray[np.float64]
    names: tuple[str, ...]
    units: tuple[str, ...]
    values: NDArray[np.float64]
    status: NDArray[np.int8]
    steps: NDArray[np.int64]

    @property
    def finished(self) -> NDArray[np.bool_]:
        """Which patients were simulated to the end, shape (n,)."""
        return np.asarray(self.status == Status.FINISHED)

    def of(self, name: str) -> NDArray[np.float64]:
        """One output, shape (n, m).

        Raises:
            InputError: no such output.
        """
        if name not in self.names:
            raise InputError(f'no output "{name}". {nearest(name, self.names, kind="output")}')
        return self.values[:, :, self.names.index(name)]

    def counts(self) -> dict[Status, int]:
        """How many patients ended in each Status, zero counts included."""
        return {status: int(np.count_nonzero(self.status == status)) for status in Status}
