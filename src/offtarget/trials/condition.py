"""Condition: something that is true or not of a patient at a visit. Its kinds and their words: ``conditions``."""

from __future__ import annotations

import math
from abc import ABC, abstractmethod

from offtarget.trials.history import History, Mask

__all__ = ["Condition"]


class Condition(ABC):
    """Something that is true or not of a patient at a visit."""

    __slots__ = ()

    @abstractmethod
    def holds(self, history: History) -> Mask:
        """Where the condition is true now, shape (n,)."""

    def earliest(self) -> float:
        """The first day of a trial on which this could be true."""
        return 0.0

    def drugs(self) -> frozenset[str]:
        """The drugs the condition names."""
        return frozenset()

    def window(self) -> tuple[float, float]:
        """Where the latest sample must be for this to be true, percent: above the first, up to the second."""
        return -math.inf, math.inf

    def unseen(self) -> bool:
        """Whether it asks for the truth, which no clinic sees and a visit without a sample does not hide."""
        return False

    def of_clones(self) -> bool:
        """Whether it is about resistant clones, so that it matters which one leads when it comes true."""
        return False

    def leaves(self) -> tuple[Condition, ...]:
        """The conditions it is made of: itself, unless it joins others."""
        return (self,)
