"""The result of a simulation as a tidy table: a row a patient and time, with units, and a status a patient."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path
from types import TracebackType
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.csv
import pyarrow.parquet as pq
from numpy.typing import NDArray

from offtarget.errors import InputError, sentence
from offtarget.simulation.sheet import Floats

__all__ = ["Columns", "Writer", "rows", "units_beside"]

_ENDINGS = (".parquet", ".pq", ".csv")


@dataclass(frozen=True, slots=True)
class Columns:
    """The columns of a result.

    Attributes:
        names: of the outputs.
        units: of the outputs.
        time_unit: of TIME.
        numbered: whether every ID is a whole number.
    """

    names: tuple[str, ...]
    units: tuple[str, ...]
    time_unit: str
    numbered: bool

    @property
    def unit_of(self) -> dict[str, str]:
        """Column -> unit, in the order of the table."""
        return {"TIME": self.time_unit, **dict(zip(self.names, self.units, strict=True))}

    @property
    def schema(self) -> Any:
        """The Arrow schema: each column's unit is in its metadata, under ``unit``."""
        fields = [pa.field("ID", pa.int64() if self.numbered else pa.string(), nullable=False),
                  pa.field("TIME", pa.float64(), nullable=False, metadata={"unit": self.time_unit})]  # fmt: skip
        fields += [pa.field(name, pa.float64(), metadata={"unit": unit})
                   for name, unit in zip(self.names, self.units, strict=True)]  # fmt: skip
        return pa.schema([*fields, pa.field("STATUS", pa.string(), nullable=False)])


def rows(columns: Columns, ids: Sequence[str], times: Sequence[Floats], values: Sequence[Floats],
         status: Sequence[str]) -> Any:  # fmt: skip
    """Patients as rows of the table; a value that was not reached, or is no number, is null.

    Args:
        columns: what the table has.
        ids: shape (n,).
        times: of each patient, in the unit of TIME.
        values: of each patient, shape (times, outputs).
        status: of each patient.
    """
    counts = np.array([one.size for one in times], np.int64)
    labels = np.array(
        [int(one) for one in ids] if columns.numbered else list(ids), None if columns.numbered else object
    )
    body = np.concatenate(values) if values else np.zeros((0, len(columns.names)))
    arrays: list[Any] = [np.repeat(labels, counts), np.concatenate(times) if times else np.zeros(0)]
    filled = [pa.array(arrays[0], columns.schema.field(0).type), pa.array(arrays[1], pa.float64())]
    filled += [_nullable(body[:, j]) for j in range(body.shape[1])]
    filled.append(pa.array(np.repeat(np.array(status, object), counts), pa.string()))
    return pa.Table.from_arrays(filled, schema=columns.schema)


def _nullable(values: NDArray[np.float64]) -> Any:
    return pa.array(values, pa.float64(), mask=~np.isfinite(values))


def units_beside(path: Path) -> Path:
    """Where the units of a CSV result stand: ``result.units.csv`` beside ``result.csv``."""
    return path.with_name(f"{path.stem}.units.csv")


@dataclass(slots=True)
class Writer:
    """Writes a result part by part, beside its place, and moves it there at the end: nobody meets half a file.

    Use as a context manager; leaving it by an exception leaves no file.
    """

    path: Path
    columns: Columns
    _open: Any = field(default=None, init=False)

    def __post_init__(self) -> None:
        if self.path.suffix.lower() not in _ENDINGS:
            expected = "a file that ends in .parquet or .csv"
            raise InputError(sentence("--out", expected=expected, got=str(self.path)))

    @property
    def _partial(self) -> Path:
        return self.path.with_name(f".{self.path.name}.partial")

    @property
    def _is_csv(self) -> bool:
        return self.path.suffix.lower() == ".csv"

    def __enter__(self) -> Writer:
        try:
            self.path.parent.mkdir(parents=True, exist_ok=True)
            if self.path.is_dir():
                raise IsADirectoryError(0, "a folder")
            if self._is_csv:
                options = pyarrow.csv.WriteOptions(quoting_style="needed")
                self._open = pyarrow.csv.CSVWriter(
                    str(self._partial), self.columns.schema, write_options=options
                )
            else:
                self._open = pq.ParquetWriter(str(self._partial), self.columns.schema)
        except (OSError, ValueError) as problem:
            got = getattr(problem, "strerror", None) or str(problem)
            raise InputError(sentence(str(self.path), expected="a file to write to", got=got)) from None
        return self

    def write(self, part: Any) -> None:
        """Append rows."""
        self._open.write_table(part)

    def __exit__(self, kind: type[BaseException] | None, problem: BaseException | None,
                 where: TracebackType | None) -> None:  # fmt: skip
        self._open.close()
        if kind is not None:
            self._partial.unlink(missing_ok=True)
            return
        if self._is_csv:
            self._units()
        self._partial.replace(self.path)

    def _units(self) -> None:
        units = self.columns.unit_of
        table = pa.table({"column": list(units), "unit": list(units.values())})
        pyarrow.csv.write_csv(
            table, str(units_beside(self.path)), pyarrow.csv.WriteOptions(quoting_style="needed")
        )
