"""Promises of the reader about SBML's own semantics, each against a closed form or an equation written by hand."""

from __future__ import annotations

import math

import numpy as np
import pytest

from offtarget.arrays.cohort import Cohort
from offtarget.arrays.schedule import Schedule
from offtarget.engine.reference import simulate_reference
from offtarget.errors import UnsupportedError
from offtarget.models.expression import infix
from offtarget.models.model import Model
from offtarget.models.sbml import read_model, write_sbml

NOBODY = Cohort(np.array([0], np.uint64), {}, {})
LEVEL_3 = (
    '<?xml version="1.0" encoding="UTF-8"?><sbml xmlns="http://www.sbml.org/sbml/level3/version2/core" level="3" '
    'version="2"><model id="m"{}>{}</model></sbml>'
)
MATH = '<math xmlns="http://www.w3.org/1998/Math/MathML">{}</math>'


def _at(model: Model, times: list[float], *names: str) -> np.ndarray:
    found = simulate_reference(model, NOBODY, Schedule.empty(1), times=np.array(times), outputs=names)
    return np.asarray(found.values[0])


def _read(body: str, attributes: str = "") -> Model:
    return read_model(LEVEL_3.format(attributes, body), where="m.xml")


def _parameters(**given: float | None) -> str:
    """Parameters that may change, with a value or without."""
    rows = "".join(
        f'<parameter id="{id}" constant="false"' + (f' value="{value}"' if value is not None else "") + "/>"
        for id, value in given.items()
    )
    return f"<listOfParameters>{rows}</listOfParameters>"


def _rules(*rules: str) -> str:
    return f"<listOfRules>{''.join(rules)}</listOfRules>"


def _algebraic(inner: str) -> str:
    return f"<algebraicRule>{MATH.format(inner)}</algebraicRule>"


def _sum(*terms: str) -> str:
    return f"<apply><plus/>{''.join(terms)}</apply>"


def _times(*factors: str) -> str:
    return f"<apply><times/>{''.join(factors)}</apply>"


def _ci(name: str) -> str:
    return f"<ci>{name}</ci>"


def _cn(value: float) -> str:
    return f"<cn>{value}</cn>"


# --- compartments that change ---


def test_a_compartment_that_grows_dilutes_and_keeps_the_amount() -> None:
    text = "model *m()\n compartment V; V = 2; V' = 3; species S in V; S = 5; species $B in V; B = 4; S -> ; 0; end"
    found = _at(read_model(text, where="m.ant"), [0.0, 2.0], "S", "B", "S_amount", "V")
    np.testing.assert_allclose(found, [[5.0, 4.0, 10.0, 2.0], [10 / 8, 8 / 8, 10.0, 8.0]], rtol=1e-8)


def test_a_compartment_that_a_rule_sets_dilutes_too() -> None:
    text = "model *m()\n compartment V; V := 1 + time; species S in V; S = 6; S -> ; 0.5 * S * V; end"
    found = _at(read_model(text, where="m.ant"), [0.0, 2.0], "S")
    np.testing.assert_allclose(found[:, 0], [6.0, 6.0 * math.exp(-1.0) / 3.0], rtol=1e-7)


def test_a_rate_of_a_concentration_holds_while_its_compartment_grows() -> None:
    text = "model *m()\n compartment V; V = 2; V' = 1; species $S in V; S = 3; S' = 0.5; end"
    found = _at(read_model(text, where="m.ant"), [0.0, 4.0], "S", "V")
    np.testing.assert_allclose(found, [[3.0, 2.0], [5.0, 6.0]], rtol=1e-8)


def test_a_rate_of_a_concentration_holds_in_a_compartment_that_an_event_changes() -> None:
    text = """model *m()
      compartment V; V = 2; V' = 1; species $S in V; S = 3; S' = 0.5; E1: at (time > 2): V = 1;
    end"""
    found = _at(read_model(text, where="m.ant"), [1.0, 3.0], "S", "S_amount", "V")
    # at the event 4 in a volume of 4 become 16 in a volume of 1
    np.testing.assert_allclose(found, [[3.5, 10.5, 3.0], [16.5, 33.0, 2.0]], rtol=1e-7)


