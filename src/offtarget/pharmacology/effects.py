"""The equations of a treated model: how occupancies follow from exposures, and how they alter parameters."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass, replace

from offtarget.errors import InputError, UnsupportedError, nearest, sentence
from offtarget.evidence import Quantity
from offtarget.models.expression import Call, Expression, Number, Symbol, add, divide, multiply, substitute
from offtarget.models.model import Model, Parameter, Rule
from offtarget.pharmacology.drug import Drug
from offtarget.pharmacology.exposure import Exposure, averaged, conversions, dosed

__all__ = ["Act", "Binding", "treated"]

ONE = Number(1.0)
#: Keeps the share of a drug among drugs that are all absent at zero instead of nothing over nothing.
_TINY = Number(1e-300)


@dataclass(frozen=True, slots=True)
class Binding:
    """A drug on a target in its place: half-occupying free concentration, and steepness."""

    drug: str
    half: Quantity
    hill: Quantity


@dataclass(frozen=True, slots=True)
class Act:
    """One mechanism at one place (a cell, or a clone), as ``Mechanism`` describes it. No binding: no effect."""

    mechanism: str
    title: str
    target: str
    place: str
    moves: str
    effect: str
    scale: str
    maximum: Quantity
    bindings: tuple[Binding, ...]

    @property
    def site(self) -> str:
        """The target and its place, as part of a name."""
        return re.sub(r"\W", "_", f"{self.target}_{self.place}")


def treated(model: Model, drugs: Sequence[Drug], acts: Sequence[Act], *, exposure: str) -> Model:
    """The model with these drugs and acts in it; see ``mechanism.treat``, which sorts and checks them."""
    if model.time_unit != "day":
        raise UnsupportedError(
            sentence(f"model {model.id}: time", expected="a model in days", got=model.time_unit)
        )
    if model.delayed:
        raise UnsupportedError(f"model {model.id}: delay() in a model that a drug acts on is not supported.")
    _check_moves(model, acts)
    exposures = [averaged(drug) if exposure == "averaged" else dosed(drug) for drug in drugs]
    sites = _sites(acts)
    switches = {act.mechanism: act for act in acts}
    moved = dict.fromkeys(act.moves for act in acts if act.moves)
    new = {name: Symbol(f"{name}_treated") for name in moved}
    index = [_index(act, sites) for act in acts if not act.moves]
    rules = (
        *(rule for one in exposures for rule in one.rules),
        *(_occupancy(sites[key], key[1], exposures) for key in sites),
        *(_moved(model, name, [act for act in acts if act.moves == name], sites) for name in moved),
        *index,
    )
    parameters = (
        *conversions(),
        *(parameter for one in exposures for parameter in one.parameters),
        *(parameter for act in switches.values() for parameter in _switch(act)),
        *(parameter for name, bindings in ((sites[key], key[1]) for key in sites)
          for parameter in _potency(name, bindings)),
    )  # fmt: skip
    _check_names(model, [*(rule.id for rule in rules), *(parameter.id for parameter in parameters)])
    outputs = (
        *(name for one in exposures for name in one.outputs),
        *(f"occupancy_{sites[key]}" for key in sites), *(rule.id for rule in index),
    )  # fmt: skip
    return replace(
        model,
        parameters=(*model.parameters, *(parameters if drugs else ())),
        species=(*model.species, *(species for one in exposures for species in one.species)),
        rules=(*(rules if drugs else ()), *(_substituted(rule, new) for rule in model.rules)),
        rates=tuple(_substituted(rule, new) for rule in model.rates),
        reactions=(
            *(replace(one, rate=substitute(one.rate, new)) for one in model.reactions),
            *(reaction for one in exposures for reaction in one.reactions),
        ),
        events=tuple(event.written(new) for event in model.events),
        outputs=(*model.outputs, *outputs),
    )


def _check_moves(model: Model, acts: Sequence[Act]) -> None:
    known = {parameter.id for parameter in model.parameters}
    for act in acts:
        for key, name in (("moves", act.moves), ("scale", act.scale)):
            if name and name not in known:
                raise InputError(
                    f'mechanism {act.mechanism}: {key}: model {model.id} has no parameter "{name}". '
                    f"{nearest(name, known, kind='parameter')}"
                )


def _check_names(model: Model, names: Sequence[str]) -> None:
    taken = sorted(model.names() & set(names))
    if taken:
        then = "Rename it in the model."
        raise InputError(
            sentence(f"model {model.id}", expected="names that drugs do not use", got=taken[0], then=then)
        )


Key = tuple[str, tuple[Binding, ...]]


def _sites(acts: Sequence[Act]) -> dict[Key, str]:
    """A name for each occupancy: target and place; where two mechanisms disagree on potency, the mechanism too."""
    named: dict[Key, str] = {}
    for act in acts:
        key = (act.site, act.bindings)
        if key not in named:
            named[key] = f"{act.site}_{act.mechanism}" if act.site in named.values() else act.site
    return named


def _switch(act: Act) -> tuple[Parameter, Parameter]:
    return (
        Parameter(f"on_{act.mechanism}", 1.0, "", f"1: {act.title}; 0: not"),
        Parameter(f"max_{act.mechanism}", act.maximum.value, "", f"{act.title}: effect at full occupancy",
                  act.maximum.evidence),
    )  # fmt: skip


def _potency(site: str, bindings: tuple[Binding, ...]) -> list[Parameter]:
    found = []
    for one in bindings:
        said = f"{one.drug} at {site.replace('_', ' ')}"
        name = f"free {said}: half occupancy"
        found.append(Parameter(f"half_{one.drug}_{site}", one.half.to("nM"), "nM", name, one.half.evidence))
        if not _plain(bindings):
            name = f"{said}: steepness"
            found.append(Parameter(f"hill_{one.drug}_{site}", one.hill.value, "", name, one.hill.evidence))
    return found


def _plain(bindings: tuple[Binding, ...]) -> bool:
    """Whether every steepness is one, so that no power is needed."""
    return all(one.hill.value == 1 for one in bindings)


def _strength(act: Act, sites: dict[Key, str]) -> Expression:
    """Switch times maximum times occupancy."""
    site = sites[act.site, act.bindings]
    return multiply(
        *(Symbol(name) for name in (f"on_{act.mechanism}", f"max_{act.mechanism}", f"occupancy_{site}"))
    )


def _moved(model: Model, name: str, acts: Sequence[Act], sites: dict[Key, str]) -> Rule:
    """The altered parameter: first what multiplies it, then what adds to it."""
    base = model.parameter(name)
    signs = {"increase": "+", "decrease": "-"}
    factors = [Call(signs[act.effect], (ONE, _strength(act, sites))) for act in acts if act.effect in signs]
    added = [multiply(Symbol(act.scale), _strength(act, sites)) for act in acts if act.effect == "add"]
    expression = add(multiply(Symbol(name), *factors), *added)
    return Rule(f"{name}_treated", expression, base.unit, f"{base.name or name}, on treatment")


def _index(act: Act, sites: dict[Key, str]) -> Rule:
    return Rule(f"{act.mechanism}_index", _strength(act, sites), "", act.title)


def _substituted(rule: Rule, new: dict[str, Symbol]) -> Rule:
    return replace(rule, expression=substitute(rule.expression, dict(new)))


def _occupancy(site: str, bindings: tuple[Binding, ...], exposures: Sequence[Exposure]) -> Rule:
    """The mean occupancy of a target.

    Several drugs compete: I is the sum of their concentrations over their potencies. In the averaged form each drug's
    profile is followed in turn while the others stand at their average, and the results are weighted by each drug's
    share of I: exact while one drug is taken, whichever it is.
    """
    by_drug = {one.drug.id: one for one in exposures}
    name, unit, said = f"occupancy_{site}", "", f"occupancy of {site.replace('_', ' ')}"
    if not bindings:
        return Rule(name, Number(0.0), unit, f"{said}: insensitive to these drugs")
    own = [by_drug[one.drug] for one in bindings]
    averages = [_relative(one, exposure.average, site) for one, exposure in zip(bindings, own, strict=True)]
    if len(bindings) == 1:
        return Rule(name, _mean(own[0], bindings[0], site, (), _hill(site, bindings, averages)), unit, said)
    hill = _hill(site, bindings, averages)
    if all(exposure.species for exposure in own):  # dosed: all concentrations are those of now
        return Rule(name, _bound(add(*averages), hill), unit, said)
    total = add(*averages, _TINY)
    terms = []
    for number, (one, exposure) in enumerate(zip(bindings, own, strict=True)):
        others = tuple(averages[:number] + averages[number + 1 :])
        terms.append(multiply(divide(averages[number], total), _mean(exposure, one, site, others, hill)))
    return Rule(name, add(*terms), unit, said)


def _relative(one: Binding, free: str, site: str) -> Expression:
    return divide(Symbol(free), Symbol(f"half_{one.drug}_{site}"))


def _hill(site: str, bindings: tuple[Binding, ...], averages: Sequence[Expression]) -> Expression | None:
    """The steepness: None when it is one for all; of several drugs that differ, weighted by their shares."""
    if _plain(bindings):
        return None
    symbols = [Symbol(f"hill_{one.drug}_{site}") for one in bindings]
    if len(bindings) == 1:
        return symbols[0]
    total = add(*averages, _TINY)
    moves = [
        multiply(Call("-", (hill, symbols[0])), divide(average, total))
        for hill, average in zip(symbols[1:], averages[1:], strict=True)
    ]
    return add(symbols[0], *moves)


def _mean(
    exposure: Exposure, one: Binding, site: str, others: tuple[Expression, ...], hill: Expression | None
) -> Expression:
    """The mean occupancy over a drug's courses."""
    terms = []
    for course in exposure.courses:
        inner = []
        for free, share in course.nodes:
            bound = _bound(add(_relative(one, free, site), *others), hill)
            inner.append(bound if share == 1 else multiply(Number(share), bound))
        terms.append(multiply(*course.chance, add(*inner)))
    return add(*terms)


def _bound(relative: Expression, hill: Expression | None) -> Expression:
    """I^h / (1 + I^h), written so that the power is taken once and nothing gives exactly nothing."""
    power = relative if hill is None else Call("^", (relative, hill))
    return Call("-", (ONE, divide(ONE, add(ONE, power))))
