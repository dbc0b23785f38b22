"""Promises of a study with files of the user's own: found beside it, carried along, replayed from anywhere."""

from __future__ import annotations

import shutil
from pathlib import Path

import pytest

from offtarget.catalog import find
from offtarget.errors import InputError
from offtarget.trials.run import run
from offtarget.trials.store import load_run, save
from offtarget.trials.study import is_catalogued, load_trial

STUDY = """
based_on = "stim1"
model = "{model}"
population = "population.toml"
mechanisms = ["own/kill.toml"]
horizon = "4 years"
published = []

[[endpoint]]
name = "MMR by"
measure = "reached by"
event = "MMR"
report_at = ["12 months"]
"""


@pytest.fixture
def study(tmp_path: Path) -> Path:
    """A study in a folder with a model (and its clone table and notes), a population and a mechanism of its own."""
    folder = tmp_path / "mine"
    (folder / "own").mkdir(parents=True)
    for path in find("models", "cml").parent.iterdir():
        if path.is_file():
            shutil.copy(path, folder / path.name)
    shutil.copy(find("populations", "cml_newly_diagnosed"), folder / "population.toml")
    shutil.copy(find("mechanisms", "on_target_kill"), folder / "own" / "kill.toml")
    path = folder / "study.toml"
    path.write_text(STUDY.format(model="cml.ant.j2"), encoding="utf-8")
    return path


def test_a_study_s_own_files_are_found_beside_it_wherever_one_stands(
    study: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    trial = load_trial("mine/study.toml")
    assert Path(trial.model) == (study.parent / "cml.ant.j2").resolve()
    assert Path(trial.population).is_absolute()


def test_a_run_can_be_replayed_after_its_study_is_gone(
    study: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    result = run(load_trial(str(study)), patients=20, seed=2)
    save(result, tmp_path / "out")
    shutil.rmtree(study.parent)
    moved = tmp_path / "elsewhere" / "out"
    moved.parent.mkdir()
    (tmp_path / "out").rename(moved)
    monkeypatch.chdir(moved.parent)
    kept, trial = load_run(Path("out"))
    again = run(trial, patients=kept["patients"], seed=kept["seed"])
    assert (again.digest(), again.digest_outputs()) == (kept["digest"], kept["digest_outputs"])
    assert dict(again.inputs) == kept["inputs"]
    save(again, moved)  # over itself: nothing is lost on the way
    assert load_run(moved)[1].record == trial.record


def test_a_change_in_any_file_of_the_user_s_is_seen_among_the_inputs(study: Path) -> None:
    before = run(load_trial(str(study)), patients=2, seed=2).inputs
    for name, key in (("clones.csv", "model cml.ant.j2"), ("population.toml", "population population.toml"),
                      ("own/kill.toml", "mechanism kill.toml")):  # fmt: skip
        path = study.parent / name
        path.write_text(path.read_text(encoding="utf-8") + "# a remark\n", encoding="utf-8")
        after = run(load_trial(str(study)), patients=2, seed=2).inputs
        assert {one for one in before if before[one] != after[one]} == {key}
        before = after


def test_what_is_kept_is_what_was_read_even_when_it_changes_meanwhile(study: Path, tmp_path: Path) -> None:
    path = study.parent / "population.toml"
    before = path.read_bytes()

    def change(*_: object) -> None:
        path.write_bytes(before.replace(b"median", b"mode"))

    result = run(load_trial(str(study)), patients=5, seed=2, progress=change)
    save(result, tmp_path / "out")
    assert path.read_bytes() != before
    assert (tmp_path / "out" / "inputs" / "populations" / "population.toml").read_bytes() == before
    kept, trial = load_run(tmp_path / "out")
    again = run(trial, patients=5, seed=2)
    assert again.digest_outputs() == kept["digest_outputs"]
    assert dict(again.inputs) == kept["inputs"]


def test_a_study_stands_on_its_neighbour_before_one_in_the_folder_the_user_is_in(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    for place in ("study", "here"):
        (tmp_path / place).mkdir()
        (tmp_path / place / "base.toml").write_text(f'based_on = "stim1"\ntitle = "{place}"\n')
    (tmp_path / "study" / "mine.toml").write_text('based_on = "base.toml"\n')
    monkeypatch.chdir(tmp_path / "here")
    assert load_trial("../study/mine.toml").title == "study"


def test_two_files_of_one_name_cannot_both_be_carried(study: Path) -> None:
    other = study.parent / "other" / "kill.toml"
    other.parent.mkdir()
    other.write_text(find("mechanisms", "treg_loss").read_text(encoding="utf-8"), encoding="utf-8")
    text = study.read_text(encoding="utf-8").replace(
        '["own/kill.toml"]', '["own/kill.toml", "other/kill.toml"]'
    )
    study.write_text(text, encoding="utf-8")
    with pytest.raises(InputError, match="Rename one of them"):
        run(load_trial(str(study)), patients=2)


def test_a_file_that_is_nowhere_is_named_as_the_study_names_it(study: Path) -> None:
    study.write_text(STUDY.format(model="cml2.ant.j2"), encoding="utf-8")
    with pytest.raises(InputError, match=r"study\.toml: model: cml2\.ant\.j2"):
        load_trial(str(study))


def test_a_user_s_study_of_a_known_name_is_not_the_catalogue_s(tmp_path: Path) -> None:
    path = tmp_path / "stim1.toml"
    path.write_text('based_on = "stim1"\ntitle = "Mine"\n', encoding="utf-8")
    assert not is_catalogued(load_trial(str(path)))
    assert is_catalogued(load_trial("stim1"))
