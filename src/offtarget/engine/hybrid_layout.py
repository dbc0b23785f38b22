"""The arrays that Python and the compiled code share for patients whose cells are counted where they are few."""

from __future__ import annotations

from collections.abc import Iterable
from enum import IntEnum
from typing import Any, NamedTuple

import numpy as np
from numba import int64, typeof, void
from numpy.typing import NDArray

from offtarget.engine.layout import Events, Floats, Ints, Settings, patients
from offtarget.randomness import stream

__all__ = [
    "BIRTH",
    "DEATH",
    "EXCHANGE",
    "SIGNATURE",
    "Luck",
    "Net",
    "Own",
    "Passed",
    "Rules",
    "luck",
    "rules",
]

#: What a reaction is to the cells it changes: one more of a kind, one fewer, or anything else.
BIRTH, DEATH, EXCHANGE = 0, 1, 2


class Passed(IntEnum):
    """Columns of ``Luck.passed``, of each part of the last step."""

    FIRST = 0  #: cells at the start of the part; below zero where the species flowed
    LINES = 1  #: those of them who have descendants at its end; below zero where that is not known
    AFTER = 2  #: cells at its end; in the first part of what flowed, what its spread came to in the step
    BIRTHS = 3  #: rate of birth of each, 1/day
    DEATHS = 4  #: rate of death, 1/day


class Net(NamedTuple):
    """What may happen by chance, the same for every patient.

    A switch is the parameter that says whether a reaction happens by chance (1) or flows (0). A channel is one
    direction of a reaction whose firings are counted; births and deaths of a branching net have none.
    """

    switch: Ints  #: the parameter that is each reaction's switch, (reactions,)
    touched: Ints  #: 1 where a reaction changes a counted species, (reactions, counted)
    reaction: Ints  #: the reaction of each channel, (channels,)
    first: Ints  #: channel c changes ``target[first[c]:first[c + 1]]``, (channels + 1,)
    target: Ints  #: species
    amount: Floats  #: what one firing adds to each
    place: Ints  #: its number among the counted species, -1: it always flows
    counted: Ints  #: species that are whole numbers where they are few, (counted,)
    low: Floats  #: below this a species that flows is counted, (counted,)
    high: Floats  #: from here on a species that is counted flows, (counted,)
    kind: Ints  #: ``BIRTH``, ``DEATH`` or ``EXCHANGE``, (reactions,)
    both: Ints  #: 1 where a rate below zero means that it happens backwards, (reactions,)
    own: Ints  #: the counted species of which a reaction is a birth or death, (reactions,)
    life_first: (
        Ints  #: ``life[life_first[j]:life_first[j + 1]]`` are reactions of counted species j, (counted + 1,)
    )
    life: Ints  #: those whose ``own`` it is
    source: Ints  #: the counted species from which a channel takes a cell, -1: none, (channels,)
    clocks: tuple[tuple[str, ...], ...]  #: names of the channels' random streams
    names: tuple[str, ...]  #: names of the counted species


class Rules(NamedTuple):
    """The part of a ``Net`` that compiled code reads."""

    switch: Ints
    touched: Ints
    reaction: Ints
    first: Ints
    target: Ints
    amount: Floats
    place: Ints
    counted: Ints
    low: Floats
    high: Floats
    kind: Ints
    both: Ints
    own: Ints
    life_first: Ints
    life: Ints
    source: Ints
    clock_keys: Ints  #: key, key and salt of each channel's stream, (channels, 3)
    turning_keys: Ints  #: the same for counted cells that turn in a step, (channels, 3)
    rounding_keys: Ints  #: the same for roundings, (counted, 3)
    life_keys: Ints  #: the same for births and deaths in a step, (counted, 3)
    spread_keys: Ints  #: the same for the spread of what flows, (counted, 3)
    look_keys: Ints  #: the same for a look into the middle of a step, (counted, 3)
    look_turned_keys: Ints  #: the same, (channels, 3)


class Luck(NamedTuple):
    """What is known of each patient's chance; the first axis is the patient."""

    numbers: Ints  #: patient numbers, (n,)
    left: Floats  #: own time of each channel to its next firing, as of the start of the last step, (n, channels)
    spare: Floats  #: the other half of the last pair of own times, (n, channels)
    fired: Ints  #: firings begun, (n, channels)
    whole: Ints  #: 1 while a species is counted, (n, counted)
    rounded: Ints  #: how often it has been rounded by chance, (n, counted)
    steps: Ints  #: steps kept, (n, 1)
    passed: Floats  #: births and deaths in the three parts of the last step, (n, counted, 3, len(Passed))
    turned: Floats  #: firings of each channel in the two halves of the last step, (n, channels, 2)
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
    steps: Ints
    passed: Floats
    turned: Floats
    next: Floats
    which: Ints


def rules(net: Net, seed: int) -> Rules:
    """The net with the streams of one run: luck is found by the name of the reaction or species, and its purpose."""

    def keys(names: Iterable[tuple[str, ...]]) -> Ints:
        streams = [stream(seed, *one) for one in names]
        return np.array([(*one.key, one.salt) for one in streams], np.int64).reshape(-1, 3)

    rounding, lives, spread, looks = (
        keys((purpose, name) for name in net.names) for purpose in ("rounding", "lives", "spread", "looks")
    )
    turns, turns_looks = (keys((*one, purpose) for one in net.clocks) for purpose in ("turns", "looks"))
    return Rules(*net[:16], keys(net.clocks), turns, rounding, lives, spread, looks, turns_looks)


def luck(net: Net, numbers: NDArray[np.uint64]) -> Luck:
    """Nothing has happened yet to these patients."""
    n, channels, counted = numbers.shape[0], net.reaction.shape[0], net.counted.shape[0]
    stream(0, "reaction").uniform(numbers)  # refuses patient numbers that would share their luck
    return Luck(
        numbers=numbers.astype(np.int64), left=np.zeros((n, channels)), spare=np.zeros((n, channels)),
        fired=np.zeros((n, channels), np.int64), whole=np.zeros((n, counted), np.int64),
        rounded=np.zeros((n, counted), np.int64), steps=np.zeros((n, 1), np.int64),
        passed=np.full((n, counted, 3, len(Passed)), -1.0),
        turned=np.zeros((n, channels, 2)), next=np.full((n, 1), np.inf), which=np.zeros((n, 1), np.int64),
    )  # fmt: skip


_ANY, _WHOLE = np.zeros(0), np.zeros(0, np.int64)
_NET = Net(_WHOLE, np.zeros((0, 0), np.int64), _WHOLE, _WHOLE, _WHOLE, _ANY, _WHOLE, _WHOLE, _ANY, _ANY, _WHOLE, _WHOLE,
           _WHOLE, _WHOLE, _WHOLE, _WHOLE, (), ())  # fmt: skip
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
