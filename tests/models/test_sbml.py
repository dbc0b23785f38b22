"""Promises of the reader and writer: what cannot be simulated is refused by name; what is written reads back."""

from __future__ import annotations

import re
import shutil
import time
from dataclasses import replace
from pathlib import Path

import libsbml
import numpy as np
import pytest

from offtarget.arrays.cohort import Cohort
from offtarget.arrays.schedule import Schedule
from offtarget.catalog import find
from offtarget.engine.reference import simulate_reference
from offtarget.errors import InputError
from offtarget.models.expression import Number, Symbol
from offtarget.models.model import Model, Rule
from offtarget.models.ordering import in_order
from offtarget.models.page import page
from offtarget.models.sbml import load_model, read_model, write_sbml
from offtarget.pharmacology.drug import load_drug
from offtarget.pharmacology.mechanism import mechanisms_for, treat

NOBODY = Cohort(np.array([0], np.uint64), {}, {})


def _treated(exposure: str) -> Model:
    model, drugs = load_model("cml"), (load_drug("imatinib"),)
    return treat(model, drugs, mechanisms_for(model, drugs), exposure=exposure)


MODELS = {
    "cml": lambda: load_model("cml"), "hahnel2020": lambda: load_model("hahnel2020"),
    "treated": lambda: _treated("averaged"), "dosed": lambda: _treated("dosed"),
}  # fmt: skip


def _lines(model: Model) -> list[str]:
    """The model's text, line by line in any order. SBML keeps 15 digits of a number, so 12 are held together; libSBML
    writes a * (b * c) as a * b * c, so brackets are left to the comparison of what is simulated."""
    numbers = re.compile(r"-?\d+\.?\d*(?:e-?\d+)?")
    return sorted(
        numbers.sub(lambda found: f"{float(found[0]):.12g}", re.sub(r"[()]", "", line))
        for line in model.text().splitlines()
    )


@pytest.mark.parametrize("name", MODELS)
def test_a_model_written_as_sbml_is_valid_and_reads_back_the_same(name: str) -> None:
    model = MODELS[name]()
    text = write_sbml(model)
    document = libsbml.readSBMLFromString(text)
    document.setConsistencyChecks(libsbml.LIBSBML_CAT_UNITS_CONSISTENCY, True)
    document.checkConsistency()
    problems = [document.getError(i) for i in range(document.getNumErrors())]
    said = [
        " ".join(one.getMessage().split())
        for one in problems
        if "cannot be fully checked" not in one.getMessage()
    ]
    assert not said, said[:3]
    again = read_model(text, where="again")
    # SBML counts all reactions in one unit: where milligrams stand beside cells they become rates, and say the same
    if name != "dosed":
        assert _lines(again) == _lines(model)
    names = tuple(one.id for one in model.species)
    times = np.linspace(0, 50, 6)
    one, other = (
        simulate_reference(each, NOBODY, Schedule.empty(1), times=times, outputs=names)
        for each in (model, again)
    )
    np.testing.assert_allclose(one.values, other.values, rtol=1e-9, atol=1e-12)


def test_adding_a_row_to_the_clone_table_adds_a_clone_and_nothing_else(tmp_path: Path) -> None:
    folder = find("models", "cml").parent
    for path in folder.iterdir():
        if path.is_file():
            shutil.copy(path, tmp_path)
    with (tmp_path / "clones.csv").open("a") as table:
        table.write("G250E,0.8,1,5.2e-9\n")
    before, after = load_model("cml"), load_model(str(tmp_path / "cml.ant.j2"))
    added = after.names() - before.names()
    assert before.names() <= after.names()
    assert all("G250E" in name for name in added)
    assert after.clones == (*before.clones, "G250E")
    assert {one.id for one in after.species} - {one.id for one in before.species} == {"P_G250E", "Q_G250E"}
    assert after.parameter("fitness_G250E").value == 0.8
    same = {one.id: one for one in before.rules if one.id != "L"}
    assert all(one == same[one.id] for one in after.rules if one.id in same)


