"""Simulators side by side: the same patients, the same accuracy, one thread each. Writes README.md and table.csv.

python benchmarks/bench.py [--quick] [--only hahnel2020] [--rounds 5]
"""

from __future__ import annotations

import argparse
import contextlib
import csv
import hashlib
import importlib.util
import json
import os
import subprocess
import sys
import tempfile
import time
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
from jobs import Job, jobs
from page import write_page
from simulators.scipy import Simulator
from work import Work
from worker import QUICK

HERE = Path(__file__).resolve().parent
WORK = HERE / ".work"
#: Simulators, and the package each needs.
SIMULATORS = {"ours": "offtarget", "roadrunner": "roadrunner", "amici": "amici", "diffrax": "diffrax",
              "scipy": "scipy"}  # fmt: skip
#: Patients of the reference, by job: what is accurate enough is decided on these.
REFERENCE = {"hahnel2020": 210, "cml_averaged": 42, "cml_dosed": 12}
#: Seconds a measurement should take.
ROUND = 1.5


@dataclass
class Bench:
    """One simulator at one job: its process and what it has answered."""

    simulator: str
    job: Job
    process: subprocess.Popen[str]
    facts: dict[str, Any] = field(default_factory=dict)
    rounds: list[dict[str, Any]] = field(default_factory=list)

    @classmethod
    def start(cls, simulator: str, job: Job, cache: Path) -> Bench:
        """The process, one thread whatever library it uses."""
        threads = dict.fromkeys(("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS"), "1")
        flags = "--xla_cpu_multi_thread_eigen=false intra_op_parallelism_threads=1"
        surroundings = {**os.environ, **threads, "XLA_FLAGS": flags, "JAX_PLATFORMS": "cpu",
                        "OFFTARGET_CACHE": str(cache), "BENCH_BEGUN": repr(time.time())}  # fmt: skip
        command = [sys.executable, str(HERE / "worker.py"), simulator, str(WORK / job.name)]
        if hasattr(os, "sched_setaffinity"):
            one = max(os.sched_getaffinity(0))
            command = [sys.executable, "-c", f"import os, sys; os.sched_setaffinity(0, {{{one}}}); "
                       "os.execv(sys.argv[1], sys.argv[1:])", *command]  # fmt: skip
        process = subprocess.Popen(
            command, env=surroundings, stdin=subprocess.PIPE, stdout=subprocess.PIPE,
            stderr=(WORK / job.name / f"{simulator}.log").open("w"), text=True,
        )  # fmt: skip
        return cls(simulator, job, process)

    @property
    def log(self) -> Path:
        """What the process has to say besides its answers."""
        return WORK / self.job.name / f"{self.simulator}.log"

    def ask(self, *words: Any) -> dict[str, Any]:
        """An answer."""
        assert self.process.stdin and self.process.stdout
        with contextlib.suppress(BrokenPipeError):
            self.process.stdin.write(" ".join(map(str, words)) + "\n")
            self.process.stdin.flush()
        for line in self.process.stdout:
            if line.startswith("@"):
                return dict(json.loads(line[1:]))
        raise SystemExit(f"{self.job.name}: {self.simulator} ended: see {self.log}.")

    def end(self) -> None:
        """Let the process finish."""
        if self.process.stdin:
            with contextlib.suppress(BrokenPipeError):
                self.process.stdin.close()
        self.process.wait()


def main() -> None:
    """Measure and write the page."""
    words = argparse.ArgumentParser(description=__doc__)
    words.add_argument("--quick", action="store_true", help="a few patients: does everything run?")
    words.add_argument("--only", default="", help="one job")
    words.add_argument("--without", default="", help="simulators to leave out, with commas")
    words.add_argument("--rounds", type=int, default=5)
    chosen = words.parse_args()
    rounds = 1 if chosen.quick else chosen.rounds
    rows: list[dict[str, Any]] = []
    for job in jobs(QUICK if chosen.quick else 10_000):
        if chosen.only in ("", job.name):
            prepare(job, QUICK if chosen.quick else REFERENCE[job.name])
            rows += measure(job, rounds, chosen.without.split(","), chosen.quick)
    table = HERE / (".work/table.csv" if chosen.quick or chosen.only else "table.csv")
    with table.open("w", newline="", encoding="utf-8") as file:
        writer = csv.DictWriter(file, list(rows[0]), lineterminator="\n")
        writer.writeheader()
        writer.writerows(rows)
    page = WORK / "README.md" if chosen.quick or chosen.only else HERE / "README.md"
    write_page(page, rows, rounds=rounds, missing=missing(), reference=_said())
    print(page.read_text(encoding="utf-8"))


