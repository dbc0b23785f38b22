"""Where a number came from: Evidence, Quantity, and the references behind any noun.

No number without a source. The reference list is one CSL-JSON file in the catalogue; ``cite`` walks a noun,
collects every source it names and returns the references in a stable order.
"""

from __future__ import annotations

import dataclasses
import hashlib
import json
import platform
from collections import Counter
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from enum import StrEnum
from functools import lru_cache
from importlib import metadata, resources
from typing import Any

from offtarget.errors import InputError, nearest
from offtarget.units import convert

__all__ = [
    "Evidence",
    "Grade",
    "Quantity",
    "Reference",
    "cite",
    "digest",
    "grades",
    "reference",
    "sources",
    "stamp",
]


class Grade(StrEnum):
    """How a number came to be known."""

    MEASURED = "measured"
    DERIVED = "derived"
    FITTED = "fitted"
    ASSUMED = "assumed"


@dataclass(frozen=True, slots=True)
class Evidence:
    """The source of a number: a key in the reference list, a grade, and a note (required when assumed)."""

    source: str
    grade: Grade
    note: str = ""


@dataclass(frozen=True, slots=True)
class Quantity:
    """A number with its unit and its evidence."""

    value: float
    unit: str
    evidence: Evidence

    def to(self, unit: str) -> float:
        """The bare number in another unit of the same dimension."""
        return convert(self.value, self.unit, unit)


@dataclass(frozen=True, slots=True)
class Reference:
    """One entry of the reference list; ``year`` is 0 where it is not known."""

    key: str
    authors: str
    year: int
    title: str
    container: str
    doi: str = ""
    pmid: str = ""
    note: str = ""

    def line(self) -> str:
        """The reference as one line of text."""
        tail = f" doi:{self.doi}" if self.doi else (f" PMID {self.pmid}" if self.pmid else "")
        parts = (f"{self.authors} ({self.year or 'no year'})", self.title, self.container)
        return ". ".join(part.rstrip(".") for part in parts if part) + f".{tail}"


@lru_cache(maxsize=1)
def _references() -> dict[str, Reference]:
    text = (resources.files("offtarget") / "catalog" / "references.json").read_text(encoding="utf-8")
    return {row["id"]: _from_csl(row) for row in json.loads(text)}


def _from_csl(row: dict[str, Any]) -> Reference:
    names = [author.get("family", author.get("literal", "")) for author in row.get("author", [])]
    authors = ", ".join(names[:3]) + (" et al." if len(names) > 3 else "")
    year = int(row["issued"]["date-parts"][0][0]) if "issued" in row else 0
    return Reference(
        key=row["id"], authors=authors, year=year, title=row["title"],
        container=row.get("container-title", ""),
        doi=row.get("DOI", ""), pmid=row.get("PMID", ""), note=row.get("note", ""),
    )  # fmt: skip


def reference(key: str) -> Reference:
    """The reference with this key.

    Raises:
        InputError: no such key in the reference list.
    """
    try:
        return _references()[key]
    except KeyError:
        raise InputError(
            f'reference "{key}" is not in the list. {nearest(key, _references(), kind="reference")}'
        ) from None


def _evidence(noun: object) -> Iterator[Evidence | Reference]:
    """Every Evidence and Reference reachable from a noun through dataclass fields, tuples and mappings."""
    if isinstance(noun, Evidence | Reference):
        yield noun
    elif dataclasses.is_dataclass(noun) and not isinstance(noun, type):
        for field in dataclasses.fields(noun):
            yield from _evidence(getattr(noun, field.name))
    elif isinstance(noun, Mapping):
        for value in noun.values():
            yield from _evidence(value)
    elif isinstance(noun, tuple | list):
        for item in noun:
            yield from _evidence(item)


def sources(noun: object) -> tuple[str, ...]:
    """The reference keys behind a noun, each once, in order of first use."""
    keys = (found.key if isinstance(found, Reference) else found.source for found in _evidence(noun))
    return tuple(dict.fromkeys(key for key in keys if key))


def cite(noun: object) -> tuple[Reference, ...]:
    """The references behind a noun, sorted by author and year.

    Raises:
        InputError: the noun names a source that is not in the reference list.
    """
    return tuple(
        sorted((reference(key) for key in sources(noun)), key=lambda ref: (ref.authors, ref.year, ref.key))
    )


def grades(noun: object) -> dict[str, int]:
    """How many numbers of each grade stand behind a noun."""
    counted = Counter(found.grade.value for found in _evidence(noun) if isinstance(found, Evidence))
    return {grade.value: counted.get(grade.value, 0) for grade in Grade}


def digest(*parts: bytes | str) -> str:
    """The SHA-256 of the parts, each preceded by its length, as 64 hex digits."""
    total = hashlib.sha256()
    for part in parts:
        raw = part.encode() if isinstance(part, str) else part
        total.update(len(raw).to_bytes(8, "little"))
        total.update(raw)
    return total.hexdigest()


def stamp() -> dict[str, str]:
    """Versions of everything that could change a number: this package, its libraries, Python, the machine."""
    names = ("numba", "numpy", "scipy", "sympy", "python-libsbml", "antimony", "pint", "pyarrow")
    versions = {name: metadata.version(name) for name in names}
    return {"offtarget": metadata.version("offtarget"), **versions, "python": platform.python_version(),
            "machine": f"{platform.system()} {platform.machine()}"}  # fmt: skip
