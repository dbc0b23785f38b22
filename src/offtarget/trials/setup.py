"""Set a trial up: resolve its names, treat the model, enrol patients, and account for every number that went in."""

from __future__ import annotations

from dataclasses import dataclass

from offtarget.arrays.cohort import Cohort
from offtarget.engine.kernel import Kernel, build
from offtarget.models.dimensions import raise_on_bad_dimensions
from offtarget.models.model import Model
from offtarget.models.sbml import load_model
from offtarget.pharmacology.drug import Drug, load_drug
from offtarget.pharmacology.mechanism import Mechanism, load_mechanism, mechanisms_for, treat
from offtarget.population import Population, load_population
from offtarget.trials.trial import Trial

__all__ = ["MEASURED", "Setup", "enrol", "prepare"]

#: The model's output that the assay measures, percent on the International Scale.
MEASURED = "bcr_abl1"


@dataclass(frozen=True, slots=True, eq=False)
class Setup:
    """Everything a trial needs, resolved from names: the treated model holds every drug of every arm."""

    trial: Trial
    population: Population
    drugs: tuple[Drug, ...]
    mechanisms: tuple[Mechanism, ...]
    untreated: Model
    model: Model

    @property
    def outputs(self) -> tuple[str, ...]:
        """What is recorded: the model's own outputs, and each drug's average free concentration."""
        cells = tuple(f"{kind}_{clone}" for clone in self.model.clones for kind in "PQ")
        drugs = tuple(f"free_average_{drug.id}" for drug in self.drugs)
        return tuple(dict.fromkeys((MEASURED, *self.untreated.outputs, *cells, *drugs)))

    def build(self) -> Kernel:
        """The treated model, compiled."""
        return build(self.model, outputs=self.outputs)


def prepare(trial: Trial) -> Setup:
    """Resolve a trial's names, treat its model with its drugs, and check every equation's dimensions.

    Raises:
        InputError: a name that is not in the catalogue, a file that is wrong, equations whose dimensions disagree.
    """
    untreated = load_model(trial.model)
    drugs = tuple(load_drug(name) for name in trial.drugs)
    if trial.mechanisms is None:
        mechanisms = mechanisms_for(untreated, drugs)
    else:
        mechanisms = tuple(load_mechanism(name) for name in trial.mechanisms)
    model = treat(untreated, drugs, mechanisms, exposure=trial.exposure)
    raise_on_bad_dimensions(model)
    return Setup(trial, load_population(trial.population), drugs, mechanisms, untreated, model)


def enrol(setup: Setup, patients: int, seed: int, *, first: int = 0) -> Cohort:
    """The patients numbered ``first`` to ``first + patients - 1``, with how each handles each drug.

    Args:
        setup: the trial, set up.
        patients: how many.
        seed: the run's seed.
        first: number of the first patient.
    """
    cohort = setup.population.sample(patients, seed, first=first)
    for drug in setup.drugs:
        cohort = drug.sample(cohort, seed)
    return cohort
