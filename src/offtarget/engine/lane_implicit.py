"""The implicit step of eight patients at once: that of ``steppers``, lane by lane. Compiled with the model."""

from __future__ import annotations

from typing import Any

import numpy as np

from offtarget.engine.control import EXPLICIT_LIMIT, WORTH
from offtarget.engine.lane_layout import Places
from offtarget.engine.lanes import absolute, bits, choose, higher, put, root, take, wide
from offtarget.engine.layout import Floats
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


def stepper(rhs: Any, jacobian: Any, where: Places) -> Any:
    """The step of one model."""
    n = where.n

    @inlined
    def step(t: Any, h: Any, a: Floats) -> None:
        """Steinebach's Rodas5P as in ``steppers.implicit_step``; a singular matrix gives an error that is no number."""
        u, f = where.slope, where.factors
        jacobian(t, a)
        own = 1.0 / (h * IMPLICIT_GAMMA)
        for i in range(n):
            for j in range(n):
                put(a, f + i * n + j, -take(a, where.jacobian + i * n + j))
            put(a, f + i * n + i, own + take(a, f + i * n + i))
        factorise(a, f, where.swaps, n)
        per_step = 1.0 / h
        for i in range(8):
            for m in range(n):
                point, coupling = take(a, where.state + m), wide(0.0)
                for j in range(i):
                    stage = take(a, u + j * n + m)
                    point = point + IMPLICIT_A[i, j] * stage
                    coupling = coupling + IMPLICIT_G[i, j] * stage
                put(a, where.point + m, point)
                put(
                    a, where.error + m, coupling * per_step + h * (IMPLICIT_D[i] * take(a, where.by_time + m))
                )
            here = u + i * n
            rhs(t + IMPLICIT_C[i] * h, a, where.point, here)
            for m in range(n):
                put(a, here + m, take(a, here + m) + take(a, where.error + m))
            solve(a, f, where.swaps, here, n)
        for m in range(n):
            total = take(a, where.state + m)
            for j in range(8):
                total = total + IMPLICIT_B[j] * take(a, u + j * n + m)
            put(a, where.next + m, total)
            put(a, where.error + m, take(a, u + 7 * n + m))

    return step


@compiled
def factorise(a: Floats, f: int, swaps: int, n: int) -> None:
    """LU factors in place. The largest of a column becomes the pivot, in each lane by exchanges of its own."""
    for k in range(n):
        for i in range(k + 1, n):
            larger = absolute(take(a, f + i * n + k)) > absolute(take(a, f + k * n + k))
            put(a, swaps + i * n + k, choose(larger, 1.0, 0.0))
            if bits(larger):
                for j in range(n):
                    upper, lower = take(a, f + k * n + j), take(a, f + i * n + j)
                    put(a, f + k * n + j, choose(larger, lower, upper))
                    put(a, f + i * n + j, choose(larger, upper, lower))
        inverse = 1.0 / take(a, f + k * n + k)
        put(a, f + k * n + k, inverse)
        for i in range(k + 1, n):
            factor = take(a, f + i * n + k) * inverse
            put(a, f + i * n + k, factor)
            for j in range(k + 1, n):
                put(a, f + i * n + j, take(a, f + i * n + j) - factor * take(a, f + k * n + j))


@compiled
def solve(a: Floats, f: int, swaps: int, b: int, n: int) -> None:
    """Solve with the factors of ``factorise``, in place."""
    for k in range(n):
        for i in range(k + 1, n):
            larger = take(a, swaps + i * n + k) != 0.0
            if bits(larger):
                upper, lower = take(a, b + k), take(a, b + i)
                put(a, b + k, choose(larger, lower, upper))
                put(a, b + i, choose(larger, upper, lower))
    for i in range(1, n):
        total = take(a, b + i)
        for j in range(i):
            total = total - take(a, f + i * n + j) * take(a, b + j)
        put(a, b + i, total)
    for back in range(n):
        i = n - 1 - back
        total = take(a, b + i)
        for j in range(i + 1, n):
            total = total - take(a, f + i * n + j) * take(a, b + j)
        put(a, b + i, total * take(a, f + i * n + i))


@merged
def dense(h: Any, passing: Any, a: Floats, where: Places) -> None:
    """The interpolant of the step, in the lanes where somebody looks inside it."""
    u, kept, n = where.slope, where.dense, where.n
    for m in range(n):
        put(a, kept + m, choose(passing, take(a, where.state + m), take(a, kept + m)))
        put(a, kept + n + m, choose(passing, take(a, where.next + m), take(a, kept + n + m)))
        for row in range(3):
            total = wide(0.0)
            for j in range(8):
                total = total + IMPLICIT_H[row, j] * take(a, u + j * n + m)
            place = kept + (2 + row) * n + m
            put(a, place, choose(passing, total, take(a, place)))


@merged
def watch(h: Any, a: Floats, where: Places) -> Any:
    """In which lanes the step is not much longer than an explicit one could be (see ``steppers.stretch``)."""
    n, turned = where.n, where.point
    before, after = wide(0.0), wide(0.0)
    for i in range(n):
        total = wide(0.0)
        for j in range(n):
            total = total + take(a, where.jacobian + i * n + j) * take(a, where.spread + j)
        put(a, turned + i, total)
        weight = take(a, where.weight + i)
        old, new = take(a, where.spread + i) * weight, total * weight
        before = before + old * old
        after = after + new * new
    sound = (after > 0.0) & (after < np.inf) & (before > 0.0) & (before < np.inf)
    scale = 1.0 / root(choose(sound, after, 1.0))
    for i in range(n):
        put(
            a,
            where.spread + i,
            choose(sound, take(a, turned + i) * scale, 1.0 / higher(take(a, where.weight + i), 1e-300)),
        )
    size = choose(sound, root(choose(sound, after / before, 0.0)), 0.0)
    return h * size < (1.0 + WORTH * n) * EXPLICIT_LIMIT
