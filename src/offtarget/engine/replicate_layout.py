"""The arrays that Python and the compiled code share for replicates of a reaction network."""

from __future__ import annotations

from typing import Any, NamedTuple

import numpy as np
from numba import int64, typeof, void

from offtarget.engine.event_layout import Plan
from offtarget.engine.layout import Events, Floats, Ints

__all__ = ["SIGNATURE", "Desk", "Dice", "Fortune", "Limits", "Net", "Race", "Replicates", "Run"]


class Net(NamedTuple):
    """What is the same for every replicate of a network."""

    page: Ints  #: where in the book each reaction is found, (reactions,)
    book: Ints  #: how many species it changes, each with what is added; how many other rates it changes, and which;
    #: 1 where it changes what an event's trigger or a known instant depends on
    counted: Ints  #: the species that reactions change
    lines: Ints  #: the species that are straight lines in time between two jumps
    site_event: Ints  #: the event that each draw belongs to; -1 for draws at the start, (draws,)
    site_late: Ints  #: 1 where the draw is made at the execution and not at the trigger, (draws,)


class Fortune(NamedTuple):
    """Where the luck of each replicate comes from: keys and salts of random streams."""

    numbers: Ints  #: each replicate's number, (n,)
    reactions: Ints  #: (reactions, 3)
    draws: Ints  #: (draws, 3)
    order: Ints  #: the stream that orders events of one instant, (3,)


class Replicates(NamedTuple):
    """The first axis is the replicate."""

    parameters: Floats  #: (n, parameters)
    status: Ints  #: an arrays.trajectories.Status, (n,)
    steps: Ints  #: reactions and instants looked at, (n,)


class Limits(NamedTuple):
    """Bounds of one call."""

    start: float
    end: float
    budget: int  #: steps a replicate may take
    room: int  #: events of one replicate that may wait


class Dice(NamedTuple):
    """One replicate's draws from distributions."""

    streams: Ints
    number: int
    thrown: Ints  #: how often each has been made, (draws,)


class Race(NamedTuple):
    """The reactions of one replicate, each on its way to its next firing. Leaves of the tree are reactions.

    Each reaction is a Poisson process of rate one in a time of its own, which runs at the reaction's rate.
    """

    lanes: Floats  #: see ``LEFT`` and the other columns, (leaves, 6)
    fired: Ints  #: firings begun, (reactions,)
    winner: Ints  #: node i of the tree holds the earlier of the winners of 2 i and 2 i + 1


class Run(NamedTuple):
    """One replicate under way."""

    clock: Floats  #: see ``NOW`` and ``NEXT``
    flags: Ints  #: see ``STATUS``, ``STEPS`` and ``JUMPED``
    y: Floats
    p: Floats
    s: Floats
    base: Floats  #: the value of each line at ``since``
    since: Floats
    slope: Floats
    race: Race
    dice: Dice


class Desk(NamedTuple):
    """Work space of one thread."""

    look: Floats  #: a state, (species,)
    slope: Floats  #: (species,)
    truth: Floats  #: (events,)
    effects: Floats  #: delays, priorities, new values
    gaps: Floats  #: comparisons as differences
    sides: Ints  #: on which side of its change each is at present
    appointments: Floats


#: Columns of ``Race.lanes``: own time left to the next firing at ``SINCE``, the rate since then and the largest so far,
#: the other half of the last pair of own times, and when the reaction fires next if its rate stays.
LEFT, SINCE, RATE, PEAK, SPARE, DUE = 0, 1, 2, 3, 4, 5
#: Columns of ``Run.clock``: how far a replicate has been taken, and the next instant known beforehand.
NOW, NEXT = 0, 1
#: Columns of ``Run.flags``; the last is 1 where more may have changed than what one firing changes.
STATUS, STEPS, JUMPED = 0, 1, 2

_ANY, _WHOLE, _TABLE = np.zeros(0), np.zeros(0, np.int64), np.zeros((0, 3), np.int64)
_of: Any = typeof
#: The types of the compiled entry's arguments.
SIGNATURE = void(
    _of(Replicates(np.zeros((0, 0)), _WHOLE, _WHOLE)),
    _of(Fortune(_WHOLE, _TABLE, _TABLE, _WHOLE)),
    _of(Net(_WHOLE, _WHOLE, _WHOLE, _WHOLE, _WHOLE, _WHOLE)),
    _of(Plan(_WHOLE, _WHOLE, _WHOLE, _WHOLE, _WHOLE, _WHOLE, 0)),
    _of(Events(_WHOLE, _ANY, _WHOLE, _WHOLE, _ANY)),
    _of(Limits(0.0, 0.0, 1, 1)),
    _of(np.zeros(0)), _of(np.zeros((1, 1, 1))), int64, int64,
)  # fmt: skip
