"""Promises of the reader about meaning: what holds at the start holds only then, and no name is quietly another's."""

from __future__ import annotations

import re
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from offtarget.arrays.cohort import Cohort
from offtarget.arrays.schedule import Schedule
from offtarget.engine.reference import simulate_reference
from offtarget.errors import InputError, UnsupportedError
from offtarget.models.expression import Number, symbols
from offtarget.models.model import Model
from offtarget.models.sbml import load_model, read_model, states_time_unit, write_sbml

MATH = '<math xmlns="http://www.w3.org/1998/Math/MathML">{}</math>'
LEVEL_3 = (
    '<?xml version="1.0" encoding="UTF-8"?><sbml xmlns="http://www.sbml.org/sbml/level3/version1/core" level="3" '
    'version="1"><model id="m">{}</model></sbml>'
)


LEVEL_2 = (
    '<?xml version="1.0" encoding="UTF-8"?><sbml xmlns="http://www.sbml.org/sbml/level2/version4" level="2" '
    'version="4"><model id="m">{}</model></sbml>'
)


def _at(model: Model, times: list[float], *names: str, **columns: float) -> np.ndarray:
    cohort = Cohort(np.array([0], np.uint64), {key: np.array([value]) for key, value in columns.items()}, {})
    found = simulate_reference(model, cohort, Schedule.empty(1), times=np.array(times), outputs=names)
    return np.asarray(found.values[0])


def test_a_parameter_settled_at_the_start_by_a_state_stays_where_it_was_put() -> None:
    text = "model *m()\n species S; S = 4; S' = -S; p = 3 * S; q := p + time; end"
    model = read_model(text, where="m.ant")
    (settled,) = (rule for rule in model.rules if rule.id == "p")
    assert not symbols(settled.expression)
    np.testing.assert_allclose(_at(model, [0.0, 2.0], "p", "q"), [[12.0, 12.0], [12.0, 14.0]])


def test_a_settled_value_follows_a_patients_own_parameters() -> None:
    model = read_model("model *m()\n a = 2; p = 3 * a; x = 10 * p; x' = -p; end", where="m.ant")
    np.testing.assert_allclose(_at(model, [0.0, 1.0], "p", "x", a=5.0), [[15.0, 150.0], [15.0, 135.0]])


def test_an_initial_amount_stays_an_amount_when_the_compartment_gets_its_size_at_the_start() -> None:
    text = LEVEL_3.format(
        '<listOfCompartments><compartment id="C" size="7" constant="true"/></listOfCompartments>'
        '<listOfSpecies><species id="S" compartment="C" initialAmount="6" hasOnlySubstanceUnits="false" '
        'boundaryCondition="false" constant="false"/></listOfSpecies>'
        '<listOfParameters><parameter id="p" value="1.5" constant="true"/></listOfParameters>'
        '<listOfInitialAssignments><initialAssignment symbol="C">'
        + MATH.format("<apply><times/><cn>2</cn><ci>p</ci></apply>")
        + "</initialAssignment></listOfInitialAssignments>"
    )
    model = read_model(text, where="m.xml")
    np.testing.assert_allclose(_at(model, [0.0], "S_amount", "S", "C"), [[6.0, 2.0, 3.0]])


def test_a_rate_used_by_its_name_is_written_in() -> None:
    text = "model *m()\n species S; S = 4; J: S -> ; 0.5 * S; twice := 2 * J; end"
    model = read_model(text, where="m.ant")
    np.testing.assert_allclose(_at(model, [0.0], "twice"), [[4.0]])
    assert all("J" not in symbols(rule.expression) for rule in model.rules)


def test_a_local_parameter_never_takes_a_name_that_is_there() -> None:
    law = (
        "<kineticLaw>" + MATH.format("<apply><times/><ci>k</ci><ci>J_k</ci></apply>")
        + '<listOfLocalParameters><localParameter id="k" value="3"/></listOfLocalParameters></kineticLaw>'
    )  # fmt: skip
    text = LEVEL_3.format(
        '<listOfCompartments><compartment id="C" size="1" constant="true"/></listOfCompartments>'
        '<listOfSpecies><species id="S" compartment="C" initialAmount="0" hasOnlySubstanceUnits="true" '
        'boundaryCondition="false" constant="false"/></listOfSpecies>'
        '<listOfParameters><parameter id="J_k" value="5" constant="true"/></listOfParameters><listOfReactions>'
        '<reaction id="J" reversible="false" fast="false"><listOfProducts><speciesReference species="S" '
        f'stoichiometry="1" constant="true"/></listOfProducts>{law}</reaction></listOfReactions>'
    )
    model = read_model(text, where="m.xml")
    np.testing.assert_allclose(_at(model, [0.0, 2.0], "S"), [[0.0], [30.0]])
    assert {one.id: one.value for one in model.parameters} == {"J_k": 5.0, "J_k_": 3.0}


