"""EventTable: checked doses, resets and looks, in the model's units."""

from __future__ import annotations

from dataclasses import dataclass
from enum import IntEnum

from offtarget.simulation.sheet import Floats

__all__ = ["Column", "EventTable", "Evid", "How"]


class Evid(IntEnum):
    """What a row is."""

    LOOK = 0
    DOSE = 1
    OTHER = 2
    RESET = 3
    RESET_AND_DOSE = 4


class How(IntEnum):
    """What a dose does to the amount in its compartment."""

    ADD = 0
    REPLACE = 1
    MULTIPLY = 2


class Column(IntEnum):
    """Columns of ``EventTable.rows``."""

    TIME = 0  #: in the model's unit
    EVID = 1  #: an Evid
    AMOUNT = 2  #: in the compartment's unit, or a factor
    RATE = 3  #: amount per the model's unit of time; 0 for a bolus
    DURATION = 4  #: in the model's unit; infinite for an infusion without end
    PLACE = 5  #: which compartment, from 0
    STEADY = 6  #: 1 for a dose at steady state
    INTERVAL = 7  #: in the model's unit
    MORE = 8  #: how many additional doses
    HOW = 9  #: a How
    SHOWN = 10  #: TIME as the user wrote it


@dataclass(frozen=True, slots=True, eq=False)
class EventTable:
    """Checked events.

    Attributes:
        rows: shape (rows, len(Column)).
        first: id -> (first row, row after the last); the empty id stands for everybody.
        notes: what was passed over, for the user to know.
    """

    rows: Floats
    first: dict[str, tuple[int, int]]
    notes: tuple[str, ...]
