"""What a run shows in a terminal: how far it is, and at the end the short table. Rich is loaded when it is used."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from offtarget.trials.result import TrialResult

__all__ = ["print_summary", "progress_line"]

#: Columns of a table that goes to a file or a pipe.
_PIPED = 150


@contextmanager
def progress_line(*, quiet: bool) -> Iterator[Any]:
    """A progress line on standard error: patients done and time left."""
    if quiet:
        yield None
        return
    from rich.console import Console
    from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeRemainingColumn

    columns = (
        TextColumn("patients"),
        BarColumn(),
        MofNCompleteColumn(),
        TextColumn("left"),
        TimeRemainingColumn(),
    )
    bar = Progress(*columns, console=Console(stderr=True))
    task = bar.add_task("patients", total=None)

    def tell(done: int, whole: int) -> None:
        bar.start()  # not before: what is wrong with the input is said alone
        bar.update(task, completed=done, total=whole)

    try:
        yield tell
    finally:
        if bar.live.is_started:
            bar.stop()


def print_summary(result: TrialResult) -> None:
    """The short table: each endpoint, arm and time beside what was published, then the run's accounts."""
    from rich.console import Console
    from rich.table import Table
    from rich.text import Text

    from offtarget.reports.escape import escape_lines
    from offtarget.reports.table import rows, summary_lines

    head, *body = rows(result)
    table = Table(*head, title=None, box=None, pad_edge=False)
    for row in body:
        table.add_row(*(Text(_plain(cell)) for cell in row))
    console = Console(
        width=None if sys.stdout.isatty() else _PIPED, soft_wrap=not sys.stdout.isatty(), highlight=False
    )
    console.print(table)
    for line in (*escape_lines(result), *summary_lines(result)):
        console.print(_plain(line), markup=False)


def _plain(text: str) -> str:
    """The text with a hyphen for the minus sign where the output's encoding has none: never a sign lost."""
    try:
        "−".encode(sys.stdout.encoding or "ascii")
    except (UnicodeEncodeError, LookupError):
        return text.replace("−", "-")
    return text
