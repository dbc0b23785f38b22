"""Chance in a trial: whether few cells are counted or all cells flow, and what follows from it.

Counted: below the model's thresholds a clone is a number of whole cells that lives or dies by luck, and mutants are
born one by one. Flow: every number of cells is an expectation, mutation is off, and a clone that is next to none is
taken to be none (``extinction``).
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from itertools import groupby

import numpy as np

from offtarget.arrays.schedule import Action, Events
from offtarget.engine.hybrid import THRESHOLD
from offtarget.errors import InputError, nearest, sentence
from offtarget.evidence import Evidence, Grade
from offtarget.models.model import Model, Parameter, Species
from offtarget.trials.extinction import EXTINCT
from offtarget.trials.result import ParameterRow
from offtarget.trials.trial import COUNTED, Arm, Trial

__all__ = ["chance_rows", "is_counted", "mutating", "refuse_switches", "switched"]

#: The switch of a model that lets its clones mutate.
MUTATION = "on_mutation"
_BORN = Evidence(
    "", Grade.ASSUMED, "on: where cells are counted, mutants are born one by one and may die out"
)
_ENGINE = Evidence("", Grade.ASSUMED, "the engine's own limit: the model states none")


def _few(model: Model) -> tuple[Species, ...]:
    """Species of which few may be counted: numbers of cells that reactions change."""
    changed = {id for one in model.reactions for id, _ in one.changes} - {rule.id for rule in model.rates}
    return tuple(one for one in model.species if one.counted and one.id in changed)


def is_counted(trial: Trial, model: Model) -> bool:
    """Whether a trial of this model counts few cells.

    Args:
        trial: the study.
        model: its model, untreated.

    Raises:
        InputError: the study asks for it and the model counts nothing in cells.
    """
    if trial.chance != COUNTED:
        return False
    if not any(one.counted_below != 0 for one in _few(model)):
        expected = "a model that counts species in cells, such as cml"
        then = 'Or let everything flow: chance = "flow".'
        raise InputError(sentence(f"{trial.id}: chance", expected=expected, got=model.id, then=then))
    return True


def mutating(model: Model) -> Model:
    """The model with mutation switched on, where it has that switch."""
    return replace(
        model, parameters=tuple(
            replace(one, value=1.0, evidence=_BORN) if one.id == MUTATION else one for one in model.parameters
        ),
    )  # fmt: skip


def switched(arm: Arm, patients: int) -> list[Events]:
    """The arm's switches, set in everyone on day 0: the patients begin as in any other arm, and differ from then on."""
    everyone = np.arange(patients)
    return [
        Events(name, Action.SET, everyone, np.zeros(patients), np.full(patients, value))
        for name, value in arm.switches.items()
    ]


def refuse_switches(trial: Trial, model: Model) -> None:
    """Refuse an arm that switches what is no switch of the treated model.

    Raises:
        InputError: a name the model does not have, or of something else.
    """
    known = [one.id for one in model.parameters if _is_switch(one)]
    for number, arm in enumerate(trial.arms, 1):
        for name in arm.switches:
            if name not in known:
                said = nearest(name, known, kind="switch")
                raise InputError(
                    f'{trial.id}: arm {number}: switches: the treated model has no switch "{name}". {said}'
                )


def _is_switch(one: Parameter) -> bool:
    """A parameter that turns a part of the model on and off: by its name, as every mechanism's."""
    return one.id.startswith("on_") and one.value in (0.0, 1.0)


def chance_rows(model: Model, *, counted: bool) -> Iterator[ParameterRow]:
    """What a report's parameter table says about chance: the limits below which it decides, or what stands in for it.

    Args:
        model: untreated.
        counted: whether few cells are counted.
    """
    if not counted:
        meaning = "expected cells of a clone that count as none"
        yield ParameterRow(
            "extinct below", "model", f"{EXTINCT.value:.4g}", "cell", meaning, EXTINCT.evidence
        )
        return
    for one in model.parameters:
        if one.id == MUTATION:
            yield ParameterRow(one.id, "chance", f"{one.value:.4g}", one.unit, one.name, one.evidence)
    for (below, evidence), same in groupby(_few(model), key=_limit):
        names = [one.id for one in same]
        said = f"{', '.join(names)}: " + (
            "fewer are whole cells that live or die by chance" if below else "always flows"
        )
        yield ParameterRow(f"counted below, {names[0]}", "chance", f"{below:.4g}", "cell", said, evidence)


def _limit(one: Species) -> tuple[float, Evidence]:
    if one.counted_below is None:
        return THRESHOLD, _ENGINE
    return one.counted_below, one.evidence or _ENGINE
