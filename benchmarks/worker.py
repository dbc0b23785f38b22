"""One simulator, one job, one process: told by lines on standard input what to do, answers in lines of JSON.

``first``: the first patient, from the start of the process. ``settle``: find the fastest setting that is accurate
enough. ``measure``: the time of so many patients.
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
ACCURACY = 1e-4
#: A group of settings that starts out so much slower than one that was accurate enough is left.
HOPELESS = 5.0
#: So few patients mean that nobody wants the numbers.
QUICK = 6


def error(values: np.ndarray, reference: np.ndarray) -> np.ndarray:
    """The largest relative error of each patient."""
    peak = np.abs(reference).max(axis=1, keepdims=True)
    size = np.maximum(np.abs(reference), FLOOR * peak)
    with np.errstate(invalid="ignore", divide="ignore"):
        wrong = np.where(values == reference, 0.0, np.abs(values - reference) / size)
    return np.where(np.isfinite(wrong), wrong, np.inf).max(axis=(1, 2))


class Worker:
    """The simulator and what it has been found to need."""

    def __init__(self, simulator: str, folder: Path) -> None:
        self.begun = float(os.environ.get("BENCH_BEGUN", time.time()))
        self.work = Work(folder)
        self.module = importlib.import_module(f"simulators.{simulator}")
        self.simulator = self.module.Simulator(self.work)
        self.setting: dict[str, Any] = {}

    def first(self) -> dict[str, Any]:
        """Seconds from the start of the process to the first patient's result."""
        self.simulator.run(self.work.values[:1], self.simulator.settings()[4])
        return {"cold": time.time() - self.begun, "name": self.module.NAME, "version": self.module.VERSION,
                "how": self.module.HOW}  # fmt: skip

    def settle(self, patients: int) -> dict[str, Any]:
        """The fastest of the settings that keep the promise, on the patients of the reference."""
        reference = np.load(self.work.folder / "reference.npy")[:patients]
        values = self.work.values[: len(reference)]
        found: list[tuple[float, float, dict[str, Any]]] = []
        group = None
        for setting in self.simulator.settings():
            rest = {k: v for k, v in setting.items() if k not in ("relative", "tolerance", "absolute")}
            here = (str(rest), round(setting.get("absolute", 0.0) / setting.get("relative", 1.0), 12))
            if here == group:
                continue  # a looser setting of this group was accurate enough
            out, spent = self._timed(values, setting)
            worst = float(error(out, reference).max())
            best = min((one[0] for one in found), default=np.inf)
            if worst <= ACCURACY or spent > HOPELESS * best:
                spent = self._timed(values, setting)[1]  # the first time may have compiled something
                group = here if worst <= ACCURACY or spent > HOPELESS * best else group
            if worst <= ACCURACY:
                found.append((spent, worst, setting))
        if not found:
            return {"error": None}
        _, worst, self.setting = min(found, key=lambda one: one[0])
        if patients > QUICK:
            self._vary(values)
        return {"error": worst, "setting": self.setting}

    def _timed(self, values: np.ndarray, setting: dict[str, Any]) -> tuple[np.ndarray, float]:
        began = time.perf_counter()
        out, _, _ = self.simulator.run(values, setting)
        return out, time.perf_counter() - began

    def _vary(self, values: np.ndarray) -> None:
        if hasattr(self.simulator, "variants"):
            times = []
            for setting in self.simulator.variants(self.setting):
                many = np.resize(
                    self.work.values, (max(len(values), setting["batch"]), self.work.values.shape[1])
                )
                self.simulator.run(many, setting)
                began = time.perf_counter()
                self.simulator.run(many, setting)
                times.append(((time.perf_counter() - began) / len(many), setting))
            self.setting = min(times, key=lambda one: one[0])[1]

    def measure(self, patients: int) -> dict[str, Any]:
        """Seconds of these patients, the failed, the steps, the peak of memory in MB."""
        values = self.work.values[:patients]
        began, used = time.perf_counter(), time.process_time()
        _, failed, steps = self.simulator.run(values, self.setting)
        spent, used = time.perf_counter() - began, time.process_time() - used
        memory = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
        return {"seconds": spent, "cpu": used, "patients": len(values), "failed": int(failed.sum()),
                "steps": steps if np.isfinite(steps) else None, "memory": memory}  # fmt: skip


def main() -> None:
    """Answer until told to stop."""
    worker = Worker(sys.argv[1], Path(sys.argv[2]))
    for line in sys.stdin:
        word, *rest = line.split()
        print("@" + json.dumps(getattr(worker, word)(*map(int, rest))), flush=True)


if __name__ == "__main__":
    main()
