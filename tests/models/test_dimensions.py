"""Promises of the dimension checker: silent on what is right, and it finds a fault planted in any equation."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace

import pytest

from offtarget.errors import InputError
from offtarget.models.dimensions import check_dimensions, raise_on_bad_dimensions
from offtarget.models.expression import Call, Expression, Number, Symbol, multiply
from offtarget.models.model import Model, Parameter
from offtarget.models.sbml import load_model
from offtarget.pharmacology.drug import load_drug
from offtarget.pharmacology.mechanism import mechanisms_for, treat

FAULT = Parameter("a_volume", 1.0, "L")


def _models() -> Iterator[Model]:
    for name in ("cml", "hahnel2020"):
        yield load_model(name)
    cml, drugs = load_model("cml"), (load_drug("imatinib"),)
    for exposure in ("averaged", "dosed"):
        yield treat(cml, drugs, mechanisms_for(cml, drugs), exposure=exposure)


def _spoilt(expression: Expression) -> Expression:
    """The expression with its last additive term, or all of it, multiplied by a volume."""
    if isinstance(expression, Call) and expression.operator in ("+", "-"):
        *kept, last = expression.arguments
        return Call(expression.operator, (*kept, multiply(last, Symbol(FAULT.id))))
    return multiply(expression, Symbol(FAULT.id))


def _mutants(model: Model) -> Iterator[tuple[str, Model]]:
    base = replace(model, parameters=(*model.parameters, FAULT))
    for kind in ("rules", "rates"):
        found = getattr(model, kind)
        for number, one in enumerate(found):
            if one.expression == Number(0.0):
                continue
            worse = replace(one, expression=_spoilt(one.expression))
            yield one.id, replace(base, **{kind: (*found[:number], worse, *found[number + 1 :])})
    for number, reaction in enumerate(model.reactions):
        worse_law = replace(reaction, rate=_spoilt(reaction.rate))
        yield (
            reaction.id,
            replace(base, reactions=(*model.reactions[:number], worse_law, *model.reactions[number + 1 :])),
        )


def test_no_catalogue_or_treated_model_has_a_wrong_dimension() -> None:
    for model in _models():
        assert check_dimensions(model) == ()


def test_a_fault_in_any_equation_is_found() -> None:
    planted = 0
    for model in _models():
        for name, mutant in _mutants(model):
            found = check_dimensions(mutant)
            assert found, f"{model.id}: a volume in {name} went unnoticed"
            planted += 1
    assert planted > 150


def test_a_wrong_dimension_is_one_sentence_with_model_and_place() -> None:
    model = load_model("hahnel2020")
    parameters = tuple(replace(one, unit="mg") if one.id == "Ky" else one for one in model.parameters)
    with pytest.raises(InputError, match=r"^hahnel2020: .*expected.*got.*more like it") as caught:
        raise_on_bad_dimensions(replace(model, parameters=parameters))
    assert "\n" not in str(caught.value)


def test_a_name_nobody_defines_is_found() -> None:
    model = load_model("hahnel2020")
    rule = replace(model.rules[0], expression=Symbol("nobody"))
    assert "nobody" in check_dimensions(replace(model, rules=(rule,)))[0]
