"""Promises of results on disk: complete, readable by others, and enough to run the same again."""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import numpy as np
import pyarrow.parquet as pq
import pytest

from offtarget.arrays.trajectories import Status
from offtarget.errors import InputError
from offtarget.trials.result import TrialResult
from offtarget.trials.run import run
from offtarget.trials.store import MANIFEST, damaged, read_manifest, ready_folder, save
from offtarget.trials.trial import Trial


@pytest.fixture
def saved(make_trial: Callable[..., Trial], tmp_path: Path) -> tuple[TrialResult, Path]:
    result = run(make_trial(), patients=30, seed=5)
    folder = tmp_path / "run"
    save(result, folder)
    return result, folder


def test_the_manifest_says_what_was_run_and_how_it_ended(saved: tuple[TrialResult, Path]) -> None:
    result, folder = saved
    kept = read_manifest(folder)
    assert kept["digest"] == result.digest()
    assert kept["digest_first_100"] == result.digest(first=100)
    assert kept["complete"] is True
    assert (kept["patients"], kept["seed"], kept["trial"]) == (30, 5, "small")
    for row in result.accounting:
        assert sum(kept["statuses"][row.arm].values()) == row.planned == 30
        assert kept["statuses"][row.arm]["finished"] == row.statuses[Status.FINISHED]
    assert len(kept["estimates"]) == len(result.estimates)
    assert kept["versions"]["numba"]
    assert kept["inputs"]["population cml_newly_diagnosed"]
    assert sorted(path.name for path in folder.iterdir()) == [
        "endpoints.parquet", MANIFEST, "panel.parquet", "study.toml",
    ]  # fmt: skip


def test_endpoints_are_a_row_for_each_patient_arm_and_endpoint(saved: tuple[TrialResult, Path]) -> None:
    result, folder = saved
    table = pq.read_table(folder / "endpoints.parquet").to_pandas()
    assert len(table) == sum(one.patients.size for one in result.outcomes)
    assert not table.duplicated(["USUBJID", "ARM", "PARAM"]).any()
    for one in result.outcomes:
        mine = table[(one.arm == table.ARM) & (one.endpoint == table.PARAM)]
        np.testing.assert_array_equal(mine.CNSR.to_numpy() == 0, one.event)
        np.testing.assert_array_equal(mine.AVAL.to_numpy(), one.time)
    assert set(table.AVALU) == {"DAYS"}


def test_the_panel_is_tidy(saved: tuple[TrialResult, Path]) -> None:
    result, folder = saved
    table = pq.read_table(folder / "panel.parquet").to_pandas()
    panel = result.panel
    assert len(table) == panel.values.size + panel.measured.size
    one = table[(table.patient == 3) & (table.arm == "stop") & (table.name == "L")]
    row = next(i for i, arm in enumerate(panel.arms) if arm == "stop" and panel.patients[i] == 3)
    np.testing.assert_array_equal(one.value.to_numpy(), panel.values[row, :, panel.names.index("L")])


@pytest.mark.parametrize(
    "change",
    [{"digest": 3}, {"seed": "7"}, {"format": 99}, {"patients": None}, {"patients": True}, {"trial": []},
     {"trial": "../../elsewhere"}, {"versions": 3}, {"inputs": {"model cml": 3}}, {"versions": {"\ud800": "1"}},
     {"digest": "\x1b[31m"}, {"files": {"a": None}}, "not json", "[]", "", "[" * 100_000],
)  # fmt: skip
def test_a_spoilt_manifest_is_one_sentence(
    change: dict[str, object] | str, saved: tuple[TrialResult, Path]
) -> None:
    folder = saved[1]
    path = folder / MANIFEST
    text = change if isinstance(change, str) else json.dumps(json.loads(path.read_text()) | change)
    path.write_text(text)
    with pytest.raises(InputError) as caught:
        read_manifest(folder)
    assert "\n" not in str(caught.value)


def _full_at(name: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """From now on the disk is full when this file is written."""
    write = Path.write_bytes

    def full(path: Path, content: bytes) -> int:
        if path.name.startswith(name):
            raise OSError(28, "No space left on device")
        return write(path, content)

    monkeypatch.setattr(Path, "write_bytes", full)


@pytest.mark.parametrize("name", ["study.toml", "panel.parquet", MANIFEST])
def test_a_full_disk_leaves_the_earlier_run_whole(
    name: str, saved: tuple[TrialResult, Path], monkeypatch: pytest.MonkeyPatch
) -> None:
    result, folder = saved
    before = {path: path.read_bytes() for path in folder.rglob("*")}
    with monkeypatch.context() as patch:
        _full_at(name, patch)
        with pytest.raises(InputError, match=r"No space left.*\.$") as caught:
            save(replace(result, seed=6), folder)
    assert "\n" not in str(caught.value)
    assert {path: path.read_bytes() for path in folder.rglob("*")} == before
    assert damaged(folder, read_manifest(folder)) == []


def test_a_run_that_broke_off_is_said_so_and_its_folder_may_be_used_again(
    saved: tuple[TrialResult, Path], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    result, new = saved[0], tmp_path / "new"
    with monkeypatch.context() as patch:
        _full_at("panel.parquet", patch)
        with pytest.raises(InputError):
            save(result, new)
    with pytest.raises(InputError, match="broke off"):
        read_manifest(new)
    save(result, new)
    assert read_manifest(new)["digest"] == result.digest()


def test_what_an_earlier_run_left_goes_and_what_is_the_users_stays(saved: tuple[TrialResult, Path]) -> None:
    result, folder = saved
    ours = [f"figures/old.{ending}" for ending in ("svg", "png", "csv")] + [
        "inputs/models/clones.csv",
        "report.html",
    ]
    theirs = ["figures/mine.svg", "figures/notes/today.txt", "thoughts.txt"]
    for name in (*ours, *theirs):
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        (folder / name).write_text(name)
    save(result, folder)
    assert not [name for name in ours if (folder / name).exists()]
    assert [(folder / name).read_text() for name in theirs] == theirs


def test_a_file_changed_after_the_run_is_named(saved: tuple[TrialResult, Path]) -> None:
    _, folder = saved
    kept = read_manifest(folder)
    assert damaged(folder, kept) == []
    (folder / "study.toml").write_text("title = 'another'")
    (folder / "panel.parquet").unlink()
    assert sorted(damaged(folder, kept)) == ["panel.parquet", "study.toml"]


def test_a_folder_with_somebody_elses_manifest_is_not_ours(tmp_path: Path) -> None:
    (tmp_path / MANIFEST).write_text('{"name": "an app for the web"}')
    with pytest.raises(InputError, match="nothing of yours"):
        ready_folder(tmp_path)


@pytest.mark.parametrize("taken", ["endpoints.parquet", "study.toml", "report.html"])
def test_a_folder_where_a_file_should_be_is_one_sentence(taken: str, saved: tuple[TrialResult, Path]) -> None:
    result, folder = saved
    (folder / taken).unlink(missing_ok=True)
    (folder / taken / "inside").mkdir(parents=True)
    before = (folder / MANIFEST).read_bytes()
    with pytest.raises(InputError) as caught:
        save(result, folder)
    assert "\n" not in str(caught.value)
    assert (folder / MANIFEST).read_bytes() == before


def test_a_folder_of_somebody_else_s_is_not_written_to(tmp_path: Path) -> None:
    (tmp_path / "thesis.txt").write_text("mine")
    with pytest.raises(InputError, match="nothing of yours"):
        ready_folder(tmp_path)
    with pytest.raises(InputError, match="run's folder"):
        read_manifest(tmp_path)
