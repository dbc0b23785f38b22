"""offtarget itself."""

from __future__ import annotations

from importlib.metadata import version
from typing import Any

import numpy as np
from jobs import jobs
from work import Work

from offtarget.engine.ensemble import build, simulate

NAME, VERSION = "offtarget", version("offtarget")
HOW = "its own defaults, `threads=1`; the schedule holds doses and switches"


class Simulator:
    """The compiled kernel."""

    def __init__(self, work: Work) -> None:
        self.job = next(job for job in jobs(len(work.values)) if job.name == work.folder.name)
        self.work, self.kernel = work, build(self.job.model, outputs=self.job.states)
        self.plans: dict[int, Any] = {}

    def settings(self) -> list[dict[str, Any]]:
        """Loosest first."""
        ladder = [1e-3, 3e-4, 1e-4, 6e-5, 3e-5, 2e-5, 1e-5, 6e-6, 4e-6, 3e-6, 2e-6, 1e-6, 3e-7, 1e-7, 1e-8]
        return [{"tolerance": one} for one in ladder]

    def run(self, values: np.ndarray, setting: dict[str, Any]) -> tuple[np.ndarray, np.ndarray, float]:
        """Outputs (n, times, states), which patients failed, steps a patient."""
        n = len(values)
        if n not in self.plans:
            self.plans[n] = self.job.cohort.take(np.arange(n)), self.job.schedule(n)
        cohort, plan = self.plans[n]
        found = simulate(self.kernel, cohort, plan, times=self.job.times, threads=1, **setting)
        return found.values, ~found.finished, float(found.steps.mean())
