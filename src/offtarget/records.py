"""TOML and CSV to frozen nouns. Every complaint names the file, the key, what was expected and what came.

A ``Table`` is a cursor over one TOML table: it knows where it is, hands out typed values, and at the end
refuses keys nobody asked for. Nothing here knows what a drug or a trial is.
"""

from __future__ import annotations

import csv
import math
import sys
import tomllib
import unicodedata
from collections.abc import Iterable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from offtarget.distributions import SHAPES, Distribution
from offtarget.errors import InputError, nearest, sentence, short
from offtarget.evidence import Evidence, Grade, Quantity, reference
from offtarget.units import convert, parse, same_dimension

__all__ = ["Table", "read_csv", "read_text", "read_toml"]

_LARGEST = 5_000_000  # bytes; a study is a few kilobytes, and noise should be refused before it is parsed
_UNSEEN = ("Cc", "Cs", "Zl", "Zp")  # control characters, halves of pairs, separators of lines and paragraphs
_LONGEST_TEXT, _LONGEST_NAME = 10_000, 100  # letters; a name stands in tables, legends and captions


def read_text(path: Path) -> str:
    """The text of a file.

    Raises:
        InputError: missing, unreadable, too large, or not UTF-8.
    """
    try:
        with path.open("rb") as file:
            raw = file.read(_LARGEST + 1)
        if len(raw) > _LARGEST:
            got, then = "a larger one", "Is this the right file?"
            raise InputError(sentence(str(path), expected="a text file below 5 MB", got=got, then=then))
        return raw.decode("utf-8-sig").replace("\r\n", "\n")
    except UnicodeDecodeError:
        raise InputError(
            sentence(str(path), expected="UTF-8 text", got="other bytes", then="Save it as UTF-8.")
        ) from None
    except (OSError, ValueError) as problem:  # ValueError: a path with a null byte
        got = getattr(problem, "strerror", None) or str(problem)
        raise InputError(sentence(str(path), expected="a file that can be read", got=got)) from None


def read_toml(path: Path) -> Table:
    """The root table of a TOML file.

    Raises:
        InputError: as ``read_text``, or not TOML.
    """
    text = read_text(path)
    try:
        return Table(tomllib.loads(text), where=path.name)
    except (
        ValueError,
        RecursionError,
    ) as problem:  # ValueError: not TOML, or an integer of thousands of digits
        raise InputError(sentence(path.name, expected="valid TOML", got=str(problem) or "too deep")) from None


def read_csv(path: Path, *, columns: Iterable[str]) -> tuple[dict[str, str], ...]:
    """The rows of a CSV file as mappings, after checking that the wanted columns are there.

    Lines that start with ``#`` are the table's stamp (source, date, units) and are passed over.

    Raises:
        InputError: as ``read_text``, a column missing or there twice, a row with too few or too many values.
    """
    lines = [line for line in read_text(path).split("\n") if line.strip() and not line.startswith("#")]
    try:
        rows = list(csv.reader(lines, strict=True))
    except csv.Error as problem:
        raise InputError(sentence(path.name, expected="comma-separated values", got=str(problem))) from None
    header = rows[0] if rows else []
    missing = set(columns) - set(header)
    if missing:
        expected = f"columns {', '.join(sorted(missing))}"
        raise InputError(sentence(path.name, expected=expected, got=", ".join(header)))
    if len(set(header)) < len(header):
        raise InputError(sentence(path.name, expected="each column once", got=", ".join(header)))
    for number, row in enumerate(rows[1:], 1):
        if len(row) != len(header):
            where, expected = f"{path.name}: row {number}", f"{len(header)} values"
            raise InputError(sentence(where, expected=expected, got=", ".join(row)))
    return tuple(dict(zip(header, row, strict=True)) for row in rows[1:])


def _no_character(letter: str) -> bool:
    """Whether Unicode promises that this will never be a character."""
    return ord(letter) & 0xFFFE == 0xFFFE or 0xFDD0 <= ord(letter) <= 0xFDEF


