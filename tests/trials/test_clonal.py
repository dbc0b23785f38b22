"""Sequencing and the conditions on clones: what is found, what is not, and what cannot be asked."""

from __future__ import annotations

from collections.abc import Callable
from itertools import pairwise
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from offtarget.errors import InputError
from offtarget.records import Table
from offtarget.trials.assay import Assay, Sample, default_assay, read_assay
from offtarget.trials.conditions import parse_condition
from offtarget.trials.history import History
from offtarget.trials.result import TrialResult
from offtarget.trials.run import run
from offtarget.trials.study import load_trial
from offtarget.trials.trial import Trial

Make = Callable[..., Trial]
CLONES = ("wt", "M244V", "T315I")
#: Patients in columns: below Sanger's limit, at it, above it, a mixture of two, too little BCR-ABL1, none, no sample.
CELLS = np.array([
    [999.0, 80.0, 10.0, 70.0, 0.0, 0.0, 0.0],
    [1.0, 0.0, 0.0, 15.0, 0.0, 0.0, 0.0],
    [0.0, 20.0, 90.0, 15.0, 9.0, 0.0, 9.0],
])  # fmt: skip
MEASURED = np.array([50.0, 50.0, 50.0, 50.0, 0.1, 0.0, 50.0])
TAKEN = np.array([True] * 6 + [False])


def assay(**said: Any) -> Assay:
    return read_assay(Table(dict(said), "mine.toml: assay"))


def sample() -> Sample:
    return Sample(MEASURED, MEASURED > 0, np.full(7, 1e5), TAKEN)


def seen(text: str, sequencing: str) -> list[bool]:
    """Where a condition holds for the seven patients."""
    lab = assay(sequencing=sequencing)
    history = History(7, (), lab, CLONES)
    shares = lab.sequenced(CELLS, sample())
    history.record(np.ones(7, bool), np.zeros(7), sample(), gap=200.0, shares=shares)
    return [bool(one) for one in parse_condition(text, where="rule").holds(history)]


def test_a_clone_is_reported_from_the_detection_limit_on_and_as_it_is() -> None:
    nan = np.nan
    np.testing.assert_array_equal(
        assay(sequencing="sanger").sequenced(CELLS, sample())[1:],
        [[0, 0, 0, 0, nan, nan, nan], [0, 20, 90, 0, nan, nan, nan]],
    )
    deep = assay(sequencing="deep 0.1 %").sequenced(CELLS, sample())
    np.testing.assert_allclose(deep[1:, :4], [[0.1, 0, 0, 15], [0, 20, 90, 15]])
    np.testing.assert_allclose(deep[:, :4].sum(axis=0), 100.0)  # nothing is lost where everything is seen
    assert np.isnan(default_assay().sequenced(CELLS, sample())).all()


def test_a_sample_with_too_little_bcr_abl1_is_not_sequenced_whatever_the_depth() -> None:
    for method in ("sanger", "deep 1 %", "deep 0.1 %"):
        assert np.isnan(assay(sequencing=method).sequenced(CELLS, sample())[:, 4:]).all()
    eager = assay(sequencing="sanger", sequencing_needs=0.01)
    assert eager.sequenced(CELLS, sample())[2, 4] == 100.0


def test_conditions_hold_where_sequencing_found_the_clone_above_the_share() -> None:
    no = [False] * 4
    assert seen("T315I > 20 %", "sanger") == [False, False, True, *no]
    assert seen("T315I > 14 %", "deep 1 %") == [False, True, True, True, False, False, False]
    assert seen("M244V > 14 %", "deep 1 %") == [False, False, False, True, False, False, False]
    assert seen("Resistant Clone > 14 %", "deep 1 %") == [False, True, True, True, False, False, False]
    assert seen("resistant clone > 20 %", "deep 1 %") == [
        False,
        False,
        True,
        *no,
    ]  # 15 and 15 are not one of 30
    assert seen("T315I > 14 % and M244V > 14 %", "deep 1 %") == [False] * 3 + [True] + [False] * 3
    assert seen("wt > 50 %", "sanger") == [True, True, False, True, False, False, False]


