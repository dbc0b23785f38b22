"""The words of rules and endpoints: conditions on what the clinic has seen, evaluated for all patients at once.

A condition is a sentence such as ``MR4.5 held 24 months and on imatinib 36 months`` or ``1-log rise or MMR lost``.
``parse_condition`` turns it into a small frozen tree; ``holds`` says for whom it is true at this visit.
"""

from __future__ import annotations

import math
import re
from collections.abc import Callable
from dataclasses import dataclass

import numpy as np

from offtarget.errors import InputError, nearest, sentence
from offtarget.trials.assay import LEVELS, ROW
from offtarget.trials.clonal import RESISTANT, CloneAbove
from offtarget.trials.condition import Condition
from offtarget.trials.history import History, Mask
from offtarget.trials.visits import duration

__all__ = ["Condition", "parse_condition"]

_EXAMPLES = (
    'a condition such as "MR4.5 held 24 months", "MMR lost", "MMR lost, confirmed", "MMR", "BCR-ABL1 > 10 %", '
    '"1-log rise", "on imatinib 36 months", "off imatinib 6 months", "after 12 months", "T315I > 20 %", '
    '"resistant clone > 20 %" or "no leukaemic cell", joined by "and" and "or"'
)


@dataclass(frozen=True, slots=True)
class Met(Condition):
    """A level at which the latest sample was scored; confirmed: at the sample before it as well."""

    level: str
    confirmed: bool = False

    def holds(self, history: History) -> Mask:
        met = history.scored[ROW[self.level]]
        return np.asarray(met & history.before_scored[ROW[self.level]]) if self.confirmed else met

    def window(self) -> tuple[float, float]:
        return -math.inf, LEVELS[self.level]


@dataclass(frozen=True, slots=True)
class Held(Condition):
    """A level met at the latest sample, and for so many days before it, without too long a gap.

    A sample too small to be scored at the level does not break the response, but it does not carry it either: the
    latest sample has to show the level itself, and others before it not too far apart (see ``agenda.longest_gap``).
    """

    level: str
    days: float

    def holds(self, history: History) -> Mask:
        with np.errstate(invalid="ignore"):
            long = history.now - history.since[ROW[self.level]] >= self.days - 1e-6
        return np.asarray(history.scored[ROW[self.level]] & long)

    def earliest(self) -> float:
        return self.days

    def window(self) -> tuple[float, float]:
        return -math.inf, LEVELS[self.level]


@dataclass(frozen=True, slots=True)
class Lost(Condition):
    """A level that was met before and is exceeded at the latest sample; confirmed: at the sample before it as well."""

    level: str
    confirmed: bool = False

    def holds(self, history: History) -> Mask:
        return np.asarray(
            history.ever[ROW[self.level]] & Above(LEVELS[self.level], self.confirmed).holds(history)
        )

    def window(self) -> tuple[float, float]:
        return LEVELS[self.level], math.inf


@dataclass(frozen=True, slots=True)
class Above(Condition):
    """BCR-ABL1 found above a percentage at the latest sample; confirmed: at the sample before it as well."""

    percent: float
    confirmed: bool = False

    def holds(self, history: History) -> Mask:
        with np.errstate(invalid="ignore"):
            above = history.detected & (history.measured > self.percent)
            if self.confirmed:
                above &= history.before_detected & (history.before_measured > self.percent)
        return np.asarray(above)

    def window(self) -> tuple[float, float]:
        return self.percent, math.inf


@dataclass(frozen=True, slots=True)
class Rise(Condition):
    """Positivity confirmed by a later positive sample, higher than the first of the run by powers of ten.

    The first criterion of STIM1 (mahon2010): a rise of one log over the first positive point, not over the one before:
    few leukaemias grow tenfold between two monthly samples.
    """

    logs: float

    def holds(self, history: History) -> Mask:
        with np.errstate(invalid="ignore"):
            risen = history.measured >= history.first_positive * 10.0**self.logs
        return np.asarray(history.detected & (history.positives >= 2) & risen)


@dataclass(frozen=True, slots=True)
class Treated(Condition):
    """So many days on a drug in all, or so many days off it since it was stopped."""

    drug: str
    on: bool
    days: float

    def holds(self, history: History) -> Mask:
        if self.on:
            return np.asarray(history.on_days[self.drug] >= self.days - 1e-6)
        with np.errstate(invalid="ignore"):
            return np.asarray(history.now - history.off_since[self.drug] >= self.days - 1e-6)

    def earliest(self) -> float:
        return self.days

    def drugs(self) -> frozenset[str]:
        return frozenset({self.drug})


@dataclass(frozen=True, slots=True)
class After(Condition):
    """So many days since treatment began."""

    days: float

    def holds(self, history: History) -> Mask:
        return np.asarray(history.now >= self.days - 1e-6)

    def earliest(self) -> float:
        return self.days


@dataclass(frozen=True, slots=True)
class CellFree(Condition):
    """No leukaemic cell is left, of any clone: cure, as the simulation knows it."""

    def holds(self, history: History) -> Mask:
        return history.cell_free

    def unseen(self) -> bool:
        return True


