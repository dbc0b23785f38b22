"""Patients, the flagship model, and a plain evaluator of a model's equations."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from types import SimpleNamespace

import numpy as np
import pytest
from numpy.typing import NDArray

from offtarget.arrays.cohort import Cohort
from offtarget.models.model import Model
from offtarget.models.sbml import load_model
from offtarget.pharmacology.drug import Drug, load_drug
from offtarget.pharmacology.formula import evaluate
from offtarget.population import load_population


def values(model: Model, given: Mapping[str, object]) -> dict[str, NDArray[np.float64]]:
    """Every name of a model: parameters and species as given or by default, rules and reactions computed from them."""
    known: dict[str, NDArray[np.float64]] = {one.id: np.asarray(one.value, float) for one in model.parameters}
    known |= {name: np.asarray(value, float) for name, value in given.items()}
    for one in model.species:
        known.setdefault(one.id, evaluate(one.initial, known, where=one.id))
    for rule in model.rules:
        known[rule.id] = evaluate(rule.expression, known, where=rule.id)
    for reaction in model.reactions:
        known[reaction.id] = evaluate(reaction.rate, known, where=reaction.id)
    return known


def derivatives(model: Model, given: Mapping[str, object]) -> dict[str, NDArray[np.float64]]:
    """d/dt of every species."""
    known = values(model, given)
    return {name: evaluate(law, known, where=name) for name, law in model.derivatives().items()}


@pytest.fixture(scope="session")
def maths() -> SimpleNamespace:
    return SimpleNamespace(values=values, derivatives=derivatives)


@pytest.fixture(scope="session")
def imatinib() -> Drug:
    return load_drug("imatinib")


@pytest.fixture(scope="session")
def second(imatinib: Drug) -> Drug:
    """The same molecule under another name: what a fair treatment of two drugs cannot tell from one."""
    return replace(imatinib, id="second", name="second")


@pytest.fixture(scope="session")
def cml() -> Model:
    return load_model("cml")


@pytest.fixture(scope="session")
def people() -> Cohort:
    return load_population("cml_newly_diagnosed").sample(20_000, 11)


@pytest.fixture(scope="session")
def cohort(imatinib: Drug, people: Cohort) -> Cohort:
    return imatinib.sample(people, 11)
