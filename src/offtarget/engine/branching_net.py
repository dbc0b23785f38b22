"""What a reaction is to cells that are counted: a birth, a death, or an exchange that others see.

Where all reactions are one of these, cells live independently of each other within a step, and what a step brings is
known in closed form (``branching_draws``). Where one is not, firings have to be found one by one (``hybrid_race``).
"""

from __future__ import annotations

from collections.abc import Container, Mapping

from offtarget.engine.hybrid_layout import BIRTH, DEATH, EXCHANGE
from offtarget.models.expression import Call, Expression, Symbol
from offtarget.models.model import Model, Reaction

__all__ = ["role"]


def role(model: Model, few: Container[str], one: Reaction) -> tuple[int, str] | None:
    """What a reaction is, and to which counted species; None where no closed form serves it.

    Args:
        model: the equations.
        few: the species that are counted where they are few.
        one: a reaction that changes at least one of them.

    Returns:
        ``BIRTH`` or ``DEATH`` and the species that has one more or one fewer; or ``EXCHANGE`` and the species of the
        cell that turns into something else, "" where something arrives and no counted cell is used up.
    """
    changes = dict(one.changes)
    fewer = [name for name, amount in changes.items() if name in few and amount < 0]
    more = [name for name, amount in changes.items() if name in few and amount > 0]
    if len(fewer) > 1 or any(changes[name] != -1 for name in fewer):
        return None
    if fewer:
        return (EXCHANGE, fewer[0]) if len(changes) > 1 else (DEATH, fewer[0])
    rules = {rule.id: rule.expression for rule in model.rules}
    grown = [name for name in more if _vanishes(one.rate, name, rules)]
    if not grown:
        return EXCHANGE, ""
    return (BIRTH, grown[0]) if len(changes) == 1 and changes[grown[0]] == 1 else None


def _vanishes(law: Expression, name: str, rules: Mapping[str, Expression]) -> bool:
    """Whether a rate has a species as a factor: without cells of it, none is born."""
    if isinstance(law, Symbol):
        return law.name == name or (law.name in rules and _vanishes(rules[law.name], name, rules))
    if not isinstance(law, Call):
        return False
    inside = law.arguments
    if law.operator == "*":
        return any(_vanishes(part, name, rules) for part in inside)
    if law.operator in ("+", "-", "min", "max"):
        return all(_vanishes(part, name, rules) for part in inside)
    return law.operator in ("/", "neg", "sqrt", "abs") and _vanishes(inside[0], name, rules)