def test_a_sample_that_could_not_be_sequenced_does_not_repeat_what_an_earlier_one_showed() -> None:
    lab = assay(sequencing="sanger")
    history, everyone = History(1, (), lab, CLONES), np.ones(1, bool)
    condition = parse_condition("T315I > 20 %", where="rule")
    found = []
    for day, measured, taken in ((0.0, 50.0, True), (90.0, 50.0, False), (180.0, 0.05, True)):
        one = Sample(np.full(1, measured), everyone, np.full(1, 1e5), np.full(1, taken))
        shares = lab.sequenced(np.array([[10.0], [0.0], [90.0]]), one)
        history.record(everyone, np.full(1, day), one, gap=200.0, shares=shares)
        found.append((bool(condition.holds(history)[0]), bool(history.fresh[0])))
    assert found == [(True, True), (True, False), (False, True)]


@pytest.mark.parametrize(
    "said", ["sangre", "deep", "deep 1", "deep 0 %", "deep 101 %", "deep -1 %", "deep 1e-3 %", "20 %", ""]
)
def test_a_method_that_is_none_is_refused(said: str) -> None:
    with pytest.raises(InputError, match="sequencing: expected"):
        assay(sequencing=said)


@pytest.mark.parametrize(
    ("condition", "sequencing", "words"),
    [
        ("T315J > 20 %", "sanger", r'model has no "T315J".*Did you mean "T315I"'),
        ("t315i > 20 %", "sanger", 'model has no "t315i"'),
        ("BCR_ABL > 10 %", "sanger", 'model has no "BCR_ABL"'),
        ("T315I > 20 %", None, r'needs sequencing\. Add sequencing = "sanger"'),
        ("resistant clone > 20 %", None, "needs sequencing"),
        ("T315I > 1 %", "sanger", "sanger finds clones from 20 % on"),
        ("MMR lost or T315I > 0.1 %", "deep 1 %", "deep 1 % finds clones from 1 % on"),
        ("T315I > 200 %", "sanger", "from 0 to 100 percent"),
        ("T315I > 2.0.0 %", "sanger", "a condition such as"),
    ],
)
def test_a_condition_that_sequencing_could_not_tell_is_refused_before_anything_runs(
    make_trial: Make, condition: str, sequencing: str | None, words: str
) -> None:
    endpoint = {"name": "found", "measure": "reached by", "event": condition, "report_at": ["12 months"]}
    lab = {} if sequencing is None else {"sequencing": sequencing}
    with pytest.raises(InputError, match=words):
        make_trial(
            endpoint=[endpoint], arm=[{"name": "go", "regimen": "400 mg imatinib every 24 h"}], assay=lab
        )


def test_a_model_without_clones_has_none_to_look_for(make_trial: Make, tmp_path: Path) -> None:
    (tmp_path / "plain.ant").write_text("model plain\n x = 1\n bcr_abl1 := x\nend\n", encoding="utf-8")
    endpoint = {"name": "found", "measure": "reached by", "event": "resistant clone > 20 %"}
    with pytest.raises(InputError, match="There are no clones"):
        make_trial(
            model=str(tmp_path / "plain.ant"), assay={"sequencing": "sanger"},
            endpoint=[endpoint | {"report_at": ["12 months"]}],
            arm=[{"name": "go", "regimen": "400 mg imatinib every 24 h"}],
        )  # fmt: skip


# --- in a trial

_STUDY = """
title = "Resistance found"
model = "cml"
population = "resistant.toml"
horizon = "5 years"
visits = "every 3 months"
assay = { sequencing = "METHOD" }
[[arm]]
name = "go on"
regimen = "400 mg imatinib every 24 h"
[[arm]]
name = "stop when found"
regimen = "400 mg imatinib every 24 h"
[[arm.rule]]
when = "T315I > 20 %"
then = "stop imatinib"
[[endpoint]]
name = "T315I found"
measure = "reached by"
event = "T315I > 20 %"
report_at = ["12 months", "60 months"]
[[endpoint]]
name = "any found"
measure = "reached by"
event = "resistant clone > 20 %"
report_at = ["60 months"]
[[endpoint]]
name = "MMR by"
measure = "reached by"
event = "MMR"
report_at = ["12 months"]
"""


