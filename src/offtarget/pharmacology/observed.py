"""Published troughs of a drug, what simulated exposure is held against, and the doses worth looking at."""

from __future__ import annotations

from dataclasses import dataclass

from offtarget.errors import InputError, sentence
from offtarget.evidence import Evidence
from offtarget.records import Table
from offtarget.units import convert, parse

__all__ = ["STATISTICS", "Observed", "read_daily_doses", "read_observed"]

STATISTICS = ("mean", "SD", "median")


@dataclass(frozen=True, slots=True)
class Observed:
    """One published statistic of total trough concentrations at steady state.

    Attributes:
        dose: mg; given every ``interval`` days.
        statistic: one of ``STATISTICS``.
        value: ng/mL.
        n: patients measured, 0 where not stated.
    """

    regimen: str
    dose: float
    interval: float
    statistic: str
    value: float
    n: int
    evidence: Evidence


def read_observed(table: Table) -> tuple[Observed, ...]:
    """The ``[[observed]]`` tables of a drug file.

    Raises:
        InputError: a key or value that makes no sense.
    """
    found = []
    for one in table.tables("observed"):
        dose, every = one.text("dose"), one.text("every")
        found.append(
            Observed(
                f"{dose} every {every}",
                one.measure("dose", of="mg", example="400 mg"),
                one.measure("every", of="day", example="24 h"),
                one.choice("statistic", STATISTICS, kind="statistic"),
                one.measure("value", of="ng/mL", example="979 ng/mL"),
                int(one.number("n", low=0, default=0)),
                one.evidence(),
            )
        )
        one.done()
    return tuple(found)


def read_daily_doses(table: Table) -> tuple[float, ...]:
    """The ``daily_doses`` of a drug file, mg; none where it names none.

    Raises:
        InputError: a dose that is none, or one named twice.
    """
    texts, where = table.texts("daily_doses", default=()), table.at("daily_doses")
    pairs = [parse(text, where=where, of="mg", example="400 mg") for text in texts]
    doses = tuple(convert(value, unit, "mg") for value, unit in pairs)
    if not all(dose > 0 for dose in doses) or len(set(doses)) < len(doses):
        raise InputError(sentence(where, expected="different doses above zero", got=", ".join(texts)))
    return doses
