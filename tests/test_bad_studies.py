"""A hundred bad studies: each gets one sentence and exit code 3, never a traceback, a wrong number or a lost file."""

from __future__ import annotations

import os
import sys
from pathlib import Path

import pytest

from offtarget import cli
from offtarget.catalog import find

GOOD = """
title = "Stop imatinib after two years of deep molecular response"
model = "cml"
population = "cml_newly_diagnosed"
horizon = "10 years"
visits = "every 1 month until 12 months, then every 3 months"

[[arm]]
name = "imatinib, then stop"
regimen = "400 mg imatinib every 24 h"
[[arm.rule]]
when = "MR4.5 held 24 months"
then = "stop imatinib"
[[arm.rule]]
when = "MMR lost"
then = "400 mg imatinib every 24 h"

[[endpoint]]
name = "treatment-free remission"
from = "stop imatinib"
event = "MMR lost"
report_at = ["6 months", "24 months"]

[[published]]
endpoint = "treatment-free remission"
at = "6 months"
value = 61
low = 57
high = 64
n = 755
evidence = "saussele2018"
"""

#: (what is wrong, text to replace, replacement)
SWAPS = [
    ("unknown model", 'model = "cml"', 'model = "cmll"'),
    ("model path that is not there", 'model = "cml"', 'model = "nowhere/cml.xml"'),
    ("model is a number", 'model = "cml"', "model = 3"),
    ("no model", 'model = "cml"\n', ""),
    ("empty model", 'model = "cml"', 'model = ""'),
    ("unknown population", '"cml_newly_diagnosed"', '"cml_newly_diagnosd"'),
    ("population is a list", '"cml_newly_diagnosed"', "[1, 2]"),
    ("no population", 'population = "cml_newly_diagnosed"\n', ""),
    ("no title", 'title = "Stop imatinib after two years of deep molecular response"\n', ""),
    ("title is a flag", '"Stop imatinib after two years of deep molecular response"', "true"),
    ("unknown key", 'model = "cml"', 'model = "cml"\nmodle = "cml"'),
    ("unknown exposure", 'model = "cml"', 'model = "cml"\nexposure = "avaraged"'),
    ("unknown mechanism", 'model = "cml"', 'model = "cml"\nmechanisms = ["on_target_kil"]'),
    ("mechanisms is a text", 'model = "cml"', 'model = "cml"\nmechanisms = "on_target_kill"'),
    ("notes is a number", 'model = "cml"', 'model = "cml"\nnotes = 4'),
    ("unknown source", 'model = "cml"', 'model = "cml"\nevidence = "nobody1999"'),
    ("horizon without unit", '"10 years"', '"10"'),
    ("horizon a bare number", '"10 years"', "10"),
    ("horizon negative", '"10 years"', '"-10 years"'),
    ("horizon zero", '"10 years"', '"0 years"'),
    ("horizon in milligrams", '"10 years"', '"10 mg"'),
    ("horizon in unknown unit", '"10 years"', '"10 yeers"'),
    ("horizon infinite", '"10 years"', '"inf years"'),
    ("horizon of a million years", '"10 years"', '"1000000 years"'),
    ("horizon nan", '"10 years"', '"nan years"'),
    ("no horizon", 'horizon = "10 years"\n', ""),
    ("visits in words", '"every 1 month until 12 months, then every 3 months"', '"monthly"'),
    ("visits without unit", '"every 1 month until', '"every 1 until'),
    ("visits every zero", '"every 1 month until', '"every 0 months until'),
    ("visits negative", '"every 1 month until', '"every -1 month until'),
    ("visits in milligrams", '"every 1 month until', '"every 1 mg until'),
    ("visits every second", '"every 1 month until', '"every 1 second until'),
    ("visits backwards", "then every 3 months", "then every 3 months until 6 months"),
    ("visits missing until", "every 1 month until 12 months", "every 1 month"),
    ("no visits", 'visits = "every 1 month until 12 months, then every 3 months"\n', ""),
    (
        "unknown drug",
        '400 mg imatinib every 24 h"\n[[arm.rule]]\nwhen = "MR4.5',
        '400 mg imatinb every 24 h"\n[[arm.rule]]\nwhen = "MR4.5',
    ),
    ("negative dose", '"400 mg imatinib every 24 h"', '"-400 mg imatinib every 24 h"'),
    ("zero dose", '"400 mg imatinib every 24 h"', '"0 mg imatinib every 24 h"'),
    ("dose without unit", '"400 mg imatinib every 24 h"', '"400 imatinib every 24 h"'),
    ("dose in hours", '"400 mg imatinib every 24 h"', '"400 h imatinib every 24 h"'),
    ("dose in litres", '"400 mg imatinib every 24 h"', '"400 L imatinib every 24 h"'),
    ("interval without unit", '"400 mg imatinib every 24 h"', '"400 mg imatinib every 24"'),
    ("interval negative", '"400 mg imatinib every 24 h"', '"400 mg imatinib every -24 h"'),
    ("interval zero", '"400 mg imatinib every 24 h"', '"400 mg imatinib every 0 h"'),
    ("interval missing", '"400 mg imatinib every 24 h"', '"400 mg imatinib"'),
    ("no drug", '"400 mg imatinib every 24 h"', '"400 mg every 24 h"'),
    ("regimen empty", '"400 mg imatinib every 24 h"', '""'),
    ("regimen a number", '"400 mg imatinib every 24 h"', "400"),
    ("regimen prose", '"400 mg imatinib every 24 h"', '"take it daily"'),
    ("until without time", '"400 mg imatinib every 24 h"', '"400 mg imatinib every 24 h until"'),
    (
        "until backwards",
        '"400 mg imatinib every 24 h"',
        '"400 mg imatinib every 24 h until 12 months then 200 mg imatinib every 24 h until 6 months"',
    ),
    ("dose infinite", '"400 mg imatinib every 24 h"', '"inf mg imatinib every 24 h"'),
    ("dose absurd", '"400 mg imatinib every 24 h"', '"1e300 kg imatinib every 24 h"'),
    ("arm without name", 'name = "imatinib, then stop"\n', ""),
    ("arm without regimen", 'regimen = "400 mg imatinib every 24 h"\n', ""),
    ("arm with unknown key", 'name = "imatinib, then stop"', 'name = "imatinib, then stop"\ndose = "400 mg"'),
    ("arm name empty", '"imatinib, then stop"', '""'),
    ("no arms", "[[arm]]", "[[arms]]"),
    ("rule that can never fire: too long", '"MR4.5 held 24 months"', '"MR4.5 held 200 months"'),
    ("rule that can never fire: other drug", '"MR4.5 held 24 months"', '"on nilotinib 24 months"'),
    ("rule on unknown level", '"MR4.5 held 24 months"', '"MR7 held 24 months"'),
    ("rule without unit", '"MR4.5 held 24 months"', '"MR4.5 held 24"'),
    ("rule in milligrams", '"MR4.5 held 24 months"', '"MR4.5 held 24 mg"'),
    ("rule in prose", '"MR4.5 held 24 months"', '"when the patient is well"'),
    ("rule negative", '"MR4.5 held 24 months"', '"MR4.5 held -24 months"'),
    ("rule empty", '"MR4.5 held 24 months"', '""'),
    ("rule when a number", '"MR4.5 held 24 months"', "24"),
    ("rule stops an unknown drug", '"stop imatinib"\n[[arm.rule]]', '"stop imatinb"\n[[arm.rule]]'),
    ("rule then prose", 'then = "stop imatinib"', 'then = "be careful"'),
    ("rule without then", 'then = "stop imatinib"\n', ""),
    ("rule without when", 'when = "MR4.5 held 24 months"\n', ""),
    ("rule with unknown key", 'then = "stop imatinib"', 'then = "stop imatinib"\nafter = "1 month"'),
    ("rule times zero", 'then = "stop imatinib"', 'then = "stop imatinib"\ntimes = 0'),
    ("rule times a text", 'then = "stop imatinib"', 'then = "stop imatinib"\ntimes = "once"'),
    ("rule visits bad", 'then = "stop imatinib"', 'then = "stop imatinib"\nvisits = "often"'),
    ("rules as one table", '[[arm.rule]]\nwhen = "MR4.5', '[arm.rule]\nwhen = "MR4.5'),
    ("endpoint from a rule nobody has", 'from = "stop imatinib"', 'from = "stop dasatinib"'),
    ("endpoint event unknown", 'event = "MMR lost"', 'event = "MMR forgotten"'),
    ("endpoint event empty", 'event = "MMR lost"', 'event = ""'),
    ("endpoint without event", 'event = "MMR lost"\n', ""),
    ("endpoint at no time", '["6 months", "24 months"]', "[]"),
    ("endpoint beyond the horizon", '["6 months", "24 months"]', '["6 months", "24 years"]'),
    ("endpoint without unit", '["6 months", "24 months"]', '["6", "24 months"]'),
    ("endpoint times not a list", '["6 months", "24 months"]', '"6 months"'),
    ("endpoint times numbers", '["6 months", "24 months"]', "[6, 24]"),
    ("endpoint measure unknown", 'event = "MMR lost"', 'event = "MMR lost"\nmeasure = "hazard"'),
    ("endpoint unknown key", 'event = "MMR lost"', 'event = "MMR lost"\ncolour = "red"'),
    ("endpoint without name", 'name = "treatment-free remission"\n', ""),
    ("no endpoints", "[[endpoint]]", "[[endpoints]]"),
    ("published for another endpoint", 'endpoint = "treatment-free remission"', 'endpoint = "survival"'),
    ("published for another arm", "value = 61", 'value = 61\narm = "control"'),
    ("published at another time", 'at = "6 months"', 'at = "7 months"'),
    ("published above 100", "value = 61", "value = 161"),
    ("published negative", "value = 61", "value = -61"),
    ("published as text", "value = 61", 'value = "61 %"'),
    ("published nan", "value = 61", "value = nan"),
    ("published without source", 'evidence = "saussele2018"\n', ""),
    ("published unknown source", '"saussele2018"', '"sausele2018"'),
    ("published n zero", "n = 755", "n = 0"),
    ("assay unknown key", "[[arm]]", '[assay]\ncolour = "red"\n\n[[arm]]'),
    ("assay not a table", 'model = "cml"', 'model = "cml"\nassay = 3'),
    ("based on nothing", 'model = "cml"', 'model = "cml"\nbased_on = "stim9"'),
    ("NUL in an arm's name", '"imatinib, then stop"', '"imatinib\\u0000 then stop"'),
    ("escape in an endpoint's name", 'name = "treatment-free remission"', 'name = "\\u001b[31mfree"'),
    ("no character in an arm's name", '"imatinib, then stop"', '"imatinib\\uFFFF then stop"'),
    ("a line separator in an arm's name", '"imatinib, then stop"', '"imatinib\\u2028 then stop"'),
    ("a condition against itself", '"MR4.5 held 24 months"', '"MR4 and BCR-ABL1 > 10 %"'),
    ("an event against itself", 'event = "MMR lost"', 'event = "MR4 and MR4 lost"'),
    (
        "on and off for longer than there is",
        '"MR4.5 held 24 months"',
        '"on imatinib 6 years and off imatinib 6 years"',
    ),
    (
        "read where nobody is seen",
        'event = "MMR lost"\nreport_at = ["6 months", "24 months"]',
        'event = "MMR lost"\nmeasure = "at visit"\nreport_at = ["6 months", "24 months"]\n'
        '[[endpoint]]\nname = "too seldom"\nmeasure = "at visit"\nevent = "MMR"\nreport_at = ["10 days"]',
    ),
    ("a name of a file longer than any", 'model = "cml"', f'model = "{"x" * 300}.xml"'),
    ("based on a name longer than any", 'model = "cml"', f'model = "cml"\nbased_on = "{"x" * 300}.toml"'),
    (
        "sixty endpoints",
        "[[published]]",
        "".join(f'[[endpoint]]\nname = "e{n}"\nevent = "MMR"\nreport_at = ["6 months"]\n' for n in range(60))
        + "[[published]]",
    ),
    ("an arm's name of 100,000 letters", '"imatinib, then stop"', f'"{"x" * 100_000}"'),
    ("an arm's name of three lines", '"imatinib, then stop"', '"one\\ntwo\\nthree"'),
    ("an endpoint's name of 101 letters", 'name = "treatment-free remission"', f'name = "{"x" * 101}"'),
    ("a rise no assay can see", '"MMR lost"\nthen', '"400-log rise"\nthen'),
    ("more than everything", '"MMR lost"\nthen', f'"BCR-ABL1 > {"9" * 400} %"\nthen'),
    ("rule times one and a half", 'then = "stop imatinib"', 'then = "stop imatinib"\ntimes = 1.7'),
    ("a time reported twice", '["6 months", "24 months"]', '["6 months", "24 months", "6 months"]'),
    (
        "a rule said twice",
        '[[arm.rule]]\nwhen = "MMR lost"',
        '[[arm.rule]]\nwhen = "MR4.5 held 24 months"\nthen = "stop"\n[[arm.rule]]\nwhen = "MMR lost"',
    ),
    ("a rule that gives what is given", 'then = "stop imatinib"', 'then = "400 mg imatinib every 24 h"'),
    ("control character", 'model = "cml"', 'model = "cml\x01"'),
    ("not TOML", 'model = "cml"', "model = = cml"),
    ("unclosed text", 'model = "cml"', 'model = "cml'),
    ("a key twice", 'model = "cml"', 'model = "cml"\nmodel = "cml"'),
    ("a date for a title", '"Stop imatinib after two years of deep molecular response"', "2026-11-24"),
]


