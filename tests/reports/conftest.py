"""A synthetic TrialResult: small, made from closed forms and one seeded generator, with every part a report reads."""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import replace
from typing import Any

import numpy as np
import pytest

from offtarget.arrays.trajectories import Status
from offtarget.evidence import Evidence, Grade
from offtarget.pharmacology.regimen import parse_regimen
from offtarget.trials.analysis import compare, estimate
from offtarget.trials.assay import default_assay
from offtarget.trials.conditions import parse_condition
from offtarget.trials.result import (
    Accounting,
    ExposureRow,
    Outcome,
    Panel,
    ParameterRow,
    Published,
    TrialResult,
)
from offtarget.trials.trial import START, Arm, Endpoint, Rule, Trial
from offtarget.trials.visits import parse_visits
from offtarget.units import DAYS_PER_MONTH

HORIZON = 3652.5
GIVEN = parse_regimen("400 mg imatinib every 24 h", where="regimen")
STOP = "stop imatinib"
TFR, MMR, EMR = "treatment-free remission", "major molecular response", "early response"


def make_trial(*, arms: int = 2, published: bool = True) -> Trial:
    visits = parse_visits("every 3 months", where="visits", horizon=HORIZON)
    names = [f"stop after {24 + 12 * place} months" for place in range(arms)]
    endpoints = (
        _endpoint(TFR, "free of event", STOP, "MMR lost", (6.0, 24.0, 60.0)),
        _endpoint(MMR, "reached by", START, "MMR", (12.0, 24.0)),
        _endpoint(EMR, "at visit", START, "EMR", (3.0,)),
    )
    known = (
        Published(TFR, names[0], 6.0, 43.0, 33.0, 52.0, 100, Evidence("mahon2010", Grade.MEASURED)),
        Published(TFR, names[0], 24.0, 38.0, math.nan, math.nan, 0, Evidence("mahon2010", Grade.MEASURED)),
    )
    return Trial(
        id="stim1", title="Stop imatinib in deep remission", question="How many patients stay free of relapse?",
        model="cml", population="cml_newly_diagnosed", drugs=("imatinib",), mechanisms=None, exposure="averaged",
        horizon=HORIZON, visits=visits, assay=default_assay(), arms=tuple(_arm(name, visits) for name in names),
        endpoints=endpoints, published=known if published else (),
        notes=("Parameters are starting values, not calibrated.",), evidence=Evidence("mahon2010", Grade.MEASURED),
        record={},
    )  # fmt: skip


def _endpoint(name: str, measure: str, origin: str, event: str, months: tuple[float, ...]) -> Endpoint:
    return Endpoint(
        name, measure, origin, event, parse_condition(event, where="event"), months, f"{event}, from {origin}"
    )


def _arm(name: str, visits: Any) -> Arm:
    held, lost = "MR4.5 held 24 months", "MMR lost"
    rules = (
        Rule(held, STOP, parse_condition(held, where="when"), {"imatinib": None}, visits, 1),
        Rule(lost, "400 mg imatinib every 24 h", parse_condition(lost, where="when"), {}, None, 1),
    )
    return Arm(name, "400 mg imatinib every 24 h", {"imatinib": GIVEN}, rules)


def make_outcomes(trial: Trial, n: int, *, stopped: int, events: bool, seed: int) -> tuple[Outcome, ...]:
    luck = np.random.Generator(np.random.Philox(seed))
    found = []
    for place, arm in enumerate(trial.arms):
        for endpoint in trial.endpoints:
            who = np.arange(stopped if endpoint.origin == STOP else n, dtype=np.uint64)
            origin = np.full(who.size, 0.0)
            if endpoint.origin == STOP:
                origin = 1500.0 + 400.0 * luck.random(who.size)
            if endpoint.measure == "at visit":
                happened = luck.random(who.size) < (0.7 if events else 0.0)
                for month in endpoint.report_at:
                    found.append(
                        _outcome(
                            arm.name,
                            endpoint.name,
                            who,
                            origin,
                            np.full(who.size, month * DAYS_PER_MONTH),
                            happened,
                        )
                    )
                continue
            susceptible = luck.random(who.size) < 0.6 - 0.15 * place
            when = np.where(susceptible, 30.0 * np.ceil(luck.exponential(5.0, who.size)), np.inf)
            leaves = HORIZON - origin - 91.0 * np.floor(6 * luck.random(who.size))
            happened = (when < leaves) & events
            found.append(
                _outcome(arm.name, endpoint.name, who, origin, np.where(happened, when, leaves), happened)
            )
    return tuple(found)


def _outcome(arm: str, endpoint: str, who: Any, origin: Any, time: Any, event: Any) -> Outcome:
    return Outcome(
        arm, endpoint, who, origin, np.asarray(time, float), np.asarray(event, bool), np.ones(who.size)
    )


