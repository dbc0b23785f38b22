"""Standing variation: the resistant cells a patient has at diagnosis, drawn from growth since the first leukaemic cell.

The load grows from one wild-type cell to what it is at diagnosis. A wild-type division gives a mutant with a small
probability, so mutants are born as a Poisson process along the load, whatever the load's course in time. A mutant of
relative growth f, born when the load was L0, heads a family whose expected size at the load L is (L / L0)^f: what
brakes the wild type (little room) brakes the mutant by the same factor, so no time is needed. Around that mean the
family varies as a linear birth-death process does in its own time. This is the distribution of Luria and Delbrueck,
with unequal growth and deaths.

Sources: Luria and Delbrueck 1943 (luria1943); Lea and Coulson 1949 (lea1949), f = 1; Mandelbrot 1974 (mandelbrot1974)
and Koch 1982 (koch1982), unequal growth; Jaeger and Sarkar 1995 (jaeger1995); the load as the clock of any growth:
Houchmandzadeh 2015 (houchmandzadeh2015); the birth-death process: Kendall 1948 (kendall1948).
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from offtarget.arrays.cohort import Cohort
from offtarget.errors import InputError, nearest, sentence
from offtarget.evidence import Evidence, Quantity
from offtarget.models.model import Model
from offtarget.randomness import Stream, stream
from offtarget.records import Table

__all__ = ["Standing", "born_before", "check_standing", "read_standing", "with_standing"]

Floats = NDArray[np.float64]

#: Mutants of one clone that may be expected to be born in a patient: beyond, chance is no matter and time is.
_MOST_BIRTHS = 10_000.0


@dataclass(frozen=True, slots=True)
class Standing:
    """How the clones of a model come to be there at diagnosis. ``{clone}`` stands for each clone but the first.

    Attributes:
        load: the parameter or covariate that holds the wild-type cells at diagnosis, cells.
        mutation: the parameter that holds the probability that a division gives the clone.
        fitness: the parameter that holds its growth relative to wild type.
        cells: the parameter that the drawn number of cells is given to.
        turnover: divisions for each cell that the load gains: 1 when no cell dies on the way.
    """

    load: str
    mutation: str
    fitness: str
    cells: str
    turnover: Quantity
    evidence: Evidence

    def named(self, clone: str) -> tuple[str, str, str]:
        """The names of a clone's mutation probability, growth and cells."""
        found = [text.replace("{clone}", clone) for text in (self.mutation, self.fitness, self.cells)]
        return found[0], found[1], found[2]


def read_standing(table: Table) -> Standing:
    """The ``[standing]`` table of a population.

    Raises:
        InputError: a key or value that makes no sense.
    """
    texts = {key: table.text(key) for key in ("load", "mutation", "fitness", "cells")}
    for key in ("mutation", "fitness", "cells"):
        if "{clone}" not in texts[key]:
            raise InputError(sentence(table.at(key), expected='a name with "{clone}" in it', got=texts[key]))
    turnover = table.quantity("turnover", of="")
    if turnover.value < 1:
        raise InputError(sentence(table.at("turnover"), expected="one or more", got=turnover.value))
    found = Standing(**texts, turnover=turnover, evidence=table.evidence())
    table.done()
    return found


def check_standing(standing: Standing, model: Model, *, where: str) -> None:
    """Refuse a population whose standing variation the model has no names for.

    Args:
        standing: what the population says.
        model: the model it is to be used with.
        where: the population's file, for the error sentence.

    Raises:
        InputError: a model without clones, or without one of the names.
    """
    if len(model.clones) < 2:
        got = f"{model.id}, which has none"
        then = "Take the table [standing] out of the population."
        raise InputError(
            sentence(f"{where}: standing", expected="a model with resistant clones", got=got, then=then)
        )
    known = {one.id for one in model.parameters}
    for name in (standing.load, *(name for clone in model.clones[1:] for name in standing.named(clone))):
        if name not in known:
            said = nearest(name, known, kind="parameter")
            raise InputError(f'{where}: standing: the model {model.id} has no "{name}". {said}')


