"""Events: a table of doses and observations in the columns of NONMEM, checked row by row.

Columns: ID TIME AMT RATE DUR EVID CMT SS II ADDL, in any case, and ACTION, which is our own. What tools read
differently is refused with the sentence that says how to write it here.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from offtarget.errors import InputError, sentence
from offtarget.models.model import Model
from offtarget.simulation.clock import Clock, check_unit
from offtarget.simulation.compartments import Compartment, find
from offtarget.simulation.enrolment import factor
from offtarget.simulation.event_table import Column, EventTable, Evid, How
from offtarget.simulation.sheet import Floats, Sheet

__all__ = ["COLUMNS", "canonical", "read_events"]

COLUMNS = ("ID", "TIME", "AMT", "RATE", "DUR", "EVID", "CMT", "SS", "II", "ADDL", "ACTION")
_TIMES = ("TIME", "II", "DUR")
_SLACK = 1e-6  # by how much AMT may differ from RATE * DUR when all three are given


def canonical(sheet: Sheet) -> Sheet:
    """The sheet with the names of NONMEM's columns in capitals.

    Raises:
        InputError: one of them twice, or a time in a unit that is none.
    """
    names = {name: name.upper() if name.upper() in COLUMNS else name for name in sheet.columns}
    listed = list(names.values())
    twice = next((name for name in listed if listed.count(name) > 1), None)
    if twice is not None:
        raise InputError(sentence(sheet.where, expected="each column once", got=f"{twice} twice"))
    for name, unit in sheet.units.items():
        if name.upper() in _TIMES:
            check_unit(unit, sheet.at(name))
    return Sheet(
        sheet.where, {names[name]: values for name, values in sheet.columns.items()},
        {names[name]: unit for name, unit in sheet.units.items()}, sheet.rows,
    )  # fmt: skip


def read_events(sheet: Sheet, model: Model, places: tuple[Compartment, ...], clock: Clock) -> EventTable:
    """The events of a table, checked, in the model's units.

    Args:
        sheet: a ``canonical`` table.
        model: the equations, to tell a slip from a column that may be passed over.
        places: the compartments of the model.
        clock: in which unit times are.

    Raises:
        InputError: what is wrong, with its row.
    """
    if "TIME" not in sheet.columns:
        raise InputError(
            sentence(sheet.where, expected="a column TIME", got=", ".join(list(sheet.columns)[:12]))
        )
    return _Reader(sheet, places, clock).read(_extra(sheet, model))


def _extra(sheet: Sheet, model: Model) -> tuple[str, ...]:
    """The columns that are passed over; one that names a parameter is a slip and refused."""
    extra = tuple(name for name in sheet.columns if name not in COLUMNS)
    known = {one.id for one in model.parameters}
    slip = next((name for name in extra if name in known), None)
    if slip is not None:
        then = "A parameter's value for each patient belongs into the cohort table; here it would do nothing."
        raise InputError(sentence(sheet.at(slip), expected="no parameter of the model", got=slip, then=then))
    return (f"Passed over in {sheet.where}: {', '.join(extra[:12])}.",) if extra else ()


class _Reader:
    """One pass over a table of events."""

    def __init__(self, sheet: Sheet, places: tuple[Compartment, ...], clock: Clock) -> None:
        self.sheet, self.places, self.clock, self.n = sheet, places, clock, sheet.rows
        self.amount, self.rate = self._numbers("AMT"), self._numbers("RATE")
        self.evid = self._evid()
        self.dosing = (self.evid == Evid.DOSE) | (self.evid == Evid.RESET_AND_DOSE)

    def read(self, notes: tuple[str, ...]) -> EventTable:
        rows = np.zeros((self.n, len(Column)))
        rows[:, Column.SHOWN] = self._needed("TIME")
        rows[:, Column.TIME] = self._time("TIME", rows[:, Column.SHOWN])
        rows[:, Column.EVID] = self.evid
        rows[:, Column.PLACE] = place = self._place()
        rows[:, Column.HOW] = how = self._how()
        only_one = "SS 2 adds to what is there, which holds for linear models only, and is not simulated."
        rows[:, Column.STEADY] = steady = self._whole("SS", 1, only_one)
        rows[:, Column.INTERVAL] = self._time("II", np.nan_to_num(self._numbers("II")))
        rows[:, Column.MORE] = self._whole("ADDL", 10**9, "Additional doses are a whole number.")
        self._strength(rows, place, how)
        self._agree(rows, steady, how)
        return EventTable(rows, self._patients(rows), notes)

    def _refuse(self, wrong: NDArray[np.bool_], name: str, expected: str, then: str = "") -> None:
        """Refuse the first row where something is wrong."""
        found = np.flatnonzero(wrong)
        if found.size:
            row = int(found[0])
            got = self.sheet.texts(name)[row] or None if name in self.sheet.columns else None
            raise InputError(sentence(self.sheet.at(name, row), expected=expected, got=got, then=then))

    def _numbers(self, name: str) -> Floats:
        return self.sheet.numbers(name) if name in self.sheet.columns else np.full(self.n, np.nan)

    def _needed(self, name: str) -> Floats:
        values = self._numbers(name)
        self._refuse(np.isnan(values), name, "a number")
        return values

    def _whole(self, name: str, most: int, then: str) -> Floats:
        values = np.nan_to_num(self._numbers(name))
        wrong = (values != np.floor(values)) | (values < 0) | (values > most)
        self._refuse(wrong, name, "0 or 1" if most == 1 else "a whole number from 0 on", then)
        self._refuse(~self.dosing & (values > 0), name, "0 in a row that is no dose")
        return values

    def _time(self, name: str, values: Floats) -> Floats:
        self._refuse(values < 0, name, "a time from 0 on", "The clock of every patient starts at 0.")
        return self.clock.to_model(values, self.sheet.units.get(name, self.sheet.units.get("TIME")))

    def _evid(self) -> NDArray[np.int64]:
        given = self._numbers("EVID")
        guess = np.where((np.nan_to_num(self.amount) != 0) | (np.nan_to_num(self.rate) != 0), 1.0, 0.0)
        found = np.where(np.isnan(given), guess, given)
        then = "Tools differ (5 and 8 replace, 6 multiplies): write EVID 1 with replace or multiply in a column ACTION."
        self._refuse(~np.isin(found, (0, 1, 2, 3, 4)), "EVID", "0, 1, 2, 3 or 4", then)
        return found.astype(np.int64)

    def _place(self) -> NDArray[np.int64]:
        """The compartment of each dose; where there is one only it need not be said."""
        words = self.sheet.texts("CMT") if "CMT" in self.sheet.columns else [""] * self.n
        found: dict[str, int] = {}
        place = np.zeros(self.n, np.int64)
        for row in np.flatnonzero(self.dosing):
            word = words[row]
            if word not in found:
                if not word and len(self.places) != 1:
                    names = ", ".join(one.name for one in self.places[:12]) or "none"
                    expected = f"the species that is dosed ({names})"
                    raise InputError(sentence(self.sheet.at("CMT", int(row)), expected=expected, got=None))
                found[word] = find(word, self.places, self.sheet.at("CMT", int(row))) if word else 0
            place[row] = found[word]
        return place

    def _how(self) -> NDArray[np.int64]:
        if "ACTION" not in self.sheet.columns:
            return np.zeros(self.n, np.int64)
        words = np.array([word.upper() or How.ADD.name for word in self.sheet.texts("ACTION")])
        self._refuse(~np.isin(words, [one.name for one in How]), "ACTION", "add, replace or multiply")
        how = np.array([How[word] for word in words], np.int64)
        self._refuse(~self.dosing & (how != How.ADD), "ACTION", "nothing in a row that is no dose")
        return how

    def _strength(self, rows: Floats, place: NDArray[np.int64], how: NDArray[np.int64]) -> None:
        """Amount, rate and duration, in the compartment's unit and the model's time."""
        self._refuse(self.dosing & (np.nan_to_num(self.amount) < 0), "AMT", "an amount from 0 on")
        scale = np.ones(self.n)
        per = np.full(self.n, 1.0 / self.clock.per_model(self.sheet.units.get("TIME")))
        for number in np.unique(place[self.dosing]):
            here = self.dosing & (place == number)
            unit = self.places[number].unit
            if "AMT" in self.sheet.units:
                scale[here & (how != How.MULTIPLY)] = factor(self.sheet, "AMT", unit)
            if "RATE" in self.sheet.units:
                per[here] = factor(self.sheet, "RATE", f"{unit}/{self.clock.model}" if unit else "")
            else:
                per[here] *= scale[here]
        given = self._numbers("DUR")
        duration = self._time("DUR", np.nan_to_num(given))
        rate = np.nan_to_num(self.rate)
        then = "A rate or duration that the model sets is not known here: give RATE or DUR as a number."
        self._refuse(
            self.dosing & (rate < 0) & ~((duration > 0) & np.isin(rate, (-1, -2))),
            "RATE",
            "a rate from 0 on",
            then,
        )
        rate = np.maximum(rate, 0.0) * per
        rows[:, Column.AMOUNT], rows[:, Column.RATE], rows[:, Column.DURATION] = (
            np.where(self.dosing, one, 0.0) for one in (np.nan_to_num(self.amount) * scale, rate, duration)
        )

    def _agree(self, rows: Floats, steady: Floats, how: NDArray[np.int64]) -> None:
        """Fill in what follows from the rest, and refuse what contradicts it."""
        amount, rate, duration = (rows[:, one] for one in (Column.AMOUNT, Column.RATE, Column.DURATION))
        interval, more = rows[:, Column.INTERVAL], rows[:, Column.MORE]
        endless = (steady == 1) & (rate > 0) & (np.nan_to_num(self.amount) == 0) & (duration == 0)
        by_rate = (rate > 0) & (duration > 0) & (np.nan_to_num(self.amount) == 0)
        amount[by_rate] = rate[by_rate] * duration[by_rate]
        none = self.dosing & np.isnan(self.amount) & ~by_rate & ~endless
        self._refuse(none, "AMT", "an amount")
        self._refuse(
            (rate > 0) & (amount == 0) & ~endless,
            "AMT",
            "an amount, or DUR beside RATE",
            "An infusion needs an end.",
        )
        both = (rate > 0) & (duration > 0)
        contradict = both & (np.abs(rate * duration - amount) > _SLACK * np.abs(amount))
        self._refuse(contradict, "DUR", "AMT, RATE and DUR that agree", "Leave one of them out.")
        flows = (rate > 0) & (duration == 0) & ~endless
        duration[flows] = amount[flows] / rate[flows]
        by_time = (duration > 0) & (rate == 0)
        rate[by_time] = amount[by_time] / duration[by_time]
        duration[endless] = np.inf
        special = (how != How.ADD) & ((rate > 0) | (steady == 1))
        self._refuse(special, "ACTION", "add, for an infusion or a dose at steady state")
        repeated = (more > 0) | ((steady == 1) & ~endless)
        self._refuse(repeated & (interval <= 0), "II", "an interval above 0 beside ADDL or SS")
        self._refuse(
            endless & ((interval > 0) | (more > 0)), "SS", "no II and no ADDL beside an infusion without end"
        )

    def _patients(self, rows: Floats) -> dict[str, tuple[int, int]]:
        """Where each patient's rows are. They stand together, and time never goes back."""
        names = self.sheet.texts("ID") if "ID" in self.sheet.columns else [""] * self.n
        self._refuse(np.array(["ID" in self.sheet.columns and not name for name in names]), "ID", "a patient")
        starts = [0, *(row for row in range(1, self.n) if names[row] != names[row - 1])]
        found: dict[str, tuple[int, int]] = {}
        for start, stop in zip(starts, [*starts[1:], self.n], strict=True):
            if names[start] in found:
                then = f"Rows of patient {names[start]} stand further up: sort the table by ID, then TIME."
                raise InputError(
                    sentence(
                        self.sheet.at("ID", start),
                        expected="rows of a patient together",
                        got=names[start],
                        then=then,
                    )
                )
            found[names[start]] = (start, stop)
        back = np.diff(rows[:, Column.TIME], prepend=-np.inf) < 0
        back[starts] = False
        then = "Time goes on after a reset too: count from the patient's start, or use an ID of its own."
        self._refuse(back, "TIME", "a time not before the row above", then)
        return found
