"""From a user's model and tables to a table: read, check, compile, simulate, part by part."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from time import monotonic
from typing import Any

import numpy as np
import pyarrow as pa

from offtarget.engine.ensemble import Kernel, build
from offtarget.errors import InputError, UnsupportedError, nearest, sentence
from offtarget.models.expression import symbols
from offtarget.models.model import Model
from offtarget.models.sbml import load_model, states_time_unit
from offtarget.simulation.clock import Clock, Times, parse_times, settle
from offtarget.simulation.compartments import compartments, with_inputs
from offtarget.simulation.course import Ward, follow
from offtarget.simulation.enrolment import enrol, refuse_unheard
from offtarget.simulation.event_table import Column, EventTable
from offtarget.simulation.events import canonical, read_events
from offtarget.simulation.sheet import Sheet, read_sheet
from offtarget.simulation.table import Columns, rows
from offtarget.simulation.timeline import INITIAL, Timeline, timeline

__all__ = ["Prepared", "Simulation", "chosen_outputs", "loaded", "prepare", "simulate_table"]

Progress = Callable[[int, int], None]

_RESERVED = ("ID", "TIME", "STATUS")
#: Values that one part of the result holds, about.
_PART = 4_000_000


@dataclass(frozen=True, slots=True, eq=False)
class Simulation:
    """What came of it.

    Attributes:
        table: an Arrow table: ID, TIME, the outputs, STATUS; each column's unit is in its field's metadata.
        units: column -> unit.
        statuses: status -> how many patients.
        notes: what the user should know about how the input was read.
    """

    table: Any
    units: Mapping[str, str]
    statuses: Mapping[str, int]
    notes: tuple[str, ...]


@dataclass(frozen=True, slots=True, eq=False)
class Prepared:
    """Everything read, checked and compiled; nothing simulated yet.

    Attributes:
        ward: the patients and what happens to them.
        columns: the columns of the result.
        notes: how the input was read.
    """

    ward: Ward
    columns: Columns
    notes: tuple[str, ...]

    @property
    def patients(self) -> int:
        """How many patients."""
        return len(self.ward.ids)

    def parts(self, *, tolerance: float = 1e-6, threads: int | None = None, seed: int = 1, statuses: Counter[str],
              progress: Progress | None = None, time_limit: float | None = None) -> Iterator[Any]:  # fmt: skip
        """The result, some patients at a time, as Arrow tables.

        Args:
            tolerance: largest error of a step relative to each species' size.
            threads: worker threads; the result does not depend on it.
            seed: settles the order of a model's own events of one instant and equal priority.
            statuses: filled with how many patients ended how.
            progress: called with patients done and patients in all.
            time_limit: seconds for everybody together, steady states apart; who has not arrived by then is TIMED_OUT.
        """
        if time_limit is not None and not time_limit >= 0:  # written so that NaN is refused, too
            raise InputError(sentence("time_limit", expected="seconds, zero or more", got=time_limit))
        deadline = None if time_limit is None else monotonic() + time_limit
        looks = max((line.reads.size for line in self.ward.timelines), default=1)
        size = int(np.clip(_PART // max(1, looks * len(self.ward.kernel.outputs)), 16, 4096))
        for first in range(0, self.patients, size):
            last = min(first + size, self.patients)
            values, status = follow(self.ward, first, last, tolerance=tolerance, threads=threads, seed=seed,
                                    deadline=deadline)  # fmt: skip
            statuses.update(status)
            shown = [self.ward.line(i).shown for i in range(first, last)]
            wide = len(self.columns.names)
            yield rows(
                self.columns, self.ward.ids[first:last], shown, [one[:, :wide] for one in values], status
            )
            if progress is not None:
                progress(last, self.patients)


def simulate_table(
    model: Model | str | Path, *, cohort: object = None, regimen: object = None, times: str | None = None,
    outputs: Sequence[str] = (), covariates: Sequence[str] = (), tolerance: float = 1e-6, threads: int | None = None,
    seed: int = 1, progress: Progress | None = None, time_limit: float | None = None,
) -> Simulation:  # fmt: skip
    """A tidy table of a model's outputs for a table of patients under a table of events.

    Args:
        model: the equations, a catalogue name, or the path of an SBML or Antimony file.
        cohort: one row a patient, columns named like parameters, or like species for the value they start from; the
            path of a CSV or Parquet file, a data frame, or a mapping of columns. Without one, a patient for each ID
            of the regimen, with the model's own values.
        regimen: events in NONMEM's columns, likewise; without an ID column they happen to everybody.
        times: ``"0:180:1 day"`` or ``"0, 1, 2.5 h"``; when absent, the rows of the regimen with EVID 0 or 2.
        outputs: names of species, rules, reactions or parameters; by default the model's own choice.
        covariates: columns of the cohort that the model does not know and that are meant to be there.
        tolerance: largest error of a step relative to each species' size.
        threads: worker threads; by default one for each processor. The result does not depend on it.
        seed: settles the order of a model's own events of one instant and equal priority.
        progress: called with patients done and patients in all.
        time_limit: seconds for everybody together, zero or more, the ways to steady states not counted; who has not
            arrived by then has the status ``timed_out``.

    Raises:
        InputError: what is wrong in the model, a table, or a text, in a sentence.

    Example:
        >>> found = simulate_table("hahnel2020", times="0:12:6 month", outputs=["Y"])
        >>> found.table.num_rows, found.units["TIME"], dict(found.statuses)
        (3, 'month', {'finished': 1})
    """
    ready = prepare(
        model, cohort=cohort, regimen=regimen, times=times, outputs=outputs, covariates=covariates
    )
    statuses: Counter[str] = Counter()
    parts = list(
        ready.parts(
            tolerance=tolerance,
            threads=threads,
            seed=seed,
            statuses=statuses,
            progress=progress,
            time_limit=time_limit,
        )
    )
    table = pa.concat_tables(parts) if parts else ready.columns.schema.empty_table()
    return Simulation(table, ready.columns.unit_of, dict(statuses), ready.notes)


def prepare(
    model: Model | str | Path, *, cohort: object = None, regimen: object = None, times: str | None = None,
    outputs: Sequence[str] = (), covariates: Sequence[str] = (),
) -> Prepared:  # fmt: skip
    """Everything read, checked and compiled; arguments and complaints as ``simulate_table``."""
    equations, stated = (model, bool(model.time_unit)) if isinstance(model, Model) else loaded(str(model))
    patients = read_sheet(cohort, where="cohort") if cohort is not None else None
    sheet = canonical(read_sheet(regimen, where="regimen")) if regimen is not None else None
    wanted = parse_times(times) if times is not None else None
    header = sheet.units.get("TIME") if sheet is not None else None
    equations, clock, notes = settle(
        equations, stated=stated, times=wanted, header=header, has_events=sheet is not None
    )
    places = compartments(equations)
    events = read_events(sheet, equations, places, clock) if sheet is not None else None
    named = [id for id in events.first if id] if events is not None else []
    names = chosen_outputs(equations, outputs)
    if equations.delayed:
        refuse_unheard(equations, sheet, patients)
    enrolled = enrol(equations, patients, covariates=covariates, ids=named)
    lines, which = _timelines(events, enrolled.ids, len(places), wanted, clock, sheet)
    states = [one.state for one in places]
    flowing = sorted(set().union(*(line.flowing(len(states)) for line in lines)))
    full, inputs = with_inputs(enrolled.model, [states[place] for place in flowing])
    if any(line.steady for line in lines):
        _refuse_clockwork(full)
    kernel = build(full, outputs=_looked_at(names, states, lines))
    ward = Ward(kernel, enrolled.ids, enrolled.cohort, tuple(states), inputs, lines, which)
    numbered = all(id.isdecimal() and int(id) < 2**63 for id in enrolled.ids)
    columns = Columns(names, tuple(_units(kernel, len(names))), clock.shown, numbered)
    return Prepared(ward, columns, (*notes, *_notes(events, wanted, enrolled.ids)))


def loaded(name: str) -> tuple[Model, bool]:
    """The model of a catalogue name or a path, and whether it states its unit of time."""
    model = load_model(name)
    return model, states_time_unit(name)


def chosen_outputs(model: Model, wanted: Sequence[str]) -> tuple[str, ...]:
    """The columns of the result: what was asked for, the model's choice, or every species and moving rule."""
    still = model.static()
    names = tuple(wanted) or model.outputs or (
        *(one.id for one in model.species), *(one.id for one in model.rules if one.id not in still)
    )  # fmt: skip
    for name in names:
        if name not in model.names():
            raise InputError(
                f'outputs: the model has no "{name}". {nearest(name, model.names(), kind="output")}'
            )
        if name in _RESERVED or names.count(name) > 1:
            then = "Name the wanted ones with --outputs."
            expected = f"each output once, and none called {', '.join(_RESERVED)}"
            raise InputError(sentence("outputs", expected=expected, got=name, then=then))
    if not names:
        raise InputError(sentence("outputs", expected="a model with species or rules", got="none"))
    return names


