"""The public SBML test suite, where it is at hand: every case is simulated right, or refused by name; nothing between.

Its place is told by the environment variable OFFTARGET_SBML_SUITE, or looked for beside the checkout.
"""

from __future__ import annotations

import csv
import os
from pathlib import Path

import libsbml
import numpy as np
import pytest
from numpy.typing import NDArray

from offtarget.arrays.cohort import Cohort
from offtarget.arrays.schedule import Schedule
from offtarget.engine.reference import simulate_reference
from offtarget.errors import InputError
from offtarget.models.model import Model
from offtarget.models.sbml import read_model

BESIDE = Path(__file__).resolve().parents[2].parent / "shared" / "sbml-test-suite"
SUITE = Path(os.environ.get("OFFTARGET_SBML_SUITE", BESIDE)) / "semantic"
NOBODY = Cohort(np.array([0], np.uint64), {}, {})

pytestmark = pytest.mark.skipif(
    not SUITE.is_dir(),
    reason="the public SBML test suite is not here: set OFFTARGET_SBML_SUITE to its folder",
)


def _simulated(model: Model, names: tuple[str, ...], times: NDArray[np.float64]) -> NDArray[np.float64]:
    found = simulate_reference(model, NOBODY, Schedule.empty(1), times=times, outputs=names)
    return np.asarray(found.values[0])


def _size(model: Model, one: libsbml.Species, written: libsbml.Model, times: NDArray[np.float64]) -> float:
    id = one.getCompartment()
    if id in model.names():
        return float(_simulated(model, (id,), times)[0, 0])
    return float(written.getCompartment(id).getSize())


def _answers(
    model: Model, case: Path, names: list[str], settings: dict[str, str], times: NDArray[np.float64]
) -> NDArray[np.float64]:
    """The model's values of the case's variables, as amounts or concentrations as the case wants them."""
    document = libsbml.readSBMLFromFile(str(case / "model.xml"))
    written = document.getModel()
    values = _simulated(model, tuple(names), times)
    for column, name in enumerate(names):
        one = written.getSpecies(name)
        if one is None:
            continue
        is_amount = one.getHasOnlySubstanceUnits()
        wanted = {
            kind: name in settings[kind].replace(" ", "").split(",") for kind in ("amount", "concentration")
        }
        if wanted["amount"] and not is_amount:
            values[:, column] *= _size(model, one, written, times)
        if wanted["concentration"] and is_amount:
            values[:, column] /= _size(model, one, written, times)
    return values


def test_every_case_is_simulated_right_or_refused_by_name() -> None:
    right = refused = 0
    wrong: list[str] = []
    for case in sorted(path for path in SUITE.iterdir() if path.is_dir()):
        try:
            model = read_model((case / "model.xml").read_text(encoding="utf-8"), where=case.name)
        except InputError as problem:
            assert str(problem).startswith(case.name)
            assert "\n" not in str(problem)
            refused += 1
            continue
        lines = (case / "settings.txt").read_text().splitlines()
        settings = {key.strip(): value.strip() for key, _, value in (line.partition(":") for line in lines)}
        with (case / "results.csv").open() as table:
            head, *rows = [row for row in csv.reader(table) if row]
        expected = np.array(rows, np.float64)
        found = _answers(model, case, [name.strip() for name in head[1:]], settings, expected[:, 0])
        room = float(settings["absolute"]) + float(settings["relative"]) * np.abs(expected[:, 1:])
        close = np.abs(found - expected[:, 1:]) <= room
        right += bool(close.all())
        wrong += [] if close.all() else [case.name]
    assert not wrong
    assert right > 350
    assert right + refused > 800
