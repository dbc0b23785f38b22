"""Simulators side by side: the same patients, the same accuracy, one thread each. Writes README.md and table.csv.

python benchmarks/bench.py [--quick] [--fresh] [--only hahnel2020] [--without diffrax,amici] [--rounds 5]

Everything measured is written down at once. A run that was cut off goes on where it was, unless something that its
numbers depend on has changed.
"""

from __future__ import annotations

import argparse
import csv
import importlib.util
import json
import shutil
import time
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from effort import QUICK, Effort
from jobs import JOBS, Job
from journal import Journal, digest, run_of
from page import write_page
from process import Gone, Process
from reference import reference
from search import Search

HERE = Path(__file__).resolve().parent
WORK = HERE / ".work"
#: Simulators, and the packages each needs.
SIMULATORS: dict[str, tuple[str, ...]] = {
    "ours": ("offtarget", "numba"), "roadrunner": ("libroadrunner",), "amici": ("amici",),
    "diffrax": ("diffrax", "jax"), "scipy": ("scipy", "numba"),
}  # fmt: skip
MODULES = {"ours": "offtarget"}


def main() -> None:
    """Measure and write the page."""
    words = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    words.add_argument("--quick", action="store_true", help="a few patients: does everything run?")
    words.add_argument("--fresh", action="store_true", help="keep nothing of earlier runs")
    words.add_argument("--only", default="", choices=["", *JOBS], help="one job")
    words.add_argument("--without", default="", help="simulators to leave out, with commas")
    words.add_argument("--rounds", type=int)
    chosen = words.parse_args()
    effort = QUICK if chosen.quick else Effort()
    effort = Effort(**{**vars(effort), "rounds": chosen.rounds or effort.rounds})
    part = bool(chosen.quick or chosen.only or chosen.without)
    folder = WORK / "quick" if chosen.quick else WORK
    if chosen.fresh:
        for name in JOBS:
            shutil.rmtree(folder / name, ignore_errors=True)
    left_out = missing() | dict.fromkeys(filter(None, chosen.without.split(",")), "it was not asked for")
    names = [name for name in JOBS if chosen.only in ("", name)]
    Bench(effort, folder, left_out, chosen.fresh).run(names, WORK if part else HERE)


def missing() -> dict[str, str]:
    """Simulators that are not installed here, and why."""
    found = {}
    for name in SIMULATORS:
        if importlib.util.find_spec(MODULES.get(name, name)) is None:
            note = HERE / ".venv" / "left-out" / name
            found[name] = note.read_text(encoding="utf-8").strip() if note.exists() else "it is not installed"
    return found


class Bench:
    """One run."""

    def __init__(self, effort: Effort, folder: Path, left_out: dict[str, str], fresh: bool) -> None:
        self.effort, self.folder, self.left_out, self.fresh = effort, folder, left_out, fresh
        self.simulators = [name for name in SIMULATORS if name not in left_out]

    def run(self, names: list[str], there: Path) -> None:
        """All jobs, one after another; then page and table."""
        began, jobs = time.monotonic(), {name: JOBS[name](self.effort.patients) for name in names}
        for name, job in jobs.items():
            job.write(self.folder / name)
        digests = [
            digest(one, SIMULATORS[one], self.folder / name) for name in names for one in self.simulators
        ]
        started, going_on = run_of(self.folder, digests, self.fresh)
        if going_on:
            print(f"bench: going on with the run of {started}; FRESH=1 begins anew.", flush=True)
        rows = [row for name, job in jobs.items() for row in self.job(job, list(JOBS).index(name), started)]
        with (there / "table.csv").open("w", newline="", encoding="utf-8") as file:
            writer = csv.DictWriter(file, list(rows[0]), lineterminator="\n")
            writer.writeheader()
            writer.writerows(rows)
        checked = ", ".join(f"{self.many(job, i)} of `{job.name}`" for i, job in enumerate(jobs.values()))
        write_page(there / "README.md", rows, started=started, rounds=self.effort.rounds, missing=self.left_out,
                   reference=checked, minutes=(time.monotonic() - began) / 60, going_on=going_on)  # fmt: skip
        (self.folder / "run.json").unlink()
        print((there / "README.md").read_text(encoding="utf-8"))

    def many(self, job: Job, place: int) -> int:
        """Patients of the reference."""
        return min(self.effort.many[place], job.cohort.size)

    def job(self, job: Job, place: int, run: str) -> list[dict[str, Any]]:
        """All simulators at one job: each settles on its setting, then they take turns."""
        began = time.monotonic()
        folder, many = self.folder / job.name, self.many(job, place)
        reference(folder, many)
        takers = []
        for name in self.simulators:
            known = Journal.open(folder / f"{name}.json", digest(name, SIMULATORS[name], folder), run)
            one = Taker(name, job, folder, known, self.effort)
            one.settle(self.effort.few[place], many)
            takers.append(one)
        for turn in range(self.effort.rounds):
            for one in takers:
                one.turn(turn)
        for one in takers:
            one.whole()
            one.process.end()
        print(f"{job.name}: {time.monotonic() - began:.0f} s", flush=True)
        return [one.row() for one in takers]


