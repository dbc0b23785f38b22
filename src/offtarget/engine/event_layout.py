"""The arrays that Python and the compiled code share for models that have events of their own."""

from __future__ import annotations

from enum import IntEnum
from types import ModuleType
from typing import Any, NamedTuple

import numpy as np
from numba import int64, typeof, void
from numpy.typing import NDArray

from offtarget.engine.layout import Events, Floats, Ints, Settings, patients
from offtarget.models.model import Model
from offtarget.randomness import stream

__all__ = ["SIGNATURE", "Desk", "Note", "Own", "Pending", "Plan", "grown", "pending", "plan"]

#: How many events may wait for their execution, for each patient, before the patient is given up.
MOST_WAITING = 4096
#: How many looks are taken at a step to find out whether an event's condition changed inside it.
LOOKS = 4


class Note(IntEnum):
    """Columns of ``Pending.notes``."""

    LOOK = 0  #: 1 when parameters or state have jumped since the triggers were evaluated
    MIDWAY = 1  #: 1 while some of the events of an instant have been executed and others not yet
    COUNT = 2  #: executions at the present instant
    DRAWS = 3  #: random draws so far
    WAITING = 4  #: how many events wait
    COLUMN = 5  #: first of the call's times that has not been reached
    CURSOR = 6  #: next event of the schedule, for a patient who stands still
    FULL = 7  #: 1 when the patient stands still because the queue has no room


class Plan(NamedTuple):
    """A model's events as arrays."""

    first: Ints  #: event e assigns values ``first[e]:first[e + 1]``, (events + 1,)
    target: Ints  #: the species that each value is for, (values,)
    initially: Ints  #: what each trigger was before the start, (events,)
    persistent: Ints  #: (events,)
    early: Ints  #: 1 where values are those of the instant of the trigger, (events,)
    kinds: Ints  #: what counts as a change of each comparison, see ``event_code``, (comparisons,)
    appointments: int  #: how many instants are known beforehand


class Pending(NamedTuple):
    """What is known of each patient's events; the first axis is the patient.

    The last step has been searched for changed conditions up to ``seen``; the next change inside it is at ``change``.
    """

    truth: Ints  #: each trigger at ``seen``, (n, events)
    sides: Ints  #: each comparison at ``seen``, (n, comparisons)
    seen: Floats  #: (n, 1)
    change: Floats  #: infinite when there is none up to the end of the step, (n, 1)
    notes: Ints  #: (n, len(Note))
    due: Floats  #: when each waiting event is to be executed, (n, room)
    which: Ints  #: which event it is, (n, room)
    kept: Floats  #: its values from the instant of its trigger, (n, room, values)
    patients: Ints  #: patient numbers, (n,)
    stream: Ints  #: the random stream that orders events of one instant, (3,)


class Own(NamedTuple):
    """One row of ``Pending``: views, so that what is written is kept."""

    truth: Ints
    sides: Ints
    seen: Floats
    change: Floats
    notes: Ints
    due: Floats
    which: Ints
    kept: Floats
    patient: int
    stream: Ints


class Desk(NamedTuple):
    """Work space of one thread for events."""

    look: Floats  #: a state inside the last step, (species,)
    truth: Floats  #: (events,)
    effects: Floats  #: delays, priorities, new values, (2 events + values,)
    gaps: Floats  #: comparisons as differences, at each look and at one more, (LOOKS + 2, comparisons)
    appointments: Floats


def plan(model: Model, module: ModuleType) -> Plan | None:
    """The events of a model; None when its compiled module knows of none, nor of instants at which a rate jumps."""
    if not hasattr(module, "APPOINTMENTS"):
        return None
    place = {one.id: i for i, one in enumerate(model.species)}

    def ints(values: Any) -> Ints:
        return np.array(list(values), np.int64)

    return Plan(
        first=ints(np.cumsum([0, *(len(one.assignments) for one in model.events)])),
        target=ints(place[name] for one in model.events for name, _ in one.assignments),
        initially=ints(one.initially for one in model.events), persistent=ints(one.persistent for one in model.events),
        early=ints(one.from_trigger_time for one in model.events), kinds=ints(module.COMPARISONS),
        appointments=int(module.APPOINTMENTS),
    )  # fmt: skip


def pending(wanted: Plan, numbers: NDArray[np.uint64], time: float, seed: int) -> Pending:
    """Nothing has happened yet to these patients."""
    n, events = numbers.shape[0], wanted.initially.shape[0]
    luck = stream(seed, "event order")
    luck.uniform(numbers)  # refuses patient numbers that would share their luck
    most = int(np.max(np.where(wanted.early == 1, np.diff(wanted.first), 0), initial=0))
    notes = np.zeros((n, len(Note)), np.int64)
    notes[:, Note.LOOK] = 1
    room = 2 * events + 8
    return Pending(
        truth=np.tile(wanted.initially, (n, 1)), sides=np.zeros((n, wanted.kinds.shape[0]), np.int64),
        seen=np.full((n, 1), time), change=np.full((n, 1), np.inf), notes=notes, due=np.full((n, room), np.inf),
        which=np.zeros((n, room), np.int64), kept=np.zeros((n, room, most)), patients=numbers.astype(np.int64),
        stream=np.array([*luck.key, luck.salt], np.int64),
    )  # fmt: skip


def grown(old: Pending) -> Pending | None:
    """The same with four times the room for waiting events; None when that is more than anyone gets."""
    n, room = old.due.shape
    if 4 * room > max(MOST_WAITING, 16 * old.truth.shape[1]):
        return None
    due, which = np.full((n, 4 * room), np.inf), np.zeros((n, 4 * room), np.int64)
    kept = np.zeros((n, 4 * room, old.kept.shape[2]))
    due[:, :room], which[:, :room], kept[:, :room] = old.due, old.which, old.kept
    return old._replace(due=due, which=which, kept=kept)


LOOK, MIDWAY, COUNT, DRAWS, WAITING, COLUMN, CURSOR, FULL = (int(column) for column in Note)

_ANY, _WHOLE = np.zeros(0), np.zeros(0, np.int64)
_PLAN = Plan(_WHOLE, _WHOLE, _WHOLE, _WHOLE, _WHOLE, _WHOLE, 0)
_of: Any = typeof
#: The types of the arguments of the compiled entry of a model with events.
SIGNATURE = void(
    _of(patients(0, 1, 1, 1, 0.0)),
    _of(pending(_PLAN._replace(first=np.zeros(1, np.int64)), np.zeros(0, np.uint64), 0.0, 0)),
    _of(_PLAN),
    _of(Events(_WHOLE, _ANY, _WHOLE, _WHOLE, _ANY)),
    _of(Settings(1e-6, np.zeros(1, np.int64), 0, _ANY, _ANY, _WHOLE)),
    _of(np.zeros((1, 1))), _of(np.zeros((1, 1, 1))), int64, int64,
)  # fmt: skip
