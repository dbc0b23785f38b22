"""MathML to Expression and back, through libSBML's formula trees."""

from __future__ import annotations

import math
from collections.abc import Mapping
from graphlib import CycleError, TopologicalSorter
from itertools import pairwise
from typing import Any

import libsbml

from offtarget.errors import InputError, UnsupportedError, sentence
from offtarget.models.expression import (
    DRAWS,
    OPERATORS,
    Call,
    Expression,
    Number,
    Symbol,
    draws,
    size,
    substitute,
    walk,
)

__all__ = ["DELAY", "Functions", "from_ast", "functions_of", "parse_expression", "rate_of", "to_ast"]

#: User-defined functions: name -> (argument names, body).
Functions = Mapping[str, tuple[tuple[str, ...], Expression]]

_OPERATORS = {
    libsbml.AST_PLUS: "+", libsbml.AST_TIMES: "*", libsbml.AST_DIVIDE: "/", libsbml.AST_POWER: "^",
    libsbml.AST_FUNCTION_POWER: "^", libsbml.AST_FUNCTION_EXP: "exp", libsbml.AST_FUNCTION_LN: "ln",
    libsbml.AST_FUNCTION_ABS: "abs", libsbml.AST_FUNCTION_FLOOR: "floor", libsbml.AST_FUNCTION_CEILING: "ceil",
    libsbml.AST_FUNCTION_FACTORIAL: "factorial", libsbml.AST_FUNCTION_SIN: "sin", libsbml.AST_FUNCTION_COS: "cos",
    libsbml.AST_FUNCTION_TAN: "tan", libsbml.AST_FUNCTION_ARCSIN: "asin", libsbml.AST_FUNCTION_ARCCOS: "acos",
    libsbml.AST_FUNCTION_ARCTAN: "atan", libsbml.AST_FUNCTION_SINH: "sinh", libsbml.AST_FUNCTION_COSH: "cosh",
    libsbml.AST_FUNCTION_TANH: "tanh", libsbml.AST_FUNCTION_ARCSINH: "asinh", libsbml.AST_FUNCTION_ARCCOSH: "acosh",
    libsbml.AST_FUNCTION_ARCTANH: "atanh", libsbml.AST_FUNCTION_MIN: "min", libsbml.AST_FUNCTION_MAX: "max",
    libsbml.AST_FUNCTION_REM: "rem", libsbml.AST_FUNCTION_QUOTIENT: "quotient", libsbml.AST_RELATIONAL_LT: "<",
    libsbml.AST_RELATIONAL_LEQ: "<=", libsbml.AST_RELATIONAL_GT: ">", libsbml.AST_RELATIONAL_GEQ: ">=",
    libsbml.AST_RELATIONAL_EQ: "==", libsbml.AST_RELATIONAL_NEQ: "!=", libsbml.AST_LOGICAL_AND: "and",
    libsbml.AST_LOGICAL_OR: "or", libsbml.AST_LOGICAL_XOR: "xor", libsbml.AST_LOGICAL_NOT: "not",
    libsbml.AST_LOGICAL_IMPLIES: "implies",
}  # fmt: skip
_DRAWS = {getattr(libsbml, f"AST_DISTRIB_FUNCTION_{word.upper()}"): word for word in DRAWS}
_CONSTANTS = {
    libsbml.AST_CONSTANT_E: 2.718281828459045, libsbml.AST_CONSTANT_PI: 3.141592653589793,
    libsbml.AST_CONSTANT_TRUE: 1.0, libsbml.AST_CONSTANT_FALSE: 0.0, libsbml.AST_NAME_AVOGADRO: 6.02214179e23,
}  # fmt: skip
#: Reciprocal and logarithm forms that MathML knows and Expression writes out.
_RECIPROCALS = {
    libsbml.AST_FUNCTION_SEC: "cos", libsbml.AST_FUNCTION_CSC: "sin", libsbml.AST_FUNCTION_COT: "tan",
    libsbml.AST_FUNCTION_SECH: "cosh", libsbml.AST_FUNCTION_CSCH: "sinh", libsbml.AST_FUNCTION_COTH: "tanh",
}  # fmt: skip
_INVERSE_RECIPROCALS = {
    libsbml.AST_FUNCTION_ARCSEC: "acos", libsbml.AST_FUNCTION_ARCCSC: "asin", libsbml.AST_FUNCTION_ARCCOT: "atan",
    libsbml.AST_FUNCTION_ARCSECH: "acosh", libsbml.AST_FUNCTION_ARCCSCH: "asinh",
    libsbml.AST_FUNCTION_ARCCOTH: "atanh",
}  # fmt: skip
#: What something was so long ago. No formula of a Model has it: the reader puts equations in its place.
DELAY = "delay"
_NOTHING: Mapping[str, str] = {}
_ARGUMENT = {"time": "time, an argument"}  # of a function, which is not the time
_DEEPEST = 400
_LONGEST = 100_000  # operators, names and numbers; what is longer was made to be


