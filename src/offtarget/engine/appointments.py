"""Instants at which a comparison may change and that are known beforehand: steps end there, whatever their length.

Comparisons are those of a model's events, and those in its equations, such as a dose that is switched on by the time.

The error of a step says nothing about an event that waits for the clock: where all else is at rest steps grow without
bound, and a dose "every seventh day" would fall between two looks. What is a straight line in time is solved for its
zero; of a remainder or a wave the instants are given between which it is a straight line, or at least goes one way.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from math import inf, pi

from offtarget.engine.derivatives import derivative, product, total
from offtarget.errors import UnsupportedError
from offtarget.models.expression import Call, Expression, Number, Symbol, size, substitute, symbols, walk
from offtarget.models.model import Model

__all__ = ["Diary"]

_ZERO, _ONE, _TIME, _NEVER = Number(0.0), Number(1.0), Symbol("time"), Number(-inf)
_COMPARE = ("<", "<=", ">", ">=", "==", "!=")
_WAVES = ("sin", "cos", "tan")
_STAIRS = ("floor", "ceil", "rem", "quotient")
_BREAKS = (*_COMPARE, *_WAVES, *_STAIRS, "abs", "min", "max")
#: An expression that is longer than this once its rules are written out is not looked into.
_LONGEST = 2000
#: A few rounding errors of a sum, as a share of its terms.
_BEYOND = 2e-15


class Diary:
    """Appointments in the expressions of one model."""

    def __init__(self, model: Model) -> None:
        meanings: dict[str, Expression] = {one.id: one.expression for one in model.rules}
        meanings |= {one.id: one.rate for one in model.reactions}
        static = model.static()
        self.meanings: Mapping[str, Expression] = {k: v for k, v in meanings.items() if k not in static}
        slopes = {name: self.written_out(slope) for name, slope in model.derivatives().items()}
        self.steady = {one.id for one in model.parameters} | static
        self.steady |= {name for name, slope in slopes.items() if slope == _ZERO}
        #: states that are straight lines in time between events
        self.lines = {k: v for k, v in slopes.items() if v != _ZERO and symbols(v) <= self.steady}

    def appointments(self, difference: Expression) -> Iterator[Expression]:
        """Where a difference may change its sign, as expressions of the present instant.

        Each is the next such instant for as long as the model's events leave alone what it depends on; it may also lie
        in the past, when there is none to come.
        """
        whole = self.written_out(difference)
        yield from self._zero(whole)
        for node in walk(whole):
            if isinstance(node, Call) and node.operator in _BREAKS:
                yield from self._break(node.operator, node.arguments)

    def jumps(self, slope: Expression) -> Iterator[Expression]:
        """Where a rate of change may jump because of the time, as ``appointments`` has it.

        A pulse that opens and closes between two stages of a step leaves no trace in the step's error.
        """
        for node in walk(self.written_out(slope)):
            if isinstance(node, Call) and node.operator in _COMPARE:
                yield from self.appointments(Call("-", node.arguments))
            elif isinstance(node, Call) and node.operator in _STAIRS:
                yield from self._break(node.operator, node.arguments)

    def written_out(self, expression: Expression) -> Expression:
        """The expression without rules that move."""
        while symbols(expression) & self.meanings.keys() and size(expression) < _LONGEST:
            expression = substitute(expression, self.meanings)
        return expression

    def _break(self, word: str, parts: tuple[Expression, ...]) -> Iterator[Expression]:
        """Where a function turns, jumps or has a corner."""
        if word in ("floor", "ceil"):
            yield from self._whole(parts[0])
        elif word in ("rem", "quotient"):
            yield from self._whole(Call("/", parts))
        elif word in _WAVES:
            yield from self._whole(Call("*", (parts[0], Number(2.0 / pi))))
        elif word == "abs":
            yield from self._zero(parts[0])
        else:
            for part in parts[1:]:
                yield from self._zero(Call("-", (parts[0], part)))

    def _slope(self, expression: Expression) -> Expression:
        """d/dt along the solution of what is a straight line in time; zero for everything else, and for what rests."""
        moving = symbols(expression) - self.steady - {"time"}
        if not moving <= self.lines.keys():
            return _ZERO
        try:
            terms = [product(derivative(expression, name), self.lines[name]) for name in sorted(moving)]
            slope = total(derivative(expression, "time"), *terms)
        except UnsupportedError:
            return _ZERO
        return slope if symbols(slope) <= self.steady else _ZERO

    def _zero(self, line: Expression) -> Iterator[Expression]:
        """Where a straight line is zero. Of time alone, to the last bit: 3.2 for ``time >= 3.2``."""
        slope = self._slope(line)
        if slope == _ZERO:
            return
        straight = not any(isinstance(node, Call) and node.operator in _BREAKS for node in walk(line))
        if straight and symbols(line) <= self.steady | {"time"}:
            yield Call("neg", (Call("/", (substitute(line, {"time": _ZERO}), slope)),))
        else:
            yield self._after(Call("neg", (Call("/", (line, slope)),)), line, slope)

    def _whole(self, line: Expression) -> Iterator[Expression]:
        """Where a straight line is a whole number next."""
        slope = self._slope(line)
        if slope == _ZERO:
            return
        above = Call("+", (Call("floor", (line,)), _ONE))
        below = Call("-", (Call("ceil", (line,)), _ONE))
        goal = Call("piecewise", (above, Call(">", (slope, _ZERO)), below))
        yield self._after(Call("/", (Call("-", (goal, line)), slope)), line, slope)

    def _after(self, wait: Expression, line: Expression, slope: Expression) -> Expression:
        """The instant so long from now, or long past where there is nothing to wait for.

        States are rounded: a step could end just before the zero, where the next appointment is the same one again, for
        ever. So it ends a few roundings beyond; where the zero was is found by looking into the step, as all else is.
        """
        then = Call("+", (_TIME, wait))
        if symbols(line) <= self.steady | {"time"}:
            return then
        beyond = Call("/", (product(Number(_BEYOND), _magnitude(line)), Call("abs", (slope,))))
        return Call("piecewise", (Call("+", (then, beyond)), Call(">=", (wait, _ZERO)), _NEVER))


def _magnitude(expression: Expression) -> Expression:
    """The sum of the sizes of what is added up: what an expression's rounding error is a share of."""
    if isinstance(expression, Call) and expression.operator in ("+", "-", "neg"):
        return total(*(_magnitude(part) for part in expression.arguments))
    return Call("abs", (expression,))
