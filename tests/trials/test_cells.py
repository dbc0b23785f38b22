"""Promises about the truth behind the samples: when no cell is left, which clone leads, and who may ask for it."""

from __future__ import annotations

import importlib
from collections.abc import Callable
from dataclasses import dataclass
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest

from offtarget.errors import InputError
from offtarget.models.sbml import load_model
from offtarget.trials.assay import Sample
from offtarget.trials.cells import NO_CLONE, Cells
from offtarget.trials.conditions import Above, parse_condition
from offtarget.trials.endpoint import Clock
from offtarget.trials.history import History
from offtarget.trials.result import Outcome, TrialResult
from offtarget.trials.run import run
from offtarget.trials.setup import prepare
from offtarget.trials.spectrum import courses, spectra
from offtarget.trials.trial import Endpoint, Trial
from offtarget.units import DAYS_PER_MONTH

Make = Callable[..., Trial]
NAMES = ("bcr_abl1", "P_wt", "Q_wt", "P_a", "Q_a", "P_b", "Q_b")
CLONES = ("wt", "a", "b")
CURE = {"name": "cure", "measure": "reached by", "event": "no leukaemic cell", "report_at": ["60 months"]}


def _cells(net: object) -> Cells:
    return Cells(SimpleNamespace(outputs=NAMES, species=NAMES, net=net), CLONES)  # type: ignore[arg-type]


OUTPUTS = np.array([
    [0.0, 0, 0, 0, 0, 0, 0], [0.0, 0, 1, 0, 0, 0, 0], [9.0, 5, 0, 3, 0, 4, 9], [9.0, 5, 0, 4, 0, 3, 9],
    [0.0, 2e-4, 3e-4, 0, 0, 0, 0], [np.nan] * 7,
])  # fmt: skip


def test_no_cell_is_left_where_every_count_is_zero_and_of_a_flow_where_less_than_counts_as_one_is() -> None:
    every = _cells(SimpleNamespace(counted=[1, 2, 3, 4, 5, 6]))
    assert every.none_left(OUTPUTS).tolist() == [True, False, False, False, False, False]
    assert _cells(None).none_left(OUTPUTS).tolist() == [True, False, False, False, True, False]
    assert (every.flowing, _cells(None).flowing) == ((), CLONES)


def test_a_clone_that_flows_among_counted_ones_counts_as_gone_by_the_flow_s_rule() -> None:
    some = _cells(
        SimpleNamespace(counted=[3, 4, 5])
    )  # all of clone a, of clone b the proliferating cells only
    assert some.flowing == ("wt", "b")
    assert some.none_left(OUTPUTS).tolist() == [True, False, False, False, True, False]
    a_little = np.array([[0.0, 0, 0, 1e-4, 0, 0, 0], [0.0, 1e-4, 0, 0, 0, 0, 0]])
    assert some.none_left(a_little).tolist() == [False, True]


def test_the_clone_that_leads_is_the_largest_but_for_the_first() -> None:
    assert _cells(None).leading(OUTPUTS).tolist() == [NO_CLONE, NO_CLONE, 2, 1, NO_CLONE, NO_CLONE]


def test_a_model_without_clones_has_neither_cells_nor_a_lead() -> None:
    none = Cells(SimpleNamespace(outputs=NAMES, net=None), ())  # type: ignore[arg-type]
    assert not none.none_left(OUTPUTS).any()
    assert (none.leading(OUTPUTS) == NO_CLONE).all()


@pytest.mark.parametrize("text", ["no leukaemic cell", "No leukemic cells", "no leukaemic cell left"])
def test_the_last_cell_s_death_is_a_condition_and_the_truth(text: str, make_trial: Make) -> None:
    condition = parse_condition(text, where="event")
    history = History(2, ("imatinib",), make_trial().assay)
    history.know(np.array([True, True]), np.array([True, False]), np.array([-1, 1]))
    assert condition.holds(history).tolist() == [True, False]
    assert condition.unseen()
    joined = parse_condition(f"MMR or {text} and after 3 months", where="event")
    assert joined.unseen()
    assert not parse_condition("MMR", where="event").unseen()


def test_no_rule_may_wait_for_what_no_clinic_sees(make_trial: Make, stop_arms: list[Any]) -> None:
    rule = {"when": "no leukaemic cell", "then": "stop imatinib"}
    with pytest.raises(
        InputError, match=r"arm 1: rule 1: when: no clinic can see whether .*Use it as the event"
    ):
        make_trial(arm=[{**stop_arms[1], "rule": [rule]}], endpoint=[CURE])


def test_a_model_without_clones_cannot_lose_its_last_leukaemic_cell(
    make_trial: Make, monkeypatch: pytest.MonkeyPatch
) -> None:
    from dataclasses import replace

    setup = importlib.import_module("offtarget.trials.setup")
    arm = [{"name": "on", "regimen": "400 mg imatinib every 24 h"}]
    trial = make_trial(arm=arm, endpoint=[CURE], mechanisms=[])
    monkeypatch.setattr(setup, "load_model", lambda name: replace(load_model("cml"), clones=()))
    with pytest.raises(InputError, match=r"endpoint 1: event: expected .*table of clones"):
        prepare(trial)


