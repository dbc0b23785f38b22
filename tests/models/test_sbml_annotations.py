"""Promises of our annotations: below how many cells chance decides goes with a model, and is a number of cells."""

from __future__ import annotations

import math
import shutil
from dataclasses import replace
from pathlib import Path

import pytest

from offtarget.catalog import find
from offtarget.engine.hybrid_net import read
from offtarget.errors import InputError
from offtarget.models.model import Model
from offtarget.models.page import page
from offtarget.models.sbml import load_model, read_model, write_sbml
from offtarget.pharmacology.drug import load_drug
from offtarget.pharmacology.mechanism import mechanisms_for, treat

TWO = (
    "model two\n substanceOnly species X, Y; X = 3; Y = 5\n a: X => Y; X\n b: Y => ; Y\n substance = {}; end"
)


def _limits(model: Model) -> dict[str, float | None]:
    return {one.id: one.counted_below for one in model.species}


def test_the_catalogue_s_clones_are_counted_below_a_hundred_cells_and_its_lumped_effectors_never() -> None:
    model = load_model("cml")
    limits = _limits(model)
    assert {limits[f"{kind}_{clone}"] for kind in "PQ" for clone in model.clones} == {100.0}
    assert limits["T"] == 0.0
    assert all(one.evidence is not None for one in model.species if one.counted_below is not None)
    assert "cell, whole below 100" in page(model)
    assert "cell, flows" in page(model)


def test_treating_and_exporting_a_model_keeps_below_how_many_cells_chance_decides() -> None:
    model, drugs = load_model("cml"), (load_drug("imatinib"),)
    treated = treat(model, drugs, mechanisms_for(model, drugs))
    again = read_model(write_sbml(treated), where="again")
    assert _limits(treated) == _limits(model)
    assert _limits(again) == _limits(model)


@pytest.mark.parametrize("below", [0.0, 0.5, 100.0, 1234567.25, math.inf, None])
def test_any_limit_reads_back_as_it_was_written(below: float | None) -> None:
    model = read_model(TWO.format("item"), where="two")
    model = replace(model, species=tuple(replace(one, counted_below=below) for one in model.species))
    assert set(_limits(read_model(write_sbml(model), where="again")).values()) == {below}


def test_the_engine_takes_the_model_s_word_unless_it_is_told_otherwise() -> None:
    plain = read_model(TWO.format("item"), where="two")
    first, second = plain.species
    model = replace(plain, species=(replace(first, counted_below=7.0), second))
    assert read(model, None, None).net.low.tolist() == [7.0, 100.0]
    assert read(model, 30.0, None).net.low.tolist() == [30.0, 30.0]
    silent = replace(plain, species=(replace(first, counted_below=0.0), second))
    assert read(silent, None, None).net.low.tolist() == [100.0]


@pytest.mark.parametrize("below", ["a few", "", "-1", "nan"])
def test_an_annotation_that_is_no_number_of_cells_is_refused(below: str) -> None:
    model = read_model(TWO.format("item"), where="two")
    text = write_sbml(replace(model, species=tuple(replace(one, counted_below=9.0) for one in model.species)))
    assert 'below="9.0"' in text
    with pytest.raises(
        InputError, match=r"two.xml: X: annotation: counted below: expected a number of cells"
    ):
        read_model(text.replace('below="9.0"', f'below="{below}"'), where="two.xml")


def test_what_is_no_number_of_cells_cannot_be_counted() -> None:
    model = read_model(TWO.format("mole"), where="two")
    text = write_sbml(replace(model, species=tuple(replace(one, counted_below=9.0) for one in model.species)))
    with pytest.raises(InputError, match=r'two.xml: X: annotation: expected a number of cells.*got "mol"'):
        read_model(text, where="two.xml")


def test_annotations_of_others_are_passed_over() -> None:
    model = read_model(TWO.format("item"), where="two")
    text = write_sbml(replace(model, species=tuple(replace(one, counted_below=9.0) for one in model.species)))
    other = text.replace("urn:offtarget:annotations:1", "urn:somebody:else")
    assert set(_limits(read_model(other, where="two")).values()) == {None}


@pytest.mark.parametrize(
    ("wrong", "says"),
    [('N = { counted_below = 5, meaning', r"counted_below: the model does not count N in cells"),
     ('N = { counted_below = -5, meaning', r"counted_below: expected a number from 0"),
     ('N = { counted_below = "few", meaning', r"counted_below: expected a number from 0")],
)  # fmt: skip
def test_a_wrong_limit_in_a_model_s_notes_is_a_sentence(wrong: str, says: str, tmp_path: Path) -> None:
    for path in find("models", "cml").parent.iterdir():
        if path.is_file():
            shutil.copy(path, tmp_path)
    notes = tmp_path / "cml.toml"
    notes.write_text(notes.read_text().replace("N = { meaning", wrong))
    with pytest.raises(InputError, match=says):
        load_model(str(tmp_path / "cml.ant.j2"))
