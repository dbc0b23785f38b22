"""Draws by chance are read where they mean something, written back, and refused by name where they do not."""

from __future__ import annotations

import pytest

from offtarget.engine.ensemble import build
from offtarget.errors import InputError, UnsupportedError
from offtarget.models.dimensions import check_dimensions
from offtarget.models.expression import DRAWS, Call, Number, Symbol, draws
from offtarget.models.model import Model
from offtarget.models.sbml import parse_expression, read_model, write_sbml

DISTRIB = "http://www.sbml.org/sbml/symbols/distrib/"


def drawing(word: str, *arguments: object) -> str:
    parts = "".join(f"<cn>{one}</cn>" if isinstance(one, float) else str(one) for one in arguments)
    return f'<apply><csymbol encoding="text" definitionURL="{DISTRIB}{word}">{word}</csymbol>{parts}</apply>'


def document(*, assigned: str = "<cn>1</cn>", **places: str) -> str:
    """A model with an event; formulas in other places as said."""
    math = '<math xmlns="http://www.w3.org/1998/Math/MathML">{}</math>'.format
    trigger = places.get("trigger", "<apply><gt/><ci>X</ci><cn>3</cn></apply>")
    priority = f"<priority>{math(places['priority'])}</priority>" if "priority" in places else ""
    delay = f"<delay>{math(places['delay'])}</delay>" if "delay" in places else ""
    starts = "".join(f'<initialAssignment symbol="{id}">{math(places[key])}</initialAssignment>'
                     for id, key in (("X", "start"), ("k", "second")) if key in places)  # fmt: skip
    rule = f'<assignmentRule variable="r">{math(places.get("rule", "<cn>1</cn>"))}</assignmentRule>'
    functions = (
        f"<listOfFunctionDefinitions>{places['functions']}</listOfFunctionDefinitions>"
        if "functions" in places
        else ""
    )
    return f"""<?xml version="1.0" encoding="UTF-8"?>
    <sbml xmlns="http://www.sbml.org/sbml/level3/version2/core" level="3" version="2"
          xmlns:distrib="http://www.sbml.org/sbml/level3/version1/distrib/version1" distrib:required="true">
    <model id="m">{functions}
    <listOfCompartments><compartment id="c" size="1" constant="true"/></listOfCompartments>
    <listOfSpecies><species id="X" compartment="c" initialAmount="5" hasOnlySubstanceUnits="true"
      boundaryCondition="false" constant="false"/></listOfSpecies>
    <listOfParameters><parameter id="k" value="2" constant="true"/>
    <parameter id="r" constant="false"/></listOfParameters>
    {f"<listOfInitialAssignments>{starts}</listOfInitialAssignments>" if starts else ""}
    <listOfRules>{rule}</listOfRules>
    <listOfReactions><reaction id="J" reversible="{places.get("reversible", "false")}">
    <listOfReactants><speciesReference species="X" stoichiometry="1" constant="true"/></listOfReactants>
    <kineticLaw>{math(places.get("law", "<apply><times/><ci>k</ci><ci>X</ci></apply>"))}</kineticLaw></reaction>
    </listOfReactions>
    <listOfEvents><event id="E" useValuesFromTriggerTime="true"><trigger initialValue="true" persistent="true">
    {math(trigger)}</trigger>{priority}{delay}<listOfEventAssignments><eventAssignment variable="X">{math(assigned)}
    </eventAssignment></listOfEventAssignments></event></listOfEvents></model></sbml>"""


def model(**places: str) -> Model:
    return read_model(document(**places), where="m")


@pytest.mark.parametrize("word", DRAWS)
def test_every_distribution_is_read_and_written_back(word: str) -> None:
    for count in DRAWS[word]:
        read = model(assigned=drawing(word, *(0.25 * (i + 1) for i in range(count))))
        (value,) = (value for _, value in read.events[0].assignments)
        assert value == Call(word, tuple(Number(0.25 * (i + 1)) for i in range(count)))
        assert read_model(write_sbml(read), where="again").text() == read.text()


