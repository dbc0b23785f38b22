"""Replicates of a reaction network: whole numbers that change by chance, exactly, as often as one likes.

Every reaction fires at the instants of a Poisson process whose rate is the reaction's: the reading of Gillespie (J Phys
Chem 1977;81:2340). A replicate's luck is a function of (seed, reaction's name, replicate's number, firing), so that the
same bits come on any number of threads, replicate 17 of a hundred is replicate 17 of a million, and two models or
parameter sets share what chance they have in common.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import partial
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from offtarget.arrays.cohort import Cohort
from offtarget.arrays.schedule import Schedule
from offtarget.arrays.trajectories import Status, Trajectories
from offtarget.engine import cache
from offtarget.engine.event_layout import Plan
from offtarget.engine.layout import Events, Floats, Ints
from offtarget.engine.network import Network, Site
from offtarget.engine.replicate_layout import Fortune, Limits, Net, Replicates
from offtarget.engine.sharing import processors, resolved, share_out
from offtarget.errors import InputError, sentence
from offtarget.models.model import Model
from offtarget.randomness import Stream, stream

__all__ = ["Chance", "build_chance", "numbered", "simulate_replicates"]

#: Delayed events that one replicate may have waiting: at first, and at most.
_ROOM, _MOST_WAITING = 16, 4096
#: Replicates one thread takes at a time.
_CHUNK = 64


@dataclass(frozen=True, slots=True, eq=False)
class Chance:
    """A compiled reaction network.

    Attributes:
        parameters: names, in the order of the columns of the work arrays; ``defaults`` the model's own values.
        species: names, in order; ``counted`` are those that reactions change by whole numbers.
        reactions: names of those that change something.
        outputs: names of the output columns; ``output_units`` their units.
        time_unit: unit of every time and of 1/rate.
        digest: SHA-256 of model, outputs, engine and compiler: its name in the cache.
        source: the generated module's text lies here.
        net, plan: the network, and the model's events, as arrays.
        sites: where the model draws from distributions.
        entry: the compiled function.
    """

    id: str
    parameters: tuple[str, ...]
    defaults: Floats
    species: tuple[str, ...]
    counted: tuple[str, ...]
    reactions: tuple[str, ...]
    outputs: tuple[str, ...]
    output_units: tuple[str, ...]
    time_unit: str
    digest: str
    source: str
    net: Net
    plan: Plan
    sites: tuple[Site, ...]
    entry: Any


def build_chance(model: Model, *, outputs: tuple[str, ...] = ()) -> Chance:
    """The model as reactions that fire one at a time, compiled, or from the disk cache.

    Args:
        model: the equations; every species that reactions change is a whole number, and every rate a propensity.
        outputs: species, parameters, rules or reactions (their propensities) to compute at every time; by default the
            model's own choice, or all species and rules when it makes none.

    Raises:
        InputError: an output the model does not have.
        UnsupportedError: what has no meaning in counts, by name: the rate of a reversible reaction that is the
            difference of two directions, a stoichiometry that varies or is no whole number, a rate rule that bends
            between reactions, a propensity that moves smoothly with time, or an event that waits for a curve.

    Example:
        >>> from offtarget.models.sbml import read_model
        >>> decay = read_model("model decay; X = 20; J: X => ; k * X; k = 1; end", where="decay")
        >>> build_chance(decay).counted
        ('X',)
    """
    names = outputs or model.outputs or (*(one.id for one in model.species), *(one.id for one in model.rules))
    network = Network(model)
    name = cache.key(f"chance\n{model.text()}", names)
    module = cache.load(name, lambda: _generate(network, names))
    sites = tuple(network.sites())
    return Chance(
        id=model.id, parameters=tuple(one.id for one in model.parameters),
        defaults=np.array([one.value for one in model.parameters], np.float64),
        species=tuple(one.id for one in model.species), counted=network.counted,
        reactions=tuple(one.id for one in network.reactions), outputs=names,
        output_units=tuple(_unit(model, one) for one in names), time_unit=model.time_unit, digest=name,
        source=str(module.__file__), net=_net(network, sites), plan=_plan(network), sites=sites, entry=module.advance,
    )  # fmt: skip


def numbered(replicates: int, *, first: int = 0) -> Cohort:
    """Replicates of one and the same patient: a cohort of numbers, without columns.

    Args:
        replicates: how many.
        first: the number of the first, and so where its luck begins.
    """
    return Cohort(np.arange(first, first + replicates, dtype=np.uint64), {}, {})


def simulate_replicates(
    chance: Chance, replicates: int | Cohort, schedule: Schedule | None = None, *, times: ArrayLike, seed: int = 1,
    threads: int | None = None, budget: int = 100_000_000,
) -> Trajectories:  # fmt: skip
    """Every replicate from time zero (or the first time, when that is earlier) through all times, exactly.

    Outputs at the instant of an event of the model show the state after it, at one of the schedule's before it.

    Args:
        chance: the compiled network.
        replicates: how many; or a Cohort of n, whose numbers are the addresses of their luck, and whose columns take
            the place of the parameters they are named after.
        schedule: events of the n replicates (a dose, a parameter set anew); none by default.
        times: shape (m,), ascending.
        seed: the run's seed; replicates of the same seed and number have the same luck.
        threads: worker threads; by default one for each processor. The result does not depend on it.
        budget: reactions and events that one replicate may see.

    Returns:
        Values of shape (n, m, outputs) and a Status a replicate; ``steps`` are the reactions and events seen.

    Raises:
        InputError: times that do not ascend, or an event for a name the model does not have.

    Example:
        >>> from offtarget.models.sbml import read_model
        >>> decay = read_model("model decay; X = 20; J: X => ; k * X; k = 1; end", where="decay")
        >>> found = simulate_replicates(build_chance(decay), 1000, times=[0, 1], seed=7)
        >>> found.of("X")[:, 0].min(), 6.5 < found.of("X")[:, 1].mean() < 8.2
        (np.float64(20.0), np.True_)
    """
    at = np.array(times, np.float64).reshape(-1)
    if np.any(np.diff(at) < 0) or not np.isfinite(at).all():
        raise InputError(sentence("times", expected="finite times in ascending order", got=at.tolist()))
    if threads is not None and threads < 1:
        raise InputError(sentence("threads", expected="one or more", got=threads))
    cohort = replicates if isinstance(replicates, Cohort) else numbered(replicates)
    n = cohort.size
    events = resolved(schedule or Schedule.empty(n), chance.id, chance.parameters, chance.species, n)
    work = Replicates(_parameters(chance, cohort), np.zeros(n, np.int64), np.zeros(n, np.int64))
    work.status[~np.isfinite(work.parameters).all(axis=1)] = Status.NOT_FINITE
    values = np.empty((n, at.size, len(chance.outputs)))
    start, end = (min(0.0, float(at[0])), float(at[-1])) if at.size else (0.0, 0.0)
    limits = Limits(start, end, int(budget), _ROOM)
    fortune = _fortune(chance, cohort.patients, seed)
    _run(chance, work, fortune, events, limits, at, values, threads or processors())
    return Trajectories(
        cohort.patients,
        at,
        chance.outputs,
        chance.output_units,
        values,
        work.status.astype(np.int8),
        work.steps,
    )


def _run(
    chance: Chance, work: Replicates, fortune: Fortune, events: Events, limits: Limits, times: Floats, values: Floats,
    threads: int,
) -> None:  # fmt: skip
    """All replicates, and once more with a longer queue those whose events had no room to wait."""
    n = work.status.shape[0]
    spans = [(first, min(first + _CHUNK, n)) for first in range(0, n, _CHUNK)]
    while spans:
        task = partial(chance.entry, work, fortune, chance.net, chance.plan, events, limits, times, values)
        share_out(task, spans, threads)
        full = np.flatnonzero(work.status == Status.TOO_MANY_WAITING)
        if limits.room >= _MOST_WAITING:
            return
        limits = limits._replace(room=4 * limits.room)
        work.status[full] = Status.FINISHED  # from the start: it has the same luck again
        spans = [(int(row), int(row) + 1) for row in full]


def _generate(network: Network, outputs: Sequence[str]) -> str:
    from offtarget.engine.replicate_code import (
        generate,
    )  # only a network that is not in the cache needs its text

    return generate(network, outputs)


def _unit(model: Model, name: str) -> str:
    if name == "time":
        return model.time_unit
    return f"1/{model.time_unit}" if any(one.id == name for one in model.reactions) else model.unit(name)


def _ints(values: Any) -> Ints:
    return np.array(list(values), np.int64)


def _net(network: Network, sites: Sequence[Site]) -> Net:
    place = {one.id: i for i, one in enumerate(network.model.species)}
    entries: list[list[int]] = []
    for one, near, watched in zip(network.reactions, network.neighbours(), network.looked_at(), strict=True):
        changes = [int(number) for id, amount in one.changes for number in (place[id], amount)]
        entries.append([len(one.changes), *changes, len(near), *near, int(watched)])
    return Net(
        page=_ints(np.cumsum([0, *map(len, entries)])[:-1]), book=_ints(number for one in entries for number in one),
        counted=_ints(place[id] for id in network.counted), lines=_ints(place[one.id] for one in network.lines),
        site_event=_ints(one.event for one in sites), site_late=_ints(one.late for one in sites),
    )  # fmt: skip


def _plan(network: Network) -> Plan:
    events = network.model.events
    place = {one.id: i for i, one in enumerate(network.model.species)}
    return Plan(
        first=_ints(np.cumsum([0, *(len(one.assignments) for one in events)])),
        target=_ints(place[id] for one in events for id, _ in one.assignments),
        initially=_ints(one.initially for one in events), persistent=_ints(one.persistent for one in events),
        early=_ints(one.from_trigger_time for one in events), kinds=_ints(kind for _, kind in network.watched),
        appointments=len(network.appointments),
    )  # fmt: skip


def _fortune(chance: Chance, numbers: NDArray[np.uint64], seed: int) -> Fortune:
    """Each reaction, each draw and the order of events have streams of their own, by name."""
    order = stream(seed, "event order")
    order.uniform(numbers)  # refuses numbers that would share their luck
    reactions = [stream(seed, "reaction", id) for id in chance.reactions]
    draws = [stream(seed, "draw", one.owner, one.target, str(one.place)) for one in chance.sites]
    return Fortune(numbers.astype(np.int64), _keys(reactions), _keys(draws), _keys([order])[0])


def _keys(streams: Sequence[Stream]) -> Ints:
    return np.array([(*one.key, one.salt) for one in streams], np.int64).reshape(-1, 3)


def _parameters(chance: Chance, cohort: Cohort) -> Floats:
    found = np.tile(chance.defaults, (cohort.size, 1))
    for j, name in enumerate(chance.parameters):
        if name in cohort.columns:
            found[:, j] = cohort.columns[name]
    return found
