"""One step of one patient: an explicit and an L-stable implicit method of order 5, error estimate and interpolant.

Both are generic in the model: made for its compiled right-hand side, they become part of the code of each model.
Sources of the methods are in ``tableaus``.
"""

from __future__ import annotations

from collections.abc import Callable
from math import sqrt
from typing import Any, TypeVar

import numpy as np
from numba import njit

from offtarget.engine.layout import Floats, Ints, Scratch
from offtarget.engine.tableaus import (
    EXPLICIT_A,
    EXPLICIT_C,
    EXPLICIT_D,
    EXPLICIT_E,
    IMPLICIT_A,
    IMPLICIT_B,
    IMPLICIT_C,
    IMPLICIT_D,
    IMPLICIT_G,
    IMPLICIT_GAMMA,
    IMPLICIT_H,
)  # fmt: skip

__all__ = ["compiled", "compiled_for", "explicit_dense", "explicit_stepper", "implicit_dense", "implicit_stepper",
           "inlined", "interpolate", "merged", "stiffness", "stretch"]  # fmt: skip

A, C, E = EXPLICIT_A, EXPLICIT_C, EXPLICIT_E

# Arrays are made by the entry only. Inside, nobody has to count who still needs one, which would cost more than a step.
_OPTIONS: Any = {"error_model": "numpy", "no_cpython_wrapper": True, "no_cfunc_wrapper": True, "_nrt": False}
_F = TypeVar("_F", bound=Callable[..., Any])


def compiled(function: _F) -> _F:
    """For functions called from compiled code only. No fast-math: the same bits on every run and every thread."""
    made: _F = njit(function, **_OPTIONS)
    return made


def inlined(function: _F) -> _F:
    """``compiled``, for functions with one caller: part of it early, which spares the compiler much work."""
    made: _F = njit(function, inline="always", **_OPTIONS)
    return made


def merged(function: _F) -> _F:
    """The same, but late, by the machine's compiler: for functions whose arguments take longer to pass than to use."""
    made: _F = njit(function, forceinline=True, **_OPTIONS)
    return made


def compiled_for(rhs: Any, how: Any = compiled) -> Callable[[Callable[..., Any]], Any]:
    """``compiled`` or ``merged``, for a function made for one model, whose right-hand side is ``rhs``.

    Numba names machine code after the function's module and a number that counts functions in one process. Two kernels
    from two processes' caches could so bring different code under one name, and the linker would keep the first: the
    second model would step with the equations of the first. Named after its kernel's module, the code is its own.
    """

    def decorate(function: Callable[..., Any]) -> Any:
        function.__module__ = getattr(rhs, "py_func", rhs).__module__
        return how(function)

    return decorate


def explicit_stepper(rhs: Any, n: int) -> Any:
    """The explicit step of one model."""

    @compiled_for(rhs)
    def explicit_step(t: float, h: float, y: Floats, f: Floats, p: Floats, s: Floats, w: Scratch) -> None:
        """Tsitouras' 5(4) pair: seven stages, the first the slope ``f`` at hand, the last that of the new state."""
        k, points = w.stages, w.points
        for m in range(n):
            k[0, m] = f[m]
            points[1, m] = y[m] + h * (A[1, 0] * f[m])
        rhs(t + C[1] * h, points[1], p, s, k[1])
        for m in range(n):
            points[2, m] = y[m] + h * (A[2, 0] * k[0, m] + A[2, 1] * k[1, m])
        rhs(t + C[2] * h, points[2], p, s, k[2])
        for m in range(n):
            points[3, m] = y[m] + h * (A[3, 0] * k[0, m] + A[3, 1] * k[1, m] + A[3, 2] * k[2, m])
        rhs(t + C[3] * h, points[3], p, s, k[3])
        for m in range(n):
            total = A[4, 0] * k[0, m] + A[4, 1] * k[1, m] + A[4, 2] * k[2, m] + A[4, 3] * k[3, m]
            points[4, m] = y[m] + h * total
        rhs(t + C[4] * h, points[4], p, s, k[4])
        for m in range(n):
            total = A[5, 0] * k[0, m] + A[5, 1] * k[1, m] + A[5, 2] * k[2, m] + A[5, 3] * k[3, m]
            points[5, m] = y[m] + h * (total + A[5, 4] * k[4, m])
        rhs(t + h, points[5], p, s, k[5])
        for m in range(n):
            total = A[6, 0] * k[0, m] + A[6, 1] * k[1, m] + A[6, 2] * k[2, m] + A[6, 3] * k[3, m]
            w.next[m] = y[m] + h * (total + A[6, 4] * k[4, m] + A[6, 5] * k[5, m])
            points[6, m] = w.next[m]
        rhs(t + h, w.next, p, s, k[6])
        for m in range(n):
            error = E[0] * k[0, m] + E[1] * k[1, m] + E[2] * k[2, m] + E[3] * k[3, m]
            points[7, m] = h * (error + E[4] * k[4, m] + E[5] * k[5, m] + E[6] * k[6, m])

    return explicit_step


