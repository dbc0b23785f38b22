"""Derivatives of expressions, kept as small as the zeros and ones in them allow.

A symbolic differentiator over our own tree rather than a computer algebra system: it keeps the author's order, needs no
heavy import, and the chain rule through named rules (in codegen) already shares the common sub-expressions.
"""

from __future__ import annotations

from collections.abc import Callable

from offtarget.engine.formula import constant
from offtarget.errors import UnsupportedError
from offtarget.models.expression import Call, Expression, Number, Symbol, infix, symbols

__all__ = ["derivative", "difference", "product", "quotient", "total"]

ZERO, ONE = Number(0.0), Number(1.0)


def _is(node: Expression, value: float) -> bool:
    return isinstance(node, Number) and node.value == value


def total(*terms: Expression) -> Expression:
    """The sum of the terms that are not zero."""
    kept = tuple(term for term in terms if not _is(term, 0.0))
    return kept[0] if len(kept) == 1 else (Call("+", kept) if kept else ZERO)


def difference(left: Expression, right: Expression) -> Expression:
    """``left - right`` without needless zeros."""
    if _is(right, 0.0):
        return left
    return negative(right) if _is(left, 0.0) else Call("-", (left, right))


def negative(node: Expression) -> Expression:
    """``-node``; a number is negated at once and a double sign falls away."""
    if isinstance(node, Number):
        return Number(-node.value) if node.value else node
    return node.arguments[0] if isinstance(node, Call) and node.operator == "neg" else Call("neg", (node,))


def product(*factors: Expression) -> Expression:
    """The product of the factors that are not one; zero when any is zero."""
    if any(_is(factor, 0.0) for factor in factors):
        return ZERO
    kept = tuple(factor for factor in factors if not _is(factor, 1.0))
    if sum(_is(factor, -1.0) for factor in kept) == 1:
        return negative(product(*(factor for factor in kept if not _is(factor, -1.0))))
    return kept[0] if len(kept) == 1 else (Call("*", kept) if kept else ONE)


def quotient(top: Expression, bottom: Expression) -> Expression:
    """``top / bottom`` without needless zeros and ones."""
    return top if _is(top, 0.0) or _is(bottom, 1.0) else Call("/", (top, bottom))


def _power(base: Expression, exponent: Expression) -> Expression:
    if _is(exponent, 0.0):
        return ONE
    return base if _is(exponent, 1.0) else Call("^", (base, exponent))


def derivative(node: Expression, name: str) -> Expression:
    """The partial derivative of an expression by one name, other names held fixed.

    Steps (``floor``, conditions) count as flat, and so does ``factorial``, which is of whole numbers; at a corner of
    ``abs``, ``min`` or ``piecewise`` the side that the value is taken from decides.

    Raises:
        UnsupportedError: a function whose derivative is not written here.
    """
    if isinstance(node, Symbol):
        return ONE if node.name == name else ZERO
    if isinstance(node, Number) or name not in symbols(node):
        return ZERO
    if node.operator in _CHAIN:
        inner = derivative(node.arguments[0], name)
        return ZERO if _is(inner, 0.0) else product(_CHAIN[node.operator](node.arguments[0]), inner)
    if node.operator in _FLAT:
        return ZERO
    if node.operator in _RULES:
        return _RULES[node.operator](node.arguments, name)
    raise UnsupportedError(f"the derivative of {node.operator}() is not known, in {infix(node)}.")


def _of_sum(parts: tuple[Expression, ...], name: str) -> Expression:
    return total(*(derivative(part, name) for part in parts))


def _of_product(parts: tuple[Expression, ...], name: str) -> Expression:
    return total(
        *(product(*parts[:i], derivative(part, name), *parts[i + 1 :]) for i, part in enumerate(parts))
    )


def _of_difference(parts: tuple[Expression, ...], name: str) -> Expression:
    return difference(derivative(parts[0], name), derivative(parts[1], name))


def _of_quotient(parts: tuple[Expression, ...], name: str) -> Expression:
    top, bottom = parts
    by_top, by_bottom = derivative(top, name), derivative(bottom, name)
    first = quotient(by_top, bottom)
    return (
        first
        if _is(by_bottom, 0.0)
        else difference(first, quotient(product(top, by_bottom), _power(bottom, Number(2.0))))
    )


