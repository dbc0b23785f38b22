"""Promises of the small parts that follow a patient: visits, treatment, clocks."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from typing import Any

import numpy as np
import pytest

from offtarget.arrays.cohort import Cohort
from offtarget.trials.agenda import Agenda
from offtarget.trials.assay import Sample, default_assay
from offtarget.trials.endpoint import Clock
from offtarget.trials.history import History
from offtarget.trials.run import run
from offtarget.trials.treatment import Treatment
from offtarget.trials.trial import Trial
from offtarget.units import DAYS_PER_MONTH as MONTH

Make = Callable[..., Trial]
ALL = np.array([True, True])
HALF_YEAR = 6 * MONTH + 1
PAIR = Cohort(np.arange(2, dtype=np.uint64), {"adherence_imatinib": np.ones(2)}, {"adherence_imatinib": ""})


def _days(months: float) -> np.ndarray[Any, np.dtype[np.float64]]:
    return np.full(2, months * MONTH)


def test_everyone_is_seen_on_the_first_day_then_as_the_study_says_and_never_after_the_horizon(
    make_trial: Make,
) -> None:
    trial = make_trial()
    agenda, seen = Agenda(trial, trial.arms[0], 2), []
    while np.isfinite(agenda.due).all():
        seen.append(agenda.due[0] / MONTH)
        agenda.turn(ALL)
    np.testing.assert_allclose(seen, np.arange(0, 61, 3), atol=1e-9)


def test_a_rule_puts_its_patients_on_visits_of_their_own(make_trial: Make) -> None:
    trial = make_trial()
    agenda = Agenda(trial, trial.arms[0], 2)
    agenda.turn(ALL)
    first = np.array([True, False])
    agenda.rebook(0, first, _days(3))
    agenda.turn(first)
    np.testing.assert_allclose(agenda.due / MONTH, [4, 3])
    agenda.turn(ALL)
    np.testing.assert_allclose(agenda.due / MONTH, [5, 6])
    agenda.drop(first)
    assert np.isinf(agenda.due[0])
    assert np.isfinite(agenda.due[1])


def test_days_on_a_drug_are_the_days_it_is_to_be_taken(make_trial: Make) -> None:
    text = "400 mg imatinib every 24 h until 6 months then nothing until 9 months then 200 mg imatinib every 24 h"
    trial = make_trial(arm=[{"name": "gap", "regimen": text}], endpoint=[
        {"name": "MMR by", "measure": "reached by", "event": "MMR", "report_at": ["12 months"]}
    ])  # fmt: skip
    treatment = Treatment(trial, trial.arms[0], PAIR, 1)
    history = History(2, ("imatinib",), default_assay())
    found = []
    for month in (3, 6, 9, 12):
        treatment.enter(history, ALL, _days(month))
        history.now = _days(month)
        found.append(history.on_days["imatinib"][0] / MONTH)
    np.testing.assert_allclose(found, [3, 6, 6, 9])
    assert np.isnan(history.off_since["imatinib"]).all()


def test_a_rule_fires_only_where_it_changes_what_is_given(make_trial: Make) -> None:
    trial = make_trial()
    treatment = Treatment(trial, trial.arms[0], PAIR, 1)
    assert treatment.would_change(0, _days(6)).all()  # stop
    assert not treatment.would_change(1, _days(6)).any()  # the same regimen again
    first = np.array([True, False])
    treatment.change(0, first, _days(6))
    assert treatment.would_change(1, _days(6)).tolist() == [True, False]
    events = treatment.events(_days(6), _days(9))
    stopped = [one for one in events if one.name == "dose_imatinib" and (one.value == 0).any()]
    assert len(stopped) == 1
    assert stopped[0].row.tolist() == [0]
    assert stopped[0].time.tolist() == [6 * MONTH]


def test_a_response_may_go_unseen_for_two_of_the_visits_the_patient_is_on(make_trial: Make) -> None:
    trial = make_trial(visits="every 1 month until 12 months, then every 4 months")
    agenda = Agenda(trial, trial.arms[0], 2)
    np.testing.assert_allclose(agenda.longest_gap(_days(12)), 6 * MONTH, atol=1.01)
    np.testing.assert_allclose(agenda.longest_gap(_days(16)), 8 * MONTH, atol=1.01)
    agenda.rebook(0, np.array([True, False]), _days(16))  # monthly from then on
    np.testing.assert_allclose(agenda.longest_gap(_days(20)), [6 * MONTH, 8 * MONTH], atol=1.01)


def test_a_regimen_whose_first_phase_is_over_can_be_begun_again(make_trial: Make) -> None:
    course = "400 mg imatinib every 24 h until 6 months then stop"
    trial = make_trial(
        arm=[
            {"name": "again", "regimen": course, "rule": [{"when": "MMR lost", "then": course, "times": 3}]}
        ],
        endpoint=[{"name": "lost", "event": "MMR lost", "report_at": ["12 months"]}],
    )
    treatment = Treatment(trial, trial.arms[0], PAIR, 1)
    assert not treatment.would_change(0, _days(5)).any()
    assert treatment.would_change(0, _days(7)).all()
    treatment.change(0, ALL, _days(7))
    assert not treatment.would_change(0, _days(12)).any()
    assert treatment.would_change(0, _days(14)).all()


def test_a_visit_after_the_end_of_the_trial_is_nobodys(make_trial: Make) -> None:
    later = {"name": "MMR later", "measure": "at visit", "from": "stop imatinib", "event": "MMR"}
    trial = make_trial(endpoint=[later | {"report_at": ["12 months"]}])
    clock = Clock(trial.endpoints[0], trial.arms[0], 2, trial.horizon)
    clock.start("stop imatinib", ALL, np.array([40, 50]) * MONTH)
    (outcome,) = clock.outcomes(PAIR.patients)
    assert outcome.patients.tolist() == [0]


def _look(clock: Clock, history: History, month: float, measured: float, taken: bool = True) -> None:
    sample = Sample(np.full(2, measured), np.full(2, measured > 0), np.full(2, 2e5), np.full(2, taken))
    history.record(ALL, _days(month), sample, gap=HALF_YEAR)
    clock.look(history, ALL)


@pytest.fixture
def clocks(make_trial: Make) -> tuple[Clock, Clock, Clock, History]:
    trial = make_trial()
    free, by, at = (Clock(endpoint, trial.arms[0], 2, trial.horizon) for endpoint in trial.endpoints)
    return free, by, at, History(2, ("imatinib",), trial.assay)


def test_a_clock_runs_from_its_origin_to_the_event_and_no_further(
    clocks: tuple[Clock, Clock, Clock, History],
) -> None:
    free, _, _, history = clocks
    for month, measured in ((0, 50.0), (3, 0.05), (6, 0.05)):
        _look(free, history, month, measured)
    assert free.outcomes(PAIR.patients)[0].patients.size == 0
    free.start("stop imatinib", np.array([True, False]), _days(6))
    _look(free, history, 7, 0.09)
    _look(free, history, 8, 0.2)
    _look(free, history, 9, 5.0)
    (outcome,) = free.outcomes(PAIR.patients)
    assert outcome.patients.tolist() == [0]
    assert outcome.event.tolist() == [True]
    np.testing.assert_allclose(outcome.time, [2 * MONTH])
    np.testing.assert_allclose(outcome.origin, [6 * MONTH])


def test_the_first_stop_starts_the_clock_and_what_was_seen_on_that_day_is_before_it(
    clocks: tuple[Clock, Clock, Clock, History],
) -> None:
    free, _, _, history = clocks
    _look(free, history, 3, 0.05)
    free.start("stop imatinib", ALL, _days(3))
    free.start("stop imatinib", ALL, _days(9))
    free.start("something else", ALL, _days(1))
    assert free.origin.tolist() == [3 * MONTH] * 2
    _look(free, history, 5, 0.05)
    _look(free, history, 6, 0.05, taken=False)
    (outcome,) = free.outcomes(PAIR.patients)
    np.testing.assert_allclose(
        outcome.time, [2 * MONTH] * 2
    )  # censored at the last sample, not the last visit
    assert not outcome.event.any()


@pytest.mark.parametrize(
    ("month", "measured", "taken", "responds"),
    [(12, 0.05, True, True), (12, 0.5, True, False), (11, 0.05, True, True), (10, 0.05, True, False),
     (12, 0.05, False, False), (13, 0.05, True, False)],
)  # fmt: skip
def test_at_a_visit_the_nearest_sample_before_it_counts_and_none_is_no_response(
    month: float, measured: float, taken: bool, responds: bool, clocks: tuple[Clock, Clock, Clock, History]
) -> None:
    _, _, at, history = clocks
    _look(at, history, 0, 50.0)
    _look(at, history, month, measured, taken)
    (outcome,) = at.outcomes(PAIR.patients)
    assert outcome.event.tolist() == [responds] * 2


def test_a_level_reached_counts_from_the_start(clocks: tuple[Clock, Clock, Clock, History]) -> None:
    _, by, _, history = clocks
    _look(by, history, 0, 50.0)
    _look(by, history, 6, 0.08)
    _look(by, history, 9, 3.0)
    (outcome,) = by.outcomes(PAIR.patients)
    assert outcome.event.all()
    np.testing.assert_allclose(outcome.time, [6 * MONTH] * 2)
    assert replace(outcome, arm="x").endpoint == "MMR by"


def test_days_on_a_drug_follow_phases_that_change_between_visits(make_trial: Make) -> None:
    arm = [{"name": "half", "regimen": "400 mg imatinib every 24 h until 6 months then stop"}]
    by = [{"name": "MMR by", "measure": "reached by", "event": "MMR", "report_at": ["12 months"]}]
    trial = make_trial(arm=arm, endpoint=by)
    treatment, history = (
        Treatment(trial, trial.arms[0], PAIR, 1),
        History(2, ("imatinib",), default_assay()),
    )
    for month in (12, 24):
        treatment.enter(history, ALL, _days(month))
        np.testing.assert_allclose(history.on_days["imatinib"] / MONTH, [6, 6])
        np.testing.assert_allclose(history.off_since["imatinib"] / MONTH, [6, 6])


def test_two_rules_do_not_both_decide_about_a_drug_at_one_visit(make_trial: Make) -> None:
    rules = [
        {"when": "after 1 year", "then": "stop"},
        {"when": "after 1 year", "then": "400 mg imatinib every 24 h"},
    ]
    arm = [{"name": "torn", "regimen": "400 mg imatinib every 24 h", "rule": rules}]
    by = [{"name": "loss", "from": "stop", "event": "MMR lost", "report_at": ["1 month"]}]
    result = run(
        make_trial(arm=arm, endpoint=by, visits="every 1 year", horizon="1 year"), patients=20, seed=3
    )
    assert list(result.accounting[0].rules_fired.values())[1] == 0
