"""Generated code says what the model says, the same on every machine, and its derivatives are derivatives."""

from __future__ import annotations

import math
import os
import subprocess
import sys
from dataclasses import replace
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.testing import assert_allclose

from offtarget.engine import functions
from offtarget.engine.codegen import generate
from offtarget.engine.derivatives import derivative
from offtarget.engine.formula import Namer, python
from offtarget.engine.reference import _closure
from offtarget.errors import InputError, UnsupportedError
from offtarget.models.expression import OPERATORS, Call, Expression, Number, Symbol
from offtarget.models.model import Model, Reaction, Rule

NAMES = {name: getattr(math, name) for name in dir(math) if not name.startswith("_")}
NAMES |= {name: getattr(functions, name).py_func for name in functions.__all__} | {
    "min": min,
    "max": max,
    "abs": abs,
}


def value(expression: Expression, **known: float) -> float:
    """What generated text gives."""
    return float(eval(python(expression, lambda name: name), {**NAMES, **known}))


x = st.floats(0.1, 3.0)
leaves = st.sampled_from([Symbol("a"), Symbol("b"), Number(2.0), Number(-3.0), Number(0.5)])


def branch(parts: st.SearchStrategy[Expression]) -> st.SearchStrategy[Expression]:
    two = st.tuples(st.sampled_from(["+", "-", "*", "/"]), st.tuples(parts, parts))
    one = st.tuples(st.sampled_from(["neg", "sin", "tanh", "atan", "abs"]), st.tuples(parts))
    power = st.tuples(
        st.just("^"), st.tuples(parts, st.sampled_from([Number(v) for v in (-2.0, -1.0, 1, 2, 3, 4)]))
    )
    many = st.tuples(st.sampled_from(["min", "max", "+", "*"]), st.tuples(parts, parts, parts))
    choice = st.tuples(
        st.just("piecewise"), st.tuples(parts, st.builds(lambda p, q: Call("<", (p, q)), parts, parts), parts)
    )
    return st.one_of(two, one, power, many, choice).map(lambda drawn: Call(drawn[0], drawn[1]))


expressions = st.recursive(leaves, branch, max_leaves=12)


@given(expressions, x, x)
@settings(max_examples=300, deadline=None)
def test_the_text_of_an_expression_means_what_its_tree_means(tree: Expression, a: float, b: float) -> None:
    with np.errstate(all="ignore"):
        wanted = _closure(tree)({"a": a, "b": b})
    try:
        got = value(tree, a=a, b=b)
    except (ZeroDivisionError, OverflowError):
        return  # Python's answer where compiled code says inf or nan
    if math.isfinite(wanted):
        assert got == pytest.approx(wanted, rel=1e-9, abs=1e-12)


@given(expressions, x, x)
@settings(max_examples=300, deadline=None)
def test_derivatives_are_the_limit_of_differences(tree: Expression, a: float, b: float) -> None:
    slope = _closure(derivative(tree, "a"))
    function, h = _closure(tree), 1e-6
    with np.errstate(all="ignore"):
        try:
            at = [function({"a": a + step, "b": b}) for step in (-2 * h, -h, 0.0, h, 2 * h)]
            got = slope({"a": a, "b": b})
        except (ZeroDivisionError, OverflowError):
            return
    left, right = (at[2] - at[1]) / h, (at[3] - at[2]) / h
    far = (at[4] - at[0]) / (4 * h)
    size = max(map(abs, at)) + abs(left)
    if (
        not np.isfinite(size)
        or size > 1e4
        or abs(left - right) > 1e-3 * max(1.0, abs(left))
        or abs(far - left) > 1e-2
    ):
        return  # a corner, a pole, or too wild for differences to tell
    assert got == pytest.approx((left + right) / 2, rel=1e-3, abs=1e-3)


CHAINS = sorted(name for name, count in OPERATORS.items() if count == 1 and name not in ("not", "factorial"))


@pytest.mark.parametrize("name", CHAINS)
def test_each_function_has_the_derivative_calculus_gives_it(name: str) -> None:
    point = 1.7 if name == "acosh" else 0.6
    tree = Call(name, (Call("*", (Symbol("a"), Symbol("b"))),))
    f = _closure(tree)
    expected = (f({"a": point + 1e-6, "b": 1.0}) - f({"a": point - 1e-6, "b": 1.0})) / 2e-6
    assert value(derivative(tree, "a"), a=point, b=1.0) == pytest.approx(expected, rel=1e-7, abs=1e-9)
    assert value(tree, a=point, b=1.0) == pytest.approx(f({"a": point, "b": 1.0}))


def test_a_power_whose_exponent_moves_has_its_derivative() -> None:
    tree = Call("^", (Symbol("a"), Symbol("b")))
    assert value(derivative(tree, "b"), a=2.0, b=3.0) == pytest.approx(8 * math.log(2))
    assert value(derivative(tree, "a"), a=2.0, b=3.0) == pytest.approx(12.0)
    assert value(derivative(tree, "b"), a=0.0, b=3.0) == 0.0


