"""Drug: the molecule as given, and how a population handles it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from offtarget.arrays.cohort import Cohort
from offtarget.catalog import find
from offtarget.distributions import Distribution
from offtarget.errors import InputError, nearest, sentence
from offtarget.evidence import Evidence, Quantity
from offtarget.models.expression import Expression, symbols
from offtarget.models.model import Parameter
from offtarget.models.sbml_math import parse_expression
from offtarget.pharmacology.formula import evaluate
from offtarget.pharmacology.observed import Observed, read_daily_doses, read_observed
from offtarget.pharmacology.profile import Kinetics, steady_state_concentration
from offtarget.pharmacology.targets import TargetProfile, load_targets
from offtarget.randomness import Stream, stream
from offtarget.records import Table, read_toml
from offtarget.units import convert, same_dimension

__all__ = ["Disposition", "Drug", "dose_unit", "load_drug", "pharmacokinetic_troughs"]

STRUCTURES = ("one_compartment_oral",)
EXPOSURES = ("averaged", "dosed")

Array = NDArray[np.float64]


@dataclass(frozen=True, slots=True)
class Disposition:
    """A kinetic parameter: its typical value from covariates, and how patients vary around it.

    Attributes:
        typical: an expression of cohort columns (``male``, ``age`` in years, ``weight`` in kg, ``gist``).
        unit: of ``typical``.
        factor: multiplies the typical value; where it is not 1 the published value was re-centred.
        log_sd: standard deviation of the log between patients.
        log_sd_factor: multiplies ``log_sd``.
    """

    typical: Expression
    unit: str
    factor: Quantity
    log_sd: Quantity
    log_sd_factor: Quantity
    evidence: Evidence

    def sample(self, columns: Mapping[str, Array], normals: Array, unit: str, where: str) -> Array:
        """Values of patients with these covariates and these standard normal draws, in ``unit``, shape (n,)."""
        centre = (
            np.broadcast_to(evaluate(self.typical, columns, where=where), normals.shape) * self.factor.value
        )
        if not np.all(centre > 0):
            worst = float(np.min(centre))
            raise InputError(sentence(where, expected="covariates that give more than zero", got=worst))
        spread = self.log_sd.value * self.log_sd_factor.value
        return np.asarray(convert(1.0, self.unit, unit) * centre * np.exp(spread * normals))


@dataclass(frozen=True, slots=True)
class Drug:
    """A drug as given.

    Attributes:
        id: the name in regimens, parameters and the catalogue.
        structure: the kinetic model, one of ``STRUCTURES``. Clearance and volume are apparent (CL/F, V/F).
        dose_unit: the unit doses are counted in.
        exposure: the form used when nobody says: ``averaged`` or ``dosed``.
        correlation: between log clearance and log volume of a patient.
        free_fraction: of drug in plasma that is not bound to protein, and how it varies between patients.
        residual: relative error of one measured concentration (assay, sampling time, occasion); for reports only.
        reference: covariates of the typical patient.
        observed: published troughs to hold simulated ones against.
        daily_doses: doses a day worth looking at, mg.
    """

    id: str
    name: str
    structure: str
    dose_unit: str
    exposure: str
    molar_mass: Quantity
    clearance: Disposition
    volume: Disposition
    correlation: Quantity
    absorption: Quantity
    free_fraction: Distribution
    residual: Quantity
    reference: Mapping[str, Quantity]
    targets: TargetProfile
    observed: tuple[Observed, ...] = ()
    notes: tuple[str, ...] = ()
    daily_doses: tuple[float, ...] = ()

    def sample(self, cohort: Cohort, seed: int) -> Cohort:
        """The cohort with this drug's columns: ``CL_`` (L/day), ``V_`` (L), ``ka_`` (1/day), ``fu_``,
        ``molar_mass_`` (g/mol) and ``adherence_`` (share of doses taken), each followed by the drug's id.

        Adherence is the cohort's ``adherence`` where it has one, else 1.

        Args:
            cohort: with the covariate columns that this drug's equations name.
            seed: the run's seed.

        Raises:
            InputError: a covariate that the cohort does not have, or one that gives no clearance.
        """
        luck = stream(seed, "pharmacokinetics", self.id)
        first = luck.normal(cohort.patients, 0)
        rho = self.correlation.value
        second = rho * first + np.sqrt(1 - rho * rho) * luck.normal(cohort.patients, 1)
        return self._handled(cohort, first, second, luck.uniform(cohort.patients, 2))

    def median(self, cohort: Cohort) -> Cohort:
        """The cohort with this drug's columns as in ``sample``, each at its median for these covariates."""
        none = np.zeros(cohort.size)
        return self._handled(cohort, none, none, none + 0.5)

    def _handled(self, cohort: Cohort, first: Array, second: Array, free: Array) -> Cohort:
        """The cohort with this drug's columns, from standard normal draws and a uniform one."""
        ones = np.ones(cohort.size)
        columns = {
            "CL": self.clearance.sample(cohort.columns, first, "L/day", f"drug {self.id}: clearance"),
            "V": self.volume.sample(cohort.columns, second, "L", f"drug {self.id}: volume"),
            "ka": ones * self.absorption.to("1/day"),
            "fu": np.minimum(self.free_fraction.quantile(free), 1.0),
            "molar_mass": ones * self.molar_mass.to("g/mol"),
            "adherence": cohort.columns.get("adherence", ones),
        }
        units = {"CL": "L/day", "V": "L", "ka": "1/day", "fu": "", "molar_mass": "g/mol", "adherence": ""}
        return cohort.with_columns(
            {f"{name}_{self.id}": values for name, values in columns.items()},
            {f"{name}_{self.id}": unit for name, unit in units.items()},
        )

    def typical(self) -> dict[str, Parameter]:
        """The typical patient's kinetic parameters by name, in house units, each with its evidence."""
        covariates = {name: np.array([one.value]) for name, one in self.reference.items()}
        none, where = np.zeros(1), f"drug {self.id}: reference"
        clearance = float(self.clearance.sample(covariates, none, "L/day", where)[0])
        volume = float(self.volume.sample(covariates, none, "L", where)[0])
        found = {
            "CL": (clearance, "L/day", self.clearance.factor.evidence),
            "V": (volume, "L", self.volume.evidence),
            "ka": (self.absorption.to("1/day"), "1/day", self.absorption.evidence),
            "fu": (self.free_fraction.median(), "", self.free_fraction.evidence),
            "molar_mass": (self.molar_mass.to("g/mol"), "g/mol", self.molar_mass.evidence),
        }
        return {
            name: Parameter(name, value, unit, "", evidence)
            for name, (value, unit, evidence) in found.items()
        }

    def kinetics(self, cohort: Cohort) -> Kinetics:
        """How the patients of a sampled cohort handle this drug."""
        return Kinetics(*(cohort.column(f"{name}_{self.id}") for name in ("CL", "V", "ka")))


