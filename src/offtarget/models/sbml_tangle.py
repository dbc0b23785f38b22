"""Documents that are tangled beyond use: found before libSBML checks them, which may take it for ever.

libSBML follows every chain of formulas that use each other, function by function and pair by pair. What people write is
far below the bounds here.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from typing import Any

from offtarget.errors import UnsupportedError

__all__ = ["refuse_tangled"]

_MOST_ALGEBRAIC = 100
_MOST_PIECES = 500
_DEEPEST_CALLS = 16
_MOST_PAIRS = 20_000


def refuse_tangled(model: Any, where: str) -> None:
    """Refuse a libSBML Model whose formulas lean on each other, or go on, without end.

    Args:
        model: as it was read, not yet checked.
        where: the file or place, for error sentences.

    Raises:
        UnsupportedError: what there is too much of, and how much is read.
    """
    rules = list(model.getListOfRules())
    algebraic = sum(rule.isAlgebraic() for rule in rules)
    if algebraic > _MOST_ALGEBRAIC:
        raise _refused(where, f"{algebraic} algebraic rules", f"at most {_MOST_ALGEBRAIC}")
    functions = {one.getId(): _names(one.getMath(), where) for one in model.getListOfFunctionDefinitions()}
    deepest = _depth(functions)
    if deepest > _DEEPEST_CALLS:
        raise _refused(
            where, "functions that call functions without end", f"at most {_DEEPEST_CALLS} calls deep"
        )
    formulas = {rule.getVariable(): rule.getMath() for rule in rules if not rule.isAlgebraic()}
    formulas |= {one.getSymbol(): one.getMath() for one in model.getListOfInitialAssignments()}
    laws = ((one.getId(), one.getKineticLaw()) for one in model.getListOfReactions())
    formulas |= {id: law.getMath() for id, law in laws if law is not None}
    for event in model.getListOfEvents():
        for one in (
            event.getTrigger(),
            event.getDelay(),
            event.getPriority(),
            *event.getListOfEventAssignments(),
        ):
            _names(None if one is None else one.getMath(), where)
    if _pairs({id: _names(math, where) for id, math in formulas.items()}) > _MOST_PAIRS:
        raise _refused(
            where, "formulas that use each other in chains without end", f"at most {_MOST_PAIRS} pairs"
        )


def _refused(where: str, what: str, limit: str) -> UnsupportedError:
    return UnsupportedError(f"{where}: {what}: {limit} are read. Nothing was simulated.")


def _names(math: Any, where: str) -> set[str]:
    """The names in a formula, of functions too."""
    found: set[str] = set()
    waiting = [math] if math is not None else []
    while waiting:
        node = waiting.pop()
        if node.getName():
            found.add(node.getName())
        inside = node.getNumChildren()
        if inside > 2 * _MOST_PIECES:
            raise _refused(where, f"a formula of {inside} parts side by side", f"at most {2 * _MOST_PIECES}")
        waiting += [node.getChild(i) for i in range(inside)]
    return found


def _ordered(uses: Mapping[str, Iterable[str]]) -> Iterator[str]:
    """Every name after those it uses; in a circle, somewhere."""
    seen: set[str] = set()
    for first in uses:
        stack = [(first, iter(uses[first]))] if first not in seen else []
        seen.add(first)
        while stack:
            new = next((other for other in stack[-1][1] if other in uses and other not in seen), None)
            if new is None:
                yield stack.pop()[0]
            else:
                seen.add(new)
                stack.append((new, iter(uses[new])))


def _depth(uses: Mapping[str, Iterable[str]]) -> int:
    """How many deep the longest chain of names that use each other is."""
    depths: dict[str, int] = {}
    for name in _ordered(uses):
        depths[name] = 1 + max((depths.get(other, 0) for other in uses[name]), default=0)
    return max(depths.values(), default=0)


def _pairs(uses: Mapping[str, Iterable[str]]) -> int:
    """How many pairs of names there are of which one uses the other, through whatever lies between."""
    places = {name: 1 << i for i, name in enumerate(uses)}
    reached: dict[str, int] = {}
    total = 0
    for name in _ordered(uses):
        mask = 0
        for other in uses[name]:
            mask |= places.get(other, 0) | reached.get(other, 0)
        reached[name] = mask
        total += mask.bit_count()
        if total > _MOST_PAIRS:
            break
    return total
