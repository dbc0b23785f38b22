"""Events of a document as events of a Model: every assignment goes to a state.

A species written as a concentration is held as an amount, so that assigning to it assigns value times compartment, with
the compartment as the event leaves it.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace

from offtarget.errors import UnsupportedError
from offtarget.models.expression import Expression, multiply, substitute, symbols
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
    def written(formula: Expression | None) -> Expression | None:
        return None if formula is None else substitute(formula, laws)

    said = {name: substitute(value, laws) for name, value in one.assignments}
    after = _after(said, rules)
    assignments = []
    for name, value in said.items():
        if name not in places.amounts:
            assignments.append((name, value))
            continue
        place = source.species[name].place
        if one.from_trigger_time and place not in after and _moves_meanwhile(one, place, source, rules):
            raise UnsupportedError(
                f"{where}: {one.id}: an event that sets a concentration to its value at the trigger, in a compartment "
                "that changes meanwhile, is not supported."
            )
        size = after.get(place, places.sizes[place])
        assignments.append((places.amounts[name], multiply(value, size)))
    return replace(
        one, trigger=substitute(one.trigger, laws), delay=written(one.delay), priority=written(one.priority),
        assignments=tuple(assignments),
    )  # fmt: skip


def _after(said: Mapping[str, Expression], rules: tuple[Rule, ...]) -> dict[str, Expression]:
    """What an event sets, and what rules make of that: name -> value just after it, of names just before it."""
    after = dict(said)
    for rule in rules:
        if symbols(rule.expression) & after.keys() and rule.id not in after:
            after[rule.id] = substitute(rule.expression, after)
    return after


def _moves_meanwhile(one: Event, place: str, source: Source, rules: tuple[Rule, ...]) -> bool:
    """Whether a compartment may change between the trigger of an event and its execution."""
    moving = {id for other in source.events if other is not one for id, _ in other.assignments}
    if one.delay is not None:
        moving |= {"time", *(id for id, each in source.quantities().items() if each.moves)}
        moving |= {id for id, each in source.species.items() if each.reacts}
    for rule in rules:
        if symbols(rule.expression) & moving:
            moving.add(rule.id)
    return place in moving and source.compartments[place].moves
