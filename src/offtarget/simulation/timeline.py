"""Timeline: one patient's rows as what the engine does and when it is looked at.

Rows of one instant are taken in their order, as NONMEM takes them; additional doses come before the rows of their
instant, times that were asked for come after them. The engine shows the state before the events of an instant, so a
look that follows an event is taken a tick later. A tick is 1e-14 of the time: nothing happens within it.
"""

from __future__ import annotations

import heapq
import math
from dataclasses import dataclass, field, replace
from typing import Any

import numpy as np
from numpy.typing import NDArray

from offtarget.arrays.schedule import Action
from offtarget.errors import InputError, sentence
from offtarget.simulation.event_table import Column, Evid, How
from offtarget.simulation.sheet import Floats

__all__ = ["AT_ZERO", "CONSTANT", "INITIAL", "SteadyDose", "Timeline", "later", "timeline"]

#: Times closer than this share of themselves are one instant: 0.1 * 3 is 0.3.
_SAME = 1e-12
_TICK = 1e-14
#: A tick at time zero.
AT_ZERO = 1e-200
_MOST = 1_000_000

#: One row of an EventTable.
Row = tuple[float, ...]
_ACTIONS = {int(How.ADD): Action.ADD, int(How.REPLACE): Action.SET, int(How.MULTIPLY): Action.MULTIPLY}

#: Where an event's value comes from: the timeline, the patient's own start, or (above) the n-th steady state.
CONSTANT, INITIAL = -1, 0


@dataclass(frozen=True, slots=True)
class SteadyDose:
    """A dose that has been given for ever, every ``interval`` or, when that is 0, as an infusion without end.

    Attributes:
        place: which compartment, from 0.
        amount: of a bolus, in the compartment's unit; 0 for an infusion.
        rate: of an infusion; 0 for a bolus.
        duration: of an infusion.
        interval: between doses.
    """

    place: int
    amount: float
    rate: float
    duration: float
    interval: float

    @property
    def overlapping(self) -> int:
        """How many infusions of earlier doses are running all the time."""
        return int(self.duration / self.interval * (1 + _SAME)) if self.interval and self.rate else 0


@dataclass(frozen=True, slots=True, eq=False)
class Timeline:
    """What happens to one patient. Times are the model's.

    Attributes:
        time, action, target, value: the events; ``target`` counts states first, then inputs.
        source: CONSTANT, INITIAL, or the number of a steady state, from 1.
        reads: when the engine is looked at, shape (m,).
        shown: what the user calls these times, shape (m,).
        steady: the steady states that are needed.
        jumps: the times of the events that touch a state.
    """

    time: Floats
    action: NDArray[np.int8]
    target: NDArray[np.int64]
    value: Floats
    source: NDArray[np.int64]
    reads: Floats
    shown: Floats
    steady: tuple[SteadyDose, ...]
    jumps: Floats

    def flowing(self, states: int) -> set[int]:
        """The compartments that an infusion goes into."""
        now = {int(target) - states for target in np.unique(self.target) if target >= states}
        return now | {dose.place for dose in self.steady if dose.rate > 0}

    def looked_at(self, times: Floats, shown: Floats) -> Timeline:
        """The timeline looked at when everything of each of these instants has happened."""
        last = np.searchsorted(self.jumps, times * (1 + _SAME), "right") - 1
        event = self.jumps[last] if self.jumps.size else np.full(times.size, -np.inf)
        here = (last >= 0) & (event >= times * (1 - _SAME))
        return replace(self, reads=np.where(here, later(event, 1), times), shown=shown)


def later(time: Any, ticks: int) -> Any:
    """A time so many ticks later; one or many."""
    return time + ticks * np.where(time == 0, AT_ZERO, _TICK * time)


def timeline(rows: Floats, *, states: int, until: float | None, where: str) -> Timeline:
    """The timeline of one patient's rows.

    Args:
        rows: shape (rows, len(Column)), in the order of the table.
        states: how many states the model has.
        until: the last of the times asked for; None when the rows themselves say when to look.
        where: the table, for error sentences.

    Raises:
        InputError: more doses than can be meant.
    """
    horizon = until if until is not None else float(rows[:, Column.TIME].max(initial=0.0))
    book = _Book(states, horizon, where)
    for row in map(tuple, rows.tolist()):
        if row[Column.TIME] > horizon * (1 + _SAME):
            break
        book.pass_time(row[Column.TIME])
        book.take(row, look=until is None)
    book.pass_time(math.inf)
    return book.closed()


