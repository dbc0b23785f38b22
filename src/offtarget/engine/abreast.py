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
from offtarget.engine.lane_layout import Desk, Places
from offtarget.engine.lane_seats import (
    arrive,
    boarder,
    expect,
    fail,
    join,
    leave,
    opener,
    renewer,
    shower,
    strike,
)
from offtarget.engine.lanes import WIDTH
from offtarget.engine.layout import (
    CHANGED,
    COLUMN,
    FINISHED,
    IMPLICIT,
    Events,
    Floats,
    Ints,
    Patients,
    Settings,
)
from offtarget.engine.steppers import compiled, compiled_for, inlined, merged

__all__ = ["marcher"]

#: What becomes of a lane that has been seen to: it steps on, it starts anew after a jump, nobody sits there any more.
_READY, _JUMPED, _GONE = 0, 1, 2


def marcher(
    alone: tuple[Any, ...],
    eight: tuple[Any, ...],
    held: list[int],
    sizes: tuple[int, int, int],
    where: Places,
) -> Any:
    """The march of one model, from its compiled functions; patient by patient where nothing is compiled.

    Functions are bound here rather than passed as arguments: numba does not cache code that holds a function as a
    value.

    Args:
        alone: ``static, initial, rhs, jacobian, outputs`` for one patient.
        eight: ``static, rhs, jacobian`` for eight.
        held: which parameters and static expressions the right-hand side needs, see ``lane_code``.
        sizes: how many parameters, static expressions, rows of the table in which these are computed.
        where: the table of a gang.
    """
    settings: Any = numba.config
    if settings.DISABLE_JIT:
        static, initial, rhs, jacobian, outputs = alone
        return march.marcher(static, initial, rhs, jacobian, outputs, where.n)
    return _together(alone[1], alone[4], eight, held, sizes, where)


def _together(
    initial: Any,
    outputs: Any,
    eight: tuple[Any, ...],
    held: list[int],
    sizes: tuple[int, int, int],
    where: Places,
) -> Any:
    """The march of one model, eight patients abreast."""
    static, rhs, jacobian = eight
    show, renew, board = shower(outputs), renewer(static, *sizes[:2]), boarder(held, where)
    open_up, serve, seat = opener(initial, renew, show), _server(show, where), _seater(board)
    start, see_to = starter(rhs, where), _overseer(serve, renew, board)
    explicit, implicit = (leaper(rhs, jacobian, where, implicit=implicit) for implicit in (False, True))
    rows = sizes[2]

    @inlined
    def all_abreast(
        patients: Patients, events: Events, settings: Settings, times: Floats, out: Floats, first: int, last: int
    ) -> None:  # fmt: skip
        """Take patients ``first`` to ``last`` through ``times`` (one row for all, or one each), writing outputs."""
        if times.shape[1] == 0:
            return
        # Made here, so that the compiler knows that no two of them overlap: steps take half as long again without.
        one, two = np.zeros((where.rows, WIDTH)), np.zeros((where.rows, WIDTH))
        desk = Desk(np.zeros((2, last - first), np.int64), np.zeros(2, np.int64), np.zeros(2, np.int64),
                    np.zeros(2, np.int64), np.zeros((2, WIDTH), np.int64), np.zeros((rows, WIDTH)),
                    np.zeros(WIDTH, np.int64), np.zeros(where.n))  # fmt: skip
        seated, fresh = desk.seated, desk.fresh
        open_up(patients, events, settings, times, out, first, last, desk)
        while seated[0] + seated[1] + desk.length[0] + desk.length[1] > 0:
            method = whose_turn(desk.length, seated)
            a = two if method else one
            need = seat(patients, events, times, desk, a, method)
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
            see_to(patients, events, settings, times, out, desk, a, method, need)

    return all_abreast


