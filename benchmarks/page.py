"""The page of results."""

from __future__ import annotations

import json
import os
import platform
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

_HEAD = """# offtarget beside other simulators

{date}, {machine}. One thread each, pinned to one processor. `make bench` measures everything again in one run
and writes this page and [table.csv](table.csv).

Every simulator has the same patients, the same times, the same outputs (all states of the model), and is given as much
accuracy: of the settings tried, the fastest whose largest relative error over all patients of the reference, times and
states is at most 1e-4. An error is relative to the reference value, or to a millionth of the state's peak in that
patient where that is more. The reference is SciPy's LSODA with a tolerance of 1e-12, over the equations as plain
Python, which share no code with the engine. It holds {reference}.
Simulators take turns; a number is the smallest of {rounds} turns. Other work on the machine can still disturb it.

µs: microseconds a patient on one core, everything compiled and loaded. First: seconds from the start of a process to
its first patient, compiling and loading included. Memory: the process at its peak.
"""

_JOBS = """
## {title}

| Simulator | µs a patient | times offtarget | error | steps | first, s | memory, MB | patients | failed | setting |
|---|---|---|---|---|---|---|---|---|---|
"""

_TAIL = """
## What each was allowed

{how}

{missing}
## Again

    make bench            # everything: about half an hour, of which AMICI's build is a part
    make bench QUICK=1    # a few patients, to see that everything runs; writes nothing here

The environment is `benchmarks/.venv`, from `requirements.txt` and, where a C++ compiler is at hand, `amici.txt`.
"""


def write_page(
    path: Path, rows: list[dict[str, Any]], *, rounds: int, missing: dict[str, str], reference: str
) -> None:
    """Write the page of these rows."""
    parts = [
        _HEAD.format(date=datetime.now(UTC).date(), machine=machine(), rounds=rounds, reference=reference)
    ]
    for title in dict.fromkeys(row["title"] for row in rows):
        mine = [row for row in rows if row["title"] == title]
        ours = next((row["microseconds"] for row in mine if row["simulator"] == "offtarget"), float("nan"))
        parts.append(_JOBS.format(title=title))
        parts += [_line(row, ours) for row in mine]
    how = "\n".join(dict.fromkeys(f"- {row['simulator']} {row['version']}: {row['how']}." for row in rows))
    why = "".join(f"Not measured here: {name}, because {reason}.\n" for name, reason in missing.items())
    parts.append(_TAIL.format(how=how, missing=f"{why}\n" if why else ""))
    path.write_text("".join(parts), encoding="utf-8")


def _line(row: dict[str, Any], ours: float) -> str:
    if row["error"] is None:
        return f"| {row['simulator']} | no setting tried was accurate enough | | | | | | | | |\n"
    first = f"{row['cold']:.1f}" + (f" ({row['compile']:.1f} the first time ever)" if row["compile"] else "")
    steps = f"{row['steps']:.0f}" if row["steps"] else "not told"
    times = f"{row['microseconds'] / ours:.1f}"
    cells = (row["simulator"], f"{row['microseconds']:,.1f}", times, f"{row['error']:.1e}", steps, first,
             f"{row['memory']:.0f}", row["patients"], row["failed"], _setting(row["setting"]))  # fmt: skip
    return f"| {' | '.join(map(str, cells))} |\n"


def _setting(text: str) -> str:
    return ", ".join(f"{key} {value:g}" if isinstance(value, float) else f"{key} {value}"
                     for key, value in json.loads(text).items())  # fmt: skip


def machine() -> str:
    """The processor and how many, and the versions of system and Python."""
    name = platform.processor() or platform.machine()
    try:
        for line in Path("/proc/cpuinfo").read_text(encoding="utf-8").splitlines():
            if line.startswith("model name"):
                name = line.split(":", 1)[1].strip()
                break
    except OSError:
        pass
    return f"{name}, {os.cpu_count()} processors, {platform.system()}, Python {platform.python_version()}"