def load_drug(name: str) -> Drug:
    """The drug in the catalogue, or in the user's file.

    Args:
        name: a catalogue name (``imatinib``) or a path to a TOML file.

    Raises:
        InputError: not found, or wrong: the sentence names file, key, what was expected and what came.

    Example:
        >>> load_drug("imatinib").molar_mass.unit
        'g/mol'
    """
    path = find("drugs", name)
    table = read_toml(path)
    if not path.stem.isidentifier():
        raise InputError(sentence(path.name, expected="a file named like a word", got=path.stem))
    drug = Drug(
        id=path.stem, name=table.text("name"), structure=table.choice("structure", STRUCTURES, kind="structure"),
        dose_unit=_mass(table), exposure=table.choice("exposure", EXPOSURES, kind="exposure"),
        molar_mass=_positive(table, "molar_mass", "g/mol"), clearance=_disposition(table, "clearance", "L/day"),
        volume=_disposition(table, "volume", "L"), correlation=table.quantity("correlation", of=""),
        absorption=_positive(table, "absorption", "1/day"), free_fraction=table.distribution("free_fraction", of=""),
        residual=table.quantity("residual", of=""), reference=_reference(table),
        targets=load_targets(table.text("targets")), observed=read_observed(table),
        notes=table.texts("notes", default=()), daily_doses=read_daily_doses(table),
    )  # fmt: skip
    table.done()
    _check(drug, path.name)
    return drug