def _of_power(parts: tuple[Expression, ...], name: str) -> Expression:
    base, exponent = parts
    by_base, by_exponent = derivative(base, name), derivative(exponent, name)
    fixed = constant(exponent)
    lower = Call("-", (exponent, ONE)) if fixed is None else Number(fixed - 1.0)
    first = ZERO if _is(by_base, 0.0) else product(exponent, _power(base, lower), by_base)
    if _is(by_exponent, 0.0):
        return first
    # 0^e is flat in e, where the textbook form would say 0 * log(0)
    slope = product(_power(base, exponent), Call("ln", (base,)), by_exponent)
    return total(first, Call("piecewise", (slope, Call(">", (base, ZERO)), ZERO)))


def _of_neg(parts: tuple[Expression, ...], name: str) -> Expression:
    return negative(derivative(parts[0], name))


def _of_piecewise(parts: tuple[Expression, ...], name: str) -> Expression:
    pieces = [part if i % 2 else derivative(part, name) for i, part in enumerate(parts)]
    return ZERO if all(_is(piece, 0.0) for piece in pieces[::2]) else Call("piecewise", tuple(pieces))


def _of_extreme(word: str) -> Callable[[tuple[Expression, ...], str], Expression]:
    def rule(parts: tuple[Expression, ...], name: str) -> Expression:
        value, slope = parts[0], derivative(parts[0], name)
        for part in parts[1:]:
            slope = Call("piecewise", (slope, Call(word, (value, part)), derivative(part, name)))
            value = Call("min" if word == "<=" else "max", (value, part))
        return slope

    return rule


def _of_rem(parts: tuple[Expression, ...], name: str) -> Expression:
    top, bottom = parts
    whole = Call("quotient", (top, bottom))
    return difference(derivative(top, name), product(whole, derivative(bottom, name)))


def _call(word: str, *parts: Expression) -> Call:
    return Call(word, parts)


def _square(u: Expression) -> Expression:
    return Call("^", (u, Number(2.0)))


_FLAT = frozenset(
    {
        "floor",
        "ceil",
        "factorial",
        "quotient",
        "<",
        "<=",
        ">",
        ">=",
        "==",
        "!=",
        "and",
        "or",
        "xor",
        "not",
        "implies",
    }
)
_RULES: dict[str, Callable[[tuple[Expression, ...], str], Expression]] = {
    "+": _of_sum, "-": _of_difference, "*": _of_product, "/": _of_quotient, "^": _of_power, "neg": _of_neg,
    "piecewise": _of_piecewise, "min": _of_extreme("<="), "max": _of_extreme(">="), "rem": _of_rem,
}  # fmt: skip
_CHAIN: dict[str, Callable[[Expression], Expression]] = {
    "exp": lambda u: _call("exp", u),
    "ln": lambda u: quotient(ONE, u),
    "log10": lambda u: quotient(Number(0.4342944819032518), u),
    "sqrt": lambda u: quotient(Number(0.5), _call("sqrt", u)),
    "abs": lambda u: _call("piecewise", Number(-1.0), _call("<", u, ZERO), ONE),
    "sin": lambda u: _call("cos", u),
    "cos": lambda u: negative(_call("sin", u)),
    "tan": lambda u: total(ONE, _square(_call("tan", u))),
    "asin": lambda u: quotient(ONE, _call("sqrt", difference(ONE, _square(u)))),
    "acos": lambda u: quotient(Number(-1.0), _call("sqrt", difference(ONE, _square(u)))),
    "atan": lambda u: quotient(ONE, total(ONE, _square(u))),
    "sinh": lambda u: _call("cosh", u),
    "cosh": lambda u: _call("sinh", u),
    "tanh": lambda u: difference(ONE, _square(_call("tanh", u))),
    "asinh": lambda u: quotient(ONE, _call("sqrt", total(_square(u), ONE))),
    "acosh": lambda u: quotient(ONE, _call("sqrt", difference(_square(u), ONE))),
    "atanh": lambda u: quotient(ONE, difference(ONE, _square(u))),
}
