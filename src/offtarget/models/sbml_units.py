"""Units between SBML's unit definitions and the texts this package writes, such as ``cell/day``."""

from __future__ import annotations

import math
from typing import Any

import libsbml

from offtarget.errors import InputError
from offtarget.units import convert, factors, same_dimension

__all__ = ["define_unit", "states_time", "time_text", "unit_texts"]

#: (SBML kind, size) -> how it is written here. Anything else is written with its size as a plain number of the kind.
_WRITTEN = {
    ("second", 1.0): "s", ("second", 60.0): "min", ("second", 3600.0): "h", ("second", 86400.0): "day",
    ("second", 1e-3): "ms", ("second", 1e-6): "us",
    ("second", 604800.0): "week", ("second", 2629800.0): "month", ("second", 31557600.0): "year",
    ("item", 1.0): "cell", ("mole", 1.0): "mol", ("mole", 1e-3): "mmol", ("mole", 1e-6): "umol",
    ("mole", 1e-9): "nmol", ("mole", 1e-12): "pmol", ("litre", 1.0): "L", ("litre", 1e-3): "mL",
    ("litre", 1e-6): "uL", ("gram", 1.0): "g", ("gram", 1e3): "kg", ("gram", 1e-3): "mg", ("gram", 1e-6): "ug",
    ("gram", 1e-9): "ng", ("gram", 1e-12): "pg", ("metre", 1.0): "m", ("metre", 1e-2): "cm", ("metre", 1e-1): "dm",
    ("dimensionless", 1.0): "", ("dimensionless", 1e-2): "percent", ("kilogram", 1.0): "kg",
    ("liter", 1.0): "L", ("meter", 1.0): "m",
}  # fmt: skip


def unit_texts(model: Any) -> dict[str, str]:
    """Every unit a model defines or may use, as text: unit id -> text; unknown sizes become an empty text.

    Args:
        model: a libSBML Model.
    """
    found = {kind: text for (kind, size), text in _WRITTEN.items() if size == 1.0}
    found["percent"] = "percent"
    for one in model.getListOfUnitDefinitions():
        found[one.getId()] = _own_name(one.getName(), _text(one))
    return found


def time_text(model: Any) -> str:
    """The unit in which a model's time runs, empty where it states none. Level 2 has one of its own, the second.

    A unit without a name is written as so many seconds. No unit is called that: it can be shown but not converted, and
    so it is refused wherever a time has to be converted.

    Args:
        model: a libSBML Model.
    """
    id = model.getTimeUnits() if model.getLevel() > 2 else "time"
    definition = model.getUnitDefinition(id)
    if definition is None:
        return "s" if id == "time" else unit_texts(model).get(id, "")
    units = list(definition.getListOfUnits())
    kinds = {unit.getKind() for unit in units} - {libsbml.UNIT_KIND_DIMENSIONLESS}
    if not kinds:
        return ""
    sizes = ((unit.getMultiplier() * 10.0 ** unit.getScale()) ** unit.getExponentAsDouble() for unit in units)
    seconds = f"{math.prod(sizes):.15g} s" if kinds == {libsbml.UNIT_KIND_SECOND} else f"unit {id}"
    return unit_texts(model)[id] or seconds


def states_time(text: str) -> bool:
    """Whether an SBML document, which should have been read without a complaint, says in which unit time runs."""
    document = libsbml.readSBMLFromString(text)
    return time_text(document.getModel()) != ""


def _own_name(name: str, text: str) -> str:
    """The definition's own name where it says the same unit, as in what this package writes; else the text."""
    try:
        same = bool(name) and same_dimension(name, text) and math.isclose(convert(1.0, name, text), 1.0)
    except InputError:
        return text
    return name if same else text


def _text(definition: Any) -> str:
    above: list[str] = []
    below: list[str] = []
    for unit in definition.getListOfUnits():
        size = unit.getMultiplier() * 10.0 ** unit.getScale()
        kind = libsbml.UnitKind_toString(unit.getKind())
        word = next(
            (text for (name, known), text in _WRITTEN.items() if name == kind and math.isclose(known, size)),
            None,
        )
        if word is None:
            return ""
        power = unit.getExponentAsDouble()
        if word and power:
            side = above if power > 0 else below
            side.append(word if abs(power) == 1 else f"{word}^{abs(power):g}")
    top = "*".join(above) or ("1" if below else "")
    bottom = below[0] if len(below) == 1 else f"({'*'.join(below)})"
    return f"{top}/{bottom}" if below else top


def define_unit(model: Any, unit: str) -> str:
    """The id of a unit definition for this unit text, made if the model has none yet.

    Args:
        model: a libSBML Model under construction.
        unit: the unit as text.
    """
    parts = factors(unit)
    if not parts:
        return "dimensionless"
    id = "unit_" + "".join(character if character.isalnum() else "_" for character in unit)
    if model.getUnitDefinition(id) is None:
        definition = model.createUnitDefinition()
        definition.setId(id)
        definition.setName(unit)
        for kind, size, power in parts:
            inner = definition.createUnit()
            inner.setKind(libsbml.UnitKind_forName(kind))
            inner.setMultiplier(size)
            inner.setScale(0)
            inner.setExponent(power)
    return id
