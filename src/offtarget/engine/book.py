"""Which definition of a model needs which: rules and reactions by name, those that stay put between events apart."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from itertools import chain

from offtarget.engine.event_code import EventCode, event_code
from offtarget.errors import InputError, nearest
from offtarget.models.expression import Expression, Symbol, symbols
from offtarget.models.model import Model

__all__ = ["Book"]


class Book:
    """Which definition needs which: rules and reactions by name, static ones apart."""

    def __init__(self, model: Model, outputs: Sequence[str]) -> None:
        self.model = model
        self.definitions: dict[str, Expression] = {rule.id: rule.expression for rule in model.rules}
        self.definitions |= {reaction.id: reaction.rate for reaction in model.reactions}
        self.initials = {one.id: one.initial for one in model.species}
        self.derivatives = dict(model.derivatives())
        self.static = model.static()
        self.outputs = tuple(outputs)
        self.events: EventCode | None = event_code(model)
        known = self.model.names() | {"time"}
        for name in self.outputs:
            if name not in known:
                raise InputError(f'{model.id}: no output "{name}". {nearest(name, known, kind="name")}')
        wanted = self.order([*chain(map(Symbol, self.outputs), self.derivatives.values())], self.definitions)
        wanted += self.order(self.initials.values(), self.definitions | self.initials)
        if self.events:
            wanted += self.order(self.events.expressions, self.definitions)
        needed = self.order(
            map(Symbol, dict.fromkeys(wanted)),
            {k: v for k, v in self.definitions.items() if k in self.static},
        )
        self.statics = tuple(name for name in needed if name in self.static)

    def order(self, roots: Iterable[Expression], definitions: Mapping[str, Expression]) -> list[str]:
        """The definitions that the roots need, each after those it needs itself."""
        uses = {name: symbols(expression) for name, expression in definitions.items()}
        needed: set[str] = set()
        stack = [name for root in roots for name in symbols(root)]
        while stack:
            name = stack.pop()
            if name in uses and name not in needed:
                needed.add(name)
                stack.extend(uses[name])
        waiting, placed = [name for name in definitions if name in needed], []
        while waiting:
            missing, late = set(waiting), []
            for name in waiting:
                if uses[name] & missing:
                    late.append(name)
                else:
                    placed.append(name)
                    missing.discard(name)
            if late == waiting:
                raise InputError(f"{self.model.id}: defined in a circle: {', '.join(late[:12])}.")
            waiting = late
        return placed

    def moving(self, roots: Iterable[Expression]) -> list[str]:
        """The definitions, static ones left out, that the roots need."""
        return self.order(roots, {k: v for k, v in self.definitions.items() if k not in self.static})
