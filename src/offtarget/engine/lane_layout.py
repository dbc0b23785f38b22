"""What one thread keeps of the eight patients of a gang: arrays whose last axis is the lane."""

from __future__ import annotations

from enum import IntEnum
from typing import NamedTuple

from offtarget.engine.layout import Floats, Ints

__all__ = ["Gang", "Queue", "Row", "Table"]


class Row(IntEnum):
    """Rows of ``Gang.clock``: numbers that the steps of a lane need, whole ones among them as floats."""

    TIME = 0  #: end of the last accepted step
    BEFORE = 1  #: its start
    STEP = 2  #: length of the next
    ERROR = 3  #: error of the last accepted step, in tolerances; negative once a try after it was refused
    DUE = 4  #: next scheduled event
    UNTIL = 5  #: next time to be looked at
    STEPS = 6
    BELOW = 7
    STIFF = 8
    CALM = 9
    PATIENCE = 10
    STATUS = 11
    TURN = 12  #: 1 when the other method has looked better for a while


class Gang(NamedTuple):
    """Eight patients on their way by the same method."""

    clock: Floats  #: (len(Row), 8)
    who: Ints  #: the patients' places in the arrays, (8,)
    state: Floats  #: (species, 8)
    next: Floats  #: the state at the end of the step, (species, 8)
    error: Floats  #: how wrong it is, (species, 8)
    weight: Floats  #: one over how wrong it may be, (species, 8)
    before: Floats  #: the state of the last stage but one, (species, 8)
    point: Floats  #: the state of the stage at hand, (species, 8)
    peak: Floats  #: (species, 8)
    stages: (
        Floats  #: stage i of species m is row i * species + m; the first is the slope here, (8 * species, 8)
    )
    dense: Floats  #: the last step's interpolant, rows alike, (5 * species, 8)
    constants: Floats  #: what the right-hand side needs of parameters and static expressions, (constants, 8)
    jacobian: Floats  #: (species * species, 8)
    by_time: Floats  #: (species, 8)
    factors: Floats  #: (species * species, 8)
    swaps: Ints  #: lanes in which two rows of it were exchanged, as bits, (species * species,)
    spread: Floats  #: direction in which the Jacobian stretches most, (species, 8)


class Table(NamedTuple):
    """Work space for one patient's state and for the static expressions of eight."""

    parameters: Floats  #: (parameters, 8)
    static: Floats  #: (statics, 8)
    rows: Ints  #: whose they are, (8,)
    look: Floats  #: a state inside the last step, (species,)


class Queue(NamedTuple):
    """Where the patients of one call stand; theirs are the rows from ``first`` on."""

    first: int
    cursor: Ints  #: next event of the schedule, (patients,)
    column: Ints  #: which of the times is looked at next, (patients,)
    waiting: Ints  #: patients who wait for a seat: explicit, implicit, (2, patients)
    length: Ints  #: how many they are, (2,)
    seated: Ints  #: lanes with somebody in them, as bits: explicit, implicit, (2,)
    fresh: Ints  #: of those, lanes that have no slope and no step yet, (2,)


TIME, BEFORE, STEP, ERROR, DUE, UNTIL, STEPS, BELOW, STIFF, CALM, PATIENCE, STATUS, TURN = (
    int(row) for row in Row
)
