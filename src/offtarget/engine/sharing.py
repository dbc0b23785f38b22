"""Work on rows of arrays, shared out over threads, and a Schedule with its names resolved."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterable
from concurrent.futures import ThreadPoolExecutor

import numpy as np

from offtarget.arrays.schedule import Action, Schedule
from offtarget.engine.layout import Events
from offtarget.errors import InputError, nearest, sentence

__all__ = ["processors", "resolved", "share_out"]


def share_out(work: Callable[[int, int], None], spans: Iterable[tuple[int, int]], threads: int) -> None:
    """Do the work on every span of rows, on several threads.

    Args:
        work: takes the first row and the one after the last; compiled code that lets other threads run.
        spans: the rows, a piece at a time: few enough that Ctrl-C is soon obeyed.
        threads: how many at once.
    """
    if threads == 1:
        for first, last in spans:
            work(first, last)
        return
    with ThreadPoolExecutor(threads) as pool:
        try:
            list(pool.map(lambda span: work(*span), spans))
        except BaseException:
            pool.shutdown(wait=True, cancel_futures=True)
            raise


def processors() -> int:
    """How many processors this process may use."""
    if hasattr(os, "sched_getaffinity"):
        return len(os.sched_getaffinity(0))
    return os.cpu_count() or 1


def resolved(
    schedule: Schedule, model: str, parameters: tuple[str, ...], species: tuple[str, ...], n: int
) -> Events:
    """The events of n patients with the names they act on as numbers: parameters first, then species.

    Args:
        schedule: the events.
        model: what it is called, for error sentences.
        parameters, species: names, in order.
        n: how many patients there are.

    Raises:
        InputError: other patients, no time, a name the model does not have, or a parameter that is added to.
    """
    if schedule.offsets.shape != (n + 1,):
        got = f"{schedule.offsets.shape[0] - 1} patients"
        raise InputError(sentence("schedule", expected=f"events of {n} patients", got=got))
    if np.isnan(schedule.time).any():
        raise InputError(sentence("schedule", expected="a number as the time of each event", got="nan"))
    places = {name: j for j, name in enumerate((*parameters, *species))}
    for name in schedule.names:
        if name not in places:
            raise InputError(f'{model}: an event acts on "{name}". {nearest(name, places, kind="name")}')
    where = np.array([places[name] for name in schedule.names], np.int64)
    target = where[schedule.target] if schedule.target.size else np.zeros(0, np.int64)
    action = schedule.action.astype(np.int64)
    misplaced = np.flatnonzero((action != Action.SET) & (target < len(parameters)))
    if misplaced.size:
        wrong = schedule.names[int(schedule.target[misplaced[0]])]
        verb = "adds to" if action[misplaced[0]] == Action.ADD else "multiplies"
        raise InputError(
            f'{model}: an event {verb} "{wrong}", which is a parameter: a parameter can only be set.'
        )
    time, value = (np.ascontiguousarray(x, np.float64) for x in (schedule.time, schedule.value))
    return Events(np.ascontiguousarray(schedule.offsets, np.int64), time, action, target, value)
