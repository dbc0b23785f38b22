"""The functions of a kernel that eight patients share a call of: static expressions and right-hand side over lanes."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from itertools import chain

from offtarget.engine.formula import Namer
from offtarget.engine.lane_formula import lane_text
from offtarget.engine.lane_program import program, step_text
from offtarget.engine.tape import Tape
from offtarget.models.expression import Expression, symbols
from offtarget.models.model import Model

__all__ = ["lane_functions"]

#: What ``lane_static`` does.
_PROGRAM = """

#: How many rows its table has; numbers; and steps: the word, the row written, the rows read.
ROOM = {rows}
NUMBERS = np.array([{numbers}], np.float64)
PROGRAM = np.array([
{steps}], np.int64).reshape(-1, 5)
"""

#: Where things are in a gang's table, for the functions that follow.
_PLACES = """

#: Rows of that table which the right-hand side needs.
CONSTANTS = [{held}]
PARAMETERS = {parameters}
PLACES = places(SPECIES, len(CONSTANTS))
STATE, BY_TIME, JACOBIAN, HELD = PLACES.state, PLACES.by_time, PLACES.jacobian, PLACES.held
"""


def lane_functions(
    model: Model, definitions: Mapping[str, Expression], statics: Sequence[str], moving: Sequence[str], name: Namer
) -> str:  # fmt: skip
    """Text of ``lane_static``, ``lane_rhs``, ``lane_jacobian``, and of where in a gang's table they find things.

    ``lane_static`` has a table of its own: parameters, then static expressions. ``lane_rhs`` is told in which rows the
    state begins and where to begin with the slopes.

    Args:
        model: the equations.
        definitions: rules and rates of reactions by name.
        statics: the static rules, in order.
        moving: the other definitions that the right-hand side needs, in order.
        name: the identifier of each model name.
    """
    parameters = {one.id: i for i, one in enumerate(model.parameters)}
    places = parameters | {one: len(parameters) + i for i, one in enumerate(statics)}
    slopes = model.derivatives()
    used = set(chain.from_iterable(map(symbols, (*(definitions[one] for one in moving), *slopes.values()))))
    constants = [one for one in places if one in used]
    lines = [f"{name('time')} = t"] if "time" in used else []
    lines += [f"{name(one)} = take(a, HELD + {i})" for i, one in enumerate(constants)]
    lines += [f"{name(one.id)} = take(a, y + {i})" for i, one in enumerate(model.species) if one.id in used]
    lines += [f"{name(one)} = {lane_text(definitions[one], name)}" for one in moving]
    lines += [
        f"put(a, f + {i}, {lane_text(slope, name)})  # {one}" for i, (one, slope) in enumerate(slopes.items())
    ]
    held = ", ".join(str(places[one]) for one in constants)
    parts = [_PLACES.format(held=held, parameters=len(parameters))]
    parts.append(_static({one: definitions[one] for one in statics}, parameters))
    says = "d/dt of every species, for eight patients."
    parts.append(_function("lane_rhs", "t, a, y, f", says, lines))
    parts.append(_jacobian(model, definitions, constants, moving, name))
    return "".join(parts)


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
                f"BY_TIME + {i}"
                if variable == "time"
                else f"JACOBIAN + {i * len(slopes) + list(slopes).index(variable)}"
            )
            entries.append(f"put(a, {place}, {lane_text(value, namer)})")
    needed = _closure(tape.expressions, {one: definitions[one] for one in moving})
    lines = [f"{namer(one)} = {lane_text(definitions[one], namer)}" for one in moving if one in needed]
    loads = [f"{namer('time')} = t"] if "time" in needed else []
    loads += [f"{namer(one)} = take(a, HELD + {i})" for i, one in enumerate(constants) if one in needed]
    loads += [f"{namer(one)} = take(a, STATE + {i})" for i, one in enumerate(slopes) if one in needed]
    says = "Derivatives of the right-hand side by species (row by row), and by time, for eight patients."
    return _function("lane_jacobian", "t, a", says, [*loads, *lines, *tape.lines, *entries])


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


def _static(definitions: Mapping[str, Expression], parameters: Mapping[str, int]) -> str:
    """A loop over the steps of ``lane_program``, which compiles in the time of those words that it uses."""
    made = program(definitions, parameters)
    lines = [
        "for k in range(len(NUMBERS)):",
        f"    put(a, {len(parameters) + len(definitions)} + k, NUMBERS[k])",
    ]
    lines += ["for k in range(len(PROGRAM)):", "    what, to = PROGRAM[k, 0], PROGRAM[k, 1]"]
    lines += ["    x, y = take(a, PROGRAM[k, 2]), take(a, PROGRAM[k, 3])"]
    for number, word in enumerate(made.words):
        lines += [f"    {'elif' if number else 'if'} what == {number}:  # {word}"]
        lines += [f"        put(a, to, {step_text(word)})"]
    rows = [", ".join(map(str, step)) for step in made.steps]
    steps = "".join(f"    ({'), ('.join(rows[k : k + 6])}),\n" for k in range(0, len(rows), 6))
    says = "All expressions of parameters only, in order, for eight patients."
    room = _PROGRAM.format(steps=steps, numbers=", ".join(made.numbers), rows=made.rows)
    return room + _function("lane_static", "a", says, lines)


def _function(name: str, arguments: str, says: str, lines: Sequence[str], how: str = "compiled") -> str:
    body = "".join(f"    {line}\n" for line in lines or ["pass"])
    return f'\n\n@{how}\ndef {name}({arguments}):\n    """{says}"""\n{body}'