def rate_of(name: str) -> str:
    """The name under which a formula uses d/dt of this one; no name of a document can be the same."""
    return f"rateOf({name})"


def from_ast(
    node: Any, *, functions: Functions, where: str, renamed: Mapping[str, str] = _NOTHING, depth: int = 0
) -> Expression:
    """A libSBML formula tree as an Expression, with user-defined functions written out.

    Args:
        node: a libSBML ASTNode.
        functions: the model's function definitions.
        where: the place, for error sentences.
        renamed: names of the document that mean something else here, and what they are called instead.
        depth: how deep this node lies.

    Raises:
        UnsupportedError: a function this package refuses, named.
        InputError: nested too deeply, or arguments that do not fit.
    """
    if depth > _DEEPEST:
        raise InputError(f"{where}: the formula is nested more than {_DEEPEST} deep. Split it into rules.")
    kind = node.getType()
    if node.isNumber():
        return Number(float(node.getValue()), node.getUnits() or None)
    if kind in _CONSTANTS:
        return Number(_CONSTANTS[kind])
    if kind == libsbml.AST_NAME_TIME:
        return Symbol("time")
    if kind == libsbml.AST_NAME:
        return Symbol(renamed.get(node.getName(), node.getName()))
    inside = [
        from_ast(node.getChild(i), functions=functions, where=where, renamed=renamed, depth=depth + 1)
        for i in range(node.getNumChildren())
    ]
    return _call(node, kind, tuple(inside), functions, where)


def _call(
    node: Any, kind: int, inside: tuple[Expression, ...], functions: Functions, where: str
) -> Expression:
    if kind == libsbml.AST_FUNCTION:
        return _written_out(node.getName(), inside, functions, where)
    if kind == libsbml.AST_FUNCTION_DELAY:
        if len(inside) != 2:
            raise InputError(sentence(where, expected="two arguments of delay()", got=str(len(inside))))
        return Call(DELAY, inside)
    if kind == libsbml.AST_FUNCTION_RATE_OF:
        if len(inside) != 1 or not isinstance(inside[0], Symbol):
            raise InputError(sentence(where, expected="rateOf() of one name", got=f"{len(inside)} arguments"))
        return Symbol(rate_of(inside[0].name))
    if kind == libsbml.AST_FUNCTION_PIECEWISE and inside:
        return inside[0] if len(inside) == 1 else Call("piecewise", inside)
    if kind == libsbml.AST_MINUS:
        return Call("neg", inside) if len(inside) == 1 else Call("-", inside)
    if kind in (libsbml.AST_PLUS, libsbml.AST_TIMES) and len(inside) < 2:
        return inside[0] if inside else Number(0.0 if kind == libsbml.AST_PLUS else 1.0)
    if kind in (libsbml.AST_LOGICAL_AND, libsbml.AST_LOGICAL_OR, libsbml.AST_LOGICAL_XOR) and len(inside) < 2:
        return inside[0] if inside else Number(1.0 if kind == libsbml.AST_LOGICAL_AND else 0.0)
    if _chained(kind, inside):
        pairs = pairwise(inside)
        return Call("and", tuple(Call(_OPERATORS[kind], pair) for pair in pairs))
    if kind in _OPERATORS:
        return _checked(_OPERATORS[kind], inside, where)
    if kind in _DRAWS:
        word = _DRAWS[kind]
        if len(inside) not in DRAWS[word]:
            wanted = " or ".join(map(str, DRAWS[word]))
            raise InputError(sentence(where, expected=f"{wanted} arguments of {word}", got=str(len(inside))))
        return Call(word, inside)
    return _spelt_out(node, kind, inside, where)


