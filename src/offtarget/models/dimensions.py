"""Dimensions: every equation of a model must add, compare and assign like to like. Checked before anything runs.

A literal without a unit is a pure number; a literal zero fits everything. Scale (day or hour) is not judged here:
units are converted where numbers come in.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping

from offtarget.errors import InputError
from offtarget.models.expression import DRAWS, Call, Expression, Number, Symbol, infix
from offtarget.models.model import Event, Model
from offtarget.units import exponents

__all__ = ["check_dimensions", "raise_on_bad_dimensions"]

#: Base dimension -> power. None is a literal zero, which has every dimension.
Dimension = Mapping[str, float] | None

_LIKE = frozenset({"+", "-", "min", "max"})
_COMPARED = frozenset({"<", "<=", ">", ">=", "==", "!="})
_LOGIC = frozenset({"and", "or", "xor", "not", "implies"})
_KEPT = frozenset({"neg", "abs", "floor", "ceil"})
_NOTHING: Mapping[str, float] = {}


class _Disagree(Exception):
    """Two dimensions that should agree do not; the text says where."""


def check_dimensions(model: Model) -> tuple[str, ...]:
    """What is wrong with a model's dimensions, a sentence each; empty when everything agrees.

    Args:
        model: the equations, with the units of every name.
    """
    known: dict[str, Dimension] = {"time": exponents(model.time_unit)}
    for group in (model.parameters, model.species, model.rules):
        known |= {one.id: exponents(one.unit) for one in group}
    a_time = exponents(model.time_unit)
    units = {one.id: one.unit for one in model.species}
    for reaction in model.reactions:
        unit = units[reaction.changes[0][0]] if reaction.changes else ""
        known[reaction.id] = _product(exponents(unit), a_time, -1.0)
    return tuple(_complaints(model, known))


def raise_on_bad_dimensions(model: Model) -> None:
    """Refuse a model whose dimensions disagree.

    Raises:
        InputError: the first disagreement, and how many more there are.
    """
    found = check_dimensions(model)
    if found:
        more = f" ({len(found) - 1} more like it.)" if len(found) > 1 else ""
        raise InputError(found[0] + more)


def _complaints(model: Model, known: Mapping[str, Dimension]) -> Iterator[str]:
    a_time = exponents(model.time_unit)
    for species in model.species:
        yield from _held(f"initial value of {species.id}", species.initial, known[species.id], known, model)
    for rule in model.rules:
        yield from _held(rule.id, rule.expression, known[rule.id], known, model)
    for rate in model.rates:
        yield from _held(f"{rate.id}'", rate.expression, _product(known[rate.id], a_time, -1.0), known, model)
    for reaction in model.reactions:
        for changed, _ in reaction.changes:
            wanted = _product(known[changed], a_time, -1.0)
            yield from _held(f"reaction {reaction.id}", reaction.rate, wanted, known, model)
    for event in model.events:
        yield from _of_event(event, known, model)


def _of_event(event: Event, known: Mapping[str, Dimension], model: Model) -> Iterator[str]:
    """A trigger compares like with like, a delay is a time, and an assigned value has its species' dimension."""
    for name, value in event.assignments:
        yield from _held(f"event {event.id}: {name}", value, known[name], known, model)
    if event.delay is not None:
        yield from _held(f"event {event.id}: delay", event.delay, exponents(model.time_unit), known, model)
    for formula in (event.trigger, event.priority):
        try:
            if formula is not None:
                _of(formula, known)
        except _Disagree as problem:
            yield f"{model.id}: event {event.id}: {problem}"


def _held(
    name: str, expression: Expression, wanted: Dimension, known: Mapping[str, Dimension], model: Model
) -> Iterator[str]:
    try:
        found = _of(expression, known)
    except _Disagree as problem:
        yield f"{model.id}: {name}: {problem}"
        return
    if not _same(found, wanted):
        yield f"{model.id}: {name}: expected {_words(wanted)}, got {_words(found)} (in {_short(expression)})."


