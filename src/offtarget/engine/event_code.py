"""What the compiled code has to evaluate for a model's events and switches, as lists of expressions.

Conditions are watched comparison by comparison: a window such as ``x > 1 and x < 1.1`` that opens and closes between
two looks leaves both its comparisons changed.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

from offtarget.engine.appointments import Diary
from offtarget.models.expression import Call, Expression, Number
from offtarget.models.model import Model

__all__ = ["EventCode", "comparisons", "event_code"]

_COMPARE = {"<": 0, ">=": 0, ">": 1, "<=": 1, "==": 2, "!=": 2}
_LOGIC = ("and", "or", "xor", "not", "implies")


@dataclass(frozen=True, slots=True)
class EventCode:
    """The expressions, in the order of the vectors that compiled code fills.

    Attributes:
        triggers: each event's condition.
        watched: each comparison in them as a difference that changes sign with it.
        kinds: what counts as a change: 0 between negative and the rest, 1 between positive and the rest, 2 either.
        effects: each event's delay, each event's priority (not a number where it has none), all new values.
        appointments: instants known beforehand at which one may change (see ``appointments``).
    """

    triggers: tuple[Expression, ...]
    watched: tuple[Expression, ...]
    kinds: tuple[int, ...]
    effects: tuple[Expression, ...]
    appointments: tuple[Expression, ...]

    @property
    def expressions(self) -> tuple[Expression, ...]:
        """All of them."""
        return (*self.triggers, *self.watched, *self.effects, *self.appointments)


def event_code(model: Model) -> EventCode | None:
    """What has to be evaluated for the events of a model, and for jumps of its equations at known instants; or None."""
    # x > 1 and x >= 1 are one difference, and two changes
    watched = dict.fromkeys(found for event in model.events for found in comparisons(event.trigger))
    effects = [event.delay or Number(0.0) for event in model.events]
    effects += [event.priority or Number(float("nan")) for event in model.events]
    effects += [value for event in model.events for _, value in event.assignments]
    diary = Diary(model)
    appointments = [one for difference, _ in watched for one in diary.appointments(difference)]
    appointments += [one for slope in model.derivatives().values() for one in diary.jumps(slope)]
    if not model.events and not appointments:
        return None
    return EventCode(
        tuple(event.trigger for event in model.events),
        tuple(difference for difference, _ in watched),
        tuple(kind for _, kind in watched),
        tuple(effects),
        tuple(dict.fromkeys(appointments)),
    )


def comparisons(node: Expression, condition: bool = True) -> Iterator[tuple[Expression, int]]:
    """Every comparison in a condition, and every number that is used as one, as (difference, what is a change)."""
    if isinstance(node, Call) and node.operator in _COMPARE:
        yield Call("-", node.arguments), _COMPARE[node.operator]
    elif (
        condition
        and not isinstance(node, Number)
        and not (isinstance(node, Call) and node.operator in _LOGIC)
    ):
        yield node, 2
    if isinstance(node, Call):
        for place, part in enumerate(node.arguments):
            chooses = node.operator == "piecewise" and place % 2 == 1
            yield from comparisons(part, node.operator in _LOGIC or chooses)
