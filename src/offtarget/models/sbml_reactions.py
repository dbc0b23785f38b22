"""What reactions add to amounts: as fixed numbers where they are, else as d/dt written out.

A stoichiometry that varies, or a conversion factor, makes the d/dt of its species a rate of its own: a sum over the
reactions, each under its name.
"""

from __future__ import annotations

from collections.abc import Mapping

from offtarget.errors import UnsupportedError
from offtarget.models.expression import Call, Expression, Number, Symbol, divide, multiply, symbols
from offtarget.models.model import Reaction, Rule
from offtarget.models.sbml_math import rate_of
from offtarget.models.sbml_source import Quantity, Source, Substance
from offtarget.models.sbml_species import Places
from offtarget.models.starting import at_start

__all__ = ["changes_and_rates", "laws_by_name"]

_ZERO = Number(0.0)


def changes_and_rates(source: Source, places: Places) -> tuple[tuple[Reaction, ...], tuple[Rule, ...]]:
    """The reactions with what they change by fixed numbers, and d/dt of the amounts they change otherwise.

    Args:
        source: what the document says.
        places: where its quantities went.
    """
    varied = sorted(
        {id for one in source.processes for id, _, amount in one.terms if _varies(source.species[id], amount)}
    )
    reactions: list[Reaction] = []
    slopes: dict[str, Expression] = dict.fromkeys(varied, _ZERO)
    for one in source.processes:
        total: dict[str, float] = {}
        for id, sign, amount in one.terms:
            species = source.species[id]
            if id in varied:
                slopes[id] = _with_term(slopes[id], sign, _term(one.id, amount, species))
            elif species.reacts and isinstance(amount, Number):
                state = places.amounts.get(id, id)
                total[state] = total.get(state, 0.0) + sign * amount.value
        changes = tuple((state, amount) for state, amount in total.items() if amount)
        reactions.append(Reaction(one.id, one.rate, changes, one.name, one.reversible))
    amounts = {id: places.amounts.get(id, id) for id in slopes}
    rates = tuple(Rule(amounts[id], slope, source.species[id].substance) for id, slope in slopes.items())
    return tuple(reactions), rates


def _varies(species: Substance, amount: Expression) -> bool:
    return species.reacts and (bool(species.factor) or not isinstance(amount, Number))


def _term(reaction: str, amount: Expression, species: Substance) -> Expression:
    factors: list[Expression] = [Symbol(species.factor)] if species.factor else []
    factors += [] if amount == Number(1.0) else [amount]
    return multiply(*factors, Symbol(reaction))


def _with_term(total: Expression, sign: float, term: Expression) -> Expression:
    if total == _ZERO:
        return term if sign > 0 else Call("neg", (term,))
    return Call("+" if sign > 0 else "-", (total, term))


def laws_by_name(
    source: Source,
    places: Places,
    reactions: tuple[Reaction, ...],
    rates: Mapping[str, Expression],
    where: str,
) -> dict[str, Expression]:
    """What the names of reactions, and ``rateOf`` of anything, stand for in a formula.

    Args:
        source, places: what the document says and where it went.
        reactions: the reactions.
        rates: d/dt of every state.
        where: the file or place, for error sentences.

    Raises:
        UnsupportedError: ``rateOf`` something that a rule sets.
    """
    meanings: dict[str, Expression] = {one.id: one.rate for one in reactions}
    used = _used(source, rates)
    for one in source.quantities().values():
        if rate_of(one.id) in used:
            meanings[rate_of(one.id)] = _slope(one, source, places, rates, where)
    for own in (local for process in source.processes for local in process.own):
        meanings[rate_of(own.id)] = _ZERO
    for reaction in reactions:
        if rate_of(reaction.id) in used:
            raise UnsupportedError(f"{where}: rateOf() the reaction {reaction.id} is not supported.")
    return at_start(meanings, meanings, where=where)


def _used(source: Source, rates: Mapping[str, Expression]) -> set[str]:
    """Every name in a formula of a document."""
    formulas = [
        formula for one in source.quantities().values() for formula in (one.initial, one.rule, one.rate)
    ]
    formulas += [one.rate for one in source.processes]
    for event in source.events:
        formulas += event.formulas()
    return {name for one in (*formulas, *rates.values()) if one is not None for name in symbols(one)}


def _slope(
    one: Quantity, source: Source, places: Places, rates: Mapping[str, Expression], where: str
) -> Expression:
    """d/dt of a quantity."""
    if one.rule is not None:
        raise UnsupportedError(f"{where}: rateOf() {one.id}, which a rule sets, is not supported.")
    if not isinstance(one, Substance) or one.id not in places.amounts:
        return rates.get(one.id, _ZERO)
    place, flow = source.compartments[one.place], rates.get(places.amounts[one.id], _ZERO)
    if place.rule is not None:
        raise UnsupportedError(
            f"{where}: rateOf() {one.id}, in a compartment that a rule sets, is not supported."
        )
    if place.rate is not None:
        flow = Call("-", (flow, multiply(Symbol(one.id), place.rate)))
    return flow if flow == _ZERO else divide(flow, places.sizes[one.place])
