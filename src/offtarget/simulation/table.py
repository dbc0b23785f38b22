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

__all__ = ["Columns", "Writer", "ready_file", "rows", "units_beside"]

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


def ready_file(path: Path) -> None:
    """Make sure that a result can be written, before any time is spent on it.

    Raises:
        InputError: another ending, or a place that cannot be written to.
    """
    if path.suffix.lower() not in _ENDINGS:
        expected = "a file that ends in .parquet or .csv"
        raise InputError(sentence("--out", expected=expected, got=str(path)))
    try:
        if path.is_dir():
            raise InputError(sentence(str(path), expected="a file to write to", got="a folder"))
        path.parent.mkdir(parents=True, exist_ok=True)
        probe = path.with_name(f".{path.name}.partial")
        probe.write_bytes(b"")
        probe.unlink()
    except (OSError, ValueError) as problem:
        raise _unwritable(path, problem) from None


def _unwritable(path: Path, problem: Exception) -> InputError:
    got = getattr(problem, "strerror", None) or str(problem)
    return InputError(
        sentence(str(path), expected="a file to write to", got=got, then="Choose another --out.")
    )


@dataclass(slots=True)
class Writer:
    """Writes a result part by part, beside its place, and moves it there at the end: nobody meets half a file.

    Use as a context manager; leaving it by an exception leaves no file.
    """

    path: Path
    columns: Columns
    _open: Any = field(default=None, init=False)

    @property
    def _partial(self) -> Path:
        return self.path.with_name(f".{self.path.name}.partial")

    @property
    def _is_csv(self) -> bool:
        return self.path.suffix.lower() == ".csv"

    def __enter__(self) -> Writer:
        ready_file(self.path)
        if self._is_csv:
            self._open = pyarrow.csv.CSVWriter(str(self._partial), self.columns.schema)
        else:
            self._open = pq.ParquetWriter(str(self._partial), self.columns.schema)
        return self

    def write(self, part: Any) -> None:
        """Append rows.

        Raises:
            InputError: the place cannot be written to any more.
        """
        try:
            self._open.write_table(part)
        except OSError as problem:
            raise _unwritable(self.path, problem) from None

    def __exit__(self, kind: type[BaseException] | None, problem: BaseException | None,
                 where: TracebackType | None) -> None:  # fmt: skip
        try:
            self._open.close()
            if kind is None:
                if self._is_csv:
                    units = self.columns.unit_of
                    table = pa.table({"column": list(units), "unit": list(units.values())})
                    pyarrow.csv.write_csv(table, str(units_beside(self.path)))
                self._partial.replace(self.path)
        except OSError as fault:
            if kind is None:
                raise _unwritable(self.path, fault) from None
        finally:
            self._partial.unlink(missing_ok=True)
