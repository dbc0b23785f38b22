"""The user's own files behind a study: looked for beside it, and carried along with its results."""

from __future__ import annotations

import os
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

from offtarget.catalog import find, is_path
from offtarget.errors import InputError, sentence
from offtarget.models.sbml import model_files
from offtarget.records import read_text

__all__ = ["anchored", "input_files", "own_files", "portable"]

#: Key of a study -> the kind of file it may name.
_KINDS = {"model": "models", "population": "populations", "mechanisms": "mechanisms"}


def anchored(record: Mapping[str, Any], folder: Path) -> dict[str, Any]:
    """A study whose own files are named by their whole paths.

    A path is read from the study's folder; where nothing is there, from the folder the user is in. A name that is
    neither stays as it is, for the complaint to quote.

    Args:
        record: the study's tables.
        folder: the folder the study is in.
    """

    def whole(kind: str, name: str) -> str:
        for place in (folder / name, Path(name)):
            if is_path(kind, name) and name.isprintable() and os.path.isfile(place):  # noqa: PTH113 - see catalog.find
                return str(place.resolve())
        return name

    return _renamed(record, whole)


def portable(record: Mapping[str, Any]) -> dict[str, Any]:
    """A study as it stands in the folder of a run: its own files named by the places they get there.

    Args:
        record: the study's tables, its own files named by their whole paths.
    """

    def moved(kind: str, name: str) -> str:
        return f"inputs/{kind}/{Path(name).name}" if is_path(kind, name) else name

    return _renamed(record, moved)


def own_files(record: Mapping[str, Any]) -> dict[str, bytes]:
    """What the study's own files say now, by the place they get in the folder of a run.

    Args:
        record: as for ``portable``.

    Raises:
        InputError: a file that is gone or cannot be read, or two of one name.
    """
    found: dict[str, bytes] = {}

    def taken(kind: str, name: str) -> str:
        if is_path(kind, name):
            for path in input_files(kind, name):
                read_text(path)  # what is no text is said here
                place, content = f"inputs/{kind}/{path.name}", path.read_bytes()
                if found.setdefault(place, content) != content:
                    then = "Rename one of them."
                    expected = f"one file of the name {path.name}"
                    raise InputError(
                        sentence(str(path), expected=expected, got="another one, too", then=then)
                    )
        return name

    _renamed(record, taken)
    return found


def input_files(kind: str, name: str) -> tuple[Path, ...]:
    """Every file behind one name: the tables beside a model or a target profile belong to it.

    Args:
        kind: a kind of the catalogue, for example ``models``.
        name: a catalogue name or a path.
    """
    if kind == "models":
        return model_files(name)
    path = find(kind, name)
    tables = sorted(path.parent.glob(f"{path.stem}_*.csv")) if kind == "targets" else []
    return (path, *tables)


def _renamed(record: Mapping[str, Any], rename: Callable[[str, str], str]) -> dict[str, Any]:
    found = dict(record)
    for key, kind in _KINDS.items():
        value = found.get(key)
        if isinstance(value, str):
            found[key] = rename(kind, value)
        elif isinstance(value, list):
            found[key] = [rename(kind, one) if isinstance(one, str) else one for one in value]
    return found
