"""Promises of algebraic rules: solved for what they set, on the branch it starts from, or refused by name."""

from __future__ import annotations

import math

import libsbml
import numpy as np
import pytest

from offtarget.arrays.cohort import Cohort
from offtarget.arrays.schedule import Schedule
from offtarget.engine.reference import simulate_reference
from offtarget.errors import InputError
from offtarget.models.model import Model
from offtarget.models.sbml import read_model

DOCUMENT = (
    '<?xml version="1.0" encoding="UTF-8"?><sbml xmlns="http://www.sbml.org/sbml/level3/version2/core" level="3" '
    'version="2"><model id="m"><listOfParameters>{}</listOfParameters><listOfRules>{}</listOfRules></model></sbml>'
)


def _model(*rules: str, **starts: float | None) -> Model:
    """A model of algebraic rules, each an expression that is zero, over quantities that may change."""
    quantities = "".join(
        f'<parameter id="{id}" constant="false"' + ("/>" if value is None else f' value="{value!r}"/>')
        for id, value in starts.items()
    )
    formulas = (libsbml.writeMathMLToString(libsbml.parseL3Formula(rule)) for rule in rules)
    inside = "".join(f"<algebraicRule>{one.partition('?>')[2]}</algebraicRule>" for one in formulas)
    return read_model(DOCUMENT.format(quantities, inside), where="m.xml")


def _at(model: Model, times: list[float], *names: str) -> np.ndarray:
    nobody = Cohort(np.array([0], np.uint64), {}, {})
    found = simulate_reference(model, nobody, Schedule.empty(1), times=np.array(times), outputs=names)
    return np.asarray(found.values[0])


def test_an_algebraic_rule_is_solved_for_the_one_quantity_it_may_set() -> None:
    np.testing.assert_allclose(_at(_model("2 * x + (1 + time) * x - 6", x=None), [0.0], "x"), [[2.0]])


def test_algebraic_rules_that_share_what_they_set_are_solved_together() -> None:
    model = _model("x + y - time", "x - 2 * y - 3", x=None, y=None)
    np.testing.assert_allclose(_at(model, [0.0, 6.0], "x", "y"), [[1.0, -1.0], [5.0, 1.0]], rtol=1e-12)


@pytest.mark.parametrize(
    ("rules", "starts", "said"),
    [
        (["x + y"], {"x": 1.0, "y": 2.0}, "1 for 2 quantities"),
        (["x + 1", "x + 2"], {"x": 1.0}, "overdetermined"),
        (["x + y + 1", "x + y + 2"], {"x": 1.0, "y": 1.0}, "contradict"),
        (["1"], {}, "overdetermined"),
        (["x * x - 4"], {"x": 1.0}, "makes x -2 or 2, and it starts from 1"),
        (["x^2 - 4"], {"x": None}, "makes x -2 or 2, and it has no value to start from"),
        (["abs(x) - 4"], {"x": 0.0}, "makes x -4 or 4, and it starts from 0"),
        (["x^2 + 4"], {"x": 2.0}, r"cannot be solved for it \(x\)"),
        (["sqrt(x) + 2"], {"x": 4.0}, "cannot be solved"),  # 4 is what squaring makes of it
        (["exp(x) + x"], {"x": 1.0}, "cannot be solved"),
        (["sin(x) - 0.5"], {"x": 1.0}, "cannot be solved"),
        (["abs(" * 40 + "x" + ")" * 40 + "- 4"], {"x": 4.0}, "cannot be solved"),
        (["(" * 12 + "x" + "^3)" * 12 + "- 4"], {"x": 4.0}, "cannot be solved"),
    ],
)
def test_an_algebraic_rule_that_leaves_open_what_it_sets_is_refused(
    rules: list[str], starts: dict[str, float | None], said: str
) -> None:
    with pytest.raises(InputError, match=said):
        _model(*rules, **starts)


@pytest.mark.parametrize(
    ("rule", "start", "values"),
    [
        ("x^2 - 4", 2.0, [2.0, 2.0]),
        ("x^2 - 4", -2.0, [-2.0, -2.0]),
        ("x^2 - 3 * x + 2 + 0.25 * time", 1.0, [1.0, 1.5]),
        ("x^2 - 3 * x + 2 + 0.25 * time", 2.0, [2.0, 1.5]),
        ("5 - x - 6 * x / (1 + x)", 1.449489742783178, [1.449489742783178] * 2),
        ("x / (2 + x) - 0.5", None, [2.0, 2.0]),
        ("x^3 + 8", None, [-2.0, -2.0]),
        ("exp(x) - 1 - time", None, [0.0, math.log(2.0)]),
        ("2^x - 8", None, [3.0, 3.0]),
        ("log10(3 * x) - 1", None, [10 / 3, 10 / 3]),
        ("sqrt(x) - 3", None, [9.0, 9.0]),
        ("abs(x - 1) - 4", -3.0, [-3.0, -3.0]),
        ("piecewise(x - 1, time < 0.5, 2 * x - 1)", None, [1.0, 0.5]),
    ],
)
def test_of_several_solutions_the_one_that_the_quantity_starts_from_is_followed(
    rule: str, start: float | None, values: list[float]
) -> None:
    np.testing.assert_allclose(_at(_model(rule, x=start), [0.0, 1.0], "x")[:, 0], values, rtol=1e-9)


def test_what_one_rule_gives_is_known_to_the_next() -> None:
    model = _model("y * x - 6", "x * x - 4", x=-2.0, y=None)
    np.testing.assert_allclose(_at(model, [0.0], "x", "y"), [[-2.0, -3.0]])


@pytest.mark.parametrize(
    "rule", ["sqrt(x) - 1 + time", "abs(x) - 1 + time", "x^0.25 - 1 + time", "x^2 - 1 + time"]
)
def test_where_the_solution_ends_there_is_no_number(rule: str) -> None:
    found = _at(_model(rule, x=1.0), [0.0, 1.0, 2.0], "x")
    assert found[:2, 0].tolist() == [1.0, 0.0]
    assert math.isnan(found[2, 0])


def test_little_free_drug_among_much_bound_is_solved_without_cancelling() -> None:
    free = 9.99999998e-07  # by arithmetic of fifty digits; as a difference it would keep six
    model = _model("x * (x + 1e-6 + 2000 - 1000) - 1e-6 * 1000", x=free)
    np.testing.assert_allclose(_at(model, [0.0], "x")[0, 0], free, rtol=1e-13)
