"""Small models whose answers are known, and the means to write them down."""

from __future__ import annotations

import ast
from collections.abc import Mapping
from types import SimpleNamespace

import numpy as np
import pytest

from offtarget.arrays.cohort import Cohort
from offtarget.arrays.schedule import Action, Schedule
from offtarget.engine.ensemble import Kernel, build
from offtarget.models.expression import Call, Expression, Number, Symbol
from offtarget.models.model import Model, Parameter, Rule, Species

_BINARY = {ast.Add: "+", ast.Sub: "-", ast.Mult: "*", ast.Div: "/", ast.Pow: "^"}
_COMPARE = {ast.Lt: "<", ast.LtE: "<=", ast.Gt: ">", ast.GtE: ">=", ast.Eq: "==", ast.NotEq: "!="}


def formula(text: str) -> Expression:
    """An Expression from a line of Python."""
    return _read(ast.parse(text, mode="eval").body)


def _read(node: ast.AST) -> Expression:
    match node:
        case ast.Constant(value=value):
            return Number(float(value))
        case ast.Name(id=name):
            return Symbol(name)
        case ast.BinOp(left=left, op=op, right=right):
            return Call(_BINARY[type(op)], (_read(left), _read(right)))
        case ast.UnaryOp(op=ast.USub(), operand=inner):
            return Call("neg", (_read(inner),))
        case ast.UnaryOp(op=ast.Not(), operand=inner):
            return Call("not", (_read(inner),))
        case ast.BoolOp(op=op, values=values):
            return Call("and" if isinstance(op, ast.And) else "or", tuple(_read(value) for value in values))
        case ast.Compare(left=left, ops=[op], comparators=[right]):
            return Call(_COMPARE[type(op)], (_read(left), _read(right)))
        case ast.Call(func=ast.Name(id=name), args=parts):
            return Call(name, tuple(_read(part) for part in parts))
    raise AssertionError(ast.dump(node))


def model(
    name: str, *, parameters: Mapping[str, float], species: Mapping[str, tuple[str, str]], rates: Mapping[str, str],
    rules: Mapping[str, str] | None = None,
) -> Model:  # fmt: skip
    """A Model from text. ``species``: id -> (initial value, unit)."""
    return Model(
        id=name, title=name, time_unit="day", reactions=(), source="",
        parameters=tuple(Parameter(key, value, "1") for key, value in parameters.items()),
        species=tuple(Species(key, formula(start), unit) for key, (start, unit) in species.items()),
        rules=tuple(Rule(key, formula(text), "1") for key, text in (rules or {}).items()),
        rates=tuple(Rule(key, formula(text), "1") for key, text in rates.items()),
    )  # fmt: skip


def cohort(n: int, **columns: object) -> Cohort:
    """n patients; a column may be one number for all."""
    values = {
        key: np.broadcast_to(np.asarray(value, np.float64), (n,)).copy() for key, value in columns.items()
    }
    return Cohort(np.arange(n, dtype=np.uint64), values, {key: "1" for key in values})


def events(n: int, *rows: tuple[int, float, Action, str, float]) -> Schedule:
    """A schedule from (patient, time, action, name, value)."""
    names = tuple(dict.fromkeys(row[3] for row in rows))
    return Schedule.build(
        n, row=np.array([row[0] for row in rows], np.int64), time=np.array([row[1] for row in rows], np.float64),
        action=np.array([row[2] for row in rows], np.int8), value=np.array([row[4] for row in rows], np.float64),
        target=np.array([names.index(row[3]) for row in rows], np.int64), names=names,
    )  # fmt: skip


#: Six systems with closed forms, side by side and uncoupled: one compilation for all of them.
CLOSED = model(
    "closed_forms",
    parameters={"decay": 0.7, "growth": 0.9, "ceiling": 1000.0, "start": 10.0, "omega": 2.0, "ka": 8.0, "ke": 0.9,
                "half": 0.5, "hill": 3.0, "drive": 1.0},
    species={"D": ("1", "1"),
             "L": ("start", "cell"), "u": ("1", "1"), "v": ("0", "1"), "a": ("2", "1"), "b": ("0", "1"),
             "gut": ("0", "mg"), "central": ("0", "mg"), "clock": ("0", "1")},
    rules={"rate": "drive * decay", "twice": "2 * rate", "room": "1 - L / ceiling",
           "share": "central / (central + 100)"},
    rates={
        "D": "-rate * D", "L": "growth * L * room", "u": "omega * v", "v": "-omega * u",
        "a": "-2 * a + b", "b": "a - 2 * b",
        "gut": "-ka * gut", "central": "ka * gut - ke * central", "clock": "cos(time) + exp(-time) * half ** hill",
    },
)  # fmt: skip

#: H. H. Robertson (1966): three reactions with rate constants nine orders of magnitude apart.
ROBERTSON = model(
    "robertson",
    parameters={"k1": 0.04, "k2": 3e7, "k3": 1e4},
    species={"A": ("1", "1"), "B": ("0", "1"), "C": ("0", "1")},
    rules={"back": "k3 * B * C"},
    rates={"A": "-k1 * A + back", "B": "k1 * A - back - k2 * B ** 2", "C": "k2 * B ** 2"},
)

#: The immune-window model of 21 patients (hahnel2020 writes months), with one patient's numbers.
WINDOW = model(
    "window",
    parameters={"py": 1.658, "Ky": 1e6, "a": 2.0, "rz": 200.0, "m": 1e-4, "pyx": 0.0126, "pxy": 0.0483, "kill": 13.9,
                "pz": 2210.0, "Kz": 362.0, "Y0": 742834.0, "on": 1.0},
    species={"X": ("pyx / pxy * Y0", "cell"), "Y": ("Y0", "cell"), "Z": ("rz / a", "cell")},
    rules={"drug": "on * kill", "window": "Y / (Kz ** 2 + Y ** 2)", "percent": "100 * Y / Ky"},
    rates={
        "X": "-pxy * X + pyx * Y",
        "Y": "pxy * X - pyx * Y + py * Y * (1 - Y / Ky) - m * Y * Z - drug * Y",
        "Z": "rz - a * Z + pz * window * Z",
    },
)  # fmt: skip


@pytest.fixture(scope="session")
def write() -> SimpleNamespace:
    """The means to write models, cohorts and schedules, and the models written with them."""
    return SimpleNamespace(
        formula=formula,
        model=model,
        cohort=cohort,
        events=events,
        CLOSED=CLOSED,
        ROBERTSON=ROBERTSON,
        WINDOW=WINDOW,
    )


@pytest.fixture(scope="session")
def closed() -> Kernel:
    return build(CLOSED, outputs=(*(one.id for one in CLOSED.species), "rate", "twice", "share", "time"))


@pytest.fixture(scope="session")
def robertson() -> Kernel:
    return build(ROBERTSON)


@pytest.fixture(scope="session")
def window() -> Kernel:
    return build(WINDOW)
