"""Conditions on clones, as sequencing reports them: "resistant clone > 20 %", "T315I > 20 %"."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

import numpy as np

from offtarget.errors import InputError, nearest
from offtarget.trials.condition import Condition
from offtarget.trials.history import History, Mask
from offtarget.trials.sequencing import Sequencing

__all__ = ["RESISTANT", "CloneAbove", "refuse_unseen_clones"]

#: Any clone but the first of the model's table, which is the wild type.
RESISTANT = "resistant clone"


@dataclass(frozen=True, slots=True)
class CloneAbove(Condition):
    """A clone found above a percentage of the BCR-ABL1 transcripts at the latest sample.

    Attributes:
        clone: a clone of the model, or ``RESISTANT`` for any one clone but the first.
        percent: of the transcripts.
    """

    clone: str
    percent: float

    def holds(self, history: History) -> Mask:
        """Where the latest sample was sequenced and showed it, shape (n,)."""
        rows = slice(1, None) if self.clone == RESISTANT else [history.clones.index(self.clone)]
        with np.errstate(invalid="ignore"):
            return np.asarray((history.shares[rows] > self.percent).any(axis=0))

    def of_clones(self) -> bool:
        """It is."""
        return True


def refuse_unseen_clones(
    condition: Condition, sequencing: Sequencing | None, clones: Iterable[str], *, where: str
) -> None:
    """Refuse a condition on clones that the study's sequencing could not tell, or that the model does not have.

    Args:
        condition: a rule's or an endpoint's.
        sequencing: the study's, None where it has none.
        clones: the model's, the wild type first.
        where: the place, for the error sentence.

    Raises:
        InputError: no sequencing, a share below its limit, an unknown clone, or a model without resistant ones.
    """
    known = tuple(clones)
    for one in condition.leaves():
        if not isinstance(one, CloneAbove):
            continue
        said = f'"{one.clone} > {one.percent:g} %"'
        if one.clone not in known and (one.clone != RESISTANT or len(known) < 2):
            raise InputError(
                f'{where}: {said}: the model has no "{one.clone}". {nearest(one.clone, known, kind="clone")}'
            )
        if sequencing is None:
            raise InputError(
                f'{where}: {said} needs sequencing. Add sequencing = "sanger" or "deep 1 %" to [assay].'
            )
        if one.percent < sequencing.limit.value:
            raise InputError(
                f"{where}: {said}: {sequencing.method} finds clones from {sequencing.limit.value:g} % on, so the "
                f"condition would wait for that share instead. Ask for {sequencing.limit.value:g} % or more, or "
                "sequence deeper."
            )
