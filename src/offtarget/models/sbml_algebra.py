"""Algebraic rules, solved for the quantity each of them sets, so that it becomes an ordinary rule.

Which quantity that is has to be clear: as many may change with nothing else saying how as there are algebraic rules.
The rules are solved one by one where they can be, and together where they are linear in what they share. Of several
solutions the one is meant from which the quantity starts. What is not clear, or cannot be solved, is refused by name.
"""

from __future__ import annotations

import math
import random
from collections.abc import Iterable, Mapping
from contextlib import suppress
from dataclasses import replace
from graphlib import CycleError, TopologicalSorter
from typing import Any

from offtarget.errors import UnsupportedError
from offtarget.models.expression import (
    Call,
    Expression,
    Number,
    Symbol,
    size,
    substitute,
    symbols,
)
from offtarget.models.sbml_math import rate_of
from offtarget.models.sbml_roots import negated, product, quotient, roots, total, value_at
from offtarget.models.sbml_source import Quantity, Source, Substance

__all__ = ["linear_in", "solved"]

_ZERO, _ONE = Number(0.0), Number(1.0)
_MOST_TOGETHER = 6  # a symbolic solution of many linear equations is longer than anybody would wait for
_LONGEST = 20_000
_CLOSE = 1e-6  # how near a start written in decimals is to the solution it means


def solved(source: Source, where: str) -> Source:
    """The document with every algebraic rule turned into an assignment rule.

    Args:
        source: what the document says.
        where: the file or place, for error sentences.

    Raises:
        UnsupportedError: algebraic rules that leave open what they set, or cannot be solved for it.
    """
    if not source.algebraic:
        return source
    unknown = _unknown(source)
    equations = [_expanded(one, source, unknown) for one in source.algebraic]
    wanted = sorted({name for one in equations for name in symbols(one) & unknown})
    if len(wanted) != len(equations):
        said = f"algebraic rules: {len(equations)} for {len(wanted)} quantities they might set"
        raise _refused(where, f"{said} ({', '.join(wanted[:6])})" if wanted else said)
    if any(rate_of(name) in symbols(one) for one in equations for name in wanted):
        raise _refused(where, "algebraic rules with rateOf() what they set")
    found = _solutions(equations, wanted, source, where)
    groups = ("compartments", "parameters", "references", "species")
    changed: dict[str, Any] = {
        group: {id: _set(one, found) for id, one in getattr(source, group).items()} for group in groups
    }
    return replace(source, algebraic=(), **changed)


def _refused(where: str, what: str) -> UnsupportedError:
    return UnsupportedError(f"{where}: {what}: not supported. Nothing was simulated.")


def _set(one: Quantity, found: Mapping[str, Expression]) -> Quantity:
    return replace(one, rule=found[one.id], initial=None) if one.id in found else one


def _unknown(source: Source) -> frozenset[str]:
    """What may change, though nothing but an algebraic rule says how."""
    reacting = {id for one in source.processes for id, _, _ in one.terms if source.species[id].reacts}
    return frozenset(id for id, one in source.quantities().items()
                     if not (one.constant or one.moves or id in reacting))  # fmt: skip


def _expanded(equation: Expression, source: Source, unknown: frozenset[str]) -> Expression:
    """The equation with those rules written out through which it depends on an unknown."""
    rules = {id: one.rule for id, one in source.quantities().items() if one.rule is not None}
    hiding: set[str] = set()
    while more := {id for id, rule in rules.items() if symbols(rule) & (unknown | hiding)} - hiding:
        hiding |= more
    for _ in range(len(hiding) + 1):
        used = symbols(equation) & hiding
        if not used or size(equation) > _LONGEST:
            break
        equation = substitute(equation, {id: rules[id] for id in used})
    return equation


def _solutions(
    equations: list[Expression], wanted: list[str], source: Source, where: str
) -> dict[str, Expression]:
    """Equations with one unknown left are solved first; what they give is known to the others."""
    found: dict[str, Expression] = {}
    left = dict(enumerate(equations))
    while left:
        missing = {i: [name for name in wanted if name in symbols(one) and name not in found]
                   for i, one in left.items()}  # fmt: skip
        single = next((i for i, names in missing.items() if len(names) == 1), None)
        if single is not None:
            (name,) = missing[single]
            found[name] = _solved_for(name, left.pop(single), source, found, where)
            continue
        if not all(missing.values()) or len(left) > _MOST_TOGETHER:
            raise _refused(where, "algebraic rules that say the same, or contradict each other")
        rest = [name for name in wanted if name not in found]
        found |= _together(list(left.values()), rest, where)
        left = {}
    return found


def _solved_for(
    name: str, equation: Expression, source: Source, known: Mapping[str, Expression], where: str
) -> Expression:
    parts = linear_in(equation, name)
    if parts is None or parts[0] == _ZERO:
        return _root_for(name, equation, source, known, where)
    slope, rest = parts
    if slope == Number(-1.0):
        return rest
    return negated(rest) if slope == _ONE else Call("/", (negated(rest), slope))


def _root_for(
    name: str, equation: Expression, source: Source, known: Mapping[str, Expression], where: str
) -> Expression:
    """Of the solutions of an equation the only one that holds at the start, or the one from which the name starts."""
    start = _start(source, known)
    found = [(value_at(one, start), one) for one in roots(equation, name)]
    found = [(value, one) for value, one in found if _holds(equation, name, value, start)]
    if not found:
        raise _refused(
            where,
            f"an algebraic rule that is not linear in what it sets and cannot be solved for it ({name})",
        )
    begins = start.get(name, math.nan)
    meant = [one for one in found if len(found) == 1 or math.isclose(one[0], begins, rel_tol=_CLOSE)]
    if len(meant) != 1:
        several = " or ".join(f"{value:g}" for value, _ in found)
        begins_at = "has no value to start from" if math.isnan(begins) else f"starts from {begins:g}"
        said = f"an algebraic rule makes {name} {several}, and it {begins_at}"
        raise UnsupportedError(f"{where}: {said}. Let it start from the one that is meant.")
    return meant[0][1]


