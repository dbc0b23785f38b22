"""Cohort: one row a patient, one named column a parameter or covariate, in house units."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from offtarget.errors import InputError, nearest

__all__ = ["Cohort"]


@dataclass(frozen=True, slots=True, eq=False)
class Cohort:
    """Patients as arrays.

    Attributes:
        patients: patient numbers, shape (n,), uint64; the address of a patient's luck in every random stream.
        columns: column name -> values, each of shape (n,), float64.
        units: column name -> unit of its values.
    """

    patients: NDArray[np.uint64]
    columns: Mapping[str, NDArray[np.float64]]
    units: Mapping[str, str]

    def __post_init__(self) -> None:
        for name, values in self.columns.items():
            if values.shape != self.patients.shape:
                raise InputError(
                    f"cohort column {name}: expected {self.size} values, got shape {values.shape}."
                )

    @property
    def size(self) -> int:
        """How many patients."""
        return int(self.patients.shape[0])

    def column(self, name: str) -> NDArray[np.float64]:
        """The values of one column.

        Raises:
            InputError: no such column.
        """
        try:
            return self.columns[name]
        except KeyError:
            raise InputError(
                f'the cohort has no "{name}". {nearest(name, self.columns, kind="column")}'
            ) from None

    def with_columns(self, columns: Mapping[str, NDArray[np.float64]], units: Mapping[str, str]) -> Cohort:
        """A new cohort with these columns added or replaced."""
        return Cohort(self.patients, {**self.columns, **columns}, {**self.units, **units})

    @classmethod
    def joined(cls, parts: Sequence[Cohort]) -> Cohort:
        """The patients of several cohorts with the same columns, one after another."""
        first = parts[0]
        columns = {name: np.concatenate([part.column(name) for part in parts]) for name in first.columns}
        return cls(np.concatenate([part.patients for part in parts]), columns, first.units)

    def take(self, rows: NDArray[np.bool_] | NDArray[np.intp]) -> Cohort:
        """A new cohort of some of the patients: a mask of shape (n,) or row numbers."""
        return Cohort(self.patients[rows], {k: v[rows] for k, v in self.columns.items()}, self.units)