def make_panel(trial: Trial, patients: int, seed: int) -> Panel:
    luck = np.random.Generator(np.random.Philox(seed + 1))
    names = ("bcr_abl1", "T", "N", "S", "R", "P_wt", "Q_wt", "P_T315I", "Q_T315I")
    units = (
        "percent_is",
        "cell",
        "dimensionless",
        "dimensionless",
        "dimensionless",
        "cell",
        "cell",
        "cell",
        "cell",
    )
    times = np.arange(0.0, HORIZON + 1, DAYS_PER_MONTH)
    rows, bands = [], []
    for place, _ in enumerate(trial.arms):
        speed = 0.012 * np.exp(0.4 * luck.standard_normal(patients))[:, None]
        slow = 10 ** (-1.5 - 2.0 * luck.random(patients))[:, None]
        load = np.exp(-speed * times) + slow * np.exp(-0.002 * times)
        back = (luck.random(patients) < 0.5 - 0.1 * place)[:, None]
        load = np.where(back & (times > 1700), np.minimum(load * np.exp(0.03 * (times - 1700)), 0.8), load)
        values = np.empty((patients, times.size, len(names)))
        values[:, :, 0] = 100 * load / (load + 2 * (1 - np.minimum(load, 0.99)))
        values[:, :, 1] = 200 + 4e4 * load * (1 - load)
        values[:, :, 2] = 1 - 0.5 * load
        values[:, :, 3], values[:, :, 4] = 1 + 2 * load, 1 + 1.2 * load
        values[:, :, 5], values[:, :, 6] = 1e6 * load, 4e3 * np.exp(-0.001 * times) * (0.5 + slow)
        values[:, :, 7], values[:, :, 8] = 0.0, 0.0
        rows.append(values)
        bands.append(np.percentile(values, (50, 5, 95), axis=0))
    values = np.concatenate(rows)
    due = np.zeros(times.size, bool)
    due[3::3] = True
    measured = np.where(due, values[:, :, 0] * np.exp(0.2 * luck.standard_normal(values.shape[:2])), np.nan)
    detected = due & (measured > 0.003)
    median, low, high = np.stack(bands, axis=1)
    arms = tuple(arm.name for arm in trial.arms)
    return Panel(
        arms, tuple(arm for arm in arms for _ in range(patients)),
        np.tile(np.arange(patients, dtype=np.uint64), len(arms)),
        times, names, units, values, measured, detected, median, low, high,
    )  # fmt: skip


def make_result(
    *, n: int = 400, stopped: int | None = None, events: bool = True, arms: int = 2, published: bool = True,
    panel: int = 20, seed: int = 7, statuses: dict[Status, int] | None = None, trial: Trial | None = None,
    **changes: Any,
) -> TrialResult:  # fmt: skip
    trial = trial or make_trial(arms=arms, published=published)
    outcomes = make_outcomes(
        trial, n, stopped=n // 2 if stopped is None else stopped, events=events, seed=seed
    )
    counts = {status: 0 for status in Status} | (statuses or {})
    counts[Status.FINISHED] = n - sum(
        number for status, number in counts.items() if status != Status.FINISHED
    )
    fired = {"MR4.5 held 24 months: stop imatinib": n // 2, "MMR lost: 400 mg imatinib every 24 h": n // 4}
    luck = np.random.Generator(np.random.Philox(seed + 2))
    troughs = np.exp(math.log(860) + 0.5 * luck.standard_normal(n))
    larson = Evidence("larson2008", Grade.MEASURED)
    regimen = "400 mg every 24 h"
    result = TrialResult(
        trial=trial, model=None, planned=n, patients=n, seed=seed, outcomes=outcomes,
        estimates=estimate(trial, outcomes), comparisons=compare(trial, outcomes),
        accounting=tuple(Accounting(arm.name, n, counts, fired) for arm in trial.arms),
        panel=make_panel(trial, panel, seed), parameters=_parameters(), troughs={"imatinib": troughs},
        exposures=(
            ExposureRow("imatinib", regimen, "mean", float(troughs.mean()), 979.0, larson),
            ExposureRow("imatinib", regimen, "SD", float(troughs.std(ddof=1)) if n > 1 else math.nan, 530.0, larson),
        ),
        final=tuple(luck.random((n, 9)) for _ in trial.arms),
        versions={"offtarget": "0.1.0", "numpy": "2.4.6"}, inputs={"model cml": "0123456789abcdef"}, files={},
        seconds={"simulate": 1.25},
    )  # fmt: skip
    return replace(result, **changes)


def _parameters() -> tuple[ParameterRow, ...]:
    widmer, hahnel = "widmer2006", "hahnel2020"
    return (
        ParameterRow("growth", "leukaemia", "lognormal, median 0.0546, log-SD 0.1", "1/day",
                     "division of proliferating cells", Evidence(hahnel, Grade.ASSUMED, "starting value")),
        ParameterRow("K", "leukaemia", "1e6", "cell", "cells at saturation", Evidence(hahnel, Grade.DERIVED)),
        ParameterRow("CL_imatinib", "drug", "lognormal, median 343", "L/day", "clearance",
                     Evidence(widmer, Grade.MEASURED)),
        ParameterRow("on_mutation", "switches", "0", "dimensionless", "mutation on or off", None),
    )  # fmt: skip


@pytest.fixture(scope="session")
def result() -> Callable[..., TrialResult]:
    """Builds a result; see ``make_result`` for what can be asked of it."""
    return make_result


@pytest.fixture(scope="session")
def trial() -> Callable[..., Trial]:
    """Builds a trial; see ``make_trial``."""
    return make_trial


@pytest.fixture(scope="session")
def usual() -> TrialResult:
    """The result that most tests look at; never changed, only replaced."""
    return make_result()
