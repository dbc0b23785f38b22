"""Patients through a compiled model: begin, advance, simulate."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from functools import partial
from math import isnan
from time import monotonic, perf_counter
from typing import Any, Literal

import numpy as np
from numpy.typing import ArrayLike, NDArray

from offtarget.arrays.cohort import Cohort
from offtarget.arrays.schedule import Schedule
from offtarget.arrays.trajectories import Status, Trajectories
from offtarget.engine.event_layout import Note, Pending, grown, pending
from offtarget.engine.hybrid_layout import Luck, Rules, luck, rules
from offtarget.engine.kernel import Kernel, build
from offtarget.engine.layout import Clock, Flag, Floats, Patients, Settings, patients
from offtarget.engine.sharing import processors, resolved, share_out
from offtarget.errors import InputError, UnsupportedError, sentence

__all__ = ["Course", "Kernel", "Method", "advance", "begin", "build", "simulate"]

Method = Literal["auto", "explicit", "implicit"]
_METHODS: Mapping[str, int] = {"auto": 0, "explicit": 1, "implicit": 2}

#: Patients one thread takes at a time: enough to drown the overhead, few enough to stop soon after Ctrl-C.
_CHUNK = 256
#: The fewest patients worth a thread of their own.
_FEW = 16
#: Work that is over before threads have started, seconds.
_WORTH_THREADS = 1e-2


@dataclass(slots=True, eq=False)
class Course:
    """A resumable integration: the mutable work arrays of n patients. Each ``advance`` carries them further.

    Attributes:
        patients: patient numbers, shape (n,).
        arrays: what the compiled code keeps of each patient.
        pending: what it keeps of the model's own events, when the model has some.
        luck: what it keeps of chance, and where that comes from, when few cells are counted.
    """

    patients: NDArray[np.uint64]
    arrays: Patients
    pending: Pending | None = None
    luck: tuple[Luck, Rules] | None = None

    @property
    def now(self) -> Floats:
        """The time to which each patient has been taken, shape (n,)."""
        return self.arrays.clock[:, Clock.NOW].copy()

    @property
    def status(self) -> NDArray[np.int8]:
        """A Status a patient so far, shape (n,)."""
        return self.arrays.flags[:, Flag.STATUS].astype(np.int8)

    @property
    def steps(self) -> NDArray[np.int64]:
        """Solver steps tried so far, shape (n,)."""
        return self.arrays.flags[:, Flag.STEPS].copy()

    @property
    def implicit(self) -> NDArray[np.bool_]:
        """Which patients the implicit method has at present, shape (n,)."""
        return np.asarray(self.arrays.flags[:, Flag.IMPLICIT] == 1)


def begin(kernel: Kernel, cohort: Cohort, *, time: float = 0.0, seed: int = 0) -> Course:
    """Patients at the start, ready to ``advance``.

    Args:
        kernel: the compiled model.
        cohort: columns named like a parameter take the place of its default, in the model's units; others are
            covariates and not looked at. A patient with a value that is not finite fails at once, alone.
        time: when the patients start, in the kernel's time unit.
        seed: settles all chance: when cells that are counted are born and die, and the order in which a patient's
            events of one instant and equal priority are executed.
    """
    course = patients(cohort.size, len(kernel.species), len(kernel.parameters), kernel.statics, float(time))
    course.parameters[:] = kernel.defaults
    for j, name in enumerate(kernel.parameters):
        if name in cohort.columns:
            course.parameters[:, j] = cohort.columns[name]
    bad = ~np.isfinite(course.parameters).all(axis=1)
    course.flags[bad, Flag.STATUS] = Status.NOT_FINITE
    own = pending(kernel.plan, cohort.patients, float(time), seed) if kernel.plan else None
    chance = (luck(kernel.net, cohort.patients), rules(kernel.net, seed)) if kernel.net else None
    return Course(cohort.patients, course, own, chance)


def advance(
    kernel: Kernel, course: Course, schedule: Schedule, until: ArrayLike, *, tolerance: float = 1e-6,
    threads: int | None = None, method: Method = "auto", budget: int = 1_000_000, deadline: float | None = None,
) -> Floats:  # fmt: skip
    """Carry every patient on to ``until``; the outputs there come back, shape (n, outputs), NaN rows for the failed.

    Events of the schedule from the patient's present time up to but not including ``until`` are applied; one at
    ``until`` itself belongs to the next call, so that outputs are what a visit sees before it changes anything. The
    model's own events are part of the model: outputs at their instant show the state after them.

    Args:
        kernel: the compiled model.
        course: from ``begin``; changed in place.
        schedule: events of the n patients. Events before a patient's present time are taken as past.
        until: a time for all or one a patient, shape () or (n,), not before the patient's present time.
        tolerance: largest error of a step relative to each species' size (see ``Kernel.floor``).
        threads: worker threads; by default one for each processor. The result does not depend on it.
        method: ``auto`` chooses by stiffness; ``explicit`` and ``implicit`` insist, from this call on.
        budget: steps a patient may take from the start, instants of the model's own events included: a limit counted in
            work, which stops the same patients at the same place on any machine.
        deadline: a moment of ``time.monotonic`` after which nobody steps on; whoever has not arrived is TIMED_OUT, and
            who that is depends on the machine.

    Raises:
        InputError: an event for a name the model does not have, a time that goes back, a tolerance that makes no sense.
    """
    n = course.patients.shape[0]
    times = np.array(until, np.float64)
    if times.shape not in ((), (n,)):
        expected, got = f"one time, or one for each of {n} patients", f"shape {times.shape}"
        raise InputError(sentence("until", expected=expected, got=got))
    times = np.broadcast_to(times, (n,))[:, None].copy()
    values = np.empty((n, 1, len(kernel.outputs)))
    _run(kernel, course, schedule, times, values, tolerance, threads, method, budget, deadline)
    return values[:, 0, :]


def simulate(
    kernel: Kernel, cohort: Cohort, schedule: Schedule, *, times: ArrayLike, tolerance: float = 1e-6,
    threads: int | None = None, method: Method = "auto", budget: int = 1_000_000, deadline: float | None = None,
    seed: int = 0,
) -> Trajectories:  # fmt: skip
    """Every patient from time zero (or the first time, when that is earlier) through all times.

    Args:
        kernel: the compiled model.
        cohort, schedule: n patients; see ``begin`` and ``advance``. Outputs at the instant of an event show the state
            before it.
        times: shape (m,), ascending.
        tolerance, threads, method, budget, deadline: see ``advance``.
        seed: see ``begin``.

    Raises:
        InputError: as ``advance``.
    """
    at = np.array(times, np.float64).reshape(1, -1)
    if np.any(np.diff(at[0]) < 0) or not np.isfinite(at).all():
        raise InputError(sentence("times", expected="finite times in ascending order", got=at[0].tolist()))
    course = begin(kernel, cohort, time=min(0.0, float(at[0, 0])) if at.size else 0.0, seed=seed)
    values = np.empty((cohort.size, at.shape[1], len(kernel.outputs)))
    _run(kernel, course, schedule, at, values, tolerance, threads, method, budget, deadline)
    return Trajectories(
        cohort.patients, at[0], kernel.outputs, kernel.output_units, values, course.status, course.steps
    )


def _run(
    kernel: Kernel, course: Course, schedule: Schedule, times: Floats, values: Floats, tolerance: float,
    threads: int | None, method: Method, budget: int, deadline: float | None,
) -> None:  # fmt: skip
    n, alive = course.patients.shape[0], course.status == Status.FINISHED
    _check(tolerance, threads, method, budget, deadline)
    if times.size and np.any(~np.isfinite(times[:, 0]) & alive):
        raise InputError(sentence("until", expected="a finite time for each patient", got="nan or infinity"))
    if times.size and np.any((times[:, 0] < course.arrays.clock[:, Clock.NOW]) & alive):
        raise InputError(
            sentence("until", expected="a time not before the patient's present one", got="an earlier one")
        )
    if kernel.delayed and schedule.time.size:
        raise UnsupportedError(f"{kernel.id}: a schedule for a model that uses delay() is not supported.")
    events = resolved(schedule, kernel.id, kernel.parameters, kernel.species, n)
    allowance = np.array([budget], np.int64)
    settings = Settings(
        float(tolerance), allowance, _METHODS[method], kernel.floor, kernel.share, kernel.counts
    )
    if method != "auto":
        course.arrays.flags[:, Flag.IMPLICIT] = method == "implicit"
    with _until(deadline, allowance):
        _march(kernel, course, (events, settings, times, values), n, threads)
    flags = course.arrays.flags
    cut = alive & (flags[:, Flag.STATUS] == Status.TOO_MANY_STEPS) & (flags[:, Flag.STEPS] <= budget)
    flags[cut, Flag.STATUS] = Status.TIMED_OUT


def _check(
    tolerance: float, threads: int | None, method: Method, budget: int, deadline: float | None
) -> None:
    if not 1e-14 <= tolerance <= 0.1:
        raise InputError(sentence("tolerance", expected="a number from 1e-14 to 0.1", got=tolerance))
    if method not in _METHODS:
        raise InputError(sentence("method", expected='"auto", "explicit" or "implicit"', got=method))
    if threads is not None and threads < 1:
        raise InputError(sentence("threads", expected="one or more", got=threads))
    if budget != int(budget) or not 0 <= budget < 2**62:
        raise InputError(
            sentence("budget", expected="a whole number of steps from 0 to 2**62 - 1", got=budget)
        )
    if deadline is not None and isnan(deadline):
        raise InputError(sentence("deadline", expected="a moment of time.monotonic", got=deadline))


@contextmanager
def _until(deadline: float | None, allowance: NDArray[np.int64]) -> Iterator[None]:
    """Take everybody's steps away at the deadline: compiled code reads the allowance as it goes."""
    left = np.inf if deadline is None else deadline - monotonic()
    if left > threading.TIMEOUT_MAX:  # longer than a clock of the system can be set
        yield
        return
    timer = threading.Timer(max(0.0, left), allowance.fill, (-1,))
    timer.daemon = True
    if left <= 0:
        allowance.fill(-1)
    timer.start()
    try:
        yield
    finally:
        timer.cancel()


