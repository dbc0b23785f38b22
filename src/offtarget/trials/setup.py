"""Set a trial up: resolve its names, treat the model, enrol patients, and account for every number that went in."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from offtarget.arrays.cohort import Cohort
from offtarget.catalog import is_path
from offtarget.engine.hybrid import build_hybrid
from offtarget.engine.kernel import Kernel, build
from offtarget.errors import InputError, nearest, sentence
from offtarget.evidence import digest
from offtarget.models.dimensions import raise_on_bad_dimensions
from offtarget.models.model import Model
from offtarget.models.sbml import load_model
from offtarget.pharmacology.drug import Drug, load_drug
from offtarget.pharmacology.mechanism import Mechanism, load_mechanism, mechanisms_for, treat
from offtarget.population import Population, load_population
from offtarget.standing import check_standing, with_standing
from offtarget.trials.chance import is_counted, mutating, refuse_switches
from offtarget.trials.files import input_files, own_files, portable
from offtarget.trials.toml import write_toml
from offtarget.trials.trial import Trial

__all__ = ["MEASURED", "Setup", "enrol", "prepare"]

#: The model's output that the assay measures, percent on the International Scale.
MEASURED = "bcr_abl1"


@dataclass(frozen=True, slots=True, eq=False)
class Setup:
    """Everything a trial needs, resolved from names: the treated model holds every drug of every arm.

    Attributes:
        inputs: digest of the study and of each model, population, drug, target and mechanism that went in.
        files: the user's own files as they were read, by the place they get in the folder of the run.
        counted: whether few cells are counted and live or die by chance; else all flow.
    """

    trial: Trial
    population: Population
    drugs: tuple[Drug, ...]
    mechanisms: tuple[Mechanism, ...]
    untreated: Model
    model: Model
    inputs: Mapping[str, str]
    files: Mapping[str, bytes]
    counted: bool = False

    @property
    def outputs(self) -> tuple[str, ...]:
        """What is recorded: the model's own outputs, and each drug's average free concentration."""
        cells = tuple(f"{kind}_{clone}" for clone in self.model.clones for kind in "PQ")
        drugs = tuple(f"free_average_{drug.id}" for drug in self.drugs)
        return tuple(dict.fromkeys((MEASURED, *self.untreated.outputs, *cells, *drugs)))

    def build(self) -> Kernel:
        """The treated model, compiled."""
        return (build_hybrid if self.counted else build)(self.model, outputs=self.outputs)


def prepare(trial: Trial) -> Setup:
    """Resolve a trial's names, treat its model with its drugs, and check every equation's dimensions.

    Raises:
        InputError: a name that is not in the catalogue, a file that is wrong, equations whose dimensions disagree.
    """
    files = own_files(trial.record)  # before anything is read from them: what is kept is what ran
    untreated = load_model(trial.model)
    counted = is_counted(trial, untreated)
    untreated = mutating(untreated) if counted else untreated
    drugs = tuple(load_drug(name) for name in trial.drugs)
    if trial.mechanisms is None:
        mechanisms = mechanisms_for(untreated, drugs)
    else:
        mechanisms = tuple(load_mechanism(name) for name in trial.mechanisms)
    model = treat(untreated, drugs, mechanisms, exposure=trial.exposure)
    raise_on_bad_dimensions(model)
    refuse_switches(trial, model)
    _refuse_clones(trial, model)
    population = load_population(trial.population)
    _refuse_strange(population, model, where=Path(trial.population).name)
    if population.standing is not None:
        check_standing(population.standing, model, where=Path(trial.population).name)
    inputs = _digests(trial, drugs, mechanisms) | {"equations": model.digest()[:16]}
    return Setup(trial, population, drugs, mechanisms, untreated, model, inputs, files, counted)


def _refuse_strange(population: Population, model: Model, *, where: str) -> None:
    """Refuse a population that samples a name the model does not have: the model's own value would stand instead."""
    known = {one.id for one in model.parameters}
    for one in population.variables:
        if not one.covariate and one.name not in known:
            said = nearest(one.name, known, kind="parameter")
            raise InputError(f'{where}: parameters: the model {model.id} has no "{one.name}". {said}')


def _refuse_clones(trial: Trial, model: Model) -> None:
    """Refuse an endpoint about leukaemic cells in a model that has no clones to count them in."""
    for number, endpoint in enumerate(trial.endpoints, 1):
        if endpoint.condition.unseen() and not model.clones:
            where, then = (
                f"{trial.id}: endpoint {number}: event",
                "Use a model with a table of clones, such as cml.",
            )
            raise InputError(
                sentence(where, expected="an event that this model has", got=endpoint.event, then=then)
            )


def _digests(trial: Trial, drugs: tuple[Drug, ...], mechanisms: tuple[Mechanism, ...]) -> dict[str, str]:
    """What went in, by name: digests of the study and of the files behind each name, for a replay to compare."""
    named = [("models", trial.model), ("populations", trial.population)]
    named += [
        (kind, name) for drug in drugs for kind, name in (("drugs", drug.id), ("targets", drug.targets.id))
    ]
    named += [("mechanisms", name) for name in trial.mechanisms or (one.id for one in mechanisms)]
    found = {"study": digest(write_toml(portable(trial.record)))[:16]}
    for kind, name in named:
        content = [path.read_bytes() for path in input_files(kind, name)]
        shown = Path(name).name if is_path(kind, name) else name
        found[f"{kind.removesuffix('s')} {shown}"] = digest(*content)[:16]
    return found


def enrol(setup: Setup, patients: int, seed: int, *, first: int = 0) -> Cohort:
    """The patients numbered ``first`` to ``first + patients - 1``: their cells, and how each handles each drug.

    Args:
        setup: the trial, set up.
        patients: how many.
        seed: the run's seed.
        first: number of the first patient.
    """
    cohort = setup.population.sample(patients, seed, first=first)
    if setup.population.standing is not None:
        cohort = with_standing(setup.population.standing, cohort, setup.untreated, seed)
    for drug in setup.drugs:
        cohort = drug.sample(cohort, seed)
    return cohort