def implicit_stepper(rhs: Any) -> Any:
    """The implicit step of one model."""

    @compiled_for(rhs)
    def implicit_step(t: float, h: float, y: Floats, p: Floats, s: Floats, w: Scratch) -> bool:
        """Steinebach's Rodas5P: eight linear systems with one matrix, from the Jacobian; False if it is singular."""
        u, stage, sum_ = w.stages, w.points[0], w.points[1]
        n = y.shape[0]
        for i in range(n):
            for j in range(n):
                w.factors[i, j] = -w.jacobian[i, j]
            w.factors[i, i] += 1.0 / (h * IMPLICIT_GAMMA)
        if not factorise(w.factors, w.pivots):
            return False
        for i in range(8):
            for m in range(n):
                point, coupling = y[m], 0.0
                for j in range(i):
                    point += IMPLICIT_A[i, j] * u[j, m]
                    coupling += IMPLICIT_G[i, j] * u[j, m]
                stage[m] = point
                sum_[m] = coupling / h + h * IMPLICIT_D[i] * w.by_time[m]
            rhs(t + IMPLICIT_C[i] * h, stage, p, s, u[i])
            for m in range(n):
                u[i, m] += sum_[m]
            solve(w.factors, w.pivots, u[i])
        for m in range(n):
            total = y[m]
            for j in range(8):
                total += IMPLICIT_B[j] * u[j, m]
            w.next[m] = total
            w.points[7, m] = u[7, m]
        return True

    return implicit_step


@compiled
def factorise(a: Floats, pivots: Ints) -> bool:
    """LU factors in place, rows exchanged so that the pivot is the largest of its column."""
    n = a.shape[0]
    for k in range(n):
        best = k
        for i in range(k + 1, n):
            if abs(a[i, k]) > abs(a[best, k]):
                best = i
        pivots[k] = best
        if best != k:
            for j in range(n):
                a[k, j], a[best, j] = a[best, j], a[k, j]
        if not abs(a[k, k]) > 0.0:
            return False
        inverse = 1.0 / a[k, k]
        for i in range(k + 1, n):
            factor = a[i, k] * inverse
            a[i, k] = factor
            if factor != 0.0:
                for j in range(k + 1, n):
                    a[i, j] -= factor * a[k, j]
    return True


@compiled
def solve(a: Floats, pivots: Ints, b: Floats) -> None:
    """Solve with the factors of ``factorise``, in place."""
    n = a.shape[0]
    for k in range(n):
        other = pivots[k]
        b[k], b[other] = b[other], b[k]
    for i in range(1, n):
        total = b[i]
        for j in range(i):
            total -= a[i, j] * b[j]
        b[i] = total
    for i in range(n - 1, -1, -1):
        total = b[i]
        for j in range(i + 1, n):
            total -= a[i, j] * b[j]
        b[i] = total / a[i, i]


@compiled
def explicit_dense(h: float, y: Floats, w: Scratch, dense: Floats) -> None:
    """Keep the interpolant of the explicit step that has just ended."""
    for m in range(y.shape[0]):
        dense[0, m] = y[m]
        dense[1, m] = w.next[m]
        for row in range(3):
            total = 0.0
            for j in range(7):
                total += EXPLICIT_D[row, j] * w.stages[j, m]
            dense[2 + row, m] = h * total


@compiled
def implicit_dense(y: Floats, w: Scratch, dense: Floats) -> None:
    """Keep the interpolant of the implicit step that has just ended."""
    for m in range(y.shape[0]):
        dense[0, m] = y[m]
        dense[1, m] = w.next[m]
        for row in range(3):
            total = 0.0
            for j in range(8):
                total += IMPLICIT_H[row, j] * w.stages[j, m]
            dense[2 + row, m] = total


@compiled
def interpolate(theta: float, dense: Floats, counts: Ints, y: Floats) -> None:
    """The state a share ``theta`` of the way through the last step, of order 4 and exact at both ends.

    (1 - theta) y0 + theta (y1 + (1 - theta) (d1 + theta (d2 + theta d3))); what cannot be negative is not.
    """
    rest = 1.0 - theta
    for m in range(y.shape[0]):
        inner = dense[2, m] + theta * (dense[3, m] + theta * dense[4, m])
        y[m] = rest * dense[0, m] + theta * (dense[1, m] + rest * inner)
        if counts[m] and y[m] < 0.0:
            y[m] = 0.0


@compiled
def stiffness(h: float, w: Scratch) -> float:
    """Step times the estimate of the Jacobian's largest eigenvalue that the last two explicit stages give for nothing.

    E. Hairer and G. Wanner, Solving Ordinary Differential Equations II, section IV.2: the method is at its limit of
    stability near 3.3.
    """
    top = bottom = 0.0
    for m in range(w.next.shape[0]):
        rise = (w.stages[6, m] - w.stages[5, m]) * w.weight[m]
        run = (w.points[6, m] - w.points[5, m]) * w.weight[m]
        top += rise * rise
        bottom += run * run
    return h * sqrt(top / bottom) if bottom > 0.0 else 0.0


@compiled
def stretch(spread: Floats, w: Scratch) -> float:
    """One turn of the power method on the Jacobian: the direction ``spread`` follows it from step to step."""
    n = spread.shape[0]
    turned = w.points[2]
    before = after = 0.0
    for i in range(n):
        total = 0.0
        for j in range(n):
            total += w.jacobian[i, j] * spread[j]
        turned[i] = total
        before += (spread[i] * w.weight[i]) ** 2
        after += (total * w.weight[i]) ** 2
    if not (0.0 < after < np.inf and 0.0 < before < np.inf):
        for i in range(n):
            spread[i] = 1.0 / w.weight[i]
        return 0.0
    scale = 1.0 / sqrt(after)
    for i in range(n):
        spread[i] = turned[i] * scale
    return sqrt(after / before)
