"""The door of models: load one by name or file, read SBML or Antimony, write SBML.

libSBML and Antimony live in this module and its ``sbml_`` siblings, and nowhere else.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any

import antimony

from offtarget.catalog import find
from offtarget.errors import InputError, UnsupportedError, sentence
from offtarget.models.model import Model
from offtarget.models.sbml_math import parse_expression
from offtarget.models.sbml_read import read_sbml
from offtarget.models.sbml_units import states_time
from offtarget.models.sbml_write import write_sbml
from offtarget.models.template import fill
from offtarget.records import Table, read_csv, read_text, read_toml

__all__ = [
    "clone_names",
    "load_model",
    "model_files",
    "parse_expression",
    "read_model",
    "states_time_unit",
    "write_sbml",
]


def load_model(name: str) -> Model:
    """The model with this catalogue name, or in this file (.ant, .ant.j2, .xml, .sbml).

    A ``clones.csv`` beside an ``.ant.j2`` file fills its template, one row a clone; a ``.toml`` of the model's name
    beside it says what each name means and where each number came from.

    Args:
        name: a catalogue name such as ``cml``, or a path.

    Raises:
        InputError: no such model, or a file that is wrong.
        UnsupportedError: the model asks for something this package refuses to simulate.

    Example:
        >>> load_model("hahnel2020").time_unit
        'month'
    """
    path, clone_table, notes = _places(name)
    clones = _clones(clone_table)
    text = _text(path, clones)
    model = replace(read_model(text, where=path.name), clones=tuple(row["clone"] for row in clones))
    return _annotated(model, read_toml(notes)) if notes.is_file() else model


def model_files(name: str) -> tuple[Path, ...]:
    """Every file the model of this name is read from, the equations first.

    Args:
        name: a catalogue name such as ``cml``, or a path.

    Raises:
        InputError: no such model.
    """
    path, *beside = _places(name)
    return (path, *(one for one in beside if one.is_file()))


def clone_names(name: str) -> tuple[str, ...]:
    """The clones of the model of this name, without reading its equations; none where it has no table of them.

    Args:
        name: a catalogue name such as ``cml``, or a path.
    """
    return tuple(row["clone"] for row in _clones(_places(name)[1]))


def _places(name: str) -> tuple[Path, Path, Path]:
    """Where a model's equations are, and where its clone table and its notes would be."""
    path = find("models", name)
    return path, path.with_name("clones.csv"), path.with_name(path.name.split(".")[0] + ".toml")


def states_time_unit(name: str) -> bool:
    """Whether a model says in which unit its time runs; one that does not is read as running in days.

    Args:
        name: as ``load_model``, which should have accepted it.
    """
    path, clone_table, _ = _places(name)
    text = _text(path, _clones(clone_table))
    sbml = text if text.lstrip().startswith("<") else _antimony_to_sbml(text, path.name)
    return states_time(sbml)


def read_model(text: str, *, where: str) -> Model:
    """The model in an SBML or Antimony text.

    Args:
        text: the document; SBML begins with ``<``.
        where: the file or place, for error sentences.
    """
    if not text.strip():
        raise InputError(sentence(where, expected="an Antimony or SBML model", got="nothing"))
    return read_sbml(text if text.lstrip().startswith("<") else _antimony_to_sbml(text, where), where=where)


def _antimony_to_sbml(text: str, where: str) -> str:
    if re.search(r'^\s*import\s+"', text, flags=re.MULTILINE):
        then = "Copy what it imports into the file."
        raise UnsupportedError(sentence(where, expected="a model in one file", got="import", then=then))
    antimony.clearPreviousLoads()
    if antimony.loadAntimonyString(text) < 0:
        said = " ".join((antimony.getLastError() or "").split())[:300]
        raise InputError(
            sentence(where, expected="an Antimony or SBML model", got=" ".join(text.split()), then=said)
        )
    name = antimony.getMainModuleName()
    sbml = antimony.getSBMLString(name)
    antimony.clearPreviousLoads()
    if not sbml:
        raise InputError(
            sentence(where, expected="an Antimony or SBML model", got="one without a main model")
        )
    return str(sbml)


def _text(path: Path, clones: tuple[Mapping[str, str], ...]) -> str:
    text = read_text(path)
    return fill(text, clones, where=path.name) if path.name.endswith(".j2") else text


def _clones(path: Path) -> tuple[Mapping[str, str], ...]:
    rows = read_csv(path, columns=("clone",)) if path.is_file() else ()
    names = [row["clone"] for row in rows]
    for number, name in enumerate(names, 1):
        if names.index(name) < number - 1:
            where = f"{path.name}: row {number}: clone"
            raise InputError(sentence(where, expected="a name of its own", got=name, then="Rename it."))
    return rows


def _annotated(model: Model, table: Table) -> Model:
    """The model with titles, outputs, meanings and evidence from the notes beside it."""
    meanings = dict(_each(table.named_tables("names"), model))
    unknown = sorted(meanings.keys() - model.names())
    if unknown:
        raise InputError(sentence(table.at("names"), expected="names of the model", got=unknown[0]))
    said = {id: inner.text("meaning", default="") for id, inner in meanings.items()}
    evidence = {id: inner.evidence() for id, inner in meanings.items() if inner.has("grade")}
    below = _counted_below(meanings, model)
    for inner in meanings.values():
        inner.done()
    annotated = replace(
        model, title=table.text("title"), source=table.text("source", default=""), outputs=_outputs(table, model),
        parameters=tuple(
            replace(one, name=said.get(one.id, one.name), evidence=evidence.get(one.id)) for one in model.parameters
        ),
        species=tuple(
            replace(one, name=said.get(one.id, one.name), evidence=evidence.get(one.id),
                    counted_below=below.get(one.id, one.counted_below)) for one in model.species
        ),
        rules=tuple(replace(one, name=said.get(one.id, one.name)) for one in model.rules),
    )  # fmt: skip
    table.done()
    return annotated


def _counted_below(meanings: Mapping[str, Table], model: Model) -> dict[str, float]:
    """Below how many cells chance decides, by species; what is no number of cells is not counted at all."""
    found = {}
    counted = {one.id for one in model.species if one.counted}
    for id, inner in meanings.items():
        if inner.has("counted_below"):
            found[id] = inner.number("counted_below", low=0.0, high=1e9)
            if id not in counted:
                raise InputError(
                    f"{inner.at('counted_below')}: the model does not count {id} in cells. Remove the key."
                )
    return found


def _each(meanings: Mapping[str, Table], model: Model) -> Iterator[tuple[str, Table]]:
    """Notes by name; a key with ``{clone}`` in it is about every clone that has such a name, and some clone must."""
    for key, inner in meanings.items():
        names = (
            {key.replace("{clone}", clone): clone for clone in model.clones}
            if "{clone}" in key
            else {key: ""}
        )
        known = {name: clone for name, clone in names.items() if name in model.names()}
        for name, clone in (known or names).items():
            yield name, _about(inner, clone)


def _about(table: Table, clone: str) -> Table:
    """A table of notes about one clone, from the table about every clone."""
    data: dict[str, Any] = {
        key: value.replace("{clone}", clone) if isinstance(value, str) else value
        for key, value in table.data.items()
    }
    return Table(data, table.where)


def _outputs(table: Table, model: Model) -> tuple[str, ...]:
    found: list[str] = []
    for name in table.texts("outputs", default=()):
        found += [name.replace("{clone}", clone) for clone in model.clones] if "{clone}" in name else [name]
    return tuple(found)
