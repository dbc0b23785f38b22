"""offtarget itself."""

from __future__ import annotations

from importlib.metadata import version
from typing import Any

import numpy as np
from jobs import JOBS
from work import Work

from offtarget.engine.ensemble import build, simulate

NAME, VERSION = "offtarget", version("offtarget")
HOW = "its own defaults, `threads=1`; the schedule holds doses and switches"


class Simulator:
    """The compiled kernel."""

    def __init__(self, work: Work) -> None:
        self.job = JOBS[work.folder.name](len(work.values))
        self.work, self.kernel = work, build(self.job.model, outputs=self.job.states)
        self.plans: dict[int, Any] = {}

    def groups(self) -> list[dict[str, Any]]:
        """One: it has a tolerance and nothing else."""
        return [{}]

    def run(self, values: np.ndarray, setting: dict[str, Any]) -> tuple[np.ndarray, np.ndarray, float]:
        """Outputs (n, times, states), which patients failed, steps a patient."""
        n = len(values)
        if n not in self.plans:
            self.plans[n] = self.job.cohort.take(np.arange(n)), self.job.schedule(n)
        cohort, plan = self.plans[n]
        found = simulate(
            self.kernel, cohort, plan, times=self.job.times, tolerance=setting["relative"], threads=1
        )
        return found.values, ~found.finished, float(found.steps.mean())
