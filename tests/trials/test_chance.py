"""Promises of chance in trials: whole cells, luck that is the patient's own, switches that leave the start alone."""

from __future__ import annotations

import importlib
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest

from offtarget.arrays.cohort import Cohort
from offtarget.arrays.schedule import Schedule
from offtarget.engine.ensemble import simulate
from offtarget.engine.hybrid import build_hybrid
from offtarget.engine.kernel import build
from offtarget.errors import InputError
from offtarget.models.sbml import read_model
from offtarget.trials.chance import switched
from offtarget.trials.result import Outcome, TrialResult
from offtarget.trials.run import run
from offtarget.trials.setup import prepare
from offtarget.trials.trial import Arm, Trial

runner = importlib.import_module("offtarget.trials.run")
Make = Callable[..., Trial]


def _same(one: Outcome, other: Outcome) -> bool:
    columns = ("patients", "origin", "time", "event")
    return all(np.array_equal(getattr(one, name), getattr(other, name)) for name in columns)


def _of(result: TrialResult, arm: str, endpoint: str) -> Outcome:
    return next(one for one in result.outcomes if (one.arm, one.endpoint) == (arm, endpoint))


def _cells(result: TrialResult, arm: int) -> np.ndarray[Any, np.dtype[np.float64]]:
    places = [i for i, name in enumerate(result.panel.names) if name.startswith(("P_", "Q_"))]
    return result.final[arm][:, places]


def test_fewer_than_a_hundred_cells_are_whole_and_who_is_free_of_cells_has_none(make_trial: Make) -> None:
    result = run(make_trial(chance="counted", horizon="10 years"), patients=120, seed=3)
    for arm, row in enumerate(result.accounting):
        found = _cells(result, arm)
        few = found[found < 100]
        assert np.array_equal(few, np.round(few))
        assert found.min() == 0.0
        assert ((few > 0) & (few < 100)).any()
        assert row.cell_free == np.count_nonzero((found == 0).all(axis=1))
    assert sum(row.cell_free for row in result.accounting) > 0


def test_luck_does_not_hang_on_threads_or_company(make_trial: Make, monkeypatch: pytest.MonkeyPatch) -> None:
    trial = make_trial(chance="counted")
    alone = run(trial, patients=60, seed=3, threads=1)
    monkeypatch.setattr(runner, "_CHUNK", 17)
    parted = run(trial, patients=60, seed=3, threads=2)
    assert parted.digest() == alone.digest()
    assert parted.digest_outputs() == alone.digest_outputs()
    assert run(trial, patients=60, seed=4).digest_outputs() != alone.digest_outputs()


def test_an_arm_an_endpoint_or_an_assay_more_changes_nobody_s_luck(
    make_trial: Make, stop_arms: list[Any]
) -> None:
    both = run(make_trial(chance="counted"), patients=60, seed=5)
    third = {"name": "half dose", "regimen": "200 mg imatinib every 24 h"}
    more = run(make_trial(chance="counted", arm=[third, *stop_arms]), patients=60, seed=5)
    endpoint = {"name": "MR4 by", "measure": "reached by", "event": "MR4", "report_at": ["24 months"]}
    endpoints = [endpoint, *make_trial().record["endpoint"]]  # type: ignore[misc]
    extra = run(make_trial(chance="counted", endpoint=endpoints), patients=60, seed=5)
    for outcome in both.outcomes:
        assert _same(outcome, _of(more, outcome.arm, outcome.endpoint))
        assert _same(outcome, _of(extra, outcome.arm, outcome.endpoint))
    for arm in (0, 1):
        np.testing.assert_array_equal(_cells(both, arm), _cells(more, arm + 1))
        np.testing.assert_array_equal(_cells(both, arm), _cells(extra, arm))
    only = [stop_arms[1]]  # no rule reads a sample: another laboratory sees other numbers of the same cells
    by = [{"name": "MMR by", "measure": "reached by", "event": "MMR", "report_at": ["12 months"]}]
    usual = run(make_trial(chance="counted", arm=only, endpoint=by), patients=60, seed=5)
    rough = {"sensitivity": "MR4", "missed": 0.3, "copies": 2000}
    other = run(make_trial(chance="counted", arm=only, endpoint=by, assay=rough), patients=60, seed=5)
    np.testing.assert_array_equal(_cells(usual, 0), _cells(other, 0))
    assert usual.digest() != other.digest()


def test_a_study_that_says_nothing_of_chance_runs_as_one_that_says_flow(make_trial: Make) -> None:
    assert (
        run(make_trial(), patients=30, seed=5).digest_outputs()
        == run(make_trial(chance="flow"), patients=30, seed=5).digest_outputs()
    )


