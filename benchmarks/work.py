"""A piece of work as read from its folder: what simulators other than offtarget see of it."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np


@dataclass(frozen=True)
class Piece:
    """From one event to the next.

    Attributes:
        stops: start, the output times inside, end.
        rows: which output rows are in here; ``keep`` which of the stops they are.
        then: (name, value, add) at the end.
    """

    stops: list[float]
    rows: list[int]
    keep: list[int]
    then: list[tuple[str, float, bool]]


class Work:
    """The job in a folder."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        said = json.loads((folder / "job.json").read_text(encoding="utf-8"))
        numbers = np.load(folder / "job.npz")
        self.times: np.ndarray = numbers["times"]
        self.values: np.ndarray = numbers["values"]
        self.states: list[str] = said["states"]
        self.parameters: list[str] = said["parameters"]
        self.defaults = np.array(said["defaults"])
        self.columns: list[str] = said["columns"]
        self.known: dict[str, int] = said["known"]
        self.switches = [tuple(one) for one in said["switches"]]
        self.doses = [tuple(one) for one in said["doses"]]
        self.scale: np.ndarray = (
            np.load(folder / "scale.npy") if (folder / "scale.npy").exists() else np.ones(len(self.states))
        )
        self.switched = [name for _, name, _ in self.switches]

    def default(self, name: str) -> float:
        """The model's own value of a parameter."""
        return float(self.defaults[self.parameters.index(name)])

    def parameters_of(self, values: np.ndarray) -> np.ndarray:
        """All parameters of these patients, shape (n, parameters)."""
        full = np.tile(self.defaults, (len(values), 1))
        full[:, [self.parameters.index(name) for name in self.columns]] = values
        return full

    def known_of(self, values: np.ndarray) -> np.ndarray:
        """What ``model.xml`` expects to be computed beforehand, (n, names of ``known``)."""
        with np.errstate(all="ignore"):
            statics = self.equations(vars(np))["static"](self.parameters_of(values).T)
        rows = [np.broadcast_to(statics[place], len(values)) for place in self.known.values()]
        return np.column_stack(rows) if rows else np.empty((len(values), 0))

    def equations(self, functions: Mapping[str, Any]) -> dict[str, Any]:
        """``static``, ``initial`` and ``rhs`` with these functions (exp, where, minimum, ...)."""
        space: dict[str, Any] = dict(functions)
        exec((self.folder / "equations.py").read_text(encoding="utf-8"), space)
        return space

    def pieces(self) -> list[Piece]:
        """The whole time, cut at events. An output at the instant of an event is what was there before it."""
        events = [(t, name, value, False) for t, name, value in self.switches]
        events += [(t, name, value, True) for t, name, value in self.doses]
        ends = sorted({float(t) for t, *_ in events if t > 0} | {float(self.times[-1])})
        start, found, done = 0.0, [], 0
        for end in ends:
            inside = int(np.searchsorted(self.times, end, side="right"))
            at = [float(t) for t in self.times[done:inside]]
            stops = sorted({start, *at, end})
            then = [(name, value, add) for t, name, value, add in events if t == end]
            found.append(Piece(stops, list(range(done, inside)), [stops.index(t) for t in at], then))
            start, done = end, inside
        return found

    def at_start(self) -> list[tuple[str, float, bool]]:
        """Events at time zero, which come before everything else."""
        return [(name, value, True) for t, name, value in self.doses if t == 0]
