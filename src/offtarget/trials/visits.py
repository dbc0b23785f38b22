"""Visits: when a patient is seen, as a text a protocol would use.

``every 1 month until 12 months, then every 3 months`` counts from the start of treatment, or, for the visits a rule
brings, from the day the rule fired.
"""

from __future__ import annotations

import re
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from offtarget.errors import InputError, sentence
from offtarget.units import convert, parse

__all__ = ["Visits", "duration", "parse_visits"]

_EXAMPLE = 'visits such as "every 1 month until 12 months, then every 3 months"'
_PHASE = re.compile(r"every\s+(.+?)(?:\s+until\s+(.+))?", re.IGNORECASE | re.DOTALL)
#: Two instants closer than this are one visit, day.
_SAME = 1e-6
_MOST = 20_000


@dataclass(frozen=True, slots=True)
class Visits:
    """Phases of regular visits: (interval, until), both in days; the last ``until`` is infinite."""

    phases: tuple[tuple[float, float], ...]
    text: str

    def interval(self, elapsed: NDArray[np.float64]) -> NDArray[np.float64]:
        """The interval that led to a visit so many days after the start, days, shape as ``elapsed``."""
        ends = np.array([until for _, until in self.phases]) + _SAME
        intervals = np.array([interval for interval, _ in self.phases])
        return np.asarray(intervals[np.minimum(np.searchsorted(ends, elapsed), len(intervals) - 1)])

    def days(self, horizon: float) -> NDArray[np.float64]:
        """The days of all visits after day 0 and up to ``horizon``, ascending."""
        start = 0.0
        days: list[NDArray[np.float64]] = [np.zeros(0)]
        for interval, until in self.phases:
            end = min(until, horizon)
            count = int(np.floor((end - start) / interval + _SAME))
            days.append(np.asarray(start + interval * np.arange(1, count + 1), np.float64))
            start = until
            if until >= horizon:
                break
        return np.concatenate(days)


def duration(text: str, *, where: str) -> float:
    """A positive duration in days.

    Raises:
        InputError: not a duration, or not positive.

    Example:
        >>> duration("2 years", where="horizon")
        730.5
    """
    value, unit = parse(text, where=where, of="day", example="24 months")
    if value <= 0:
        raise InputError(sentence(where, expected='a positive duration such as "24 months"', got=text))
    return convert(value, unit, "day")


def parse_visits(text: str, *, where: str, horizon: float) -> Visits:
    """Visits from their text.

    Args:
        text: phases joined by "then"; all but the last say "until".
        where: the place, for the error sentence.
        horizon: length of the trial, day; bounds how many visits a patient may be asked to make.

    Raises:
        InputError: not understood, going backwards, or absurdly frequent.
    """
    phases: list[tuple[float, float]] = []
    start = 0.0
    parts = re.split(r"\s*,?\s*\bthen\b\s*", text.strip(), flags=re.IGNORECASE)
    for number, part in enumerate(parts, 1):
        match = _PHASE.fullmatch(part.strip().rstrip(","))
        if match is None:
            raise InputError(sentence(where, expected=_EXAMPLE, got=text))
        interval = duration(match.group(1), where=where)
        last = number == len(parts)
        if match.group(2) is None and not last:
            raise InputError(
                sentence(where, expected=f'"until" in every phase but the last, as in {_EXAMPLE}', got=part)
            )
        until = duration(match.group(2), where=where) if match.group(2) else np.inf
        if until <= start:
            raise InputError(sentence(where, expected="each phase to end after the one before it", got=part))
        phases.append((interval, until))
        start = until
    visits = Visits(tuple(phases), " ".join(text.split()))
    if min(interval for interval, _ in phases) * _MOST < horizon:
        raise InputError(sentence(where, expected=f"at most {_MOST} visits within the horizon", got=text))
    return visits