@pytest.mark.parametrize("chance", ["counted", "flow"])
def test_cure_is_the_first_visit_without_a_cell_in_the_truth_behind_it(make_trial: Make, chance: str) -> None:
    arm = [{"name": "on", "regimen": "400 mg imatinib every 24 h"}]
    trial = make_trial(chance=chance, arm=arm, endpoint=[CURE | {"report_at": ["10 years"]}], horizon="10 years",
                       assay={"missed": 0.5})  # fmt: skip
    result = run(trial, patients=60, seed=3)
    (outcome,) = result.outcomes
    places = [i for i, name in enumerate(result.panel.names) if name.startswith(("P_", "Q_"))]
    total = result.panel.values[:, ::3, places].sum(axis=2)  # every third month is a visit
    none = total == 0 if chance == "counted" else total < 1e-3
    assert 0 < none.any(axis=1).sum() < 60
    first = np.where(none.any(axis=1), none.argmax(axis=1) * 3 * DAYS_PER_MONTH, 120 * DAYS_PER_MONTH)
    np.testing.assert_array_equal(outcome.event, none.any(axis=1))
    np.testing.assert_allclose(outcome.time, first)
    assert result.accounting[0].cell_free == np.count_nonzero(none[:, -1])


@dataclass(frozen=True, slots=True)
class Escape(Above):
    """BCR-ABL1 above a percentage, taken as being about clones."""

    def of_clones(self) -> bool:
        return True


def _endpoint() -> Endpoint:
    return Endpoint("escape", "reached by", "start", "BCR-ABL1 > 1 %", Escape(1.0), (6.0,), "escape")


def test_the_clone_that_led_at_the_first_event_is_remembered(make_trial: Make) -> None:
    trial, both = make_trial(), np.array([True, True])
    clock = Clock(_endpoint(), trial.arms[0], 2, trial.horizon)
    history = History(2, ("imatinib",), trial.assay)
    for month, measured, lead in (
        (3.0, [0.5, 5.0], [1, 2]),
        (6.0, [5.0, 9.0], [1, 1]),
        (9.0, [5.0, 9.0], [2, 1]),
    ):
        sample = Sample(np.array(measured), both, np.full(2, 2e5), both)
        history.record(both, np.full(2, month * DAYS_PER_MONTH), sample, gap=200.0)
        history.know(both, ~both, np.array(lead))
        clock.look(history, both)
    (outcome,) = clock.outcomes(np.arange(2, dtype=np.uint64))
    assert outcome.event.tolist() == [True, True]
    np.testing.assert_allclose(outcome.time, np.array([6.0, 3.0]) * DAYS_PER_MONTH)
    assert outcome.clone.tolist() == [1, 2]


def _outcome(arm: str, event: list[bool], months: list[float], clone: list[int]) -> Outcome:
    n = len(event)
    time = np.array(months) * DAYS_PER_MONTH
    return Outcome(arm, "escape", np.arange(n, dtype=np.uint64), np.zeros(n), time, np.array(event), np.ones(n),
                   np.array(clone))  # fmt: skip


def test_a_spectrum_counts_each_event_once_by_the_clone_that_led(make_trial: Make) -> None:
    from dataclasses import replace

    trial = replace(make_trial(), endpoints=(_endpoint(),))
    one = _outcome("stop", [True, True, True, False, True], [6, 12, 3, 60, 9], [2, 2, 1, 2, NO_CLONE])
    (found,) = spectra(trial, CLONES, (one,))
    assert found.clones == ("a", "b")
    assert found.counts == (1, 2)
    assert found.months == (3.0, 9.0)
    nobody = _outcome("stop", [False], [60], [NO_CLONE])
    (found,) = spectra(trial, CLONES, (nobody,))
    assert found.counts == (0, 0)
    assert np.isnan(found.months).all()
    assert spectra(make_trial(), CLONES, (one,)) == ()


@pytest.fixture(scope="module")
def escaping() -> TrialResult:
    """A counted trial in which losing the response is taken for escape."""
    from dataclasses import replace

    from offtarget.trials.study import trial_from_record

    arms = [{"name": name, "regimen": "400 mg imatinib every 24 h", "switches": {"on_immunity": value}}
            for name, value in (("on", 1), ("off", 0))]  # fmt: skip
    record = {"title": "Escape", "model": "cml", "population": "cml_newly_diagnosed", "horizon": "4 years",
              "visits": "every 3 months", "chance": "counted", "arm": arms,
              "endpoint": [{"name": "escape", "measure": "reached by", "event": "BCR-ABL1 > 1 %",
                            "report_at": ["12 months"]}]}  # fmt: skip
    trial = trial_from_record(record, id="escaping", where="escaping")
    return run(
        replace(trial, endpoints=(replace(trial.endpoints[0], condition=Escape(5.0)),)), patients=80, seed=3
    )


def test_the_patients_shown_are_the_first_who_escape_everywhere_somewhere_and_nowhere(
    escaping: TrialResult,
) -> None:
    found = escaping.courses
    assert found is not None
    events = {one.arm: set(one.patients[one.event].tolist()) for one in escaping.outcomes}
    both, one = sorted(events["on"] & events["off"]), sorted(events["on"] ^ events["off"])
    neither = [number for number in range(80) if number not in {*both, *one}]
    assert both and one and neither
    assert found.patients.tolist() == [*both[:2], *one[:2], neither[0]]
    for arm, name in enumerate(found.arms):
        assert found.escaped[arm].tolist() == [number in events[name] for number in found.patients.tolist()]
    panel = escaping.panel
    for arm, name in enumerate(found.arms):
        for place, number in enumerate(found.patients):
            for clone, called in enumerate(found.clones):
                row = next(i for i, (a, p) in enumerate(zip(panel.arms, panel.patients, strict=True))
                           if (a, p) == (name, number))  # fmt: skip
                cells = panel.values[row, :, panel.names.index(f"P_{called}")]
                np.testing.assert_array_equal(found.cells[arm, place, :, clone], cells)


def test_no_course_is_kept_where_no_endpoint_is_about_clones(make_trial: Make) -> None:
    nothing: Any = None
    assert courses(make_trial(), nothing, CLONES, np.zeros(0), [], [], ()) is None
