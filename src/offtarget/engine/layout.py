"""The arrays that Python and the compiled code share, and what each column means."""

from __future__ import annotations

from enum import IntEnum
from typing import Any, NamedTuple

import numpy as np
from numba import int64, typeof, void
from numpy.typing import NDArray

from offtarget.arrays.trajectories import Status

__all__ = [
    "JUMPED",
    "OUT_OF_DATE",
    "SIGNATURE",
    "Clock",
    "Events",
    "Flag",
    "Patient",
    "Patients",
    "Scratch",
    "Settings",
    "patients",
]

Floats = NDArray[np.float64]
Ints = NDArray[np.int64]


class Flag(IntEnum):
    """Columns of ``Patients.flags``."""

    STATUS = 0  #: an arrays.trajectories.Status
    STEPS = 1  #: steps tried so far, rejected ones included
    BEGUN = 2  #: 1 once the initial state has been computed
    CHANGED = 3  #: what has jumped since the slope was computed: 0 nothing, or ``OUT_OF_DATE`` or ``JUMPED``
    IMPLICIT = 4  #: 1 while the implicit method is at work
    STIFF = 5  #: steps in favour of the other method
    CALM = 6  #: steps since then that were not
    PATIENCE = 7  #: steps in favour of the implicit method before it is taken
    BELOW = 8  #: steps in a row refused for going below zero
    SLOPE_KNOWN = 9  #: 1 when the Jacobian in the scratch belongs to the current state
    CURSOR = 10  #: next event of the schedule, while a call lasts
    COLUMN = 11  #: which of the call's times is looked at next


#: In ``Flag.CHANGED``: static expressions, slope and step are of another time; or only slope and step are.
OUT_OF_DATE, JUMPED = 1, 2


class Clock(IntEnum):
    """Columns of ``Patients.clock``."""

    NOW = 0  #: how far the caller has asked
    BEFORE = 1  #: start of the last accepted step
    TIME = 2  #: end of the last accepted step
    STEP = 3  #: length of the next step
    ERROR = 4  #: error of the last accepted step, in tolerances; negative once a try after it was refused


class Patients(NamedTuple):
    """All a resumable integration knows about its patients; the first axis is the patient.

    The last accepted step of a patient runs from ``BEFORE`` to ``TIME``; ``dense`` holds its interpolant (see
    ``steppers.interpolate``), which is how a visit inside a step is read off without shortening the step.
    """

    clock: Floats  #: (n, len(Clock))
    state: Floats  #: (n, species)
    slope: Floats  #: d/dt of the state, (n, species)
    parameters: Floats  #: (n, parameters)
    static: Floats  #: expressions of parameters only, (n, statics)
    peak: Floats  #: the largest magnitude each species has had, (n, species)
    dense: Floats  #: (n, 5, species)
    spread: Floats  #: direction in which the Jacobian stretches most, (n, species)
    flags: Ints  #: (n, len(Flag))


class Patient(NamedTuple):
    """One row of ``Patients``: views, so that what is written is kept."""

    clock: Floats
    state: Floats
    slope: Floats
    parameters: Floats
    static: Floats
    peak: Floats
    dense: Floats
    spread: Floats
    flags: Ints


class Events(NamedTuple):
    """A Schedule whose targets are resolved: parameter j is j, species i is ``parameters + i``."""

    offsets: Ints
    time: Floats
    action: Ints  #: an arrays.schedule.Action
    target: Ints
    value: Floats


class Settings(NamedTuple):
    """What is the same for all patients of one call."""

    tolerance: float
    budget: Ints  #: steps a patient may take in all, (1,); taken away while they run when time is up
    method: int  #: 0 decides by stiffness, 1 explicit, 2 implicit
    floor: Floats  #: absolute floor of each species, (species,)
    share: Floats  #: floor of each species as a share of its peak, (species,)
    counts: Ints  #: 1 where a species cannot be negative, (species,)


class Scratch(NamedTuple):
    """Work space of one thread."""

    stages: Floats  #: slopes of the stages, (8, species)
    points: Floats  #: states at the stages, (8, species)
    next: Floats  #: the state at the end of the step, (species,)
    weight: Floats  #: one over what each species may be wrong by, (species,)
    jacobian: Floats
    factors: Floats
    by_time: Floats
    pivots: Ints


def patients(n: int, species: int, parameters: int, statics: int, time: float) -> Patients:
    """Work arrays for n patients who have not begun."""
    clock = np.zeros((n, len(Clock)))
    clock[:, [Clock.NOW, Clock.BEFORE, Clock.TIME]] = time
    clock[:, Clock.ERROR] = 1e-4
    flags = np.zeros((n, len(Flag)), np.int64)
    flags[:, Flag.CHANGED] = OUT_OF_DATE
    return Patients(
        clock=clock, state=np.zeros((n, species)), slope=np.zeros((n, species)), parameters=np.zeros((n, parameters)),
        static=np.zeros((n, statics)), peak=np.zeros((n, species)), dense=np.zeros((n, 5, species)),
        spread=np.ones((n, species)), flags=flags,
    )  # fmt: skip


# The columns and statuses as plain integers: what an enumeration's members become inside compiled code.
NOW, BEFORE, TIME, STEP, ERROR = (int(column) for column in Clock)
(STATUS, STEPS, BEGUN, CHANGED, IMPLICIT, STIFF, CALM, PATIENCE, BELOW, SLOPE_KNOWN, CURSOR,
 COLUMN) = (int(column) for column in Flag)  # fmt: skip
(FINISHED, TOO_MANY_STEPS, NOT_FINITE, STEP_TOO_SMALL, NEGATIVE, ENDLESS_EVENTS, TOO_MANY_WAITING, NO_DELAY,
 _, NOT_COUNTABLE) = (int(status) for status in Status)  # fmt: skip

_ANY = np.zeros(0)
#: The types of the compiled entry's arguments.
_of: Any = typeof
SIGNATURE = void(
    _of(patients(0, 1, 1, 1, 0.0)),
    _of(Events(np.zeros(0, np.int64), _ANY, np.zeros(0, np.int64), np.zeros(0, np.int64), _ANY)),
    _of(Settings(1e-6, np.zeros(1, np.int64), 0, _ANY, _ANY, np.zeros(0, np.int64))),
    _of(np.zeros((1, 1))), _of(np.zeros((1, 1, 1))), int64, int64,
)  # fmt: skip