@dataclass(frozen=True, slots=True)
class Joined(Condition):
    """Every part is true ("and"), or some part is ("or")."""

    word: str
    parts: tuple[Condition, ...]

    def holds(self, history: History) -> Mask:
        join = np.logical_and if self.word == "and" else np.logical_or
        return np.asarray(join.reduce([part.holds(history) for part in self.parts]))

    def earliest(self) -> float:
        if self.word == "or":
            return min(part.earliest() for part in self.parts)
        times = [part for part in self.parts if isinstance(part, Treated)]
        spans = {drug: [one for one in times if one.drug == drug] for drug in self.drugs()}
        both = [  # days on a drug and days off it cannot be the same days
            max((one.days for one in span if one.on), default=0.0)
            + max((one.days for one in span if not one.on), default=0.0)
            for span in spans.values()
        ]
        return max(*(part.earliest() for part in self.parts), *both)

    def window(self) -> tuple[float, float]:
        lows, highs = zip(*(part.window() for part in self.parts), strict=True)
        return (max(lows), min(highs)) if self.word == "and" else (min(lows), max(highs))

    def drugs(self) -> frozenset[str]:
        return frozenset().union(*(part.drugs() for part in self.parts))

    def unseen(self) -> bool:
        return any(part.unseen() for part in self.parts)

    def of_clones(self) -> bool:
        return any(part.of_clones() for part in self.parts)

    def leaves(self) -> tuple[Condition, ...]:
        return tuple(leaf for part in self.parts for leaf in part.leaves())


def parse_condition(text: str, *, where: str) -> Condition:
    """A condition from its text; "and" binds tighter than "or".

    Args:
        text: the condition in words.
        where: the place, for the error sentence.

    Raises:
        InputError: a word, level or duration that is not understood.

    Example:
        >>> parse_condition("MR4.5 held 24 months and on imatinib 3 years", where="rule").earliest()
        1095.75
    """
    for word in ("or", "and"):
        parts = re.split(rf"\s+{word}\s+", text.strip())
        if len(parts) > 1:
            return Joined(word, tuple(parse_condition(part, where=where) for part in parts))
    return _atom(" ".join(text.split()), where)


def _level(name: str, where: str) -> str:
    spelling = {level.lower(): level for level in LEVELS} | {"mr3": "MMR", "mr1": "EMR", "ccyr": "MR2"}
    if name.lower() not in spelling:
        raise InputError(f'{where}: level "{name}" is not known. {nearest(name, LEVELS, kind="level")}')
    return spelling[name.lower()]


def _treated(match: re.Match[str], where: str) -> Condition:
    return Treated(match["drug"], match["on"].lower() == "on", duration(match["time"], where=where))


def _lost(match: re.Match[str], where: str) -> Condition:
    return Lost(_level(match["level"], where), bool(match["confirmed"]))


def _bounded(text: str, what: str, low: float, high: float, where: str) -> float:
    value = float(text)
    if not low <= value <= high:
        raise InputError(sentence(where, expected=f"from {low:g} to {high:g} {what}", got=text))
    return value


_CONFIRMED = r"(?P<confirmed>,?\s*confirmed)?"
_ATOMS: tuple[tuple[str, Callable[[re.Match[str], str], Condition]], ...] = (
    (
        r"(?P<level>\S+) held (?P<time>.+)",
        lambda m, w: Held(_level(m["level"], w), duration(m["time"], where=w)),
    ),
    (rf"(?P<level>\S+) lost{_CONFIRMED}", _lost),
    (
        rf"BCR-?ABL1? > (?P<percent>[0-9.]+) ?%{_CONFIRMED}",
        lambda m, w: Above(_bounded(m["percent"], "percent", 0.0, 100.0, w), bool(m["confirmed"])),
    ),
    (
        rf"(?P<clone>{RESISTANT}|[A-Za-z_]\w*) > (?P<percent>[0-9.]+) ?%",
        lambda m, w: CloneAbove(
            RESISTANT if m["clone"].lower() == RESISTANT else m["clone"],
            _bounded(m["percent"], "percent", 0.0, 100.0, w),
        ),
    ),
    (r"no leuk(?:a)?emic cells?(?: left)?", lambda m, w: CellFree()),
    (r"(?P<logs>[0-9.]+)-log rise", lambda m, w: Rise(_bounded(m["logs"], "logs", 0.0, 6.0, w))),
    (r"(?P<on>on|off) (?P<drug>\S+) (?P<time>.+)", _treated),
    (r"after (?P<time>.+)", lambda m, w: After(duration(m["time"], where=w))),
    (rf"(?P<level>[^\s,]+){_CONFIRMED}", lambda m, w: Met(_level(m["level"], w), bool(m["confirmed"]))),
)


def _atom(text: str, where: str) -> Condition:
    for pattern, build in _ATOMS:
        match = re.fullmatch(pattern, text, flags=re.IGNORECASE)
        if match is None:
            continue
        try:
            return build(match, where)
        except ValueError:  # a number such as "1.2.3"
            break
    raise InputError(sentence(where, expected=_EXAMPLES, got=text))
