"""The arrays that Python and the compiled code share for patients whose cells are counted where they are few."""

from __future__ import annotations

from typing import Any, NamedTuple

import numpy as np
from numba import int64, typeof, void
from numpy.typing import NDArray

from offtarget.engine.layout import Events, Floats, Ints, Settings, patients
from offtarget.randomness import stream

__all__ = ["SIGNATURE", "Luck", "Net", "Own", "Rules", "luck", "rules"]


class Net(NamedTuple):
    """What may happen by chance, the same for every patient.

    A channel is one direction of a reaction. The state holds the species and after them, one a channel, the integral of
    its rate since the last instant that was settled. A switch is the parameter that says whether a reaction happens by
    chance (1) or flows (0).
    """

    switch: Ints  #: the parameter that is each reaction's switch, (reactions,)
    touched: Ints  #: 1 where a reaction changes a counted species, (reactions, counted)
    reaction: Ints  #: the reaction of each channel, (channels,)
    first: Ints  #: channel c changes ``target[first[c]:first[c + 1]]``, (channels + 1,)
    target: Ints  #: species
    amount: Floats  #: what one firing adds to each
    counted: Ints  #: species that are whole numbers where they are few, (counted,)
    low: Floats  #: below this a species that flows is counted, (counted,)
    high: Floats  #: from here on a species that is counted flows, (counted,)
    clocks: tuple[tuple[str, ...], ...]  #: names of the channels' random streams
    roundings: tuple[tuple[str, ...], ...]  #: names of the streams that round a species to whole cells


class Rules(NamedTuple):
    """The part of a ``Net`` that compiled code reads."""

    switch: Ints
    touched: Ints
    reaction: Ints
    first: Ints
    target: Ints
    amount: Floats
    counted: Ints
    low: Floats
    high: Floats
    clock_keys: Ints  #: key, key and salt of each channel's stream, (channels, 3)
    rounding_keys: Ints  #: the same for roundings, (counted, 3)


class Luck(NamedTuple):
    """What is known of each patient's chance; the first axis is the patient."""

    numbers: Ints  #: patient numbers, (n,)
    left: Floats  #: own time of each channel to its next firing, as of the start of the last step, (n, channels)
    spare: Floats  #: the other half of the last pair of own times, (n, channels)
    fired: Ints  #: firings begun, (n, channels)
    whole: Ints  #: 1 while a species is counted, (n, counted)
    rounded: Ints  #: how often it has been rounded by chance, (n, counted)
    next: Floats  #: the first instant inside the last step at which something happens; infinite: none, (n, 1)
    which: Ints  #: the channel that fires then; -1 - j where counted species j has become few, (n, 1)


class Own(NamedTuple):
    """One row of ``Luck``: views, so that what is written is kept."""

    number: int
    left: Floats
    spare: Floats
    fired: Ints
    whole: Ints
    rounded: Ints
    next: Floats
    which: Ints


def rules(net: Net, seed: int) -> Rules:
    """The net with the streams of one run: a channel's luck is found by its reaction's name."""
    clocks = [stream(seed, *names) for names in net.clocks]
    roundings = [stream(seed, *names) for names in net.roundings]
    return Rules(*net[:9], *(np.array([(*one.key, one.salt) for one in streams], np.int64).reshape(-1, 3)
                             for streams in (clocks, roundings)))  # fmt: skip


def luck(net: Net, numbers: NDArray[np.uint64]) -> Luck:
    """Nothing has happened yet to these patients."""
    n, channels, counted = numbers.shape[0], net.reaction.shape[0], net.counted.shape[0]
    stream(0, "reaction").uniform(numbers)  # refuses patient numbers that would share their luck
    return Luck(
        numbers=numbers.astype(np.int64), left=np.zeros((n, channels)), spare=np.zeros((n, channels)),
        fired=np.zeros((n, channels), np.int64), whole=np.zeros((n, counted), np.int64),
        rounded=np.zeros((n, counted), np.int64), next=np.full((n, 1), np.inf), which=np.zeros((n, 1), np.int64),
    )  # fmt: skip


_ANY, _WHOLE = np.zeros(0), np.zeros(0, np.int64)
_NET = Net(_WHOLE, np.zeros((0, 0), np.int64), _WHOLE, _WHOLE, _WHOLE, _ANY, _WHOLE, _ANY, _ANY, (), ())
_of: Any = typeof
#: The types of the compiled entry's arguments.
SIGNATURE = void(
    _of(patients(0, 1, 1, 1, 0.0)),
    _of(luck(_NET, np.zeros(0, np.uint64))),
    _of(rules(_NET, 0)),
    _of(Events(_WHOLE, _ANY, _WHOLE, _WHOLE, _ANY)),
    _of(Settings(1e-6, np.zeros(1, np.int64), 0, _ANY, _ANY, _WHOLE)),
    _of(np.zeros((1, 1))), _of(np.zeros((1, 1, 1))), int64, int64,
)  # fmt: skip
