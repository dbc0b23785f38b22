"""The result table: each estimate beside what was published, and the accounts of the run.

The page and the terminal both read it from here, so that they never disagree.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import TYPE_CHECKING, cast

from offtarget.arrays.trajectories import Status
from offtarget.reports.words import count, interval, joined, months, percent, points, short_source
from offtarget.trials.result import Accounting, Estimate, Published, TrialResult
from offtarget.trials.trial import START

if TYPE_CHECKING:
    from offtarget.trials.trial import Endpoint, Trial

__all__ = ["Account", "Clock", "Line", "accounts", "lines", "rows", "study", "summary_lines", "verdict"]


def study(result: TrialResult) -> Trial:
    """The trial behind a result, with its type."""
    return cast("Trial", result.trial)


@dataclass(frozen=True, slots=True)
class Line:
    """One line of the result table: an estimate, and one published figure or none. Texts as they are shown."""

    endpoint: str
    arm: str
    measure: str
    month: str
    n: str
    at_risk: str
    simulated: str
    interval: str
    published: str
    published_interval: str
    published_n: str
    source: str
    source_key: str
    miss: str
    overlaps: bool | None


def lines(result: TrialResult) -> tuple[Line, ...]:
    """The result table: a line for each estimate and each figure published for it, in the order of the estimates."""
    return tuple(
        _line(estimate, published)
        for estimate in result.estimates
        for published in (estimate.published or (None,))
    )


def _line(estimate: Estimate, published: Published | None) -> Line:
    if published is None:
        theirs = ("none published", "", "", "", "", "")
        overlaps = None
    else:
        theirs = (
            percent(published.value), interval(published.low, published.high, absent="no interval"),
            str(published.n) if published.n > 0 else "not given", short_source(published.evidence.source),
            published.evidence.source, points(estimate.value - published.value),
        )  # fmt: skip
        overlaps = _overlaps(estimate, published)
    return Line(
        estimate.endpoint, estimate.arm, estimate.measure, months(estimate.month), str(estimate.n),
        str(estimate.at_risk), percent(estimate.value), interval(estimate.low, estimate.high), *theirs, overlaps,
    )  # fmt: skip


def _overlaps(estimate: Estimate, published: Published) -> bool | None:
    """Whether the two 95 % intervals overlap; a figure without an interval is a point. None when it cannot be said."""
    if not all(math.isfinite(value) for value in (estimate.low, estimate.high, published.value)):
        return None
    low, high = published.low, published.high
    if not (math.isfinite(low) and math.isfinite(high)):
        low = high = published.value
    return estimate.low <= high and low <= estimate.high


def rows(result: TrialResult) -> tuple[tuple[str, ...], ...]:
    """The short table for a terminal: a header, then a row for each line of the result table."""
    head = ("Endpoint", "Arm", "Month", "n", "Simulated % (95 %)", "Published % (95 %)", "Source", "Miss")
    return (head, *(_short(line) for line in lines(result)))


def _short(line: Line) -> tuple[str, ...]:
    ours = f"{line.simulated} ({line.interval})"
    theirs = f"{line.published} ({line.published_interval})" if line.source else line.published
    return (line.endpoint, line.arm, line.month, line.n, ours, theirs, line.source, line.miss)


def verdict(result: TrialResult) -> str:
    """How far the simulation lies from what was published, in one or two sentences."""
    misses = [one.value - two.value for one in result.estimates for two in one.published]
    misses = [miss for miss in misses if math.isfinite(miss)]
    if not misses:
        return "No published figure stands beside these estimates: they have not been held against a real trial here."
    overlap = sum(line.overlaps is True for line in lines(result))
    mean = sum(abs(miss) for miss in misses) / len(misses)
    if len(misses) == 1:
        agrees = "overlaps" if overlap else "does not overlap"
        return (
            f"One published figure stands beside the simulation; the simulation misses it by {points(misses[0])} "
            f"percentage points, and its 95 % interval {agrees} with the published one."
        )
    return (
        f"{len(misses)} published figures stand beside the simulation. It misses them by {points(min(misses))} to "
        f"{points(max(misses))} percentage points, {mean:.1f} on average regardless of sign; the 95 % intervals "
        f"overlap for {overlap} of {len(misses)}."
    )


@dataclass(frozen=True, slots=True)
class Clock:
    """For one endpoint in one arm: how many patients are counted, how many are not, and why, in a few words."""

    endpoint: str
    origin: str
    reached: int
    never: int
    why: str


@dataclass(frozen=True, slots=True)
class Account:
    """What became of one arm's patients. ``failures`` are (sentence, patients); ``rules`` are (rule, patients)."""

    arm: str
    planned: int
    finished: int
    failures: tuple[tuple[str, int], ...]
    rules: tuple[tuple[str, int], ...]
    cell_free: int
    clocks: tuple[Clock, ...]

    @property
    def failed(self) -> int:
        """Patients whose simulation did not finish."""
        return sum(patients for _, patients in self.failures)


