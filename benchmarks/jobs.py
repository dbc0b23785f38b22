"""The work that every simulator does: patients, times and doses, written to a folder that needs no offtarget to read.

``model.xml`` is the model as SBML; ``equations.py`` the same equations as Python functions, for tools that take those;
``job.npz`` the numbers.
"""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
from equations import python_source

from offtarget.arrays.cohort import Cohort
from offtarget.arrays.schedule import Action, Events, Schedule
from offtarget.models.expression import symbols
from offtarget.models.model import Model, Parameter
from offtarget.models.sbml import load_model
from offtarget.models.sbml_write import write_sbml
from offtarget.patients import load_patients
from offtarget.pharmacology.drug import load_drug
from offtarget.pharmacology.mechanism import mechanisms_for, treat
from offtarget.population import load_population
from offtarget.units import DAYS_PER_MONTH

SEED = 2020


@dataclass(frozen=True)
class Job:
    """One piece of work.

    Attributes:
        cohort: parameters, a column each.
        times: when the states are looked at; the states of ``model`` are the outputs.
        switches: (time, parameter, value), the same for every patient.
        doses: (time, species, amount) added, the same for every patient.
        cycle: patients come in cycles of so many; a part that is measured should hold whole ones.
    """

    name: str
    title: str
    model: Model
    cohort: Cohort
    times: np.ndarray
    switches: tuple[tuple[float, str, float], ...] = ()
    doses: tuple[tuple[float, str, float], ...] = ()
    cycle: int = 1

    @property
    def states(self) -> tuple[str, ...]:
        """The outputs."""
        return tuple(one.id for one in self.model.species)

    def schedule(self, patients: int) -> Schedule:
        """The events of the first patients."""
        rows = np.arange(patients)
        parts = [
            Events(name, action, rows, np.full(patients, time), np.full(patients, value))
            for action, events in ((Action.SET, self.switches), (Action.ADD, self.doses))
            for time, name, value in events
        ]
        return Schedule.joined(patients, parts)

    def write(self, folder: Path) -> None:
        """What the other simulators read."""
        folder.mkdir(parents=True, exist_ok=True)
        lean, known = _lean(self.model)
        if known and self.switches:
            raise ValueError(f"{self.name}: switches may change what was computed beforehand.")
        (folder / "model.xml").write_text(write_sbml(lean), encoding="utf-8")
        (folder / "equations.py").write_text(python_source(self.model), encoding="utf-8")
        said = {
            "states": self.states,
            "parameters": [one.id for one in self.model.parameters],
            "defaults": [one.value for one in self.model.parameters],
            "columns": list(self.cohort.columns),
            "known": known,
            "switches": self.switches,
            "doses": self.doses,
        }
        (folder / "job.json").write_text(json.dumps(said), encoding="utf-8")
        values = np.column_stack(list(self.cohort.columns.values()))
        np.savez(folder / "job.npz", times=self.times, values=values)


def _lean(model: Model) -> tuple[Model, dict[str, int]]:
    """The model with parameters in place of rules over parameters only, and which of these rules each stands for.

    As rules they would be computed again at every step by who reads SBML; libRoadRunner writes them out into each other
    and does not come to an end with 150 of them.
    """
    fixed = model.static()
    moving = tuple(rule for rule in model.rules if rule.id not in fixed)
    formulas = [*(one.expression for one in (*moving, *model.rates)), *(one.rate for one in model.reactions),
                *(one.initial for one in model.species)]  # fmt: skip
    needed = {name for formula in formulas for name in symbols(formula)} & fixed
    statics = [rule for rule in model.rules if rule.id in fixed]
    known = {rule.id: place for place, rule in enumerate(statics) if rule.id in needed}
    extra = tuple(Parameter(statics[place].id, 1.0, statics[place].unit) for place in known.values())
    return replace(model, rules=moving, parameters=(*model.parameters, *extra)), known


def _window(n: int) -> Job:
    """The immune window of CML: 21 published patients, jittered; the drug stopped at month 96."""
    published, model = load_patients("hahnel2020"), load_model("hahnel2020")
    luck = np.random.default_rng(SEED)
    names = [one.id for one in model.parameters if one.id in published.columns]
    row = np.arange(n) % published.size
    columns = {name: published.column(name)[row] * np.exp(0.1 * luck.normal(size=n)) for name in names}
    cohort = Cohort(np.arange(n, dtype=np.uint64), columns, {name: model.unit(name) for name in names})
    return Job("hahnel2020", "180 months of `hahnel2020`, drug stopped at month 96, 46 outputs", model, cohort,
               np.arange(0.0, 181.0, 4.0), switches=((96.0, "on_tki", 0.0),), cycle=published.size)  # fmt: skip


def _treated(n: int, exposure: str) -> tuple[Model, Cohort]:
    untreated, imatinib = load_model("cml"), load_drug("imatinib")
    model = treat(untreated, [imatinib], mechanisms_for(untreated, [imatinib]), exposure=exposure)
    cohort = imatinib.sample(load_population("cml_newly_diagnosed").sample(n, SEED), SEED)
    known = {one.id for one in model.parameters}
    columns = {name: values for name, values in cohort.columns.items() if name in known}
    return model, replace(cohort, columns=columns, units={name: cohort.units[name] for name in columns})


def _averaged(n: int) -> Job:
    """Ten years on imatinib, exposure averaged over the dosing interval."""
    model, cohort = _treated(n, "averaged")
    cohort = cohort.with_columns({"dose_imatinib": np.full(n, 400.0)}, {"dose_imatinib": "mg"})
    return Job("cml_averaged", "120 months of treated `cml`, averaged exposure, monthly outputs", model, cohort,
               np.arange(0, 121) * DAYS_PER_MONTH)  # fmt: skip


def _dosed(n: int) -> Job:
    """A year on imatinib, every dose an event."""
    model, cohort = _treated(n, "dosed")
    doses = tuple((float(day), "gut_imatinib", 400.0) for day in range(365))
    return Job("cml_dosed", "365 daily doses in treated `cml`, monthly outputs", model, cohort,
               np.arange(1, 12) * DAYS_PER_MONTH, doses=doses)  # fmt: skip


#: All jobs, made for at most so many patients.
JOBS: dict[str, Callable[[int], Job]] = {
    "hahnel2020": _window, "cml_averaged": _averaged, "cml_dosed": lambda n: _dosed(min(n, 2000)),
}  # fmt: skip
