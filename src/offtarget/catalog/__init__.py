"""The catalogue: data, not code. Every entry is a file a user could have written.

``find("drugs", "imatinib")`` gives the file; a path instead of a name gives the user's own file.
"""

from __future__ import annotations

import os
from importlib import resources
from pathlib import Path

from offtarget.errors import InputError, nearest, sentence, short

__all__ = ["KINDS", "data", "find", "ids", "is_path"]

#: Kind of entry -> how its file ends. A model may come in any of several forms.
KINDS = {
    "drugs": (".toml",),
    "mechanisms": (".toml",),
    "models": (".ant", ".ant.j2", ".xml", ".sbml"),
    "populations": (".toml",),
    "targets": (".toml",),
    "trials": (".toml",),
}


def _folder(kind: str) -> Path:
    return Path(str(resources.files("offtarget") / "catalog" / kind))


def _entries(kind: str) -> dict[str, Path]:
    found: dict[str, Path] = {}
    for ending in KINDS[kind]:
        for path in sorted(_folder(kind).rglob(f"*{ending}")):
            found.setdefault(path.name.removesuffix(ending), path)
    return dict(sorted(found.items()))


def ids(kind: str) -> tuple[str, ...]:
    """The names of the catalogue's entries of one kind, sorted.

    Args:
        kind: one of ``KINDS``, for example ``trials``.
    """
    return tuple(_entries(kind))


def find(kind: str, name: str) -> Path:
    """The file behind a catalogue name, or behind a path the user gave.

    Args:
        kind: one of ``KINDS``.
        name: a catalogue name (``imatinib``) or a path to a file of that kind (``my/drug.toml``).

    Raises:
        InputError: neither a name in the catalogue nor a file that can be read.
    """
    entries = _entries(kind)
    if name in entries:
        return entries[name]
    word = kind.removesuffix("s")
    if is_path(kind, name):
        if not name.isprintable():
            then = "Rename the file."
            raise InputError(sentence(name, expected="a file name that can be printed", got=name, then=then))
        if os.path.isfile(name):  # noqa: PTH113 - unlike Path.is_file, says no to a name that no file can have
            return Path(name)
        raise InputError(
            sentence(name, expected=f"a file with a {word}", got="no such file", then="Check the path.")
        )
    raise InputError(f'{word} "{short(name)}" is not in the catalogue. {nearest(name, entries, kind=word)}')


def is_path(kind: str, name: str) -> bool:
    """Whether a name is written like the path of a file of this kind, rather than like a catalogue name."""
    return name not in _entries(kind) and ("/" in name or "\\" in name or name.endswith(KINDS[kind]))


def data(*parts: str) -> Path:
    """The path of a data file inside the catalogue, for example ``data("models", "clones.csv")``."""
    return Path(str(resources.files("offtarget") / "catalog")).joinpath(*parts)
