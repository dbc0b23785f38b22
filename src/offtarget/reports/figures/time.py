"""The time axis of trajectories: months, or years where a trial is long."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from offtarget.reports.figures.base import clean, months_axis
from offtarget.units import DAYS_PER_MONTH, DAYS_PER_YEAR

__all__ = ["TimeAxis", "time_axis"]

_LONG = 60.0  # months


@dataclass(frozen=True, slots=True)
class TimeAxis:
    """Unit of the axis, its days, its ticks and its end in that unit."""

    unit: str
    days: float
    ticks: tuple[int, ...]
    end: float

    def at(self, day: float) -> float | None:
        """A day in the unit of the axis."""
        return clean(float(day) / self.days)

    def channel(self) -> Any:
        """The Altair channel of the field ``time``."""
        import altair as alt

        scale = alt.Scale(domain=[0, self.end], nice=False)
        axis = alt.Axis(values=list(self.ticks), format="d", grid=False, labelFlush=False)
        return alt.X("time:Q", title=f"{self.unit} since start of treatment", scale=scale, axis=axis)


def time_axis(times: NDArray[np.float64]) -> TimeAxis:
    """The axis for trajectories at these days."""
    months = float(times[-1]) / DAYS_PER_MONTH
    if months <= _LONG:
        ticks, end = months_axis(months)
        return TimeAxis("Months", DAYS_PER_MONTH, tuple(ticks), end)
    years = float(times[-1]) / DAYS_PER_YEAR
    step = next(size for size in (1, 2, 5, 10, 20) if years / size <= 10.5)
    return TimeAxis("Years", DAYS_PER_YEAR, tuple(range(0, int(years + 1e-6) + 1, step)), years)
