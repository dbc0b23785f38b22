"""The real solutions of an equation for a name: of quotients of polynomials up to squares, and of what can be undone.

Nothing here knows about documents. Terms are summed and multiplied with the plain numbers among them folded, so that
what comes out reads as an author would write it.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping, Sequence

from offtarget.models.expression import Call, Expression, Number, Symbol, add, multiply, size, symbols

__all__ = ["negated", "product", "quotient", "roots", "total", "value_at"]

ZERO, ONE, TWO = Number(0.0), Number(1.0), Number(2.0)
_LONGEST = 20_000
_MOST_ROOTS = 8

#: Coefficients of the powers of a name, from the zeroth on.
_Polynomial = tuple[Expression, ...]


def roots(equation: Expression, name: str) -> tuple[Expression, ...]:
    """Every real value of a name that may make an expression zero; none where they cannot be written down.

    One of them can be spurious, such as 4 of ``sqrt(x) + 2``: whoever takes one has to try it.

    Args:
        equation: what is to be zero.
        name: a name in it.

    Example:
        >>> roots(Call("-", (Call("exp", (Symbol("x"),)), Symbol("a"))), "x")
        (Call(operator='ln', arguments=(Symbol(name='a'),)),)
    """
    fraction = _fraction(equation, name)
    if fraction is None:
        return _undone(equation, name, ZERO)
    above = fraction[0]
    if len(above) == 3:
        return _of_square(*above)
    return (quotient(negated(above[0]), above[1]),) if len(above) == 2 else ()


def _of_square(c: Expression, b: Expression, a: Expression) -> tuple[Expression, ...]:
    """The lower and the upper root for a positive ``a``, each written so that nothing cancels."""
    if b == ZERO:
        root = Call("sqrt", (quotient(negated(c), a),))
        return negated(root), root
    inside = Call("-", (product([b, b]), product([Number(4.0), a, c])))
    root, twice = Call("sqrt", (inside,)), product([TWO, a])
    lower, upper = Call("-", (negated(b), root)), Call("+", (negated(b), root))
    falls = Call("<=", (b, ZERO))
    double = product([TWO, c])
    return (
        Call("piecewise", (quotient(double, upper), falls, quotient(lower, twice))),
        Call("piecewise", (quotient(upper, twice), falls, quotient(double, lower))),
    )


def _fraction(node: Expression, name: str) -> tuple[_Polynomial, _Polynomial] | None:
    """A formula as a quotient of two polynomials of a name; None where it is none, or has more than squares."""
    if name not in symbols(node):
        return (node,), (ONE,)
    if isinstance(node, Symbol):
        return (ZERO, ONE), (ONE,)
    assert isinstance(node, Call)
    if node.operator == "^":
        return _whole_power(node, name)
    parts = [_fraction(part, name) for part in node.arguments]
    known = [part for part in parts if part is not None]
    if len(known) < len(parts) or node.operator not in ("+", "-", "*", "/", "neg"):
        return None
    above, below = known[0]
    if node.operator == "neg":
        return tuple(map(negated, above)), below
    for over, under in known[1:]:
        if node.operator == "*":
            above, below = _times(above, over), _times(below, under)
        elif node.operator == "/":
            above, below = _times(above, under), _times(below, over)
        else:
            over = over if node.operator == "+" else tuple(map(negated, over))
            if under != below:
                above, over, below = _times(above, under), _times(over, below), _times(below, under)
            above = _plus(above, over)
        if max(len(above), len(below)) > 3 or sum(map(size, (*above, *below))) > _LONGEST:
            return None
    return above, below


def _whole_power(node: Call, name: str) -> tuple[_Polynomial, _Polynomial] | None:
    base, power = node.arguments
    if power not in (ONE, TWO):
        return None
    return _fraction(base if power == ONE else multiply(base, base), name)


def _plus(one: _Polynomial, other: _Polynomial) -> _Polynomial:
    longest = max(len(one), len(other))
    pairs = zip(_padded(one, longest), _padded(other, longest), strict=True)
    return _trimmed([total(pair) for pair in pairs])


def _times(one: _Polynomial, other: _Polynomial) -> _Polynomial:
    terms: list[list[Expression]] = [[] for _ in range(len(one) + len(other) - 1)]
    for i, left in enumerate(one):
        for j, right in enumerate(other):
            if ZERO not in (left, right):
                terms[i + j].append(product([left, right]))
    return _trimmed([total(inside) for inside in terms])


def _padded(one: _Polynomial, length: int) -> _Polynomial:
    return (*one, *[ZERO] * (length - len(one)))


def _trimmed(found: list[Expression]) -> _Polynomial:
    while len(found) > 1 and found[-1] == ZERO:
        found.pop()
    return tuple(found)


def _undone(node: Expression, name: str, value: Expression) -> tuple[Expression, ...]:
    """What the name has to be for a formula that mentions it once to have a value, from the outside in."""
    if node == Symbol(name):
        return (value,)
    assert isinstance(node, Call)
    holds = [name in symbols(part) for part in node.arguments]
    if sum(holds) != 1:
        return ()
    place = holds.index(True)
    others = [part for part in node.arguments if name not in symbols(part)]
    found: list[Expression] = []
    for outer in _inverses(node.operator, place, others, value):
        inner = _undone(node.arguments[place], name, outer) if size(outer) <= _LONGEST else ()
        found += inner
        if not inner or len(found) > _MOST_ROOTS:
            return ()
    return tuple(found)


def _inverses(
    operator: str, place: int, others: Sequence[Expression], value: Expression
) -> tuple[Expression, ...]:
    """The values that an operator turns into this one, in its argument at a place, beside its other arguments."""
    if operator in _INVERSES:
        return (Call(_INVERSES[operator], (value,)),)
    if operator == "+":
        return (total([value, *map(negated, others)]),)
    if operator == "*":
        return (quotient(value, product(others)),)
    if operator == "-":
        return (total([value, others[0]]) if place == 0 else total([others[0], negated(value)]),)
    if operator == "/":
        return (product([value, others[0]]) if place == 0 else quotient(others[0], value),)
    if operator == "^" and place == 1:
        return (quotient(Call("ln", (value,)), Call("ln", (others[0],))),)
    if operator == "^":
        return _radicals(value, others[0])
    undone = {
        "neg": (negated(value),), "log10": (Call("^", (Number(10.0), value)),),
        "sqrt": (_unless_negative(product([value, value]), value),),
        "abs": (_unless_negative(negated(value), value), _unless_negative(value, value)),
    }  # fmt: skip
    return undone.get(operator, ())


_INVERSES = {"exp": "ln", "ln": "exp", "sinh": "asinh", "tanh": "atanh", "asinh": "sinh"}


def _unless_negative(found: Expression, value: Expression) -> Expression:
    """A solution where there is one: of what is never below zero, none where it would have to be."""
    if isinstance(value, Number) and value.value >= 0.0:
        return found
    return Call("piecewise", (found, Call(">=", (value, ZERO))))


def _radicals(value: Expression, power: Expression) -> tuple[Expression, ...]:
    """What raised to a power is this value: of an even power two, of an odd one below zero too."""
    number = value_at(power, {})
    if math.isnan(number) or not number:
        return ()
    least = Number(1.0 / number)
    root = Call("^", (value, least))
    if not number.is_integer():
        return (_unless_negative(root, value),)
    if number % 2 == 0:
        return negated(root), root
    below = negated(Call("^", (negated(value), least)))
    return (Call("piecewise", (root, Call(">=", (value, ZERO)), below)),)


def negated(value: Expression) -> Expression:
    """Its negative."""
    if isinstance(value, Number):
        return Number(-value.value if value.value else 0.0, value.unit)
    return (
        value.arguments[0] if isinstance(value, Call) and value.operator == "neg" else Call("neg", (value,))
    )


def total(values: Sequence[Expression]) -> Expression:
    """Their sum."""
    numbers = math.fsum(one.value for one in values if isinstance(one, Number))
    kept = [one for one in values if not isinstance(one, Number)]
    return add(*kept, *([Number(numbers)] if numbers or not kept else []))


def product(values: Sequence[Expression]) -> Expression:
    """Their product."""
    number = math.prod(one.value for one in values if isinstance(one, Number))
    kept = [one for one in values if not isinstance(one, Number)]
    if number == 0 or not kept:
        return Number(number)
    if number == -1:
        return negated(multiply(*kept))
    return multiply(*kept) if number == 1 else multiply(Number(number), *kept)


def quotient(above: Expression, below: Expression) -> Expression:
    """The one divided by the other."""
    if above == ZERO or below == ONE:
        return above
    return Call("/", (above, below))


def _first_that_holds(*parts: float) -> float:
    otherwise = parts[-1] if len(parts) % 2 else math.nan
    return next((value for value, holds in zip(parts[:-1:2], parts[1::2], strict=True) if holds), otherwise)


_ARITHMETIC: Mapping[str, Callable[..., float]] = {
    "+": lambda *parts: math.fsum(parts), "*": lambda *parts: math.prod(parts), "-": lambda a, b: a - b,
    "/": lambda a, b: a / b, "neg": lambda a: -a, "^": math.pow, "exp": math.exp, "ln": math.log, "log10": math.log10,
    "sqrt": math.sqrt, "abs": abs, "sin": math.sin, "cos": math.cos, "tan": math.tan, "atan": math.atan,
    "sinh": math.sinh, "tanh": math.tanh, "asinh": math.asinh, "atanh": math.atanh, "<=": lambda a, b: a <= b,
    ">=": lambda a, b: a >= b, "<": lambda a, b: a < b, ">": lambda a, b: a > b, "piecewise": _first_that_holds,
}  # fmt: skip


def value_at(node: Expression, values: Mapping[str, float]) -> float:
    """The number an expression is where names have these values; not a number where that cannot be said.

    Args:
        node: any expression.
        values: name -> value.
    """
    if isinstance(node, Number):
        return node.value
    if isinstance(node, Symbol):
        return values.get(node.name, math.nan)
    if node.operator not in _ARITHMETIC:
        return math.nan
    try:
        return float(_ARITHMETIC[node.operator](*(value_at(part, values) for part in node.arguments)))
    except (ArithmeticError, ValueError):
        return math.nan
