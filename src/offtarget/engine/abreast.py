"""Take patients through time eight abreast: a lane whose patient has arrived takes the next one.

The road of models without events of their own. Two gangs of eight, one a method; who turns out stiff changes gangs. A
patient's numbers depend on nobody in the other lanes, so results are the same for any number of threads, any chunk and
any order of patients.
"""

from __future__ import annotations

from typing import Any

import numba
import numpy as np

from offtarget.engine import lane_layout as at
from offtarget.engine import march
from offtarget.engine.lane_control import leaper, starter
from offtarget.engine.lane_layout import Gang, Queue, Table
from offtarget.engine.lane_seats import boarder, join, leave, opener, pick, renewer
from offtarget.engine.lanes import WIDTH
from offtarget.engine.layout import (
    CHANGED,
    FINISHED,
    IMPLICIT,
    NOW,
    Events,
    Floats,
    Ints,
    Patients,
    Settings,
)
from offtarget.engine.march import apply, blank
from offtarget.engine.steppers import compiled, compiled_for, inlined, merged

__all__ = ["marcher"]

#: What becomes of a lane that has been seen to: it steps on, it starts anew after a jump, nobody sits there any more.
_READY, _JUMPED, _GONE = 0, 1, 2


def marcher(
    alone: tuple[Any, ...], eight: tuple[Any, ...], constants: list[int], sizes: tuple[int, int, int]
) -> Any:
    """The march of one model, from its compiled functions; patient by patient where nothing is compiled.

    Functions are bound here rather than passed as arguments: numba does not cache code that holds a function as a
    value.

    Args:
        alone: ``static, initial, rhs, jacobian, outputs`` for one patient.
        eight: ``static, rhs, jacobian`` for eight.
        constants: see ``lane_code``.
        sizes: how many parameters, static expressions, species.
    """
    parameters, statics, n = sizes
    settings: Any = numba.config
    if settings.DISABLE_JIT:
        static, initial, rhs, jacobian, outputs = alone
        return march.marcher(static, initial, rhs, jacobian, outputs, n)
    (_, initial, _, _, outputs), (static, rhs, jacobian) = alone, eight
    renew, board = renewer(static), boarder(constants)
    open_up, serve = opener(initial, renew), _server(outputs)
    start, seat = starter(rhs, n), _seater(board)
    explicit, implicit = (leaper(rhs, jacobian, n, implicit=implicit) for implicit in (False, True))
    rows, needed = len(at.Row), len(constants)

    @inlined
    def gang() -> Gang:
        # Made here, so that the compiler knows that no two of them overlap: steps take half as long again without.
        return Gang(np.zeros((rows, WIDTH)), np.zeros(WIDTH, np.int64), np.zeros((n, WIDTH)), np.zeros((n, WIDTH)),
                    np.zeros((n, WIDTH)), np.zeros((n, WIDTH)), np.zeros((n, WIDTH)), np.zeros((n, WIDTH)),
                    np.zeros((n, WIDTH)), np.zeros((8 * n, WIDTH)), np.zeros((5 * n, WIDTH)),
                    np.zeros((needed, WIDTH)), np.zeros((n * n, WIDTH)), np.zeros((n, WIDTH)),
                    np.zeros((n * n, WIDTH)), np.zeros(n * n, np.int64), np.zeros((n, WIDTH)))  # fmt: skip

    @inlined
    def all_abreast(
        patients: Patients,
        events: Events,
        settings: Settings,
        times: Floats,
        out: Floats,
        first: int,
        last: int,
    ) -> None:
        """Take patients ``first`` to ``last`` through ``times`` (one row for all, or one each), writing outputs."""
        if times.shape[1] == 0:
            return
        one, two, count = gang(), gang(), last - first
        table = Table(
            np.zeros((parameters, WIDTH)), np.zeros((statics, WIDTH)), np.zeros(WIDTH, np.int64), np.zeros(n)
        )
        queue = Queue(first, np.zeros(count, np.int64), np.zeros(count, np.int64), np.zeros((2, count), np.int64),
                      np.zeros(2, np.int64), np.zeros(2, np.int64), np.zeros(2, np.int64))  # fmt: skip
        seated, fresh = queue.seated, queue.fresh
        open_up(patients, events, settings, times, first, last, queue, table)
        while seated[0] + seated[1] + queue.length[0] + queue.length[1] > 0:
            method = whose_turn(queue)
            a = two if method else one
            need = seat(patients, events, times, queue, a, method)
            if need:
                pass  # who has just sat down is seen to before the gang steps
            elif fresh[method]:
                need = fresh[method]
                fresh[method] = 0
                start(need, a, settings)
            elif method:
                while need == 0:
                    need = implicit(two, settings) & seated[method]
            else:
                while need == 0:
                    need = explicit(one, settings) & seated[method]
            for l in range(WIDTH):
                what = (
                    serve(patients, events, settings, times, out, queue, table, a, l)
                    if need >> l & 1
                    else _READY
                )
                if what == _GONE:
                    seated[method] &= ~(1 << l)
                elif what == _JUMPED:
                    i = a.who[l]
                    renew(patients, i, i + 1, table)
                    if patients.flags[i, IMPLICIT] == method:
                        board(pick(patients, i), a, l)
                        expect(events, times, queue, a, l)
                        fresh[method] |= 1 << l
                    else:
                        join(queue, i, 1 - method)
                        seated[method] &= ~(1 << l)

    return all_abreast


