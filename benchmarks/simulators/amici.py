"""AMICI: CVODES over C++ made from SBML. Doses and switches start a new run from the last state."""

from __future__ import annotations

import logging
import os
import shutil
import sys
from itertools import product
from pathlib import Path
from typing import Any

import amici
import numpy as np
from amici.sim.sundials import AMICI_SUCCESS, SensitivityOrder_none, run_simulation
from work import Work

NAME, VERSION = "AMICI", amici.__version__
HOW = "CVODES, BDF, C++ compiled with its defaults; doses and switches start a new run from the last state"


class Simulator:
    """One compiled model; patients one after another."""

    def __init__(self, work: Work) -> None:
        logging.disable(logging.WARNING)
        self.work = work
        name, folder = f"amici_{work.folder.name}", work.folder / "amici"
        if not (folder / "compiled").exists():
            os.environ["PATH"] = (
                f"{Path(sys.executable).parent}{os.pathsep}{os.environ['PATH']}"  # its own swig
            )
            shutil.rmtree(folder, ignore_errors=True)
            importer = amici.SbmlImporter(str(work.folder / "model.xml"))
            importer.sbml2amici(
                name, str(folder), generate_sensitivity_code=False, compute_conservation_laws=False
            )
            (folder / "compiled").touch()
        self.model = amici.import_model_module(name, str(folder)).get_model()
        self.solver = self.model.create_solver()
        self.solver.set_sensitivity_order(SensitivityOrder_none)
        self.solver.set_max_steps(1_000_000)
        ids = list(self.model.get_free_parameter_ids())
        self.places = [work.parameters.index(name) for name in ids]
        self.ids = ids
        states = list(self.model.get_state_ids())
        self.states = [states.index(name) for name in work.states]
        self.place_of = {name: i for i, name in enumerate(states)}
        self.pieces = work.pieces()

    def settings(self) -> list[dict[str, Any]]:
        """Loosest first."""
        relative = [3e-4, 1e-4, 3e-5, 1e-5, 3e-6, 1e-6, 3e-7, 1e-7, 1e-8, 1e-9]
        return [{"relative": r, "absolute": r * a} for a, r in product([1.0, 1e-2, 1e-4, 1e-6], relative)]

    def run(self, values: np.ndarray, setting: dict[str, Any]) -> tuple[np.ndarray, np.ndarray, float]:
        """Outputs (n, times, states), which patients failed, steps a patient."""
        self.solver.set_relative_tolerance(setting["relative"])
        self.solver.set_absolute_tolerance(setting["absolute"])
        out = np.full((len(values), self.work.times.size, len(self.work.states)), np.nan)
        failed, steps = np.zeros(len(values), bool), 0.0
        for i, row in enumerate(self.work.parameters_of(values)[:, self.places]):
            done = self._one(row.copy(), out[i])
            failed[i], steps = done < 0, steps + max(done, 0)
        return out, failed, steps / len(values)

    def _one(self, row: np.ndarray, out: np.ndarray) -> int:
        model, steps = self.model, 0
        model.set_free_parameters(row)
        model.set_t0(0.0)
        model.set_initial_state([])
        for name, value, _ in self.work.at_start():
            state = np.array(model.get_initial_state())
            state[self.place_of[name]] += value
            model.set_initial_state(state)
        for piece in self.pieces:
            model.set_timepoints(piece.stops[1:] if piece.stops[0] else piece.stops)
            skip = 1 if piece.stops[0] else 0
            found = run_simulation(model, self.solver)
            if found.status != AMICI_SUCCESS:
                return -1
            x = np.asarray(found.x)
            steps += int(np.asarray(found.numsteps)[-1])
            out[piece.rows] = x[[k - skip for k in piece.keep]][:, self.states]
            state = x[-1].copy()
            for name, value, add in piece.then:
                if add:
                    state[self.place_of[name]] += value
                else:
                    row[self.ids.index(name)] = value
            model.set_free_parameters(row)
            model.set_t0(piece.stops[-1])
            model.set_initial_state(state)
        return steps