def test_zeros_and_ones_leave_no_trace_in_a_derivative(write: SimpleNamespace) -> None:
    assert derivative(write.formula("a * b + 3 * c - 7"), "a") == Symbol("b")
    assert derivative(write.formula("(b + 1) / c"), "a") == Number(0.0)
    assert derivative(write.formula("a / c"), "a") == write.formula("1 / c")


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("rem(7.5, 2)", 1.5),
        ("rem(-7, 3)", -1.0),
        ("quotient(-7, 3)", -2.0),
        ("factorial(5)", 120.0),
        ("ceil(1.2)", 2.0),
    ],
)
def test_whole_number_functions_follow_sbml(write: SimpleNamespace, text: str, expected: float) -> None:
    assert value(write.formula(text)) == expected
    assert _closure(write.formula(text))({}) == expected


@pytest.mark.parametrize("a", [0.0, 1.0])
@pytest.mark.parametrize("b", [0.0, 1.0])
def test_logic_follows_its_truth_tables(a: float, b: float) -> None:
    truths = {"and": a and b, "or": a or b, "xor": a != b, "implies": (not a) or b}
    for word, expected in truths.items():
        tree = Call(word, (Symbol("a"), Symbol("b")))
        assert value(tree, a=a, b=b) == float(bool(expected))
        assert _closure(tree)({"a": a, "b": b}) == float(bool(expected))
    three = Call("xor", (Symbol("a"), Symbol("b"), Number(1.0)))
    assert value(three, a=a, b=b) == float((a != b) != 1.0)


def test_small_powers_are_products(write: SimpleNamespace) -> None:
    assert python(write.formula("x ** 2 + (x + 1) ** 3"), str) == "square(x) + cube(x + 1.0)"
    assert python(write.formula("x ** -2 * x ** 0.5"), str) == "1.0 / square(x) * sqrt(x)"
    assert python(write.formula("a / x ** -1"), str) == "a / (1.0 / x)"
    assert python(write.formula("x ** h"), str) == "x ** h"


def test_the_root_of_a_negative_literal_is_not_a_number_and_never_complex() -> None:
    third = Call("/", (Number(1.0), Number(3.0)))
    for base in (Number(-27.0), Call("-", (Number(1.0), Number(28.0)))):
        code = compile(python(Call("^", (base, third)), Namer()), "formula", "eval")
        assert math.isnan(eval(code, NAMES))
        assert not any(isinstance(one, complex) for one in code.co_consts)
    assert value(Call("^", (Number(27.0), third))) == 3.0


def test_a_function_nobody_wrote_is_refused_by_name() -> None:
    with pytest.raises(UnsupportedError, match="gamma"):
        python(Call("gamma", (Symbol("a"),)), str)


def test_names_that_are_python_words_become_harmless() -> None:
    namer = Namer()
    given_ = [
        namer(name)
        for name in ("lambda", "exp", "t", "import", "x", "lambda_", "__import__", "os.system('x')")
    ]
    assert all(name.isidentifier() for name in given_)
    assert len(set(given_)) == len(given_)
    assert not {"lambda", "exp", "t", "import", "__import__"} & set(given_)


@pytest.fixture
def hostile(write: SimpleNamespace) -> Model:
    """Every name means something to Python or to generated code."""
    return write.model(
        "hostile", parameters={"p": 2.0, "lambda": 3.0, "exp": 0.5}, species={"y": ("p", "1"), "advance": ("1", "1")},
        rules={"f": "exp * y", "out": "f + p"}, rates={"y": "-f", "advance": "out - advance"},
    )  # fmt: skip


def test_a_model_with_hostile_names_is_written_correctly(hostile: Model) -> None:
    space = run(generate(hostile, ("out", "y", "lambda")))
    y, f = np.array([2.0, 1.0]), np.zeros(2)
    p = np.array([2.0, 3.0, 0.5])
    space["rhs"](0.0, y, p, np.zeros(0), f)
    assert_allclose(f, [-1.0, 3.0 - 1.0])


def run(text: str) -> dict[str, Any]:
    """The module's functions in plain Python, without its compiled entry."""
    body = text.split("march = marcher")[0]
    space: dict[str, Any] = {}
    exec(body.replace("@compiled", "").replace("@inlined", ""), space)
    space |= {name: getattr(functions, name).py_func for name in functions.__all__}
    return space


def test_static_rules_are_computed_apart_and_dead_rules_not_at_all(write: SimpleNamespace) -> None:
    model = write.model(
        "m", parameters={"a": 1.0, "b": 2.0}, species={"x": ("a", "1")}, rates={"x": "-deep * x"},
        rules={"base": "a * b", "deep": "exp(base)", "dead": "sin(x)", "shown": "x / base"},
    )  # fmt: skip
    text = generate(model, ("shown",))
    static, rest = text.split("def initial")
    rhs, outputs = rest.split("def rhs")[1].split("def jacobian")[0], rest.split("def outputs")[1]
    assert "exp(base)" in static and "exp" not in rest.split('"""', 1)[1].split("def lane_static")[0]
    assert "dead" not in text
    assert "shown" not in rhs
    assert "x / base" in outputs
    assert "STATICS = 2" in text


