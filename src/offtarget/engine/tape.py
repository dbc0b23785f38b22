"""The Jacobian's lines: derivatives of named rules by the chain rule, each shared one computed once."""

from __future__ import annotations

from collections.abc import Callable, Sequence

from offtarget.engine.derivatives import derivative, product, total
from offtarget.engine.formula import Namer
from offtarget.models.expression import Expression, Number, Symbol, symbols

__all__ = ["Tape"]


class Tape:
    """Derivatives of the named rules, line by line. What two rules share is computed once.

    Attributes:
        lines: assignments of the derivatives that have a name, in order.
        expressions: everything the derivatives read.
    """

    def __init__(self, write: Callable[[Expression], str], namer: Namer, variables: Sequence[str]) -> None:
        self.write, self.namer, self.variables = write, namer, variables
        self.lines: list[str] = []
        self.expressions: list[Expression] = []
        self.known: dict[str, dict[str, Expression]] = {name: {name: Number(1.0)} for name in variables}

    def define(self, name: str, expression: Expression) -> None:
        """Note the derivatives of a rule by every variable it depends on."""
        found = self.gradient(name, expression)
        self.known[name] = {
            variable: self._hold(f"{name}_by_{variable}", value) for variable, value in found.items()
        }

    def gradient(self, stem: str, expression: Expression) -> dict[str, Expression]:
        """The derivatives of an expression by every variable it depends on, through the rules it names."""
        inner = [name for name in sorted(symbols(expression)) if name in self.known]
        partial = {name: derivative(expression, name) for name in inner}
        if len(inner) > 0:
            shared = {
                name: sum(name in self.known and v in self.known[name] for v in self.variables)
                for name in inner
            }
            partial = {
                name: self._hold(f"{stem}_by_{name}", value) if shared[name] > 1 else value
                for name, value in partial.items()
            }
        gradient = {}
        for variable in self.variables:
            terms = [
                product(partial[name], self.known[name][variable])
                for name in inner
                if variable in self.known[name]
            ]
            if terms:
                gradient[variable] = total(*terms)
        for value in gradient.values():
            self.expressions.append(value)
        return {k: v for k, v in gradient.items() if v != Number(0.0)}

    def _hold(self, stem: str, value: Expression) -> Expression:
        """Give an expression a name, unless it is as short as one."""
        if isinstance(value, Number | Symbol):
            return value
        self.expressions.append(value)
        text = self.write(value)
        name = self.namer.local(stem)
        self.lines.append(f"{name} = {text}")
        return Symbol(name)
