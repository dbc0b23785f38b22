"""Events of a document as events of a Model: every assignment goes to a state.

A species written as a concentration is held as an amount, so that assigning to it assigns value times compartment. An
event that sets the compartment too finds it as it was: every value is taken before any is written, and a change of size
then keeps the amount. The SBML test suite reads it so.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace

from offtarget.errors import UnsupportedError
from offtarget.models.expression import Expression, multiply, symbols
from offtarget.models.model import Event, Rule
from offtarget.models.sbml_source import Source
from offtarget.models.sbml_species import Places

__all__ = ["events_of"]


def events_of(
    source: Source, places: Places, laws: Mapping[str, Expression], rules: tuple[Rule, ...], where: str
) -> tuple[Event, ...]:
    """The document's events, their assignments to states.

    Args:
        source, places: what the document says and where it went.
        laws: what names of reactions and rates stand for.
        rules: the rules in order.
        where: the file or place, for error sentences.

    Raises:
        UnsupportedError: a delayed assignment of a concentration whose compartment changes meanwhile.
    """
    return tuple(_event(one, source, places, laws, rules, where) for one in source.events)


def _event(
    one: Event,
    source: Source,
    places: Places,
    laws: Mapping[str, Expression],
    rules: tuple[Rule, ...],
    where: str,
) -> Event:
    one = one.written(laws)
    assignments = []
    for name, value in one.assignments:
        if name not in places.amounts:
            assignments.append((name, value))
            continue
        place = source.species[name].place
        if place in _moving(one, source, rules):
            one = _at_execution(one, source, rules, where)
        assignments.append((places.amounts[name], multiply(value, places.sizes[place])))
    return replace(one, assignments=tuple(assignments))


def _at_execution(one: Event, source: Source, rules: tuple[Rule, ...], where: str) -> Event:
    """The event with its values taken at the execution, as the size of a compartment has to be, if that is the same."""
    moving = _moving(one, source, rules)
    if one.from_trigger_time and any(symbols(value) & moving for _, value in one.assignments):
        raise UnsupportedError(
            f"{where}: {one.id}: an event that sets a concentration to its value at the trigger, in a compartment that "
            "changes meanwhile, is not supported."
        )
    return replace(one, from_trigger_time=False)


def _moving(one: Event, source: Source, rules: tuple[Rule, ...]) -> set[str]:
    """What may change between the trigger of an event and its execution."""
    moving = {id for other in source.events if other.id != one.id for id, _ in other.assignments}
    if one.delay is not None:
        moving |= {"time", *(id for id, each in source.quantities().items() if each.moves)}
        moving |= {id for id, each in source.species.items() if each.reacts}
    for rule in rules:
        if symbols(rule.expression) & moving:
            moving.add(rule.id)
    return moving