def test_a_rate_of_a_concentration_is_refused_where_its_compartment_jumps_through_a_rule() -> None:
    text = "model *m()\n p = 1; compartment V; V := p; species $S in V; S = 3; S' = 0.5; E1: at (time > 2): p = 5; end"
    with pytest.raises(UnsupportedError, match="through a rule"):
        read_model(text, where="m.ant")


def test_rate_of_a_concentration_counts_the_dilution() -> None:
    text = """model *m()
      compartment V; V = 2; V' = 1; species S in V; S = 3; S -> ; 0.5 * S * V; d := rateOf(S);
    end"""
    found = _at(read_model(text, where="m.ant"), [0.0, 2.0], "d", "S")
    slope = -found[:, 1] * (0.5 + 1.0 / np.array([2.0, 4.0]))
    np.testing.assert_allclose(found[:, 0], slope, rtol=1e-8)


# --- stoichiometry and conversion ---

SPECIES = (
    '<listOfCompartments><compartment id="C" size="2" spatialDimensions="3" constant="true"/></listOfCompartments>'
    '<listOfSpecies><species id="S" compartment="C" initialAmount="1" hasOnlySubstanceUnits="true" '
    'boundaryCondition="false" constant="false"{}/></listOfSpecies>'
)
REACTION = (
    '<listOfReactions><reaction id="J" reversible="false"><listOfProducts><speciesReference {} species="S" '
    'constant="false"/></listOfProducts><kineticLaw>' + MATH.format("<cn>3</cn>") + "</kineticLaw></reaction>"
    "</listOfReactions>"
)


def test_a_stoichiometry_with_a_rate_of_its_own_is_followed() -> None:
    rate = _rules(f'<rateRule variable="n">{MATH.format(_cn(2))}</rateRule>')
    model = _read(SPECIES.format("") + rate + REACTION.format('id="n" stoichiometry="1"'))
    # dS/dt = 3 (1 + 2 t)
    np.testing.assert_allclose(
        _at(model, [0.0, 2.0], "S", "n", "J"), [[1.0, 1.0, 3.0], [19.0, 5.0, 3.0]], rtol=1e-8
    )


def test_a_stoichiometry_named_in_a_formula_is_a_number_of_the_model() -> None:
    rule = _rules(f'<assignmentRule variable="p">{MATH.format(_times(_cn(10), _ci("n")))}</assignmentRule>')
    model = _read(
        SPECIES.format("") + _parameters(p=None) + rule + REACTION.format('id="n" stoichiometry="4"')
    )
    np.testing.assert_allclose(_at(model, [1.0], "S", "p"), [[13.0, 40.0]], rtol=1e-8)
    own = Cohort(np.array([0], np.uint64), {"n": np.array([5.0])}, {})
    found = simulate_reference(model, own, Schedule.empty(1), times=np.array([1.0]), outputs=("S", "p"))
    np.testing.assert_allclose(found.values[0], [[16.0, 50.0]], rtol=1e-8)


@pytest.mark.parametrize("of", ["species", "model"])
def test_a_conversion_factor_multiplies_what_reactions_add(of: str) -> None:
    factor = ' conversionFactor="f"'
    parameters = '<listOfParameters><parameter id="f" value="7" constant="true"/></listOfParameters>'
    body = (
        SPECIES.format(factor if of == "species" else "") + parameters + REACTION.format('stoichiometry="1"')
    )
    model = _read(body, factor if of == "model" else "")
    np.testing.assert_allclose(_at(model, [1.0], "S"), [[22.0]], rtol=1e-8)


# --- formulas ---


def test_formulas_that_are_left_empty_say_nothing() -> None:
    body = _parameters(a=2, b=3, c=4) + (
        '<listOfInitialAssignments><initialAssignment symbol="a"/></listOfInitialAssignments>'
        + _rules('<rateRule variable="b"/>', '<assignmentRule variable="c"/>', "<algebraicRule/>")
    )
    np.testing.assert_allclose(_at(_read(body), [0.0, 1.0], "a", "b", "c"), [[2.0, 3.0, 4.0]] * 2)


