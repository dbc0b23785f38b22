"""Trial: arms, rules, visits and endpoints as frozen nouns. ``study.py`` reads them from a text file."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

from offtarget.evidence import Evidence
from offtarget.pharmacology.regimen import Regimen
from offtarget.trials.assay import Assay
from offtarget.trials.conditions import Condition
from offtarget.trials.escape import PublishedSpectrum
from offtarget.trials.result import Published
from offtarget.trials.visits import Visits

__all__ = ["CHANCE", "COUNTED", "FLOW", "MEASURES", "START", "Arm", "Endpoint", "Rule", "Trial"]

#: The origin of an endpoint whose clock starts with the trial.
START = "start"
#: What chance does in a trial: few cells live or die by luck, or every number of cells is an expectation.
CHANCE = COUNTED, FLOW = ("counted", "flow")
#: What an endpoint may report, with the words a table uses for it.
MEASURES: Mapping[str, str] = {
    "free of event": "free of event, Kaplan-Meier",
    "reached by": "reached by then, 1 - Kaplan-Meier",
    "at visit": "at the visit, all patients",
    "at visit, measured": "at the visit, patients with a sample",
}


@dataclass(frozen=True, slots=True)
class Rule:
    """What happens to a patient's treatment when the clinic sees something.

    Attributes:
        when, then: as written in the study.
        regimens: drug -> the regimen that starts when the rule fires; None stops the drug. Drugs not named go on.
        visits: how the patient is seen from then on; None leaves the schedule as it is.
        times: how often the rule may fire in one patient.
    """

    when: str
    then: str
    condition: Condition
    regimens: Mapping[str, Regimen | None]
    visits: Visits | None
    times: int


@dataclass(frozen=True, slots=True)
class Arm:
    """One way of treating the patients. Arms differ by schedule only.

    Attributes:
        switches: switch of the treated model -> 0 or 1, from the start of treatment.
    """

    name: str
    regimen_text: str
    regimens: Mapping[str, Regimen]
    rules: tuple[Rule, ...]
    switches: Mapping[str, float] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Endpoint:
    """What is counted, from when, and at which times it is reported.

    Attributes:
        measure: a key of ``MEASURES``.
        origin: ``START``, or the ``then`` of a rule, for example "stop imatinib": its first firing starts the clock.
        event: the condition in words.
        report_at: months since the origin.
        definition: the endpoint in a sentence for a clinician.
    """

    name: str
    measure: str
    origin: str
    event: str
    condition: Condition
    report_at: tuple[float, ...]
    definition: str

    @property
    def at_visit(self) -> bool:
        """Whether the endpoint is a share of patients at a visit rather than a time to an event."""
        return self.measure.startswith("at visit")


@dataclass(frozen=True, slots=True)
class Trial:
    """A virtual clinical trial, ready to run.

    Attributes:
        id: short name, for folders and the command line.
        model, population: catalogue names or paths, as in the study.
        drugs: every drug any arm may give, sorted.
        mechanisms: mechanisms that act; None means all the catalogue has for this model and these drugs.
        exposure: "averaged" or "dosed".
        horizon: length of the trial, day.
        record: the study as a mapping, for the manifest and for replay.
        chance: one of ``CHANCE``.
        spectra: how often each mutation was found in patients of real trials.
    """

    id: str
    title: str
    question: str
    model: str
    population: str
    drugs: tuple[str, ...]
    mechanisms: tuple[str, ...] | None
    exposure: str
    horizon: float
    visits: Visits
    assay: Assay
    arms: tuple[Arm, ...]
    endpoints: tuple[Endpoint, ...]
    published: tuple[Published, ...]
    notes: tuple[str, ...]
    evidence: Evidence | None
    record: Mapping[str, object]
    chance: str = FLOW
    spectra: tuple[PublishedSpectrum, ...] = ()

    def published_for(self, endpoint: str, arm: str, month: float) -> tuple[Published, ...]:
        """Published figures for an endpoint in an arm at a time."""
        wanted = (endpoint, arm, month)
        return tuple(one for one in self.published if (one.endpoint, one.arm, one.month) == wanted)