def _run(
    arguments: list[str], monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> tuple[int, str]:
    monkeypatch.setattr(sys, "argv", ["offtarget", *arguments])
    with pytest.raises(SystemExit) as left:
        cli.main()
    return int(left.value.code or 0), capsys.readouterr().err


def _refused(
    path: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> str:
    out = tmp_path / "out"
    code, said = _run(["trial", str(path), "--patients", "5", "--out", str(out)], monkeypatch, capsys)
    assert code == 3, said
    assert "Traceback" not in said
    assert said.startswith("offtarget: ")
    assert len(said.strip().splitlines()) == 1, said
    assert not (out / "manifest.json").exists()
    return said


def test_there_are_a_hundred_bad_studies_and_each_differs() -> None:
    texts = {GOOD.replace(old, new) for _, old, new in SWAPS}
    assert len(texts) == len(SWAPS) >= 100
    assert GOOD not in texts


@pytest.mark.parametrize(("old", "new"), [swap[1:] for swap in SWAPS], ids=[swap[0] for swap in SWAPS])
def test_a_bad_study_gets_one_sentence_and_exit_3(
    old: str, new: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    path = tmp_path / "study.toml"
    path.write_text(GOOD.replace(old, new), encoding="utf-8")
    said = _refused(path, tmp_path, monkeypatch, capsys)
    assert "study.toml" in said


def test_studies_that_stand_on_each_other_are_refused(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    one, other = tmp_path / "one.toml", tmp_path / "other.toml"
    one.write_text('based_on = "other.toml"\n')
    other.write_text('based_on = "one.toml"\n')
    assert "circle" in _refused(one, tmp_path, monkeypatch, capsys)


def test_a_hundred_megabytes_of_noise_are_refused(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    path = tmp_path / "noise.toml"
    with path.open("wb") as file:
        for _ in range(100):
            file.write(os.urandom(1_000_000))
    assert "5 MB" in _refused(path, tmp_path, monkeypatch, capsys)


@pytest.mark.parametrize("content", [b"\xff\xfe\x00", b"\x00" * 1000, b"", b"[" * 5000, b"a" * 4_000_000])
def test_bytes_that_are_no_study_are_refused(
    content: bytes, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    path = tmp_path / "bytes.toml"
    path.write_bytes(content)
    _refused(path, tmp_path, monkeypatch, capsys)


@pytest.mark.parametrize("name", ["missing.toml", "nowhere/study.toml", "stim2", ".", "/"])
def test_a_study_that_is_not_there_is_refused(
    name: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.chdir(tmp_path)
    _refused(Path(name), tmp_path, monkeypatch, capsys)


def test_a_folder_that_cannot_be_written_is_refused_before_anything_runs(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    file = tmp_path / "taken"
    file.write_text("mine")
    code, said = _run(["trial", "stim1", "--out", str(file / "under")], monkeypatch, capsys)
    assert code == 3, said
    assert len(said.strip().splitlines()) == 1
    assert file.read_text() == "mine"


@pytest.mark.parametrize(
    "template",
    ["{% include 'x' %}", "{{ 1 / 0 }}", "{{ who }}", "{{ clones.__class__.__mro__ }}",
     "{% for i in range(10**9) %}x{% endfor %}", "{{ [] + 1 }}", "{{ 'x' * 10**9 }}", "{{ 10 ** 10 ** 10 }}",
     "{% macro m() %}{{ m() }}{% endmacro %}{{ m() }}",
     "{% for i in range(9999) %}{% for j in range(9999) %}xxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxx{% endfor %}{% endfor %}"],
)  # fmt: skip
def test_a_template_that_asks_for_more_than_its_clones_is_refused(
    template: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    (tmp_path / "mine.ant.j2").write_text(f"model mine\n x = 1\n{template}\nend\n", encoding="utf-8")
    path = tmp_path / "study.toml"
    path.write_text(GOOD.replace('model = "cml"', 'model = "mine.ant.j2"'), encoding="utf-8")
    assert "mine.ant.j2" in _refused(path, tmp_path, monkeypatch, capsys)


@pytest.mark.parametrize(
    ("name", "text", "said"),
    [
        ("import.ant", 'import "other.ant"\nmodel m\n x = 1\nend\n', "one file"),
        ("clones.ant", "model m\n x = 1\nend\n", "row 2"),
    ],
)
def test_a_model_in_pieces_or_with_one_clone_twice_is_refused(
    name: str,
    text: str,
    said: str,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    (tmp_path / name).write_text(text, encoding="utf-8")
    if name == "clones.ant":
        (tmp_path / "clones.csv").write_text("clone\nwt\nwt\n", encoding="utf-8")
    path = tmp_path / "study.toml"
    path.write_text(GOOD.replace('model = "cml"', f'model = "{name}"'), encoding="utf-8")
    assert said in _refused(path, tmp_path, monkeypatch, capsys)


def test_a_population_that_samples_what_the_model_does_not_have_is_refused(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    text = find("populations", "cml_newly_diagnosed").read_text(encoding="utf-8")
    (tmp_path / "mine.toml").write_text(text.replace("activation", "activatoin"), encoding="utf-8")
    path = tmp_path / "study.toml"
    path.write_text(GOOD.replace('"cml_newly_diagnosed"', '"mine.toml"'), encoding="utf-8")
    assert 'Did you mean "activation"?' in _refused(path, tmp_path, monkeypatch, capsys)


@pytest.mark.skipif(sys.platform != "linux", reason="elsewhere such a file name cannot be made")
def test_a_file_name_that_no_screen_can_show_is_refused(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    path = tmp_path / os.fsdecode(b"st\xffdy.toml")
    path.write_text(GOOD, encoding="utf-8")
    _refused(path, tmp_path, monkeypatch, capsys)
    out = str(tmp_path / os.fsdecode(b"\xff"))
    code, said = _run(["trial", "stim1", "--out", out], monkeypatch, capsys)
    assert code == 3, said
    assert len(said.strip().splitlines()) == 1


@pytest.mark.parametrize("share", ["nan", "-0.1", "1.1", "inf"])
def test_a_share_of_failures_that_is_no_share_is_usage(
    share: str, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    code, said = _run(["trial", "stim1", "--max-failed", share], monkeypatch, capsys)
    assert code == 2
    assert "Traceback" not in said


def test_a_folder_with_somebody_elses_files_is_left_alone(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    (tmp_path / "thesis.txt").write_text("mine")
    code, said = _run(["trial", "stim1", "--out", str(tmp_path)], monkeypatch, capsys)
    assert code == 3, said
    assert [path.name for path in tmp_path.iterdir()] == ["thesis.txt"]
