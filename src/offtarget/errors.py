"""The exceptions, and the sentences they speak.

Every complaint tells a colleague four things: where, what was expected, what came, what to do next.
The command line turns each class into an exit code; nothing else in the package knows about exit codes.
"""

from __future__ import annotations

import difflib
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from pathlib import Path

__all__ = [
    "Cancelled",
    "InputError",
    "Interrupted",
    "OfftargetError",
    "TooManyFailures",
    "UnsupportedError",
    "nearest",
    "sentence",
    "short",
    "writing",
]

_LONGEST = 2000  # letters in an error: a name may be five megabytes of noise


class OfftargetError(Exception):
    """Base of every error this package raises on purpose. Its text is for the user: one printable line."""

    def __init__(self, said: str = "") -> None:
        super().__init__(short(said, _LONGEST))


class InputError(OfftargetError):
    """The user's input is wrong: a file, a text, a name, a number, a unit. Exit code 3."""


class UnsupportedError(InputError):
    """The input is valid, but asks for something this package refuses to do. Named before anything runs."""


class TooManyFailures(OfftargetError):
    """The run finished, but more patients failed than its result can bear. Exit code 4."""


class Interrupted(BaseException):
    """Ctrl-C on the command line. Not an Exception, so that nothing on the way takes it for a fault of its own."""


class Cancelled(OfftargetError):
    """The user stopped the run; what was finished is on disk. Exit code 130."""


def sentence(where: str, *, expected: str, got: object, then: str = "") -> str:
    """The text of an error in the house form.

    Args:
        where: file and key, or the place in a text, for example ``stop.toml: arm 2: regimen``.
        expected: what would have been right, with an example.
        got: what came; shown as the user wrote it, shortened when it is long; None when nothing came.
        then: what to do next, as one sentence.

    Example:
        >>> sentence("stop.toml: horizon", expected='a duration such as "15 years"', got=15)
        'stop.toml: horizon: expected a duration such as "15 years", got 15.'
    """
    said = f"{short(where, 200)}: expected {expected}, got {_shown(got)}."
    return f"{said} {then}" if then else said


def nearest(name: str, known: Iterable[str], *, kind: str = "name") -> str:
    """A sentence naming the known names and the likeliest one the user meant.

    Args:
        name: what the user wrote.
        known: the names that exist.
        kind: what these are called, for example ``drug``.

    Example:
        >>> nearest("imatinb", ["dasatinib", "imatinib"], kind="drug")
        'Known drugs: dasatinib, imatinib. Did you mean "imatinib"?'
    """
    names = sorted(known)
    shown = ", ".join(names[:12]) + (", ..." if len(names) > 12 else "")
    close = difflib.get_close_matches(name, names, n=1)
    listed = f"Known {kind}s: {shown}." if names else f"There are no {kind}s to choose from."
    return f'{listed} Did you mean "{close[0]}"?' if close else listed


def short(text: str, limit: int = 80) -> str:
    """A text fit to stand inside a sentence: one line, printable, at most ``limit`` characters.

    Example:
        >>> short("two\\nlines")
        'two lines'
    """
    shown = "".join(letter if letter.isprintable() else " " for letter in text[: limit + 1])
    return shown if len(shown) <= limit else shown[: limit - 3] + "..."


@contextmanager
def writing(place: Path) -> Iterator[None]:
    """Whatever goes wrong with the disk while something is written becomes a sentence about ``place``.

    Raises:
        InputError: no room, no permission, a folder where a file should be.
    """
    try:
        yield
    except (OSError, UnicodeEncodeError) as problem:  # UnicodeEncodeError: a path that is not UTF-8
        got = getattr(problem, "strerror", None) or "a name that is not UTF-8"
        culprit = short(str(getattr(problem, "filename", None) or place), 200)
        then = "Make room there, or choose another --out."
        raise InputError(sentence(culprit, expected="a place to write to", got=got, then=then)) from None


def _shown(got: object) -> str:
    """What came, as the user wrote it."""
    if got is None:
        return "nothing"
    if isinstance(got, str):
        return f'"{short(got)}"'
    try:
        return short(repr(got))
    except (RecursionError, ValueError):  # nested too deep, or an integer of thousands of digits
        return "something too large to print"
