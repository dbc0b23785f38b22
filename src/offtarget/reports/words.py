"""Numbers and counts as a reader wants them. One place, so that a table, a caption and the terminal say the same."""

from __future__ import annotations

import math

from offtarget.errors import InputError
from offtarget.evidence import Reference, reference

__all__ = [
    "NOT_ESTIMABLE",
    "capital",
    "count",
    "found",
    "interval",
    "joined",
    "months",
    "number",
    "percent",
    "points",
    "short_source",
]

NOT_ESTIMABLE = "not estimable"


def percent(value: float) -> str:
    """A percentage with one decimal, without its sign.

    Example:
        >>> percent(43.21), percent(float("nan"))
        ('43.2', 'not estimable')
    """
    return f"{value:.1f}" if math.isfinite(value) else NOT_ESTIMABLE


def interval(low: float, high: float, *, absent: str = "no interval") -> str:
    """Two limits in words.

    Example:
        >>> interval(40.9, 45.52), interval(float("nan"), float("nan"))
        ('40.9 to 45.5', 'no interval')
    """
    return f"{low:.1f} to {high:.1f}" if math.isfinite(low) and math.isfinite(high) else absent


def points(value: float) -> str:
    """A difference in percentage points, always with its sign.

    Example:
        >>> points(2.04), points(-0.31)
        ('+2.0', '−0.3')
    """
    if not math.isfinite(value):
        return NOT_ESTIMABLE
    return f"{value:+.1f}".replace("-", "−")


def number(value: float, digits: int = 3) -> str:
    """A number to so many significant digits, never in a form a clinician has to decode when it need not be.

    Example:
        >>> number(979.23), number(0.00321), number(2690.4, 4)
        ('979', '0.00321', '2690')
    """
    if not math.isfinite(value):
        return NOT_ESTIMABLE
    if value == 0:
        return "0"
    size = math.floor(math.log10(abs(value)))
    if -5 <= size < 7:
        decimals = max(0, digits - 1 - size)
        shown = f"{value:.{decimals}f}"
        return shown.rstrip("0").rstrip(".") if "." in shown else shown
    return f"{value:.{digits - 1}e}"


def months(value: float) -> str:
    """A time in months, without decimals it does not need.

    Example:
        >>> months(24.0), months(1.5), months(1 / 30.4375)
        ('24', '1.5', '0.033')
    """
    if 0 < value < 0.95:
        return number(value, 2)
    return f"{value:.0f}" if abs(value - round(value)) < 1e-3 else f"{value:.1f}"


def count(n: int, singular: str, plural: str = "") -> str:
    """A count with its noun.

    Example:
        >>> count(1, "patient"), count(2000, "patient")
        ('1 patient', '2000 patients')
    """
    return f"{n} {singular if n == 1 else plural or singular + 's'}"


def capital(text: str) -> str:
    """A text with a capital first letter, the rest as it is.

    Example:
        >>> capital("free of MMR loss")
        'Free of MMR loss'
    """
    return text[:1].upper() + text[1:]


def joined(words: list[str] | tuple[str, ...]) -> str:
    """A list as part of a sentence.

    Example:
        >>> joined(["T", "NK", "Treg"])
        'T, NK and Treg'
    """
    return words[0] if len(words) == 1 else f"{', '.join(words[:-1])} and {words[-1]}" if words else ""


def found(key: str) -> Reference | None:
    """The reference with this key, or None: a report is written even where a source is missing, and says so."""
    try:
        return reference(key)
    except InputError:
        return None


def short_source(key: str) -> str:
    """A source as a table names it: first author and year, or the bare key when the list does not have it."""
    entry = found(key)
    if entry is None:
        return key
    first, *more = [name for name in entry.authors.removesuffix(" et al.").split(", ") if name] or [key]
    several = bool(more) or entry.authors.endswith("et al.")
    return f"{first} et al. {entry.year}" if several else f"{first} {entry.year}"
