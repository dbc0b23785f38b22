"""What went into a trial, for its report: every parameter with its evidence, and exposures beside published ones."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np
from numpy.typing import NDArray

from offtarget.arrays.cohort import Cohort
from offtarget.distributions import Distribution
from offtarget.evidence import Quantity
from offtarget.models.model import Parameter
from offtarget.pharmacology.drug import Drug, pharmacokinetic_troughs
from offtarget.trials.chance import chance_rows
from offtarget.trials.result import ExposureRow, ParameterRow
from offtarget.trials.setup import Setup

__all__ = ["exposure_rows", "parameter_rows", "troughs"]

#: How the meaning of a parameter begins that is what it is by definition.
_BY_DEFINITION = ("handle:", "switch:")


def parameter_rows(setup: Setup) -> tuple[ParameterRow, ...]:
    """Every number behind the trial, once: the population's distributions first, then what the model keeps fixed.

    Handles, switches, the dose in force and unit conversions are not numbers to be believed or doubted: left out.
    """
    return tuple(_rows(setup))


def _rows(setup: Setup) -> Iterator[ParameterRow]:
    sampled = {one.name for one in setup.population.variables}
    for one in setup.population.variables:
        group = "covariates" if one.covariate else "population"
        said = _said(one.distribution)
        yield ParameterRow(
            one.name, group, said, one.distribution.unit, one.meaning, one.distribution.evidence
        )
    drawn = set(_standing_names(setup))
    yield from _standing_rows(setup, len(drawn - sampled))
    for drug in setup.drugs:
        yield from _drug_rows(drug)
    untreated = {one.id for one in setup.untreated.parameters}
    for parameter in setup.untreated.parameters:
        if parameter.id not in sampled | drawn and not parameter.name.startswith(_BY_DEFINITION):
            yield _fixed(parameter, "model")
    for parameter in setup.model.parameters:
        if parameter.id not in untreated and parameter.evidence is not None:
            yield _fixed(parameter, "pharmacology")
    for key in ("copies", "copies_log_sd", "error_log10_sd", "missed"):
        quantity = getattr(setup.trial.assay, key)
        yield _quantity(f"assay {key.replace('_', ' ')}", "assay", quantity, "")
    sequencing = setup.trial.assay.sequencing
    if sequencing is not None:
        yield _quantity(
            "sequencing limit", "assay", sequencing.limit, "least share of the transcripts that is found"
        )
        yield _quantity(
            "sequencing needs", "assay", sequencing.needs, "BCR-ABL1 above which a sample is sequenced"
        )
    yield from chance_rows(setup.untreated, counted=setup.counted)


def _standing_names(setup: Setup) -> tuple[str, ...]:
    """The parameters that standing variation gives each patient, clone by clone."""
    standing = setup.population.standing
    return () if standing is None else tuple(standing.named(clone)[2] for clone in setup.untreated.clones[1:])


def _standing_rows(setup: Setup, clones: int) -> Iterator[ParameterRow]:
    """How resistant cells come to be there at diagnosis."""
    standing = setup.population.standing
    if standing is not None and clones:
        said = f"drawn for {clones} clones from growth since the first cell"
        meaning = (
            f"cells of each resistant clone, from {standing.load}, its mutation probability and its growth"
        )
        yield ParameterRow("standing variation", "population", said, "cell", meaning, standing.evidence)
        meaning = "divisions for each cell gained before diagnosis"
        yield _quantity("standing turnover", "population", standing.turnover, meaning)


def _drug_rows(drug: Drug) -> Iterator[ParameterRow]:
    """How patients differ in handling a drug; typical values are among the parameters of the treated model."""
    for name, part in (("CL", drug.clearance), ("V", drug.volume)):
        yield _quantity(f"{name}_{drug.id} log-sd", "pharmacology", part.log_sd, "spread between patients")
        yield _quantity(
            f"{name}_{drug.id} factor", "pharmacology", part.factor, "multiplies the published typical value"
        )
        yield _quantity(
            f"{name}_{drug.id} log-sd factor", "pharmacology", part.log_sd_factor, "multiplies the spread"
        )
    yield _quantity(
        f"CL and V of {drug.id}", "pharmacology", drug.correlation, "correlation of their logarithms"
    )
    yield _quantity(
        f"{drug.id} residual", "pharmacology", drug.residual, "relative error of one measured trough"
    )
    free = drug.free_fraction
    yield ParameterRow(
        f"fu_{drug.id} spread", "pharmacology", _said(free), free.unit, "free fraction", free.evidence
    )


def _quantity(name: str, group: str, one: Quantity, meaning: str) -> ParameterRow:
    return ParameterRow(name, group, f"{one.value:.4g}", one.unit, meaning, one.evidence)


def _fixed(one: Parameter, group: str) -> ParameterRow:
    return ParameterRow(one.id, group, f"{one.value:.4g}", one.unit, one.name, one.evidence)


def _said(one: Distribution) -> str:
    if one.shape == "constant":
        return f"{one.arguments['value']:.4g}"
    arguments = ", ".join(f"{name.replace('_', ' ')} {value:.4g}" for name, value in one.arguments.items())
    return f"{one.shape.replace('_', ' ')}: {arguments}"


def troughs(setup: Setup, cohort: Cohort, seed: int) -> dict[str, NDArray[np.float64]]:
    """Measured troughs of each drug at steady state under the first arm that gives it, ng/mL, shape (patients,).

    Args:
        setup: the trial, set up.
        cohort: patients with their kinetics.
        seed: the run's seed.
    """
    found = {}
    for drug in setup.drugs:
        regimens = [arm.regimens[drug.id] for arm in setup.trial.arms if drug.id in arm.regimens]
        phases = [phase for regimen in regimens for phase in regimen.phases(drug.id) if phase.dose > 0]
        if phases:
            dose, interval = phases[0].dose, phases[0].interval
            found[drug.id] = pharmacokinetic_troughs(drug, cohort, dose=dose, interval=interval, seed=seed)
    return found


def exposure_rows(setup: Setup, cohort: Cohort, seed: int) -> tuple[ExposureRow, ...]:
    """Simulated troughs beside every published one of the trial's drugs, at the published regimens."""
    found = []
    for drug in setup.drugs:
        for one in drug.observed:
            values = pharmacokinetic_troughs(drug, cohort, dose=one.dose, interval=one.interval, seed=seed)
            simulated = {"mean": values.mean(), "SD": values.std(), "median": np.median(values)}[
                one.statistic
            ]
            found.append(
                ExposureRow(
                    drug.id,
                    f"{one.regimen}, every dose taken",
                    one.statistic,
                    float(simulated),
                    one.value,
                    one.evidence,
                )
            )
    return tuple(found)