def test_a_long_block_of_static_rules_is_split(write: SimpleNamespace) -> None:
    rules = {f"r{i}": f"r{i - 1} * a + {i}" if i else "a" for i in range(100)}
    model = write.model(
        "m", parameters={"a": 0.5}, species={"x": ("1", "1")}, rules=rules, rates={"x": "-r99 * x"}
    )
    text = generate(model, ("x",))
    assert text.count("def static_") == 3
    space, s = run(text), np.zeros(100)
    space["static"](np.array([0.5]), s)
    expected = 0.5
    for i in range(1, 100):
        expected = expected * 0.5 + i
    assert s[99] == pytest.approx(expected)


def test_reactions_add_up_to_derivatives(write: SimpleNamespace) -> None:
    model = write.model("m", parameters={"k": 2.0}, species={"A": ("5", "1"), "B": ("0", "1")}, rates={})
    model = replace(model, reactions=(Reaction("bind", write.formula("k * A"), (("A", -2.0), ("B", 1.0))),))
    space, f = run(generate(model, ("bind", "B"))), np.zeros(2)
    space["rhs"](0.0, np.array([5.0, 0.0]), np.array([2.0]), np.zeros(0), f)
    assert list(f) == [-20.0, 10.0]


def test_definitions_in_a_circle_and_unknown_names_are_refused(write: SimpleNamespace) -> None:
    model = write.model(
        "m", parameters={"a": 1.0}, species={"x": ("1", "1")}, rates={"x": "-u"}, rules={"u": "v", "v": "u"}
    )
    with pytest.raises(InputError, match="circle"):
        generate(model, ("x",))
    with pytest.raises(InputError, match='no name "b"'):
        generate(replace(model, rules=(Rule("u", Symbol("b"), "1"),)), ("x",))
    with pytest.raises(InputError, match=r'no output "xx".*Did you mean "x"'):
        generate(model, ("xx",))


def check_jacobian(model: Model, p: np.ndarray, y: np.ndarray, t: float) -> None:
    """The Jacobian against central differences of the right-hand side, column by column."""
    space = run(generate(model, tuple(one.id for one in model.species)))
    count, n = int(space["STATICS"]), y.size
    s = np.zeros(count)
    out, by_time = np.full((n, n), np.nan), np.full(n, np.nan)
    with np.errstate(all="ignore"):
        space["static"](p, s)
        space["jacobian"](t, y, p, s, out, by_time)

    def slope(at: np.ndarray, when: float) -> np.ndarray:
        f = np.zeros(n)
        space["rhs"](when, at, p, s, f)
        return f

    flow = np.abs(slope(y, t))
    for j in range(n):
        h = 1e-5 * max(abs(y[j]), 1e-6)
        up, down = y.copy(), y.copy()
        up[j] += h
        down[j] -= h
        column = (slope(up, t) - slope(down, t)) / (up[j] - down[j])
        noise = 1e-9 * (flow + np.abs(slope(up, t))) / h
        assert np.all(np.abs(out[:, j] - column) <= 1e-4 * np.abs(column) + noise + 1e-9), (
            j,
            out[:, j],
            column,
        )
    late = (slope(y, t + 1e-6) - slope(y, t - 1e-6)) / 2e-6
    assert_allclose(by_time, late, rtol=1e-4, atol=1e-6 * (1 + flow.max()))


@given(st.lists(st.floats(0.2, 5.0), min_size=9, max_size=9), st.floats(0.0, 5.0))
@settings(max_examples=30, deadline=None)
def test_the_jacobian_is_that_of_the_right_hand_side(
    write: SimpleNamespace, factors: list[float], t: float
) -> None:
    for model in (write.CLOSED, write.ROBERTSON, write.WINDOW):
        p = np.array([one.value for one in model.parameters])
        y = np.array(factors[: len(model.species)]) * (1000.0 if model.id == "window" else 1.0)
        check_jacobian(model, p, y, t)


def test_the_text_does_not_depend_on_the_order_of_hashes() -> None:
    script = (
        "import sys; sys.path.insert(0, sys.argv[1]); import conftest as c\n"
        "from offtarget.engine.codegen import generate\n"
        "print(''.join(generate(m, ('time', m.rules[-1].id)) + m.digest() for m in (c.CLOSED, c.ROBERTSON, c.WINDOW)))"
    )
    texts = {
        subprocess.run(
            [sys.executable, "-c", script, str(Path(__file__).parent)], check=True, capture_output=True, text=True,
            env={**os.environ, "PYTHONHASHSEED": seed},
        ).stdout
        for seed in ("0", "1", "4242")
    }  # fmt: skip
    assert len(texts) == 1
    assert "def jacobian" in texts.pop()