def _timelines(
    events: EventTable | None,
    ids: Sequence[str],
    states: int,
    times: Times | None,
    clock: Clock,
    sheet: Sheet | None,
) -> tuple[tuple[Timeline, ...], np.ndarray[Any, np.dtype[np.int64]]]:
    """The distinct timelines, and which of them each patient has, shape (n,)."""
    grid = clock.to_model(times.values, times.unit) if times is not None else None
    if grid is None and (events is None or not np.isin(events.rows[:, Column.EVID], (0, 2)).any()):
        then = 'Give --times, for example "0:180:1 day", or rows with EVID 0 where there should be a result.'
        raise InputError(sentence("times", expected="times at which to look", got=None, then=then))
    spans = events.first if events is not None else {}
    known = set(ids)
    stranger = next((id for id in spans if id and id not in known), None)
    if sheet is not None and stranger is not None:
        then = "Each ID of the regimen needs its row in the cohort."
        raise InputError(
            sentence(sheet.at("ID"), expected="a patient of the cohort", got=stranger, then=then)
        )
    kept: dict[bytes, int] = {}
    lines: list[Timeline] = []
    which = np.zeros(len(ids), np.int64)
    nothing = np.zeros((0, len(Column)))
    for i, id in enumerate(ids):
        start, stop = spans.get(id, spans.get("", (0, 0)))
        own = events.rows[start:stop] if events is not None else nothing
        key = own.tobytes()
        if key not in kept:
            kept[key] = len(lines)
            line = timeline(own, states=states, until=None if grid is None else float(grid[-1]),
                            where=sheet.where if sheet is not None else "regimen")  # fmt: skip
            lines.append(line if grid is None or times is None else line.looked_at(grid, times.values))
        which[i] = kept[key]
    return tuple(lines), which


