"""An Expression as Python text: with the author's order of operations and no bracket that is not needed."""

from __future__ import annotations

import keyword
import re
from collections.abc import Callable, Iterable

from offtarget.errors import UnsupportedError
from offtarget.models.expression import DRAWS, Call, Expression, Number, Symbol, symbols

__all__ = ["RESERVED", "Namer", "constant", "python"]

_UNARY = ("acos", "acosh", "asin", "asinh", "atan", "atanh", "cos", "cosh", "exp", "sin", "sinh", "sqrt", "tan", "tanh",
          "log10", "ceil", "floor", "factorial")  # fmt: skip
_COMPARE = ("<", "<=", ">", ">=", "==", "!=")
_LOGIC = ("and", "or", "xor", "not", "implies")
_POWERS = {2.0: "square", 3.0: "cube", 4.0: "fourth"}

#: Names that generated code uses for itself.
RESERVED = frozenset({
    "t", "y", "p", "s", "f", "out", "by_time", "njit", "compiled", "inlined", "march", "marcher", "clear", "static",
    "initial", "rhs", "jacobian", "outputs", "advance", "SIGNATURE", "STATICS", "inf", "nan", "log", "abs", "least",
    "largest", "rem", "quotient", "real_power", "float", "triggers", "watched", "effects", "appointments",
    "COMPARISONS", "APPOINTMENTS",
    "a", "lane", "take", "put", "wide", "choose", "higher", "lower", "absolute", "root", "power", "lane_static",
    "lane_rhs", "lane_jacobian", "CONSTANTS", "PARAMETERS", "PLACES", "places", "STATE", "BY_TIME", "JACOBIAN", "HELD",
    "SPECIES", "ROOM", "NUMBERS", "PROGRAM", "np",
    *_UNARY, *_POWERS.values(),
})  # fmt: skip


class Namer:
    """Gives every model name an identifier that is safe in generated code, always the same for the same requests."""

    def __init__(self) -> None:
        self._taken = set(RESERVED)
        self._given: dict[str, str] = {}
        self.locals: set[str] = set()

    def __call__(self, name: str) -> str:
        """The identifier of a model name."""
        if name not in self._given:
            plain = re.fullmatch(r"[A-Za-z_][A-Za-z0-9_]*", name) and not name.startswith("__")
            self._given[name] = self.fresh(name if plain else "name")
        return self._given[name]

    def local(self, stem: str) -> str:
        """A new identifier that stands for itself."""
        word = self.fresh(stem)
        self.locals.add(word)
        self._given[word] = word
        return word

    def fresh(self, stem: str) -> str:
        """An identifier that nothing else has."""
        word, number = stem, 1
        while word in self._taken or keyword.iskeyword(word) or keyword.issoftkeyword(word):
            number += 1
            word = f"{stem}_{number}" if number > 2 else f"{stem}_"
        self._taken.add(word)
        return word


def python(node: Expression, name: Callable[[str], str]) -> str:
    """The expression as Python text.

    Args:
        node: the expression; a condition used as a number counts 1 or 0, a number used as a condition is true
            unless it is zero.
        name: the identifier (or text such as ``p[3]``) of each model name.

    Raises:
        UnsupportedError: an operator that the engine does not have.
    """
    return _number(node, name, 0)


def constant(node: Expression) -> float | None:
    """The value of a literal, with or without a sign before it; None for anything else."""
    if isinstance(node, Call) and node.operator == "neg" and isinstance(node.arguments[0], Number):
        return -node.arguments[0].value
    return node.value if isinstance(node, Number) else None


def _wrap(text: str, level: int, outer: int) -> str:
    return f"({text})" if level < outer else text


