"""Published patients of a model: parameter sets as a Cohort, so that a published result can be run again."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from offtarget.arrays.cohort import Cohort
from offtarget.catalog import find
from offtarget.errors import InputError, sentence
from offtarget.models.sbml import load_model
from offtarget.records import read_csv

__all__ = ["load_patients"]


def load_patients(name: str) -> Cohort:
    """The published patients of a catalogue model: one row each, a column for every numeric column of its table.

    Args:
        name: the model's catalogue name; its folder holds ``patients.csv``.

    Raises:
        InputError: the model has no table of patients, or a number cannot be read.

    Example:
        >>> load_patients("hahnel2020").size
        21
    """
    path = find("models", name).with_name("patients.csv")
    model = load_model(name)
    rows = read_csv(path, columns=("patient",))
    units = {one.id: one.unit for one in model.parameters}
    columns: dict[str, NDArray[np.float64]] = {}
    for key in rows[0]:
        if key in ("patient", "class"):
            continue
        try:
            columns[key] = np.array([float(row[key]) for row in rows])
        except ValueError:
            where = f"{path.name}: {key}"
            raise InputError(sentence(where, expected="a number in every row", got=rows[0][key])) from None
    patients = np.array([int(row["patient"]) for row in rows], np.uint64)
    return Cohort(patients, columns, {key: units.get(key, "") for key in columns})
