"""Run a trial: from the study to its result. Every arm treats the same patients, with the same luck."""

from __future__ import annotations

import operator
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field

import numpy as np
from numpy.typing import NDArray

from offtarget.arrays.cohort import Cohort
from offtarget.arrays.trajectories import Status
from offtarget.engine.kernel import Kernel
from offtarget.errors import Cancelled, InputError, Interrupted, sentence
from offtarget.evidence import stamp
from offtarget.trials.analysis import compare, estimate
from offtarget.trials.differences import differences
from offtarget.trials.follow import Followed, follow
from offtarget.trials.inputs import exposure_rows, parameter_rows, troughs
from offtarget.trials.panel import make_panel
from offtarget.trials.result import Accounting, Outcome, TrialResult
from offtarget.trials.setup import Setup, enrol, prepare
from offtarget.trials.spectrum import courses, spectra
from offtarget.trials.trial import Trial
from offtarget.units import DAYS_PER_MONTH

__all__ = ["Progress", "run"]

#: Called as the run goes: (patients done in all arms, patients in all).
Progress = Callable[[int, int], None]

#: Patients followed together: enough for array operations to be efficient, few enough to show progress.
_CHUNK = 1000
#: Patients whose trajectories enter the figures' median and band; the first ones, so more patients change nothing.
_BAND = 2000
_MOST_PATIENTS = 10_000_000


def run(
    trial: Trial,
    *,
    patients: int = 1000,
    seed: int = 1,
    threads: int | None = None,
    progress: Progress | None = None,
) -> TrialResult:
    """The result of a virtual clinical trial.

    If the user interrupts (Ctrl-C), the result covers the patients that every arm had finished.

    Args:
        trial: the study.
        patients: how many to enrol, the same ones in every arm.
        seed: any non-negative integer; the same seed gives the same result on any number of threads.
        threads: worker threads; None uses one for each processor.
        progress: called once the study is understood, and after each group of patients.

    Raises:
        InputError: the study asks for something the model or the catalogue does not have.
        Cancelled: interrupted before any patient had finished.
    """
    patients, seed = _whole("patients", patients), _whole("seed", seed)
    _check_counts(patients, seed, threads)
    watch = _Stopwatch()
    with watch("prepare"):
        setup = prepare(trial)
    if progress is not None:
        progress(0, patients * len(trial.arms))
    with watch("compile"):
        kernel = setup.build()
    with watch("simulate"):
        chunks = _follow_all(setup, kernel, patients, seed, threads, progress)
    if not chunks:
        raise Cancelled("Stopped before any patient was finished: there is nothing to report.")
    with watch("assess"):
        try:
            return _result(setup, kernel, chunks, patients, seed, watch)
        except (
            KeyboardInterrupt,
            Interrupted,
        ):  # a second's work again, rather than lose the patients' minutes
            return _result(setup, kernel, chunks, patients, seed, watch)


def _whole(name: str, value: int) -> int:
    """A plain integer, from whatever counts as one: NumPy has its own."""
    try:
        return operator.index(value)
    except TypeError:
        raise InputError(sentence(name, expected="a whole number", got=value)) from None


def _check_counts(patients: int, seed: int, threads: int | None) -> None:
    if not 1 <= patients <= _MOST_PATIENTS:
        raise InputError(sentence("patients", expected=f"from 1 to {_MOST_PATIENTS}", got=patients))
    if seed < 0:
        raise InputError(sentence("seed", expected="zero or more", got=seed))
    if threads is not None and threads < 1:
        raise InputError(sentence("threads", expected="one or more", got=threads))


@dataclass(frozen=True, slots=True, eq=False)
class _Chunk:
    """A group of patients after all arms."""

    cohort: Cohort
    arms: tuple[Followed, ...]


def record_days(horizon: float) -> NDArray[np.float64]:
    """The days on which trajectories are recorded for figures: monthly, at most 361 of them, shape (m,)."""
    every = DAYS_PER_MONTH * max(1.0, np.ceil(horizon / DAYS_PER_MONTH / 360))
    return np.arange(0.0, horizon + 1e-6, every)


