"""Promises of a run: the same patients, the same luck, the same bits; a failure is counted; nothing is lost."""

from __future__ import annotations

import importlib
from collections.abc import Callable
from dataclasses import replace
from typing import Any

import numpy as np
import pytest

from offtarget.arrays.cohort import Cohort
from offtarget.arrays.trajectories import Status
from offtarget.errors import Cancelled, InputError
from offtarget.trials.result import Outcome, TrialResult
from offtarget.trials.run import run
from offtarget.trials.trial import Trial

runner = importlib.import_module("offtarget.trials.run")
Make = Callable[..., Trial]


def _same(one: Outcome, other: Outcome) -> bool:
    columns = ("patients", "origin", "time", "event")
    return all(np.array_equal(getattr(one, name), getattr(other, name)) for name in columns)


def _of(result: TrialResult, arm: str, endpoint: str) -> Outcome:
    return next(one for one in result.outcomes if (one.arm, one.endpoint) == (arm, endpoint))


def test_threads_and_groups_of_patients_change_no_bit(
    make_trial: Make, monkeypatch: pytest.MonkeyPatch
) -> None:
    trial = make_trial()
    alone = run(trial, patients=60, seed=3, threads=1)
    assert run(trial, patients=60, seed=3, threads=2).digest() == alone.digest()
    monkeypatch.setattr(runner, "_CHUNK", 17)
    parted = run(trial, patients=60, seed=3, threads=2)
    assert parted.digest() == alone.digest()
    np.testing.assert_array_equal(parted.panel.values, alone.panel.values)


def test_a_hundred_patients_are_the_first_hundred_of_more(make_trial: Make) -> None:
    few, many = run(make_trial(), patients=100, seed=3), run(make_trial(), patients=230, seed=3)
    assert few.digest() == many.digest(first=100)
    assert few.digest() != run(make_trial(), patients=100, seed=4).digest()


def test_another_arm_or_endpoint_changes_nothing_elsewhere(make_trial: Make, stop_arms: list[Any]) -> None:
    both = run(make_trial(), patients=40, seed=5)
    third = {"name": "half dose", "regimen": "200 mg imatinib every 24 h"}
    endpoint = {"name": "MR4 by", "measure": "reached by", "event": "MR4", "report_at": ["24 months"]}
    trial = make_trial(arm=[third, *stop_arms])
    more = run(trial, patients=40, seed=5)
    extra = run(make_trial(endpoint=[endpoint, *make_trial().record["endpoint"]]), patients=40, seed=5)  # type: ignore[misc]
    for outcome in both.outcomes:
        assert _same(outcome, _of(more, outcome.arm, outcome.endpoint))
        assert _same(outcome, _of(extra, outcome.arm, outcome.endpoint))


def test_arms_that_treat_alike_have_patients_who_fare_alike(make_trial: Make, stop_arms: list[Any]) -> None:
    twin = {**stop_arms[0], "name": "stop too"}
    result = run(make_trial(arm=[stop_arms[0], twin]), patients=40, seed=5)
    for endpoint in ("free", "MMR by", "MMR at"):
        assert _same(_of(result, "stop", endpoint), _of(result, "stop too", endpoint))


def test_stopping_starts_the_clock_and_only_then_can_a_response_be_lost(make_trial: Make) -> None:
    result = run(make_trial(), patients=120, seed=3)
    free = _of(result, "stop", "free")
    assert 0 < free.patients.size < 120
    assert (free.origin >= 180).all()
    assert (free.time[free.event] > 0).all()
    assert (free.origin + free.time <= 5 * 365.25 + 1e-6).all()
    assert _of(result, "go on", "free").patients.size == 0
    fired = {rule: count for row in result.accounting for rule, count in row.rules_fired.items()}
    assert fired["MMR held 6 months: stop imatinib"] == free.patients.size
    assert fired["MMR lost: 400 mg imatinib every 24 h"] >= int(free.event.sum())


def _poisoned(cohort: Cohort) -> Cohort:
    growth = cohort.column("growth").copy()
    growth[cohort.patients == 7] = np.nan
    return cohort.with_columns({"growth": growth}, {})


