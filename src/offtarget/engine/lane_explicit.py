"""The explicit step of eight patients at once: that of ``steppers``, lane by lane. Compiled with the model."""

from __future__ import annotations

from typing import Any

from offtarget.engine.control import NEAR_LIMIT
from offtarget.engine.lane_layout import Places
from offtarget.engine.lanes import choose, put, take, wide
from offtarget.engine.layout import Floats
from offtarget.engine.steppers import inlined, merged
from offtarget.engine.tableaus import EXPLICIT_A as A
from offtarget.engine.tableaus import EXPLICIT_C as C
from offtarget.engine.tableaus import EXPLICIT_D as D
from offtarget.engine.tableaus import EXPLICIT_E as E

__all__ = ["dense", "stepper", "watch"]


def stepper(rhs: Any, where: Places) -> Any:
    """The step of one model."""
    n = where.n

    @inlined
    def step(t: Any, h: Any, a: Floats) -> None:
        """Tsitouras' 5(4) pair as in ``steppers.explicit_step``."""
        y, k, point = where.state, where.slope, where.point
        for m in range(n):
            put(a, point + m, take(a, y + m) + h * (A[1, 0] * take(a, k + m)))
        rhs(t + C[1] * h, a, point, k + n)
        for m in range(n):
            put(a, point + m, take(a, y + m) + h * (A[2, 0] * take(a, k + m) + A[2, 1] * take(a, k + n + m)))
        rhs(t + C[2] * h, a, point, k + 2 * n)
        for m in range(n):
            total = A[3, 0] * take(a, k + m) + A[3, 1] * take(a, k + n + m) + A[3, 2] * take(a, k + 2 * n + m)
            put(a, point + m, take(a, y + m) + h * total)
        rhs(t + C[3] * h, a, point, k + 3 * n)
        for m in range(n):
            total = A[4, 0] * take(a, k + m) + A[4, 1] * take(a, k + n + m) + A[4, 2] * take(a, k + 2 * n + m)
            put(a, point + m, take(a, y + m) + h * (total + A[4, 3] * take(a, k + 3 * n + m)))
        rhs(t + C[4] * h, a, point, k + 4 * n)
        for m in range(n):
            total = A[5, 0] * take(a, k + m) + A[5, 1] * take(a, k + n + m) + A[5, 2] * take(a, k + 2 * n + m)
            total = total + A[5, 3] * take(a, k + 3 * n + m) + A[5, 4] * take(a, k + 4 * n + m)
            put(a, where.before + m, take(a, y + m) + h * total)
        rhs(t + h, a, where.before, k + 5 * n)
        for m in range(n):
            total = A[6, 0] * take(a, k + m) + A[6, 1] * take(a, k + n + m) + A[6, 2] * take(a, k + 2 * n + m)
            total = total + A[6, 3] * take(a, k + 3 * n + m) + A[6, 4] * take(a, k + 4 * n + m)
            put(a, where.next + m, take(a, y + m) + h * (total + A[6, 5] * take(a, k + 5 * n + m)))
        rhs(t + h, a, where.next, k + 6 * n)
        for m in range(n):
            error = E[0] * take(a, k + m) + E[1] * take(a, k + n + m) + E[2] * take(a, k + 2 * n + m)
            error = (
                error
                + E[3] * take(a, k + 3 * n + m)
                + E[4] * take(a, k + 4 * n + m)
                + E[5] * take(a, k + 5 * n + m)
            )
            put(a, where.error + m, h * (error + E[6] * take(a, k + 6 * n + m)))

    return step


@merged
def dense(h: Any, passing: Any, a: Floats, where: Places) -> None:
    """The interpolant of the step, in the lanes where somebody looks inside it."""
    k, kept, n = where.slope, where.dense, where.n
    for m in range(n):
        put(a, kept + m, choose(passing, take(a, where.state + m), take(a, kept + m)))
        put(a, kept + n + m, choose(passing, take(a, where.next + m), take(a, kept + n + m)))
        for row in range(3):
            total = D[row, 0] * take(a, k + m)
            for j in range(1, 7):
                total = total + D[row, j] * take(a, k + j * n + m)
            place = kept + (2 + row) * n + m
            put(a, place, choose(passing, h * total, take(a, place)))


@merged
def watch(h: Any, a: Floats, where: Places) -> Any:
    """In which lanes the step is short for stability and not for accuracy (see ``steppers.stiffness``)."""
    k, top, bottom, n = where.slope, wide(0.0), wide(0.0), where.n
    for m in range(n):
        weight = take(a, where.weight + m)
        rise = (take(a, k + 6 * n + m) - take(a, k + 5 * n + m)) * weight
        run = (take(a, where.next + m) - take(a, where.before + m)) * weight
        top = top + rise * rise
        bottom = bottom + run * run
    return (h * h * top > NEAR_LIMIT * NEAR_LIMIT * bottom) & (bottom > 0.0)
