"""The functions of a kernel that eight patients share a call of: static expressions and right-hand side over lanes."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from itertools import chain

from offtarget.engine.formula import Namer
from offtarget.engine.lane_formula import lane_text
from offtarget.engine.tape import Tape
from offtarget.models.expression import Expression, symbols
from offtarget.models.model import Model

__all__ = ["lane_functions"]

#: Static expressions to a function: numba's time grows faster than a function's length.
_CHUNK = 40

_TAIL = """

#: What the rows of c are: parameters by their place, static expressions after them.
CONSTANTS = [{held}]
PARAMETERS = {parameters}
"""


def lane_functions(
    model: Model, definitions: Mapping[str, Expression], statics: Sequence[str], moving: Sequence[str],
    shown: Iterable[str], name: Namer,
) -> str:  # fmt: skip
    """Text of ``lane_static``, ``lane_rhs``, ``lane_jacobian``, and ``CONSTANTS``, which says what their ``c`` holds.

    Args:
        model: the equations.
        definitions: rules and rates of reactions by name.
        statics: the static rules, in order.
        moving: the other definitions that the right-hand side needs, in order.
        shown: what outputs and initial state use.
        name: the identifier of each model name.
    """
    parameters = {one.id: i for i, one in enumerate(model.parameters)}
    places = parameters | {one: len(parameters) + i for i, one in enumerate(statics)}
    slopes = model.derivatives()
    used = set(chain.from_iterable(map(symbols, (*(definitions[one] for one in moving), *slopes.values()))))
    constants = [one for one in places if one in used]
    lines = [f"{name('time')} = t"] if "time" in used else []
    lines += [f"{name(one)} = take(c, {i})" for i, one in enumerate(constants)]
    lines += [f"{name(one.id)} = take(y, {i})" for i, one in enumerate(model.species) if one.id in used]
    lines += [f"{name(one)} = {lane_text(definitions[one], name)}" for one in moving]
    lines += [
        f"put(f, {i}, {lane_text(slope, name)})  # {one}" for i, (one, slope) in enumerate(slopes.items())
    ]
    parts = _static(definitions, statics, {*constants, *shown}, parameters, name)
    says = "d/dt of every species, for eight patients."
    parts.append(_function("lane_rhs", "t, y, c, f", says, lines))
    parts.append(_jacobian(model, definitions, constants, moving, name))
    held = ", ".join(str(places[one]) for one in constants)
    return "".join([*parts, _TAIL.format(held=held, parameters=len(parameters))])


def _jacobian(
    model: Model,
    definitions: Mapping[str, Expression],
    constants: Sequence[str],
    moving: Sequence[str],
    namer: Namer,
) -> str:
    """Through the named rules by the chain rule; what is zero stays as it is, which is zero."""
    slopes = model.derivatives()
    tape = Tape(lambda node: lane_text(node, namer), namer, [*slopes, "time"])
    for one in moving:
        tape.define(one, definitions[one])
    entries = []
    for i, slope in enumerate(slopes.values()):
        for variable, value in tape.gradient(f"slope_{i}", slope).items():
            place = (
                f"by_time, {i}"
                if variable == "time"
                else f"out, {i * len(slopes) + list(slopes).index(variable)}"
            )
            entries.append(f"put({place}, {lane_text(value, namer)})")
    needed = _closure(tape.expressions, {one: definitions[one] for one in moving})
    lines = [f"{namer(one)} = {lane_text(definitions[one], namer)}" for one in moving if one in needed]
    loads = [f"{namer('time')} = t"] if "time" in needed else []
    loads += [f"{namer(one)} = take(c, {i})" for i, one in enumerate(constants) if one in needed]
    loads += [f"{namer(one)} = take(y, {i})" for i, one in enumerate(slopes) if one in needed]
    says = "Derivatives of the right-hand side by species (row by row), and by time, for eight patients."
    return _function("lane_jacobian", "t, y, c, out, by_time", says, [*loads, *lines, *tape.lines, *entries])


def _closure(roots: Iterable[Expression], definitions: Mapping[str, Expression]) -> set[str]:
    """All names that the roots need, through the definitions."""
    found: set[str] = set()
    waiting = list(chain.from_iterable(map(symbols, roots)))
    while waiting:
        one = waiting.pop()
        if one not in found:
            found.add(one)
            waiting += symbols(definitions[one]) if one in definitions else ()
    return found


def _static(
    definitions: Mapping[str, Expression], statics: Sequence[str], kept: set[str], parameters: Mapping[str, int],
    name: Callable[[str], str],
) -> list[str]:  # fmt: skip
    """What is neither kept nor used in a later function is not written down."""
    chunks = [statics[start : start + _CHUNK] for start in range(0, len(statics), _CHUNK)]
    reads = [
        set(chain.from_iterable(symbols(definitions[one]) for one in chunk)) - set(chunk) for chunk in chunks
    ]
    place, parts = {one: i for i, one in enumerate(statics)}, []
    for number, chunk in enumerate(chunks):
        later = kept.union(*reads[number + 1 :])
        lines = [f"{name(one)} = take(p, {i})" for one, i in parameters.items() if one in reads[number]]
        lines += [f"{name(one)} = take(s, {place[one]})" for one in statics if one in reads[number]]
        for one in chunk:
            lines.append(f"{name(one)} = {lane_text(definitions[one], name)}")
            lines += [f"put(s, {place[one]}, {name(one)})"] if one in later else []
        parts.append(_function(f"lane_static_{number}", "p, s", "Expressions of parameters only.", lines))
    calls = [f"lane_static_{number}(p, s)" for number in range(len(chunks))]
    says = "All expressions of parameters only, in order; those that are used."
    return [*parts, _function("lane_static", "p, s", says, calls, "inlined")]


def _function(name: str, arguments: str, says: str, lines: Sequence[str], how: str = "compiled") -> str:
    body = "".join(f"    {line}\n" for line in lines or ["pass"])
    return f'\n\n@{how}\ndef {name}({arguments}):\n    """{says}"""\n{body}'
