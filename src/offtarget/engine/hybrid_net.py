"""A Model read as a flow in which few cells are counted: what flows, what happens by chance, and what is refused.

The reading is itself a Model. Each reaction that changes a counted species gets a switch: off, it flows as written; on,
it leaves the flow. So one generated right-hand side serves every mixture of few and many. Where firings are found one
by one, the integral of each such rate is a state of its own.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, replace
from math import ceil, inf, sqrt
from typing import Any

import numpy as np

from offtarget.engine.branching_net import role
from offtarget.engine.hybrid_layout import EXCHANGE, Net
from offtarget.engine.layout import Ints
from offtarget.errors import InputError, UnsupportedError, nearest, sentence
from offtarget.models.expression import Call, Expression, Number, Symbol, symbols, walk
from offtarget.models.model import Model, Parameter, Reaction, Rule, Species
from offtarget.models.ordering import in_order

__all__ = ["METHODS", "THRESHOLD", "Reading", "read"]

#: Below so many cells chance decides, unless somebody says otherwise, cells.
THRESHOLD = 100.0
#: How counted cells are followed: from firing to firing, or from step to step.
METHODS = ("firings", "branching")


@dataclass(frozen=True, slots=True)
class Reading:
    """A model read as a flow with counts in it.

    Attributes:
        model: the flow, with switches after the parameters and, for firings, own times after the species.
        net: what may happen by chance.
        chancy: the reactions that do, in the order of the net.
        branching: whether cells are followed from step to step rather than from firing to firing.
    """

    model: Model
    net: Net
    chancy: tuple[str, ...]
    branching: bool


@dataclass(frozen=True, slots=True)
class _Channel:
    """One direction of a reaction."""

    reaction: Reaction
    name: str
    rate: Expression
    sign: int
    stream: tuple[str, ...]


def read(model: Model, thresholds: float | Mapping[str, float] | None, method: str | None) -> Reading:
    """The model as a flow in which few cells are counted.

    Args:
        model: the equations.
        thresholds: below so many cells a species that the model counts is a whole number; one number for all, or by
            species, in which case the others have ``THRESHOLD``; None: as the model says, by species. Zero: it always
            flows. Infinite: it is always counted.
        method: one of ``METHODS``; None takes branching where the reactions allow it.

    Raises:
        InputError: a threshold of a name that is not counted, or that is no number from zero; no such method.
        UnsupportedError: delays, events of the model, amounts that are no whole numbers; branching of reactions that
            do not allow it.
    """
    if method not in (None, *METHODS):
        raise InputError(sentence("method", expected=" or ".join(METHODS), got=str(method)))
    few = _thresholds(model, thresholds)
    _refuse(model, few)
    chancy = [one for one in model.reactions if any(id in few for id, _ in one.changes)]
    roles = None if method == "firings" else _roles(model, few, chancy, insist=method is not None)
    taken = set(model.names())
    switches = {one.id: _fresh(f"chance_{one.id}", taken) for one in chancy}
    names = tuple(one.id for one in chancy)
    if roles is None:
        channels = [each for one in chancy for each in _channels(model, one, taken)]
        net = _net(model, few, chancy, channels, [(EXCHANGE, "")] * len(chancy))
        return Reading(_flow(model, switches, channels), net, names, branching=False)
    found = zip(chancy, roles, strict=True)
    channels = [
        _Channel(one, "", one.rate, 1, ("reaction", one.id)) for one, (kind, _) in found if kind == EXCHANGE
    ]
    return Reading(
        _flow(model, switches, ()), _net(model, few, chancy, channels, roles), names, branching=True
    )


def _roles(
    model: Model, few: Mapping[str, float], chancy: list[Reaction], *, insist: bool
) -> list[tuple[int, str]] | None:
    """What each reaction is to the counted species; None where one of them is something else."""
    found = []
    for one in chancy:
        what = role(model, few, one)
        if what is None or (what[0] == EXCHANGE and _may_be_negative(model, one.rate)):
            if not insist:
                return None
            raise UnsupportedError(
                f"{model.id}: reaction {one.id} is no birth, death or exchange of single cells at a rate above zero, "
                'which branching needs. Use the method "firings".'
            )
        found.append(what)
    return found


def _thresholds(model: Model, given: float | Mapping[str, float] | None) -> dict[str, float]:
    """Counted species, in the model's order, each with its threshold, where that is not zero."""
    steered = {rule.id for rule in model.rates}
    changed = {id for one in model.reactions for id, _ in one.changes} - steered
    counted = [one.id for one in model.species if one.counted and one.id in changed]
    if given is None:
        given = {one.id: one.counted_below for one in model.species
                 if one.counted_below is not None and one.id in counted}  # fmt: skip
    if not isinstance(given, Mapping):
        given = dict.fromkeys(counted, given)
    for name, number in given.items():
        if name not in counted:
            then = nearest(name, counted, kind="counted species")
            raise InputError(f'{model.id}: a threshold of "{name}", which reactions do not count. {then}')
        if not number >= 0.0:
            raise InputError(
                sentence(f"threshold of {name}", expected="a number of cells from 0", got=number)
            )
    found = {name: float(given.get(name, THRESHOLD)) for name in counted}
    return {name: number for name, number in found.items() if number > 0.0}


def _refuse(model: Model, few: Mapping[str, float]) -> None:
    if model.delayed:
        raise _refused(model, "delay()")
    if model.events:
        raise _refused(model, f"event {model.events[0].id}")
    for one in model.reactions:
        if any(id in few for id, _ in one.changes):
            for id, amount in one.changes:
                if amount != round(amount):
                    raise _refused(model, f"reaction {one.id}, which changes {id} by {amount:g},")