def _looked_at(names: tuple[str, ...], states: Sequence[str], lines: Sequence[Timeline]) -> tuple[str, ...]:
    """The outputs of the kernel: where something goes back to a start or a steady state, every state too."""
    needed = any((line.source >= INITIAL).any() for line in lines)
    return (*names, *(state for state in states if needed and state not in names))


def _refuse_clockwork(model: Model) -> None:
    """A steady state needs equations that do not depend on the time of day.

    Raises:
        UnsupportedError: they do.
    """
    expressions = [one.expression for one in (*model.rules, *model.rates)] + [
        one.rate for one in model.reactions
    ]
    if any("time" in symbols(one) for one in expressions) or model.events:
        raise UnsupportedError(
            f"{model.id}: SS 1 asks for a steady state, but the equations mention time or have events of their own, so "
            "that there need not be one. Give the doses that lead there, with ADDL and II."
        )


def _units(kernel: Kernel, count: int) -> list[str]:
    return [unit.removesuffix("/") for unit in kernel.output_units[:count]]


def _notes(events: EventTable | None, times: Times | None, ids: Sequence[str]) -> tuple[str, ...]:
    """What of the regimen has no effect."""
    if events is None:
        return ()
    found = list(events.notes)
    if times is not None and np.isin(events.rows[:, Column.EVID], (0, 2)).any():
        found.append("The result is at --times; rows with EVID 0 or 2 are passed over.")
    if "" not in events.first:
        without = sum(id not in events.first for id in ids)
        if without:
            found.append(f"{without} of {len(ids)} patients have no rows in the regimen.")
    idle = (
        (events.rows[:, Column.INTERVAL] > 0)
        & (events.rows[:, Column.MORE] == 0)
        & (events.rows[:, Column.STEADY] == 0)
    )
    if idle.any():
        found.append("II without ADDL or SS has no effect.")
    return tuple(found)