def _follow_all(
    setup: Setup, kernel: Kernel, patients: int, seed: int, threads: int | None, progress: Progress | None
) -> list[_Chunk]:
    trial, chunks, done = setup.trial, [], 0
    whole, days = patients * len(trial.arms), record_days(trial.horizon)
    try:
        for first in range(0, patients, _CHUNK):
            cohort = enrol(setup, min(_CHUNK, patients - first), seed, first=first)
            arms = []
            for arm in trial.arms:
                recorded = days if first < _BAND else days[:1]
                arms.append(follow(setup, arm, kernel, cohort, seed=seed, days=recorded, threads=threads))
                done += cohort.size
                if progress is not None:
                    progress(done, whole)
            chunks.append(_Chunk(cohort, tuple(arms)))
    except (KeyboardInterrupt, Interrupted):
        pass  # what every arm has finished is the result; the caller sees patients < planned
    return chunks


def _result(
    setup: Setup, kernel: Kernel, chunks: list[_Chunk], planned: int, seed: int, watch: _Stopwatch
) -> TrialResult:
    trial = setup.trial
    outcomes = _joined(chunks)
    followed = [[chunk.arms[number] for chunk in chunks] for number in range(len(trial.arms))]
    accounting = tuple(_account(trial.arms[number].name, parts) for number, parts in enumerate(followed))
    simulated = sum(chunk.cohort.size for chunk in chunks)
    days = record_days(trial.horizon)
    seen = [chunk for chunk in chunks if int(chunk.cohort.patients[0]) < _BAND]
    everyone = Cohort.joined([chunk.cohort for chunk in seen])
    numbers = [chunk.cohort.patients for chunk in seen]
    recorded = [[chunk.arms[number] for chunk in seen] for number in range(len(trial.arms))]
    return TrialResult(
        trial=trial, model=setup.model, planned=planned, patients=simulated, seed=seed, outcomes=outcomes,
        estimates=estimate(trial, outcomes), comparisons=compare(trial, outcomes), accounting=accounting,
        panel=make_panel(trial, kernel, days, numbers, recorded),
        final=tuple(np.concatenate([part.final for part in parts]) for parts in followed),
        parameters=parameter_rows(setup), troughs=troughs(setup, everyone, seed),
        exposures=exposure_rows(setup, everyone, seed),
        versions=stamp(), inputs=setup.inputs, files=setup.files, seconds=watch.seconds,
        counted=setup.counted, differences=differences(trial, outcomes),
        spectra=spectra(trial, setup.model.clones, outcomes),
        courses=courses(trial, kernel, setup.model.clones, days, numbers, recorded, outcomes),
    )  # fmt: skip


def _joined(chunks: list[_Chunk]) -> tuple[Outcome, ...]:
    """The outcomes of all groups of patients, arm by arm and endpoint by endpoint."""
    whole = []
    for number in range(len(chunks[0].arms)):
        for place, first in enumerate(chunks[0].arms[number].outcomes):
            parts = [chunk.arms[number].outcomes[place] for chunk in chunks]
            columns = ("patients", "origin", "time", "event", "weight", "clone")
            joined = (np.concatenate([getattr(part, name) for part in parts]) for name in columns)
            whole.append(Outcome(first.arm, first.endpoint, *joined))
    return tuple(whole)


def _account(arm: str, parts: list[Followed]) -> Accounting:
    status = np.concatenate([part.status for part in parts])
    fired = {rule: sum(part.fired[rule] for part in parts) for rule in parts[0].fired}
    counts = {one: int(np.count_nonzero(status == one)) for one in Status}
    return Accounting(arm, int(status.size), counts, fired, sum(part.cell_free for part in parts))


@dataclass(slots=True)
class _Stopwatch:
    """Wall time by phase, for the manifest."""

    seconds: dict[str, float] = field(default_factory=dict)

    @contextmanager
    def __call__(self, phase: str) -> Iterator[None]:
        begun = time.perf_counter()
        try:
            yield
        finally:
            self.seconds[phase] = round(time.perf_counter() - begun, 3)