def _refused(model: Model, what: str) -> UnsupportedError:
    then = "Let the species flow (a threshold of 0) or use the flowing engine."
    return UnsupportedError(f"{model.id}: {what} is not supported where few cells are counted. {then}")


def _fresh(stem: str, taken: set[str]) -> str:
    while stem in taken:
        stem += "_"
    taken.add(stem)
    return stem


def _channels(model: Model, one: Reaction, taken: set[str]) -> Iterator[_Channel]:
    """A rate that may fall below zero is two directions: as written while it is positive, backwards while negative.

    The forward channel has the stream that the reaction has where every count is whole (``replicates``).
    """
    law: Expression = Symbol(one.id)
    two = _may_be_negative(model, one.rate)
    forth = Call("max", (law, Number(0.0))) if two else law
    yield _Channel(one, _fresh(f"own_time_{one.id}", taken), forth, 1, ("reaction", one.id))
    if two:
        back = Call("max", (Call("neg", (law,)), Number(0.0)))
        yield _Channel(one, _fresh(f"own_time_back_{one.id}", taken), back, -1, ("reaction", one.id, "back"))


def _may_be_negative(model: Model, law: Expression) -> bool:
    """Whether a subtraction or a sign is anywhere in it, through rules and reactions that move.

    What is made of parameters only has one sign; should that make a rate negative, the patient fails by name.
    """
    still = model.static()
    known = {one.id: one.expression for one in model.rules if one.id not in still}
    known |= {one.id: one.rate for one in model.reactions}
    waiting: list[Expression] = [law]
    seen: set[str] = set()
    while waiting:
        formula = waiting.pop()
        if any(isinstance(part, Call) and part.operator in ("-", "neg") for part in walk(formula)):
            return True
        found = (symbols(formula) & known.keys()) - seen
        seen |= found
        waiting += (known[name] for name in found)
    return False


def _flow(model: Model, switches: Mapping[str, str], channels: Iterable[_Channel]) -> Model:
    """The equations: a chancy reaction is a rule, a flow that its switch turns off, and own times that it turns on."""
    chancy = {one.id: one for one in model.reactions if one.id in switches}
    laws = tuple(Rule(one.id, one.rate, "") for one in chancy.values())
    taken = set(model.names())
    reactions = tuple(
        replace(one, id=_fresh(f"flow_{one.id}", taken),
                rate=Call("*", (Call("-", (Number(1.0), Symbol(switches[one.id]))), Symbol(one.id))))
        if one.id in chancy else one
        for one in model.reactions
    )  # fmt: skip
    times = [(one.name, Call("*", (Symbol(switches[one.reaction.id]), one.rate))) for one in channels]
    # a rule may use a reaction's name and the other way round
    rules = in_order((*model.rules, *laws), where=model.id)
    return replace(
        model, rules=rules, reactions=reactions,
        parameters=(*model.parameters, *(Parameter(name, 0.0, "") for name in switches.values())),
        species=(*model.species, *(Species(name, Number(0.0), "") for name, _ in times)),
        rates=(*model.rates, *(Rule(name, rate, "") for name, rate in times)),
    )  # fmt: skip


def _net(
    model: Model, few: Mapping[str, float], chancy: list[Reaction], channels: list[_Channel],
    roles: list[tuple[int, str]],
) -> Net:  # fmt: skip
    place = {one.id: i for i, one in enumerate(model.species)}
    number = {one.id: r for r, one in enumerate(chancy)}
    row = {name: j for j, name in enumerate(few)}
    touched = [[int(name in {id for id, _ in one.changes}) for name in few] for one in chancy]
    lives = [[r for r, (_, own) in enumerate(roles) if own == name] for name in few]
    return Net(
        switch=_ints(len(model.parameters) + r for r in range(len(chancy))),
        touched=np.array(touched, np.int64).reshape(len(chancy), len(few)),
        reaction=_ints(number[one.reaction.id] for one in channels),
        first=_ints(np.cumsum([0, *(len(one.reaction.changes) for one in channels)])),
        target=_ints(place[id] for one in channels for id, _ in one.reaction.changes),
        amount=np.array([one.sign * amount for one in channels for _, amount in one.reaction.changes], np.float64),
        place=_ints(row.get(id, -1) for one in channels for id, _ in one.reaction.changes),
        counted=_ints(place[name] for name in few),
        low=np.array(list(few.values()), np.float64), high=np.array([_upper(one) for one in few.values()], np.float64),
        kind=_ints(kind for kind, _ in roles), both=_ints(_may_be_negative(model, one.rate) for one in chancy),
        own=_ints(row.get(name, -1) for _, name in roles),
        life_first=_ints(np.cumsum([0, *(len(one) for one in lives)])), life=_ints(r for one in lives for r in one),
        source=_ints(row.get(roles[number[one.reaction.id]][1], -1) for one in channels),
        clocks=tuple(one.stream for one in channels), names=tuple(few),
    )  # fmt: skip


def _upper(threshold: float) -> float:
    """Where a count that grows begins to flow: two spreads of a Poisson count higher, so that it does not swing."""
    return inf if threshold == inf else float(ceil(threshold + 2.0 * sqrt(threshold)))


def _ints(values: Iterable[Any]) -> Ints:
    return np.array(list(values), np.int64)
