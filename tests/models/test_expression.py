"""Promises of expressions: what is written reads back to the same tree, with no bracket lost."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from offtarget.errors import InputError
from offtarget.models.expression import (
    Call,
    Expression,
    Number,
    Symbol,
    add,
    infix,
    multiply,
    size,
    substitute,
    symbols,
)
from offtarget.models.sbml_math import from_ast, parse_expression, to_ast

NUMBERS = st.one_of(
    st.integers(0, 10**9).map(float), st.floats(1e-12, 1e12, allow_nan=False), st.sampled_from([0.1, 2.5e-7])
).map(Number)
SYMBOLS = st.sampled_from(["P_wt", "growth", "T", "L"]).map(Symbol)


def _calls(inner: st.SearchStrategy[Expression]) -> st.SearchStrategy[Expression]:
    def made(operator: str, low: int, high: int) -> st.SearchStrategy[Expression]:
        return st.lists(inner, min_size=low, max_size=high).map(lambda parts: Call(operator, tuple(parts)))

    several = [made(operator, 2, 4) for operator in ("+", "*")]
    pairs = [made(operator, 2, 2) for operator in ("-", "/", "^")]
    singles = [
        made(operator, 1, 1) for operator in ("neg", "exp", "ln", "sqrt", "abs", "tanh", "log10", "floor")
    ]
    compared = st.tuples(inner, inner).map(lambda pair: Call("<", pair))
    chosen = st.tuples(inner, compared, inner).map(lambda parts: Call("piecewise", parts))
    both = st.tuples(compared, compared).map(lambda parts: Call("and", parts))
    picked = st.tuples(inner, both, inner).map(lambda parts: Call("piecewise", parts))
    return st.one_of(*several, *pairs, *singles, made("min", 2, 3), made("max", 2, 3), chosen, picked)


def _logic(inner: st.SearchStrategy[Expression]) -> st.SearchStrategy[Expression]:
    def of(operator: str) -> st.SearchStrategy[Expression]:
        return st.tuples(inner, inner).map(lambda pair: Call(operator, pair))

    pairs = [of(operator) for operator in ("and", "or", "xor", "implies", "==", "!=", "<", "<=", ">", ">=")]
    return st.one_of(*pairs, inner.map(lambda part: Call("not", (part,))))


LOGIC = st.recursive(SYMBOLS, _logic, max_leaves=15)
TREES = st.recursive(st.one_of(NUMBERS, SYMBOLS), _calls, max_leaves=25)


def _flat(node: Expression) -> Expression:
    """The tree with a + b + c, a * b * c, a && b && c, a || b || c joined, as any reader may do."""
    if not isinstance(node, Call):
        return node
    inside = [_flat(part) for part in node.arguments]
    if node.operator in ("+", "*", "and", "or"):
        first = inside[0]
        if isinstance(first, Call) and first.operator == node.operator:
            inside = [*first.arguments, *inside[1:]]
    return Call(node.operator, tuple(inside))


@given(st.one_of(TREES, LOGIC))
def test_a_formula_reads_back_to_the_same_tree(tree: Expression) -> None:
    assert _flat(parse_expression(infix(tree), where="test")) == _flat(tree)
    assert _flat(from_ast(to_ast(tree), functions={}, where="test")) == _flat(tree)


@given(TREES)
def test_replacing_every_name_by_itself_changes_nothing(tree: Expression) -> None:
    assert substitute(tree, {name: Symbol(name) for name in symbols(tree)}) == tree
    assert symbols(substitute(tree, dict.fromkeys(symbols(tree), Number(1.0)))) == frozenset()


def test_sums_and_products_of_little_are_what_they_are() -> None:
    assert add() == Number(0.0)
    assert multiply() == Number(1.0)
    assert add(Symbol("a")) == multiply(Symbol("a")) == Symbol("a")


def test_negative_numbers_keep_their_meaning_inside_products_and_powers() -> None:
    for text in ("a * (-2)", "(-2)^a", "a - (-2)", "-(2^a)", "a^(-2)"):
        tree = parse_expression(text, where="test")
        assert parse_expression(infix(tree), where="test") == tree


def test_a_comparison_of_a_comparison_is_not_written_as_a_chain() -> None:
    one = Call("==", (Call("<", (Symbol("a"), Symbol("b"))), Symbol("c")))
    assert infix(one) == "eq(a < b, c)"
    chain = parse_expression("a < b < c", where="test")
    assert infix(chain) == "a < b && b < c"


def test_and_beside_or_says_which_comes_first() -> None:
    a, b, c = Symbol("a"), Symbol("b"), Symbol("c")
    assert infix(Call("or", (a, Call("and", (b, c))))) == "a || (b && c)"
    assert infix(Call("and", (Call("or", (a, b)), c))) == "(a || b) && c"


@pytest.mark.parametrize("text", ["log(x)", "x +", "nan * x", "inf", "", "min()", "nobody(x)", "x 2 3"])
def test_a_text_that_is_no_clear_formula_is_refused_in_one_sentence(text: str) -> None:
    with pytest.raises(InputError) as caught:
        parse_expression(text, where="drug.toml: clearance")
    assert str(caught.value).startswith("drug.toml: clearance")
    assert "\n" not in str(caught.value)


def test_size_counts_shared_parts_as_often_as_they_would_be_written() -> None:
    tree: Expression = Symbol("x")
    for _ in range(60):
        tree = add(tree, tree)
    assert size(tree) == 2**61 - 1
    assert size(Call("*", (Number(2.0), Symbol("x")))) == 3
