"""Ctrl-C on the command line: the first one asks for a stop, and no further one costs what is already finished."""

from __future__ import annotations

import os
import signal
from collections.abc import Iterator
from contextlib import contextmanager

from offtarget.errors import Interrupted

__all__ = ["listen", "shielded"]


def listen() -> None:
    """From now on Ctrl-C raises ``Interrupted``, once; until ``listen`` is called again a further one only answers."""
    signal.signal(signal.SIGINT, _stop)


@contextmanager
def shielded() -> Iterator[None]:
    """While results are written Ctrl-C waits: half a result is worth less than the second it takes."""
    before = signal.signal(signal.SIGINT, _wait)
    try:
        yield
    finally:
        signal.signal(signal.SIGINT, _stop if before == _wait else before)


def _stop(*_: object) -> None:
    signal.signal(signal.SIGINT, _wait)
    raise Interrupted("Cancelled.")


def _wait(*_: object) -> None:
    os.write(2, b"\nOne moment: what is finished is being kept.\n")
