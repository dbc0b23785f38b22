"""The page of results."""

from __future__ import annotations

import json
import os
import platform
from pathlib import Path
from typing import Any

#: (job, other simulator, times as fast as it, hoped for).
BARS = [
    ("hahnel2020", "libRoadRunner", 25, 50), ("hahnel2020", "AMICI", 25, 50), ("hahnel2020", "diffrax", 12, 20),
    ("cml_averaged", "libRoadRunner", 20, None), ("cml_dosed", "libRoadRunner", 10, None),
]  # fmt: skip
#: A time so much above the processor time of the same turn says that something else ran too.
DISTURBED = 1.15

_HEAD = """# offtarget beside other simulators

{date}, {machine}. Measured in one run of {minutes:.0f} minutes{going_on}, one thread each, pinned to one processor.
`make bench` measures everything again and writes this page and [table.csv](table.csv).

Every simulator has the same patients, the same times, the same outputs (all states of the model), and is given as much
accuracy: the loosest tolerance whose largest relative error over patients, times and states is at most 1e-4, in the
fastest of its methods. An error is relative to the reference value, or to a millionth of the state's peak in that
patient where that is more. The reference is SciPy's LSODA with a tolerance of 1e-12, over the equations as plain
Python, which share no code with the engine. The tolerance is searched on fewer patients, then held against all
patients of the reference: {reference}.

Simulators take turns; a time is the smallest of {rounds} turns. A simulator that would need more than a quarter of a
minute for all patients takes its turns with the first of them; how many is in the table. Failed patients are counted
over all, where a single pass over all took a minute or less. Other work on the machine can still disturb a time.
"""

_BARS = """
## What was promised

| Job | As fast as | Promised | Measured | |
|---|---|---|---|---|
"""

_JOBS = """
## {title}

| Simulator | µs a patient | times offtarget | largest error | tolerance | cold, s | first, s | MB | failed | steps |
|---|---|---|---|---|---|---|---|---|---|
"""

_TAIL = """
µs a patient: on one core, everything compiled and loaded, by so many patients. Cold: seconds from the start of a
process to its first patient, loading and compiling included, with whatever the simulator keeps on the disk from earlier
processes; first: with nothing kept. MB: memory of the process at its peak, outputs of all patients of a turn
included.

## What each was allowed

{how}
{missing}
## Again

    make bench            # everything
    make bench QUICK=1    # a few patients, to see that everything runs; writes nothing here
    make bench FRESH=1    # keep nothing of earlier runs

The environment is `benchmarks/.venv`, from `requirements.txt` and, where a C++ compiler is at hand, `amici.txt`. What
is measured is written down at once in `benchmarks/.work`: a run that was cut off goes on where it was. Which tolerance
a simulator needs is kept from run to run until the simulator or the job changes; times are not. [stiff.csv](stiff.csv)
and [stiff.svg](stiff.svg) hold work and precision on stiff problems beside SUNDIALS' CVODE.
"""


def write_page(
    path: Path, rows: list[dict[str, Any]], *, started: str, rounds: int, missing: dict[str, str], reference: str,
    minutes: float, going_on: bool,
) -> None:  # fmt: skip
    """Write the page of these rows."""
    head = _HEAD.format(date=started[:10], machine=machine(), rounds=rounds, reference=reference, minutes=minutes,
                        going_on=" that went on with one cut off before" if going_on else "")  # fmt: skip
    parts = [head, _BARS, *(_bar(bar, rows) for bar in BARS if any(row["job"] == bar[0] for row in rows))]
    for title in dict.fromkeys(row["title"] for row in rows):
        mine = [row for row in rows if row["title"] == title]
        ours = _of(mine, "offtarget")
        parts.append(_JOBS.format(title=title))
        parts += [_line(row, ours) for row in mine]
    how = "\n".join(
        dict.fromkeys(f"- {row['simulator']} {row['version']}: {row['how']}." for row in rows if row["how"])
    )
    parts.append(_TAIL.format(how=how, missing=_missing(rows, missing)))
    path.write_text("".join(parts), encoding="utf-8")


def _of(rows: list[dict[str, Any]], simulator: str) -> float | None:
    return next((row["microseconds"] for row in rows if row["simulator"] == simulator), None)


def _bar(bar: tuple[str, str, int, int | None], rows: list[dict[str, Any]]) -> str:
    job, other, least, hoped = bar
    mine = [row for row in rows if row["job"] == job]
    ours, theirs = _of(mine, "offtarget"), _of(mine, other)
    promised = f"at least {least} times" + (f", hoped for {hoped}" if hoped else "")
    if ours is None or theirs is None:
        return f"| `{job}` | {other} | {promised} | not measured | |\n"
    times = theirs / ours
    verdict = (
        "**not met**"
        if times < least
        else "met, and what was hoped for"
        if hoped and times >= hoped
        else "met"
    )
    return f"| `{job}` | {other} | {promised} | {times:.1f} times | {verdict} |\n"


def _missing(rows: list[dict[str, Any]], missing: dict[str, str]) -> str:
    lines = [f"Not measured here: {name}, because {why}." for name, why in missing.items()]
    lines += [f"`{row['job']}`, {row['simulator']}: {row['why']}." for row in rows if row["why"]]
    lines += [
        f"`{row['job']}`, {row['simulator']}: no time was left to try {row['untried']}."
        for row in rows
        if row["untried"]
    ]
    return "".join(f"\n{line}\n" for line in lines)


def _line(row: dict[str, Any], ours: float | None) -> str:
    if row["microseconds"] is None:
        return f"| {row['simulator']} | {row['why']} | | | | | | | | |\n"
    speed = f"{row['microseconds']:,.1f} ({row['patients']:,} patients)"
    times = f"{row['microseconds'] / ours:.1f}" if ours else ""
    failed = f"{row['failed']} of {row['failed_of']:,}" if row["failed_of"] else ""
    steps = f"{row['steps']:.0f}" if row["steps"] else "not told"
    cells = (row["simulator"], speed, times, f"{row['error']:.1e}", _setting(row["setting"]), f"{row['cold']:.1f}",
             f"{row['ever']:.1f}", row["memory"], failed, steps)  # fmt: skip
    return f"| {' | '.join(map(str, cells))} |\n"


def _setting(text: str) -> str:
    setting = json.loads(text)
    relative, share = setting.pop("relative"), setting.pop("share", None)
    parts = [f"{relative:g}", *(f"{key} {value}" for key, value in setting.items())]
    if share:
        parts.append(f"absolute {share:g} of it")
    return ", ".join(parts)


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