def _checked(operator: str, inside: tuple[Expression, ...], where: str) -> Expression:
    wanted = OPERATORS[operator]
    if not inside or (wanted is not None and len(inside) != wanted):
        raise InputError(
            sentence(where, expected=f"{wanted or 'some'} arguments of {operator}", got=str(len(inside)))
        )
    return inside[0] if operator in ("min", "max") and len(inside) == 1 else Call(operator, inside)


def _chained(kind: int, inside: tuple[Expression, ...]) -> bool:
    return kind in _OPERATORS and _OPERATORS[kind] in ("<", "<=", ">", ">=", "==") and len(inside) > 2


def _spelt_out(node: Any, kind: int, inside: tuple[Expression, ...], where: str) -> Expression:
    """Functions that MathML has a name for and Expression says in more words."""
    if kind == libsbml.AST_FUNCTION_ROOT:
        degree, radicand = inside if len(inside) == 2 else (Number(2.0), inside[0])
        if _is(degree, 2.0):
            return Call("sqrt", (radicand,))
        return Call("^", (radicand, Call("/", (Number(1.0), degree))))
    if kind == libsbml.AST_FUNCTION_LOG:
        base, value = inside if len(inside) == 2 else (Number(10.0), inside[0])
        if _is(base, 10.0):
            return Call("log10", (value,))
        return Call("/", (Call("ln", (value,)), Call("ln", (base,))))
    if kind in _RECIPROCALS:
        return Call("/", (Number(1.0), Call(_RECIPROCALS[kind], inside)))
    if kind in _INVERSE_RECIPROCALS:
        return Call(_INVERSE_RECIPROCALS[kind], (Call("/", (Number(1.0), inside[0])),))
    raise UnsupportedError(f'{where}: the function "{node.getName() or kind}" is not supported.')


def _is(node: Expression, value: float) -> bool:
    """Whether it is this number; libSBML gives the degrees and bases that it fills in a unit."""
    return isinstance(node, Number) and node.value == value


def _written_out(name: str, inside: tuple[Expression, ...], functions: Functions, where: str) -> Expression:
    if name not in functions:
        raise InputError(sentence(where, expected="a function the model defines", got=name))
    arguments, body = functions[name]
    if len(arguments) != len(inside):
        raise InputError(
            sentence(where, expected=f"{len(arguments)} arguments of {name}", got=str(len(inside)))
        )
    for argument, value in zip(arguments, inside, strict=True):
        if draws(value) and sum(part == Symbol(argument) for part in walk(body)) > 1:
            then = "Give the drawn number a name of its own first."
            raise UnsupportedError(
                f"{where}: {name}() uses an argument drawn by chance more than once. {then}"
            )
    found = substitute(body, dict(zip(arguments, inside, strict=True)))
    if size(found) > _LONGEST:
        raise UnsupportedError(f"{where}: {name}() is too long when written out. Nothing was simulated.")
    return found


