"""The order in which rules can be computed: each after those it uses."""

from __future__ import annotations

from graphlib import CycleError, TopologicalSorter

from offtarget.errors import InputError
from offtarget.models.expression import symbols
from offtarget.models.model import Rule

__all__ = ["in_order"]


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
