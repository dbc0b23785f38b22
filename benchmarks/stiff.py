"""Work and precision on stiff problems: offtarget's own choice of method beside SUNDIALS' CVODE (scikit-sundae).

    make bench          runs it last; or: benchmarks/.venv/bin/python benchmarks/stiff.py

Work is time: of one patient among 64 for offtarget, of one solution for CVODE, whose right-hand side is compiled by
numba and called through Python: that call is a part of its time. The table counts steps (offtarget) and evaluations
(CVODE) too. Writes stiff.csv and stiff.svg; with --quick, for two tolerances, into .work.
"""

from __future__ import annotations

import csv
import math
import sys
import time
from pathlib import Path
from typing import Any

import altair as alt
import numpy as np
from equations import python_source
from numba import njit
from sksundae.cvode import CVODE

from offtarget.arrays.cohort import Cohort
from offtarget.arrays.schedule import Schedule
from offtarget.engine.ensemble import build, simulate
from offtarget.models.model import Model
from offtarget.models.sbml import load_model

HERE = Path(__file__).resolve().parent
PROBLEMS = {"robertson": 1e11, "hires": 321.8122, "oregonator": 360.0, "antibody": 60.0}
TOLERANCES = [10.0**-power for power in range(3, 11)]
PATIENTS = 64
TURNS = 3


def cvode(model: Model, end: float, tolerance: float) -> tuple[np.ndarray, float, int]:
    """Final state, seconds, steps."""
    fill, y0, p, s = _compiled(model)

    def call(t: float, y: np.ndarray, yp: np.ndarray) -> None:
        fill(t, y, p, s, yp)

    size = np.maximum(np.abs(_scale(model, end)), 1e-300)
    solver = CVODE(call, rtol=tolerance, atol=tolerance * 1e-6 * size, max_num_steps=1_000_000)
    times, found = [], None
    for _ in range(TURNS):
        began = time.perf_counter()
        found = solver.solve(np.array([0.0, end]), y0)
        times.append(time.perf_counter() - began)
    assert found is not None
    return found.y[-1] if found.success else np.full(y0.shape, np.nan), min(times), int(found.nfev)


_COMPILED: dict[str, tuple[Any, np.ndarray, np.ndarray, np.ndarray]] = {}
_SCALES: dict[str, np.ndarray] = {}


def _compiled(model: Model) -> tuple[Any, np.ndarray, np.ndarray, np.ndarray]:
    """The right-hand side for CVODE, the start, the parameters and what follows from them."""
    if model.id not in _COMPILED:
        space: dict[str, Any] = {**vars(math), "minimum": min, "maximum": max, "abs": abs}
        exec(python_source(model), space)
        rhs, p = njit(space["rhs"]), np.array([one.value for one in model.parameters])
        s = np.array(space["static"](p), float)

        @njit
        def fill(t, y, p, s, out):  # type: ignore[no-untyped-def]
            slopes = rhs(t, y, p, s)
            for m in range(out.shape[0]):
                out[m] = slopes[m]

        _COMPILED[model.id] = fill, np.array(space["initial"](p, s), float), p, s
    return _COMPILED[model.id]


def _scale(model: Model, end: float) -> np.ndarray:
    """The largest size each state has."""
    if model.id not in _SCALES:
        states = tuple(one.id for one in model.species)
        times = np.concatenate([[0.0], np.geomspace(end * 1e-14, end, 200)])
        found = simulate(
            build(model, outputs=states), _patients(1), Schedule.empty(1), times=times, tolerance=1e-8
        )
        _SCALES[model.id] = np.abs(found.values[0]).max(axis=0)
    return _SCALES[model.id]


def _patients(n: int) -> Cohort:
    return Cohort(np.arange(n, dtype=np.uint64), {}, {})


def ours(
    model: Model, end: float, tolerance: float, patients: int = PATIENTS, turns: int = TURNS
) -> tuple[np.ndarray, float, int]:
    """Final state, seconds a patient, steps."""
    kernel = build(model, outputs=tuple(one.id for one in model.species))
    plan, times, found = Schedule.empty(patients), [], None
    for _ in range(turns):
        began = time.perf_counter()
        found = simulate(kernel, _patients(patients), plan, times=[end], tolerance=tolerance, threads=1)
        times.append((time.perf_counter() - began) / patients)
    assert found is not None
    state = found.values[0, 0] if found.finished.all() else np.full(len(model.species), np.nan)
    return state, min(times), int(found.steps[0])


def main() -> None:
    """Measure and draw."""
    quick = "--quick" in sys.argv
    folder, tolerances = (HERE / ".work", TOLERANCES[3:5]) if quick else (HERE, TOLERANCES)
    rows = []
    for name, end in PROBLEMS.items():
        model = load_model(str(HERE.parent / "tests" / "engine" / "stiff" / f"{name}.ant"))
        right = ours(model, end, 1e-12, patients=1, turns=1)[0]
        if not np.isfinite(right).all():
            raise SystemExit(
                f"stiff: {name}: offtarget did not finish with a tolerance of 1e-12, the reference."
            )
        for solver, run in (("offtarget", ours), ("CVODE", cvode)):
            for tolerance in tolerances:
                state, seconds, work = run(model, end, tolerance)
                wrong = float(np.max(np.abs(state / right - 1.0)))
                if not np.isfinite(wrong):
                    continue  # it gave up
                counted = (
                    {"steps": work, "evaluations": ""} if run is ours else {"steps": "", "evaluations": work}
                )
                rows.append({
                    "problem": name, "solver": solver, "tolerance": f"{tolerance:.0e}", "error": f"{wrong:.2e}",
                    "microseconds": round(seconds * 1e6, 1), **counted,
                })  # fmt: skip
    with (folder / "stiff.csv").open("w", newline="", encoding="utf-8") as file:
        writer = csv.DictWriter(file, list(rows[0]), lineterminator="\n")
        writer.writeheader()
        writer.writerows(rows)
    draw(
        [{**row, "error": float(row["error"]), "tolerance": float(row["tolerance"])} for row in rows], folder
    )
    print(f"stiff: {len(rows)} measurements in {folder / 'stiff.csv'}")


def draw(rows: list[dict[str, Any]], folder: Path) -> None:
    """Error against time, a panel for each problem."""
    lines = (
        alt.Chart(alt.Data(values=rows))
        .mark_line(point=True)
        .encode(
            x=alt.X("microseconds:Q", title="µs a solution").scale(type="log"),
            y=alt.Y("error:Q", title="largest relative error at the end")
            .scale(type="log")
            .axis(format=".0e"),
            color=alt.Color("solver:N", title=None),
            order=alt.Order("tolerance:Q", sort="descending"),
        )
        .properties(width=260, height=180)
    )
    lines.facet(facet=alt.Facet("problem:N", title=None, sort=list(PROBLEMS)), columns=2).resolve_scale(
        x="independent", y="independent"
    ).save(str(folder / "stiff.svg"))


if __name__ == "__main__":
    main()
