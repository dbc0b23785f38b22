"""What holds at the start: initial values written in parameters alone, however the model's author wrote them."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from graphlib import CycleError, TopologicalSorter

from offtarget.errors import InputError, UnsupportedError
from offtarget.models.expression import Expression, size, substitute, symbols

__all__ = ["at_start"]

_LONGEST = 100_000  # operators and names; what is longer was made to be


def at_start(
    wanted: Iterable[str], meanings: Mapping[str, Expression], *, where: str
) -> dict[str, Expression]:
    """What each wanted name is at time zero, as an expression of names that have no meaning here: the parameters.

    A value that an initial assignment settles therefore follows a patient's own parameters, and should a schedule
    change one of them later, the value follows that as well.

    Args:
        wanted: names with a meaning.
        meanings: name -> what it is at the start: a state's initial value, a rule, a rate, ``time`` as zero.
        where: the model, for error sentences.

    Raises:
        InputError: a name that depends on itself.
        UnsupportedError: an expression that grows without bound when written out.
    """
    sorter: TopologicalSorter[str] = TopologicalSorter()
    waiting, seen = list(wanted), set(wanted)
    while waiting:
        name = waiting.pop()
        used = symbols(meanings[name]) & meanings.keys()
        sorter.add(name, *sorted(used))
        waiting += sorted(used - seen)
        seen |= used
    found: dict[str, Expression] = {}
    try:
        for name in sorter.static_order():
            found[name] = substitute(meanings[name], found)
            if size(found[name]) > _LONGEST:
                raise UnsupportedError(f"{where}: the initial value of {name} is too long when written out.")
    except CycleError as problem:
        circle = " -> ".join(problem.args[1])
        raise InputError(
            f"{where}: initial values depend on each other in a circle: {circle}. Give one of them a number."
        ) from None
    return found
