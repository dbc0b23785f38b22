"""The implicit step of eight patients at once: that of ``steppers``, lane by lane. Compiled with the model."""

from __future__ import annotations

from typing import Any

import numpy as np

from offtarget.engine.control import EXPLICIT_LIMIT, WORTH
from offtarget.engine.lane_layout import Gang
from offtarget.engine.lanes import absolute, bits, choose, higher, of_bits, put, root, take, wide
from offtarget.engine.layout import Floats, Ints
from offtarget.engine.steppers import compiled, inlined, merged
from offtarget.engine.tableaus import (
    IMPLICIT_A,
    IMPLICIT_B,
    IMPLICIT_C,
    IMPLICIT_D,
    IMPLICIT_G,
    IMPLICIT_GAMMA,
    IMPLICIT_H,
)

__all__ = ["dense", "factorise", "solve", "stepper", "watch"]


def stepper(rhs: Any, jacobian: Any) -> Any:
    """The step of one model."""

    @inlined
    def step(t: Any, h: Any, a: Gang) -> None:
        """Steinebach's Rodas5P as in ``steppers.implicit_step``; a singular matrix gives an error that is no number."""
        u, y, c, n = a.stages, a.state, a.constants, a.state.shape[0]
        jacobian(t, y, c, a.jacobian, a.by_time)
        own = 1.0 / (h * IMPLICIT_GAMMA)
        for i in range(n):
            for j in range(n):
                put(a.factors, i * n + j, -take(a.jacobian, i * n + j))
            put(a.factors, i * n + i, own + take(a.factors, i * n + i))
        factorise(a.factors, a.swaps, n)
        per_step = 1.0 / h
        for i in range(8):
            for m in range(n):
                point, coupling = take(y, m), wide(0.0)
                for j in range(i):
                    stage = take(u, j * n + m)
                    point = point + IMPLICIT_A[i, j] * stage
                    coupling = coupling + IMPLICIT_G[i, j] * stage
                put(a.point, m, point)
                put(a.error, m, coupling * per_step + h * (IMPLICIT_D[i] * take(a.by_time, m)))
            here = u[i * n : (i + 1) * n]
            rhs(t + IMPLICIT_C[i] * h, a.point, c, here)
            for m in range(n):
                put(here, m, take(here, m) + take(a.error, m))
            solve(a.factors, a.swaps, here, n)
        for m in range(n):
            total = take(y, m)
            for j in range(8):
                total = total + IMPLICIT_B[j] * take(u, j * n + m)
            put(a.next, m, total)
            put(a.error, m, take(u, 7 * n + m))

    return step


@compiled
def factorise(f: Floats, swaps: Ints, n: int) -> None:
    """LU factors in place. The largest of a column becomes the pivot, in each lane by exchanges of its own."""
    for k in range(n):
        for i in range(k + 1, n):
            larger = absolute(take(f, i * n + k)) > absolute(take(f, k * n + k))
            swaps[i * n + k] = bits(larger)
            if swaps[i * n + k]:
                for j in range(n):
                    upper, lower = take(f, k * n + j), take(f, i * n + j)
                    put(f, k * n + j, choose(larger, lower, upper))
                    put(f, i * n + j, choose(larger, upper, lower))
        inverse = 1.0 / take(f, k * n + k)
        put(f, k * n + k, inverse)
        for i in range(k + 1, n):
            factor = take(f, i * n + k) * inverse
            put(f, i * n + k, factor)
            for j in range(k + 1, n):
                put(f, i * n + j, take(f, i * n + j) - factor * take(f, k * n + j))


@compiled
def solve(f: Floats, swaps: Ints, b: Floats, n: int) -> None:
    """Solve with the factors of ``factorise``, in place."""
    for k in range(n):
        for i in range(k + 1, n):
            if swaps[i * n + k]:
                larger, upper, lower = of_bits(swaps[i * n + k]), take(b, k), take(b, i)
                put(b, k, choose(larger, lower, upper))
                put(b, i, choose(larger, upper, lower))
    for i in range(1, n):
        total = take(b, i)
        for j in range(i):
            total = total - take(f, i * n + j) * take(b, j)
        put(b, i, total)
    for back in range(n):
        i = n - 1 - back
        total = take(b, i)
        for j in range(i + 1, n):
            total = total - take(f, i * n + j) * take(b, j)
        put(b, i, total * take(f, i * n + i))


@merged
def dense(h: Any, passing: Any, a: Gang) -> None:
    """The interpolant of the step, in the lanes where somebody looks inside it."""
    u, kept, n = a.stages, a.dense, a.state.shape[0]
    for m in range(n):
        put(kept, m, choose(passing, take(a.state, m), take(kept, m)))
        put(kept, n + m, choose(passing, take(a.next, m), take(kept, n + m)))
        for row in range(3):
            total = wide(0.0)
            for j in range(8):
                total = total + IMPLICIT_H[row, j] * take(u, j * n + m)
            put(kept, (2 + row) * n + m, choose(passing, total, take(kept, (2 + row) * n + m)))


@merged
def watch(h: Any, a: Gang) -> Any:
    """In which lanes the step is not much longer than an explicit one could be (see ``steppers.stretch``)."""
    n, turned = a.state.shape[0], a.point
    before, after = wide(0.0), wide(0.0)
    for i in range(n):
        total = wide(0.0)
        for j in range(n):
            total = total + take(a.jacobian, i * n + j) * take(a.spread, j)
        put(turned, i, total)
        weight = take(a.weight, i)
        old, new = take(a.spread, i) * weight, total * weight
        before = before + old * old
        after = after + new * new
    sound = (after > 0.0) & (after < np.inf) & (before > 0.0) & (before < np.inf)
    scale = 1.0 / root(choose(sound, after, 1.0))
    for i in range(n):
        put(a.spread, i, choose(sound, take(turned, i) * scale, 1.0 / higher(take(a.weight, i), 1e-300)))
    size = choose(sound, root(choose(sound, after / before, 0.0)), 0.0)
    return h * size < (1.0 + WORTH * n) * EXPLICIT_LIMIT
