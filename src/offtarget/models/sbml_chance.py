"""Where a document may draw numbers by chance: once at the start, and each time an event happens.

A draw in a rule, a rate or a condition would be another number at every look, so that what the model says would hang on
how often it is looked at.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator

from offtarget.errors import UnsupportedError
from offtarget.models.expression import Expression, draws
from offtarget.models.model import Model
from offtarget.models.sbml_source import Source

__all__ = ["refuse_misplaced_draws"]


def refuse_misplaced_draws(source: Source, read: Model, where: str) -> None:
    """Refuse a document that draws where it should not, or whose drawn starting values other ones use.

    Args:
        source: what the document says.
        read: the Model it became.
        where: the file or place, for error sentences.

    Raises:
        UnsupportedError: the place, by name.
    """
    settled = {id for id, one in source.quantities().items() if one.initial is not None and one.rule is None}
    for place, formula in _looked_at(read, settled):
        found = draws(formula)
        if found:
            then = "A draw belongs into an initial assignment, or into a delay or an assignment of an event."
            raise UnsupportedError(f"{where}: {place} draws from {found[0].operator}(). {then}")
    stated = _count(one.initial for one in source.quantities().values() if one.initial is not None)
    starts = _count((*(one.initial for one in read.species), *(one.expression for one in read.rules)))
    if starts != stated:
        raise UnsupportedError(
            f"{where}: starting values use another one that is drawn by chance: not supported. "
            "Let an event at time zero set them."
        )


def _looked_at(read: Model, settled: set[str]) -> Iterator[tuple[str, Expression]]:
    """Formulas that are evaluated as often as anyone looks."""
    yield from ((f"the rule of {one.id}", one.expression) for one in read.rules if one.id not in settled)
    yield from ((f"the rate of {one.id}", one.expression) for one in read.rates)
    yield from ((f"the rate of reaction {one.id}", one.rate) for one in read.reactions)
    for event in read.events:
        yield f"the trigger of event {event.id}", event.trigger
        if event.priority is not None:
            yield f"the priority of event {event.id}", event.priority


def _count(formulas: Iterable[Expression]) -> int:
    return sum(len(draws(one)) for one in formulas)
