"""Expressions: the small frozen tree in which every equation of a Model is held.

The tree keeps the order its author wrote, so that generated code, printed pages and exported SBML agree, and
the same bits come out on every machine. Symbolic work (derivatives) converts to sympy elsewhere.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass

__all__ = [
    "DRAWS",
    "Call",
    "Expression",
    "Number",
    "Symbol",
    "add",
    "divide",
    "draws",
    "infix",
    "multiply",
    "size",
    "substitute",
    "symbols",
]

#: Operators and functions a Call may hold, by number of arguments (None: one or more).
#: ``piecewise`` is value, condition, value, condition, ..., otherwise.
OPERATORS: Mapping[str, int | None] = {
    "+": None, "*": None, "-": 2, "/": 2, "^": 2, "neg": 1,
    "exp": 1, "ln": 1, "log10": 1, "sqrt": 1, "abs": 1, "floor": 1, "ceil": 1, "factorial": 1,
    "sin": 1, "cos": 1, "tan": 1, "asin": 1, "acos": 1, "atan": 1, "sinh": 1, "cosh": 1, "tanh": 1,
    "asinh": 1, "acosh": 1, "atanh": 1,
    "min": None, "max": None, "rem": 2, "quotient": 2,
    "<": 2, "<=": 2, ">": 2, ">=": 2, "==": 2, "!=": 2,
    "and": None, "or": None, "xor": None, "not": 1, "implies": 2,
    "piecewise": None,
}  # fmt: skip
#: Draws from a distribution, as the SBML package of that name has them: how many arguments each may have. The last two
#: of the longest form are the bounds within which the draw has to lie.
DRAWS: Mapping[str, tuple[int, ...]] = {
    "bernoulli": (1,), "binomial": (2, 4), "cauchy": (1, 2, 4), "chisquare": (1, 3), "exponential": (1, 3),
    "gamma": (2, 4), "laplace": (1, 2, 4), "lognormal": (2, 4), "normal": (2, 4), "poisson": (1, 3),
    "rayleigh": (1, 3), "uniform": (2,),
}  # fmt: skip


@dataclass(frozen=True, slots=True)
class Number:
    """A literal, with a unit when its author gave one."""

    value: float
    unit: str | None = None


@dataclass(frozen=True, slots=True)
class Symbol:
    """A parameter, species, rule, or ``time``."""

    name: str


@dataclass(frozen=True, slots=True)
class Call:
    """An operator or function applied to arguments."""

    operator: str
    arguments: tuple[Expression, ...]


Expression = Number | Symbol | Call


def add(*terms: Expression) -> Expression:
    """The sum of the terms; of none, zero; of one, itself."""
    return terms[0] if len(terms) == 1 else (Call("+", terms) if terms else Number(0.0))


def multiply(*factors: Expression) -> Expression:
    """The product of the factors; of none, one; of one, itself."""
    return factors[0] if len(factors) == 1 else (Call("*", factors) if factors else Number(1.0))


def divide(numerator: Expression, denominator: Expression) -> Expression:
    """The quotient."""
    return Call("/", (numerator, denominator))


def walk(expression: Expression) -> Iterator[Expression]:
    """The expression and everything inside it, parents first."""
    stack = [expression]
    while stack:
        node = stack.pop()
        yield node
        if isinstance(node, Call):
            stack.extend(reversed(node.arguments))


def symbols(expression: Expression) -> frozenset[str]:
    """The names an expression mentions."""
    return frozenset(node.name for node in walk(expression) if isinstance(node, Symbol))


def draws(expression: Expression) -> tuple[Call, ...]:
    """Every draw from a distribution in an expression, outer ones first."""
    return tuple(node for node in walk(expression) if isinstance(node, Call) and node.operator in DRAWS)


def size(expression: Expression) -> int:
    """How many operators, names and numbers an expression has when written out; shared parts count each time.

    Every distinct part is visited once, so that a small tree of shared parts that stands for a huge formula is
    measured quickly.
    """
    sizes: dict[int, int] = {}
    stack = [expression]
    while stack:
        node = stack[-1]
        inside = node.arguments if isinstance(node, Call) else ()
        missing = [part for part in inside if id(part) not in sizes]
        if missing:
            stack += missing
            continue
        sizes[id(stack.pop())] = 1 + sum(sizes[id(part)] for part in inside)
    return sizes[id(expression)]


def substitute(expression: Expression, replacements: Mapping[str, Expression]) -> Expression:
    """The expression with names replaced, all at once."""
    if isinstance(expression, Symbol):
        return replacements.get(expression.name, expression)
    if isinstance(expression, Call):
        return Call(
            expression.operator, tuple(substitute(part, replacements) for part in expression.arguments)
        )
    return expression


_INFIX = {"or": 1, "xor": 1, "and": 2, "<": 3, "<=": 3, ">": 3, ">=": 3, "==": 3, "!=": 3,
          "+": 4, "-": 4, "*": 5, "/": 5, "neg": 6, "^": 7}  # fmt: skip
_WORDS = {"and": "&&", "or": "||"}
#: A comparison of a comparison has no infix form: a < b < c means a < b && b < c. The outer one becomes a function.
_COMPARISONS = {"<": "lt", "<=": "leq", ">": "gt", ">=": "geq", "==": "eq", "!=": "neq"}


def infix(expression: Expression) -> str:
    """The expression as one line in SBML Level 3 formula syntax, with no more brackets than it needs.

    Example:
        >>> infix(Call("*", (Symbol("a"), Call("+", (Symbol("b"), Number(2.0))))))
        'a * (b + 2)'
    """
    return _infix(expression, 0)


def _infix(node: Expression, outer: int) -> str:
    if isinstance(node, Number):
        text = (
            repr(int(node.value)) if node.value.is_integer() and abs(node.value) < 1e15 else repr(node.value)
        )
        return f"({text})" if node.value < 0 and outer > 4 else text
    if isinstance(node, Symbol):
        return node.name
    level = _INFIX.get(node.operator)
    if level is None or node.operator == "xor" or _compares_comparisons(node):
        word = _COMPARISONS.get(node.operator, node.operator)
        return f"{word}({', '.join(_infix(part, 0) for part in node.arguments)})"
    if node.operator == "neg":
        text = f"-{_infix(node.arguments[0], level)}"
    else:
        word = _WORDS.get(node.operator, node.operator)
        first, *rest = node.arguments
        left = _operand(first, node.operator, level + (node.operator == "^"))
        # a - (b - c), a / (b * c) and a ^ (b ^ c) need brackets; a + (b + c) keeps its author's order too
        right = [_operand(part, node.operator, level + 1) for part in rest]
        text = f" {word} ".join([left, *right]) if node.operator != "^" else "^".join([left, *right])
    return f"({text})" if level < outer else text


def _operand(part: Expression, operator: str, outer: int) -> str:
    inner = part.operator if isinstance(part, Call) else ""
    # SBML gives && and || one precedence, so whoever mixes them has to say which comes first
    return _infix(part, max(_INFIX.values()) + 1 if {operator, inner} == {"and", "or"} else outer)


def _compares_comparisons(node: Call) -> bool:
    return node.operator in _COMPARISONS and any(
        isinstance(part, Call) and part.operator in _COMPARISONS for part in node.arguments
    )
