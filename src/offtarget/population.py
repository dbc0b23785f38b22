"""Population: who may enrol. Covariates and parameters as distributions, correlated by name, drawn patient by patient.

Every draw is addressed by (seed, parameter, patient, try): the first ten of a thousand are the ten of ten, and adding a
parameter changes no other draw.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from offtarget.arrays.cohort import Cohort
from offtarget.catalog import find
from offtarget.distributions import SHAPES, Distribution, correlate
from offtarget.errors import InputError, nearest, sentence
from offtarget.evidence import Evidence
from offtarget.randomness import stream
from offtarget.records import Table, read_toml
from offtarget.standing import Standing, read_standing
from offtarget.units import convert, parse, same_dimension

__all__ = ["Correlation", "Eligibility", "Population", "Variable", "load_population"]

#: Units in which parameters are held, by dimension: the first that fits.
_HOUSE = ("1/day", "day", "cell", "cell/day", "1/(cell*day)", "nM", "mg", "L", "L/day", "g/L", "")
#: What clinical covariates are measured in: another dimension is a mistake.
_CUSTOMARY: Mapping[str, str] = {"age": "year", "weight": "kg", "male": "", "adherence": ""}
_TRIES = 1000
#: Patients are numbered below this: a patient's address in every random stream has 32 bits.
_MOST_PATIENTS = 2**32


@dataclass(frozen=True, slots=True)
class Variable:
    """One column of the cohort: a covariate or a parameter, and how it varies."""

    name: str
    meaning: str
    distribution: Distribution
    covariate: bool


@dataclass(frozen=True, slots=True)
class Eligibility:
    """A bound that a patient must meet to enrol, in the column's unit."""

    column: str
    relation: str
    bound: float
    text: str

    def met(self, values: NDArray[np.float64]) -> NDArray[np.bool_]:
        """Who meets it, shape as ``values``."""
        return _RELATIONS[self.relation](values, self.bound)


_RELATIONS: Mapping[str, Callable[..., NDArray[np.bool_]]] = {
    ">=": np.greater_equal, "<=": np.less_equal, ">": np.greater, "<": np.less,
}  # fmt: skip


@dataclass(frozen=True, slots=True)
class Correlation:
    """How two variables go together: the correlation of the normal scores behind them."""

    one: str
    other: str
    value: float
    evidence: Evidence


