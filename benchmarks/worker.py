"""One simulator, one job, one process: told by lines of JSON on standard input what to do, answers in lines of JSON.

``first``: the first patient, from the start of the process. ``about``: what the simulator can be set to. ``attempt``:
how wrong and how slow a setting is. ``measure``: the time of so many patients.
"""

from __future__ import annotations

import importlib
import json
import os
import resource
import sys
import time
from pathlib import Path
from typing import Any

import numpy as np
from work import Work

#: Relative error is judged against max(|reference|, FLOOR * the column's peak in that patient).
FLOOR = 1e-6


def error(values: np.ndarray, reference: np.ndarray) -> np.ndarray:
    """The largest relative error of each patient."""
    peak = np.abs(reference).max(axis=1, keepdims=True)
    size = np.maximum(np.abs(reference), FLOOR * peak)
    with np.errstate(invalid="ignore", divide="ignore"):
        wrong = np.where(values == reference, 0.0, np.abs(values - reference) / size)
    return np.where(np.isfinite(wrong), wrong, np.inf).max(axis=(1, 2))


class Worker:
    """The simulator at its job."""

    def __init__(self, simulator: str, folder: Path) -> None:
        self.begun = float(os.environ.get("BENCH_BEGUN", time.time()))
        self.work = Work(folder)
        self.module = importlib.import_module(f"simulators.{simulator}")
        self.simulator = self.module.Simulator(self.work)
        self.warm: set[str] = set()

    def first(self) -> dict[str, Any]:
        """Seconds from the start of the process to the first patient's result."""
        self.simulator.run(self.work.values[:1], self.simulator.groups()[0] | {"relative": 1e-6})
        return {"seconds": time.time() - self.begun, "built": getattr(self.simulator, "built", None)}

    def about(self) -> dict[str, Any]:
        """Its name and version, what it was allowed, and the groups of settings, the likeliest first."""
        return {"name": self.module.NAME, "version": self.module.VERSION, "how": self.module.HOW,
                "groups": self.simulator.groups()}  # fmt: skip

    def variants(self, setting: dict[str, Any]) -> dict[str, Any]:
        """Other ways to the same results."""
        make = getattr(self.simulator, "variants", lambda _: [])
        return {"variants": make(setting)}

    def attempt(self, setting: dict[str, Any], patients: int) -> dict[str, Any]:
        """The largest error over patients, times and states, and seconds once everything is compiled."""
        reference = np.load(self.work.folder / "reference.npy")[:patients]
        out, failed, spent = self._timed(setting, len(reference))
        wrong = error(out, reference)
        group = json.dumps([{k: v for k, v in setting.items() if k != "relative"}, patients])
        if group not in self.warm:
            self.warm.add(group)
            spent = min(spent, self._timed(setting, len(reference))[2])
        return {
            "error": float(wrong.max()),
            "seconds": spent,
            "failed": int(failed.sum()),
            "patients": len(reference),
        }

    def measure(self, setting: dict[str, Any], patients: int) -> dict[str, Any]:
        """Seconds of these patients, the failed, the steps, the peak of memory in MB."""
        values = self.work.values[:patients]
        began, used = time.perf_counter(), time.process_time()
        _, failed, steps = self.simulator.run(values, setting)
        spent, used = time.perf_counter() - began, time.process_time() - used
        return {"seconds": spent, "cpu": used, "patients": len(values), "failed": int(failed.sum()),
                "steps": float(steps) if np.isfinite(steps) else None, "memory": peak()}  # fmt: skip

    def _timed(self, setting: dict[str, Any], patients: int) -> tuple[np.ndarray, np.ndarray, float]:
        began = time.perf_counter()
        out, failed, _ = self.simulator.run(self.work.values[:patients], setting)
        return out, failed, time.perf_counter() - began


def peak() -> float:
    """Memory of this process at its peak, MB. What the system counts as its usage may begin with its parent's."""
    try:
        said = Path("/proc/self/status").read_text(encoding="utf-8")
        return float(next(line.split()[1] for line in said.splitlines() if line.startswith("VmHWM"))) / 1024
    except (OSError, StopIteration):
        usage = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
        return usage / (1024 * 1024 if sys.platform == "darwin" else 1024)


def main() -> None:
    """Answer until told to stop."""
    worker = Worker(sys.argv[1], Path(sys.argv[2]))
    for line in sys.stdin:
        words = json.loads(line)
        print("@" + json.dumps(getattr(worker, words.pop("do"))(**words)), flush=True)


if __name__ == "__main__":
    main()
