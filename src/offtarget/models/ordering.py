"""The order in which rules can be computed, each after those it uses; and whether all they use exists."""

from __future__ import annotations

from graphlib import CycleError, TopologicalSorter

from offtarget.errors import InputError, nearest
from offtarget.models.expression import symbols
from offtarget.models.model import Model, Rule

__all__ = ["in_order", "refuse_undefined"]


def in_order(rules: tuple[Rule, ...], *, where: str) -> tuple[Rule, ...]:
    """The rules, each after the rules it uses; otherwise as given.

    Args:
        rules: assignment rules in any order.
        where: the model, for the error sentence.

    Raises:
        InputError: rules that use each other in a circle; the text names them.
    """
    by_id = {rule.id: rule for rule in rules}
    sorter: TopologicalSorter[str] = TopologicalSorter()
    for rule in rules:
        sorter.add(rule.id, *sorted(symbols(rule.expression) & by_id.keys()))
    try:
        return tuple(by_id[id] for id in sorter.static_order())
    except CycleError as problem:
        circle = " -> ".join(problem.args[1])
        raise InputError(
            f"{where}: rules use each other in a circle: {circle}. Let one of them stand on its own."
        ) from None


def refuse_undefined(model: Model, *, where: str) -> None:
    """Refuse a model in which a formula uses a name nobody defines.

    Args:
        model: the equations.
        where: the model, for the error sentence.

    Raises:
        InputError: the first such name, and where it is used.
    """
    known = model.names() | {"time"}
    formulas = [(species.id, species.initial) for species in model.species]
    formulas += [(rule.id, rule.expression) for rule in (*model.rules, *model.rates)]
    formulas += [(reaction.id, reaction.rate) for reaction in model.reactions]
    formulas += [(event.id, formula) for event in model.events for formula in event.formulas()]
    for id, formula in formulas:
        for name in sorted(symbols(formula) - known):
            raise InputError(f'{where}: {id}: "{name}" is defined nowhere. {nearest(name, known)}')
