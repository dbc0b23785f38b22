"""Clock: in which unit the model runs, and in which the user's times are written and shown.

A number of hours read as days is the costliest slip there is, so a time is never taken in a unit that nobody stated.
"""

from __future__ import annotations

import re
from dataclasses import dataclass, replace
from decimal import Decimal, InvalidOperation

import numpy as np
from numpy.typing import NDArray

from offtarget.errors import InputError, sentence
from offtarget.models.model import Model
from offtarget.units import convert, same_dimension

__all__ = ["Clock", "Times", "check_unit", "parse_times", "settle"]

Floats = NDArray[np.float64]

_MOST = 1_000_000
_EXAMPLE = '"0:180:1 day" (first:last:step and a unit) or "0, 1, 2.5 h"'
_SHAPE = re.compile(r"\s*([-+\d.eE:,\s]*\d\.?)\s*(\D.*)?", re.DOTALL)


@dataclass(frozen=True, slots=True, eq=False)
class Times:
    """Times as the user wrote them.

    Attributes:
        values: ascending, shape (m,).
        unit: their unit; None when none is stated.
    """

    values: Floats
    unit: str | None


@dataclass(frozen=True, slots=True)
class Clock:
    """How times become the model's.

    Attributes:
        model: the unit in which the model runs; empty when nobody states one.
        shown: the unit of TIME in the result.
        bare: the unit of a time written without one.
    """

    model: str
    shown: str
    bare: str

    def to_model(self, values: Floats, unit: str | None) -> Floats:
        """Times in a stated unit, or in the one for bare numbers, as times of the model."""
        return values * self.per_model(unit)

    def per_model(self, unit: str | None) -> float:
        """How many of the model's units one of these is."""
        own = self.bare if unit is None else unit
        return 1.0 if own == self.model else convert(1.0, own, self.model)


def parse_times(text: str) -> Times:
    """Times from ``first:last:step unit`` or a list ``a, b, c unit``.

    Args:
        text: what the user wrote; the last of a range is included where a step falls on it.

    Raises:
        InputError: not such a text, not ascending, before zero, too many, or a unit that is no time.

    Example:
        >>> parse_times("0:1:0.25 day").values.tolist()
        [0.0, 0.25, 0.5, 0.75, 1.0]
    """
    match = _SHAPE.fullmatch(text) if len(text) < 1_000_000 else None
    if match is None:
        raise InputError(sentence("times", expected=_EXAMPLE, got=text))
    numbers, unit = match.group(1), (match.group(2) or "").strip() or None
    check_unit(unit, "times")
    try:
        values = (
            _range(numbers, text) if ":" in numbers else [Decimal(one.strip()) for one in numbers.split(",")]
        )
    except InvalidOperation:
        raise InputError(sentence("times", expected=_EXAMPLE, got=text)) from None
    found = np.array([float(one) for one in values])
    if not np.isfinite(found).all() or np.any(found < 0) or np.any(np.diff(found) <= 0):
        expected = "times from zero on, each later than the one before"
        raise InputError(
            sentence("times", expected=expected, got=text, then="The clock of every patient starts at 0.")
        )
    return Times(found, unit)


def _range(numbers: str, text: str) -> list[Decimal]:
    """First, last and step in decimal arithmetic, so that 0:1:0.1 holds 0.3 and not 0.30000000000000004."""
    parts = [Decimal(one.strip()) for one in numbers.split(":")]
    if len(parts) != 3 or not all(one.is_finite() for one in parts):
        raise InputError(sentence("times", expected=_EXAMPLE, got=text))
    first, last, step = parts
    if step <= 0 or last < first:
        expected = "a step above zero, and a last time that is not before the first"
        raise InputError(sentence("times", expected=expected, got=text))
    if (last - first) / step > _MOST:
        raise InputError(sentence("times", expected=f"at most {_MOST:,} times", got=text))
    return [first + number * step for number in range(int((last - first) / step) + 1)]


def check_unit(unit: str | None, where: str) -> None:
    """Refuse a unit that is no unit of time.

    Raises:
        InputError: an unknown unit, or one of another dimension.
    """
    try:
        fits = unit is None or same_dimension(unit, "day")
    except InputError:
        fits = False
    if not fits:
        raise InputError(sentence(where, expected='a unit of time such as "h" or "day"', got=unit))


def settle(
    model: Model, *, stated: bool, times: Times | None, header: str | None, has_events: bool
) -> tuple[Model, Clock, tuple[str, ...]]:
    """The model in the unit it runs in, the clock, and what the user should know about it.

    A model that states no unit of time runs in the unit that the user states.

    Args:
        model: the equations.
        stated: whether the model states its unit of time.
        times: the wanted times; None when the event table gives them.
        header: the unit in the header of the event table's TIME; None when it has none.
        has_events: whether there is an event table.

    Raises:
        InputError: a bare number where the unit could be one of two, or a model in a unit that has no name.
    """
    given = times.unit if times is not None else None
    notes: list[str] = []
    if not stated:
        unit = given or header or ""
        model = replace(model, time_unit=unit)
        notes.append(
            f"The model states no unit of time; it is taken to run in {unit or 'the unit of the times given'}."
        )
    else:
        _refuse_nameless(model)
    if stated and times is not None and given is None:
        then = f'The model runs in {model.time_unit}: write "{model.time_unit}" after the numbers.'
        raise InputError(sentence("times", expected="a unit after the numbers", got="none", then=then))
    own = model.time_unit
    if has_events and header is None:
        if given and own and convert(1.0, given, own) != 1.0:
            then = f"The model runs in {own} and --times are in {given}, so say which."
            expected = f'a unit in the header, such as "TIME [{given}]"'
            raise InputError(sentence("regimen: TIME", expected=expected, got="none", then=then))
        notes.append(
            f"TIME, II, DUR and RATE have no unit in the header; they are read in {own or 'that same unit'}."
        )
    shown = given if times is not None else header
    return model, Clock(own, own if shown is None else shown, own if header is None else header), tuple(notes)


def _refuse_nameless(model: Model) -> None:
    """Refuse a model whose time runs in a unit to which no time can be converted, such as 7200 seconds."""
    try:
        fits = same_dimension(model.time_unit, "day")
    except InputError:
        fits = False
    if not fits:
        then = "Let it run in one of these, with its rates and delays written in it."
        expected = 'a model in a unit of time with a name, such as "s", "h" or "day"'
        raise InputError(sentence(f"{model.id}: time", expected=expected, got=model.time_unit, then=then))