@pytest.mark.parametrize(
    ("body", "said"),
    [
        (
            '<listOfParameters><parameter id="a" constant="false"/></listOfParameters><listOfRules>'
            '<assignmentRule variable="a">'
            + MATH.format("<ci>nobody</ci>")
            + "</assignmentRule></listOfRules>",
            "nobody",
        ),
        ('<listOfParameters><parameter id="a" constant="true"/></listOfParameters>', "finite"),
    ],
)
def test_what_has_no_clear_meaning_is_refused(body: str, said: str) -> None:
    with pytest.raises(InputError, match=said) as caught:
        read_model(LEVEL_3.format(body), where="m.xml")
    assert "\n" not in str(caught.value)


def test_a_quantity_called_time_is_not_the_time() -> None:
    csymbol = '<csymbol encoding="text" definitionURL="http://www.sbml.org/sbml/symbols/time"> t </csymbol>'
    model = read_model(
        LEVEL_3.format(
            '<listOfParameters><parameter id="time" value="7" constant="true"/><parameter id="x" constant="false"/>'
            '</listOfParameters><listOfRules><assignmentRule variable="x">'
            + MATH.format(f"<apply><plus/><ci>time</ci>{csymbol}</apply>")
            + "</assignmentRule></listOfRules>"
        ),
        where="m.xml",
    )
    np.testing.assert_allclose(_at(model, [0.0, 2.0], "x", "time_"), [[7.0, 7.0], [9.0, 7.0]])


def test_a_reaction_of_a_species_nobody_defines_is_refused() -> None:
    text = LEVEL_3.format(
        '<listOfReactions><reaction id="J" reversible="false" fast="false"><listOfProducts><speciesReference '
        'species="ghost" stoichiometry="1" constant="true"/></listOfProducts><kineticLaw>'
        + MATH.format("<cn>1</cn>") + "</kineticLaw></reaction></listOfReactions>"
    )  # fmt: skip
    with pytest.raises(InputError, match="ghost"):
        read_model(text, where="m.xml")


def test_formulas_that_double_at_every_step_are_refused_and_not_written_out() -> None:
    functions = "function f0(x) x + x; end\n" + "".join(
        f"function f{i}(x) f{i - 1}(f{i - 1}(x)); end\n" for i in range(1, 8)
    )
    with pytest.raises(UnsupportedError, match="too long"):
        read_model(functions + "model *m()\n a := f7(time); end", where="m.ant")
    doubled = "".join(
        f'<assignmentRule variable="r{i}">'
        + MATH.format(f"<apply><plus/><ci>r{i - 1}</ci><ci>r{i - 1}</ci></apply>") + "</assignmentRule>"
        for i in range(1, 40)
    )  # fmt: skip
    named = "".join(f'<parameter id="r{i}" constant="false"/>' for i in range(1, 40))
    text = LEVEL_3.format(
        f'<listOfParameters><parameter id="r0" value="1" constant="true"/>{named}<parameter id="x" '
        'constant="true"/></listOfParameters><listOfInitialAssignments><initialAssignment symbol="x">'
        + MATH.format("<ci>r39</ci>")
        + f"</initialAssignment></listOfInitialAssignments><listOfRules>{doubled}</listOfRules>"
    )
    with pytest.raises(UnsupportedError, match="too long"):
        read_model(text, where="m.xml")


def test_initial_values_in_a_circle_are_refused() -> None:
    with pytest.raises(InputError, match=r"circle|cycle|Loop"):
        read_model("model *m()\n S' = -S; R' = -R; S = R; R = S; end", where="m.ant")


def test_level_two_is_read_with_its_own_units() -> None:
    text = LEVEL_2.format('<listOfParameters><parameter id="a" value="2"/></listOfParameters>')
    model = read_model(text, where="m.xml")
    assert model.time_unit == "s"
    assert model.parameter("a").value == 2.0