def _reaction(law: str, boundary: str = "false", rest: str = "") -> str:
    return (
        '<listOfCompartments><compartment id="C" spatialDimensions="3" size="1" constant="true"/></listOfCompartments>'
        '<listOfSpecies><species id="S" compartment="C" initialAmount="2" hasOnlySubstanceUnits="false" '
        f'boundaryCondition="{boundary}" constant="false"/></listOfSpecies>'
        '<listOfReactions><reaction id="J" reversible="false"><listOfProducts>'
        f'<speciesReference species="S" stoichiometry="1" constant="true"/></listOfProducts>{law}</reaction>'
        f"</listOfReactions>{rest}"
    )


@pytest.mark.parametrize(
    ("law", "boundary"),
    [
        ("<kineticLaw/>", "false"),
        ('<kineticLaw><listOfLocalParameters><localParameter id="k" value="1"/></listOfLocalParameters></kineticLaw>',
         "false"),
        ("", "true"),
    ],
)  # fmt: skip
def test_a_reaction_whose_law_says_nothing_adds_nothing(law: str, boundary: str) -> None:
    assert _at(_read(_reaction(law, boundary)), [0.0, 3.0], "S")[:, 0].tolist() == [2.0, 2.0]


def test_a_reaction_without_a_law_is_refused_where_its_rate_is_needed() -> None:
    with pytest.raises(UnsupportedError, match=r"reaction J has no kinetic law\. Give it one"):
        _read(_reaction(""))
    rate = f'<rateRule variable="p">{MATH.format(_ci("J"))}</rateRule>'
    with pytest.raises(UnsupportedError, match="reaction J has no kinetic law"):
        _read(_parameters(p=1.0) + _rules(rate) + _reaction("<kineticLaw/>"))


def test_infinity_is_a_value_when_its_author_wrote_it() -> None:
    model = _read('<listOfParameters><parameter id="a" value="INF" constant="true"/></listOfParameters>')
    assert math.isinf(_at(model, [0.0], "a")[0, 0])


def test_functions_may_stand_in_any_order_and_call_an_argument_time() -> None:
    def function(id: str, argument: str, body: str) -> str:
        inner = f"<lambda><bvar><ci>{argument}</ci></bvar>{body}</lambda>"
        return f'<functionDefinition id="{id}">{MATH.format(inner)}</functionDefinition>'

    body = (
        "<listOfFunctionDefinitions>"
        + function("outer", "time", _sum("<apply><ci>inner</ci><ci>time</ci></apply>", _ci("time")))
        + function("inner", "x", _times(_ci("x"), _ci("x")))
        + "</listOfFunctionDefinitions>" + _parameters(a=3, b=None)
        + _rules(f'<assignmentRule variable="b">{MATH.format("<apply><ci>outer</ci><ci>a</ci></apply>")}'
                 "</assignmentRule>")
    )  # fmt: skip
    np.testing.assert_allclose(_at(_read(body), [0.0, 2.0], "b"), [[12.0], [12.0]])


def test_the_rate_of_a_parameter_of_one_reaction_is_nothing() -> None:
    rate = "<apply><csymbol encoding='text' definitionURL='http://www.sbml.org/sbml/symbols/rateOf'>r</csymbol>{}</apply>"
    law = MATH.format(_sum(rate.format(_ci("k")), _ci("k")))
    local = '<listOfLocalParameters><localParameter id="k" value="3"/></listOfLocalParameters>'
    reaction = REACTION.format('stoichiometry="1"').replace(MATH.format("<cn>3</cn>"), law + local)
    moving = _parameters(k=1) + _rules(f'<rateRule variable="k">{MATH.format(_cn(2))}</rateRule>')
    np.testing.assert_allclose(
        _at(_read(SPECIES.format("") + moving + reaction), [1.0], "S"), [[4.0]], rtol=1e-8
    )


# --- events ---

EVENTS = """model *m()
  compartment V; V = 2; species S in V; S = 3; species R in V; R = 1; J: S -> R; k * S * V;
  k = 0.1; twice = 2 * k; p := k + 1;
  E1: at 2 after (S < 1), t0=false, persistent=false, priority=p: k = 5, S = 7;
  E2: at (time >= 4), fromTrigger=false: V = 4, R = S;
end"""


