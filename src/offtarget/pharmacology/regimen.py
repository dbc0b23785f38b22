"""Regimens as text: ``400 mg imatinib every 24 h until 60 months then 200 mg every 24 h``.

Phases of a drug are joined by ``then`` and end with ``until`` and a time counted from the regimen's start. A phase
may be ``stop`` or ``nothing``. Drugs are joined by ``;``, ``and`` or ``with``. A drug named once in a course carries
over to its later phases.
"""

from __future__ import annotations

import math
import re

from offtarget.catalog import ids
from offtarget.errors import InputError, nearest, sentence
from offtarget.pharmacology.dosing import dosing_events
from offtarget.pharmacology.drug import dose_unit
from offtarget.pharmacology.phases import Phase, Regimen
from offtarget.units import convert, dimension, parse

__all__ = ["Phase", "Regimen", "dosing_events", "parse_regimen"]

_EXAMPLE = 'a regimen such as "400 mg imatinib every 24 h"'
_DRUGS = re.compile(r"\s*;\s*|\s+(?:and|with)\s+", re.IGNORECASE)
_THEN = re.compile(r"\s*,?\s+then\s+", re.IGNORECASE)
_UNTIL = re.compile(r"\s+until\b\s*", re.IGNORECASE)
_EVERY = re.compile(r"\s+every\b\s*", re.IGNORECASE)
_AMOUNT = re.compile(r"([-+]?(?:\d+\.?\d*|\.\d+)(?:e[-+]?\d+)?)(?![.\d])\s*(.*)", re.IGNORECASE | re.DOTALL)
_NOTHING = re.compile(r"(?:stop|nothing)(?:\s+(\S+))?", re.IGNORECASE)
_BARE = re.compile(r"[-+]?[\d.]+(?:e[-+]?\d+)?", re.IGNORECASE)
_LONGEST = 2000  # letters
_SHORTEST = 1 / 24  # day
_RAREST = 3652.5  # day, ten years
_MOST = 1e6  # mg


def parse_regimen(text: str, *, where: str) -> Regimen:
    """The regimen a text describes.

    Args:
        text: as above; durations in h, day, week, month or year, each drug in its own dose unit.
        where: the place, for the error sentence.

    Raises:
        InputError: not a regimen, an unknown drug, an amount or duration without its unit, not above zero, not finite
            or of the wrong kind, more than 1 kg, more often than every hour or more rarely than every ten years, an
            ``until`` that is not later than the one before.

    Example:
        >>> regimen = parse_regimen("400 mg imatinib every 24 h until 60 months then stop", where="arm")
        >>> regimen.dose("imatinib", [0, 59 * 30.4375, 61 * 30.4375]).tolist()
        [400.0, 400.0, 0.0]
    """
    if not text.strip() or len(text) > _LONGEST:
        raise InputError(sentence(where, expected=_EXAMPLE, got=text))
    courses: dict[str, tuple[Phase, ...]] = {}
    for part in _DRUGS.split(text.strip()):
        drug, phases = _course(part, where)
        if drug in courses:
            raise InputError(f'{where}: "{drug}" is given twice. Join its phases with "then".')
        courses[drug] = phases
    return Regimen(tuple(sorted(courses.items())))


def _course(text: str, where: str) -> tuple[str, tuple[Phase, ...]]:
    """One drug's phases, in order."""
    parts = _THEN.split(text.strip())
    drug = ""
    phases: list[Phase] = []
    for number, part in enumerate(parts, 1):
        body, *end = _UNTIL.split(part.strip())
        if len(end) > 1:
            raise InputError(sentence(where, expected='one "until" in a phase', got=part))
        named, dose, interval = _body(body, drug, where)
        if drug and named and named != drug:
            then = 'Join two drugs with ";".'
            raise InputError(
                sentence(where, expected=f"one drug in a course, here {drug}", got=named, then=then)
            )
        drug = named or drug
        until = _until(end, phases, last=number == len(parts), part=part, where=where)
        phases.append(Phase(dose, interval, until))
    if not drug:
        raise InputError(sentence(where, expected=_EXAMPLE, got=text, then="Name a drug."))
    if math.isfinite(phases[-1].until):
        phases.append(Phase(0.0, 1.0, math.inf))
    return drug, tuple(phases)