def with_standing(standing: Standing, cohort: Cohort, model: Model, seed: int) -> Cohort:
    """The cohort with a column of cells at diagnosis for each resistant clone that has none yet, whole numbers.

    A draw is addressed by seed, clone and patient: another clone in the table changes no draw of this one.

    Args:
        standing: how the clones come to be there; checked against the model.
        cohort: n patients; a value it does not sample is the model's own.
        model: the model, with its clones; the first is the wild type.
        seed: the run's seed.

    Raises:
        InputError: a probability, a growth or a load for which this is no description.
    """
    columns: dict[str, Floats] = {}
    units: dict[str, str] = {}

    def value(name: str) -> Floats:
        own = cohort.columns.get(name)
        return np.full(cohort.size, model.parameter(name).value) if own is None else own

    for clone in model.clones[1:]:
        mutation, fitness, cells = standing.named(clone)
        if cells in cohort.columns:
            continue
        load, rate, growth = value(standing.load), value(mutation), value(fitness)
        _refuse_unfit(load, rate * standing.turnover.value, growth, names=(mutation, fitness))
        columns[cells] = born_before(
            stream(seed, "standing", clone), cohort.patients, load,
            mutation=rate, fitness=growth, turnover=standing.turnover.value,
        )  # fmt: skip
        units[cells] = model.unit(cells)
    return cohort.with_columns(columns, units)


def _refuse_unfit(load: Floats, births: Floats, growth: Floats, *, names: tuple[str, str]) -> None:
    """Refuse what the theory is not about: probabilities that are none, mutants that outgrow the wild type."""
    if not (np.all(births >= 0) and np.all(births <= 1)):
        raise InputError(sentence(names[0], expected="from 0 to 1, times turnover", got=float(births.max())))
    if not (np.all(growth >= 0) and np.all(growth <= 1)):
        then = f"Give the cells at diagnosis in the population instead of {names[1]} above 1."
        got = float(growth[np.argmax(np.abs(growth))])
        raise InputError(
            sentence(names[1], expected="growth from 0 to 1 of the wild type's", got=got, then=then)
        )
    expected = births * load
    if np.any(expected > _MOST_BIRTHS):
        then = "A clone as frequent as that is no matter of chance: give its cells in the population."
        said = f"at most {_MOST_BIRTHS:g} mutants expected at diagnosis"
        raise InputError(sentence(names[0], expected=said, got=float(expected.max()), then=then))


def born_before(
    luck: Stream, patients: NDArray[np.uint64], load: Floats, *, mutation: Floats, fitness: Floats, turnover: float
) -> Floats:  # fmt: skip
    """Living cells of a clone when the wild type has grown from one cell to ``load``, whole numbers, shape (n,).

    Args:
        luck: the clone's own random numbers; a patient uses two for each mutant that is born.
        patients: patient numbers, shape (n,).
        load: wild-type cells, shape (n,).
        mutation: probability that a division gives a mutant, shape (n,).
        fitness: growth relative to wild type, from 0 to 1, shape (n,).
        turnover: divisions for each cell gained, one or more; the mutants turn over as the wild type does.
    """
    total, at = np.zeros(load.shape), np.ones(load.shape)
    rate = mutation * turnover  # mutants for each cell the load gains
    who, number = np.flatnonzero((rate > 0) & (load > 1)), 0
    while who.size:
        at[who] -= np.log(luck.uniform(patients[who], 2 * number)) / rate[who]
        who = who[at[who] < load[who]]
        grown = (load[who] / at[who]) ** fitness[who]
        total[who] += _family(grown, turnover, luck.uniform(patients[who], 2 * number + 1))
        number += 1
    return total


def _family(grown: Floats, turnover: float, luck: Floats) -> Floats:
    """The size of a mutant's family whose mean is ``grown``, by inversion, shape (n,): Kendall's linear birth-death.

    With ``turnover`` births and one less deaths for each cell gained it has died out with probability
    (turnover - 1)(grown - 1) / (turnover grown - turnover + 1); else its size is geometric.
    """
    single = 1 / (turnover * grown - turnover + 1)  # chance that a living family is one cell
    alive = grown * single
    with np.errstate(divide="ignore"):
        beyond = np.floor(np.log(np.minimum(luck / alive, 1.0)) / np.log1p(-single))
    return np.where(luck < alive, 1 + beyond, 0.0)
