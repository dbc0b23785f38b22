"""Held or not: which clones a drug stops from growing in one patient, dose by dose.

Effects are those of the treated model at steady state: its rules are evaluated, and no formula is written twice.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from offtarget.arrays.cohort import Cohort
from offtarget.errors import InputError, nearest, sentence
from offtarget.evidence import Evidence, Grade, Quantity
from offtarget.models.model import Model
from offtarget.pharmacology.drug import Drug
from offtarget.pharmacology.formula import evaluate
from offtarget.pharmacology.mechanism import Mechanism, mechanisms_for, treat
from offtarget.pharmacology.targets import Sensitivity

__all__ = ["CloneTable", "HeldClone", "held_clones"]

#: What the model calls growth far below saturation, and what it is multiplied by in a clone.
_GROWTH, _FITNESS = "growth", "fitness_{clone}"


@dataclass(frozen=True, slots=True)
class HeldClone:
    """One clone under one drug.

    Attributes:
        sensitivity: of a cell line that depends on the clone, as measured.
        fitness: growth without drug relative to wild type.
        growth: without drug, far below saturation, 1/day.
        effects: dose -> share of the largest kill, mean over a dosing interval at steady state.
        kill: dose -> kill by the drug, 1/day.
        held: dose -> whether the kill exceeds the growth.
    """

    clone: str
    sensitivity: Sensitivity
    fitness: Quantity
    growth: float
    effects: Mapping[str, float]
    kill: Mapping[str, float]
    held: Mapping[str, bool]


@dataclass(frozen=True, slots=True)
class CloneTable:
    """The clones of a model under a drug, in one patient.

    Attributes:
        patient: who it is, in words.
        free_average: dose -> mean free concentration, nM.
        growth, kill_max: of a wild-type cell: growth far below saturation, largest kill.
        kinetics: how the patient handles the drug, by parameter.
        rows: in the order of the model's clones.
        elsewhere: clones in the drug's table that the model does not have.
        assumed: what was taken for granted.
    """

    title: str
    drug: str
    model: str
    patient: str
    free_average: Mapping[str, float]
    growth: Quantity
    kill_max: Quantity
    kinetics: Mapping[str, Quantity]
    rows: tuple[HeldClone, ...]
    elsewhere: tuple[str, ...]
    assumed: tuple[str, ...]


def held_clones(drug: Drug, model: Model, patient: Cohort, *, said: str) -> CloneTable:
    """Which clones of a model the drug holds in a patient, at each of the drug's daily doses.

    Args:
        drug: with a table of clones.
        model: untreated, with clones and ``growth`` and ``fitness_<clone>`` among its parameters.
        patient: one, with this drug's columns; what it does not say is the model's own.
        said: the patient in words.

    Raises:
        InputError: a drug without a table of clones or without doses to look at, one that does not kill clones in this
            model, or a model that lacks the names.
    """
    kills = _kills(drug, model)
    doses = _doses(drug)
    treated = treat(model, [drug], [kills])
    at = {label: _values(treated, patient, drug.id, dose) for label, dose in doses.items()}
    growth = _number(model, patient, _GROWTH)
    largest = _number(model, patient, kills.scale)
    rows = []
    for clone in model.clones:
        fitness = _number(model, patient, _FITNESS.replace("{clone}", clone))
        name = kills.moves.replace("{clone}", clone)
        kill = {label: values[f"{name}_treated"] - values[name] for label, values in at.items()}
        grows = growth.value * fitness.value
        rows.append(HeldClone(
            clone, drug.targets.sensitivity(clone), fitness, grows,
            {label: rate / largest.value for label, rate in kill.items()}, kill,
            {label: rate > grows for label, rate in kill.items()},
        ))  # fmt: skip
    return CloneTable(
        f"Clones of {model.id} on {drug.name}", drug.id, model.id, said,
        {label: values[f"free_average_{drug.id}"] for label, values in at.items()}, growth, largest,
        {name: _number(treated, patient, f"{name}_{drug.id}") for name in ("CL", "V", "ka", "fu")}, tuple(rows),
        tuple(clone for clone in drug.targets.clones if clone not in model.clones), _assumed(drug, patient),
    )  # fmt: skip


def _kills(drug: Drug, model: Model) -> Mechanism:
    """The mechanism by which the drug kills clone by clone."""
    if not drug.targets.clones:
        then = "Add [clones] to its target profile, with a CSV file of potencies."
        raise InputError(
            sentence(f"drug {drug.id}", expected="one with a table of clones", got="none", then=then)
        )
    found = [one for one in mechanisms_for(model, [drug]) if one.per_clone and one.effect == "add"]
    if not found:
        got = f"a table of {drug.targets.clone_target} clones"
        expected = f"a drug that kills clones of the model {model.id}"
        raise InputError(sentence(f"drug {drug.id}", expected=expected, got=got))
    return found[0]


def _doses(drug: Drug) -> dict[str, float]:
    """The drug's daily doses by label, mg: those its file names, or else those with published troughs."""
    doses = drug.daily_doses or tuple(sorted({one.dose / one.interval for one in drug.observed}))
    if not doses:
        then = 'Add daily_doses = ["100 mg"] to its file.'
        raise InputError(sentence(f"drug {drug.id}", expected="daily doses to look at", got=None, then=then))
    return {f"{dose:g} mg": dose for dose in doses}


def _values(treated: Model, patient: Cohort, drug: str, dose: float) -> dict[str, float]:
    """Every rule of the treated model that the schedule and the patient settle, at steady state of one dose a day."""
    columns: dict[str, NDArray[np.float64]] = {
        one.id: np.full(1, one.value) for one in treated.parameters
    } | {name: values for name, values in patient.columns.items() if name in treated.names()}
    columns |= {f"dose_{drug}": np.full(1, dose), f"interval_{drug}": np.ones(1)}
    static = treated.static()
    for rule in treated.rules:
        if rule.id in static:
            columns[rule.id] = evaluate(rule.expression, columns, where=f"drug {drug}")
    return {name: float(np.asarray(values).reshape(-1)[0]) for name, values in columns.items()}


def _number(model: Model, patient: Cohort, name: str) -> Quantity:
    """A parameter with its evidence, at the patient's own value."""
    found = {one.id: one for one in model.parameters}.get(name)
    if found is None:
        known = nearest(name, (one.id for one in model.parameters), kind="parameter")
        raise InputError(f'model {model.id} has no "{name}", so growth is not known. {known}')
    own = patient.columns.get(name)
    evidence = found.evidence or Evidence("", Grade.ASSUMED, "the model does not say")
    return Quantity(found.value if own is None else float(own[0]), found.unit, evidence)


def _assumed(drug: Drug, patient: Cohort) -> tuple[str, ...]:
    share = float(patient.column(f"adherence_{drug.id}")[0])
    return (
        "Held: the kill by the drug exceeds growth without drug far below saturation. The immune system, quiescent "
        "cells (which the drug does not kill) and mutation are left out.",
        f"One dose a day at steady state, {100 * share:.0f} % of doses taken, and the mean effect over a dosing "
        "interval in a patient in whom every parameter is at its median: about half of all patients have less.",
        "A clone in a patient answers to free drug in plasma as a cell line does to free drug in its medium.",
    )  # fmt: skip
