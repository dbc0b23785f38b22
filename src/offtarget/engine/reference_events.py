"""The slow twin's way with a model's own events: a list of what waits, and a close look at every stretch of solution.

It shares nothing with the compiled code but the semantics, those of SBML Level 3 Version 2 Core, section 4.12, and the
random stream that orders events of one instant.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from itertools import pairwise

import numpy as np
from numpy.typing import NDArray

from offtarget.arrays.trajectories import Status
from offtarget.models.expression import Expression
from offtarget.models.model import Event, Model
from offtarget.randomness import Stream

__all__ = ["Failure", "Happenings"]

Rule = Callable[[Mapping[str, float]], float]
State = NDArray[np.float64]
Look = Callable[[float, State], Mapping[str, float]]

#: Looks at a stretch between two points of the solver; a change between two of them is then closed in on.
_LOOKS = 16
#: Executions at one instant that are believed to come to an end.
_MOST = 20_000


class Failure(Exception):
    """A patient cannot be taken further; the reason is a Status."""

    def __init__(self, status: Status) -> None:
        super().__init__(status.sentence)
        self.status = status


@dataclass(frozen=True, slots=True)
class _Waiting:
    """An event whose trigger has turned true, and what its values were then."""

    due: float
    event: int
    values: tuple[float, ...] | None


class Happenings:
    """The events of one patient.

    Args:
        model: whose events they are.
        meaning: what an Expression means, as a function of the values of all names.
        luck: the stream that orders events of one instant.
        patient: the patient's number.
    """

    def __init__(
        self, model: Model, meaning: Callable[[Expression], Rule], luck: Stream, patient: int
    ) -> None:
        self.events, self.rules = model.events, [_rules(event, meaning) for event in model.events]
        self.places = {one.id: i for i, one in enumerate(model.species)}
        self.truth = [event.initially for event in model.events]
        self.waiting: list[_Waiting] = []
        self.luck, self.patient, self.draws = luck, patient, 0

    @property
    def due(self) -> float:
        """When the next waiting event is to be executed."""
        return min((one.due for one in self.waiting), default=np.inf)

    def settle(self, t: float, y: State, look: Look) -> bool:
        """Do all that the instant asks for, changing ``y`` in place; whether anything was executed comes back."""
        self._notice(t, look(t, y))
        executed = 0
        while self.due <= t:
            executed += 1
            if executed > _MOST:
                raise Failure(Status.ENDLESS_EVENTS)
            known = look(t, y)
            chosen = self._choose(t, known)
            self.waiting.remove(chosen)
            values = chosen.values
            if values is None:
                values = tuple(value(known) for value in self.rules[chosen.event].values)
            for (name, _), value in zip(self.events[chosen.event].assignments, values, strict=True):
                y[self.places[name]] = value
            self._notice(t, look(t, y))
        return executed > 0

    def first_change(
        self, points: Sequence[float], state: Callable[[float], State], look: Look
    ) -> float | None:
        """The first instant in a stretch of solution at which a trigger is not what it was; None when there is none."""
        last = points[0]
        for start, end in pairwise(points):
            for at in np.linspace(start, end, _LOOKS + 1)[1:].tolist():
                if self._truths(look(at, state(at))) != self.truth:
                    return self._close_in(last, at, state, look)
                last = at
        return None

    def _close_in(self, low: float, high: float, state: Callable[[float], State], look: Look) -> float:
        while low < (middle := low + (high - low) / 2) < high and high - low > 1e-15 * abs(high):
            if self._truths(look(middle, state(middle))) != self.truth:
                high = middle
            else:
                low = middle
        return high

    def _truths(self, known: Mapping[str, float]) -> list[bool]:
        return [bool(rules.trigger(known)) for rules in self.rules]

    def _notice(self, t: float, known: Mapping[str, float]) -> None:
        before, self.truth = self.truth, self._truths(known)
        for number, (was, now) in enumerate(zip(before, self.truth, strict=True)):
            event, rules = self.events[number], self.rules[number]
            if now and not was:
                delay = rules.delay(known)
                if not delay >= 0.0:
                    raise Failure(Status.NO_DELAY)
                values = tuple(value(known) for value in rules.values) if event.from_trigger_time else None
                if delay < np.inf:
                    self.waiting.append(_Waiting(t + delay, number, values))
            if was and not now and not event.persistent:
                self.waiting = [one for one in self.waiting if one.event != number]

    def _choose(self, t: float, known: Mapping[str, float]) -> _Waiting:
        ready = [one for one in self.waiting if one.due <= t]
        ranks = [rule(known) if (rule := self.rules[one.event].priority) else None for one in ready]
        highest = max((rank for rank in ranks if rank is not None), default=0.0)
        ready = [one for one, rank in zip(ready, ranks, strict=True) if rank is None or rank >= highest]
        if len(ready) == 1:
            return ready[0]
        draw = float(self.luck.uniform(self.patient, self.draws))
        self.draws += 1
        return ready[int(draw * len(ready))]


@dataclass(frozen=True, slots=True)
class _Rules:
    """The meaning of an event's expressions."""

    trigger: Rule
    delay: Rule
    priority: Rule | None
    values: tuple[Rule, ...]


def _rules(event: Event, meaning: Callable[[Expression], Rule]) -> _Rules:
    return _Rules(
        meaning(event.trigger),
        meaning(event.delay) if event.delay is not None else lambda _: 0.0,
        meaning(event.priority) if event.priority is not None else None,
        tuple(meaning(value) for _, value in event.assignments),
    )
