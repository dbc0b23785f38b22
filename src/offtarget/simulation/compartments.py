"""Compartments: where doses go, and the input term that an infusion needs.

A dose is an amount. A species that the model writes as a concentration has an amount behind it (``models.sbml_read``);
the user names the species, the dose goes to the amount.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace

from offtarget.errors import InputError, nearest, sentence, short
from offtarget.models.expression import Call, Expression, Symbol, multiply, symbols
from offtarget.models.model import Model, Parameter, Reaction, Rule

__all__ = ["Compartment", "compartments", "find", "free_name", "with_inputs", "with_start"]


@dataclass(frozen=True, slots=True)
class Compartment:
    """A species as the user sees it.

    Attributes:
        name: the species.
        state: the state of the model behind it: itself, or its amount.
        size: what the amount is divided by to give the species; None when the species is an amount itself.
        unit: of the state, and so of a dose.
        shown_unit: of the species.
    """

    name: str
    state: str
    size: Expression | None
    unit: str
    shown_unit: str


def compartments(model: Model) -> tuple[Compartment, ...]:
    """The species of a model that can be dosed, in its order."""
    behind = {found[0]: (rule, found[1]) for rule in model.rules if (found := _divided(rule)) is not None}
    listed = []
    for one in model.species:
        rule, size = behind.get(one.id, (None, None))
        name, unit = (one.id, one.unit) if rule is None else (rule.id, rule.unit)
        listed.append(Compartment(name, one.id, size, one.unit, unit))
    return tuple(listed)


def _divided(rule: Rule) -> tuple[str, Expression] | None:
    """The amount and the size, when a rule is a species written as a concentration."""
    match rule.expression:
        case Call("/", (Symbol(state), size)) if state.rstrip("_") == f"{rule.id}_amount".rstrip("_"):
            return state, size
    return None


def find(word: str, known: tuple[Compartment, ...], where: str) -> int:
    """Which compartment a name or number means, counted from 0.

    Args:
        word: the name of a species or of the amount behind it, or its number in the model's order, from 1.
        known: the compartments of the model.
        where: for the error sentence.

    Raises:
        InputError: no such compartment.
    """
    for place, one in enumerate(known):
        if word in (one.name, one.state):
            return place
    if word.isdecimal() and 1 <= int(word) <= len(known):
        return int(word) - 1
    names = [one.name for one in known]
    if word.lstrip("-").isdecimal():
        expected = f"a number from 1 to {len(known)} ({', '.join(names[:12])}), or better the name"
        raise InputError(sentence(where, expected=expected, got=word))
    raise InputError(
        f'{where}: "{short(word)}" is no species of the model. {nearest(word, names, kind="compartment")}'
    )


def free_name(wanted: str, model: Model) -> str:
    """The name, with underscores behind it if the model has it already."""
    while wanted in model.names():
        wanted += "_"
    return wanted


def with_inputs(model: Model, states: Iterable[str]) -> tuple[Model, Mapping[str, str]]:
    """The model with a zero-order input to each of these states, and the parameter that holds each input's rate.

    Infusions are then events that set a parameter, so that several at a time add up.

    Args:
        model: the equations.
        states: names of species.
    """
    inputs: dict[str, str] = {}
    for state in states:
        name = free_name(f"input_{state}", model)
        inputs[state] = name
        unit = f"{model.unit(state)}/{model.time_unit}" if model.unit(state) and model.time_unit else ""
        model = replace(
            model, parameters=(*model.parameters, Parameter(name, 0.0, unit, f"input to {state}"))
        )
        if any(rate.id == state for rate in model.rates):
            rates = tuple(
                replace(rate, expression=Call("+", (rate.expression, Symbol(name))))
                if rate.id == state
                else rate
                for rate in model.rates
            )
            model = replace(model, rates=rates)
        else:
            into = Reaction(free_name(f"infusion_{state}", model), Symbol(name), ((state, 1.0),))
            model = replace(model, reactions=(*model.reactions, into))
    return model, inputs


def with_start(model: Model, one: Compartment, where: str) -> tuple[Model, str]:
    """The model with a parameter for the value a species starts from, and that parameter's name.

    What the model's other species start from stays as it is.

    Raises:
        InputError: the start of this species cannot be moved.
    """
    name = free_name(f"initial_{one.name}", model)
    still = {parameter.id for parameter in model.parameters} | model.static()
    if one.size is not None and not symbols(one.size) <= still:
        then = f"Give the amount {one.state} instead."
        raise InputError(
            sentence(where, expected="a species in a volume that stays put", got=one.name, then=then)
        )
    start: Expression = Symbol(name) if one.size is None else multiply(Symbol(name), one.size)
    model = replace(
        model, parameters=(*model.parameters, Parameter(name, 0.0, one.shown_unit, f"start of {one.name}")),
        species=tuple(replace(each, initial=start) if each.id == one.state else each for each in model.species),
    )  # fmt: skip
    return model, name