@dataclass(frozen=True, slots=True)
class Population:
    """Who may enrol.

    Attributes:
        variables: covariates first, then parameters, in the file's order.
        correlations: pairs of variables, in the file's order.
        eligibility: bounds that all must hold; a patient who misses one is drawn again.
        standing: how resistant cells come to be there at diagnosis; None leaves each clone at the model's own number.
    """

    id: str
    title: str
    variables: tuple[Variable, ...]
    correlations: tuple[Correlation, ...]
    eligibility: tuple[Eligibility, ...]
    evidence: Evidence | None = None
    standing: Standing | None = None

    def sample(self, n: int, seed: int, *, first: int = 0) -> Cohort:
        """The patients numbered ``first`` to ``first + n - 1``.

        Args:
            n: how many patients.
            seed: the run's seed.
            first: number of the first patient.

        Returns:
            A Cohort with a column for every variable, in house units.

        Raises:
            InputError: a number of patients that cannot be, or eligibility that practically nobody meets.

        Example:
            >>> people = load_population("cml_newly_diagnosed")
            >>> bool((people.sample(10, 7).column("age") == people.sample(99, 7).column("age")[:10]).all())
            True
        """
        for name, value in (("patients", n), ("seed", seed), ("first patient", first)):
            if isinstance(value, bool) or not isinstance(value, int | np.integer) or value < 0:
                raise InputError(sentence(name, expected="a whole number, zero or more", got=value))
        if first + n > _MOST_PATIENTS:
            raise InputError(
                sentence("patients", expected=f"numbers below {_MOST_PATIENTS}", got=first + n - 1)
            )
        patients = np.arange(first, first + n, dtype=np.uint64)
        columns = self._draw(patients, seed, 0)
        again = ~self._eligible(columns)
        for attempt in range(1, _TRIES):
            if not again.any():
                break
            rows = np.flatnonzero(again)
            for name, values in self._draw(patients[rows], seed, attempt).items():
                columns[name][rows] = values
            again[rows] = ~self._eligible({name: values[rows] for name, values in columns.items()})
        else:
            bounds = "; ".join(one.text for one in self.eligibility)
            raise InputError(f"{self.id}: practically nobody is eligible ({bounds}). Widen the eligibility.")
        return Cohort(patients, columns, {one.name: one.distribution.unit for one in self.variables})

    def median(self) -> Cohort:
        """One patient, number 0, in whom every variable is at its median: of yes and no, what most patients are."""
        columns = {one.name: np.full(1, one.distribution.median()) for one in self.variables}
        return Cohort(
            np.zeros(1, np.uint64), columns, {one.name: one.distribution.unit for one in self.variables}
        )

    def _draw(self, patients: NDArray[np.uint64], seed: int, attempt: int) -> dict[str, NDArray[np.float64]]:
        """One try at these patients: correlated blocks through a Gaussian copula, everything else on its own."""
        uniforms = {
            one.name: stream(seed, "population", one.name).uniform(patients, attempt)
            for one in self.variables
        }
        for block in self._blocks():
            mixed = _mixed([uniforms[name] for name in block], self._matrix(block))
            uniforms |= dict(zip(block, mixed.T, strict=True))
        for one in self.variables:
            if (
                one.distribution.shape == "bernoulli"
            ):  # yes for the high ones, so that correlations keep their sign
                uniforms[one.name] = 1 - uniforms[one.name]
        return {one.name: one.distribution.quantile(uniforms[one.name]) for one in self.variables}

    def _eligible(self, columns: Mapping[str, NDArray[np.float64]]) -> NDArray[np.bool_]:
        size = next(iter(columns.values())).shape
        met = np.ones(size, bool)
        for one in self.eligibility:
            met &= one.met(columns[one.column])
        return met

    def _blocks(self) -> tuple[tuple[str, ...], ...]:
        """Variables that hang together through correlations, each block sorted by name."""
        blocks: list[set[str]] = []
        for tie in self.correlations:
            touching = [block for block in blocks if tie.one in block or tie.other in block]
            merged = {tie.one, tie.other}.union(*touching)
            blocks = [block for block in blocks if block not in touching] + [merged]
        return tuple(tuple(sorted(block)) for block in blocks)

    def _matrix(self, block: tuple[str, ...]) -> NDArray[np.float64]:
        matrix = np.eye(len(block))
        for tie in self.correlations:
            if tie.one in block:
                i, j = block.index(tie.one), block.index(tie.other)
                matrix[i, j] = matrix[j, i] = tie.value
        return matrix


def _mixed(uniforms: list[NDArray[np.float64]], matrix: NDArray[np.float64]) -> NDArray[np.float64]:
    """Correlated uniforms from independent ones: a Gaussian copula, shape (n, block)."""
    from scipy.special import ndtr, ndtri

    mixed = ndtr(correlate(ndtri(np.stack(uniforms, axis=1)), matrix))
    return np.asarray(np.clip(mixed, 2.0**-53, 1 - 2.0**-53))


