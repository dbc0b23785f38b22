"""Sheet: a user's table as it came, CSV or Parquet, and what is wrong with it said in a sentence.

Texts are read as texts and become numbers where a number is asked for, so that a complaint can show what stands there.
"""

from __future__ import annotations

import csv
import io
import os
import re
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.csv
import pyarrow.parquet as pq
from numpy.typing import NDArray

from offtarget.errors import InputError, sentence, short

__all__ = ["Sheet", "read_sheet"]

Floats = NDArray[np.float64]

_LARGEST = 2_000_000_000  # bytes
_HEAD = 1_000_000  # bytes that show whether a file is text
_PARQUET = (".parquet", ".pq")
#: How NONMEM, R and people write that there is no value.
_MISSING = ("", ".", "NA")
_UNIT = re.compile(r"(.*?)\s*\[([^\[\]]*)\]", re.DOTALL)
_WHOLE = re.compile(r"(0|[1-9]\d*)(\.0*)?")


@dataclass(frozen=True, slots=True, eq=False)
class Sheet:
    """A table.

    Attributes:
        where: the file, for error sentences.
        columns: name -> values as they came, without the unit that may follow in brackets.
        units: name -> the unit in brackets, for the columns that have one.
        rows: how many.
    """

    where: str
    columns: Mapping[str, Any]
    units: Mapping[str, str]
    rows: int

    def at(self, name: str, row: int | None = None) -> str:
        """A place in the table, for an error sentence; rows count from 1."""
        return (
            f"{self.where}: {short(name)}" if row is None else f"{self.where}: row {row + 1}: {short(name)}"
        )

    def missing(self, name: str) -> NDArray[np.bool_]:
        """Where a column has no value."""
        column = self.columns[name]
        none = column.is_null(nan_is_null=pa.types.is_floating(column.type))
        if pa.types.is_string(column.type):
            none = pc.or_(pc.fill_null(none, True), pc.is_in(_trimmed(column), value_set=pa.array(_MISSING)))
        return np.asarray(none.to_numpy(zero_copy_only=False), bool)

    def numbers(self, name: str) -> Floats:
        """A column as numbers, NaN where there is no value.

        Raises:
            InputError: something that is not a finite number.
        """
        column, none = self.columns[name], self.missing(name)
        plain = _trimmed(column) if pa.types.is_string(column.type) else column
        try:
            cast = pc.if_else(pa.array(none), pa.scalar(None, plain.type), plain).cast(pa.float64())
        except (pa.ArrowInvalid, pa.ArrowNotImplementedError):
            row = next((i for i in np.flatnonzero(~none) if not _is_number(column[int(i)].as_py())), 0)
            raise InputError(
                sentence(self.at(name, int(row)), expected="a number", got=column[int(row)].as_py())
            ) from None
        found = np.array(cast.to_numpy(zero_copy_only=False), np.float64)
        wild = np.flatnonzero(~none & ~np.isfinite(found))
        if wild.size:
            got = column[int(wild[0])].as_py()
            raise InputError(sentence(self.at(name, int(wild[0])), expected="a finite number", got=got))
        return found

    def texts(self, name: str) -> list[str]:
        """A column as texts, empty where there is no value; whole numbers as their digits."""
        none = self.missing(name)
        values = self.columns[name].to_pylist()
        return ["" if gone else _text(value) for gone, value in zip(none, values, strict=True)]


def read_sheet(source: object, *, where: str) -> Sheet:
    """The table in a file, or one that is in memory.

    Args:
        source: the path of a CSV or Parquet file, or what ``pyarrow.table`` takes: a data frame, a mapping of columns.
        where: what the table is, for error sentences about one in memory.

    Raises:
        InputError: not a table of that kind, a column there twice, rows of different lengths, no rows.
    """
    if isinstance(source, str | os.PathLike):
        path = Path(os.fspath(source))
        where = path.name or str(path)
        table = _parquet(path) if path.suffix.lower() in _PARQUET else _csv(path, _bytes(path))
    else:
        table = _memory(source, where)
    split = [_name_and_unit(name) for name in table.column_names]
    names = [name for name, _ in split]
    twice = next((name for name in names if names.count(name) > 1), None)
    if twice is not None:
        raise InputError(sentence(where, expected="each column once", got=f"{twice} twice"))
    if not table.num_rows:
        raise InputError(sentence(where, expected="a header and rows below it", got="no rows"))
    columns = {name: _plain(table.column(i)) for i, name in enumerate(names)}
    return Sheet(where, columns, {name: unit for name, unit in split if unit is not None}, table.num_rows)