@dataclass
class Taker:
    """One simulator that takes its turns at one job."""

    name: str
    job: Job
    folder: Path
    journal: Journal
    effort: Effort

    def __post_init__(self) -> None:
        self.process = Process(self.name, self.folder, self.folder / f"cache-{self.name}")

    @property
    def known(self) -> dict[str, Any]:
        """What this run has timed."""
        return self.journal.timings

    def settle(self, few: int, many: int) -> None:
        """Cold times and the setting."""
        if "rounds" in self.known or "why" in self.known:
            return
        began = time.monotonic()
        try:
            self._cold()
            about = self.journal.note("about", self.process.ask("about", self.effort.limit))
            search = Search(self.process, self.journal, few, many, self.effort)
            found = self.journal.note("settled", search.settle(about["groups"]))
            if found:
                self.journal.note("count", self._count(found["setting"], many))
                self.journal.note("rounds", [])
            else:
                self.journal.note("why", "no setting tried was accurate enough")
        except Gone as gone:
            self.journal.note("why", str(gone))
        said = self.known.get("settled") or self.known.get("why")
        print(f"{self.job.name}: {self.name} in {time.monotonic() - began:.0f} s: {said}", flush=True)

    def _cold(self) -> None:
        """The first patient of the first process ever, and of a later one."""
        if "cold" in self.known:
            return
        shutil.rmtree(self.process.cache, ignore_errors=True)
        self.process.cache.mkdir(parents=True)
        first = self.process.ask("first", 4 * self.effort.limit)
        self.process.end()
        later = self.process.ask("first", self.effort.limit)["seconds"]
        ever = first["built"] + later if first["built"] else first["seconds"]
        self.journal.note("cold", {"ever": ever, "later": later})

    def _count(self, setting: dict[str, Any], many: int) -> int:
        """All patients where a turn of all takes little time; otherwise as many as fill a turn."""
        size, step = self.job.cohort.size, max(self.job.cycle, setting.get("batch", 1))
        for _ in range(2):  # once to compile
            trial = self._measure(setting, min(max(many, setting.get("batch", 0)), size))
        each = trial["seconds"] / trial["patients"]
        if each * size <= self.effort.whole or self.name == "ours":
            return size
        return int(min(size, max(self.effort.turn / each // step * step, step, min(20, size))))

    def _measure(self, setting: dict[str, Any], patients: int) -> dict[str, Any]:
        return self.process.ask("measure", 4 * self.effort.limit, setting=setting, patients=patients)

    def turn(self, turn: int) -> None:
        """Once more, unless it is measured already."""
        if "why" in self.known or len(self.known["rounds"]) > turn:
            return
        setting, count = self.known["settled"]["setting"], self.known["count"]
        try:
            if turn == len(self.known["rounds"]) == 0 or self.process.idle:
                self._measure(setting, count)  # compiles what this size needs
            self.journal.note("rounds", [*self.known["rounds"], self._measure(setting, count)])
        except Gone as gone:
            self.journal.note("why", str(gone))

    def whole(self) -> None:
        """All patients once, where that is affordable: who fails?"""
        if "why" in self.known or "whole" in self.known:
            return
        best, size = (
            min(one["seconds"] / one["patients"] for one in self.known["rounds"]),
            self.job.cohort.size,
        )
        last = self.known["rounds"][-1]
        if last["patients"] < size and best * size <= self.effort.once:
            try:
                last = self._measure(self.known["settled"]["setting"], size)
            except Gone as gone:
                print(f"{self.job.name}: {self.name}: all patients at once: {gone}", flush=True)
        self.journal.note("whole", last)

    def row(self) -> dict[str, Any]:
        """A line of the table."""
        known = self.known
        about, settled, cold = known.get("about", {}), known.get("settled") or {}, known.get("cold", {})
        rounds, whole = known.get("rounds", []), known.get("whole", {})
        best = min((one["seconds"] / one["patients"] for one in rounds), default=None)
        processor = min((one["cpu"] / one["patients"] for one in rounds), default=None)
        return {
            "job": self.job.name, "title": self.job.title, "simulator": about.get("name", self.name),
            "version": about.get("version", ""), "how": about.get("how", ""), "why": known.get("why", ""),
            "setting": json.dumps(settled.get("setting", {})), "error": settled.get("error"),
            "checked": settled.get("checked"), "microseconds": best and round(best * 1e6, 2),
            "processor": processor and round(processor * 1e6, 2), "rounds": len(rounds),
            "patients": rounds[-1]["patients"] if rounds else None,
            "cold": cold and round(cold["later"], 2), "ever": cold and round(cold["ever"], 2),
            "memory": rounds and round(rounds[-1]["memory"]), "steps": whole.get("steps"),
            "failed": whole.get("failed"), "failed_of": whole.get("patients"),
            "untried": "; ".join(settled.get("left", [])),
        }  # fmt: skip


if __name__ == "__main__":
    main()
