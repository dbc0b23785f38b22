"""libRoadRunner: CVODE over machine code made from SBML. Doses and switches are values set between simulate calls."""

from __future__ import annotations

from typing import Any

import numpy as np
import roadrunner
from work import Work

NAME, VERSION = "libRoadRunner", roadrunner.__version__
HOW = ("CVODE, BDF (Adams took twice as long on `hahnel2020`); doses and switches are values set between `simulate` "
       "calls (an SBML event for each dose was slower); expressions of parameters computed beforehand")  # fmt: skip


class Simulator:
    """One compiled model; patients one after another."""

    def __init__(self, work: Work) -> None:
        roadrunner.Logger.setLevel(roadrunner.Logger.LOG_FATAL)
        self.work = work
        self.runner = roadrunner.RoadRunner(str(work.folder / "model.xml"))
        self.model = self.runner.model
        self.runner.timeCourseSelections = list(work.states)
        known = list(self.model.getGlobalParameterIds())
        self.places = [known.index(name) for name in (*work.columns, *work.known)]
        self.integrator = self.runner.integrator
        self.integrator.setValue("maximum_num_steps", 1_000_000)
        self.pieces = work.pieces()

    def groups(self) -> list[dict[str, Any]]:
        """What absolute error counts as nothing."""
        return [{"share": share} for share in (1e-4, 1e-2, 1.0, 1e-6, 10.0)]

    def run(self, values: np.ndarray, setting: dict[str, Any]) -> tuple[np.ndarray, np.ndarray, float]:
        """Outputs (n, times, states), which patients failed, steps a patient (not told)."""
        self.integrator.setValue("relative_tolerance", setting["relative"])
        self.integrator.setValue("absolute_tolerance", setting["relative"] * setting["share"])
        out = np.full((len(values), self.work.times.size, len(self.work.states)), np.nan)
        failed = np.zeros(len(values), bool)
        for i, row in enumerate(np.hstack([values, self.work.known_of(values)])):
            try:
                self._one(row, out[i])
            except RuntimeError:
                failed[i] = True
        return out, failed, np.nan

    def _one(self, row: np.ndarray, out: np.ndarray) -> None:
        runner = self.runner
        for name in self.work.switched:
            runner[name] = self.work.default(name)
        self.model.setGlobalParameterValues(self.places, row)
        runner.reset()
        for name, value, _ in self.work.at_start():
            runner[name] = runner[name] + value
        for piece in self.pieces:
            found = runner.simulate(times=piece.stops)
            if piece.rows:
                out[piece.rows] = found[piece.keep]
            for name, value, add in piece.then:
                runner[name] = runner[name] + value if add else value