def test_every_parameter_of_a_catalogue_model_says_what_it_means_and_where_it_is_from() -> None:
    for name in ("cml", "hahnel2020"):
        model = load_model(name)
        for one in model.parameters:
            assert one.name, one.id
            assert one.evidence is not None, one.id
        text = page(model)
        for one in (*model.parameters, *model.species, *model.rules, *model.reactions):
            assert f"| {one.id} |" in text
        assert "## References" in text


SBML = (
    '<?xml version="1.0" encoding="UTF-8"?><sbml xmlns="http://www.sbml.org/sbml/level3/version1/core" level="3" '
    'version="1"><model id="m"><listOfParameters><parameter id="a" value="1" constant="false"/></listOfParameters>'
    "{}</model></sbml>"
)
MATH = '<math xmlns="http://www.w3.org/1998/Math/MathML">{}</math>'


BOMB = (
    "<!DOCTYPE b [<!ENTITY a 'ha'>"
    + "".join(f"<!ENTITY a{i} '&a{i - 1};&a{i - 1};'>" for i in range(1, 40))
    + "]>"
)


@pytest.mark.parametrize(
    "text",
    [
        "<", "<sbml>", "<html></html>", SBML[:150], SBML.format("<listOfRules>"),
        BOMB + SBML.format(""), '<!DOCTYPE x [<!ENTITY e SYSTEM "file:///etc/passwd">]>' + SBML.format(""),
        "model *m()\n a = ;\nend", "not a model at all", "",
    ],
)  # fmt: skip
def test_texts_that_are_no_model_end_in_a_sentence(text: str) -> None:
    begun = time.monotonic()
    with pytest.raises(InputError) as caught:
        read_model(text, where="m.xml")
    assert str(caught.value).startswith("m.xml")
    assert "\n" not in str(caught.value)
    assert "root:" not in str(caught.value)
    assert time.monotonic() - begun < 5  # a bomb that went off would take for ever


def test_a_formula_nested_ten_thousand_deep_ends_in_a_sentence() -> None:
    deep = "<apply><sin/>" * 10_000 + "<ci>a</ci>" + "</apply>" * 10_000
    rule = f'<listOfRules><rateRule variable="a">{MATH.format(deep)}</rateRule></listOfRules>'
    with pytest.raises(InputError):
        read_model(SBML.format(rule), where="m.xml")


def test_names_that_are_python_code_are_only_names() -> None:
    text = "model *m()\n import_os = 1; lambda_ = 2; __class__ = 3; x := import_os + lambda_ + __class__; end"
    model = read_model(text, where="m.ant")
    assert model.names() == {"import_os", "lambda_", "__class__", "x"}


def test_a_circle_of_rules_is_named() -> None:
    rules = (
        Rule("a", Symbol("b"), ""),
        Rule("b", Symbol("c"), ""),
        Rule("c", Symbol("a"), ""),
        Rule("d", Symbol("a"), ""),
    )
    with pytest.raises(InputError, match=r"circle: \w -> \w -> \w -> ") as caught:
        in_order(rules, where="m")
    assert "d" not in str(caught.value).split("circle:")[1].split(".")[0]
    assert [
        rule.id for rule in in_order((rules[0], replace(rules[1], expression=Number(1.0))), where="m")
    ] == ["b", "a"]


def test_concentrations_and_amounts_say_the_same(tmp_path: Path) -> None:
    text = """
    model *m()
      compartment V = 2;
      species S in V = 3;
      S -> ; k * S * V;
      k = 0.5;
    end
    """
    path = tmp_path / "m.ant"
    path.write_text(text)
    model = load_model(str(path))
    found = simulate_reference(model, NOBODY, Schedule.empty(1), times=np.array([0.0, 2.0]), outputs=("S",))
    np.testing.assert_allclose(found.of("S")[0], [3.0, 3.0 * np.exp(-1.0)], rtol=1e-6)
