"""Virtual clinical trials of targeted cancer drugs in patients who have an immune system. Research use only.

The public door. Names are imported when they are first used, so that ``import offtarget`` loads nothing heavy.
"""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from offtarget.arrays.cohort import Cohort as Cohort
    from offtarget.arrays.schedule import Schedule as Schedule
    from offtarget.arrays.trajectories import Status as Status
    from offtarget.arrays.trajectories import Trajectories as Trajectories
    from offtarget.engine.ensemble import build as build
    from offtarget.engine.ensemble import simulate as simulate
    from offtarget.errors import InputError as InputError
    from offtarget.errors import OfftargetError as OfftargetError
    from offtarget.evidence import cite as cite
    from offtarget.models.model import Model as Model
    from offtarget.models.sbml import load_model as load_model
    from offtarget.models.sbml import write_sbml as write_sbml
    from offtarget.patients import load_patients as load_patients
    from offtarget.pharmacology.drug import load_drug as load_drug
    from offtarget.pharmacology.mechanism import load_mechanism as load_mechanism
    from offtarget.pharmacology.mechanism import mechanisms_for as mechanisms_for
    from offtarget.pharmacology.mechanism import treat as treat
    from offtarget.population import load_population as load_population
    from offtarget.reports.report import write_report as write_report
    from offtarget.simulation.simulate import Simulation as Simulation
    from offtarget.simulation.simulate import simulate_table as simulate_table
    from offtarget.trials.result import TrialResult as TrialResult
    from offtarget.trials.run import run as run
    from offtarget.trials.store import save as save
    from offtarget.trials.study import load_trial as load_trial
    from offtarget.trials.trial import Trial as Trial

_HOMES = {
    "Cohort": "arrays.cohort", "Schedule": "arrays.schedule",
    "Status": "arrays.trajectories", "Trajectories": "arrays.trajectories",
    "build": "engine.ensemble", "simulate": "engine.ensemble",
    "InputError": "errors", "OfftargetError": "errors", "cite": "evidence",
    "Model": "models.model", "load_model": "models.sbml", "write_sbml": "models.sbml",
    "load_drug": "pharmacology.drug", "load_mechanism": "pharmacology.mechanism",
    "mechanisms_for": "pharmacology.mechanism", "treat": "pharmacology.mechanism",
    "load_patients": "patients", "load_population": "population", "write_report": "reports.report",
    "Simulation": "simulation.simulate", "simulate_table": "simulation.simulate",
    "TrialResult": "trials.result", "Trial": "trials.trial",
    "run": "trials.run", "save": "trials.store", "load_trial": "trials.study",
}  # fmt: skip

__all__ = [
    "Cohort", "InputError", "Model", "OfftargetError", "Schedule", "Simulation", "Status", "Trajectories", "Trial",
    "TrialResult",
    "build", "cite", "load_drug", "load_mechanism", "load_model", "load_patients", "load_population", "load_trial",
    "mechanisms_for", "run", "save", "simulate", "simulate_table", "treat", "write_report", "write_sbml",
]  # fmt: skip


def __getattr__(name: str) -> Any:
    if name not in _HOMES:
        raise AttributeError(f"module 'offtarget' has no attribute {name!r}")
    return getattr(import_module(f"offtarget.{_HOMES[name]}"), name)


def __dir__() -> list[str]:
    return sorted(__all__)