def _bytes(path: Path) -> bytes:
    """The bytes of a file that looks like text at its head."""
    try:
        with path.open("rb") as file:
            head = file.read(_HEAD)
            if b"\0" in head:
                raise InputError(
                    sentence(str(path), expected="a table as text (CSV)", got="other bytes",
                             then="Parquet files end in .parquet.")
                )  # fmt: skip
            raw = head + file.read(_LARGEST)
    except (OSError, ValueError) as problem:  # ValueError: a path with a null byte
        got = getattr(problem, "strerror", None) or str(problem)
        raise InputError(sentence(str(path), expected="a file that can be read", got=got)) from None
    if len(raw) > _LARGEST:
        then = "Save it as Parquet, or in parts."
        raise InputError(sentence(str(path), expected="a table below 2 GB", got="a larger one", then=then))
    return raw


def _csv(path: Path, raw: bytes) -> Any:
    """A CSV text as a table of texts. Lines above the header that start with # are its stamp."""
    where = path.name
    try:
        raw = raw.removeprefix(b"\xef\xbb\xbf")
        raw.decode("utf-8")
    except UnicodeDecodeError:
        raise InputError(
            sentence(where, expected="UTF-8 text", got="other bytes", then="Save it as UTF-8.")
        ) from None
    if b"\0" in raw:
        raise InputError(sentence(where, expected="a table as text (CSV)", got="a NUL byte in it"))
    while raw.startswith((b"#", b"\n", b"\r")):
        raw = raw.partition(b"\n")[2]
    line, _, rest = raw.partition(b"\n")
    if not line.strip():
        raise InputError(sentence(where, expected="a header and rows below it", got=None))
    try:
        header = next(csv.reader([line.decode()], strict=True))
    except csv.Error:  # an open quote, or a megabyte without a comma
        raise InputError(
            sentence(where, expected="a header of column names", got=line[:200].decode("utf-8", "replace"))
        ) from None
    try:
        table = pyarrow.csv.read_csv(
            io.BytesIO(rest),
            read_options=pyarrow.csv.ReadOptions(column_names=[str(i) for i in range(len(header))]),
            convert_options=pyarrow.csv.ConvertOptions(column_types={str(i): pa.string() for i in range(len(header))}),
        ).rename_columns(header)  # fmt: skip
    except pa.ArrowInvalid as problem:
        if "Empty CSV" in str(problem):
            raise InputError(sentence(where, expected="a header and rows below it", got="no rows")) from None
        got = short(str(problem).removeprefix("CSV parse error: "), 120)
        raise InputError(sentence(where, expected=f"{len(header)} values in every row", got=got)) from None

    if any(pc.any(pc.match_substring(column, "\n")).as_py() for column in table.columns):
        got = "a line break inside a value"
        then = "Is a quotation mark left open?"
        raise InputError(sentence(where, expected=f"{len(header)} values in every row", got=got, then=then))
    return table


def _parquet(path: Path) -> Any:
    try:
        with path.open("rb") as file:
            return pq.read_table(file)
    except (OSError, ValueError, pa.ArrowException) as problem:
        got = getattr(problem, "strerror", None) or str(problem)
        raise InputError(sentence(str(path), expected="a Parquet file", got=got)) from None


def _memory(source: Any, where: str) -> Any:
    try:
        if isinstance(source, pa.Table):
            return source
        return (
            pa.Table.from_pandas(source, preserve_index=False)
            if hasattr(source, "iloc")
            else pa.table(source)
        )
    except (TypeError, ValueError, pa.ArrowException) as problem:
        expected = "a file, a data frame or a mapping of columns"
        raise InputError(sentence(where, expected=expected, got=str(problem))) from None


def _plain(column: Any) -> Any:
    """One array of a column, dictionaries and large texts as plain texts."""
    kind = column.type
    if pa.types.is_dictionary(kind) or pa.types.is_large_string(kind) or pa.types.is_null(kind):
        column = column.cast(pa.string())
    return pa.concat_arrays(column.chunks) if column.num_chunks else pa.array([], column.type)


def _trimmed(column: Any) -> Any:
    return pc.utf8_trim_whitespace(column)


def _name_and_unit(header: str) -> tuple[str, str | None]:
    """``CL [L/h]`` as a name and a unit."""
    text = header.strip()
    match = _UNIT.fullmatch(text)
    return (match.group(1).strip(), match.group(2).strip()) if match else (text, None)


def _is_number(value: object) -> bool:
    try:
        float(value)  # type: ignore[arg-type]
    except (TypeError, ValueError):
        return False
    return not isinstance(value, str) or "_" not in value


def _text(value: object) -> str:
    text = str(value).strip()
    match = _WHOLE.fullmatch(text)
    return match.group(1) if match else text