@compiled
def whose_turn(queue: Queue) -> int:
    """The implicit gang steps when all its seats are taken, or when there is nobody else."""
    stiff = queue.length[1]
    for l in range(WIDTH):
        stiff += queue.seated[1] >> l & 1
    return 1 if stiff >= WIDTH or queue.seated[0] + queue.length[0] == 0 else 0


def _seater(board: Any) -> Any:
    """Filling empty lanes, for one model."""

    @compiled_for(board, merged)
    def seat(patients: Patients, events: Events, times: Floats, queue: Queue, a: Gang, method: int) -> int:
        """Seat who waits for this method; lanes with somebody new come back, as bits."""
        new = 0
        for l in range(WIDTH):
            if queue.length[method] > 0 and not queue.seated[method] >> l & 1:
                queue.length[method] -= 1
                i = queue.waiting[method, queue.length[method]]
                a.who[l] = i
                one = pick(patients, i)
                board(one, a, l)
                expect(events, times, queue, a, l)
                if one.flags[CHANGED]:
                    queue.fresh[method] |= 1 << l
                else:
                    new |= 1 << l
                queue.seated[method] |= 1 << l
        return new

    return seat


@compiled
def expect(events: Events, times: Floats, queue: Queue, a: Gang, l: int) -> None:
    """What the lane steps towards: the next event, the next time to be looked at."""
    i = a.who[l]
    cursor = queue.cursor[i - queue.first]
    a.clock[at.DUE, l] = events.time[cursor] if cursor < events.offsets[i + 1] else np.inf
    a.clock[at.UNTIL, l] = times[min(i, times.shape[0] - 1), queue.column[i - queue.first]]


def _server(outputs: Any) -> Any:
    """Seeing to a lane, for one model."""

    @compiled_for(outputs, merged)
    def serve(
        patients: Patients, events: Events, settings: Settings, times: Floats, out: Floats, queue: Queue, table: Table,
        a: Gang, l: int,
    ) -> int:  # fmt: skip
        """Whatever the patient in a lane needs before another step: outputs, events, the other method, an end."""
        clock, i = a.clock, a.who[l]
        one, k = pick(patients, i), i - queue.first
        while clock[at.STATUS, l] == FINISHED:
            until, time, due = clock[at.UNTIL, l], clock[at.TIME, l], clock[at.DUE, l]
            if due < until and due <= time:
                leave(one, a, l)
                queue.cursor[k] = apply(one, events, settings.counts, queue.cursor[k], events.offsets[i + 1])
                return _JUMPED
            if time < until:
                if not due - time > max(
                    1e-15 * abs(time), 1e-250
                ):  # too close for a step (see ``march.at_once``)
                    clock[at.BEFORE, l] = clock[at.TIME, l] = due
                    continue
                if clock[at.TURN, l] == 0.0:
                    return _READY
                leave(one, a, l)
                join(queue, i, one.flags[IMPLICIT])
                return _GONE
            glance(a, l, settings.counts, until, table.look)
            outputs(until, table.look, one.parameters, one.static, out[i, queue.column[k]])
            one.clock[NOW] = max(until, one.clock[NOW])
            queue.column[k] += 1
            if queue.column[k] == times.shape[1]:
                leave(one, a, l)
                return _GONE
            clock[at.UNTIL, l] = times[min(i, times.shape[0] - 1), queue.column[k]]
        leave(one, a, l)
        one.clock[NOW] = max(clock[at.UNTIL, l], one.clock[NOW])
        blank(out[i : i + 1], 0, queue.column[k])
        return _GONE

    return serve


@compiled
def glance(a: Gang, l: int, counts: Ints, moment: float, y: Floats) -> None:
    """The state in a lane at an instant of its last step (see ``steppers.interpolate``)."""
    before, time, n = a.clock[at.BEFORE, l], a.clock[at.TIME, l], y.shape[0]
    if moment >= time or time <= before:
        for m in range(n):
            y[m] = a.state[m, l]
        return
    theta = (moment - before) / (time - before)
    rest, dense = 1.0 - theta, a.dense
    for m in range(n):
        inner = dense[2 * n + m, l] + theta * (dense[3 * n + m, l] + theta * dense[4 * n + m, l])
        y[m] = rest * dense[m, l] + theta * (dense[n + m, l] + rest * inner)
        if counts[m] and y[m] < 0.0:
            y[m] = 0.0