@pytest.fixture(scope="module")
def results(tmp_path_factory: pytest.TempPathFactory) -> dict[str, TrialResult]:
    """One study with three laboratories; mutation is so frequent that half of its patients begin with T315I cells."""
    folder = tmp_path_factory.mktemp("clonal")
    from offtarget.catalog import find

    people = find("populations", "cml_newly_diagnosed").read_text(encoding="utf-8")
    half = (
        '[parameters]\nmu_T315I = { distribution = "constant", value = 8e-7, unit = "", grade = "assumed", '
        'reason = "many" }\n'
    )
    (folder / "resistant.toml").write_text(people.replace("[parameters]\n", half), encoding="utf-8")
    found = {}
    for method in ("sanger", "deep 1 %", "deep 0.1 %"):
        share = method.removeprefix("deep ") if method != "sanger" else "20 %"
        study = _STUDY.replace("METHOD", method).replace('"T315I > 20 %"', f'"T315I > {share}"')
        (folder / "study.toml").write_text(study, encoding="utf-8")
        found[method] = run(load_trial(str(folder / "study.toml")), patients=60, seed=5)
    return found


def _times(result: TrialResult, endpoint: str, arm: str = "go on") -> tuple[Any, Any]:
    (one,) = [row for row in result.outcomes if (row.arm, row.endpoint) == (arm, endpoint)]
    return one.time, one.event


def test_deeper_sequencing_finds_a_clone_no_later_and_in_no_fewer_patients(
    results: dict[str, TrialResult],
) -> None:
    found = [_times(results[method], "T315I found") for method in ("sanger", "deep 1 %", "deep 0.1 %")]
    assert 10 < found[0][1].sum() < 50
    for (late, few), (early, many) in pairwise(found):
        assert (many >= few).all()
        assert (early[few] <= late[few]).all()
    assert found[0][0][found[0][1]].mean() > found[2][0][found[0][1]].mean()


def test_another_way_to_sequence_changes_no_other_draw(results: dict[str, TrialResult]) -> None:
    usual, deep = results["sanger"], results["deep 0.1 %"]
    for endpoint in ("MMR by", "any found"):
        for one, other in zip(_times(usual, endpoint), _times(deep, endpoint), strict=True):
            np.testing.assert_array_equal(one, other)
    mine = np.array(usual.panel.arms) == "go on"
    np.testing.assert_array_equal(usual.panel.measured[mine], deep.panel.measured[mine])


def test_a_clone_is_found_at_the_first_visit_at_which_it_can_be(results: dict[str, TrialResult]) -> None:
    """The truth of the panel, and what the laboratory measured of BCR-ABL1, say when: neither earlier nor later."""
    result = results["sanger"]
    panel, (time, event) = result.panel, _times(result, "T315I found")
    mine = np.array(panel.arms) == "go on"
    assert mine.sum() == time.size
    names = [panel.names.index(f"P_{clone}") for clone in result.model.clones]
    cells = panel.values[mine][:, :, names]  # (patients, days, clones)
    resistant = cells[:, :, result.model.clones.index("T315I")] > 0.2 * cells.sum(axis=2)
    with np.errstate(invalid="ignore"):
        can = resistant & (panel.measured[mine] > 0.1)
    can[:, 0] = False  # the day the clock starts
    np.testing.assert_array_equal(can.any(axis=1), event)
    np.testing.assert_allclose(panel.times[can.argmax(axis=1)][event], time[event], atol=1e-6)


def test_every_arm_begins_with_the_same_resistant_cells(results: dict[str, TrialResult]) -> None:
    panel = results["sanger"].panel
    begin = panel.values[:, 0, panel.names.index("P_T315I")]
    one, other = (begin[np.array(panel.arms) == arm] for arm in panel.arm_names)
    np.testing.assert_array_equal(one, other)
    assert (one > 0).any() and not (one > 0).all()


def test_a_rule_may_wait_for_a_clone_to_be_found(results: dict[str, TrialResult]) -> None:
    result = results["sanger"]
    fired = result.accounting[1].rules_fired["T315I > 20 %: stop imatinib"]
    assert fired == _times(result, "T315I found", "stop when found")[1].sum() > 0


def test_the_report_says_how_clones_were_looked_for(results: dict[str, TrialResult]) -> None:
    from offtarget.reports.sections import design

    said = design(results["deep 1 %"])["assay"]
    assert "deep 1 % sequencing from 1 % of the transcripts on, in samples above 0.1 % IS" in said
    rows = {row.name: row for row in results["sanger"].parameters}
    assert rows["sequencing limit"].evidence.source == "soverini2019"
    assert rows["sequencing needs"].value == "0.1"
    assert rows["standing variation"].value.startswith("drawn for 8 clones")
    assert "initial_M244V" not in rows and "initial_T315I" not in rows and "mu_T315I" in rows
