"""What a run leaves behind about escape: which resistant clone led in whom, and a few patients' clones over time."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from offtarget.evidence import Evidence

__all__ = ["CloneCourses", "PublishedSpectrum", "Spectrum"]


@dataclass(frozen=True, slots=True)
class Spectrum:
    """Which resistant clone led when an event about clones happened, in one arm.

    Attributes:
        clones: the model's clones but for the first; ``counts`` of the patients each led in, ``months`` the median time
            of the event in those, NaN where there are none.
    """

    arm: str
    endpoint: str
    clones: tuple[str, ...]
    counts: tuple[int, ...]
    months: tuple[float, ...]


@dataclass(frozen=True, slots=True)
class PublishedSpectrum:
    """How often each mutation was found in patients: clone -> number of them."""

    counts: Mapping[str, int]
    evidence: Evidence


@dataclass(frozen=True, slots=True, eq=False)
class CloneCourses:
    """The clones of a few patients over time, in every arm.

    Attributes:
        patients: shape (k,); ``escaped`` says in which arms the event happened to each, shape (arms, k).
        times: day, shape (m,).
        cells: proliferating cells of each clone, shape (arms, k, m, clones).
        rule: how the patients were chosen, in words.
    """

    endpoint: str
    arms: tuple[str, ...]
    clones: tuple[str, ...]
    patients: NDArray[np.uint64]
    escaped: NDArray[np.bool_]
    times: NDArray[np.float64]
    cells: NDArray[np.float64]
    rule: str