def accounts(result: TrialResult) -> tuple[Account, ...]:
    """The accounts of every arm."""
    return tuple(_account(result, row) for row in result.accounting)


def _account(result: TrialResult, row: Accounting) -> Account:
    failures = tuple(
        (Status(status).sentence, number)
        for status, number in sorted(row.statuses.items())
        if number and status != Status.FINISHED
    )
    clocks = [clock for endpoint in study(result).endpoints for clock in _clocks(result, row, endpoint)]
    finished = row.statuses.get(Status.FINISHED, 0)
    rules = tuple(row.rules_fired.items())
    return Account(row.arm, row.planned, finished, failures, rules, row.cell_free, tuple(clocks))


def _clocks(result: TrialResult, row: Accounting, endpoint: Endpoint) -> tuple[Clock, ...]:
    """One for the endpoint, or one for each visit at which it is read."""
    mine = [one for one in result.outcomes if (one.arm, one.endpoint) == (row.arm, endpoint.name)]
    why = "" if endpoint.origin == START else f'never came to "{endpoint.origin}"'
    if not endpoint.at_visit:
        sizes = {endpoint.name: mine[0].patients.size if mine else 0}
    else:
        reasons = [f"{why} early enough to be seen then"] if why else []
        if endpoint.measure == "at visit, measured":
            reasons.append("had no sample near the visit")
        why = " or ".join(reasons)
        at = [f"{endpoint.name} at {months(month)} months" for month in endpoint.report_at]
        sizes = {name: one.patients.size for name, one in zip(at, mine, strict=True)}
    return tuple(Clock(name, endpoint.origin, n, row.planned - n, why) for name, n in sizes.items())


def summary_lines(result: TrialResult) -> tuple[str, ...]:
    """What stands below the short table in a terminal: the accounts, the seed, the digest and the run time."""
    told = [verdict(result)]
    if result.patients < result.planned:
        told.append(f"Stopped early: {result.patients} of {result.planned} patients were simulated.")
    for one in accounts(result):
        told.append(_told(one))
    told += [f"Note: {note}" for note in study(result).notes]
    spent = sum(result.seconds.values())
    told.append(
        f"Seed {result.seed}, digest {result.digest()[:16]}, run time {spent:.1f} s. For research only."
    )
    return tuple(told)


def _told(one: Account) -> str:
    failures = [f"{number}: {text}" for text, number in one.failures]
    ended = f"{one.failed} failed ({' '.join(failures)})" if failures else "none failed"
    never = list(dict.fromkeys(f"{clock.never} {clock.why}" for clock in one.clocks if clock.never))
    said = f"{one.arm}: {count(one.planned, 'patient')}, {one.finished} finished, {ended}"
    if one.cell_free:
        said += f"; {one.cell_free} ended without a leukaemic cell"
    return f"{said}; {joined(never)}." if never else f"{said}."