TIMES = {
    "h": '<unit kind="second" exponent="1" scale="0" multiplier="3600"/>',
    "ms": '<unit kind="second" exponent="1" scale="-3" multiplier="1"/>',
    "7200 s": '<unit kind="second" exponent="1" scale="0" multiplier="7200"/>',
    "2592000 s": '<unit kind="second" exponent="1" scale="1" multiplier="259200"/>',
    "": '<unit kind="dimensionless" exponent="1" scale="0" multiplier="60"/>',
}


@pytest.mark.parametrize("unit", TIMES)
@pytest.mark.parametrize("level", [2, 3])
def test_the_unit_of_time_is_the_stated_one_or_none(unit: str, level: int, tmp_path: Path) -> None:
    id = "time" if level == 2 else "t"
    text = (
        f"<listOfUnitDefinitions><unitDefinition id='{id}'><listOfUnits>{TIMES[unit]}</listOfUnits></unitDefinition>"
        "</listOfUnitDefinitions>"
    )
    document = LEVEL_3.format(text) if level == 3 else LEVEL_2.format(text)
    (tmp_path / "m.xml").write_text(document.replace('<model id="m">', '<model id="m" timeUnits="t">')
                                    if level == 3 else document)  # fmt: skip
    assert read_model((tmp_path / "m.xml").read_text(), where="m.xml").time_unit == (unit or "day")
    assert states_time_unit(str(tmp_path / "m.xml")) == bool(unit)


def test_definitions_in_other_files_are_not_opened() -> None:
    text = (
        '<?xml version="1.0" encoding="UTF-8"?><sbml xmlns="http://www.sbml.org/sbml/level3/version1/core" '
        'xmlns:comp="http://www.sbml.org/sbml/level3/version1/comp/version1" level="3" version="1" '
        'comp:required="true"><model id="m"/><comp:listOfExternalModelDefinitions>'
        '<comp:externalModelDefinition comp:id="other" comp:source="file:///etc/passwd"/>'
        "</comp:listOfExternalModelDefinitions></sbml>"
    )
    with pytest.raises(UnsupportedError, match="other files"):
        read_model(text, where="m.xml")


@pytest.mark.parametrize(
    "head",
    [
        '<sbml xmlns="http://www.sbml.org/sbml/level3/version9/core" level="3" version="1">',
        '<sbml xmlns="http://www.sbml.org/sbml/level2/version4" level="3" version="1">',
        '<sbml xmlns="1://www.sbml.org/sbml/level2/version5" level="2" version="5">',
        '<sbml xmlns="http://www.sbml.org/sbml/level1" level="1" version="2">',
        '<sbml level="3" version="1">',
        '<html xmlns="http://www.sbml.org/sbml/level3/version1/core" level="3" version="1">',
    ],
)
def test_a_document_of_no_known_level_is_refused_before_libsbml_sees_it(head: str) -> None:
    tail = f'<model id="m"/></{head[1:5]}>'
    with pytest.raises(InputError, match="states its level, version and namespace"):
        read_model(head + tail, where="m.xml")


def test_a_document_that_claims_another_encoding_is_refused() -> None:
    for name in ("UTF-16", "UTF-7", "nonsense"):
        with pytest.raises(InputError, match="UTF-8"):
            read_model(LEVEL_3.replace("UTF-8", name).format(""), where="m.xml")


WORDS = tuple(sorted(set(re.findall(r"[\w.:/]+|[<>=\"]", write_sbml(load_model("hahnel2020"))))))


@settings(max_examples=60, deadline=None)
@given(st.lists(st.tuples(st.sampled_from(WORDS), st.sampled_from(WORDS)), min_size=1, max_size=2))
def test_a_document_with_words_exchanged_is_a_model_or_one_sentence(swaps: list[tuple[str, str]]) -> None:
    text = write_sbml(load_model("hahnel2020"))
    for one, other in swaps:
        text = text.replace(one, other, 1)
    try:
        write_sbml(read_model(text, where="m.xml"))
    except InputError as problem:
        assert str(problem).startswith(("m.xml", "unit"))
        assert "\n" not in str(problem)


def test_a_whole_cell_is_a_whole_cell_however_it_is_written() -> None:
    text = (
        "model *m()\n unit cell = item; unit substance = item; unit extent = item; compartment V = 1;"
        " species S in V; S = 3; S -> ; 0; end"
    )
    model = read_model(text, where="m.ant")
    assert [one.counted for one in model.species] == [True]
    assert model.species[0].initial != Number(0.0)
