"""The user's own files behind a study: looked for beside it, and carried along with its results."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

from offtarget.catalog import find, is_path
from offtarget.models.sbml import model_files

__all__ = ["anchored", "input_files", "portable"]

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
            if is_path(kind, name) and name.isprintable() and place.is_file():
                return str(place.resolve())
        return name

    return _renamed(record, whole)


def portable(record: Mapping[str, Any]) -> tuple[dict[str, Any], dict[str, bytes]]:
    """A study that can move with its own files: (the study, files by the place they get beside it).

    Args:
        record: the study's tables, its own files named by their whole paths.
    """
    carried: dict[str, bytes] = {}

    def moved(kind: str, name: str) -> str:
        if not is_path(kind, name):
            return name
        folder = f"inputs/{kind}"
        for path in input_files(kind, name):
            carried[f"{folder}/{path.name}"] = path.read_bytes()
        return f"{folder}/{Path(name).name}"

    return _renamed(record, moved), carried


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