@dataclass
class Table:
    """A cursor over one TOML table."""

    data: dict[str, Any]
    where: str
    used: set[str] = field(default_factory=set)

    def at(self, key: str) -> str:
        """Where a key is, for an error sentence."""
        return f"{self.where}: {short(key)}"

    def has(self, key: str) -> bool:
        """Whether the key is present; does not count as using it."""
        return key in self.data

    def _take(self, key: str, expected: str) -> Any:
        self.used.add(key)
        if key not in self.data:
            raise InputError(sentence(self.at(key), expected=expected, got=None, then=f'Add "{short(key)}".'))
        return self.data[key]

    def text(self, key: str, *, default: str | None = None, expected: str = "a text in quotes") -> str:
        """A text; the default stands in when the key is absent."""
        if default is not None and key not in self.data:
            self.used.add(key)
            return default
        value = self._take(key, expected)
        if not isinstance(value, str) or (not value.strip() and default is None):
            raise InputError(sentence(self.at(key), expected=expected, got=value))
        return self._readable(key, value.strip())

    def name(self, key: str) -> str:
        """A text on one line, short enough for a legend."""
        value = self.text(key)
        if len(value) > _LONGEST_NAME or "\n" in value:
            expected = f"one line of at most {_LONGEST_NAME} letters"
            raise InputError(sentence(self.at(key), expected=expected, got=value))
        return value

    def _readable(self, key: str, value: str) -> str:
        """The text, if it is one that people wrote: no control characters, no novel."""
        if len(value) > _LONGEST_TEXT:
            expected = f"at most {_LONGEST_TEXT} letters"
            raise InputError(sentence(self.at(key), expected=expected, got=f"{len(value)} of them"))
        for letter in value:
            if letter not in "\n\t" and (unicodedata.category(letter) in _UNSEEN or _no_character(letter)):
                got, then = f"the unprintable U+{ord(letter):04X}", "Remove it."
                raise InputError(sentence(self.at(key), expected="text that can be read", got=got, then=then))
        return value

    def choice(self, key: str, known: Iterable[str], *, kind: str, default: str | None = None) -> str:
        """A text that must be one of the known names."""
        names = tuple(known)
        value = self.text(key, default=default, expected=f"a {kind}")
        if value not in names:
            raise InputError(
                f'{self.at(key)}: {kind} "{short(value)}" is not known. {nearest(value, names, kind=kind)}'
            )
        return value

    def number(
        self, key: str, *, low: float = -math.inf, high: float = math.inf, default: float | None = None
    ) -> float:
        """A plain, finite number within bounds."""
        if default is not None and key not in self.data:
            self.used.add(key)
            return default
        bounds = "a number" if low == -math.inf and high == math.inf else f"a number from {low:g} to {high:g}"
        value = self._take(key, bounds)
        if isinstance(value, bool) or not isinstance(value, int | float):
            raise InputError(sentence(self.at(key), expected=bounds, got=value))
        if (
            not low <= value <= high or not abs(value) <= sys.float_info.max
        ):  # an integer may be too large for a float
            raise InputError(sentence(self.at(key), expected=bounds, got=value))
        return float(value)

    def whole(self, key: str, *, low: int, high: int, default: int | None = None) -> int:
        """A whole number within bounds."""
        value = self.number(key, low=low, high=high, default=default)
        if value != int(value):
            expected = f"a whole number from {low} to {high}"
            raise InputError(sentence(self.at(key), expected=expected, got=value))
        return int(value)

    def flag(self, key: str, *, default: bool) -> bool:
        """true or false."""
        self.used.add(key)
        value = self.data.get(key, default)
        if not isinstance(value, bool):
            raise InputError(sentence(self.at(key), expected="true or false", got=value))
        return value

    def measure(
        self, key: str, *, of: str, example: str, low: float = 0.0, default: str | None = None
    ) -> float:
        """A quantity written as text (``"15 years"``), as a number in the unit ``of``, at least ``low``."""
        text = self.text(key, default=default, expected=f'a quantity such as "{example}"')
        value, unit = parse(text, where=self.at(key), of=of, example=example)
        converted = convert(value, unit, of)
        if converted < low:
            raise InputError(sentence(self.at(key), expected=f"at least {low:g} {of}", got=text))
        return converted

    def texts(self, key: str, *, default: tuple[str, ...] | None = None) -> tuple[str, ...]:
        """A list of texts."""
        if default is not None and key not in self.data:
            self.used.add(key)
            return default
        value = self._take(key, "a list of texts")
        if not isinstance(value, list) or not all(isinstance(item, str) for item in value):
            raise InputError(sentence(self.at(key), expected="a list of texts", got=value))
        return tuple(self._readable(key, item) for item in value)

    def table(self, key: str, *, optional: bool = False) -> Table:
        """A table inside this one; an absent optional table is empty."""
        if optional and key not in self.data:
            self.used.add(key)
            return Table({}, self.at(key))
        value = self._take(key, "a table")
        if not isinstance(value, dict):
            raise InputError(sentence(self.at(key), expected=f"a table [{key}]", got=value))
        return Table(value, self.at(key))

    def tables(self, key: str, *, least: int = 0) -> tuple[Table, ...]:
        """A list of tables, each knowing its place (``arm 2``)."""
        self.used.add(key)
        value = self.data.get(key, [])
        if not isinstance(value, list) or not all(isinstance(item, dict) for item in value):
            raise InputError(sentence(self.at(key), expected=f"tables written as [[{key}]]", got=value))
        if len(value) < least:
            raise InputError(
                sentence(self.at(key), expected=f"at least {least} [[{key}]]", got=f"{len(value)}")
            )
        return tuple(Table(item, f"{self.where}: {key} {number}") for number, item in enumerate(value, 1))

    def named_tables(self, key: str) -> dict[str, Table]:
        """A table of tables: name -> table."""
        inner = self.table(key, optional=True)
        return {name: inner.table(name) for name in inner.data}

    def evidence(self) -> Evidence:
        """The ``evidence``, ``grade`` and ``reason`` of this table."""
        grade = Grade(self.choice("grade", [grade.value for grade in Grade], kind="grade"))
        assumed = grade is Grade.ASSUMED
        source = self.text("evidence", default="" if assumed else None, expected="a reference key")
        reason = self.text("reason", default=None if assumed else "", expected="why this is assumed")
        if source:
            try:
                reference(source)
            except InputError as problem:
                raise InputError(f"{self.at('evidence')}: {problem}") from None
        return Evidence(source, grade, reason)

    def quantity(self, key: str, *, of: str) -> Quantity:
        """A ``{ value, unit, evidence, grade }`` table, in its own unit, of the dimension of ``of``."""
        inner = self.table(key)
        unit = inner._unit(of)
        found = Quantity(inner.number("value"), unit, inner.evidence())
        inner.done()
        return found

    def distribution(self, key: str, *, of: str | None = None) -> Distribution:
        """A ``{ distribution, ..., unit, evidence, grade }`` table; ``{ value, ... }`` is a constant.

        Args:
            key: the key.
            of: a unit of the wanted dimension; None takes the unit as it comes.
        """
        inner = self.table(key)
        shape = inner.choice("distribution", SHAPES, kind="distribution", default="constant")
        arguments = {name: inner.number(name) for name in sum(SHAPES[shape], ())}
        unit = inner._unit(of)
        found = Distribution(shape, arguments, unit, inner.evidence()).check(inner.where)
        inner.done()
        return found

    def _unit(self, of: str | None) -> str:
        unit = self.text("unit", default="" if of in (None, "", "dimensionless") else None, expected="a unit")
        try:
            agrees = same_dimension(unit, unit if of is None else of)  # asked of itself, a unit must be known
        except InputError as problem:
            raise InputError(f"{self.at('unit')}: {problem}") from None
        if not agrees:
            raise InputError(sentence(self.at("unit"), expected=f'a unit like "{of}"', got=unit))
        return unit

    def done(self) -> None:
        """Refuse keys nobody asked for: a misspelt key must never be a silent default.

        Raises:
            InputError: a key that this table does not have.
        """
        for key in self.data:
            if key not in self.used:
                raise InputError(
                    f"{self.at(key)}: this key is not known here. {nearest(key, self.used, kind='key')}"
                )