def _number(node: Expression, name: Callable[[str], str], outer: int) -> str:
    """Levels: 1 sums, 2 products, 3 signs, 4 powers, 5 atoms."""
    if isinstance(node, Number):
        return _literal(node.value, outer)
    if isinstance(node, Symbol):
        return name(node.name)
    word, parts = node.operator, node.arguments
    if word in _COMPARE or word in _LOGIC:
        return f"(1.0 if {_condition(node, name, 0)} else 0.0)"
    if word in ("+", "-", "*", "/"):
        if not parts:
            return "0.0" if word == "+" else "1.0"
        level = 1 if word in "+-" else 2
        texts = [_number(part, name, level if i == 0 else level + 1) for i, part in enumerate(parts)]
        return _wrap(f" {word} ".join(texts), level, outer)
    if word == "neg":
        return _wrap(f"-{_number(parts[0], name, 3)}", 3, outer)
    if word == "^":
        return _power(parts[0], parts[1], name, outer)
    if word == "piecewise":
        return _piecewise(parts, name)
    return _function(word, parts, name)


def _literal(value: float, outer: int) -> str:
    text = repr(float(value))
    return f"({text})" if text.startswith("-") and outer > 1 else text


def _power(base: Expression, exponent: Expression, name: Callable[[str], str], outer: int) -> str:
    fixed = constant(exponent)
    if fixed is not None:
        size = abs(fixed)
        plain = _number(base, name, 0)
        text = {1.0: plain, 0.5: f"sqrt({plain})"}.get(size) or (
            f"{_POWERS[size]}({plain})" if size in _POWERS else ""
        )
        if text and fixed < 0:
            return _wrap(f"1.0 / {text}" if size != 1.0 else f"1.0 / {_number(base, name, 3)}", 2, outer)
        if text:
            return text if size != 1.0 else _number(base, name, outer)
    if not symbols(base) and not symbols(exponent):
        # Python would compute a power of literals itself, and a negative one's root as a complex number
        return f"real_power({_number(base, name, 0)}, {_number(exponent, name, 0)})"
    return _wrap(f"{_number(base, name, 5)} ** {_number(exponent, name, 4)}", 4, outer)


def _piecewise(parts: tuple[Expression, ...], name: Callable[[str], str]) -> str:
    """Without an otherwise, the value where no condition holds is not a number."""
    text = _number(parts[-1], name, 1) if len(parts) % 2 else "nan"
    for value, condition in reversed(list(zip(parts[0 : len(parts) - 1 : 2], parts[1::2], strict=True))):
        text = f"({_number(value, name, 1)} if {_condition(condition, name, 0)} else {text})"
    return text


def _function(word: str, parts: tuple[Expression, ...], name: Callable[[str], str]) -> str:
    texts = [_number(part, name, 0) for part in parts]
    if word in _UNARY or word in ("abs", "rem", "quotient"):
        return f"{word}({', '.join(texts)})"
    if word == "ln":
        return f"log({texts[0]})"
    if word in ("min", "max"):
        text = texts[0]
        for other in texts[1:]:
            text = f"{'least' if word == 'min' else 'largest'}({text}, {other})"
        return text
    if word in DRAWS:
        then = "Simulate it with the engine of chance (stochastic)."
        raise UnsupportedError(f"the model draws numbers by chance, from {word}(). {then}")
    raise UnsupportedError(f'the engine has no function "{word}".')


def _condition(node: Expression, name: Callable[[str], str], outer: int) -> str:
    """Levels: 1 or, 2 and, 3 not and comparisons."""
    if not isinstance(node, Call) or node.operator not in (*_COMPARE, *_LOGIC):
        return _wrap(f"{_number(node, name, 1)} != 0.0", 3, outer)
    word, parts = node.operator, node.arguments
    if word in _COMPARE:
        return _wrap(f"{_number(parts[0], name, 1)} {word} {_number(parts[1], name, 1)}", 3, outer)
    if word == "not":
        return _wrap(f"not {_condition(parts[0], name, 4)}", 3, outer)
    if word == "implies":
        return _wrap(f"not {_condition(parts[0], name, 4)} or {_condition(parts[1], name, 2)}", 1, outer)
    if word == "xor":
        return _wrap(_chain(" != ", (f"({_condition(part, name, 0)})" for part in parts)), 3, outer)
    level = 1 if word == "or" else 2
    return _wrap(f" {word} ".join(_condition(part, name, level + 1) for part in parts), level, outer)


def _chain(word: str, texts: Iterable[str]) -> str:
    """Left to right with brackets: Python would read a bare chain of comparisons as something else."""
    first, *rest = texts
    for text in rest:
        first = f"({first}{word}{text})"
    return first