def _until(end: list[str], phases: list[Phase], *, last: bool, part: str, where: str) -> float:
    if not end:
        if not last:
            raise InputError(sentence(where, expected='"until" and a time before "then"', got=part))
        return math.inf
    until, before = _duration(end[0], "until", "60 months", where), phases[-1].until if phases else 0.0
    if until <= before:
        then = 'Times after "until" count from the start of the regimen.'
        raise InputError(
            sentence(where, expected='each "until" later than the one before', got=end[0], then=then)
        )
    return until


def _body(text: str, carried: str, where: str) -> tuple[str, float, float]:
    """Drug (empty when not named), dose in mg, interval in days."""
    nothing = _NOTHING.fullmatch(text)
    if nothing:
        return (_known(nothing.group(1), where) if nothing.group(1) else ""), 0.0, 1.0
    amount, *every = _EVERY.split(text)
    found = _AMOUNT.fullmatch(amount)
    if found is None:
        raise InputError(sentence(where, expected=_EXAMPLE, got=text))
    drug, dose = _amount(found.group(1), found.group(2).split(), carried, amount, where)
    if len(every) != 1:
        then = 'Say how often: "every" and a duration.'
        raise InputError(sentence(where, expected=_EXAMPLE, got=text, then=then))
    interval = _duration(every[0], "every", "24 h", where)
    if interval < _SHORTEST:
        raise InputError(sentence(where, expected='at least "1 h" after "every"', got=every[0]))
    if interval > _RAREST:
        raise InputError(sentence(where, expected='at most "10 years" after "every"', got=every[0]))
    return drug, dose, interval


def _amount(number: str, words: list[str], carried: str, text: str, where: str) -> tuple[str, float]:
    known = ids("drugs")
    named = ""
    if words and words[-1].lower() in known:
        named = words.pop().lower()
    elif len(words) > 1 or (words and not carried and not _is_unit(words[0])):
        named = _known(words[-1], where)
    drug = named or carried
    if not drug:
        raise InputError(sentence(where, expected=_EXAMPLE, got=text, then="Name a drug."))
    unit, given = dose_unit(drug), f"{number} {' '.join(words)}".strip()
    try:
        value, written = parse(given, where=where, of=unit, example=f"400 {unit}")
    except InputError:
        then = "" if words else "Add a unit."
        raise InputError(
            sentence(where, expected=f'an amount of {drug} such as "400 {unit}"', got=given, then=then)
        ) from None
    dose = convert(value, written, "mg")
    if not 0 < dose <= _MOST:
        then = 'Write "nothing" for no dose.' if dose == 0 else ""
        raise InputError(
            sentence(where, expected=f"a dose above zero and below {_MOST:g} mg", got=given, then=then)
        )
    return named, dose


def _is_unit(word: str) -> bool:
    try:
        dimension(word)
    except InputError:
        return False
    return True


def _known(name: str, where: str) -> str:
    known = ids("drugs")
    if name.lower() in known:
        return name.lower()
    found = sentence(where, expected="a drug of the catalogue", got=name)
    raise InputError(f"{found} {nearest(name.lower(), known, kind='drug')}")


def _duration(text: str, word: str, example: str, where: str) -> float:
    expected = f'a duration such as "{example}" after "{word}"'
    try:
        value, unit = parse(text, where=where, of="day", example=example)
    except InputError:
        then = "Add a unit." if _BARE.fullmatch(text.strip()) else ""
        raise InputError(sentence(where, expected=expected, got=text, then=then)) from None
    days = convert(value, unit, "day")
    if not 0 < days < math.inf:
        raise InputError(sentence(where, expected=f"{expected}, above zero", got=text))
    return days