def _of(node: Expression, known: Mapping[str, Dimension]) -> Dimension:
    if isinstance(node, Number):
        if node.unit:
            return exponents(node.unit)
        return None if node.value == 0 else _NOTHING
    if isinstance(node, Symbol):
        if node.name not in known:
            raise _Disagree(f'"{node.name}" is not defined (in {_short(node)}).')
        return known[node.name]
    return _call(node, [_of(part, known) for part in node.arguments])


def _call(node: Call, inside: list[Dimension]) -> Dimension:
    operator = node.operator
    if operator in _LIKE:
        return _alike(node, inside)
    if operator in _COMPARED:
        _alike(node, inside)
        return _NOTHING
    if operator in _LOGIC:
        return _NOTHING
    if operator in _KEPT:
        return inside[0]
    if operator == "*":
        total: Dimension = _NOTHING
        for part in inside:
            total = _product(total, part, 1.0)
        return total
    if operator == "/":
        return _product(inside[0], inside[1], -1.0)
    if operator in ("^", "sqrt"):
        return _power(node, inside)
    if operator == "piecewise":
        return _alike(node, [*inside[0:-1:2], inside[-1]])
    if operator in DRAWS:
        return _drawn(node, inside)
    if operator in ("rem", "quotient"):
        return inside[0] if operator == "rem" else _product(inside[0], inside[1], -1.0)
    if not _same(inside[0], _NOTHING):
        raise _Disagree(
            f"expected a pure number inside {operator}(), got {_words(inside[0])} (in {_short(node)})."
        )
    return _NOTHING


def _drawn(node: Call, inside: list[Dimension]) -> Dimension:
    """What a distribution's arguments say about its draws; of counts and of logarithms they say nothing."""
    if node.operator in ("normal", "uniform", "laplace", "cauchy", "rayleigh"):
        return _alike(node, inside)
    if node.operator == "exponential":
        return _product(_NOTHING, inside[0], -1.0)
    return inside[1] if node.operator == "gamma" else None


def _alike(node: Call, inside: list[Dimension]) -> Dimension:
    settled = [part for part in inside if part is not None]
    for part in settled[1:]:
        if not _same(settled[0], part):
            raise _Disagree(
                f"expected {_words(settled[0])} throughout, got {_words(part)} (in {_short(node)})."
            )
    return settled[0] if settled else None


def _power(node: Call, inside: list[Dimension]) -> Dimension:
    if node.operator == "sqrt":
        return _product(_NOTHING, inside[0], 0.5)
    if not _same(inside[1], _NOTHING):
        raise _Disagree(f"expected a pure number as power, got {_words(inside[1])} (in {_short(node)}).")
    if _same(inside[0], _NOTHING):
        return _NOTHING
    power = node.arguments[1]
    if isinstance(power, Number):
        return _product(_NOTHING, inside[0], power.value)
    raise _Disagree(
        f"expected a literal power of {_words(inside[0])}, got {infix(power)} (in {_short(node)})."
    )


def _product(one: Dimension, other: Dimension, power: float) -> Dimension:
    if one is None or other is None:
        return None
    total = dict(one)
    for base, exponent in other.items():
        total[base] = round(total.get(base, 0.0) + power * exponent, 9)
    return {base: exponent for base, exponent in total.items() if exponent}


def _same(one: Dimension, other: Dimension) -> bool:
    return one is None or other is None or dict(one) == dict(other)


def _words(dimension: Dimension) -> str:
    if not dimension:
        return "a pure number"
    return " * ".join(
        base if power == 1 else f"{base}^{power:g}" for base, power in sorted(dimension.items())
    )


def _short(expression: Expression, limit: int = 90) -> str:
    text = infix(expression)
    return f'"{text}"' if len(text) <= limit else f'"{text[:limit]}..."'