def _overseer(serve: Any, renew: Any, board: Any) -> Any:
    """Seeing to a gang, for one model."""

    @inlined
    def see_to(
        patients: Patients, events: Events, settings: Settings, times: Floats, out: Floats, desk: Desk, a: Floats,
        method: int, need: int,
    ) -> None:  # fmt: skip
        """Serve the lanes that need it (bits), and note who is gone and who starts anew."""
        for l in range(WIDTH):
            what = (
                serve(patients, events, settings, times, out, desk, a, method, l) if need >> l & 1 else _READY
            )
            if what == _GONE:
                desk.seated[method] &= ~(1 << l)
            elif what == _JUMPED:
                i = desk.who[method, l]
                renew(patients, i, i + 1, desk)
                if patients.flags[i, IMPLICIT] == method:
                    board(patients, i, a, l)
                    expect(patients, events, times, i, a, l)
                    desk.fresh[method] |= 1 << l
                else:
                    join(desk, i, 1 - method)
                    desk.seated[method] &= ~(1 << l)

    return see_to


@compiled
def whose_turn(length: Ints, seated: Ints) -> int:
    """The implicit gang steps when all its seats are taken, or when there is nobody else."""
    stiff = length[1]
    for l in range(WIDTH):
        stiff += seated[1] >> l & 1
    return 1 if stiff >= WIDTH or seated[0] + length[0] == 0 else 0


def _seater(board: Any) -> Any:
    """Filling empty lanes, for one model."""

    @compiled_for(board, merged)
    def seat(patients: Patients, events: Events, times: Floats, desk: Desk, a: Floats, method: int) -> int:
        """Seat who waits for this method; lanes with somebody new come back, as bits."""
        new = 0
        for l in range(WIDTH):
            if desk.length[method] > 0 and not desk.seated[method] >> l & 1:
                desk.length[method] -= 1
                i = desk.waiting[method, desk.length[method]]
                desk.who[method, l] = i
                board(patients, i, a, l)
                expect(patients, events, times, i, a, l)
                if patients.flags[i, CHANGED]:
                    desk.fresh[method] |= 1 << l
                else:
                    new |= 1 << l
                desk.seated[method] |= 1 << l
        return new

    return seat


def _server(show: Any, where: Places) -> Any:
    """Seeing to a lane, for one model."""

    @compiled_for(show, merged)
    def serve(
        patients: Patients, events: Events, settings: Settings, times: Floats, out: Floats, desk: Desk, a: Floats,
        method: int, l: int,
    ) -> int:  # fmt: skip
        """Whatever the patient in a lane needs before another step: outputs, events, the other method, an end."""
        i = desk.who[method, l]
        while a[at.STATUS, l] == FINISHED:
            until, time, due = a[at.UNTIL, l], a[at.TIME, l], a[at.DUE, l]
            if due < until and due <= time:
                leave(patients, i, a, where, l)
                strike(patients, events, settings.counts, i)
                return _JUMPED
            if time < until:
                # What is too close for a step: see ``march.at_once``.
                if due - time <= max(1e-15 * abs(time), 1e-250):
                    a[at.BEFORE, l] = a[at.TIME, l] = due
                    continue
                if a[at.TURN, l] == 0.0:
                    return _READY
                leave(patients, i, a, where, l)
                join(desk, i, patients.flags[i, IMPLICIT])
                return _GONE
            glance(a, where, l, settings.counts, until, desk.look)
            if not show(patients, times, out, i, desk.look):
                arrive(patients, i, a, where, l)
                return _GONE
            a[at.UNTIL, l] = times[min(i, times.shape[0] - 1), patients.flags[i, COLUMN]]
        leave(patients, i, a, where, l)
        fail(patients, times, out, i)
        return _GONE

    return serve


@compiled
def glance(a: Floats, where: Places, l: int, counts: Ints, moment: float, y: Floats) -> None:
    """The state in a lane at an instant of its last step (see ``steppers.interpolate``)."""
    before, time, n, dense = a[at.BEFORE, l], a[at.TIME, l], where.n, where.dense
    if moment >= time or time <= before:
        for m in range(n):
            y[m] = a[where.state + m, l]
        return
    theta = (moment - before) / (time - before)
    rest = 1.0 - theta
    for m in range(n):
        k = dense + m
        inner = a[k + 2 * n, l] + theta * (a[k + 3 * n, l] + theta * a[k + 4 * n, l])
        y[m] = rest * a[k, l] + theta * (a[k + n, l] + rest * inner)
        if counts[m] and y[m] < 0.0:
            y[m] = 0.0
