"""Regimen: how much of which drug, how often, until when."""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike, NDArray

from offtarget.errors import InputError, nearest
from offtarget.units import convert

__all__ = ["Phase", "Regimen"]

_DURATIONS = ("year", "month", "week", "day", "h")


@dataclass(frozen=True, slots=True)
class Phase:
    """One dose at even intervals until a day counted from the regimen's start; dose 0 is nothing."""

    dose: float  # mg
    interval: float  # day
    until: float  # day, infinite in the last phase

    def __str__(self) -> str:
        dose = repr(self.dose).removesuffix(".0")
        return f"{dose} mg every {_duration(self.interval)}" if self.dose else "nothing"


@dataclass(frozen=True, slots=True)
class Regimen:
    """What a patient takes, drug by drug, from the day the regimen starts.

    Attributes:
        courses: (drug, its phases) pairs, sorted by drug. The last phase of each has no end.
    """

    courses: tuple[tuple[str, tuple[Phase, ...]], ...]

    @property
    def drugs(self) -> tuple[str, ...]:
        """The drugs named, sorted."""
        return tuple(drug for drug, _ in self.courses)

    def of(self, drug: str) -> Regimen:
        """The part of the regimen that is about one drug.

        Raises:
            InputError: the regimen does not name the drug.
        """
        return Regimen(((drug, self.phases(drug)),))

    def phases(self, drug: str) -> tuple[Phase, ...]:
        """The phases of one drug."""
        for name, phases in self.courses:
            if name == drug:
                return phases
        raise InputError(f'the regimen has no "{drug}". {nearest(drug, self.drugs, kind="drug")}')

    def changes(self, drug: str) -> tuple[NDArray[np.float64], NDArray[np.float64], NDArray[np.float64]]:
        """When each phase of a drug starts (day), its dose (mg) and its interval (day), each of shape (phases,)."""
        phases = self.phases(drug)
        starts = np.array([0.0, *(phase.until for phase in phases[:-1])])
        return starts, np.array([one.dose for one in phases]), np.array([one.interval for one in phases])

    def dose(self, drug: str, day: ArrayLike) -> NDArray[np.float64]:
        """The dose in force, mg.

        Args:
            drug: the drug.
            day: since the regimen's start, any shape.
        """
        starts, doses, _ = self.changes(drug)
        return np.asarray(doses[np.searchsorted(starts, np.asarray(day, np.float64), side="right") - 1])

    def interval(self, drug: str, day: ArrayLike) -> NDArray[np.float64]:
        """The time between doses in force, day; 1 where nothing is given."""
        starts, _, intervals = self.changes(drug)
        return np.asarray(intervals[np.searchsorted(starts, np.asarray(day, np.float64), side="right") - 1])

    def __str__(self) -> str:
        return "; ".join(_course(drug, phases) for drug, phases in self.courses)


def _course(drug: str, phases: tuple[Phase, ...]) -> str:
    """The text of one drug's phases, which reads back to the same phases."""
    said = []
    for phase in phases:
        text = str(phase).replace(" mg every", f" mg {drug} every") if phase.dose else f"stop {drug}"
        said.append(text if math.isinf(phase.until) else f"{text} until {_duration(phase.until)}")
    return " then ".join(said)


def _duration(days: float) -> str:
    """The shortest text for a duration that reads back to exactly the same number of days."""
    found = [f"{days!r} day"]
    for unit in _DURATIONS:
        value = convert(days, "day", unit)
        for text in (f"{value:.12g}", repr(value)):
            if convert(float(text), unit, "day") == days:
                found.append(f"{text} {unit}")
    return min(found, key=len)
