"""SciPy over the equations compiled by numba, patient by patient, restarted at doses and switches."""

from __future__ import annotations

import math
import warnings
from typing import Any

import numpy as np
import scipy
from numba import njit
from scipy.integrate import ODEintWarning, odeint, solve_ivp
from work import Piece, Work

NAME, VERSION = "SciPy", scipy.__version__
HOW = ("`odeint` (LSODA without a Python loop), and `solve_ivp` with Radau, BDF and DOP853 where they are faster; a "
       "right-hand side compiled with numba; restarted at doses and switches")  # fmt: skip


@njit
def where(condition, yes, no):  # type: ignore[no-untyped-def]
    """As numpy's, for one number."""
    return yes if condition else no


class Simulator:
    """One compiled right-hand side; patients one after another."""

    def __init__(self, work: Work) -> None:
        warnings.simplefilter("ignore", ODEintWarning)
        self.work, self.pieces = work, work.pieces()
        plain = work.equations({**vars(math), "where": where, "minimum": min, "maximum": max, "abs": abs})
        self.static, self.initial = lambda p: np.array(plain["static"](p)), plain["initial"]
        rhs = njit(plain["rhs"])
        self.rhs = njit(lambda t, y, p, s: np.array(rhs(t, y, p, s)))

    def groups(self) -> list[dict[str, Any]]:
        """``odeint`` has more than one try; the others are slower and soon left."""
        tries = [
            ("odeint", 1e-6),
            ("odeint", 1e-8),
            ("odeint", 1e-4),
            ("DOP853", 1e-6),
            ("Radau", 1e-6),
            ("BDF", 1e-6),
        ]
        return [{"method": method, "share": share} for method, share in tries]

    def run(self, values: np.ndarray, setting: dict[str, Any]) -> tuple[np.ndarray, np.ndarray, float]:
        """Outputs (n, times, states), which patients failed, steps a patient (not told)."""
        out = np.full((len(values), self.work.times.size, len(self.work.states)), np.nan)
        failed = np.zeros(len(values), bool)
        for i, p in enumerate(self.work.parameters_of(values)):
            failed[i] = not self._one(p, out[i], setting)
        return out, failed, np.nan

    def _one(self, p: np.ndarray, out: np.ndarray, setting: dict[str, Any]) -> bool:
        s = self.static(p)
        y = np.array(self.initial(p, s))
        for name, value, _ in self.work.at_start():
            y[self.work.states.index(name)] += value
        for piece in self.pieces:
            found = self._piece(piece, y, (p, s), setting)
            if found is None:
                return False
            out[piece.rows] = found[piece.keep]
            y = found[-1].copy()
            for name, value, add in piece.then:
                if add:
                    y[self.work.states.index(name)] += value
                else:
                    p[self.work.parameters.index(name)] = value
                    s = self.static(p)
        return True

    def _piece(self, piece: Piece, y: np.ndarray, args: Any, setting: dict[str, Any]) -> np.ndarray | None:
        relative = setting["relative"]
        absolute = relative * setting["share"] * self.work.scale
        if setting["method"] == "odeint":
            found, said = odeint(self.rhs, y, piece.stops, args=args, tfirst=True, rtol=relative, atol=absolute,
                                 mxstep=1_000_000, full_output=True)  # fmt: skip
            return found if said["message"] == "Integration successful." else None
        solved = solve_ivp(self.rhs, (piece.stops[0], piece.stops[-1]), y, setting["method"], piece.stops,
                           args=args, rtol=relative, atol=absolute)  # fmt: skip
        return solved.y.T if solved.success else None
