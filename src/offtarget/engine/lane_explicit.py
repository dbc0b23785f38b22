"""The explicit step of eight patients at once: that of ``steppers``, lane by lane. Compiled with the model."""

from __future__ import annotations

from typing import Any

from offtarget.engine.control import NEAR_LIMIT
from offtarget.engine.lane_layout import Gang
from offtarget.engine.lanes import choose, put, take, wide
from offtarget.engine.steppers import inlined, merged
from offtarget.engine.tableaus import EXPLICIT_A as A
from offtarget.engine.tableaus import EXPLICIT_C as C
from offtarget.engine.tableaus import EXPLICIT_D as D
from offtarget.engine.tableaus import EXPLICIT_E as E

__all__ = ["dense", "stepper", "watch"]


def stepper(rhs: Any, n: int) -> Any:
    """The step of one model."""

    @inlined
    def step(t: Any, h: Any, a: Gang) -> None:
        """Tsitouras' 5(4) pair as in ``steppers.explicit_step``."""
        k, y, point, c = a.stages, a.state, a.point, a.constants
        for m in range(n):
            put(point, m, take(y, m) + h * (A[1, 0] * take(k, m)))
        rhs(t + C[1] * h, point, c, k[n : 2 * n])
        for m in range(n):
            put(point, m, take(y, m) + h * (A[2, 0] * take(k, m) + A[2, 1] * take(k, n + m)))
        rhs(t + C[2] * h, point, c, k[2 * n : 3 * n])
        for m in range(n):
            total = A[3, 0] * take(k, m) + A[3, 1] * take(k, n + m) + A[3, 2] * take(k, 2 * n + m)
            put(point, m, take(y, m) + h * total)
        rhs(t + C[3] * h, point, c, k[3 * n : 4 * n])
        for m in range(n):
            total = A[4, 0] * take(k, m) + A[4, 1] * take(k, n + m) + A[4, 2] * take(k, 2 * n + m)
            put(point, m, take(y, m) + h * (total + A[4, 3] * take(k, 3 * n + m)))
        rhs(t + C[4] * h, point, c, k[4 * n : 5 * n])
        for m in range(n):
            total = A[5, 0] * take(k, m) + A[5, 1] * take(k, n + m) + A[5, 2] * take(k, 2 * n + m)
            total = total + A[5, 3] * take(k, 3 * n + m) + A[5, 4] * take(k, 4 * n + m)
            put(a.before, m, take(y, m) + h * total)
        rhs(t + h, a.before, c, k[5 * n : 6 * n])
        for m in range(n):
            total = A[6, 0] * take(k, m) + A[6, 1] * take(k, n + m) + A[6, 2] * take(k, 2 * n + m)
            total = total + A[6, 3] * take(k, 3 * n + m) + A[6, 4] * take(k, 4 * n + m)
            put(a.next, m, take(y, m) + h * (total + A[6, 5] * take(k, 5 * n + m)))
        rhs(t + h, a.next, c, k[6 * n : 7 * n])
        for m in range(n):
            error = E[0] * take(k, m) + E[1] * take(k, n + m) + E[2] * take(k, 2 * n + m)
            error = error + E[3] * take(k, 3 * n + m) + E[4] * take(k, 4 * n + m) + E[5] * take(k, 5 * n + m)
            put(a.error, m, h * (error + E[6] * take(k, 6 * n + m)))

    return step


@merged
def dense(h: Any, passing: Any, a: Gang) -> None:
    """The interpolant of the step, in the lanes where somebody looks inside it."""
    k, kept, n = a.stages, a.dense, a.state.shape[0]
    for m in range(n):
        put(kept, m, choose(passing, take(a.state, m), take(kept, m)))
        put(kept, n + m, choose(passing, take(a.next, m), take(kept, n + m)))
        for row in range(3):
            total = D[row, 0] * take(k, m)
            for j in range(1, 7):
                total = total + D[row, j] * take(k, j * n + m)
            put(kept, (2 + row) * n + m, choose(passing, h * total, take(kept, (2 + row) * n + m)))


@merged
def watch(h: Any, a: Gang) -> Any:
    """In which lanes the step is short for stability and not for accuracy (see ``steppers.stiffness``)."""
    k, top, bottom, n = a.stages, wide(0.0), wide(0.0), a.state.shape[0]
    for m in range(n):
        weight = take(a.weight, m)
        rise = (take(k, 6 * n + m) - take(k, 5 * n + m)) * weight
        run = (take(a.next, m) - take(a.before, m)) * weight
        top = top + rise * rise
        bottom = bottom + run * run
    return (h * h * top > NEAR_LIMIT * NEAR_LIMIT * bottom) & (bottom > 0.0)
