"""What one thread keeps of the eight patients of a gang: one table whose last axis is the lane, and who sits where."""

from __future__ import annotations

from enum import IntEnum
from typing import NamedTuple

from offtarget.engine.layout import Floats, Ints

__all__ = ["Desk", "Places", "Row", "places"]


class Row(IntEnum):
    """The first rows of a gang's table: numbers that the steps of a lane need, whole ones among them as floats."""

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


class Places(NamedTuple):
    """Where the rest of the table of a gang begins: a block of rows each, of one model.

    One array for all of it, because each array that a function is handed costs the compiler more than the function's
    own lines. Places are constants of the compiled code.
    """

    n: int  #: how many species; a block has n rows where nothing else is said
    state: int
    next: int  #: the state at the end of the step
    error: int  #: how wrong it is
    weight: int  #: one over how wrong it may be
    before: int  #: the state of the last stage but one
    point: int  #: the state of the stage at hand
    peak: int
    spread: int  #: direction in which the Jacobian stretches most
    by_time: int  #: derivative of the slope by time
    slope: int  #: the first of eight stages, each of n rows
    dense: int  #: the last step's interpolant, five times n
    jacobian: int  #: row by row, n times n
    factors: int  #: n times n
    swaps: int  #: lanes in which two rows of it were exchanged, as 1 and 0; n times n
    held: int  #: what the right-hand side needs of parameters and static expressions
    rows: int  #: the length of the table


class Desk(NamedTuple):
    """Who of the patients of one call sits where, and work space to see to them."""

    waiting: Ints  #: patients who wait for a seat: explicit, implicit, (2, patients)
    length: Ints  #: how many they are, (2,)
    seated: Ints  #: lanes with somebody in them, as bits: explicit, implicit, (2,)
    fresh: Ints  #: of those, lanes that have no slope and no step yet, (2,)
    who: Ints  #: the patients' places in the arrays, (2, 8)
    table: Floats  #: parameters and static expressions of eight, (parameters + statics, 8)
    listed: Ints  #: whose they are, (8,)
    look: Floats  #: a state inside the last step, (species,)


def places(n: int, held: int) -> Places:
    """The table of a model with so many species, whose right-hand side needs so many expressions held."""
    sizes = (*(n,) * 9, 8 * n, 5 * n, *(n * n,) * 3, held)
    starts = [len(Row)]
    for size in sizes:
        starts.append(starts[-1] + size)
    return Places(n, *starts)


TIME, BEFORE, STEP, ERROR, DUE, UNTIL, STEPS, BELOW, STIFF, CALM, PATIENCE, STATUS, TURN = (
    int(row) for row in Row
)