def test_mutation_is_on_where_cells_are_counted_and_the_table_of_parameters_says_so(make_trial: Make) -> None:
    flowing, counting = prepare(make_trial()), prepare(make_trial(chance="counted"))
    assert flowing.model.parameter("on_mutation").value == 0.0
    assert counting.model.parameter("on_mutation").value == 1.0
    assert not flowing.counted and counting.counted
    rows = {one.name: one for one in runner.parameter_rows(counting)}
    assert rows["on_mutation"].value == "1"
    assert rows["counted below, P_wt"].value == "100"
    assert "extinct below" not in rows
    rows = {one.name: one for one in runner.parameter_rows(flowing)}
    assert rows["extinct below"].value == "0.001"
    assert "on_mutation" not in rows


SWITCHED = """
model {}
 substanceOnly species X, Z; substance = item;
 on_supply = 1; X = 10 * on_supply; Z = 0;
 birth: => X; 2 * on_supply; death: X => ; 0 * X; tick: => Z; 1
end
"""


def test_an_arm_s_switch_is_set_after_the_start_not_before_it() -> None:
    arm = Arm("off", "", {}, (), {"on_supply": 0.0})
    cohort = Cohort(np.arange(3, dtype=np.uint64), {}, {})
    for name, builder in (("flowing", build), ("counting", build_hybrid)):
        kernel = builder(read_model(SWITCHED.format(name), where=name))
        on, off = (
            simulate(kernel, cohort, Schedule.joined(3, parts), times=[0.0, 50.0], seed=1).of("X")
            for parts in ([], switched(arm, 3))
        )
        np.testing.assert_array_equal(on[:, 0], 10.0)
        np.testing.assert_array_equal(
            off, 10.0
        )  # it begins as the other does, and nothing is supplied from day 0
        assert (on[:, 1] > 50.0).all()


@pytest.mark.parametrize("chance", ["flow", "counted"])
def test_arms_that_differ_in_a_switch_begin_with_the_same_patients_and_part_from_the_first_day(
    make_trial: Make, stop_arms: list[Any], chance: str
) -> None:
    off = {**stop_arms[0], "name": "killing off", "switches": {"on_immunity": 0}}
    on = {**stop_arms[0], "name": "killing on", "switches": {"on_immunity": 1}}
    result = run(make_trial(chance=chance, arm=[stop_arms[0], on, off]), patients=60, seed=3)
    plain, same, without = np.split(result.panel.values, 3)
    np.testing.assert_array_equal(plain, same)
    np.testing.assert_array_equal(plain[:, 0], without[:, 0])
    load = result.panel.names.index("L")
    assert (without[:, 1, load] > plain[:, 1, load]).all()
    assert _of(result, "killing off", "free").event.mean() > _of(result, "stop", "free").event.mean()


@pytest.mark.parametrize(
    ("switches", "says"),
    [({"on_immunty": 0}, r'arm 1: switches: the treated model has no switch "on_immunty".*on_immunity'),
     ({"growth": 0}, r'arm 1: switches: the treated model has no switch "growth"')],
)  # fmt: skip
def test_only_a_switch_of_the_model_can_be_switched(
    make_trial: Make, switches: dict[str, float], says: str
) -> None:
    arm = [{"name": "on", "regimen": "400 mg imatinib every 24 h", "switches": switches}]
    by = [{"name": "MMR by", "measure": "reached by", "event": "MMR", "report_at": ["12 months"]}]
    with pytest.raises(InputError, match=says):
        prepare(make_trial(arm=arm, endpoint=by))


@pytest.mark.parametrize("value", [2, 0.5, -1, "off", None, [0]])
def test_a_switch_is_on_or_off(make_trial: Make, stop_arms: list[Any], value: object) -> None:
    with pytest.raises(InputError, match=r"arm 1: switches: on_immunity: expected"):
        make_trial(arm=[{**stop_arms[0], "switches": {"on_immunity": value}}])


def test_a_word_for_chance_that_is_not_known_is_answered_with_those_that_are(make_trial: Make) -> None:
    with pytest.raises(InputError, match=r'chance: chance "count" is not known.*counted'):
        make_trial(chance="count")


def test_what_is_not_in_cells_cannot_be_counted(make_trial: Make, monkeypatch: pytest.MonkeyPatch) -> None:
    setup = importlib.import_module("offtarget.trials.setup")
    model = read_model(
        "model masses\n substanceOnly species X; X = 3; X => ; X; substance = gram; end", where="m"
    )
    monkeypatch.setattr(setup, "load_model", lambda name: model)
    with pytest.raises(InputError, match=r"small: chance: expected a model that counts species in cells"):
        prepare(make_trial(chance="counted"))