def test_a_patient_who_cannot_be_simulated_is_counted_and_disturbs_nobody(
    make_trial: Make, monkeypatch: pytest.MonkeyPatch
) -> None:
    healthy = run(make_trial(), patients=40, seed=5)
    enrol = runner.enrol
    monkeypatch.setattr(runner, "enrol", lambda *a, **k: _poisoned(enrol(*a, **k)))
    result = run(make_trial(), patients=40, seed=5)
    assert result.failed == 2  # one patient in each of two arms
    for row in result.accounting:
        assert row.statuses[Status.NOT_FINITE] == 1
        assert sum(row.statuses.values()) == row.planned == 40
    for one in healthy.outcomes:
        other = _of(result, one.arm, one.endpoint)
        others = other.patients != 7
        mine = one.patients != 7
        np.testing.assert_array_equal(one.time[mine], other.time[others])
        np.testing.assert_array_equal(one.event[mine], other.event[others])
    by = _of(result, "go on", "MMR by")
    assert not by.event[by.patients == 7].any()
    assert (by.patients == 7).sum() == 1  # in the denominator, as somebody who did not respond


def test_without_killing_by_the_immune_system_more_patients_relapse(make_trial: Make) -> None:
    result = run(make_trial(), patients=150, seed=3)
    enrolled: list[Any] = []

    def off(*a: Any, **k: Any) -> Cohort:
        cohort = enrol(*a, **k)
        enrolled.append(cohort.size)
        return cohort.with_columns({"on_immunity": np.zeros(cohort.size)}, {})  # type: ignore[no-any-return]

    enrol, runner.enrol = runner.enrol, off
    try:
        without = run(make_trial(), patients=150, seed=3)
    finally:
        runner.enrol = enrol
    assert enrolled
    assert _of(without, "stop", "free").event.mean() > _of(result, "stop", "free").event.mean()


def test_without_a_drug_nobody_responds(make_trial: Make) -> None:
    arm = [{"name": "wait", "regimen": "nothing until 4 years then 400 mg imatinib every 24 h"}]
    endpoint = [
        {"name": "MMR by", "measure": "reached by", "event": "MMR", "report_at": ["36 months", "60 months"]}
    ]
    result = run(make_trial(arm=arm, endpoint=endpoint), patients=60, seed=3)
    assert result.estimates[0].value == 0.0
    assert result.estimates[1].value > 0.0


def test_the_dosed_form_tells_the_averaged_form_s_story(make_trial: Make) -> None:
    arm = [{"name": "on", "regimen": "400 mg imatinib every 24 h"}]
    endpoint = [{"name": "EMR", "measure": "at visit", "event": "EMR", "report_at": ["6 months"]}]
    trial = make_trial(arm=arm, endpoint=endpoint, horizon="6 months")
    averaged, dosed = (
        run(trial, patients=40, seed=3),
        run(replace(trial, exposure="dosed"), patients=40, seed=3),
    )
    column = averaged.panel.names.index("bcr_abl1")
    one, other = averaged.panel.values[:, -1, column], dosed.panel.values[:, -1, column]
    # a few missed doses, drawn rather than averaged, and the first day without steady state
    assert np.median(np.abs(np.log(one / other))) < 0.1
    assert not np.array_equal(one, other)


def test_an_interrupted_run_keeps_what_every_arm_has_finished(
    make_trial: Make, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(runner, "_CHUNK", 10)

    def stop_at(limit: int) -> Callable[[int, int], None]:
        def progress(done: int, _: int) -> None:
            if done >= limit:
                raise KeyboardInterrupt

        return progress

    result = run(make_trial(), patients=40, seed=5, progress=stop_at(50))
    assert result.patients == 20
    assert result.planned == 40
    assert result.digest() == run(make_trial(), patients=20, seed=5).digest()
    with pytest.raises(Cancelled, match="before any patient"):
        run(make_trial(), patients=40, seed=5, progress=stop_at(1))


@pytest.mark.parametrize(
    ("patients", "seed", "threads"), [(0, 1, 1), (-1, 1, 1), (10**9, 1, 1), (1, -1, 1), (1, 1, 0)]
)
def test_impossible_counts_are_refused(make_trial: Make, patients: int, seed: int, threads: int) -> None:
    with pytest.raises(InputError, match="expected"):
        run(make_trial(), patients=patients, seed=seed, threads=threads)


def test_the_panel_and_the_parameter_table_are_complete(make_trial: Make) -> None:
    result = run(make_trial(), patients=30, seed=5)
    panel = result.panel
    assert panel.values.shape == (60, 61, len(panel.names))
    assert np.isfinite(panel.values).all()
    assert (panel.low <= panel.median + 1e-12).all()
    assert (panel.median <= panel.high + 1e-12).all()
    names = [row.name for row in result.parameters]
    assert len(names) == len(set(names))
    assert {"growth", "K_T", "CL_imatinib", "max_t_cell_brake", "assay copies"} <= set(names)
    assert all(row.evidence is not None for row in result.parameters)
    assert result.troughs["imatinib"].shape == (30,)
    assert {row.statistic for row in result.exposures} == {"mean", "SD", "median"}
