"""Ctrl-C on the command line: the first one asks for a stop, and no further one costs what is already finished."""

from __future__ import annotations

import os
import signal
from collections.abc import Iterator
from contextlib import contextmanager

from offtarget.errors import Interrupted

__all__ = ["asked", "listen", "shielded"]

#: After so many, nothing is kept any more and the process ends as any other would.
_ENOUGH = 5
_asked = 0


def listen() -> None:
    """From now on Ctrl-C raises ``Interrupted``, once; until ``listen`` is called again a further one only answers."""
    global _asked
    _asked = 0
    signal.signal(signal.SIGINT, _stop)


def asked() -> int:
    """How often Ctrl-C was pressed since ``listen``."""
    return _asked


@contextmanager
def shielded() -> Iterator[None]:
    """While results are written Ctrl-C waits: half a result is worth less than the second it takes."""
    before = signal.signal(signal.SIGINT, _wait)
    try:
        yield
    finally:
        signal.signal(signal.SIGINT, _stop if before == _wait else before)


def _stop(*_: object) -> None:
    global _asked
    _asked += 1
    signal.signal(signal.SIGINT, _wait)
    raise Interrupted("Cancelled.")


def _wait(*_: object) -> None:
    global _asked
    _asked += 1
    if _asked >= _ENOUGH:
        signal.signal(signal.SIGINT, signal.SIG_DFL)
    os.write(2, b"\nOne moment: what is finished is being kept.\n")