def _holds(equation: Expression, name: str, value: float, start: Mapping[str, float]) -> bool:
    """Whether a value makes an equation zero at the start, against what it is a thousandth beside it."""
    step = 1e-3 * (abs(value) or 1.0)
    there, *beside = (
        abs(value_at(equation, {**start, name: at})) for at in (value, value - step, value + step)
    )
    return any(there <= 1e-4 * near for near in beside)


def _start(source: Source, known: Mapping[str, Expression]) -> dict[str, float]:
    """The value of every name at the start, as far as plain formulas say it."""
    meanings: dict[str, Expression] = {one.id: one.rate for one in source.processes}
    values = {own.id: own.value for one in source.processes for own in one.own} | {"time": 0.0}
    for id, one in source.quantities().items():
        rule = one.rule or known.get(id) or one.initial
        if rule is not None:
            meanings[id] = rule
        elif isinstance(one, Substance) and one.given_amount != one.amount:
            convert = "/" if one.given_amount else "*"
            meanings[id] = Call(convert, (Number(one.value), Symbol(one.place)))
        elif one.stated:
            values[id] = one.value
    sorter = TopologicalSorter({id: symbols(one) & meanings.keys() for id, one in meanings.items()})
    with suppress(CycleError):  # which is refused elsewhere
        for id in sorter.static_order():
            values[id] = value_at(meanings[id], values)
    return values


def _together(equations: list[Expression], names: list[str], where: str) -> dict[str, Expression]:
    """Equations that are linear in several unknowns at once, by SymPy over their coefficients."""
    import sympy

    coefficients: dict[str, Expression] = {}
    rows, right = [], []
    for equation in equations:
        row, rest = [], equation
        for name in names:
            parts = linear_in(rest, name)
            if parts is None or symbols(parts[0]) & set(names):
                raise _refused(where, f"algebraic rules that are not linear in what they set ({name})")
            row.append(_stand_in(parts[0], coefficients))
            rest = parts[1]
        rows.append(row)
        right.append(_stand_in(negated(rest), coefficients))
    matrix = sympy.Matrix(rows)
    if _vanishes(matrix, coefficients):
        raise _refused(where, "algebraic rules that say the same, or contradict each other")
    solution = matrix.cramer_solve(sympy.Matrix(right))
    return {
        name: substitute(_expression(value), coefficients)
        for name, value in zip(names, solution, strict=True)
    }


def _stand_in(value: Expression, coefficients: dict[str, Expression]) -> Any:
    """A number, or a symbol that stands for a formula; equal formulas share one."""
    import sympy

    if isinstance(value, Number):
        return sympy.Integer(int(value.value)) if value.value.is_integer() else sympy.Float(value.value)
    same = next((key for key, known in coefficients.items() if known == value), None)
    if same is None:
        same = f"c{len(coefficients)}"
        coefficients[same] = value
    return sympy.Symbol(same)


def _vanishes(matrix: Any, coefficients: Iterable[str]) -> bool:
    """Whether the determinant is zero whatever the coefficients are: it is at a few points taken at random."""
    chance = random.Random(0)
    points = [{name: chance.uniform(0.5, 2.0) for name in coefficients} for _ in range(3)]
    determinant = matrix.det()
    return all(abs(float(determinant.subs(point))) < 1e-12 for point in points)


def _expression(value: Any) -> Expression:
    """Sums, products and whole powers of SymPy as an Expression."""
    if value.is_Number:
        return Number(float(value))
    if value.is_Symbol:
        return Symbol(value.name)
    parts = [_expression(part) for part in value.args]
    if value.is_Pow and value.exp == -1:
        return Call("/", (_ONE, parts[0]))
    return Call("+" if value.is_Add else "*" if value.is_Mul else "^", tuple(parts))


def linear_in(node: Expression, name: str) -> tuple[Expression, Expression] | None:
    """Slope and rest of a formula that is ``slope * name + rest``; None of one that is not.

    Example:
        >>> linear_in(Call("-", (Symbol("x"), Symbol("y"))), "y")
        (Number(value=-1.0, unit=None), Symbol(name='x'))
    """
    if name not in symbols(node):
        return _ZERO, node
    if isinstance(node, Symbol):
        return _ONE, _ZERO
    assert isinstance(node, Call)
    parts = [linear_in(part, name) for part in node.arguments]
    known = [part for part in parts if part is not None]
    if len(known) < len(parts):
        return None
    slopes, rests = [one[0] for one in known], [one[1] for one in known]
    if node.operator == "+":
        return total(slopes), total(rests)
    if node.operator == "-":
        return (total([slopes[0], negated(slopes[1])]), total([rests[0], negated(rests[1])]))
    if node.operator == "neg":
        return negated(slopes[0]), negated(rests[0])
    if node.operator == "*" and sum(slope != _ZERO for slope in slopes) == 1:
        place = next(i for i, slope in enumerate(slopes) if slope != _ZERO)
        others = [rest for i, rest in enumerate(rests) if i != place]
        return product([slopes[place], *others]), product([rests[place], *others])
    if node.operator == "/" and slopes[1] == _ZERO:
        return quotient(slopes[0], rests[1]), quotient(rests[0], rests[1])
    if node.operator == "piecewise" and all(slope == _ZERO for slope in slopes[1::2]) and len(parts) % 2:
        slopes[1::2] = rests[1::2]
        return Call("piecewise", tuple(slopes)), Call("piecewise", tuple(rests))
    return None