def _march(kernel: Kernel, course: Course, work: tuple[Any, ...], n: int, threads: int | None) -> None:
    """The compiled march; queues of the model's own events grow when one is full."""
    own = course.pending
    if course.luck is not None:
        _share(partial(kernel.entry, course.arrays, *course.luck, *work), n, threads)
        return
    if own is None:
        _share(partial(kernel.entry, course.arrays, *work), n, threads)
        return
    own.notes[:, Note.COLUMN] = 0
    while True:
        _share(partial(kernel.entry, course.arrays, own, kernel.plan, *work), n, threads)
        full = own.notes[:, Note.FULL] == 1
        if not full.any():
            return
        more = grown(own)
        if more is None:
            course.arrays.flags[full, Flag.STATUS] = Status.TOO_MANY_WAITING
        own = course.pending = more or own


def _share(work: Callable[[int, int], None], n: int, threads: int | None) -> None:
    """Patients 0 to n, a group at a time: on several threads when the first few say that it will take a while."""
    workers, first = min(threads or processors(), max(1, n // _FEW)), 0
    if workers > 1:
        begun, first = perf_counter(), _FEW
        work(0, first)
        if (perf_counter() - begun) * (n - first) < _WORTH_THREADS * first:
            workers = 1
    size = max(_FEW, min(_CHUNK, -(-n // (4 * workers)))) if workers > 1 else _CHUNK
    share_out(work, [(place, min(place + size, n)) for place in range(first, n, size)], workers)
