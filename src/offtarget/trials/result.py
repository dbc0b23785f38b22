"""TrialResult and its parts: what a run leaves behind, ready to be stored, compared and reported."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

import numpy as np
from numpy.typing import NDArray

from offtarget.arrays.trajectories import Status
from offtarget.evidence import Evidence, digest
from offtarget.trials.escape import CloneCourses, Spectrum

__all__ = [
    "Accounting",
    "Comparison",
    "Difference",
    "Estimate",
    "Outcome",
    "Panel",
    "Published",
    "TrialResult",
]


@dataclass(frozen=True, slots=True, eq=False)
class Outcome:
    """One endpoint in one arm, a row for each patient who is in its denominator.

    Attributes:
        patients: patient numbers, shape (k,).
        origin: when the endpoint's clock started, day since trial start, shape (k,).
        time: day from origin to event or censoring, shape (k,).
        event: True where the event happened, False where the patient is censored, shape (k,).
        weight: how much each patient counts, shape (k,); 1 unless the population is reweighted.
        clone: of an event about resistant clones, the number of the one that led when it happened, -1 where none did,
            shape (k,); of other events nothing, shape (0,).
    """

    arm: str
    endpoint: str
    patients: NDArray[np.uint64]
    origin: NDArray[np.float64]
    time: NDArray[np.float64]
    event: NDArray[np.bool_]
    weight: NDArray[np.float64]
    clone: NDArray[np.int64] = field(default_factory=lambda: np.zeros(0, np.int64))


@dataclass(frozen=True, slots=True)
class Published:
    """A published figure to hold beside an estimate. ``low``, ``high`` are NaN where none was published."""

    endpoint: str
    arm: str
    month: float
    value: float
    low: float
    high: float
    n: int
    evidence: Evidence


@dataclass(frozen=True, slots=True)
class Estimate:
    """An endpoint in an arm at a time, in percent, with a 95 % interval.

    Attributes:
        measure: what ``value`` says, for example "free of event", "reached by" or "at the visit".
        n: patients in the denominator at the origin; ``at_risk`` of them are still followed at ``month``.
        published: figures of the real trial for the same endpoint, arm and time.
    """

    endpoint: str
    arm: str
    measure: str
    month: float
    n: int
    at_risk: int
    value: float
    low: float
    high: float
    published: tuple[Published, ...] = ()


@dataclass(frozen=True, slots=True)
class Comparison:
    """Two arms on one time-to-event endpoint; the restricted mean difference is in months."""

    endpoint: str
    arm: str
    reference: str
    hazard_ratio: float
    hazard_ratio_low: float
    hazard_ratio_high: float
    logrank_p: float
    restricted_mean_difference: float
    restricted_mean_low: float
    restricted_mean_high: float
    horizon_month: float


@dataclass(frozen=True, slots=True)
class Difference:
    """An endpoint in one arm less that in another, in percentage points, with a 95 % interval.

    Attributes:
        pairs: patients who are counted in both arms: the interval takes into account that they are the same.
    """

    endpoint: str
    arm: str
    reference: str
    month: float
    pairs: int
    value: float
    low: float
    high: float


@dataclass(frozen=True, slots=True)
class Accounting:
    """What became of the patients of one arm: planned = sum of ``statuses``; the rest explains the counts.

    Attributes:
        rules_fired: rule in words -> patients it fired for.
        cell_free: patients who ended without a leukaemic cell of any clone; where cells flow, by the rule of
            ``extinction``.
    """

    arm: str
    planned: int
    statuses: Mapping[Status, int]
    rules_fired: Mapping[str, int]
    cell_free: int = 0


@dataclass(frozen=True, slots=True, eq=False)
class Panel:
    """Trajectories of a sampled panel of patients, one arm after another.

    Attributes:
        arms: arm of each row of ``values``, shape (rows,).
        patients: patient of each row, shape (rows,).
        times: day, shape (m,).
        names: outputs; last axis of ``values``.
        values: shape (rows, m, outputs): the truth the model simulates.
        measured: BCR-ABL1 (IS, percent) as the assay said, shape (rows, m); NaN where not measured.
        detected: whether the assay found any transcript, shape (rows, m).
        median, low, high: over all patients of the arm who are still simulated, the 50th, 5th and 95th
            percentile, shape (arms, m, outputs), for the arms in ``arm_names``.
    """

    arm_names: tuple[str, ...]
    arms: tuple[str, ...]
    patients: NDArray[np.uint64]
    times: NDArray[np.float64]
    names: tuple[str, ...]
    units: tuple[str, ...]
    values: NDArray[np.float64]
    measured: NDArray[np.float64]
    detected: NDArray[np.bool_]
    median: NDArray[np.float64]
    low: NDArray[np.float64]
    high: NDArray[np.float64]


@dataclass(frozen=True, slots=True, eq=False)
class TrialResult:
    """Everything a run found. ``trial`` is the study as run; ``model`` the treated model it ran.

    Attributes:
        parameters: rows for the report's parameter table: name, value or distribution, unit, evidence.
        troughs: drug -> simulated steady-state troughs, first dose, first arm, ng/mL, shape (patients,).
        exposures: rows that hold simulated troughs beside published ones.
        patients: how many were simulated in every arm; fewer than ``planned`` only if the user stopped it.
        final: for each arm, the outputs at every patient's last visit, shape (patients, outputs).
        inputs: digest of the study and of each model, population, drug, target and mechanism that went in.
        files: the user's own files as they were read, by the place they get in the folder of the run.
        seconds: wall time by phase ("load", "compile", "simulate", "assess", ...).
        counted: whether few cells were counted and lived or died by chance; else all flowed.
        spectra: for each endpoint about clones and each arm, which clone led; ``courses`` of a few patients' clones.
    """

    trial: object
    model: object
    planned: int
    patients: int
    seed: int
    outcomes: tuple[Outcome, ...]
    estimates: tuple[Estimate, ...]
    comparisons: tuple[Comparison, ...]
    accounting: tuple[Accounting, ...]
    panel: Panel
    final: tuple[NDArray[np.float64], ...]
    parameters: tuple[ParameterRow, ...]
    troughs: Mapping[str, NDArray[np.float64]]
    exposures: tuple[ExposureRow, ...]
    versions: Mapping[str, str]
    inputs: Mapping[str, str]
    files: Mapping[str, bytes]
    seconds: Mapping[str, float]
    counted: bool = False
    differences: tuple[Difference, ...] = ()
    spectra: tuple[Spectrum, ...] = ()
    courses: CloneCourses | None = None

    @property
    def failed(self) -> int:
        """Patient-courses that did not finish, over all arms."""
        return sum(
            sum(row.statuses.values()) - row.statuses.get(Status.FINISHED, 0) for row in self.accounting
        )

    def digest(self, first: int | None = None) -> str:
        """SHA-256 over what happened to each patient: same inputs, seed and versions, same digest.

        Events are counted in visits, so another machine's last bits hardly ever show; ``digest_outputs`` sees them.

        Args:
            first: only patients numbered below this: a run of a hundred is the first hundred of more.
        """
        parts: list[bytes | str] = []
        for outcome in self.outcomes:
            rows = np.ones(outcome.patients.shape, bool) if first is None else outcome.patients < first
            parts += [outcome.arm, outcome.endpoint]
            for column in (outcome.patients, outcome.origin, outcome.time, outcome.event):
                parts.append(np.ascontiguousarray(column[rows]).tobytes())
        return digest(*parts)

    def digest_outputs(self, first: int | None = None) -> str:
        """SHA-256 over the model's outputs at each patient's last visit, and over the panel, to the last bit.

        Args:
            first: as in ``digest``.
        """
        few = self.patients if first is None else first
        shown = self.panel.patients < few
        panel = (self.panel.times, self.panel.values[shown], self.panel.measured[shown])
        columns = (*(final[:few] for final in self.final), *panel)
        return digest(*(np.ascontiguousarray(column).tobytes() for column in columns))


@dataclass(frozen=True, slots=True)
class ParameterRow:
    """One line of the report's parameter table."""

    name: str
    group: str
    value: str
    unit: str
    meaning: str
    evidence: Evidence | None


@dataclass(frozen=True, slots=True)
class ExposureRow:
    """A simulated trough beside a published one, ng/mL."""

    drug: str
    regimen: str
    statistic: str
    simulated: float
    published: float
    evidence: Evidence