def dose_unit(name: str) -> str:
    """The unit a drug's doses are counted in, without reading the rest of the drug."""
    return _mass(read_toml(find("drugs", name)))


def pharmacokinetic_troughs(
    drug: Drug, cohort: Cohort, *, dose: float, interval: float, seed: int, residual: bool = True
) -> Array:
    """Total plasma concentrations at the end of the dosing interval, steady state, ng/mL, shape (n,).

    Every dose is taken. With ``residual`` they vary as measured ones do: log-normal error of mean one.

    Args:
        drug: the drug.
        cohort: of n patients, after ``drug.sample``.
        dose: mg.
        interval: day.
        seed: the run's seed.
        residual: whether to add the drug's residual error.
    """
    exact = 1000 * steady_state_concentration(
        drug.kinetics(cohort), dose=dose, interval=interval, fraction=1.0
    )
    if not residual:
        return exact
    return exact * measurement_error(drug, cohort.patients, stream(seed, "trough", drug.id))


def measurement_error(drug: Drug, patients: NDArray[np.uint64], luck: Stream) -> Array:
    """What a measured concentration is multiplied by: log-normal, mean one, with the drug's relative error."""
    log_sd = np.sqrt(np.log1p(drug.residual.value**2))
    return np.asarray(np.exp(log_sd * luck.normal(patients) - log_sd**2 / 2))


def _mass(table: Table) -> str:
    unit = table.text("dose_unit")
    if not same_dimension(unit, "mg"):
        raise InputError(sentence(table.at("dose_unit"), expected='a mass such as "mg"', got=unit))
    return unit


def _positive(table: Table, key: str, of: str) -> Quantity:
    found = table.quantity(key, of=of)
    if found.value <= 0:
        raise InputError(sentence(table.at(key), expected="more than zero", got=found.value))
    return found


def _disposition(table: Table, key: str, of: str) -> Disposition:
    inner = table.table(key)
    unit = inner.text("unit")
    if not same_dimension(unit, of):
        raise InputError(sentence(inner.at("unit"), expected=f'a unit like "{of}"', got=unit))
    found = Disposition(
        parse_expression(inner.text("typical"), where=inner.at("typical")), unit, _positive(inner, "factor", ""),
        inner.quantity("log_sd", of=""), _positive(inner, "log_sd_factor", ""), inner.evidence(),
    )  # fmt: skip
    inner.done()
    return found


def _reference(table: Table) -> dict[str, Quantity]:
    inner = table.table("reference")
    units = {"male": "", "age": "year", "weight": "kg", "gist": ""}
    for name in inner.data:
        if name not in units:
            raise InputError(f"{inner.at(name)}: no such covariate. {nearest(name, units, kind='covariate')}")
    return {name: inner.quantity(name, of=units[name]) for name in inner.data}


def _check(drug: Drug, where: str) -> None:
    if not -1 < drug.correlation.value < 1:
        raise InputError(
            sentence(f"{where}: correlation", expected="between -1 and 1", got=drug.correlation.value)
        )
    for key, one in (("clearance", drug.clearance), ("volume", drug.volume)):
        if one.log_sd.value < 0:
            raise InputError(
                sentence(f"{where}: {key}: log_sd", expected="zero or more", got=one.log_sd.value)
            )
        for name in sorted(symbols(one.typical) - set(drug.reference)):
            raise InputError(
                f'{where}: {key}: "{name}" has no value under [reference]. '
                f"{nearest(name, drug.reference, kind='covariate')}"
            )
    if drug.residual.value < 0:
        raise InputError(sentence(f"{where}: residual", expected="zero or more", got=drug.residual.value))
    if not 0 < drug.free_fraction.median() <= 1:
        raise InputError(
            sentence(
                f"{where}: free_fraction",
                expected="a median above 0 and at most 1",
                got=drug.free_fraction.median(),
            )
        )