def functions_of(model: Any, where: str) -> Functions:
    """A libSBML Model's function definitions, each after those it calls; one without a formula is none.

    Raises:
        InputError: functions that call each other in a circle.
    """
    bodies = {one.getId(): one for one in model.getListOfFunctionDefinitions() if one.getBody() is not None}
    sorter = TopologicalSorter(
        {id: sorted(_called(one.getBody()) & bodies.keys()) for id, one in bodies.items()}
    )
    found: dict[str, tuple[tuple[str, ...], Expression]] = {}
    try:
        for id in sorter.static_order():
            one = bodies[id]
            names = (one.getArgument(i).getName() for i in range(one.getNumArguments()))
            body = from_ast(one.getBody(), functions=found, where=f"{where}: {id}", renamed=_ARGUMENT)
            found[id] = (tuple(_ARGUMENT.get(name, name) for name in names), body)
    except CycleError as problem:
        circle = " -> ".join(problem.args[1])
        raise InputError(f"{where}: functions call each other in a circle: {circle}.") from None
    return found


def _called(node: Any) -> set[str]:
    """The functions a formula calls."""
    found, waiting = set(), [node]
    while waiting:
        node = waiting.pop()
        if node.getType() == libsbml.AST_FUNCTION:
            found.add(node.getName())
        waiting += [node.getChild(i) for i in range(node.getNumChildren())]
    return found


def parse_expression(text: str, *, where: str) -> Expression:
    """A formula in SBML Level 3 syntax as an Expression.

    Args:
        text: the formula, for example ``"growth * P * (1 - L / K)"``.
        where: the place, for error sentences.

    Raises:
        InputError: not a formula.

    Example:
        >>> parse_expression("a + 2", where="here")
        Call(operator='+', arguments=(Symbol(name='a'), Number(value=2.0, unit=None)))
    """
    settings = libsbml.L3ParserSettings()
    settings.setParseLog(libsbml.L3P_PARSE_LOG_AS_ERROR)  # log(x) is ln to some readers and log10 to others
    node = libsbml.parseL3FormulaWithSettings(text, settings)
    if node is None:
        got = " ".join((libsbml.getLastParseL3Error() or "").split()).rstrip(".")
        raise InputError(
            sentence(where, expected='a formula such as "a * b / (c + d)"', got=text, then=f"{got}.")
        )
    found = from_ast(node, functions={}, where=where)
    if any(isinstance(part, Call) and part.operator == DELAY for part in walk(found)):
        raise UnsupportedError(f"{where}: delay() is not supported here.")
    if draws(found):
        raise InputError(sentence(where, expected="a formula without chance", got=text))
    if any(isinstance(part, Number) and not math.isfinite(part.value) for part in walk(found)):
        raise InputError(sentence(where, expected="a formula of finite numbers", got=text))
    return found


def to_ast(expression: Expression) -> Any:
    """An Expression as a libSBML formula tree, node for node; the caller owns it."""
    if isinstance(expression, Number):
        node = libsbml.ASTNode(libsbml.AST_REAL)
        if expression.value.is_integer() and abs(expression.value) < 2**31:
            node.setValue(int(expression.value))
        else:
            node.setValue(expression.value)
        return node
    if isinstance(expression, Symbol):
        node = libsbml.ASTNode(libsbml.AST_NAME_TIME if expression.name == "time" else libsbml.AST_NAME)
        node.setName(expression.name)
        return node
    node = libsbml.ASTNode(_TYPES[expression.operator])
    if expression.operator == "log10":
        node.addChild(to_ast(Number(10.0)))
    if expression.operator == "sqrt":
        node.addChild(to_ast(Number(2.0)))
    for part in expression.arguments:
        node.addChild(to_ast(part))
    return node


#: Operator -> libSBML's node type. Where several types say the same, the plain one.
_TYPES = {word: kind for kind, word in reversed(_OPERATORS.items())} | {
    "neg": libsbml.AST_MINUS, "-": libsbml.AST_MINUS, "^": libsbml.AST_POWER, "sqrt": libsbml.AST_FUNCTION_ROOT,
    "log10": libsbml.AST_FUNCTION_LOG, "piecewise": libsbml.AST_FUNCTION_PIECEWISE,
    **{word: kind for kind, word in _DRAWS.items()},
}  # fmt: skip