def test_what_an_event_assigns_to_is_a_state_and_the_amount_of_a_concentration() -> None:
    model = read_model(EVENTS, where="m.ant")
    assert {one.id for one in model.species} == {"S_amount", "R_amount", "V", "k"}
    assert not {one.id for one in model.parameters} & {"k", "V"}
    assert infix(model.derivatives()["k"]) == infix(model.derivatives()["V"]) == "0"
    one, other = model.events
    # 7 is 7 at the trigger and at the execution, but V is to be that of the execution
    assert {name: infix(value) for name, value in one.assignments} == {"k": "5", "S_amount": "7 * V"}
    # everything is taken before anything is written, the size of the compartment too
    assert {name: infix(value) for name, value in other.assignments} == {"V": "4", "R_amount": "S * V"}
    assert (infix(one.trigger), infix(one.delay), infix(one.priority)) == ("S < 1", "2", "p")
    assert (one.initially, one.persistent, one.from_trigger_time) == (False, False, False)
    assert (other.initially, other.persistent, other.from_trigger_time) == (True, True, False)


def test_what_uses_a_name_that_events_assign_to_is_settled_at_the_start_only() -> None:
    model = read_model(EVENTS, where="m.ant")
    assert [infix(one.expression) for one in model.rules if one.id == "twice"] == ["2 * 0.1"]


def test_events_are_written_and_read_back_the_same() -> None:
    model = read_model(EVENTS, where="m.ant")
    again = read_model(write_sbml(model), where="again")
    assert again.events == model.events
    assert sorted(again.text().splitlines()) == sorted(model.text().splitlines())


def test_a_late_assignment_to_a_concentration_in_a_compartment_that_moves_is_refused() -> None:
    text = """model *m()
      compartment V; V = 2; V' = 1; species S in V; S = 3; S -> ; S;
      E1: at 2 after (time > 1), fromTrigger=true: S = 2 * S;
    end"""
    with pytest.raises(UnsupportedError, match="E1: an event that sets a concentration"):
        read_model(text, where="m.ant")


@pytest.mark.parametrize(("size", "concentration"), [('size="4"', 0.5), ("", 2.0)])
def test_a_compartment_without_dimensions_has_the_size_it_states_or_none(
    size: str, concentration: float
) -> None:
    body = (
        f'<listOfCompartments><compartment id="C" spatialDimensions="0" {size} constant="true"/></listOfCompartments>'
        '<listOfSpecies><species id="S" compartment="C" initialAmount="2" hasOnlySubstanceUnits="false" '
        'boundaryCondition="false" constant="false"/></listOfSpecies>'
    )
    assert _at(_read(body), [0.0], "S")[0, 0] == concentration


def test_a_stoichiometry_without_a_value_is_refused_where_it_matters() -> None:
    def body(boundary: str) -> str:
        return (
            '<listOfCompartments><compartment id="C" spatialDimensions="3" size="1" constant="true"/>'
            '</listOfCompartments><listOfSpecies><species id="S" compartment="C" initialAmount="2" '
            f'hasOnlySubstanceUnits="false" boundaryCondition="{boundary}" constant="false"/></listOfSpecies>'
            '<listOfReactions><reaction id="J" reversible="false"><listOfProducts>'
            '<speciesReference species="S" constant="true"/></listOfProducts>'
            f"<kineticLaw>{MATH.format('<cn> 1 </cn>')}</kineticLaw></reaction></listOfReactions>"
        )

    with pytest.raises(UnsupportedError, match="the stoichiometry of S has no value"):
        _read(body("false"))
    assert _at(_read(body("true")), [1.0], "S")[0, 0] == 2.0


def test_a_constraint_without_a_formula_says_nothing_and_one_with_a_formula_is_refused() -> None:
    body = _parameters(p=1.0) + "<listOfConstraints>{}</listOfConstraints>"
    assert _read(body.format("<constraint/>")).parameters[0].value == 1.0
    with pytest.raises(UnsupportedError, match=r"constraints, which say .* Take them out"):
        _read(body.format(f"<constraint>{MATH.format('<true/>')}</constraint>"))
