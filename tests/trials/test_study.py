"""Promises of study files: what is written is what runs, and what cannot run is one sentence."""

from __future__ import annotations

import copy
import tomllib
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from offtarget.catalog import find, ids
from offtarget.errors import InputError
from offtarget.trials.study import load_trial, trial_from_record
from offtarget.trials.toml import write_toml
from offtarget.units import DAYS_PER_MONTH

STIM1 = tomllib.loads(find("trials", "stim1").read_text(encoding="utf-8"))


@pytest.mark.parametrize("name", ids("trials"))
def test_a_study_written_out_again_is_the_same_study(name: str) -> None:
    trial = load_trial(name)
    again = trial_from_record(tomllib.loads(write_toml(trial.record)), id=trial.id, where="again")
    assert again == trial
    assert trial.notes
    assert trial.evidence is not None
    assert any("not calibrated" in note for note in trial.notes)


@pytest.mark.parametrize("name", ids("trials"))
def test_every_published_figure_stands_beside_an_estimate(name: str) -> None:
    trial = load_trial(name)
    reported = {
        (one.name, arm.name, month)
        for one in trial.endpoints
        for arm in trial.arms
        for month in one.report_at
    }
    assert trial.published
    for one in trial.published:
        assert (one.endpoint, one.arm, one.month) in reported
        assert trial.published_for(one.endpoint, one.arm, one.month) == (one,)


def test_stim1_stops_restarts_and_reports_as_published() -> None:
    trial = load_trial("stim1")
    stop, restart = trial.arms[0].rules
    assert stop.regimens == {"imatinib": None}
    assert restart.regimens["imatinib"] is not None
    assert restart.regimens["imatinib"].dose("imatinib", [0.0, 999.0]).tolist() == [400.0, 400.0]
    assert stop.condition.earliest() == 36 * DAYS_PER_MONTH
    assert trial.endpoints[0].report_at == (6.0, 24.0, 60.0, 120.0)
    assert trial.assay.limit() == 0.001


def test_a_study_based_on_another_says_only_what_differs(tmp_path: Path) -> None:
    path = tmp_path / "longer.toml"
    path.write_text('based_on = "stim1"\nhorizon = "20 years"\n', encoding="utf-8")
    longer, stim1 = load_trial(str(path)), load_trial("stim1")
    assert longer.horizon == 20 * 365.25
    assert longer.arms == stim1.arms
    assert "based_on" not in longer.record
    beside = tmp_path / "shorter.toml"
    beside.write_text('based_on = "longer.toml"\nquestion = "Why?"\n', encoding="utf-8")
    assert load_trial(str(beside)).horizon == longer.horizon


def _places(value: Any, path: tuple[Any, ...] = ()) -> list[tuple[Any, ...]]:
    found = [path] if path else []
    inside = value.items() if isinstance(value, dict) else enumerate(value) if isinstance(value, list) else ()
    for key, item in inside:
        found += _places(item, (*path, key))
    return found


ESCAPE = tomllib.loads(find("trials", "escape_immunity").read_text(encoding="utf-8"))
JUNK = st.one_of(
    st.none(), st.booleans(), st.integers(), st.floats(), st.text(max_size=40), st.lists(st.integers(), max_size=3),
    st.sampled_from(["0 mg", "-1 h", "every", "MMR lost", "400 mg imatinib every 24 h", "stop", "nan years"]),
    st.dictionaries(st.text(max_size=8), st.integers(), max_size=2),
)  # fmt: skip


@pytest.mark.parametrize("study", [STIM1, ESCAPE], ids=["stim1", "escape_immunity"])
@settings(max_examples=200)
@given(data=st.data())
def test_a_study_changed_anywhere_still_loads_or_is_one_sentence(
    data: st.DataObject, study: dict[str, Any]
) -> None:
    change = st.tuples(st.sampled_from(_places(study)), st.one_of(st.just("delete"), JUNK))
    changes = data.draw(st.lists(change, min_size=1, max_size=3))
    record = copy.deepcopy(study)
    for path, value in changes:
        _change(record, path, value)
    try:
        trial_from_record(record, id="changed", where="changed.toml")
    except InputError as problem:
        assert "\n" not in str(problem)
        assert str(problem).startswith("changed.toml")


def _change(record: Any, path: tuple[Any, ...], value: Any) -> None:
    """Delete or replace what is at a path, if it is still there."""
    *above, last = path
    try:
        for key in above:
            record = record[key]
        if isinstance(value, str) and value == "delete":
            del record[last]
        else:
            record[last] = value
    except (KeyError, IndexError, TypeError):
        pass


def test_escape_immunity_differs_between_its_arms_in_one_switch_and_counts_cells() -> None:
    trial = load_trial("escape_immunity")
    on, off = trial.arms
    assert trial.chance == "counted"
    assert (on.switches, off.switches) == ({"on_immunity": 1.0}, {"on_immunity": 0.0})
    assert on.regimens == off.regimens
    assert next(one.name for one in trial.endpoints if one.condition.of_clones()) == trial.endpoints[0].name
    assert trial.endpoints[1].condition.unseen()
    for one in trial.endpoints[:2]:
        assert one.report_at == (12.0, 24.0, 36.0, 60.0, 120.0)
    (published,) = trial.spectra
    assert sum(published.counts.values()) == 249


@pytest.mark.parametrize(
    ("table", "says"),
    [({"counts": {"T315I": 38}}, r"spectrum 1: evidence: expected"),
     ({"evidence": "nobody1999", "counts": {"T315I": 38}}, r'spectrum 1: evidence: reference "nobody1999"'),
     ({"evidence": "leighow2020"}, r"spectrum 1: counts: expected a table"),
     ({"evidence": "leighow2020", "counts": {}}, r"spectrum 1: counts: expected how often each mutation"),
     ({"evidence": "leighow2020", "counts": {"T315I": 0}}, r"spectrum 1: counts: expected how often each mutation"),
     ({"evidence": "leighow2020", "counts": {"T315I": -1}}, r"spectrum 1: counts: T315I: expected a number from 0"),
     ({"evidence": "leighow2020", "counts": {"T315I": 1.5}}, r"spectrum 1: counts: T315I: expected a whole number"),
     ({"evidence": "leighow2020", "counts": {"T315I": 1}, "value": 3}, r"spectrum 1: value: this key is not known")],
)  # fmt: skip
def test_a_wrong_spectrum_is_a_sentence(table: dict[str, Any], says: str) -> None:
    record = copy.deepcopy(STIM1) | {"spectrum": [table]}
    with pytest.raises(InputError, match=says):
        trial_from_record(record, id="wrong", where="wrong.toml")
