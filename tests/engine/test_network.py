"""What cannot be read as counts that change by chance is refused by name; what can is not."""

from __future__ import annotations

import dataclasses

import pytest

from offtarget.engine.network import Network
from offtarget.errors import UnsupportedError
from offtarget.models.sbml import load_model, read_model


def network(*lines: str, head: str = "") -> Network:
    """A network from lines of Antimony; A, B, C are counted in items."""
    text = f"model m {head}\nspecies A, B, C; substanceOnly species A, B, C; A = 10; B = 0; C = 0; k = 1; q = 2;\n"
    return Network(read_model(text + "\n".join(f"  {line};" for line in lines) + "\nend", where="m"))


REFUSED = {
    "a net rate": (["J: A -> B; k * A - q * B"], "reaction J is reversible and its rate may be the difference"),
    "a net rate behind a rule": (["r := k * A - q * B", "J: A -> B; r"], "reaction J is reversible"),
    "a net rate over a denominator": (["J: A -> B; k * (A - B / q) / (1 + A + B)"], "reaction J is reversible"),
    "half a molecule": (["J: A => 0.5 B; k * A"], "reaction J changes B by 0.5"),
    "a stoichiometry that varies": (["n := time", "J: A => n B; k * A"], "B changes by the rate of reaction J"),
    "a start between two counts": (["A = 2.5", "J: A => ; k * A"], "A begins at 2.5"),
    "a negative start": (["A = -2", "J: A => ; k * A"], "A begins at -2"),
    "a rate that decays with time": (["J: A => ; k * A * exp(-time)"], "rate of reaction J moves with time"),
    "a rate that follows a line": (["x = 0", "x' = 1", "J: A => ; k * A * x"], "rate of reaction J moves with time"),
    "a rate that follows a rule of time": (["r := 1 + time", "J: A => ; r * A"], "rate of reaction J moves with time"),
    "a curve between reactions": (["x = 1", "x' = -x", "J: A => ; k * A"], "x flows along a curve"),
    "a curve made of time": (["x = 1", "x' = time", "J: A => ; k * A"], "x flows along a curve"),
    "a trigger on a curve": (["J: A => ; k * A", "E: at (sin(time) > 0.5): B = 1"], "E waits for a curve in time"),
    "a trigger on a parabola": (["J: A => ; k", "E: at (time * time > 2): B = 1"], "E waits for a curve in time"),
    "a corner inside a corner": (
        ["J: A => ; k", "E: at (max(abs(time - 5), 2) > 3): B = 1"], "E waits for a curve in time",
    ),
}  # fmt: skip

READ = {
    "a law without a minus may be called reversible": ["J: A -> B; k * A"],
    "a law that is zero without its reactant": ["J: 2 A -> B; k * A * (A - 1) / 2"],
    "the same behind a rule": ["r := A * (A - 1)", "J: 2 A -> B; k * r"],
    "a difference that its author calls one-way": ["J: => A; k * (q - A)"],
    "whole batches": ["J: => 10 A; k"],
    "a step in time": ["J: A => ; A * piecewise(k, time < 3, q)"],
    "steps that repeat": ["J: A => ; A * piecewise(k, rem(time, 7) < 5, 0) * floor(time / 2)"],
    "a line and what it switches": [
        "x = 0",
        "x' = A",
        "J: A => ; A * piecewise(k, x < 3, q)",
        "E: at (x >= 1): B = 1",
    ],
    "a rate of counts of any shape": ["J: A => ; k * A / (q + A) * exp(-B)"],
    "a threshold that jumps": ["J: A => ; k * A", "E: at (time > A): B = 1"],
    "a kinked line": ["J: A => ; k * A", "E: at (max(time, 5) > 7): B = 1"],
}


@pytest.mark.parametrize("name", REFUSED)
def test_what_counts_cannot_do_is_refused_by_name(name: str) -> None:
    lines, said = REFUSED[name]
    with pytest.raises(UnsupportedError) as caught:
        network(*lines)
    text = str(caught.value)
    assert said in text
    assert "not supported as counts that change by chance. " in text
    assert text.startswith("m: ")


@pytest.mark.parametrize("name", READ)
def test_what_they_can_is_not_refused(name: str) -> None:
    assert network(*READ[name]).counted[0] == "A"


def test_a_copy_that_runs_behind_would_have_luck_of_its_own_and_is_refused() -> None:
    delayed = dataclasses.replace(load_model("cml"), delayed=True)
    with pytest.raises(UnsupportedError, match="Write what happens later as an event"):
        Network(delayed)


def test_conversion_factors_are_refused_by_name() -> None:
    text = """<sbml xmlns="http://www.sbml.org/sbml/level3/version2/core" level="3" version="2">
    <model id="m" conversionFactor="f"><listOfCompartments><compartment id="c" size="1" constant="true"/>
    </listOfCompartments><listOfSpecies><species id="A" compartment="c" initialAmount="5" constant="false"
    hasOnlySubstanceUnits="true" boundaryCondition="false"/></listOfSpecies><listOfParameters>
    <parameter id="f" value="2" constant="true"/></listOfParameters>
    <listOfReactions><reaction id="J" reversible="false">
    <listOfReactants><speciesReference species="A" stoichiometry="1" constant="true"/></listOfReactants><kineticLaw>
    <math xmlns="http://www.w3.org/1998/Math/MathML"><ci>A</ci></math></kineticLaw></reaction></listOfReactions>
    </model></sbml>"""
    with pytest.raises(UnsupportedError, match="A changes by the rate of reaction J, not by whole amounts"):
        Network(read_model(text, where="m"))


def test_a_model_of_flows_is_refused_before_anything_runs() -> None:
    with pytest.raises(UnsupportedError, match="not supported as counts"):
        Network(load_model("cml"))


def test_only_rates_that_a_reaction_changes_are_computed_anew() -> None:
    """A -> B -> C with a rule between: the first changes its own rate and the second's, the third nobody's."""
    found = network("r := q * B", "J1: A => B; k * A", "J2: B => C; r", "J3: => C; k")
    assert [one.id for one in found.reactions] == ["J1", "J2", "J3"]
    assert found.neighbours() == [[1], [], []]


def test_only_reactions_that_a_trigger_hangs_on_are_watched() -> None:
    found = network("J1: A => B; k * A", "J2: => C; k", "E: at (B > 3): C = 0")
    assert found.looked_at() == [True, False]
    timed = network("J1: A => B; k * A", "J2: => C; k", "E: at (time > 3): C = 0")
    assert timed.looked_at() == [False, False]


def test_reactions_that_change_nothing_do_not_race() -> None:
    """Between boundary species: nothing that happens shows."""
    assert [
        one.id for one in network("J1: $X => $Y; k * X", "J2: A => ; k * A", "X = 1", "Y = 0").reactions
    ] == ["J2"]
