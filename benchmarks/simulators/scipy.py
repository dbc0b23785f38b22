"""SciPy: LSODA over the equations compiled by numba, patient by patient, restarted at doses and switches."""

from __future__ import annotations

import math
from typing import Any

import numpy as np
import scipy
from numba import njit
from scipy.integrate import solve_ivp
from work import Work

NAME, VERSION = "SciPy", scipy.__version__
HOW = "`solve_ivp`, LSODA, a right-hand side compiled with numba; restarted at doses and switches"


@njit
def where(condition, yes, no):  # type: ignore[no-untyped-def]
    """As numpy's, for one number."""
    return yes if condition else no


class Simulator:
    """One compiled right-hand side; patients one after another."""

    def __init__(self, work: Work) -> None:
        self.work, self.pieces = work, work.pieces()
        plain = work.equations({**vars(math), "where": where, "minimum": min, "maximum": max, "abs": abs})
        self.static, self.initial = njit(plain["static"]), njit(plain["initial"])
        rhs = njit(plain["rhs"])
        self.rhs = njit(lambda t, y, p, s: np.array(rhs(t, y, p, s)))

    def settings(self) -> list[dict[str, Any]]:
        """Loosest first."""
        relative = [1e-3, 3e-4, 1e-4, 3e-5, 1e-5, 3e-6, 1e-6, 3e-7, 1e-7, 1e-8, 1e-9]
        return [{"relative": r, "share": a} for a in (1e-6, 1e-8) for r in relative]

    def run(self, values: np.ndarray, setting: dict[str, Any]) -> tuple[np.ndarray, np.ndarray, float]:
        """Outputs (n, times, states), which patients failed, steps a patient (not told)."""
        out = np.full((len(values), self.work.times.size, len(self.work.states)), np.nan)
        failed = np.zeros(len(values), bool)
        atol = setting["relative"] * setting["share"] * self.work.scale
        for i, p in enumerate(self.work.parameters_of(values)):
            s = self.static(p)
            y = np.array(self.initial(p, s))
            for name, value, _ in self.work.at_start():
                y[self.work.states.index(name)] += value
            for piece in self.pieces:
                found = solve_ivp(self.rhs, (piece.stops[0], piece.stops[-1]), y, "LSODA", piece.stops,
                                  args=(p, s), rtol=setting["relative"], atol=atol)  # fmt: skip
                if not found.success:
                    failed[i] = True
                    break
                out[i, piece.rows] = found.y.T[piece.keep]
                y = found.y[:, -1].copy()
                for name, value, add in piece.then:
                    if add:
                        y[self.work.states.index(name)] += value
                    else:
                        p[self.work.parameters.index(name)] = value
                        s = self.static(p)
        return out, failed, np.nan
