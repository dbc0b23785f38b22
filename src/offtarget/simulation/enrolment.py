"""Enrolment: a user's table of patients as a Cohort, one row a patient."""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from offtarget.arrays.cohort import Cohort
from offtarget.errors import InputError, UnsupportedError, nearest, sentence, short
from offtarget.models.model import Model
from offtarget.simulation.compartments import Compartment, compartments, with_start
from offtarget.simulation.sheet import Floats, Sheet
from offtarget.units import convert

__all__ = ["Enrolment", "enrol", "refuse_unheard"]

_MOST_NUMBER = 2**63


@dataclass(frozen=True, slots=True, eq=False)
class Enrolment:
    """Who is simulated, with which model.

    Attributes:
        model: the user's model, with a parameter for each start that the table gives.
        ids: what the user calls each patient.
        cohort: their parameters, in the model's units.
    """

    model: Model
    ids: tuple[str, ...]
    cohort: Cohort


def enrol(
    model: Model, sheet: Sheet | None, *, covariates: Sequence[str] = (), ids: Sequence[str] = ()
) -> Enrolment:
    """The patients of a table; without one, a patient with the model's own values for every id.

    A column is named like a parameter, or like a species and then gives the value it starts from; its header may hold
    a unit, as in ``CL [L/h]``. ``ID`` names the patients, else they are 1 to n.

    Args:
        model: the equations.
        sheet: the table.
        covariates: columns that the model does not know and that are meant to be there.
        ids: patients that are enrolled when there is no table; one called 1 when there are none either.

    Raises:
        InputError: a column that is neither parameter nor species nor covariate, a value missing, a patient twice.
    """
    if sheet is None:
        names = tuple(ids) or ("1",)
        return Enrolment(model, names, Cohort(_numbers(names), {}, {}))
    own = next((name for name in sheet.columns if name.upper() == "ID"), None)
    names = _names(sheet, own)
    wanted = [name for name in sheet.columns if name != own and name not in covariates]
    model, columns, units = _columns(model, sheet, wanted)
    return Enrolment(model, names, Cohort(_numbers(names), columns, units))


def refuse_unheard(model: Model, regimen: Sheet | None, patients: Sheet | None) -> None:
    """Refuse what a ``delay()`` of the model would not hear of: doses, and other starts of its species.

    Args:
        model: one whose past is asked for.
        regimen: the table of events, if there is one.
        patients: the cohort, if there is one.

    Raises:
        UnsupportedError: there are some.
    """
    starts = {name for one in compartments(model) for name in (one.name, one.state)}
    wrong = regimen.where if regimen is not None else next(
        (patients.at(name) for name in patients.columns if name in starts) if patients is not None else iter(()), None
    )  # fmt: skip
    if wrong is not None:
        then = "A cohort of parameters is. Write doses as events of the model, of what the delay does not ask for."
        raise UnsupportedError(
            f"{wrong}: doses and starts are not supported with a model that uses delay(). {then}"
        )


def _columns(
    model: Model, sheet: Sheet, wanted: list[str]
) -> tuple[Model, dict[str, Floats], dict[str, str]]:
    """Parameters and starts: the model with parameters for the starts, the values, and their units."""
    known = {one.id: one.unit for one in model.parameters}
    places = {name: one for one in compartments(model) for name in (one.name, one.state)}
    columns: dict[str, Floats] = {}
    units: dict[str, str] = {}
    started: dict[str, str] = {}
    for name in wanted:
        if name in known:
            columns[name], units[name] = _values(sheet, name, known[name]), known[name]
        elif name in places:
            one = _as_named(places[name], name)
            if one.state in started:
                then = f"{started[one.state]} gives the same start."
                raise InputError(sentence(sheet.at(name), expected="each start once", got=name, then=then))
            started[one.state] = name
            model, start = with_start(model, one, sheet.at(name))
            columns[start], units[start] = _values(sheet, name, one.shown_unit), one.shown_unit
        else:
            raise InputError(_unknown(sheet, name, model, [*known, *places]))
    return model, columns, units


def _as_named(one: Compartment, name: str) -> Compartment:
    """The compartment, or the bare amount behind it when that is what the user names."""
    return one if name == one.name else Compartment(one.state, one.state, None, one.unit, one.unit)


def _names(sheet: Sheet, column: str | None) -> tuple[str, ...]:
    if column is None:
        return tuple(str(number + 1) for number in range(sheet.rows))
    names = sheet.texts(column)
    seen: set[str] = set()
    for row, name in enumerate(names):
        if not name or name in seen:
            got = f"{name} twice" if name else None
            raise InputError(sentence(sheet.at(column, row), expected="one row for each patient", got=got))
        seen.add(name)
    return tuple(names)


def _numbers(names: Sequence[str]) -> NDArray[np.uint64]:
    """The number under which a patient has luck: the id where that is a number, and else made from its letters.

    It depends on nothing but the id, so that a patient of a part of the table is the same patient.
    """
    return np.array([int(name) if name.isdecimal() and int(name) < _MOST_NUMBER
                     else int.from_bytes(hashlib.blake2b(name.encode(), digest_size=8).digest(), "little")
                     for name in names], np.uint64)  # fmt: skip


def _values(sheet: Sheet, name: str, unit: str) -> Floats:
    values = sheet.numbers(name)
    gone = np.flatnonzero(np.isnan(values))
    if gone.size:
        then = "Every patient needs a value."
        raise InputError(sentence(sheet.at(name, int(gone[0])), expected="a number", got=None, then=then))
    if name not in sheet.units:
        return values
    return values * factor(sheet, name, unit)


def factor(sheet: Sheet, name: str, unit: str) -> float:
    """What turns a column into this unit of the model.

    Raises:
        InputError: the header's unit is of another kind, or the model states none.
    """
    given = sheet.units[name]
    if given == unit:
        return 1.0
    if not unit:
        then = f'The model states no unit for it: take "[{given}]" out of the header if the numbers are the model\'s.'
        raise InputError(sentence(sheet.at(name), expected="no unit in the header", got=given, then=then))
    try:
        return convert(1.0, given, unit)
    except InputError:
        expected = f'a unit that converts to "{unit}"'
        raise InputError(sentence(sheet.at(name), expected=expected, got=given)) from None


def _unknown(sheet: Sheet, name: str, model: Model, known: list[str]) -> str:
    if name in model.names():
        then = "The model computes it. Leave the column out, or make it a parameter of the model."
        return sentence(sheet.at(name), expected="a parameter or a species", got=name, then=then)
    likely = nearest(name, known, kind="column")
    return (
        f'{sheet.at(name)}: "{short(name)}" is neither a parameter nor a species of the model. {likely} '
        "Name it in --covariates if it is only carried along."
    )