def test_a_reversible_reaction_stays_one_on_paper() -> None:
    read = model(reversible="true")
    assert read.reactions[0].reversible
    assert read_model(write_sbml(read), where="again").reactions[0].reversible
    assert not model().reactions[0].reversible


def test_delays_and_starts_may_be_drawn() -> None:
    read = model(delay=drawing("exponential", 2.0), start=drawing("poisson", 9.0))
    assert read.events[0].delay == Call("exponential", (Number(2.0),))
    assert read.species[0].initial == Call("poisson", (Number(9.0),))


@pytest.mark.parametrize(
    ("place", "said"),
    [("trigger", "trigger of event E"), ("priority", "priority of event E"), ("law", "rate of reaction J"),
     ("rule", "rule of r")],
)  # fmt: skip
def test_a_draw_where_it_would_change_with_every_look_is_refused(place: str, said: str) -> None:
    with pytest.raises(UnsupportedError, match=rf"the {said} draws from normal\(\)"):
        model(**{place: drawing("normal", 0.0, 1.0)})


def test_a_drawn_start_that_another_start_uses_is_refused() -> None:
    with pytest.raises(UnsupportedError, match="starting values use another one that is drawn"):
        model(second=drawing("normal", 0.0, 1.0), start="<apply><times/><ci>k</ci><cn>2</cn></apply>")


def test_an_argument_of_a_function_is_drawn_once() -> None:
    """Written out, f(x) = x - x of a draw would be two draws."""
    function = """<functionDefinition id="f"><math xmlns="http://www.w3.org/1998/Math/MathML"><lambda><bvar><ci>x</ci>
    </bvar><apply><{}/><ci>x</ci>{}</apply></lambda></math></functionDefinition>"""
    draw = f"<apply><ci>f</ci>{drawing('normal', 0.0, 1.0)}</apply>"
    with pytest.raises(UnsupportedError, match="an argument drawn by chance more than once"):
        model(assigned=draw, functions=function.format("minus", "<ci>x</ci>"))
    read = model(assigned=draw, functions=function.format("minus", "<cn>1</cn>"))
    assert len(draws(read.events[0].assignments[0][1])) == 1


def test_wrong_numbers_of_arguments_are_refused() -> None:
    with pytest.raises(InputError, match=r"arguments of normal|valid SBML"):
        model(assigned=drawing("normal", 0.0, 1.0, 2.0))


def test_the_engine_of_flows_refuses_chance_by_name() -> None:
    with pytest.raises(UnsupportedError, match=r"draws numbers by chance, from normal\(\)"):
        build(model(assigned=drawing("normal", 0.0, 1.0)))


def test_a_study_s_formula_has_no_chance_in_it() -> None:
    with pytest.raises(InputError, match="formula"):
        parse_expression("normal(1, 2) * 3", where="here")


def test_the_dimension_of_a_draw_is_that_of_its_distribution() -> None:
    def complaints(value: Call, unit: str) -> tuple[str, ...]:
        from offtarget.models.model import Event, Parameter, Species

        event = Event("E", Call(">", (Symbol("time"), Symbol("when"))), (("S", value),))
        return check_dimensions(Model(
            "m", "m", "day", (Parameter("a", 1.0, "mg"), Parameter("b", 1.0, "1/mg"), Parameter("when", 1.0, "day")),
            (Species("S", Number(0.0), unit),), (), (), events=(event,),
        ))  # fmt: skip

    a, b = Symbol("a"), Symbol("b")
    assert not complaints(Call("normal", (a, a)), "mg")
    assert not complaints(Call("exponential", (b,)), "mg")
    assert not complaints(Call("gamma", (Number(2.0), a)), "mg")
    assert not complaints(Call("poisson", (Number(2.0),)), "cell")
    assert complaints(Call("normal", (a, b)), "mg")
    assert complaints(Call("exponential", (a,)), "mg")