def missing() -> dict[str, str]:
    """Simulators that are not installed here, and why."""
    note = HERE / ".venv" / ".no-amici"
    why = note.read_text(encoding="utf-8").strip() if note.exists() else "it is not installed"
    return {name: why if name == "amici" else "it is not installed"
            for name, package in SIMULATORS.items() if importlib.util.find_spec(package) is None}  # fmt: skip


def _said() -> str:
    """How many patients the reference has, in words."""
    return ", ".join(f"{count} patients of `{name}`" for name, count in REFERENCE.items())


def prepare(job: Job, patients: int) -> None:
    """The job's folder: model, numbers, and the reference, which is kept for as long as nothing changes."""
    folder = WORK / job.name
    job.write(folder)
    patients = min(patients, REFERENCE[job.name])
    said = job.model.text() + repr((job.switches, job.doses, job.times.tolist(), patients))
    key = hashlib.sha256(said.encode() + (folder / "job.npz").read_bytes()).hexdigest()
    stamp = folder / "reference.txt"
    if stamp.exists() and stamp.read_text(encoding="utf-8") == key:
        return
    began = time.perf_counter()
    (folder / "scale.npy").unlink(missing_ok=True)
    work = Work(folder)
    found, failed, _ = Simulator(work).run(work.values[:patients], {"relative": 1e-12, "share": 1e-6})
    if failed.any():
        raise SystemExit(f"{job.name}: the reference failed for {failed.sum()} patients.")
    np.save(folder / "reference.npy", found)
    np.save(folder / "scale.npy", np.median(np.abs(found).max(axis=1), axis=0) + 1e-300)
    stamp.write_text(key, encoding="utf-8")
    print(f"{job.name}: reference of {patients} patients in {time.perf_counter() - began:.0f} s", flush=True)


def measure(job: Job, rounds: int, without: list[str], quick: bool) -> list[dict[str, Any]]:
    """All simulators at one job: each settles on its setting, then they take turns."""
    benches = []
    with tempfile.TemporaryDirectory() as fresh:
        for simulator in SIMULATORS:
            if simulator not in (*missing(), *without):
                benches.append(_settle(simulator, job, Path(fresh), QUICK if quick else 1000))
    alive = [bench for bench in benches if bench.facts.get("error") is not None]
    counts = {id(bench): _count(bench, quick) for bench in alive}
    for _ in range(rounds):
        for bench in alive:
            bench.rounds.append(bench.ask("measure", counts[id(bench)]))
    for bench in benches:
        bench.end()
    return [_row(bench) for bench in benches]


def _settle(simulator: str, job: Job, fresh: Path, patients: int) -> Bench:
    if simulator == "ours":  # once with an empty cache, and once more as every later process finds it
        first = Bench.start(simulator, job, fresh)
        compiled = first.ask("first").get("cold")
        first.end()
    bench = Bench.start(simulator, job, fresh if simulator == "ours" else WORK)
    bench.facts |= bench.ask("first")
    if simulator == "ours":
        bench.facts["compile"] = compiled
    bench.facts |= bench.ask("settle", patients)
    print(f"{job.name}: {simulator}: {bench.facts}", flush=True)
    return bench


def _count(bench: Bench, quick: bool) -> int:
    """So many patients that a round takes a second or two, and no more than there are."""
    trial = bench.ask("measure", 2)
    batch = bench.facts["setting"].get("batch", 16)
    if quick:
        return QUICK
    trial = bench.ask("measure", batch) if trial["seconds"] < 0.05 else trial
    each = trial["seconds"] / trial["patients"]
    most = bench.job.cohort.size
    if bench.simulator == "ours":
        return most
    count = int(min(most, max(2, ROUND / each)))
    return max(batch, count // batch * batch) if "batch" in bench.facts["setting"] else count


def _row(bench: Bench) -> dict[str, Any]:
    rounds = [one for one in bench.rounds if one]
    best = min((one["seconds"] / one["patients"] for one in rounds), default=float("nan"))
    last = rounds[-1] if rounds else {}
    facts = bench.facts
    return {
        "job": bench.job.name, "title": bench.job.title, "simulator": facts.get("name", bench.simulator),
        "version": facts.get("version", ""), "how": facts.get("how", ""),
        "setting": json.dumps(facts.get("setting", {})), "error": facts.get("error"),
        "microseconds": round(best * 1e6, 2), "cold": round(facts.get("cold", float("nan")), 2),
        "compile": round(facts["compile"], 2) if facts.get("compile") else "", "memory": last.get("memory"),
        "patients": last.get("patients"), "failed": last.get("failed"), "steps": last.get("steps"),
    }  # fmt: skip


if __name__ == "__main__":
    main()
