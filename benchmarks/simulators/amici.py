"""AMICI: CVODES over C++ made from SBML. Doses and switches start a new run from the last state."""

from __future__ import annotations

import hashlib
import logging
import os
import shutil
import sys
import time
from pathlib import Path
from typing import Any

import amici
import numpy as np
from amici.sim.sundials import AMICI_SUCCESS, SensitivityOrder_none, run_simulation
from work import Work

NAME, VERSION = "AMICI", amici.__version__
HOW = ("CVODES, BDF, C++ compiled with its defaults; doses and switches start a new run from the last state; "
       "expressions of parameters computed beforehand")  # fmt: skip
#: Compiled models, kept from run to run.
MODELS = Path(__file__).resolve().parent.parent / ".work" / "amici"


def _built(job: Path) -> tuple[str, Path, float]:
    """Name and folder of the compiled model, and the seconds it took to make it."""
    text = (job / "model.xml").read_bytes() + amici.__version__.encode()
    name, folder = f"amici_{job.name}", MODELS / hashlib.sha256(text).hexdigest()[:16]
    done = folder / "seconds.txt"
    if not done.exists():
        began = time.perf_counter()
        own = Path(sys.executable).parent  # its own swig and cmake
        os.environ["PATH"] = f"{own}{os.pathsep}{os.environ['PATH']}"
        shutil.rmtree(folder, ignore_errors=True)
        importer = amici.SbmlImporter(str(job / "model.xml"))
        importer.sbml2amici(
            name, str(folder), generate_sensitivity_code=False, compute_conservation_laws=False
        )
        done.write_text(f"{time.perf_counter() - began:.1f}", encoding="utf-8")
    return name, folder, float(done.read_text(encoding="utf-8"))


class Simulator:
    """One compiled model; patients one after another."""

    def __init__(self, work: Work) -> None:
        logging.disable(logging.WARNING)
        self.work = work
        name, folder, self.built = _built(work.folder)
        self.model = amici.import_model_module(name, str(folder)).get_model()
        self.solver = self.model.create_solver()
        self.solver.set_sensitivity_order(SensitivityOrder_none)
        self.solver.set_max_steps(1_000_000)
        ids = list(self.model.get_free_parameter_ids())
        self.places = [[*work.parameters, *work.known].index(name) for name in ids]
        self.ids = ids
        states = list(self.model.get_state_ids())
        self.states = [states.index(name) for name in work.states]
        self.place_of = {name: i for i, name in enumerate(states)}
        self.pieces = work.pieces()

    def groups(self) -> list[dict[str, Any]]:
        """What absolute error counts as nothing."""
        return [{"share": share} for share in (1e-2, 1e-4, 1.0, 1e-6)]

    def run(self, values: np.ndarray, setting: dict[str, Any]) -> tuple[np.ndarray, np.ndarray, float]:
        """Outputs (n, times, states), which patients failed, steps a patient."""
        self.solver.set_relative_tolerance(setting["relative"])
        self.solver.set_absolute_tolerance(setting["relative"] * setting["share"])
        out = np.full((len(values), self.work.times.size, len(self.work.states)), np.nan)
        failed, steps = np.zeros(len(values), bool), 0.0
        full = np.hstack([self.work.parameters_of(values), self.work.known_of(values)])
        for i, row in enumerate(full[:, self.places]):
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
