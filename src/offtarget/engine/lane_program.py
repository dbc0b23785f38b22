"""Expressions of parameters only, for eight patients, as a list of steps instead of a text.

They are computed once a segment, so it hardly matters how fast; but there can be a hundred and fifty of them with
sums of sixty terms, and a fifth of a kernel's compilation went into them. A step reads rows of a table and writes one.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

from offtarget.engine.formula import constant
from offtarget.errors import UnsupportedError
from offtarget.models.expression import Call, Expression, Number, Symbol

__all__ = ["Program", "program", "step_text"]

_COMPARE = ("<", "<=", ">", ">=", "==", "!=")
#: What a step does with ``x`` and ``y``, by its word; ``choose`` has its condition in ``z``.
_TEXTS = {
    "+": "x + y", "-": "x - y", "*": "x * y", "/": "x / y", "neg": "-x", "^": "power(x, y)", "copy": "x",
    "exp": "lane.exp(x)", "ln": "lane.log(x)", "sqrt": "root(x)", "abs": "absolute(x)", "floor": "lane.floor(x)",
    "ceil": "lane.ceil(x)", "min": "lane.least(x, y)", "max": "lane.largest(x, y)", "rem": "lane.rem(x, y)",
    "quotient": "lane.quotient(x, y)", "factorial": "lane.factorial(x)",
    "choose": "choose(take(a, PROGRAM[k, 4]) != 0.0, x, y)",
    **{word: f"choose(x {word} y, 1.0, 0.0)" for word in _COMPARE},
    **{word: f"lane.{word}(x)" for word in ("acos", "acosh", "asin", "asinh", "atan", "atanh", "cos", "cosh", "log10",
                                            "sin", "sinh", "tan", "tanh")},
}  # fmt: skip
_LOGIC = {"and": "*", "or": "max", "xor": "!="}


@dataclass(frozen=True, slots=True)
class Program:
    """Steps over the rows of a table: parameters, the expressions in order, numbers, work space.

    Attributes:
        words: what the steps do; a step names its word by number.
        steps: word, the row written, the rows read (two, and a third for a choice).
        numbers: the literals as text, in the rows after the expressions.
        rows: how many rows the table has.
    """

    words: tuple[str, ...]
    steps: tuple[tuple[int, ...], ...]
    numbers: tuple[str, ...]
    rows: int


def program(definitions: Mapping[str, Expression], parameters: Mapping[str, int]) -> Program:
    """The steps that compute the expressions in order.

    Args:
        definitions: by name, each after those it needs.
        parameters: the row of each parameter, which come first in the table.

    Raises:
        UnsupportedError: an operator that the engine does not have.
    """
    rows = dict(parameters) | {name: len(parameters) + j for j, name in enumerate(definitions)}
    writer = _Writer(rows)
    for name, expression in definitions.items():
        writer.write(expression, rows[name], 0)
    first, free = len(rows), len(rows) + len(writer.numbers)
    steps = [(step[0], *(_row(one, first, free) for one in step[1:])) for step in writer.steps]
    return Program(tuple(writer.words), tuple(steps), tuple(writer.numbers), free + writer.deepest + 1)


def step_text(word: str) -> str:
    """The text of a step over lanes ``x`` and ``y``."""
    return _TEXTS[word]


#: Rows that are not known before the end: number k is ``-1 - 2 k``, work space k is ``-2 - 2 k``.
def _row(one: int, first: int, free: int) -> int:
    if one >= 0:
        return one
    k, work = divmod(-1 - one, 2)
    return free + k if work else first + k


@dataclass(slots=True)
class _Writer:
    rows: Mapping[str, int]
    words: dict[str, int] = field(default_factory=dict)
    steps: list[tuple[int, int, int, int, int]] = field(default_factory=list)
    numbers: dict[str, int] = field(default_factory=dict)
    deepest: int = 0

    def write(self, node: Expression, to: int, depth: int) -> None:
        """Steps that leave the expression's value in a row; work space above ``depth`` is free."""
        if not isinstance(node, Call):
            self._step("copy", to, self._read(node, depth))
            return
        word, parts = node.operator, node.arguments
        if word == "piecewise":
            self._piecewise(parts, to, depth)
        elif word == "^":
            self._power(parts[0], parts[1], to, depth)
        elif word in (*_LOGIC, "not", "implies"):
            self._logic(word, parts, to, depth)
        elif word in ("+", "*", "-", "/", "min", "max"):
            self._fold(word, parts, to, depth)
        elif word in _TEXTS:
            x = self._read(parts[0], depth)
            self._step(word, to, x, self._read(parts[1], depth + 1) if len(parts) > 1 else x)
        else:
            raise UnsupportedError(f'the engine has no function "{word}".')

    def _step(self, word: str, to: int, x: int, y: int | None = None, z: int | None = None) -> None:
        number = self.words.setdefault(word, len(self.words))
        self.steps.append((number, to, x, x if y is None else y, x if z is None else z))

    def _work(self, depth: int) -> int:
        self.deepest = max(self.deepest, depth)
        return -2 - 2 * depth

    def _number(self, value: float) -> int:
        return -1 - 2 * self.numbers.setdefault(repr(float(value)), len(self.numbers))

    def _read(self, node: Expression, depth: int) -> int:
        """The row that holds the expression's value, computed into work space where it is in none yet."""
        if isinstance(node, Symbol):
            return self.rows[node.name]
        if isinstance(node, Number):
            return self._number(node.value)
        self.write(node, self._work(depth), depth)
        return self._work(depth)

    def _fold(self, word: str, parts: tuple[Expression, ...], to: int, depth: int) -> None:
        if not parts:
            self._step("copy", to, self._number(1.0 if word == "*" else 0.0))
            return
        x = self._read(parts[0], depth)
        if len(parts) == 1:
            self._step("copy", to, x)
        for place, part in enumerate(parts[1:], start=2):
            y = self._read(part, depth + 1)
            into = to if place == len(parts) else self._work(depth)
            self._step(word, into, x, y)
            x = into

    def _power(self, base: Expression, exponent: Expression, to: int, depth: int) -> None:
        """As in ``formula``: small whole powers are products."""
        fixed, x = constant(exponent), self._read(base, depth)
        size = None if fixed is None else abs(fixed)
        if size not in (0.5, 1.0, 2.0, 3.0, 4.0):
            self._step("^", to, x, self._read(exponent, depth + 1))
            return
        square = self._work(depth + 1)
        into = to if fixed is not None and fixed > 0 else square
        if size in (0.5, 1.0):
            self._step("sqrt" if size == 0.5 else "copy", into, x)
        elif size == 2.0:
            self._step("*", into, x, x)
        else:
            self._step("*", square, x, x)
            self._step("*", into, square, x if size == 3.0 else square)
        if into != to:
            self._step("/", to, self._number(1.0), into)

    def _logic(self, word: str, parts: tuple[Expression, ...], to: int, depth: int) -> None:
        if word == "not":
            self._step("==", to, self._truth(parts[0], depth), self._number(0.0))
        elif word == "implies":
            x = self._truth(parts[0], depth)
            self._step("==", self._work(depth), x, self._number(0.0))
            self._step("max", to, self._work(depth), self._truth(parts[1], depth + 1))
        else:
            x = self._truth(parts[0], depth) if parts else self._number(1.0 if word == "and" else 0.0)
            self._step("copy", self._work(depth), x)
            for part in parts[1:]:
                self._step(_LOGIC[word], self._work(depth), self._work(depth), self._truth(part, depth + 1))
            self._step("copy", to, self._work(depth))

    def _truth(self, node: Expression, depth: int) -> int:
        """The row of a condition, as 1 or 0."""
        x = self._read(node, depth)
        if isinstance(node, Call) and (node.operator in (*_COMPARE, *_LOGIC, "not", "implies")):
            return x
        self._step("!=", self._work(depth), x, self._number(0.0))
        return self._work(depth)

    def _piecewise(self, parts: tuple[Expression, ...], to: int, depth: int) -> None:
        """From the last piece to the first; every value is computed, the first true condition chooses."""
        best = self._work(depth)
        otherwise = parts[-1] if len(parts) % 2 else Number(float("nan"))
        self._step("copy", best, self._read(otherwise, depth + 1))
        for value, condition in reversed(list(zip(parts[0 : len(parts) - 1 : 2], parts[1::2], strict=True))):
            x = self._read(value, depth + 1)
            self._step("choose", best, x, best, self._truth(condition, depth + 2))
        self._step("copy", to, best)
