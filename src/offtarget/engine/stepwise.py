"""What stands still between two jumps, apart from steps at instants that are known beforehand.

A rate that depends on time only through conditions such as ``time < 30`` is a step function: between its steps the next
reaction is drawn exactly. One that moves with time smoothly would need its integral.
"""

from __future__ import annotations

from collections.abc import Set
from dataclasses import dataclass

from offtarget.models.expression import Call, Expression, Symbol, symbols

__all__ = ["Fluid"]

_COMPARE = ("<", "<=", ">", ">=", "==", "!=")
_LOGIC = ("and", "or", "xor", "not", "implies")
_SUMS = ("+", "-", "neg")
_ROUNDED = ("floor", "ceil")
_CORNERED = ("abs", "min", "max", *_ROUNDED)


@dataclass(frozen=True, slots=True)
class Fluid:
    """Judges expressions by how they move between jumps.

    Attributes:
        lines: ``time`` and the states that are straight lines in time.
        moving: these, and every other name that moves with them.
    """

    lines: Set[str]
    moving: Set[str]

    def still(self, node: Expression) -> bool:
        """Whether nothing in it moves."""
        return not symbols(node) & self.moving

    def straight(self, node: Expression) -> bool:
        """Whether it is a straight line in time."""
        if self.still(node):
            return True
        if isinstance(node, Symbol):
            return node.name in self.lines
        assert isinstance(node, Call)  # a number stands still
        if node.operator in _SUMS:
            return all(map(self.straight, node.arguments))
        fluid = [part for part in node.arguments if not self.still(part)]
        if node.operator == "*":
            return len(fluid) == 1 and self.straight(fluid[0])
        return node.operator == "/" and self.still(node.arguments[1]) and self.straight(fluid[0])

    def broken(self, node: Expression) -> bool:
        """Whether it is made of pieces of straight lines, with breaks where an argument of a function says."""
        if self.straight(node) or self.steps(node):
            return True
        if not isinstance(node, Call):
            return False
        parts = node.arguments
        if node.operator in _SUMS:
            return all(map(self.broken, parts))
        if node.operator in _CORNERED:
            return all(map(self.straight, parts))
        if node.operator == "rem":
            return self.straight(parts[0]) and self.still(parts[1])
        if node.operator == "*":
            sloping = [part for part in parts if not self.steps(part)]
            return len(sloping) == 1 and self.broken(sloping[0])
        if node.operator == "/":
            return self.broken(parts[0]) and self.steps(parts[1])
        if node.operator == "piecewise":
            return all(
                self.condition(part) if place % 2 else self.broken(part) for place, part in enumerate(parts)
            )
        return False

    def steps(self, node: Expression) -> bool:
        """Whether it stands still but for steps."""
        if self.still(node):
            return True
        if not isinstance(node, Call):
            return False
        parts = node.arguments
        if node.operator in (*_COMPARE, *_LOGIC):
            return self.condition(node)
        if node.operator in _ROUNDED:
            return self.straight(parts[0]) or self.steps(parts[0])
        if node.operator == "quotient":
            return (self.straight(parts[0]) and self.still(parts[1])) or all(map(self.steps, parts))
        if node.operator == "piecewise":
            return all(
                self.condition(part) if place % 2 else self.steps(part) for place, part in enumerate(parts)
            )
        return all(map(self.steps, parts))

    def condition(self, node: Expression) -> bool:
        """Whether the instants at which a condition changes are known beforehand."""
        if isinstance(node, Call) and node.operator in _LOGIC:
            return all(map(self.condition, node.arguments))
        parts = node.arguments if isinstance(node, Call) and node.operator in _COMPARE else (node,)
        return all(map(self.broken, parts))
