"""Kernel: a Model compiled, or found in the cache."""

from __future__ import annotations

from dataclasses import dataclass
from types import ModuleType
from typing import Any

import numpy as np
from numpy.typing import NDArray

from offtarget.engine import cache
from offtarget.engine.event_layout import Plan, plan
from offtarget.engine.hybrid_layout import Net
from offtarget.engine.layout import Floats
from offtarget.models.expression import symbols
from offtarget.models.model import Model, Rule, Species

__all__ = ["Kernel", "assemble", "build", "chosen"]

#: Units in which a species is a number of things or an amount of stuff, and so is never negative.
_COUNTED_UNITS = (
    "cell",
    "cells",
    "item",
    "mole",
    "mol",
    "nmol",
    "nM",
    "pM",
    "uM",
    "mg",
    "ug",
    "ng",
    "g",
    "kg",
)
#: Below this many cells nothing is followed to its own precision, cells.
_CELL_FLOOR = 1e-3
#: Below this share of its own peak a species of another unit is not followed to its own precision.
_SHARE_FLOOR = 1e-6


@dataclass(frozen=True, slots=True, eq=False)
class Kernel:
    """A compiled model.

    Attributes:
        parameters: names, in the order of the columns of the work arrays.
        defaults: the model's own values of the parameters, shape (parameters,).
        species: names, in order.
        outputs: names of the output columns; ``output_units`` their units.
        time_unit: unit of every time and of 1/rate.
        digest: SHA-256 of model, outputs, engine and compiler: the kernel's name in the cache.
        floor, share: below ``max(floor, share * peak)`` a species' error is judged against that size, shape (species,).
        counts: 1 for species that cannot be negative, shape (species,).
        statics: how many parameter-only expressions are computed once a segment.
        source: the generated module's text lies here.
        entry: the compiled function.
        plan: the model's own events; None when it has none.
        delayed: whether no schedule may act on it (see ``Model``).
        net: what happens by chance (see ``hybrid``); None where everything flows.
    """

    id: str
    parameters: tuple[str, ...]
    defaults: Floats
    species: tuple[str, ...]
    outputs: tuple[str, ...]
    output_units: tuple[str, ...]
    time_unit: str
    digest: str
    floor: Floats
    share: Floats
    counts: NDArray[np.int64]
    statics: int
    source: str
    entry: Any
    plan: Plan | None
    delayed: bool
    net: Net | None = None


def build(model: Model, *, outputs: tuple[str, ...] = ()) -> Kernel:
    """The model compiled, from the disk cache when this model was compiled before.

    Args:
        model: the equations.
        outputs: species, parameters, rules or reactions to compute at every visit; by default the model's own
            choice, or all species and rules when it makes none.

    Raises:
        InputError: an output the model does not have, or equations that do not close.
        UnsupportedError: a function the engine does not have.
    """
    names = chosen(model, outputs)
    name = cache.key(model.text(), names)
    return assemble(model, names, name, cache.load(name, lambda: _generate(model, names)), named=model)


def chosen(model: Model, outputs: tuple[str, ...]) -> tuple[str, ...]:
    """What is looked at: what the caller says, else the model's own choice, else all species and rules."""
    return outputs or model.outputs or (*(one.id for one in model.species), *(one.id for one in model.rules))


def assemble(model: Model, names: tuple[str, ...], name: str, module: ModuleType, *, named: Model) -> Kernel:
    """The kernel of a compiled module.

    Args:
        model: the equations as compiled.
        names: its outputs.
        name: its name in the cache.
        module: what was compiled.
        named: the model whose names the outputs are.
    """
    cells = np.array([_whole(one) for one in model.species], bool)
    guarded = _never_negative(model)
    counts = [one.id in guarded for one in model.species]
    defaults = np.array([one.value for one in model.parameters], np.float64)
    return Kernel(
        id=model.id, parameters=tuple(one.id for one in model.parameters), defaults=defaults,
        species=tuple(one.id for one in model.species), outputs=names,
        output_units=tuple(_unit(named, one) for one in names), time_unit=model.time_unit, digest=name,
        floor=np.where(cells, _CELL_FLOOR, 0.0), share=np.where(cells, 0.0, _SHARE_FLOOR),
        counts=np.array(counts, np.int64), statics=int(module.STATICS), source=str(module.__file__),
        entry=module.advance, plan=plan(model, module), delayed=model.delayed,
    )  # fmt: skip


def _whole(one: Species) -> bool:
    return one.counted or one.unit.strip() in ("cell", "cells", "item")


def _never_negative(model: Model) -> frozenset[str]:
    """Species that are held to staying above zero: counts and amounts, unless their equations say otherwise.

    A reaction that goes on taking when nothing is left means what it says, and so does a d/dt that its author wrote for
    anything but cells.
    """
    reached: dict[str, frozenset[str]] = {}
    for one in (*model.rules, *(Rule(each.id, each.rate, "") for each in model.reactions)):
        used = symbols(one.expression)  # of rules, only of earlier ones
        reached[one.id] = used.union(*(reached[name] for name in used & reached.keys()))
    drained = {
        id
        for one in model.reactions
        for id, amount in one.changes
        if amount < 0 and id not in reached[one.id]
    }
    steered = {rule.id for rule in model.rates}
    return frozenset(
        one.id for one in model.species
        if one.id not in drained
        and (_whole(one) or (one.unit.split("/")[0].strip() in _COUNTED_UNITS and one.id not in steered))
    )  # fmt: skip


def _generate(model: Model, outputs: tuple[str, ...]) -> str:
    from offtarget.engine.codegen import generate  # only a kernel that is not in the cache needs its text

    return generate(model, outputs)


def _unit(model: Model, name: str) -> str:
    if name == "time":
        return model.time_unit
    for reaction in model.reactions:
        if reaction.id == name:
            unit = next(
                (one.unit for one in model.species if reaction.changes and one.id == reaction.changes[0][0]),
                "",
            )
            return f"{unit}/{model.time_unit}"
    return model.unit(name)
