"""A Model as the text of a Python module that numba compiles: readable, and the same on every machine.

Sections of the module: static expressions (computed once a segment), initial state, right-hand side, Jacobian,
outputs, and the one entry that takes patients through time. A rule appears where something needs it and nowhere else.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from itertools import chain

from offtarget.engine.book import Book
from offtarget.engine.event_code import EventCode
from offtarget.engine.formula import Namer, python
from offtarget.engine.lane_code import lane_functions
from offtarget.engine.tape import Tape
from offtarget.errors import InputError, UnsupportedError, nearest
from offtarget.models.expression import Expression, Number, Symbol, symbols
from offtarget.models.model import Model

__all__ = ["generate", "statics"]

#: Static expressions to a function: numba's time grows faster than a function's length.
_CHUNK = 40

_HEAD = '''"""The model {id}, written by offtarget from its equations. Changes here are lost; {outputs} outputs."""

from math import (
    acos, acosh, asin, asinh, atan, atanh, cos, cosh, exp, inf, log, log10, nan, sin, sinh, sqrt, tan, tanh,
)

import numpy as np
from numba import njit

from offtarget.engine import lane_math as lane
from offtarget.engine.functions import (
    ceil, clear, cube, factorial, floor, fourth, largest, least, quotient, real_power, rem, square,
)
from offtarget.engine.lane_layout import places
from offtarget.engine.lane_math import power
from offtarget.engine.lanes import absolute, choose, put, root, take, wide
from offtarget.engine.{layout} import SIGNATURE
from offtarget.engine.{march} import marcher
from offtarget.engine.steppers import compiled, inlined

#: How many expressions of parameters only there are.
STATICS = {statics}
#: How many species.
SPECIES = {species}
'''

#: What the head of a model with events of its own also says.
_COUNTS = """#: What counts as a change of each comparison in the events' triggers.
COMPARISONS = {kinds}
#: How many instants at which one changes are known beforehand.
APPOINTMENTS = {appointments}
"""

_ENTRY = '''

march = marcher({functions})


@njit(SIGNATURE, cache=True, nogil=True, error_model="numpy")
def advance({arguments}, events, settings, times, out, first, last):
    """Take patients first to last through their times."""
    march({arguments}, events, settings, times, out, first, last)
'''
_FUNCTIONS = "static, initial, rhs, jacobian, outputs"
_ABREAST = (
    f"({_FUNCTIONS}), (lane_static, lane_rhs, lane_jacobian), CONSTANTS, (PARAMETERS, STATICS, ROOM), PLACES"
)


def generate(model: Model, outputs: Sequence[str], *, march: str = "", chancy: Sequence[str] = ()) -> str:
    """The module's text.

    Args:
        model: the equations.
        outputs: names of species, parameters, rules or reactions, in the order of the output columns.
        march: the module whose march takes patients in whom few cells are counted (see ``hybrid_net``); "" where all
            flow.
        chancy: the rules whose values it needs, in order.

    Raises:
        InputError: an output or a symbol that the model does not have, or definitions in a circle.
        UnsupportedError: a function that the engine does not have.
    """
    writer = _Writer(model, outputs)
    return writer.hybrid(march, chancy) if march else writer.module()


def statics(model: Model, outputs: Sequence[str]) -> tuple[str, ...]:
    """The static rules that the kernel of these outputs computes, in order: the columns of ``Patients.static``."""
    return Book(model, outputs).statics


class _Writer:
    """Writes the module of one model."""

    def __init__(self, model: Model, outputs: Sequence[str]) -> None:
        self.book = Book(model, outputs)
        self.model = model
        self.namer = Namer()
        self.places = {"time": "t"}
        self.places |= {one.id: f"p[{i}]" for i, one in enumerate(model.parameters)}
        self.places |= {one.id: f"y[{i}]" for i, one in enumerate(model.species)}
        self.places |= {name: f"s[{i}]" for i, name in enumerate(self.book.statics)}
        for name in ("time", *(k for k in self.places if k != "time"), *self.book.definitions):
            self.namer(name)  # identifiers in the order of the model, whatever is asked for first

    def module(self) -> str:
        """The whole text."""
        code = self.book.events
        if not code:
            return "".join([self._head("layout", "abreast"), *self._functions(), *self._entry_abreast()])
        counts = _COUNTS.format(kinds=code.kinds, appointments=len(code.appointments))
        head = self._head("event_layout", "state_events") + counts
        return "".join([head, *self._functions(), *self._entry_with_events(code)])

    def hybrid(self, march: str, chancy: Sequence[str]) -> str:
        """The whole text for a march in which few cells are counted."""
        if self.book.events:
            raise UnsupportedError(
                f"{self.model.id}: a rate that changes at an instant in time is not supported where few cells are "
                "counted. Let a schedule change a parameter instead."
            )
        rates = self._vector("rates", "How often each reaction of chance happens.", [*map(Symbol, chancy)])
        entry = _ENTRY.format(functions=f"{_FUNCTIONS}, rates, SPECIES", arguments="patients, luck, net")
        return "".join([self._head("hybrid_layout", march), *self._functions(), rates, entry])

    def _head(self, layout: str, march: str) -> str:
        book = self.book
        return _HEAD.format(id=self.model.id, outputs=len(book.outputs), statics=len(book.statics),
                            species=len(book.derivatives), layout=layout, march=march)  # fmt: skip

    def _functions(self) -> list[str]:
        """What every march needs."""
        looked = [Symbol(name) for name in self.book.outputs]
        outputs = self._vector("outputs", "What is looked at.", looked)
        return [*self._static(), self._initial(), self._rhs(), self._jacobian(), outputs]

    def _text(self, expression: Expression) -> str:
        for name in sorted(symbols(expression)):
            if (
                name not in self.places
                and name not in self.book.definitions
                and name not in self.namer.locals
            ):
                known = self.model.names()
                raise InputError(f'{self.model.id}: no name "{name}". {nearest(name, known, kind="name")}')
        return python(expression, self.namer)

    def _function(
        self,
        name: str,
        arguments: str,
        says: str,
        lines: Sequence[str],
        reads: Iterable[str],
        how: str = "compiled",
    ) -> str:
        """One compiled function that first reads what it needs out of the arrays."""
        wanted = set(reads)
        loads = [
            f"{self.namer(k)} = {place}" for k, place in self.places.items() if k in wanted and k != "time"
        ]
        if "time" in wanted:
            loads.insert(0, f"{self.namer('time')} = t")
        body = "".join(f"    {line}\n" for line in [*loads, *lines] or ["pass"])
        return f'\n\n@{how}\ndef {name}({arguments}):\n    """{says}"""\n{body}'

    def _define(self, names: Iterable[str]) -> list[str]:
        return [f"{self.namer(name)} = {self._text(self.book.definitions[name])}" for name in names]

    def _reads(self, expressions: Iterable[Expression]) -> set[str]:
        return set(chain.from_iterable(map(symbols, expressions)))

    def _static(self) -> list[str]:
        names, parts, calls = self.book.statics, [], []
        for number, start in enumerate(range(0, len(names), _CHUNK)):
            chunk = names[start : start + _CHUNK]
            lines = [line for name, text in zip(chunk, self._define(chunk), strict=True)
                     for line in (text, f"{self.places[name]} = {self.namer(name)}")]  # fmt: skip
            reads = self._reads(self.book.definitions[name] for name in chunk) - set(chunk)
            parts.append(
                self._function(f"static_{number}", "p, s", "Expressions of parameters only.", lines, reads)
            )
            calls.append(f"static_{number}(p, s)")
        parts.append(
            self._function(
                "static", "p, s", "All expressions of parameters only, in order.", calls, (), "inlined"
            )
        )
        return parts

    def _initial(self) -> str:
        book, initials = self.book, self.book.initials
        moving = {k: v for k, v in book.definitions.items() if k not in book.static} | initials
        order = book.order(map(Symbol, initials), moving)
        lines = [f"{self.namer(name)} = {self._text(moving[name])}" for name in order]
        lines += [f"{self.places[name]} = {self.namer(name)}" for name in initials]
        reads = self._reads(moving[name] for name in order) - set(initials)
        return self._function("initial", "t, p, s, y", "The state at the start.", lines, reads)

    def _rhs(self) -> str:
        slopes = self.book.derivatives
        names = self.book.moving(slopes.values())
        lines = self._define(names)
        lines += [f"f[{i}] = {self._text(slope)}  # {name}" for i, (name, slope) in enumerate(slopes.items())]
        reads = self._reads([*(self.book.definitions[name] for name in names), *slopes.values()])
        return self._function("rhs", "t, y, p, s, f", "d/dt of every species.", lines, reads)

    def _vector(self, name: str, says: str, values: Sequence[Expression]) -> str:
        """A function that fills a vector with these values."""
        names = self.book.moving(values)
        lines = self._define(names) + [f"out[{i}] = {self._text(value)}" for i, value in enumerate(values)]
        reads = self._reads([*(self.book.definitions[name] for name in names), *values])
        return self._function(name, "t, y, p, s, out", says, lines, reads)

    def _entry_with_events(self, code: EventCode) -> list[str]:
        """The way in, and before it what events need."""
        functions = f"{_FUNCTIONS}, triggers, watched, effects, appointments, SPECIES"
        return [
            self._vector("triggers", "The condition of each event.", code.triggers),
            self._vector("watched", "The comparisons in them, as differences.", code.watched),
            self._vector("effects", "Delays, priorities (nan: none) and new values.", code.effects),
            self._vector("appointments", "Instants known beforehand.", code.appointments),
            _ENTRY.format(functions=functions, arguments="patients, pending, plan"),
        ]

    def _entry_abreast(self) -> list[str]:
        """The way in for eight patients abreast, and before it what they share."""
        book = self.book
        needed = book.moving(book.derivatives.values())
        return [
            lane_functions(self.model, book.definitions, book.statics, needed, self.namer),
            _ENTRY.format(functions=_ABREAST, arguments="patients"),
        ]

    def _jacobian(self) -> str:
        """Derivatives go through the named rules by the chain rule, so what rules share is computed once."""
        slopes = self.book.derivatives
        names = self.book.moving(slopes.values())
        tape = Tape(self._text, self.namer, [*slopes, "time"])
        lines = ["clear(out, by_time)"]
        for name in names:
            tape.define(name, self.book.definitions[name])
        entries = []
        for i, slope in enumerate(slopes.values()):
            for variable, value in tape.gradient(f"slope_{i}", slope).items():
                if isinstance(value, Number) and value.value == 0.0:
                    continue
                place = f"by_time[{i}]" if variable == "time" else f"out[{i}, {list(slopes).index(variable)}]"
                entries.append(f"{place} = {self._text(value)}")
        used = self._define(self.book.moving(tape.expressions))
        reads = self._reads([*tape.expressions, *(self.book.definitions[name] for name in names)])
        says = "Derivatives of the right-hand side by species, and by time."
        return self._function(
            "jacobian", "t, y, p, s, out, by_time", says, [*lines, *used, *tape.lines, *entries], reads
        )