def load_population(name: str) -> Population:
    """The population with this catalogue name, or in this file.

    Args:
        name: a catalogue name such as ``cml_newly_diagnosed``, or a path to a TOML file.

    Raises:
        InputError: it cannot be found, read or understood.
    """
    path = find("populations", name)
    table = read_toml(path)
    variables = (*_variables(table, "covariates", True), *_variables(table, "parameters", False))
    title, bounds = table.text("title"), table.texts("eligibility", default=())
    ties = table.tables("correlation")
    standing = read_standing(table.table("standing")) if table.has("standing") else None
    table.done()
    if not variables:
        raise InputError(sentence(table.at("parameters"), expected="at least one", got="none"))
    names = [one.name for one in variables]
    twice = next((one for one in names if names.count(one) > 1), None)
    if twice is not None:
        raise InputError(sentence(table.where, expected="each name once", got=twice))
    population = Population(
        id=path.stem, title=title, variables=variables, correlations=_correlations(ties, variables),
        eligibility=tuple(_eligibility(text, table.at("eligibility"), variables) for text in bounds),
        standing=standing,
    )  # fmt: skip
    for block in population._blocks():
        try:
            correlate(np.zeros((1, len(block))), population._matrix(block))
        except InputError as problem:
            raise InputError(f"{table.at('correlation')} of {', '.join(block)}: {problem}") from None
    return population


def _variables(table: Table, key: str, covariate: bool) -> tuple[Variable, ...]:
    inner = table.table(key, optional=True)
    found = []
    for name in inner.data:
        entry = inner.table(name)
        meaning = entry.text("meaning", default="")
        if not re.fullmatch(r"[A-Za-z_][A-Za-z0-9_]*", name):
            raise InputError(sentence(inner.at(name), expected="a name of letters, digits and _", got=name))
        rest = Table(
            {name: {key: value for key, value in entry.data.items() if key != "meaning"}}, inner.where
        )
        _has_unit(entry)
        distribution = rest.distribution(name, of=_CUSTOMARY.get(name) if covariate else None)
        if not covariate:  # a covariate keeps its own unit: years of age and kilograms of body are no doses
            distribution = distribution.to(_house(distribution.unit))
        found.append(Variable(name, meaning, distribution, covariate))
    return tuple(found)


def _has_unit(entry: Table) -> None:
    """Refuse a bare number: a shape on a scale says its unit, if only "" for a plain number."""
    shape = entry.data.get("distribution", "constant")
    if isinstance(shape, str) and SHAPES.get(shape, ((), ()))[0] and not entry.has("unit"):
        then = 'Add unit = "..."; a plain number has unit = "".'
        raise InputError(sentence(entry.at("unit"), expected="a unit", got="nothing", then=then))


def _house(unit: str) -> str:
    return next((house for house in _HOUSE if same_dimension(house, unit)), unit)


def _correlations(ties: tuple[Table, ...], variables: tuple[Variable, ...]) -> tuple[Correlation, ...]:
    known = {one.name: one.distribution.shape for one in variables}
    found: list[Correlation] = []
    for entry in ties:
        pair, where = entry.texts("between"), entry.at("between")
        if len(pair) != 2 or pair[0] == pair[1]:
            raise InputError(sentence(where, expected="two different names", got=str(list(pair))))
        for name in pair:
            if name not in known:
                raise InputError(f'{where}: "{name}" is not here. {nearest(name, known, kind="name")}')
            if known[name] == "constant":
                raise InputError(sentence(where, expected="names that vary", got=name))
        if any({one.one, one.other} == set(pair) for one in found):
            raise InputError(sentence(where, expected="each pair once", got=str(list(pair))))
        value = entry.number("value", low=-0.999, high=0.999)
        found.append(Correlation(pair[0], pair[1], value, entry.evidence()))
        entry.done()
    return tuple(found)


def _eligibility(text: str, where: str, variables: tuple[Variable, ...]) -> Eligibility:
    match = re.fullmatch(r"\s*(\w+)\s*(>=|<=|>|<)\s*(.+)", text)
    if match is None:
        raise InputError(sentence(where, expected='a bound such as "age >= 18 year"', got=text))
    name, relation, limit = match.groups()
    found = {one.name: one.distribution.unit for one in variables}
    if name not in found:
        raise InputError(f'{where}: "{name}" is not here. {nearest(name, found, kind="name")}')
    value, unit = parse(limit, where=where, of=found[name], example=f"18 {found[name]}".strip())
    return Eligibility(name, relation, convert(value, unit, found[name]), text)