@dataclass(slots=True)
class _Book:
    """The state of the pass over one patient's rows."""

    states: int
    horizon: float
    where: str
    now: float = 0.0
    tick: int = 0
    dirty: bool = False  # whether something has happened at this tick
    order: int = 0
    pending: list[tuple[float, int, int, Row]] = field(default_factory=list)
    flowing: dict[int, tuple[int, float]] = field(default_factory=dict)  # infusion -> compartment, rate
    wrote: list[tuple[float, int, int, float, int]] = field(default_factory=list)
    reads: list[tuple[float, float]] = field(default_factory=list)
    steady: list[SteadyDose] = field(default_factory=list)

    def arrive(self, time: float) -> None:
        """Go on to a time; one that is no different stays in the instant."""
        if time - self.now > _SAME * time:
            self.now, self.tick, self.dirty = time, 0, False

    def pass_time(self, until: float) -> None:
        """Let happen what is pending up to a time, that time included."""
        limit = min(until, self.horizon)
        while self.pending and self.pending[0][0] <= limit * (1 + _SAME):
            time, _, number, dose = heapq.heappop(self.pending)
            self.arrive(time)
            if dose:
                self.give(dose)
            else:
                self.stop(number)
        if until < math.inf:
            self.arrive(until)

    def take(self, row: Row, *, look: bool) -> None:
        """Take one row of the table."""
        evid = int(row[Column.EVID])
        if evid in (Evid.LOOK, Evid.OTHER):
            if look:
                self.look(row[Column.SHOWN])
            return
        if evid in (Evid.RESET, Evid.RESET_AND_DOSE) or row[Column.STEADY]:
            self.cancel()
        if evid == Evid.RESET:
            self.restart(INITIAL)
            return
        if row[Column.STEADY]:
            self.resume(row)
        elif evid == Evid.RESET_AND_DOSE:
            self.restart(INITIAL)
        if row[Column.DURATION] < math.inf:
            self.give(row)
            self.repeat(row)

    def look(self, shown: float) -> None:
        """Read the state as it is after what has happened so far."""
        if self.dirty:
            self.tick, self.dirty = self.tick + 1, False
        self.reads.append((self.time(), shown))

    def time(self) -> float:
        return float(later(self.now, self.tick)) if self.tick else self.now

    def write(self, target: int, action: Action, value: float, source: int = CONSTANT) -> None:
        self.wrote.append((self.time(), int(action), target, value, source))
        self.dirty |= target < self.states  # a state does not jump when an input does
        if len(self.wrote) > _MOST:
            raise InputError(sentence(self.where, expected=f"at most {_MOST:,} events a patient", got="more"))

    def give(self, row: Row) -> None:
        """A dose: at once, or as an infusion that begins."""
        place = int(row[Column.PLACE])
        if row[Column.RATE] > 0:
            self.start(place, row[Column.RATE], row[Column.DURATION])
        else:
            self.write(place, _ACTIONS[int(row[Column.HOW])], row[Column.AMOUNT])

    def repeat(self, row: Row) -> None:
        """The additional doses of a row, as far as anybody looks."""
        first, interval = row[Column.TIME], row[Column.INTERVAL]
        room = (self.horizon - first) / interval * (1 + _SAME) if interval > 0 else 0.0
        more = int(min(row[Column.MORE], room))
        if more > _MOST:
            raise InputError(
                sentence(self.where, expected=f"at most {_MOST:,} doses a patient", got=f"{more}")
            )
        for number in range(1, more + 1):
            self.wait(first + number * interval, row)

    def wait(self, time: float, dose: Row, number: int = 0) -> None:
        """Keep a dose, or the end of an infusion (no dose), for later; ends come first, then as they were written."""
        self.order += 1
        heapq.heappush(self.pending, (time, self.order if dose else -self.order, number, dose))

    def start(self, place: int, rate: float, duration: float) -> None:
        self.order += 1
        self.flowing[self.order] = (place, rate)
        self.wait(self.now + duration, (), self.order)
        self.flow(place)

    def stop(self, number: int) -> None:
        place, _ = self.flowing.pop(number)
        self.flow(place)

    def flow(self, place: int) -> None:
        """Set the input of a compartment to the sum of what flows: exactly zero when nothing does."""
        total = math.fsum(rate for where, rate in self.flowing.values() if where == place)
        self.write(self.states + place, Action.SET, total)

    def cancel(self) -> None:
        """End every infusion and forget every dose to come."""
        places = {place for place, _ in self.flowing.values()}
        self.flowing.clear()
        self.pending.clear()
        for place in sorted(places):
            self.flow(place)

    def restart(self, source: int) -> None:
        for state in range(self.states):
            self.write(state, Action.SET, 0.0, source)

    def resume(self, row: Row) -> None:
        """Set everything to where endless repetition of this dose leads, just before the next one."""
        one = SteadyDose(int(row[Column.PLACE]), 0.0 if row[Column.RATE] > 0 else row[Column.AMOUNT],
                         row[Column.RATE], row[Column.DURATION], row[Column.INTERVAL])  # fmt: skip
        if one not in self.steady:
            self.steady.append(one)
        self.restart(1 + self.steady.index(one))
        for number in range(1, one.overlapping + 1):
            left = one.duration - number * one.interval
            if left > _SAME * one.duration:
                self.start(one.place, one.rate, left)

    def closed(self) -> Timeline:
        time, action, target, value, source = zip(*self.wrote, strict=True) if self.wrote else ((),) * 5
        reads = np.array(self.reads, np.float64).reshape(-1, 2)
        jumps = np.array([when for when, _, where, _, _ in self.wrote if where < self.states])
        return Timeline(
            np.array(time, np.float64), np.array(action, np.int8), np.array(target, np.int64),
            np.array(value, np.float64), np.array(source, np.int64), reads[:, 0], reads[:, 1],
            tuple(self.steady), jumps,
        )  # fmt: skip
