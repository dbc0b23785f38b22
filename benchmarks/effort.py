"""How much is measured: everything, or just enough to see that all of it runs."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True)
class Effort:
    """How much is measured.

    Attributes:
        patients: of a job.
        few: patients of the coarse search, ``many`` of the final one and of the reference, by job.
        rounds: turns of the timing.
        whole: seconds that a turn may take if it has all patients; ``turn`` seconds otherwise.
        once: seconds that a single pass over all patients may take, to count who fails.
        search: seconds after which a simulator begins no further group of settings.
        limit: seconds that one answer may take.
        vary: whether batches of other sizes are tried.
        stride: the ladder of tolerances is gone down so many steps at once.
        above: fine steps above the coarse step that was accurate enough.
    """

    patients: int = 10_000
    few: tuple[int, int, int] = (42, 20, 4)
    many: tuple[int, int, int] = (210, 105, 21)
    rounds: int = 5
    whole: float = 15.0
    turn: float = 4.0
    once: float = 60.0
    search: float = 60.0
    limit: float = 150.0
    vary: bool = True
    stride: int = 1
    above: int = 2


QUICK = Effort(patients=21, few=(21, 3, 1), many=(21, 6, 2), rounds=2, whole=1.0, turn=0.5, once=1.0, search=0.1,
               vary=False, stride=2, above=0)  # fmt: skip
