"""Doses as events: what a regimen asks of the engine in a stretch of time, for many patients at once."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from offtarget.arrays.cohort import Cohort
from offtarget.arrays.schedule import Action, Events
from offtarget.pharmacology.phases import Regimen
from offtarget.randomness import stream

__all__ = ["dosing_events"]

Days = NDArray[np.float64]
#: Doses are told apart by the half hour of the trial in which they are due: arms that give a dose at the same time
#: share the luck of whether it is taken.
_SLOTS = 48
_SAME = 1e-9


def dosing_events(
    drug: str, regimens: Sequence[Regimen], which: NDArray[np.int64], start: Days, now: Days, until: Days, *,
    fresh: NDArray[np.bool_], cohort: Cohort, exposure: str, seed: int,
) -> list[Events]:  # fmt: skip
    """What happens to each patient's intake of a drug from ``now`` up to, not including, ``until``.

    ``dose_<drug>`` and ``interval_<drug>`` are set where a patient's regimen is fresh and where its phase changes.
    In the dosed form each dose taken is added to ``gut_<drug>`` as well.

    Args:
        drug: the drug's id.
        regimens: regimens that name this drug.
        which: each patient's regimen, an index, -1 for none, shape (n,).
        start: the trial day on which it started, shape (n,).
        now, until: trial days, shape (n,).
        fresh: patients whose present dose the engine has not been told, shape (n,).
        cohort: the n patients; ``adherence_<drug>`` is the probability that a dose is taken.
        exposure: ``averaged`` or ``dosed``.
        seed: the run's seed.
    """
    live = until > now
    events = _set(drug, np.nonzero(live & fresh & (which < 0))[0], now, 0.0, 1.0)
    for number, regimen in enumerate(regimens):
        mine = live & (which == number)
        if mine.any():
            events += _phases(drug, regimen, mine, start, now, until, fresh)
            if exposure == "dosed":
                events += _doses(drug, regimen, mine, start, now, until, cohort, seed)
    return events


def _set(drug: str, rows: NDArray[np.int64], time: Days, dose: float, interval: float) -> list[Events]:
    """Dose and interval given new values for some rows, at each row's time."""
    if not rows.size:
        return []
    found = [Events(f"dose_{drug}", Action.SET, rows, time[rows], np.full(rows.size, dose))]
    if dose:
        found.append(Events(f"interval_{drug}", Action.SET, rows, time[rows], np.full(rows.size, interval)))
    return found


def _phases(
    drug: str, regimen: Regimen, mine: NDArray[np.bool_], start: Days, now: Days, until: Days,
    fresh: NDArray[np.bool_],
) -> list[Events]:  # fmt: skip
    begins, doses, intervals = regimen.changes(drug)
    ends = np.append(begins[1:], np.inf)
    events: list[Events] = []
    for begin, end, dose, interval in zip(begins, ends, doses, intervals, strict=True):
        day = start + begin
        told = mine & (fresh & (day <= now) & (now < start + end))
        starts = mine & (day >= now) & (day < until) & ~told
        events += _set(drug, np.nonzero(told)[0], now, float(dose), float(interval))
        events += _set(drug, np.nonzero(starts)[0], day, float(dose), float(interval))
    return events


def _doses(
    drug: str,
    regimen: Regimen,
    mine: NDArray[np.bool_],
    start: Days,
    now: Days,
    until: Days,
    cohort: Cohort,
    seed: int,
) -> list[Events]:
    """Every dose due and taken, added to the gut."""
    luck, adherence = stream(seed, "adherence", drug), cohort.column(f"adherence_{drug}")
    begins, doses, intervals = regimen.changes(drug)
    ends = np.append(begins[1:], np.inf)
    events: list[Events] = []
    for begin, end, dose, interval in zip(begins, ends, doses, intervals, strict=True):
        if dose:
            row, time = _due(
                mine, start + begin, np.maximum(now, start + begin), np.minimum(until, start + end), interval
            )
            slot = np.floor(time * _SLOTS + _SAME * _SLOTS).astype(np.uint64)
            taken = luck.uniform(cohort.patients[row], slot) < adherence[row]
            row, time = row[taken], time[taken]
            events.append(Events(f"gut_{drug}", Action.ADD, row, time, np.full(row.size, float(dose))))
    return events


def _due(
    mine: NDArray[np.bool_], origin: Days, low: Days, high: Days, interval: float
) -> tuple[NDArray[np.int64], Days]:
    """Rows and times of the doses due at ``origin + k interval`` in [low, high).

    A dose on the edge of two windows falls into exactly one, because both compute the edge alike.
    """
    first = np.ceil((low - origin) / interval - _SAME)
    count = np.where(mine, np.maximum(np.ceil((high - origin) / interval - _SAME) - first, 0), 0).astype(
        np.int64
    )
    row = np.repeat(np.arange(mine.size), count)
    number = np.arange(row.size) - np.repeat(np.cumsum(count) - count, count)
    return row, np.maximum(origin[row] + (first[row] + number) * interval, low[row])
