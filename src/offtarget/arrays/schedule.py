"""Schedule: what happens to each patient and when, as one ragged table of events."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from enum import IntEnum

import numpy as np
from numpy.typing import NDArray

__all__ = ["Action", "Events", "Schedule"]


class Action(IntEnum):
    """What an event does at its time."""

    SET = 0  #: give a parameter a new value (a dose rate, a switch)
    ADD = 1  #: add an amount to a species (a bolus dose)
    MULTIPLY = 2  #: multiply a species by a factor


@dataclass(frozen=True, slots=True, eq=False)
class Events:
    """The same thing happening to several patients, each at their own time.

    Attributes:
        name: the parameter or species touched.
        action: what happens to it.
        row: which patients, shape (k,).
        time: day, shape (k,).
        value: new value, amount or factor, shape (k,).
    """

    name: str
    action: Action
    row: NDArray[np.int64]
    time: NDArray[np.float64]
    value: NDArray[np.float64]


@dataclass(frozen=True, slots=True, eq=False)
class Schedule:
    """Events of n patients, sorted by time within each patient.

    Attributes:
        offsets: shape (n + 1,), int64; patient i owns events ``offsets[i]:offsets[i + 1]``.
        time: shape (events,), float64, day.
        action: shape (events,), int8, an Action.
        target: shape (events,), int64: index into ``names``.
        value: shape (events,), float64: new value or amount, in the target's unit, or a factor.
        names: the parameters and species that events touch.
    """

    offsets: NDArray[np.int64]
    time: NDArray[np.float64]
    action: NDArray[np.int8]
    target: NDArray[np.int64]
    value: NDArray[np.float64]
    names: tuple[str, ...] = ()

    @classmethod
    def empty(cls, patients: int) -> Schedule:
        """Nothing happens to anyone."""
        return cls.build(patients, row=np.zeros(0, np.int64), time=np.zeros(0), action=np.zeros(0, np.int8),
                         target=np.zeros(0, np.int64), value=np.zeros(0), names=())  # fmt: skip

    @classmethod
    def build(
        cls, patients: int, *, row: NDArray[np.int64], time: NDArray[np.float64], action: NDArray[np.int8],
        target: NDArray[np.int64], value: NDArray[np.float64], names: tuple[str, ...],
    ) -> Schedule:  # fmt: skip
        """A schedule from an unsorted event table.

        Events of one patient at the same instant keep the order in which they are given.

        Args:
            patients: n, how many patients.
            row: which patient each event belongs to, 0 to n - 1.
            time, action, target, value: as the attributes.
            names: what ``target`` points to.
        """
        order = np.lexsort((time, row))
        counts = np.bincount(row, minlength=patients) if row.size else np.zeros(patients, np.int64)
        offsets = np.concatenate(([0], np.cumsum(counts))).astype(np.int64)
        return cls(offsets, time[order], action[order], target[order], value[order], names)

    @classmethod
    def joined(cls, patients: int, parts: Iterable[Events]) -> Schedule:
        """A schedule of all these events; at the same instant, in the order given.

        Args:
            patients: n, how many patients.
            parts: events of rows 0 to n - 1.
        """
        given = [part for part in parts if part.row.size]
        if not given:
            return cls.empty(patients)
        names = tuple(dict.fromkeys(part.name for part in given))
        sizes = [part.row.size for part in given]
        return cls.build(
            patients, row=np.concatenate([part.row for part in given]).astype(np.int64),
            time=np.concatenate([part.time for part in given]),
            action=np.repeat(np.array([part.action for part in given], np.int8), sizes),
            target=np.repeat(np.array([names.index(part.name) for part in given], np.int64), sizes),
            value=np.concatenate([part.value for part in given]), names=names,
        )  # fmt: skip
